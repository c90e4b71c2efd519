"""``explain --apply-to`` writes the document with its fix, and nothing else."""

from __future__ import annotations

import json
import tomllib
from functools import partial

import pytest

from tests.commands.explain import documents as shared
from tests.commands.explain.documents import ALICE, explain_offline, write_roles
from tests.support.policies import allow, policy, policy_text
from tests.support.world import ADMIN, AUDITS, CONFIG, HUB, World

role = partial(shared.role, sid="")
BOB = "arn:aws:iam::111111111111:user/bob"
TRUSTS_BOB = role(HUB, BOB)["AssumeRolePolicyDocument"]["Statement"]


def test_the_fixed_policy_is_written_to_a_file(world: World) -> None:
    bob = "arn:aws:iam::111111111111:user/bob"
    write_roles(world, role(HUB, bob), role(ADMIN, HUB))
    done = explain_offline(world, "admin", "--apply-to", "fixed.json")
    assert done.code == 5
    assert "wrote the fixed trust policy of role Hub to fixed.json" in done.err
    fixed = json.loads((world.home / "fixed.json").read_text(encoding="utf-8"))
    write_roles(world, {**role(HUB, bob), "AssumeRolePolicyDocument": fixed}, role(ADMIN, HUB))
    assert explain_offline(world, "admin").code == 0


def test_the_file_of_a_fixed_policy_is_replaced_whole(world: World) -> None:
    """What another name of the old file shows is never half of a policy."""
    write_roles(world, role(HUB, "arn:aws:iam::111111111111:user/bob"), role(ADMIN, HUB))
    path = world.home / "fixed.json"
    before = policy_text(*TRUSTS_BOB)
    path.write_text(before)
    path.chmod(0o640)
    (world.home / "other.json").hardlink_to(path)
    (world.home / "link.json").symlink_to(path)
    assert explain_offline(world, "admin", "--apply-to", "link.json").code == 5
    assert (world.home / "other.json").read_text() == before
    assert json.loads(path.read_text())["Statement"][0]["Principal"]["AWS"][1] == ALICE
    assert path.stat().st_mode & 0o777 == 0o640
    (world.home / "link.json").unlink()
    (world.home / "link.json").symlink_to("/dev/null")
    assert explain_offline(world, "admin", "--apply-to", "link.json").code == 5
    assert (world.home / "link.json").is_symlink()
    assert explain_offline(world, "admin", "--apply-to", "missing/fixed.json").code == 2


def test_a_fixed_policy_keeps_what_cannot_be_shown_as_escapes(world: World) -> None:
    sid = "a\ud800\u202e\u200b\x1b\x9b"
    found = role(HUB, "arn:aws:iam::111111111111:user/bob")
    found["AssumeRolePolicyDocument"]["Statement"][0]["Sid"] = sid
    write_roles(world, found, role(ADMIN, HUB))
    assert explain_offline(world, "admin", "--apply-to", "fixed.json").code == 5
    fixed = (world.home / "fixed.json").read_text(encoding="utf-8")
    assert fixed.replace("\n", "").isprintable()
    assert json.loads(fixed)["Statement"][0]["Sid"] == sid


@pytest.mark.parametrize(
    ("chain", "asked", "line"),
    [
        ("admin", {"sts:ExternalId": "x-42"}, '+external_id = "x-42"'),
        ("admin", {"sts:RoleSessionName": "night"}, '+session_name = "night"'),
        ("admin", {"aws:RequestedRegion": "us-west-2"}, '+region = "us-west-2"'),
        ("spokes/444444444444", {"sts:ExternalId": "x-42"}, '+external_id = "x-42"'),
    ],
)
def test_the_fixed_config_is_written_to_a_file(
    world: World, chain: str, asked: dict[str, str], line: str
) -> None:
    before = "# my chains\n" + CONFIG.replace('"Admin in prod"', '"Admin in prod" # the big one')
    world.config(before)
    path = world.config_file
    last = ADMIN if chain == "admin" else AUDITS[0]
    write_roles(world, role(HUB, ALICE), role(last, HUB, StringEquals=asked))
    done = explain_offline(world, chain, "--apply-to", "fixed.toml")
    assert done.code == 5
    assert f"wrote the fixed {path} to fixed.toml; nothing was sent to AWS" in done.err
    assert line in done.err.splitlines()
    assert path.read_text(encoding="utf-8") == before
    after = (world.home / "fixed.toml").read_text(encoding="utf-8")
    gone = set(before.splitlines()) - set(after.splitlines())
    assert gone <= {'region = "eu-west-1"'}
    assert [f"+{each}" for each in set(after.splitlines()) - set(before.splitlines())] == [line]
    assert world.rolehop("--config", str(world.home / "fixed.toml"), "config", "check").code == 0
    world.config(after)
    assert explain_offline(world, chain).code == 0


def test_a_config_written_to_another_folder_names_its_files_in_full(world: World) -> None:
    """Its include, the file of a hop's policy, and the file of a fleet's accounts."""
    folder = world.config_file.parent
    (folder / "sp.json").write_text(policy_text(allow(Resource="*")))
    (folder / "ids.txt").write_text("444444444444\n")
    (folder / "team.toml").write_text("[accounts]\n")
    fleet = '\n[fleets.f]\nfrom = "hub"\nrole = "{account}:role/A"\naccounts_file = "ids.txt"\n'
    hub = f'hops = [{{ role = "{HUB}" }}]'
    with_policy = hub.replace(" }", ', policy_file = "./sp.json" }')
    assert hub in CONFIG
    world.config(f'include = ["team.toml"] # ours\n{CONFIG.replace(hub, with_policy)}{fleet}')
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, StringEquals={"sts:ExternalId": "x-42"}))
    (world.home / "elsewhere").mkdir()
    path = str(world.home / "elsewhere" / "fixed.toml")
    done = explain_offline(world, "admin", "--apply-to", path)
    assert f"its relative paths are full ones in {path}" in done.err
    copied = tomllib.loads((world.home / "elsewhere" / "fixed.toml").read_text())
    assert copied["include"] == [str(folder / "team.toml")]
    assert copied["chains"]["hub"]["hops"][0]["policy_file"] == str(folder / "sp.json")
    assert copied["fleets"]["f"]["accounts_file"] == str(folder / "ids.txt")
    known = ("--as", ALICE, "--policies", "all.json")
    again = world.rolehop("--config", path, "explain", "admin", "--offline", *known)
    assert again.code == 0, again.err


@pytest.mark.parametrize(
    "before",
    [
        policy_text(*TRUSTS_BOB),
        json.dumps({"Statement": TRUSTS_BOB[0], "Version": "2012-10-17"}) + "\n",
        json.dumps({"Role": {"AssumeRolePolicyDocument": policy(*TRUSTS_BOB), "Arn": HUB}}),
        json.dumps({"Policy": {"Content": policy_text(*TRUSTS_BOB)}}),
    ],
    ids=["policy", "one statement", "get-role", "describe-policy"],
)
def test_the_file_that_has_the_policy_is_changed_and_the_rest_of_it_stays(
    world: World, before: str
) -> None:
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    path = world.home / "hub.json"
    path.write_text(before)
    assert explain_offline(world, "admin", "--apply-to", "hub.json").code == 5
    found = path.read_text()
    assert ALICE in found
    wanted = before.replace("{", "").replace("}", "").replace("[", "").replace("]", "")
    rest = found.replace(f', \\"{ALICE}\\"', "").replace(f', "{ALICE}"', "")
    assert "".join(c for c in rest if c not in "{}[]") == wanted


@pytest.mark.parametrize(
    ("before", "is_now"),
    [
        ("precious notes\n", "is a file that is not JSON"),
        ("", "is a file that is not JSON"),
        (policy_text({**TRUSTS_BOB[0], "Effect": "Deny"}), "is another policy"),
        (json.dumps([policy(*TRUSTS_BOB)] * 2), "is a document with that policy in 2 places"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "is a file that is not JSON"),
        (json.dumps({"Roles": []}), "is JSON without that policy"),
        ('[sources.me]\ntype = "environment"\n', "is a config of rolehop"),
    ],
)
def test_a_file_with_anything_else_is_not_touched(world: World, before: str, is_now: str) -> None:
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    path = world.home / "other"
    path.write_text(before)
    done = explain_offline(world, "admin", "--apply-to", "other")
    assert (done.code, path.read_text()) == (2, before)
    assert f"other {is_now}" in done.err
    assert "the fix is for the trust policy of role Hub" in done.err


@pytest.mark.parametrize("mode", [0o400, 0o200, None])
def test_a_read_only_file_and_stdout_are_refused(world: World, mode: int | None) -> None:
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    path = world.home / "hub.json"
    path.write_text(policy_text(*TRUSTS_BOB))
    path.chmod(mode or 0o600)
    assert explain_offline(world, "admin", "--apply-to", "hub.json" if mode else "-").code == 2
    path.chmod(0o600)
    assert path.read_text() == policy_text(*TRUSTS_BOB)
    assert not (world.home / "-").exists()


READS = policy_text({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})


@pytest.mark.parametrize(
    "limits", [f"policy = '{READS}'", 'policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]']
)
def test_a_session_policy_in_the_config_is_changed_there(world: World, limits: str) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB))
    hop = '{ role = "arn:aws:iam::222222222222:role/Hub" }'
    world.config(CONFIG.replace(hop, f"{hop[:-2]}, {limits} }}"))
    path = world.config_file
    assert explain_offline(world, "admin", "--apply-to", str(path)).code == 5
    assert explain_offline(world, "admin").code == 0
    assert world.rolehop("config", "check").code == 0


def test_a_fix_never_replaces_another_config(world: World) -> None:
    write_roles(world, role(HUB, "arn:aws:iam::111111111111:user/bob"), role(ADMIN, HUB))
    world.config(CONFIG)
    done = explain_offline(world, "admin", "--apply-to", str(world.config_file))
    assert (done.code, "is a config of rolehop, and was not changed" in done.err) == (2, True)
    assert world.config_file.read_text(encoding="utf-8") == CONFIG
    other = world.home / "other.toml"
    other.write_text(CONFIG)
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, StringEquals={"sts:ExternalId": "x"}))
    assert explain_offline(world, "admin", "--apply-to", "other.toml").code == 2
    assert other.read_text() == CONFIG


def test_tags_are_removed_from_the_config_that_is_written(world: World) -> None:
    hop = 'role = "333333333333:role/Admin"\n'
    world.config(CONFIG.replace(hop, f'{hop}tags = {{ team = "red" }} # mine\n'))
    path = world.config_file
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, Null={"aws:TagKeys": "true"}))
    done = explain_offline(world, "admin", "--apply-to", str(path))
    assert (done.code, "-tags =" in done.err) == (5, True)
    assert path.read_text(encoding="utf-8") == CONFIG.replace(hop, f"{hop}# mine\n")
    assert explain_offline(world, "admin").code == 0


def test_all_changes_of_one_document_are_written_and_those_of_others_are_named(
    world: World,
) -> None:
    write_roles(world, role(HUB, "arn:aws:iam::111111111111:user/bob"))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    scp = policy(everything, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    (world.home / "scp.json").write_text(json.dumps(scp), encoding="utf-8")
    done = explain_offline(world, "hub", "--scp", "scp.json", "--apply-to", "fixed.json")
    left = [line for line in done.err.splitlines() if "not all of the fix" in line]
    assert "wrote the fixed trust policy of role Hub" in done.err
    assert len(left) == 2, done.err  # it is narrowed, and others are added
    assert "changes statement 2 of the service control policy" in left[0]
    write_roles(world, role(HUB, ALICE))
    done = explain_offline(world, "hub", "--scp", "scp.json", "--apply-to", "scp.json")
    assert "not all of the fix" not in done.err
    assert explain_offline(world, "hub", "--scp", "scp.json").code == 0


def test_an_invented_value_is_never_written(world: World) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, StringLike={"sts:ExternalId": "cust-*"}))
    done = explain_offline(world, "admin", "--apply-to", "fixed.toml")
    assert (done.code, "only the owner of account 333333333333 has" in done.err) == (2, True)
    assert not (world.home / "fixed.toml").exists()


def test_a_config_of_windows_without_a_last_line_end_stays_so(world: World) -> None:
    before = CONFIG.rstrip("\n").replace("\n", "\r\n").encode()
    world.config_file.write_bytes(before)
    write_roles(world, role(HUB, ALICE, StringEquals={"sts:ExternalId": "x-42"}))
    assert explain_offline(world, "hub", "--apply-to", str(world.config_file)).code == 5
    after = world.config_file.read_bytes()
    hub = b'"arn:aws:iam::222222222222:role/Hub" }]'
    assert after == before.replace(hub, hub[:-3] + b', external_id = "x-42" }]')
    assert explain_offline(world, "hub").code == 0


def test_what_is_in_the_aws_config_is_not_written(world: World) -> None:
    world.aws_credentials(f"[base]\naws_access_key_id = {world.alice.key.access_key_id}\n")
    world.aws_config(f"[profile ops]\nrole_arn = {HUB}\nsource_profile = base\n")
    write_roles(world, role(HUB, ALICE, StringEquals={"sts:ExternalId": "x-42"}))
    done = explain_offline(world, "ops", "--apply-to", "fixed.toml")
    assert done.code == 2
    assert "which rolehop only reads" in done.err
    assert not (world.home / "fixed.toml").exists()


def says(role_arn: str, **more: object) -> dict[str, object]:
    """Return what get-role prints of a role that trusts Bob."""
    name = role_arn.rpartition("/")[2]
    made = {"Arn": role_arn, "RoleName": name, "AssumeRolePolicyDocument": policy(*TRUSTS_BOB)}
    return {**made, **more}


OTHERS = {
    "role": {"Role": says(ADMIN)},
    "account": {"Role": says(HUB.replace("222222222222", "777777777777"))},
    "instance profile": [{"Arn": HUB.replace("role/", "instance-profile/"), "Roles": [says(HUB)]}],
    "list-roles": {"Roles": [{"RoleName": "Ops", "AssumeRolePolicyDocument": policy(*TRUSTS_BOB)}]},
    "get-role-policy": {"RoleName": "Hub", "PolicyName": "go", "PolicyDocument": policy(*TRUSTS_BOB)},
    "get-user-policy": {"UserName": "Hub", "PolicyName": "go", "PolicyDocument": policy(*TRUSTS_BOB)},
    "describe-policy": {
        "Policy": {
            "PolicySummary": {"Id": "p-1", "Type": "SERVICE_CONTROL_POLICY", "Name": "Hub"},
            "Content": policy_text(*TRUSTS_BOB),
        }
    },
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_policy_that_is_said_to_be_of_another_is_not_touched(world: World, other: object) -> None:
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    path = world.home / "other.json"
    path.write_text(json.dumps(other))
    done = explain_offline(world, "admin", "--apply-to", "other.json")
    assert (done.code, path.read_text()) == (2, json.dumps(other))
    assert "a document in which a policy with that text is another one" in done.err


def test_of_two_roles_with_the_same_policies_the_one_of_the_fix_is_changed(world: World) -> None:
    ops = HUB.replace("Hub", "Ops")
    none = policy(allow(Resource=ops))
    rest = {"RolePolicyList": [{"PolicyName": n, "PolicyDocument": none} for n in ("aaa", "go")]}
    profile = {"Arn": HUB.replace("role/", "instance-profile/"), "Roles": [says(HUB)]}
    trust = {**role(ops, BOB), **rest}, {**role(HUB, BOB), **rest, "InstanceProfileList": [profile]}
    write_roles(world, *trust, role(ADMIN, HUB))
    assert explain_offline(world, "admin", "--apply-to", "all.json").code == 5
    found = json.loads((world.home / "all.json").read_text())["RoleDetailList"]
    assert [ALICE in json.dumps(each) for each in found] == [False, True, False]
    assert found[1]["InstanceProfileList"] == [profile]
    assert explain_offline(world, "admin", "--apply-to", "all.json").code == 5
    found = json.loads((world.home / "all.json").read_text())["RoleDetailList"]
    changed = [[each["PolicyDocument"] != none for each in r["RolePolicyList"]] for r in found[:2]]
    assert changed == [[False, False], [True, False]]
    assert explain_offline(world, "admin").code == 0


def described(number: str, name: str, text: str) -> str:
    """Return what describe-policy prints of an SCP."""
    summary = {"Id": number, "Type": "SERVICE_CONTROL_POLICY", "Name": name}
    return json.dumps({"Policy": {"PolicySummary": summary, "Content": text}})


def test_of_two_scps_with_the_same_text_the_one_of_the_fix_is_changed(world: World) -> None:
    write_roles(world, role(HUB, ALICE))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denies = policy_text(everything, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    texts = {
        "all.scp": policy_text(everything),
        "mine.scp": described("p-1", "Guard", denies),
        "theirs.scp": described("p-2", "Guard", denies),
        "renamed.scp": described("p-1", "Guards", denies),
        "copy.scp": described("p-1", "Guard", denies),
    }
    for name, text in texts.items():
        (world.home / name).write_text(text)
    mine = ["--scp", "all.scp", "--scp", "111111111111=mine.scp"]
    given = [*mine, "--scp", "333333333333=theirs.scp"]
    for name in ("theirs.scp", "renamed.scp", "all.scp"):
        for flags in (given, mine):
            done = explain_offline(world, "hub", *flags, "--apply-to", name)
            assert (done.code, (world.home / name).read_text()) == (2, texts[name])
    for name in ("copy.scp", "mine.scp"):
        assert explain_offline(world, "hub", *given, "--apply-to", name).code == 5
        assert (world.home / name).read_text() != texts[name]
    assert explain_offline(world, "hub", *given).code == 0


def test_a_file_of_an_scp_is_only_that(world: World) -> None:
    """Alice's own policy has the same text, and is what the fix changes."""
    same = policy_text({"Effect": "Allow", "Action": "sts:*", "Resource": ADMIN})
    user = {"PolicyName": "go", "PolicyDocument": json.loads(same)}
    write_roles(world, role(HUB, BOB))
    export = world.home / "all.json"
    details = json.loads(export.read_text())
    details["UserDetailList"][0]["UserPolicyList"] = [user]
    export.write_text(json.dumps(details))
    for name in ("scp.json", "rcp.json"):
        (world.home / name).write_text(same)
    (world.home / "link.json").hardlink_to(world.home / "scp.json")
    given = ("--scp", "333333333333=scp.json", "--rcp", "333333333333=rcp.json")
    for name in ("scp.json", "link.json", "rcp.json"):
        done = explain_offline(world, "hub", *given, "--apply-to", name)
        assert (done.code, (world.home / name).read_text()) == (2, same)
        assert f"{name} is given with --{'rcp' if name[0] == 'r' else 'scp'}" in done.err
