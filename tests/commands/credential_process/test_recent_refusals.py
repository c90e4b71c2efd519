"""A refused hop is not asked for again at once by an SDK, which repeats what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import ADMIN, HUB, World, at_time

PROCESS = ("credential-process", "admin")


@pytest.fixture
def refused(world: World) -> World:
    """A world in which AWS has just refused hop 2."""
    del world.sts.world.roles[ADMIN]
    assert world.rolehop(*PROCESS).code == 5
    assert world.sts.roles_called == [HUB, ADMIN]
    world.sts.calls.clear()
    return world


def note_of(world: World) -> Path:
    (found,) = world.state.glob("recent-failures/refusal-*.json")
    return found


def test_it_is_asked_once_in_five_seconds(refused: World) -> None:
    noted_at = note_of(refused).stat().st_mtime
    done = refused.rolehop(*PROCESS, before=at_time(noted_at + 4))
    assert (done.code, done.out) == (5, "")
    assert "AWS refused hop 2 of admin, " in done.err
    assert "AccessDenied" in done.err
    assert "seconds ago" in done.err
    assert refused.sts.calls == []


@pytest.mark.parametrize("seconds", [6, -60], ids=["old", "from-the-future"])
def test_only_a_fresh_note_counts(refused: World, seconds: int) -> None:
    noted_at = note_of(refused).stat().st_mtime
    assert refused.rolehop(*PROCESS, before=at_time(noted_at + seconds)).code == 5
    assert refused.sts.roles_called == [ADMIN]


@pytest.mark.parametrize("command", ["refresh admin", "export admin", "exec admin -- true"])
def test_other_commands_ask_at_once(refused: World, command: str) -> None:
    assert refused.rolehop(*command.split()).code == 5
    assert ADMIN in refused.sts.roles_called


def test_a_changed_config_asks_at_once(refused: World) -> None:
    text = refused.config_file.read_text()
    refused.config(text.replace('"333333333333:role/Admin"', f'"{ADMIN}"\nsession_name = "xy"'))
    assert refused.rolehop(*PROCESS).code == 5
    assert refused.sts.roles_called == [ADMIN]


def test_a_session_that_came_meanwhile_is_handed_out(refused: World) -> None:
    refused.sts.world.role(ADMIN, trusts=[HUB])
    assert refused.rolehop("refresh", "admin").code == 0
    assert not list(refused.state.glob("recent-failures/refusal-*.json"))
    assert refused.rolehop(*PROCESS).code == 0


def test_other_refusals_are_asked_for_again(world: World) -> None:
    for _ in range(2):
        world.sts.fail(1, status=400, code="PackedPolicyTooLarge")
        assert world.rolehop(*PROCESS).code == 5
    assert world.sts.roles_called == [HUB, HUB]
