"""``logout``: a pattern that means many sessions asks first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import HUB, SCRIPT, World, temporary_world

ACCOUNTS = [f"{600000000000 + number}" for number in range(11)]
CONFIG = f"""
[sources.me]
type = "environment"
[chains.hub]
source = "me"
hops = [{{ role = "{HUB}" }}]
[fleets.far]
from = "hub"
role = "{{account}}:role/Far"
labels = {{ env = "test" }}
accounts = {ACCOUNTS}
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with temporary_world() as world:
        world.config(CONFIG)
        for account in ACCOUNTS:
            world.sts.world.role(f"arn:aws:iam::{account}:role/Far", trusts=[HUB])
        yield world


@pytest.fixture
def world(shared: World) -> World:
    """Eleven sessions and the hub's are stored."""
    done = shared.rolehop("refresh", "far")
    assert done.code == 0, done.err
    return shared


def count(world: World) -> int:
    return len(world.rolehop("status", "--format", "json").json["sessions"])


@pytest.mark.parametrize("typed", ["far", "label:env=test", "account:6*", "hub"])
def test_many_sessions_are_not_forgotten_where_nobody_can_be_asked(
    world: World, typed: str
) -> None:
    before = count(world)
    done = world.rolehop("logout", typed)
    assert (done.code, count(world)) == (8, before)
    assert "1 sessions would be forgotten" in done.err or "2 sessions would be" in done.err
    assert "run it in a terminal, or add --yes" in done.err


def test_ten_are_and_with_yes_or_all_any_number(world: World) -> None:
    ten = [f"account:{each}" for each in ACCOUNTS[:10]]
    done = world.rolehop("logout", *ten)
    assert (done.code, done.err) == (0, "rolehop: 10 sessions forgotten\n")
    world.rolehop("refresh", "far")
    assert world.rolehop("logout", "far", "--yes").err == "rolehop: 11 sessions forgotten\n"
    world.rolehop("refresh", "far")
    assert world.rolehop("logout", "--all").err == "rolehop: 12 sessions forgotten\n"


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 130, 12), ("y", 0, 1)])
def test_who_sits_at_a_terminal_is_asked(world: World, answer: str, code: int, left: int) -> None:
    with OnTerminal(world, SCRIPT, "logout", "far") as person:
        person.expect("Forget 11 sessions? [y/N] ")
        person.types(answer)
        assert person.ended().code == code
    assert count(world) == left
