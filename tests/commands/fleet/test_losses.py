"""A fleet of 1,000 accounts a year long: it neither shrinks nor leads elsewhere in silence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles.accounts.organizations import ROOT, Organization
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, Done, World, temporary_world

READER = "arn:aws:iam::999999999999:role/OrgReader"
PROD = "ou-ab12-11111111"
COUNT = 1_000
CONFIG = """
[sources.me]
type = "environment"
[chains.hub]
source = "me"
hops = [{ role = "222222222222:role/Hub" }]
[chains.org]
source = "me"
hops = [{ role = "999999999999:role/OrgReader" }]
[fleets.prod]
from = "hub"
role = "{account}:role/Audit"
accounts = { organization = "org", ou = ["Prod/*"], exclude = ["lab"] }
"""
ALLOWED = "--allow-removed"


def account(number: int) -> str:
    return f"4{number:011}"


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with temporary_world() as world:
        world.sts.world.role(READER, trusts=[world.alice.arn])
        organization(world).readers.add(READER)
        yield world


@pytest.fixture
def world(shared: World) -> World:
    """A thousand accounts in ten OUs, and one that is left out; AWS listed them."""
    org = organization(shared)
    org.page = 20
    org.accounts.clear()
    org.parents.clear()
    org.add_unit(PROD, ROOT, "Prod")
    for team in range(10):
        org.add_unit(unit(team), PROD, f"Team{team}")
    for number in range(COUNT):
        org.add_account(account(number), unit(number % 10), f"spoke{number}")
    org.add_account("5" * 12, PROD, "lab")
    shared.config(CONFIG)
    for file in (shared.state / "fleets").glob("*"):
        file.unlink()
    assert shared.rolehop("fleet", "refresh").code == 0
    return shared


def organization(world: World) -> Organization:
    return world.sts.world.organization


def unit(team: int) -> str:
    return f"ou-ab12-team{team:04}"


def refreshed(world: World, *flags: str) -> tuple[Done, dict[str, Any]]:
    done = world.rolehop("fleet", "refresh", *flags, "--format", "json")
    (fleet,) = done.json["fleets"]
    return done, fleet


def kinds(fleet: dict[str, Any]) -> Counter[str]:
    return Counter(kind for each in fleet["changes"] for kind in each["changes"])


def targets(world: World) -> dict[str, str]:
    """Return the account of each chain that `each` would run for."""
    done = world.rolehop("each", "prod/*", "--dry-run", "--format", "json", "--", "true")
    rows = [json.loads(line) for line in done.out.splitlines()]
    return {each["chain"]: each["account"] for each in rows}


def lose(world: World, numbers: range) -> None:
    for number in numbers:
        del organization(world).accounts[account(number)]


def test_a_year_of_changes_is_shown_account_by_account(world: World) -> None:
    org = organization(world)
    lose(world, range(40))
    for number in range(40, 60):
        org.accounts[account(number)].state = "SUSPENDED"
    for number in range(100, 150):
        org.accounts[account(number)].name = f"renamed{number}"
    for number in range(200, 250):
        org.parents[account(number)] = unit((number + 1) % 10)
    for number in range(30):
        org.add_account(f"6{number:011}", unit(3), f"new{number}")
    org.throttled = [429, 400, 429]
    done, fleet = refreshed(world)
    assert (done.code, fleet["stored"], fleet["accounts"]) == (0, True, COUNT - 60 + 30)
    assert kinds(fleet) == {"removed": 60, "added": 30, "renamed": 50, "moved": 50}
    assert {each["account"] for each in fleet["left_out_accounts"]} == set(
        map(account, range(40, 60))
    )
    found = targets(world)
    assert len(found) == fleet["accounts"]
    assert account(0) not in found.values()
    assert found["prod/renamed100"] == account(100)
    shown = world.rolehop("fleet", "refresh", "-v").out
    assert f"left out: spoke40 ({account(40)}), suspended" in shown


@pytest.mark.parametrize("how", ["gone", "suspended", "in another OU"])
def test_more_than_a_tenth_is_not_lost_in_silence(world: World, how: str) -> None:
    before, org = targets(world), organization(world)
    lost = range(300, 401)
    for number in lost:
        if how == "gone":
            del org.accounts[account(number)]
        elif how == "suspended":
            org.accounts[account(number)].state = "SUSPENDED"
        else:
            org.parents[account(number)] = ROOT
    done, fleet = refreshed(world)
    assert (done.code, fleet["stored"], fleet["accounts"]) == (3, False, COUNT)
    removed = {each["account"] for each in fleet["changes"] if each["changes"] == ["removed"]}
    assert removed == set(map(account, lost))
    assert fleet["error"] == ("fleet 'prod' stays as it was: 101 of its 1000 chains are missing")
    for said in (f"spoke300 ({account(300)})", "and 96 more", "they stay those of 20"):
        assert said in " ".join(done.err.split()), done.err
    assert f"rolehop fleet refresh prod {ALLOWED}\n" in done.err
    assert targets(world) == before
    done, fleet = refreshed(world, ALLOWED)
    assert (done.code, fleet["stored"], kinds(fleet)) == (0, True, {"removed": 101})
    assert before.keys() - targets(world).keys() == {f"prod/spoke{each}" for each in lost}
    assert refreshed(world)[1]["changes"] == []


def test_a_tenth_may_go(world: World) -> None:
    lose(world, range(100))
    done, fleet = refreshed(world)
    assert (done.code, kinds(fleet)) == (0, {"removed": 100})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CONFIG.replace('"Prod/*"', '"Prod/*", "Prd"'), "ou Prd"),
        (CONFIG.replace('"lab"', '"lab", "lab2"'), "exclude lab2"),
        (
            CONFIG.replace('"Prod/*"], exclude = ["lab"]', '"Prod/Team3"], tags = { env = "prd" }'),
            "tag env=prd",
        ),
    ],
)
def test_what_is_in_vain_is_refused_until_it_is_allowed(
    world: World, config: str, said: str
) -> None:
    world.config(config)
    done, fleet = refreshed(world)
    assert (done.code, fleet["stored"], fleet["without_effect"]) == (3, False, [said])
    assert f"no account is like {said}" in " ".join(done.err.split())
    assert world.rolehop("plan", "prod/spoke7").code == 3  # defined otherwise, and not listed
    assert refreshed(world, ALLOWED)[0].code == 0
    again, fleet = refreshed(world)  # what was allowed stays so, and is said
    assert (again.code, fleet["without_effect"]) == (0, [said])
    assert f"in vain: {said}\n" in world.rolehop("fleet", "refresh").out


def test_an_ou_that_was_renamed_takes_no_account_with_it(world: World) -> None:
    before, org = targets(world), organization(world)
    org.names[PROD] = "Production"
    done, fleet = refreshed(world)
    assert (done.code, fleet["stored"]) == (3, False)
    assert "no account is like ou Prod/*, exclude lab" in " ".join(done.err.split())
    assert "1000 of its 1000 chains are missing" in " ".join(done.err.split())
    assert targets(world) == before


def swap(world: World, one: int, other: int) -> None:
    accounts = organization(world).accounts
    names = [accounts[account(each)].name for each in (one, other)]
    accounts[account(one)].name, accounts[account(other)].name = reversed(names)


def test_a_name_leads_to_another_account_only_once_that_is_accepted(world: World) -> None:
    swap(world, 7, 8)
    done, fleet = refreshed(world)
    assert (done.code, fleet["stored"]) == (8, False)
    assert kinds(fleet) == {"renamed": 2, "replaces": 2}
    told = f"prod/spoke7 led to prod/{account(7)}, and would lead to prod/{account(8)}"
    assert told in " ".join(done.err.split())
    assert "--accept-move prod/spoke8 --accept-move prod/spoke7\n" in done.err
    one = world.rolehop("fleet", "refresh", "--accept-move", "prod/spoke7")
    assert (one.code, "--accept-move prod/spoke8\n" in one.err) == (8, True)
    assert targets(world)["prod/spoke7"] == account(7)
    both = ("--accept-move", "prod/spoke7", "--accept-move", "prod/spoke8")
    assert refreshed(world, *both)[0].code == 0
    assert targets(world)["prod/spoke7"] == account(8)
    again = world.rolehop("fleet", "refresh", *both)
    said = "--accept-move prod/spoke7: no chain of that name leads elsewhere"
    assert (again.code, said in " ".join(again.err.split())) == (0, True)


@pytest.mark.parametrize(("answer", "code", "led"), [("n", 130, 7), ("y", 0, 8)])
def test_who_sits_at_a_terminal_is_asked(world: World, answer: str, code: int, led: int) -> None:
    swap(world, 7, 8)
    with OnTerminal(world, SCRIPT, "fleet", "refresh", "prod") as person:
        person.expect("Let 2 names lead there? [y/N] ")
        assert f"prod/spoke7 led to prod/{account(7)}, and" in " ".join(person.shown.split())
        person.types(answer)
        assert person.ended().code == code
    assert targets(world)["prod/spoke7"] == account(led)


def test_a_name_that_nobody_had_for_a_while_is_still_another_account_s(world: World) -> None:
    org = organization(world)
    lose(world, range(1))
    org.accounts[account(1)].name = "other"
    assert refreshed(world)[0].code == 0
    assert refreshed(world)[0].code == 0
    org.add_account("6" * 12, PROD, "spoke0")
    org.add_account("7" * 12, PROD, "spoke1")
    done, fleet = refreshed(world)
    assert (done.code, fleet["stored"]) == (8, False)
    taken = {each["chain"]: each["replaces"] for each in fleet["changes"]}
    assert taken == {"prod/spoke0": account(0), "prod/spoke1": account(1)}
    # Who had it before may have it again.
    del org.accounts["7" * 12]
    org.accounts[account(1)].name = "spoke1"
    org.accounts["6" * 12].name = "spoke-zero"
    assert refreshed(world)[0].code == 0


def test_throttling_to_the_end_leaves_what_was_known_and_says_so(world: World) -> None:
    before, org = targets(world), organization(world)
    org.denied.add("ListAccounts")
    try:
        done, fleet = refreshed(world)
    finally:
        org.denied.clear()
    assert (done.code, fleet["stored"], fleet["accounts"]) == (5, False, COUNT)
    assert "the accounts of fleet 'prod' are not listed: they stay those of 20" in " ".join(
        done.err.split()
    )
    assert targets(world) == before


def test_a_run_names_what_it_did_not_touch(world: World) -> None:
    org = organization(world)
    some = [f"prod/spoke{number}" for number in range(4)]
    for number in (0, 1):
        world.sts.world.role(
            f"arn:aws:iam::{account(number)}:role/Audit",
            trusts=["arn:aws:iam::222222222222:role/Hub"],
        )
    first = world.rolehop("each", *some, "--format", "json", "--", "true")
    classes = {each["chain"]: each["class"] for each in map(json.loads, first.out.splitlines())}
    assert Counter(classes.values()) == {"ok": 2, "refused": 2}, first.err
    assert "leaves out" not in first.err
    lose(world, range(3))
    org.accounts[account(5)].state = "SUSPENDED"
    assert refreshed(world)[0].code == 0
    left = world.rolehop("each", "prod/spoke3", "--resume", "--format", "json", "--", "true")
    assert "not there any more, so not run: prod/spoke2\n" in left.err
    assert "fleet 'prod' leaves out: 1 suspended" in left.err
    assert [each["chain"] for each in map(json.loads, left.out.splitlines())] == ["prod/spoke3"]
    gone = world.rolehop("each", *some, "--", "true")
    assert (gone.code, "has no chain 'prod/spoke0'" in gone.err) == (3, True)
