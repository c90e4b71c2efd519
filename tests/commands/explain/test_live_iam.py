"""``explain`` without files: IAM is read by whatever session is held, and advice leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.policies import allow_text, policy_text
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, CONFIG, HUB, SCRIPT, World, temporary_world

READER = "arn:aws:iam::333333333333:role/Reader"
ALICE = "arn:aws:iam::111111111111:user/alice"
_READER_CHAIN = f"""
[chains.reader]
from = "hub"
hops = [{{ role = "{READER}" }}]
"""


@pytest.fixture
def world() -> Iterator[World]:
    with temporary_world() as world:
        world.config(CONFIG + _READER_CHAIN)
        aws = world.sts.world
        aws.role(READER, trusts=[HUB])
        everything = allow_text(Resource="*")
        aws.inline = {HUB: {"go": everything}, ALICE: {"go": everything}}
        yield world


def lanes(world: World, *arguments: str) -> dict[str, str]:
    """Return the verdict of each lane of the last hop that ``explain`` shows."""
    done = world.rolehop("explain", *arguments, "--format", "json")
    return {each["lane"]: each["verdict"] for each in done.json["hops"][-1]["lanes"]}


def test_any_held_session_of_an_account_may_read_its_documents(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    assert world.rolehop("export", "admin").code == 5
    assert lanes(world, "--last")["trust"] == "not-visible"
    # A session of another chain, of a role that the refused chain never takes.
    world.sts.world.iam_readers.add(READER)
    assert world.rolehop("export", "reader").code == 0
    assert lanes(world, "--last")["trust"] == "refused"
    assert lanes(world, "admin")["trust"] == "refused"
    readers = {call.signer for call in world.sts.calls if call.action == "GetRole"}
    assert any(":assumed-role/Reader/" in each for each in readers)
    asked = ("--action", "sts:AssumeRole", "--resource", ADMIN)
    trust = world.rolehop("explain", "reader", *asked, "--format", "json").json["actions"][0]
    assert [each["verdict"] for each in trust["lanes"]][:1] == ["refused"]


def read_as(world: World) -> set[str]:
    """Return whose sessions have read roles, by the names of their roles."""
    calls = (call for call in world.sts.calls if call.action == "GetRole")
    return {call.signer.split("/")[1] for call in calls if ":assumed-role/" in call.signer}


@pytest.mark.parametrize("guard", ["confirm = true", 'reason = "required"'])
def test_a_guarded_chains_session_reads_nothing_unasked(world: World, guard: str) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    world.sts.world.iam_readers |= {READER, HUB}
    assert world.rolehop("export", "reader").code == 0
    world.config(CONFIG + _READER_CHAIN.replace("hops", f"{guard}\nhops"))
    done = world.rolehop("explain", "admin")
    assert (
        f"the session of chain 'reader' does not read IAM: chain 'reader' has {guard}" in done.err
    )
    assert read_as(world) == {"Hub"}  # on the way to it, which is guarded by nothing
    with OnTerminal(world, SCRIPT, "check") as person:
        person.expect("[y/N] " if "confirm" in guard else "why do you need it?")
        person.types("y" if "confirm" in guard else "audit")
        person.ended()
        assert person.shown.count("[y/N]") + person.shown.count("need it?") == 1
    assert read_as(world) == {"Hub", "Reader"}


def test_a_guarded_chains_session_is_that_of_an_unguarded_one_too(world: World) -> None:
    world.sts.world.iam_readers.add(READER)
    other = _READER_CHAIN.replace("chains.reader", "chains.other")
    world.config(CONFIG + other + _READER_CHAIN.replace("hops", "confirm = true\nhops"))
    assert world.rolehop("export", "other").code == 0
    assert lanes(world, "admin")["trust"] == "allowed"
    assert "Reader" in read_as(world)


def test_what_one_session_may_not_read_another_may(world: World) -> None:
    deputy = "arn:aws:iam::222222222222:role/Deputy"
    world.config(CONFIG + _READER_CHAIN.replace("reader", "deputy").replace(READER, deputy))
    world.sts.world.role(deputy, trusts=[HUB])
    world.sts.world.iam_readers |= {deputy, HUB}
    world.sts.world.may_not[HUB] = {"iam:ListRolePolicies"}
    assert world.rolehop("export", "hub").code == 0
    assert lanes(world, "admin")["permissions"] == "not-visible"
    assert world.rolehop("export", "deputy").code == 0
    assert lanes(world, "admin")["permissions"] == "allowed"


def test_the_static_keys_of_a_profile_are_at_hand(world: World) -> None:
    key = world.alice.key
    world.aws_credentials(
        f"[corp]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"
    )
    source = '[sources.me]\ntype = "profile"\nprofile = "corp"\n'
    world.config(CONFIG.replace('[sources.me]\ntype = "environment"\n', source))
    world.more = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    world.sts.world.iam_readers.add(ALICE)
    done = world.rolehop("explain", "hub", "--format", "json")
    (hop,) = done.json["hops"]
    assert hop["caller"] == ALICE
    assert {e["lane"]: e["verdict"] for e in hop["lanes"]}["permissions"] == "allowed"
    assert "IAM is not read" not in done.err


def test_nobody_is_told_to_walk_the_chain_that_was_just_refused(world: World) -> None:
    session = world.sts.world.issue(
        600, account="111111111111", arn=ALICE, user_id="x", user=world.alice
    )
    keys = {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "Version": 1,
    }
    (world.home / "keys.json").write_text(json.dumps(keys))
    program = 'type = "process"\ncommand = ["cat", "keys.json"]'
    world.config(CONFIG.replace('type = "environment"', program))
    world.sts.world.role(HUB, trusts=[])
    assert "rolehop assume admin" in world.rolehop("explain", "admin").err
    assert world.rolehop("export", "admin").code == 5
    for item in world.items():  # another program has deleted the source's own session
        item.unlink()
    done = world.rolehop("explain", "--last")
    assert done.code == 5
    assert "IAM is not read: no session of " in done.err
    assert "rolehop assume" not in done.out + done.err


def test_a_role_of_many_chains_is_read_once(world: World) -> None:
    world.sts.world.iam_readers.add(HUB)
    assert world.rolehop("export", "hub").code == 0
    world.rolehop("check")
    reads = [call for call in world.sts.calls if call.action == "GetRole"]
    assert [call.params["RoleName"] for call in reads].count("Hub") == 1


NO_ADMIN = "arn:aws:iam::222222222222:policy/NoAdmin"
DENIES = "with an explicit deny in an identity-based policy"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "because no identity-based policy allows the sts:AssumeRole action",
            "what is seen now allows it: it changed since",
        ),
        (f"{DENIES}: {NO_ADMIN}", "refuses (AWS said) Deny statement 1 in policy NoAdmin"),
        (
            f"{DENIES}: arn:aws:iam::222222222222:policy/Gone",
            "the policy that AWS names is not among the documents; to see it, in 222222222222: aws iam",
        ),
        (
            "because no session policy allows the sts:AssumeRole action",
            "this chain gives the caller's session no session policy",
        ),
    ],
)
def test_what_aws_said_against_the_documents_is_explained(
    world: World, words: str, expected: str
) -> None:
    aws = world.sts.world
    aws.iam_readers |= {READER, HUB, ALICE}
    aws.managed_policies[NO_ADMIN] = policy_text(
        {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    )
    assert world.rolehop("export", "reader").code == 0
    aws.refused_with = {ADMIN: words}
    assert world.rolehop("export", "admin").code == 5
    done = world.rolehop("explain", "--last")
    assert done.code == 5
    assert expected in " ".join(done.out.split())
    assert len(done.out.splitlines()) <= 24
