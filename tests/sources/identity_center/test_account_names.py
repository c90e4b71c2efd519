"""What Identity Center calls accounts is kept at a sign-in, and shown from then on."""

from __future__ import annotations

import pytest

from rolehop.vault.account_names import noted_names
from tests.doubles.web import Reply
from tests.sources.identity_center.corp import HOME, Corp
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT

LISTING = "/assignment/accounts"


def names(corp: Corp) -> dict[str, str]:
    return {each: noted.name for each, noted in noted_names(corp.world.state).items()}


def test_a_sign_in_tells_the_names_of_all_accounts(corp: Corp) -> None:
    corp.center.names = {HOME: "Acme Data 03", "400000000000": "web"}
    corp.center.assign("alice", "400000000000", "Admin")
    corp.login()
    assert names(corp) == corp.center.names
    assert noted_names(corp.world.state)[HOME].is_old(corp.center.now) is False
    shown = corp.world.rolehop("show", "own", "--format", "json").json
    assert (shown["account_name"], shown["role"]) == ("Acme Data 03", "Developer")
    corp.center.names[HOME] = "acme-data"
    with OnTerminal(corp.world, SCRIPT, "source", "login", "corp") as person:
        assert person.ended().code == 0
    assert names(corp)[HOME] == "acme-data"


@pytest.mark.parametrize("answer", [Reply(403, {}), Reply(500, {}), Reply(200, {"no": "list"})])
def test_a_sign_in_does_not_depend_on_the_names(corp: Corp, answer: Reply) -> None:
    corp.center.say(LISTING, answer, times=20)
    corp.login()
    assert names(corp) == {}
    done = corp.world.rolehop("assume", "own", "--shell", "sh")
    assert done.code == 0
    assert done.err.count("rolehop: source 'corp'") == 1, done.err


def test_the_line_of_a_chain_without_hops_comes_once_and_not_for_the_source_of_others(
    corp: Corp,
) -> None:
    corp.login()
    walked = corp.world.rolehop("assume", "hub", "--shell", "sh")
    assert "source 'corp'" not in walked.err
    assert "hop 1 of 1" in walked.err


def test_show_and_status_name_account_and_role_of_a_chain_without_hops(corp: Corp) -> None:
    corp.center.names = {HOME: "Acme Data 03"}
    corp.login()
    assert corp.world.rolehop("assume", "own", "--shell", "sh").code == 0
    shown = corp.world.rolehop("show", "own").out
    assert f"account       Acme Data 03 ({HOME})\nrole          Developer\n" in shown
    assert "\nAcme Data 03   Developer   " in corp.world.rolehop("status").out
