"""Sessions of the roles that a person is assigned."""

from __future__ import annotations

import json

import pytest

from tests.doubles.web import Reply
from tests.sources.identity_center.corp import CONFIG, HOME, HUB, PICKED, Corp
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT


def test_hop_1_is_chained_so_it_lasts_an_hour_at_most(corp: Corp) -> None:
    corp.login()
    assert corp.world.rolehop("export", "hub", "--format", "json").code == 0
    (call,) = [each for each in corp.world.sts.calls if each.action == "AssumeRole"]
    assert call.params["DurationSeconds"] == "3600"


@pytest.mark.parametrize(
    "command", [("export", "hub", "--format", "json"), ("credential-process", "hub")]
)
def test_another_person_never_gets_the_sessions_of_the_one_before(
    corp: Corp, command: tuple[str, ...]
) -> None:
    corp.login()
    first = [corp.world.rolehop(*command).json["AccessKeyId"] for _ in range(2)]
    assert first[0] == first[1]
    corp.center.person = "bob"
    corp.center.assign("bob", HOME, "Developer")
    corp.login()
    second = corp.world.rolehop(*command).json["AccessKeyId"]
    assert second != first[0]
    last = [each for each in corp.world.sts.calls if each.action == "AssumeRole"][-1]
    assert last.signer.endswith("/bob")


def test_a_cached_session_is_used_without_a_call_and_without_the_token(corp: Corp) -> None:
    corp.login()
    first = corp.world.rolehop("export", "hub", "--format", "json")
    before = len(corp.center.asked)
    second = corp.world.rolehop("export", "hub", "--format", "json")
    assert second.out == first.out
    assert len(corp.center.asked) == before


def test_a_role_that_is_not_assigned_differs_from_one_that_ended(corp: Corp) -> None:
    corp.world.config(CONFIG.replace('"Developer"', '"Nobody"'))
    corp.login()
    done = corp.world.rolehop("export", "hub", "--format", "json")
    assert done.code == 5
    assert "role 'Nobody' in account 111111111111" in done.err
    assert "not assigned" in done.err


def test_account_and_role_are_picked_on_a_terminal(corp: Corp) -> None:
    corp.center.assign("alice", "999999999999", "Developer")
    corp.center.assign("alice", "999999999999", "Auditor")
    corp.world.config(PICKED)
    corp.login()
    with OnTerminal(corp.world, SCRIPT, "whoami", "own", "--format", "json") as person:
        person.expect("which account?")
        person.types("999")
        person.expect("which role")
        person.types("audit")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.json["account"] == "999999999999"
    assert "AWSReservedSSO_Auditor" in done.json["arn"]
    with OnTerminal(corp.world, SCRIPT, "whoami", "own", "--format", "json") as person:
        for expected in ("which account?", "which role in 999999999999?"):
            person.expect(expected)
            person.types("")  # what was chosen last is the first line
        person.expect("? Auditor")
        again = person.ended()
    assert again.json["arn"] == done.json["arn"], again.err


OTHERS = [
    pytest.param(("999999999999", "Developer"), id="of-another-account"),
    pytest.param((HOME, "Admin"), id="of-another-role"),
]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("chain", ["own", "hub"])
def test_a_session_that_was_not_asked_for_is_neither_used_nor_stored(
    corp: Corp, chain: str, other: tuple[str, str]
) -> None:
    """The access portal does not say whose session it gives, so AWS is asked before any hop."""
    corp.login()
    arn = corp.center.assign("alice", *other)
    corp.world.sts.world.role(HUB, trusts=[arn])
    corp.center.confused[HOME, "Developer"] = other
    for _ in range(2):
        done = corp.world.rolehop("credential-process", chain)
        assert (done.code, done.out) == (4, ""), done.err
        assert "source 'corp' is arn:aws:sts::" in done.err
    assert {each.action for each in corp.world.sts.calls} == {"GetCallerIdentity"}
    assert corp.world.rolehop("status", "--format", "json").json["sessions"] == []
    corp.center.confused.clear()
    assert corp.world.rolehop("whoami", "own").code == 0


def test_a_session_that_was_not_picked_is_not_handed_out(corp: Corp) -> None:
    corp.center.assign("alice", HOME, "Admin")
    corp.center.confused[HOME, "Developer"] = (HOME, "Admin")
    corp.world.config(PICKED)
    corp.login()
    dumb = {"TERM": "dumb"}  # it cannot show a list to move in
    with OnTerminal(corp.world, SCRIPT, "export", "hub", "--format", "json", env=dumb) as person:
        person.expect("which role in account 111? (number, or a part of the name):")
        person.types("dev")
        done = person.ended()
    assert done.code == 4
    assert "what was picked is a session of permission set Developer" in done.err
    assert [each.action for each in corp.world.sts.calls] == ["GetCallerIdentity"]


def test_picking_without_a_terminal_names_the_key_to_write(corp: Corp) -> None:
    corp.world.config(PICKED)
    corp.login()
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert done.code == 8
    assert "add account" in done.err
    planned = corp.world.rolehop("plan", "hub", "--format", "json").json["hops"][0]
    assert "name an account and a role: nobody can be asked here" in planned["will_fail"]
    (listed,) = corp.world.rolehop("source", "list", "--format", "json").json["sources"]
    assert (listed["state"], listed["problem"]) == ("unknown", None)


def test_hundreds_of_accounts_are_listed_through_pages_and_throttling(corp: Corp) -> None:
    for number in range(250):
        corp.center.assign("alice", f"{400000000000 + number}", "Developer")
    corp.center.say("/assignment/accounts", Reply(429, {"message": "slow"}), times=2)
    corp.world.config(PICKED)
    corp.login()
    with OnTerminal(corp.world, SCRIPT, "whoami", "own", "--format", "json") as person:
        person.expect("which account?", 60)
        person.types("400000000249")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.json["account"] == "400000000249"


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        pytest.param(
            Reply(text="<html>"), 6, "a web page answered", id="a-sign-in-page-of-a-hotel"
        ),
        pytest.param(Reply(json={"roleCredentials": {}}), 6, "accessKeyId", id="half-an-answer"),
        pytest.param(Reply(500, {}), 6, "failed", id="a-fault"),
        pytest.param(Reply(404, {"message": "no"}), 5, "not assigned", id="no-such-role"),
    ],
)
def test_answers_that_are_invalid_are_distinguished(
    corp: Corp, reply: Reply, code: int, words: str
) -> None:
    corp.login()
    corp.center.say("/federation/credentials", reply, times=20)
    done = corp.world.rolehop("source", "test", "corp", "--no-prompt")
    assert done.code == code, done.err
    assert words in done.err


@pytest.mark.long  # it waits as long as a user would
def test_a_center_that_hangs_is_given_up_with_its_name(corp: Corp) -> None:
    corp.login()
    corp.center.say("/federation/credentials", None)
    done = corp.world.rolehop("source", "test", "corp", env={"AWS_MAX_ATTEMPTS": "1"})
    assert done.code == 6
    assert "no answer" in done.err


def test_a_center_that_cannot_be_reached_is_exit_6(corp: Corp) -> None:
    corp.world.more["AWS_ENDPOINT_URL_SSO"] = (
        "http://127.0.0.1:9"  # before: a sign-in stays with it
    )
    corp.login()
    done = corp.world.rolehop("source", "test", "corp")
    assert done.code == 6
    assert "127.0.0.1:9" in done.err


def test_sources_of_one_center_share_the_sign_in_and_the_registration(corp: Corp) -> None:
    other = corp.center.assign("alice", "999999999999", "ReadOnly")
    corp.world.config(
        CONFIG
        + CONFIG.partition("[chains.own]")[0]
        .partition("[sources.corp]")[2]
        .join(("[sources.other]", ""))
        .replace("111111111111", "999999999999")
        .replace("Developer", "ReadOnly")
        + '[chains.other]\nsource = "other"\n'
    )
    corp.login()
    corp.login()
    done = corp.world.rolehop("whoami", "other", "--format", "json")
    assert done.code == 0, done.err
    assert other.rpartition("/")[2] in done.json["arn"]
    assert corp.center.paths().count("/client/register") == 1


def test_caller_is_the_person_who_signed_in(corp: Corp) -> None:
    """The portal's session is stored with its identity, so that later walks need no call for it."""
    corp.world.config(CONFIG.replace('duration = "2h"', 'session_name = "{caller}"'))
    corp.login()
    for _ in range(2):
        assert corp.world.rolehop("credential-process", "hub").code == 0
    (hop,) = [each for each in corp.world.sts.calls if each.action == "AssumeRole"]
    assert hop.params["RoleSessionName"] == "alice"
    (line,) = corp.world.rolehop("plan", "hub", "--format", "json").json["hops"]
    assert (line["session_name"], line["cache"]) == ("alice", "fresh")
    assert [each.action for each in corp.world.sts.calls].count("GetCallerIdentity") == 1


def test_a_damaged_index_hides_neither_a_sign_in_nor_the_sessions_that_begin_there(
    corp: Corp,
) -> None:
    """Which sign-in it is, is a part of their keys."""
    world = corp.world
    corp.login()
    assert world.rolehop("credential-process", "hub").code == 0
    before = world.rolehop("status", "--format", "json").json
    index = world.state / "index.json"
    text = index.read_text()
    ((name, generation),) = json.loads(text)["sign_ins"].items()
    for damaged in (name, generation, text):
        index.write_text(text.replace(damaged, f"{damaged[:-1]}{ord(damaged[-1]) ^ 1:c}"))
        found = world.rolehop("status", "--format", "json").json
        assert found["sign_ins"] == before["sign_ins"]
        assert [each["arn"] for each in found["sessions"]] == [
            each["arn"] for each in before["sessions"]
        ]
    assert [*json.loads(index.read_text())["sign_ins"]] == [name]
    assert world.rolehop("uninstall", "--yes").code == 0
    assert world.items() == []
