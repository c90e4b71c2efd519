"""``explain --write-fix`` writes the policy with its fix to a new file, and nothing else."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.commands.explain import documents as shared
from tests.commands.explain.documents import ALICE, USER, explain_offline, write_roles
from tests.support.policies import policy, policy_text
from tests.support.world import ADMIN, CONFIG, HUB, World

role = partial(shared.role, sid="")
BOB = "arn:aws:iam::111111111111:user/bob"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def fixed_in(world: World) -> str:
    """Return what is in the file that the tests name."""
    return (world.home / "fixed.json").read_text(encoding="utf-8")


def test_the_fixed_policy_is_written_to_a_file(world: World) -> None:
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    done = explain_offline(world, "admin", "--write-fix", "fixed.json")
    assert done.code == 5
    assert "wrote the fixed trust policy of role Hub to fixed.json; nothing was sent" in done.err
    assert f'+          "{ALICE}"' in done.err.splitlines()
    assert "not all of the fix" not in done.err
    fixed = {**role(HUB, BOB), "AssumeRolePolicyDocument": json.loads(fixed_in(world))}
    write_roles(world, fixed, role(ADMIN, HUB))
    assert explain_offline(world, "admin").code == 0


def test_a_file_that_is_there_is_never_written_over(world: World) -> None:
    """Neither is what a link leads to, nor is a link that leads nowhere followed."""
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    notes = world.home / "notes"
    notes.write_text("precious\n")
    (world.home / "link").symlink_to(notes)
    (world.home / "dangling").symlink_to(world.home / "nothing")
    for name in ("notes", "link", "dangling", "/dev/null", "."):
        done = explain_offline(world, "admin", "--write-fix", name)
        assert (done.code, f"{name} already exists" in done.err) == (2, True), done.err
    assert notes.read_text() == "precious\n"
    assert not (world.home / "nothing").exists()


@pytest.mark.parametrize("name", ["-", "missing/fixed.json", "notes/fixed.json"])
def test_what_is_no_place_for_a_new_file_is_refused(world: World, name: str) -> None:
    write_roles(world, role(HUB, BOB), role(ADMIN, HUB))
    (world.home / "notes").write_text("")
    before = set(world.home.iterdir())
    assert explain_offline(world, "admin", "--write-fix", name).code == 2
    assert set(world.home.iterdir()) == before


def test_a_fixed_policy_keeps_what_cannot_be_shown_as_escapes(world: World) -> None:
    sid = "a\ud800\u202e\u200b\x1b\x9b"
    hub = role(HUB, BOB)
    hub["AssumeRolePolicyDocument"]["Statement"][0]["Sid"] = sid
    write_roles(world, hub, role(ADMIN, HUB))
    assert explain_offline(world, "admin", "--write-fix", "fixed.json").code == 5
    fixed = fixed_in(world)
    assert fixed.replace("\n", "").isprintable()
    assert json.loads(fixed)["Statement"][0]["Sid"] == sid


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"StringEquals": {"sts:ExternalId": "x-42"}}, 'external_id = "x-42"'),
        ({"StringLike": {"sts:ExternalId": "cust-*"}}, 'external_id = "cust-…"'),
    ],
)
def test_a_change_of_the_config_is_printed_and_not_made(
    world: World, asked: dict[str, object], line: str
) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, **asked))
    done = explain_offline(world, "admin", "--write-fix", "fixed.json")
    assert (done.code, "the fix of hop 2 changes no policy" in done.err) == (2, True)
    assert f"write in the config of rolehop, at hop 2 (no. 1 of chain 'admin'): {line}" in done.err
    assert world.config_file.read_text(encoding="utf-8") == CONFIG
    assert not (world.home / "fixed.json").exists()


READS = policy_text({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (f"policy = '{READS}'", ""),
        (
            'policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]',
            ', policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]',
        ),
    ],
)
def test_a_session_policy_goes_to_a_file_that_the_config_can_name(
    world: World, limits: str, left: str
) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB))
    hop = '{ role = "arn:aws:iam::222222222222:role/Hub" }'
    before = CONFIG.replace(hop, f"{hop[:-2]}, {limits} }}")
    world.config(before)
    path = world.config_file.parent / "fixed.json"
    done = explain_offline(world, "admin", "--write-fix", str(path))
    assert done.code == 5
    assert "to use the file, name it at hop 1" in " ".join(done.err.split()), done.err
    assert world.config_file.read_text(encoding="utf-8") == before
    world.config(CONFIG.replace(hop, f'{hop[:-2]}{left}, policy_file = "{Path(path).name}" }}'))
    assert explain_offline(world, "admin").code == 0
    assert world.rolehop("config", "check").code == 0


def test_all_changes_of_one_policy_are_written_and_those_of_others_are_named(world: World) -> None:
    write_roles(world, role(HUB, BOB))
    (world.home / "scp.json").write_text(policy_text(EVERYTHING, NOTHING), encoding="utf-8")
    done = explain_offline(world, "hub", "--scp", "scp.json", "--write-fix", "fixed.json")
    left = [line for line in done.err.splitlines() if "not all of the fix" in line]
    assert "wrote the fixed trust policy of role Hub" in done.err
    assert len(left) == 2, done.err  # it is narrowed, and others are added
    assert "changes statement 2 of the service control policy" in left[0]
    write_roles(world, role(HUB, ALICE))
    done = explain_offline(world, "hub", "--scp", "scp.json", "--write-fix", "scp-fixed.json")
    assert "not all of the fix" not in done.err
    assert explain_offline(world, "hub", "--scp", "scp-fixed.json").code == 0


def test_where_there_is_nothing_to_fix_or_no_fix_no_file_is_written(world: World) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB))
    done = explain_offline(world, "admin", "--write-fix", "fixed.json")
    assert (done.code, "there is nothing to fix" in done.err) == (2, True)
    assert not (world.home / "fixed.json").exists()
    arn = "arn:aws:iam::aws:policy/AWSDenyAll"
    user = {**USER, "AttachedManagedPolicies": [{"PolicyName": "AWSDenyAll", "PolicyArn": arn}]}
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": policy(NOTHING)}
    of_aws = {"Arn": arn, "PolicyName": "AWSDenyAll", "PolicyVersionList": [version]}
    details = {"UserDetailList": [user], "RoleDetailList": [role(HUB, ALICE)], "Policies": [of_aws]}
    (world.home / "all.json").write_text(json.dumps(details))
    done = explain_offline(world, "hub", "--write-fix", "fixed.json")
    assert (done.code, "hop 1 has no fix" in done.err) == (2, True), done.err
    assert not (world.home / "fixed.json").exists()


QUEUE = "arn:aws:sqs:eu-west-1:444444444444:jobs"
TO_QUEUE = ("--action", "sqs:SendMessage", "--resource", QUEUE)


def test_the_fix_of_an_action_is_written_as_well_and_allows_it(world: World) -> None:
    admin = role(ADMIN, HUB)
    admin["RolePolicyList"] = [{"PolicyName": "all", "PolicyDocument": policy(EVERYTHING)}]
    write_roles(world, role(HUB, ALICE), admin)
    other = {**EVERYTHING, "Principal": {"AWS": "555555555555"}, "Resource": QUEUE}
    (world.home / "queue.json").write_text(policy_text(other))
    own = ("--resource-policy", "queue.json")
    done = explain_offline(world, "admin", *TO_QUEUE, *own, "--write-fix", "fixed.json")
    assert done.code == 5, done.err
    assert "wrote the fixed resource-based policy to fixed.json" in done.err
    assert "not all of the fix" not in done.err
    fixed = ("--resource-policy", "fixed.json")
    assert explain_offline(world, "admin", *TO_QUEUE, *fixed).code == 0


def test_the_fix_of_a_call_that_aws_refused_is_written_by_its_text(world: World) -> None:
    admin = role(ADMIN, HUB)
    admin["RolePolicyList"] = [{"PolicyName": "all", "PolicyDocument": policy(EVERYTHING)}]
    write_roles(world, role(HUB, ALICE), admin)
    other = {**EVERYTHING, "Principal": {"AWS": "555555555555"}, "Resource": QUEUE}
    (world.home / "queue.json").write_text(policy_text(other))
    session = "arn:aws:sts::333333333333:assumed-role/Admin/me"
    text = f"User: {session} is not authorized to perform: sqs:SendMessage on resource: {QUEUE}"
    given = ("--policies", "all.json", "--resource-policy", "queue.json", "--offline")
    done = world.rolehop("explain", "--error", text, *given, "--write-fix", "fixed.json")
    assert done.code == 5, done.err
    assert "to fix it, account 444444444444 adds to the resource-based policy" in done.out
    (statement,) = json.loads(fixed_in(world))["Statement"][1:]
    assert statement["Principal"] == {"AWS": ADMIN}
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", QUEUE)
    nobody = text.replace("333333333333", "999999999999")
    done = world.rolehop("explain", "--error", nobody, *given, "--write-fix", "fixed-2.json")
    assert (done.code, "no chain here is known to have made the call" in done.err) == (2, True)
    assert not (world.home / "fixed-2.json").exists()


def test_an_action_that_is_not_refused_has_no_fix_to_write(world: World) -> None:
    admin = role(ADMIN, HUB)
    admin["RolePolicyList"] = [{"PolicyName": "all", "PolicyDocument": policy(EVERYTHING)}]
    write_roles(world, role(HUB, ALICE), admin)
    asked = ("--action", "s3:ListAllMyBuckets", "--write-fix", "fixed.json")
    done = explain_offline(world, "admin", *asked)
    assert (done.code, "there is nothing to fix" in done.err) == (2, True), done.err
    assert not (world.home / "fixed.json").exists()
