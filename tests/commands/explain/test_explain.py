"""The ``explain`` command: policy files, verdicts, exit codes, formats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.explain.documents import ALICE, AS, USER, files, role, world_with_documents
from tests.support.world import ADMIN, CONFIG, HUB, World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        yield world


def test_the_json_has_the_documented_shape(world: World) -> None:
    done = world.rolehop(
        "explain", "admin", "--offline", *AS, *files("bad.json"), "--format", "json"
    )
    assert (done.code, done.err) == (5, "")
    found = done.json
    assert list(found) == ["schema", "chain", "source", "verdict", "hops", "warnings"]
    assert (found["schema"], found["chain"], found["source"]) == (
        "rolehop.explain/1",
        "admin",
        "me",
    )
    assert found["verdict"] == "refused"
    hop = found["hops"][1]
    assert list(hop) == [
        "hop", "role", "caller", "verdict", "lanes", "unknowns",
        "deciding", "assuming", "mend", "aws_said"
    ]  # fmt: skip
    assert (hop["hop"], hop["role"]) == (2, ADMIN)
    assert hop["caller"] == "arn:aws:sts::222222222222:assumed-role/Hub/me"
    assert [policy["lane"] for policy in hop["lanes"]] == [
        "trust", "permissions", "boundary", "session", "scp", "rcp"
    ]  # fmt: skip
    assert [policy["verdict"] for policy in hop["lanes"]] == [
        "refused", "allowed", "not-applicable", "not-applicable", "not-visible", "not-visible"
    ]  # fmt: skip
    trust = hop["lanes"][0]
    assert trust["statement"] == {"sid": "Who", "index": 1, "effect": "Allow"}
    assert trust["findings"][0] == {
        "element": "Condition StringEquals sts:ExternalId",
        "truth": "false",
        "reason": "key-absent",
        "wanted": "x-1",
        "found": None,
    }
    assert list(hop["mend"]) == [
        "account", "document", "change", "statement", "hop", "lane", "index", "warnings",
        "also", "otherwise"
    ]  # fmt: skip
    first = found["hops"][0]
    assert (first["verdict"], first["assuming"], first["mend"]) == ("allowed", ["scp", "rcp"], None)


@pytest.mark.parametrize(
    ("more", "code", "verdict"),
    [
        (files("good.json"), 0, "allowed"),
        (files("bad.json"), 5, "refused"),
        (files("open.json"), 0, "unknown"),
        ([*files("open.json"), "--strict"], 5, "unknown"),
        ([*files("open.json"), "--context", "aws:SourceIp=203.0.113.9"], 0, "allowed"),
        ([*files("open.json"), "--context", "aws:SourceIp=198.51.100.1"], 5, "refused"),
        ([*files("open.json"), "--context", "aws:SourceIp="], 5, "refused"),
        ([*files("good.json"), "--scp", "scp.json"], 5, "refused"),
        ([*files("good.json"), "--scp", "999999999999=scp.json"], 0, "allowed"),
        ([], 0, "unknown"),
    ],
)
def test_exit_codes(world: World, more: list[str], code: int, verdict: str) -> None:
    done = world.rolehop("explain", "admin", "--offline", *AS, *more, "--format", "json")
    assert (done.code, done.json["verdict"]) == (code, verdict), done.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_file_as_windows_writes_it_is_read(world: World, encoding: str) -> None:
    text = (world.home / "good.json").read_text()
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (world.home / "windows.json").write_bytes((mark + text).encode(encoding))
    done = world.rolehop(
        "explain", "admin", "--offline", *AS, *files("windows.json"), "--format", "json"
    )
    assert (done.code, done.json["verdict"]) == (0, "allowed"), done.err


def test_two_files_that_contradict_each_other_are_named(world: World) -> None:
    arguments = ["explain", "admin", "--offline", *AS]
    done = world.rolehop(*arguments, *files("good.json", "bad.json"))
    assert done.code == 3
    assert "good.json and bad.json contradict each other" in done.err
    assert f"the trust policy of {ADMIN}" in done.err.replace("\n", " ")
    assert world.rolehop(*arguments, *files("good.json", "good.json")).code == 0


def test_a_user_whose_groups_are_not_known_is_not_called_allowed(world: World) -> None:
    whole = {key: each for key, each in USER.items() if key != "GroupList"}
    (world.home / "less.json").write_text(json.dumps({"UserDetailList": [whole]}))
    done = world.rolehop(
        *("explain", "hub", "--offline", *AS, "--format", "json"),
        *("--policies", "less.json", "--policies", "two.json"),
    )
    assert done.json["verdict"] == "unknown"
    assert done.json["hops"][0]["unknowns"] == ["permissions"]


def test_an_aws_managed_session_policy_refuses_the_next_hop_and_plan_predicts_it(
    world: World,
) -> None:
    read_only = 'policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]'
    config = CONFIG.replace('role/Hub" }]', f'role/Hub", {read_only} }}]', 1)
    assert read_only in config
    world.config(config)
    try:
        done = world.rolehop(
            "explain", "admin", "--offline", *AS, *files("good.json"), "--format", "json"
        )
        planned = world.rolehop("plan", "admin", "--format", "json")
    finally:
        world.config()
    session = done.json["hops"][1]["lanes"][3]
    assert (session["lane"], session["verdict"]) == ("session", "refused")
    assert session["findings"][0]["reason"] == "action-not-listed"
    foreseen = planned.json["hops"][1]["will_fail"]
    assert "the session policy of hop 1 (ReadOnlyAccess) does not allow" in foreseen


def test_no_call_is_made_offline(world: World) -> None:
    before = len(world.sts.calls)
    world.rolehop("explain", "admin", "--offline", *files("good.json"))
    assert len(world.sts.calls) == before


def test_online_the_source_is_asked_for_its_identity(world: World) -> None:
    done = world.rolehop("explain", "admin", *files("good.json"), "--format", "json")
    assert (done.code, done.json["verdict"]) == (0, "allowed"), done.err
    assert done.json["hops"][0]["caller"] == ALICE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain"], "no chain is named"),
        (["explain", "admin", "--as", "me"], "--as needs the ARN"),
        (["explain", "admin", "--context", "x"], "--context needs KEY=VALUE"),
        (["explain", "admin", "--context", "x=1"], "a service and a name"),
        (["explain", "admin", "--context", "aws:SourceIp=home"], "one IP address"),
        (["explain", "admin", "--context", "aws:SecureTransport=yes"], "true or false"),
        (["explain", "admin", "--context", "a:b=", "--context", "A:B=1"], "declared absent"),
        (["explain", "admin", "--policies", "none.json"], "none.json cannot be read"),
        (["explain", "role", "Hub", "--offline"], "or rolehop explain role FILE, from aws iam get"),
        (["explain", "role", "--offline"], "it is not said which role"),
    ],
)
def test_usage(world: World, arguments: list[str], says: str) -> None:
    done = world.rolehop(*arguments)
    assert done.code == 2
    assert says in done.err


ROLE_FILE = {"RoleDetailList": [role(HUB, ALICE)]}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{}", "no output of get-account-authorization-details"),
        (b'{"RoleDetailList": null}', "describes no user"),
        (b'{"RoleDetailList": [{"Arn": 5}]}', "RoleDetailList[0].Arn is a number"),
        (b"[" + b"9" * 5000 + b"]", "a number in it has 5000 digits"),
        (b'{"caf\xe9": 1}', "neither UTF-8 nor UTF-16"),
        (b'{"RoleDetailList": [}', "not JSON"),
    ],
)
@pytest.mark.parametrize("command", [["explain", "hub"], ["routes", ADMIN]])
def test_a_file_that_cannot_be_understood_is_named_with_the_position(
    world: World, command: list[str], raw: bytes, says: str
) -> None:
    (world.home / "wrong.json").write_bytes(raw)
    done = world.rolehop(*command, "--policies", "wrong.json")
    assert done.code == 3
    assert "wrong.json" in done.err
    assert says in " ".join(done.err.split())


def test_a_role_with_an_impossible_name_is_refused(world: World) -> None:
    text = json.dumps({"RoleDetailList": [role('arn:aws:iam::333333333333:role/a"b', ALICE)]})
    (world.home / "wrong.json").write_text(text)
    done = world.rolehop("routes", "333333333333", "--policies", "wrong.json")
    assert done.code == 3
    assert "the ARN of a role is expected there" in " ".join(done.err.split())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_is_read_in_any_encoding_of_unicode(world: World, encoding: str) -> None:
    (world.home / "other.json").write_bytes(json.dumps(ROLE_FILE).encode(encoding))
    assert world.rolehop("explain", "role", "other.json", "--offline").code == 0


def test_a_role_in_plain_sentences(world: World) -> None:
    done = world.rolehop("explain", "role", HUB, "--offline", "--policies", "two.json")
    assert done.code == 0
    assert "user alice of 111111111111 may call sts:AssumeRole" in done.out
    of_file = world.rolehop("explain", "role", "two.json", "--offline")
    assert of_file.out == done.out
    shown = world.rolehop("explain", "role", "two.json", "--offline", "--format", "json")
    assert shown.json["schema"] == "rolehop.role/1"


def test_a_file_on_a_role_and_another_that_contradicts_it_are_named(world: World) -> None:
    (world.home / "role.json").write_text(json.dumps({"Role": role(HUB, ADMIN)}))
    done = world.rolehop("explain", "role", "role.json", "--offline", "--policies", "two.json")
    assert done.code == 3
    assert "role.json and two.json contradict each other" in done.err


@pytest.mark.parametrize(
    ("region", "verdict"), [("eu-west-1", "allowed"), ("eu-west-3", "refused")]
)
def test_the_region_flag_is_part_of_the_plan_that_is_explained(
    world: World, region: str, verdict: str
) -> None:
    asked = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    (world.home / "near.json").write_text(
        json.dumps({"RoleDetailList": [role(ADMIN, HUB, **asked)]})
    )
    given = ("--offline", *AS, *files("near.json"), "--format", "json")
    assert world.rolehop("explain", "admin", *given, "--region", region).json["verdict"] == verdict


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--last", "admin"], "--last alone"),
        (["--last", "--tag", "a=b"], "--last knows its own flags"),
        (["--last", "--region", "eu-west-1"], "--region: --last knows its own flags"),
        (["role", HUB, "--read-only"], "a role has no hop"),
    ],
)
def test_contradictory_flags(world: World, arguments: list[str], says: str) -> None:
    done = world.rolehop("explain", *arguments)
    assert done.code == 2
    assert says in done.err


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("sts:ExternalId", "external_id"),
        ("STS:RoleSessionName", "session_name"),
        ("aws:RequestTag/team", "--tag"),
        ("aws:TagKeys", "--tag"),
        ("sts:SourceIdentity", "--source-identity"),
        ("sts:TransitiveTagKeys", "transitive_tags"),
    ],
)
def test_context_cannot_override_what_a_walk_sends(world: World, key: str, says: str) -> None:
    done = world.rolehop(
        "explain", "admin", "--offline", *AS, *files("bad.json"), "--context", f"{key}=x-1"
    )
    assert done.code == 2
    assert f"--context cannot set {key}" in done.err
    assert says in done.err


def test_context_cannot_give_mfa_to_a_role_session(world: World) -> None:
    caller = ("--as", "arn:aws:sts::111111111111:assumed-role/Dev/me")
    for key in ("aws:MultiFactorAuthPresent=true", "aws:username=ann"):
        done = world.rolehop("explain", "admin", "--offline", *caller, "--context", key)
        assert done.code == 2
        assert "never carries MFA" in done.err


def test_a_supplied_key_that_decides_is_named(world: World) -> None:
    arguments = ("explain", "admin", "--offline", *AS, *files("open.json"))
    supplied = ("--context", "aws:SourceIp=203.0.113.9")
    first, second = world.rolehop(*arguments, *supplied, "--format", "json").json["hops"]
    assert (first["assuming"], second["assuming"]) == (
        ["scp", "rcp"],
        ["scp", "rcp", "aws:SourceIp"],
    )
    assert "relying on --context for aws:SourceIp" in (world.rolehop(*arguments, *supplied).out)


def test_what_is_supplied_of_one_hops_caller_counts_there(world: World) -> None:
    hub = {key: each for key, each in role(HUB, ALICE).items() if key != "RoleId"}
    admin = role(ADMIN, HUB, StringEquals={"aws:userid": "AROAHUB:me"})
    (world.home / "id.json").write_text(json.dumps({"RoleDetailList": [hub, admin]}))
    given = ("--policies", "one.json", "--policies", "id.json")
    arguments = ("explain", "admin", "--offline", *AS, *given)
    shown = " ".join(world.rolehop(*arguments).out.split())
    assert "give it with --context 2:aws:userid=VALUE" in shown
    for key, outcome in (("1:", "unknown"), ("", "unknown"), ("2:", "allowed")):
        supplied = ("--context", f"{key}aws:userid=AROAHUB:me", "--format", "json")
        assert world.rolehop(*arguments, *supplied).json["hops"][1]["verdict"] == outcome
    for key, says in (("3:aws:userid", "the chain has 2 hops"), ("2:aws:TagKeys", "--tag")):
        done = world.rolehop(*arguments, "--context", f"{key}=b")
        assert (done.code, says in done.err) == (2, True)
    done = world.rolehop("routes", ADMIN, *given, "--context", "2:aws:userid=x")
    assert (done.code, "of one chain" in done.err) == (2, True)


def test_an_export_of_nothing_is_named(world: World) -> None:
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    (world.home / "nothing.json").write_text(json.dumps({key: [] for key in lists}))
    done = world.rolehop("explain", "admin", "--offline", *AS, *files("nothing.json"))
    assert done.code == 0
    assert done.err.startswith("rolehop: nothing.json describes no user, group, role or policy")


def test_another_caller_than_the_configs_principal_is_refused(world: World) -> None:
    bob = "arn:aws:iam::111111111111:user/bob"
    world.config(CONFIG.replace('"environment"\n', f'"environment"\nprincipal = "{bob}"\n', 1))
    try:
        refused = world.rolehop("explain", "hub", "--offline", *AS, *files())
        assert refused.code == 2
        assert f"its config says that it is {bob}" in refused.err.replace("\n", " ")
        assert world.rolehop("check", "hub", *AS, *files()).code == 2
        live = world.rolehop("explain", "hub", *files())
        assert live.code == 4
        assert f"source 'me' is {ALICE}" in live.err
    finally:
        world.config()


def test_a_note_says_that_iam_was_not_read(world: World) -> None:
    none: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    done = world.rolehop("explain", "hub", *AS, *files(), env=none)
    assert done.code == 0
    assert "IAM is not read: source 'me' gives no credentials" in done.err.replace("\n", " ")
    assert world.rolehop("explain", "hub", *AS, *files(), "--offline", env=none).err == ""


def test_a_missing_role_is_reported(world: World) -> None:
    lists: dict[str, Any] = {"UserDetailList": [], "GroupDetailList": [], "Policies": []}
    there = "arn:aws:iam::333333333333:role/a/Admin"
    for name, reason in ((there, "role-of-another-path"), (f"{ADMIN}2", "no-such-role")):
        (world.home / "all.json").write_text(
            json.dumps({**lists, "RoleDetailList": [role(name, HUB)]})
        )
        arguments = ("explain", "admin", "--offline", *AS, *files("all.json"))
        done = world.rolehop(*arguments, "--format", "json")
        assert (done.code, done.json["verdict"]) == (5, "refused")
        assert done.json["hops"][1]["lanes"][0]["findings"][0]["reason"] == reason
        fix = done.json["hops"][1]["mend"]  # a role's name is unique in its account
        assert (fix and fix["statement"]) == ({"role": there} if name == there else None)
        shown = " ".join(world.rolehop(*arguments).out.split())
        says = f"the role is {there}: correct" if name == there else "there is no such role"
        assert says in shown
        assert "aws iam get-role" not in shown


def test_plan_predicts_that_a_service_linked_role_cannot_be_assumed(world: World) -> None:
    linked = "333333333333:role/aws-service-role/x.amazonaws.com/Linked"
    world.config(f'{CONFIG}\n[chains.linked]\nfrom = "hub"\nhops = [{{ role = "{linked}" }}]\n')
    try:
        planned = world.rolehop("plan", "linked", "--format", "json").json
    finally:
        world.config()
    assert "service-linked role" in planned["hops"][1]["will_fail"]


def test_lines_to_copy_are_never_wrapped(world: World) -> None:
    long = f"arn:aws:iam::333333333333:role/{'x' * 510}/{'N' * 64}"
    config = f'{CONFIG}\n[chains.long]\nfrom = "hub"\nhops = [{{ role = "{long}" }}]\n'
    (world.home / "long.toml").write_text(config)
    (world.home / "long.json").write_text(json.dumps({"RoleDetailList": [role(long, ALICE)]}))
    arguments = ("--config", "long.toml", "explain", "long", "--offline", *AS, *files("long.json"))
    done = world.rolehop("-v", "--color", "always", *arguments, env={"COLUMNS": "80"})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
    assert '        "arn:aws:iam::222222222222:role/Hub"\n' in plain
    (copied,) = re.findall(r"^    \{\n.*?^    \}", plain, re.M | re.S)
    json.loads(copied)
    text = re.sub(r"^    \{\n.*?^    \}", "", plain, flags=re.M | re.S)
    read = [line for line in text.splitlines() if long not in line]  # an ARN is never split
    assert len(read) < len(text.splitlines())
    assert max(map(len, read)) <= 80
    open_hop = ("explain", "long", "--offline", *AS, *files())
    done = world.rolehop(
        "--color", "always", "--config", "long.toml", *open_hop, env={"COLUMNS": "60"}
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
    assert f"\n  aws iam get-role --role-name {'N' * 64} > {'N' * 64}.json\n" in plain
