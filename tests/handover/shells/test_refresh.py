"""`rolehop refresh` where a shell holds a chain."""

from __future__ import annotations

import pytest

from tests.handover.shells.interactive import NO_KEYS
from tests.support.world import World

HELD = {**NO_KEYS, "ROLEHOP_CHAIN": "hub"}


def test_without_a_name_the_shells_own_chain_is_refreshed_and_stdout_is_silent(
    world_with_keys: World,
) -> None:
    done = world_with_keys.rolehop("refresh", env=HELD)
    assert (done.code, done.out) == (0, "")
    assert "222222222222:role/Hub" in done.err


def test_without_a_chain_in_the_shell_it_fails(world_with_keys: World) -> None:
    done = world_with_keys.rolehop("refresh", env=NO_KEYS)
    assert (done.code, done.out) == (2, "")
    assert "this shell holds none" in done.err


@pytest.mark.parametrize("pattern", ["hub", "h*", "[hx]?b"])
def test_a_shell_that_asks_gets_the_new_session_of_its_chain(
    world_with_keys: World, pattern: str
) -> None:
    done = world_with_keys.rolehop("refresh", "--shell", "fish", pattern, env=HELD)
    assert done.code == 0, done.err
    assert done.out.count("set -gx AWS_SESSION_TOKEN ") == 1
    assert "AWS_PROFILE" not in done.out


def test_another_chain_is_none_of_its_business(world_with_keys: World) -> None:
    done = world_with_keys.rolehop("refresh", "--shell", "bash", "admin", env=HELD)
    assert (done.code, done.out) == (0, "")


def test_a_shell_that_gets_into_another_account_is_told_even_by_a_silent_refresh(
    world_with_keys: World,
) -> None:
    """Its prompt still shows the same chain; the config may have changed since."""
    silent = ("refresh", "-q", "--no-prompt", "--shell", "bash")
    done = world_with_keys.rolehop(*silent, env={**HELD, "AWS_ACCOUNT_ID": "222222222222"})
    assert (done.code, done.err) == (0, "")
    done = world_with_keys.rolehop(*silent, env={**HELD, "AWS_ACCOUNT_ID": "333333333333"})
    moved = "this shell is in account 222222222222 from now on, and was in 333333333333"
    assert (done.code, done.err) == (0, f"rolehop: {moved}\n")


def test_a_failure_makes_an_eval_fail(world_with_keys: World) -> None:
    done = world_with_keys.rolehop("refresh", "--shell", "bash", "admn", env=HELD)
    assert (done.code, done.out) == (3, "false\n")


def test_if_one_of_many_fails_the_eval_fails_and_the_shell_stays_as_it_is(
    world_with_keys: World,
) -> None:
    done = world_with_keys.rolehop("refresh", "--shell", "bash", "hub", "refused", env=HELD)
    assert (done.code, done.out) == (5, "false\n")
