"""Where a chain ends: its account, what that is called, its role; and a chain is found by them."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.app.context import App
from rolehop.vault.account_names import note_names
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, SCRIPT, World

CORP = """
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "777777777777"
role = "Developer"
[sources.ci]
type = "web-identity"
role = "888888888888:role/ci/Deploy"
token_file = "token"
[sources.picked]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
[chains.dev]
source = "corp"
[chains.deploy]
source = "ci"
[chains.any]
source = "picked"
[fleets.mine]
source = "corp"
accounts = ["777777777777"]
[accounts]
data = "777777777777"
"""


@pytest.fixture
def named(world: World) -> World:
    world.config(CONFIG + CORP)
    note_names(world.state, {"333333333333": "Acme Prod", "444444444444": "web"}, App.now())
    return world


def ends(world: World, *patterns: str) -> dict[str, tuple[Any, ...]]:
    chains = world.rolehop("list", *patterns, "--format", "json").json["chains"]
    return {each["name"]: (each["account"], each["account_name"], each["role"]) for each in chains}


def test_every_chain_says_where_it_ends(named: World) -> None:
    assert ends(named) == {
        "own": (None, None, None),  # what the variables give is not known without a call
        "hub": ("222222222222", None, "Hub"),
        "admin": ("333333333333", "Acme Prod", "Admin"),
        "spokes/444444444444": ("444444444444", "web", "Audit"),
        "spokes/555555555555": ("555555555555", None, "Audit"),
        "dev": ("777777777777", "data", "Developer"),
        "deploy": ("888888888888", None, "Deploy"),
        "any": (None, None, None),
        "mine/777777777777": ("777777777777", "data", "Developer"),
    }
    for name, end in ends(named).items():
        shown = named.rolehop("show", name, "--format", "json").json
        assert (shown["account"], shown["account_name"], shown["role"]) == end, name


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        *(("3333", ["admin"]), ("acme", ["admin"]), ("ACME PROD", ["admin"])),
        *(("data", ["dev", "mine/777777777777"]), ("we?", ["spokes/444444444444"])),
        *(("adm", ["admin"]), ("admin", ["admin"]), ("444444444444", ["spokes/444444444444"])),
        *(("888*", ["deploy"]), ("*e*", ["admin", "dev", "deploy"])),
    ],
)
def test_a_part_of_a_name_or_a_number_finds_a_chain(
    named: World, pattern: str, found: list[str]
) -> None:
    assert list(ends(named, pattern))[: len(found)] == found


def test_what_finds_nothing_is_quoted_as_it_was_typed(named: World) -> None:
    done = named.rolehop("list", "Acme", "Nothing Here")
    assert (done.code, done.out) == (3, "")
    assert "no chain matches 'Nothing Here'" in done.err


def test_names_that_aws_said_choose_no_chain_to_walk(named: World) -> None:
    for command in (["each", "acme", "--", "true"], ["plan", "acme"], ["refresh", "acme"]):
        assert named.rolehop(*command).code == 3, command


def test_the_picker_finds_a_chain_by_its_accounts_name(named: World) -> None:
    with OnTerminal(named, SCRIPT, "plan", rows=24, columns=100) as person:
        person.expect("9 chains")
        person.types("data mine\r")
        done = person.ended()
    assert "mine/777777777777" in done.out, done.err


def test_a_chain_without_hops_prints_its_line_and_then_says_whose_it_is(world: World) -> None:
    walked = world.rolehop("assume", "own", "--shell", "sh")
    assert (walked.code, walked.err.count("rolehop: source 'me' ")) == (0, 1), walked.err
    assert ends(world, "own") == {"own": ("111111111111", None, None)}
