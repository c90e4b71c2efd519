"""``{caller}``: the name that the source signed in with, the same in every hop of the chain."""

from __future__ import annotations

import json

import pytest

from rolehop.plan.identity import caller_name
from rolehop.vault.serialization import as_document, read_document
from tests.doubles.metadata import session_of
from tests.support.world import ADMIN, CONFIG, HUB, World

NAMED = CONFIG.replace('session_name = "{user}"', 'session_name = "{caller}@{host}"').replace(
    'role = "333333333333:role/Admin"',
    'role = "333333333333:role/Admin"\nsource_identity = "{caller}"',
)
ALICE = "arn:aws:iam::111111111111:user/alice"


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (ALICE, "alice"),
        ("arn:aws:iam::111111111111:user/team/x/alice", "alice"),
        (
            "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Dev_1/bob@corp.com",
            "bob@corp.com",
        ),
        ("arn:aws:sts::111111111111:federated-user/carol", "carol"),
        ("arn:aws:iam::111111111111:root", "root"),
        ("arn:aws:iam::111111111111:role/Hub", None),
        ("", None),
        ("alice", None),
    ],
)
def test_a_name_is_that_of_a_person_or_a_session(arn: str, name: str | None) -> None:
    assert caller_name(arn) == name


def calls(world: World) -> list[tuple[str, str | None, str | None]]:
    sent = [each for each in world.sts.calls if each.action == "AssumeRole"]
    names = ("RoleArn", "RoleSessionName", "SourceIdentity")
    return [tuple(each.params.get(name) for name in names) for each in sent]  # type: ignore[misc]


def test_every_hop_is_named_after_whom_aws_knows(world: World) -> None:
    """Not after a variable, which anybody can set."""
    world.config(NAMED.replace("@{host}", ""))
    assert world.rolehop("credential-process", "admin", env={"LOGNAME": "mallory"}).code == 0
    assert calls(world) == [(HUB, "alice", None), (ADMIN, "alice", "alice")]
    world.rolehop("credential-process", "admin")
    assert len(calls(world)) == 2, "the sessions are found again"


def test_another_caller_finds_no_session_of_the_first(world: World) -> None:
    world.config(NAMED)
    first = world.rolehop("credential-process", "admin").json["AccessKeyId"]
    world.sts.calls.clear()
    other = world.sts.world.user("111111111111", "bob")
    world.sts.world.role(HUB, trusts=[other.arn])
    second = world.rolehop("credential-process", "admin", env={**other.environ})
    assert second.json["AccessKeyId"] != first
    assert {name.partition("@")[0] for _, name, _ in calls(world) if name} == {"bob"}


def test_a_note_of_another_name_names_no_new_session(world: World) -> None:
    """An IAM user may be renamed: AWS is asked again before a session is made."""
    world.config(NAMED.replace("@{host}", ""))
    assert world.rolehop("credential-process", "admin").code == 0
    (note,) = (path for path in world.items() if "callers" in path.read_text())
    fields = json.loads(note.read_text())
    document = read_document(fields["password"], "callers/sources")
    renamed = {key: str(arn).replace("alice", "mallory") for key, arn in document.items()}
    note.write_text(json.dumps({**fields, "password": as_document(renamed, "callers/sources")}))
    for path in set(world.items()) - {note}:
        path.unlink()
    world.sts.calls.clear()
    assert world.rolehop("credential-process", "admin").code == 0
    assert {name for _, name, _ in calls(world)} == {"alice"}


def test_logout_forgets_who_signed_in(world: World) -> None:
    world.config(NAMED)
    world.rolehop("credential-process", "admin")
    (world.state / "index.json").unlink()
    assert "2 sessions" in world.rolehop("logout", "--all").err
    assert world.items() == []
    world.config("version = 1\nnonsense = 1\n")
    assert world.rolehop("logout", "--all").code == 0


def test_a_plan_makes_no_call_and_says_what_it_does_not_know(world: World) -> None:
    world.config(NAMED)
    hops = world.rolehop("plan", "admin", "--format", "json").json["hops"]
    assert [each["cache"] for each in hops] == ["unknown", "unknown"]
    assert hops[0]["session_name"].startswith("{caller}@")
    assert "{caller} is not known before a first walk" in "".join(hops[0]["notes"])
    world.rolehop("credential-process", "admin")
    world.sts.calls.clear()
    hops = world.rolehop("plan", "admin", "--format", "json").json["hops"]
    assert [each["cache"] for each in hops] == ["fresh", "fresh"]
    assert hops[0]["session_name"].startswith("alice@")
    assert world.rolehop("list", "admin", "--format", "json").json["chains"][0]["cached_until"]
    assert world.sts.calls == []


def test_principal_says_the_name_without_a_call(world: World) -> None:
    world.config(NAMED.replace('"environment"', f'"environment"\nprincipal = "{ALICE}"', 1))
    world.rolehop("credential-process", "admin")
    hops = world.rolehop("plan", "admin", "--format", "json").json["hops"]
    assert [each["cache"] for each in hops] == ["fresh", "fresh"]
    assert hops[0]["session_name"].startswith("alice@")


def test_a_role_as_principal_says_no_name_so_the_keyring_is_asked(world: World) -> None:
    role = world.sts.world.role("arn:aws:iam::111111111111:role/Dev", trusts=[])
    world.sts.world.role(HUB, trusts=[role.arn])
    world.more = session_of(world.sts.world, role, "bob").environ
    world.config(NAMED.replace('"environment"', f'"environment"\nprincipal = "{role.arn}"', 1))
    first = world.rolehop("export", "admin", "--format", "json")
    assert first.code == 0, first.err
    assert {name.partition("@")[0] for _, name, _ in calls(world) if name} == {"bob"}
    world.sts.calls.clear()
    again = world.rolehop("export", "admin", "--format", "json")
    assert (again.json["AccessKeyId"], world.sts.calls) == (first.json["AccessKeyId"], [])


def test_an_explanation_guesses_no_name(world: World) -> None:
    world.config(NAMED)
    done = world.rolehop("explain", "admin", "--offline")
    assert done.code in (0, 5)
    assert "{caller}" not in done.out


def test_only_names_can_have_it(world: World) -> None:
    world.config(CONFIG.replace("333333333333:role/Admin", "333333333333:role/{caller}"))
    done = world.rolehop("config", "check")
    assert done.code == 3
    assert "unknown field {caller}" in done.err
