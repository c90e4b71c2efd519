"""Names of accounts: in a table, in a fleet, in a file; a chain is found by name and by ID."""

from __future__ import annotations

import re

import pytest

from rolehop.base.advice import with_account_names
from tests.config.texts import complaints_of
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import AUDIT, CONFIG, SCRIPT, World

LIST = 'accounts = ["444444444444", "555555555555"]'
NAMED = CONFIG.replace(
    LIST,
    'accounts = { billing = "444444444444", web = "555555555555" }\nlabels = { env = "prod" }',
)
BASE = '[sources.me]\ntype = "keys"\n'


@pytest.fixture
def named(world: World) -> World:
    world.config(f'{NAMED}[accounts]\nhub-account = "222222222222"\nx = "444444444444"\n')
    return world


def names(world: World, *patterns: str) -> list[str]:
    document = world.rolehop("list", *patterns, "--format", "json").json
    return [each["name"] for each in document["chains"]]


def test_chains_are_called_by_the_names_of_their_accounts(named: World) -> None:
    assert names(named) == ["own", "hub", "admin", "spokes/billing", "spokes/web"]


@pytest.mark.parametrize("name", ["spokes/billing", "spokes/444444444444"])
def test_the_name_and_the_id_are_the_same_chain(named: World, name: str) -> None:
    done = named.rolehop("export", name, "--shell", "sh")
    assert done.code == 0, done.err
    assert "ROLEHOP_CHAIN='spokes/billing'" in done.out
    assert named.rolehop("plan", name, "--format", "json").json["chain"] == "spokes/billing"
    assert named.sts.roles_called[-1] == AUDIT
    again = named.rolehop("export", "spokes/billing", "--shell", "sh")
    assert again.out == done.out
    assert named.rolehop("logout", name).code == 0
    assert named.rolehop("status", "--format", "json").json["sessions"][-1]["role"] != AUDIT


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("spokes", ["spokes/billing", "spokes/web"]),
        ("spokes/4*", ["spokes/billing"]),
        ("spokes/w*", ["spokes/web"]),
        ("label:env=prod", ["admin", "spokes/billing", "spokes/web"]),
        ("label:env", ["admin", "spokes/billing", "spokes/web"]),
        ("label:e*=p?od", ["admin", "spokes/billing", "spokes/web"]),
    ],
)
def test_patterns_select_by_name_id_fleet_and_label(
    named: World, pattern: str, found: list[str]
) -> None:
    assert names(named, pattern) == found


@pytest.mark.parametrize("pattern", ["label:env=dev", "label:nothing", "nothing*", "nothing"])
def test_a_pattern_that_selects_nothing_is_an_error(named: World, pattern: str) -> None:
    assert named.rolehop("list", "spokes", pattern).code == 3


@pytest.mark.parametrize(
    "command",
    [
        ("refresh", "label:env=prod", "--no-prompt"),
        ("check", "label:env=prod", "--offline"),
        ("logout", "label:env=prod"),
        ("history", "--chain", "label:env=prod"),
        ("graph", "label:env=prod"),
        ("status", "label:env=prod"),
    ],
)
def test_a_label_works_wherever_a_pattern_is_taken(named: World, command: tuple[str, ...]) -> None:
    named.rolehop("credential-process", "spokes/web")
    done = named.rolehop(*command)
    assert done.code == 0, done.err
    missing = [each.replace("prod", "dev") for each in command]
    assert named.rolehop(*missing).code in (0, 3)


def test_logout_takes_patterns(named: World) -> None:
    for name in ("spokes/web", "spokes/billing", "admin"):
        named.rolehop("credential-process", name)
    done = named.rolehop("logout", "spokes/*")
    assert "2 sessions forgotten" in done.err
    left = named.rolehop("status", "--format", "json").json["sessions"]
    assert [each["hop"] for each in left] == [1, 2]
    assert "no session of 'spokes/*' is stored" in named.rolehop("logout", "spokes/*").err
    assert named.rolehop("logout", "nothing*").code == 3


def test_names_stand_beside_ids(named: World) -> None:
    walked = named.rolehop("exec", "spokes/billing", "--", "true")
    assert "hop 2 of 2 billing · Audit called, " in walked.err
    for command in (["graph"], ["explain", "spokes/billing", "--offline"]):
        assert "444444444444:role/Audit (billing)" in named.rolehop(*command).out, command
    for command in (["list"], ["plan", "spokes/billing"], ["status"]):
        assert re.search(r"\bbilling +Audit\b|\bAudit +billing\b", named.rolehop(*command).out), (
            command
        )
    assert "billing (444444444444)" in named.rolehop("show", "spokes/billing").out
    assert '"billing (444444444444)"' in named.rolehop("graph", "--format", "dot").out
    assert "Hub   hub-account " in named.rolehop("plan", "hub").out
    assert "account  billing (444444444444)" in named.rolehop("whoami", "spokes/billing").out
    assert "billing · Audit" in named.rolehop("history").out
    del named.sts.world.roles[AUDIT]
    assert "Audit in billing\n" in named.rolehop("refresh", "spokes/billing").err
    verbose = named.rolehop("refresh", "spokes/billing", "-v").err
    assert "Audit in billing (444444444444)" in verbose


def test_what_aws_said_gets_no_names() -> None:
    names = {"444444444444": "billing"}
    said = 'AWS said "User: arn:aws:iam::444444444444:user/a may not" of 444444444444: no'
    assert with_account_names(said, names) == said.replace("of 444444444444", "of billing")
    with_numbers = said.replace("of 444444444444", "of billing (444444444444)")
    assert with_account_names(said, names, numbers=True) == with_numbers


def test_the_name_is_filled_in(world: World) -> None:
    text = NAMED.replace(
        'role/Audit"', 'role/{account_name}"\nsession_name = "{account_name}-{user}"'
    )
    world.config(text.replace('session_name = "{user}"', 'session_name = "{account_name}"'))
    hub, spoke = world.rolehop("plan", "spokes/billing", "--format", "json").json["hops"]
    assert hub["session_name"] == "222222222222"
    assert spoke["role"].endswith(":444444444444:role/billing")
    assert spoke["session_name"].startswith("billing-")


def test_a_fleet_can_be_shown(named: World) -> None:
    shown = named.rolehop("show", "spokes")
    assert shown.code == 0
    assert "spokes/billing" in shown.out
    assert "spokes/web" in shown.out
    assert "admin" not in shown.out
    chains = named.rolehop("show", "spokes", "--format", "json").json["chains"]
    assert [each["fleet"] for each in chains] == ["spokes", "spokes"]


def test_the_picker_finds_names_and_labels(named: World) -> None:
    with OnTerminal(named, SCRIPT, "plan", rows=24, columns=100) as person:
        person.expect("5 chains")
        person.types("label:env=prod 444444444444\r")
        done = person.ended()
    assert "spokes/billing" in done.out, done.err


def test_a_file_may_have_names_too(world: World) -> None:
    world.config(CONFIG.replace(LIST, 'accounts_file = "accounts"'))
    text = "# ours\n444444444444\t billing # the first\n555555555555\n"
    (world.config_file.parent / "accounts").write_text(text)
    assert names(world, "spokes/*") == ["spokes/billing", "spokes/555555555555"]


FLEET = BASE + '[fleets.f]\nsource = "me"\nrole = "{account}:role/A"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASE + '[accounts]\na = "1"', 'not an account ID: "1"; it has 1 digit and'),
        (BASE + '[accounts]\n444444444444 = "555555555555"', "is not the name of an account"),
        (BASE + '[accounts]\n444444444444 = "a"', '; write a = "444444444444"'),
        (BASE + '[accounts]\n"a b" = "555555555555"', '; write a-b = "555555555555"'),
        (
            BASE + '[accounts]\na = "555555555555"\nb = "555555555555"',
            "account 555555555555 has a name already: a",
        ),
        (FLEET + 'accounts = { "a/b" = "555555555555" }', "not a name"),
        (FLEET + "accounts = { a = 5 }", "must be a string"),
        (
            BASE
            + '[chains.c]\nsource = "me"\nhops = [{ role = "444444444444:role/{account_name}" }]',
            "only a fleet's role may contain {account_name}",
        ),
        ("accounts = 1\n" + BASE, "must be a table, not an integer"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(text: str, said: str) -> None:
    (problem,) = complaints_of(f"version = 1\n{text}\n")
    assert said in problem[3]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("444444444444 a\n555555555555 a\n", "the name a is listed twice, first in line 1"),
        ("444444444444 a b\n", '"a b" is not a name; write 444444444444 a-b'),
        ("444444444444 555555555555\n", "is not the name of an account"),
        ("a 444444444444\n", "the ID stands before the name; write 444444444444 a"),
        ('a = "444444444444"\n', 'a name: "a = "444444444444""; write 444444444444 a'),
        ("444444444444,a\n", 'a name: "444444444444,a"; write 444444444444 a'),
        ("44444444444 a\n", "it has 11 digits and needs 12, as in 012345678901 a"),
        ("foo\n", 'not an account ID: "foo"; it needs 12 digits, as in 012345678901 billing'),
    ],
)
def test_what_is_wrong_in_a_file_is_said(lines: str, said: str) -> None:
    text = f'version = 1\n{FLEET}accounts_file = "accounts"\n'
    (problem,) = complaints_of({"config.toml": text, "accounts": lines})
    assert said in problem[3]
