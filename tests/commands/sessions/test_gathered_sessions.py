"""The vault of a long run: finds what it got, stores it some at a time, and not all of very many."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.base.dataclass import replace
from rolehop.base.durations import start_of_machine
from rolehop.vault import deferred_writes
from rolehop.vault.deferred_writes import MOST_STORED, MOST_WAITING, BatchVault, GatheringVault
from tests.doubles import keyrings
from tests.vault.samples import NOW, World, chosen, hop_step, session


def gathering(folder: Path) -> tuple[GatheringVault, World]:
    back_end = chosen(keyrings.InMemory())
    world = World(folder, lambda: back_end)
    return GatheringVault(world.vault, lambda: 0.0), world


def stored(world: World) -> set[str]:
    return set(world.vault.index.load().sessions)


def test_sessions_are_found_at_once_and_stored_some_at_a_time(tmp_path: Path) -> None:
    vault, world = gathering(tmp_path)
    steps = [hop_step(f"spoke-{number}") for number in range(MOST_WAITING + 1)]
    for step in steps[: MOST_WAITING - 1]:
        vault.put(step, session(step.key), "a")
    assert stored(world) == set()
    assert vault.get(steps[0], "b") == session(steps[0].key)
    for step in steps[MOST_WAITING - 1 :]:
        vault.put(step, session(step.key), "a")
    assert stored(world) == {step.key for step in steps[:MOST_WAITING]}
    assert world.vault.index.load().sessions[steps[0].key].chains == ("a", "b")
    vault.store()
    assert stored(world) == {step.key for step in steps}
    assert GatheringVault(world.vault).get(steps[-1], "a") == session(steps[-1].key)


def test_of_very_many_the_first_are_stored_and_those_that_sign_others(tmp_path: Path) -> None:
    vault, world = gathering(tmp_path)
    first = [hop_step(f"spoke-{number}") for number in range(MOST_STORED)]
    hub = hop_step("another hub")
    below = [hop_step(f"below-{number}", parent="another hub", number=2) for number in range(300)]
    for step in (*first, hub, *below):
        vault.put(step, session(step.key), "a")
        assert len(vault._found) <= deferred_writes._MOST_FOUND + MOST_WAITING
    vault.store()
    assert stored(world) == {step.key for step in (*first, hub)}
    vault.put(first[0], session("renewed"), "a")
    vault.store()
    assert world.vault.find(first[0]) == session("renewed")


@pytest.mark.parametrize("kind", [GatheringVault, BatchVault])
def test_a_clock_that_is_set_before_a_session_is_stored_lengthens_it_no_more_than_after(
    tmp_path: Path, kind: type[GatheringVault] | type[BatchVault]
) -> None:
    """It was two hours ahead of AWS's, and set right while the session waited."""
    _, world = gathering(tmp_path)
    vault, step, made, ahead = kind(world.vault), hop_step(), session(), timedelta(hours=2)
    credentials = replace(made.credentials, clock_offset=-ahead)
    started_at = start_of_machine(NOW) + ahead
    made = replace(
        made, credentials=credentials, issued_at=made.issued_at + ahead, started_at=started_at
    )
    vault.put(step, made, "a")
    vault.store(*([lambda done, total: None] if kind is BatchVault else []))
    found = world.vault.find(step)
    assert found == made
    assert found.ends_at(NOW) == made.expires_at
    assert world.vault.index.load().sessions[step.key].local_expires_at == made.expires_at


@pytest.mark.parametrize("kind", [GatheringVault, BatchVault])
def test_a_session_that_aws_rejects_is_dropped_unless_another_is_there_now(
    tmp_path: Path, kind: type[GatheringVault] | type[BatchVault]
) -> None:
    _, world = gathering(tmp_path)
    vault, step = kind(world.vault), hop_step()
    made = session()
    world.vault.put(step, made, "a")
    vault.put(step, made, "a")
    vault.drop(step.key, "ASIAANOTHER000000")
    assert vault.get(step, "a") == made
    assert world.vault.find(step) == made
    vault.drop(step.key, made.credentials.access_key_id)
    assert vault.get(step, "a") is None
    assert stored(world) == set()


def test_what_was_left_out_and_is_dropped_is_not_stored_for_those_that_it_signs(
    tmp_path: Path,
) -> None:
    vault, world = gathering(tmp_path)
    first = [hop_step(f"spoke-{number}") for number in range(MOST_STORED)]
    hub, below = hop_step("another hub"), hop_step("below", parent="another hub", number=2)
    for step in (*first, hub):
        vault.put(step, session(step.key), "a")
    vault.drop(hub.key, session(hub.key).credentials.access_key_id)
    vault.put(below, session(below.key), "a")
    vault.store()
    assert stored(world) == {step.key for step in first}
