"""Several processes on one vault: what is stored is always in the index, and waiting ends."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

import pytest

from rolehop.base.digest import checked_line
from rolehop.vault.locks import locked, name_holder, unlock
from tests.support.world import World


def sessions_in_sight(world: World) -> set[str]:
    """Return the hop keys that the index names."""
    return set(json.loads((world.state / "index.json").read_text())["sessions"])


def sessions_stored(world: World) -> set[str]:
    """Return the hop keys of the items in the file-backed keyring."""
    names = [path.name.partition("@")[0] for path in world.items()]
    return {name.partition("%2F")[2] for name in names}


def test_a_logout_between_entry_and_item_leaves_nothing_out_of_sight(world: World) -> None:
    world.backend = "tests.doubles.keyrings.LogsOutBeforeWrite"
    assert world.rolehop("credential-process", "hub").code == 0
    assert sessions_stored(world) <= sessions_in_sight(world)


@pytest.fixture
def locked_index(world: World) -> Iterator[World]:
    """A world whose index another process, this one, keeps locked."""
    assert world.rolehop("credential-process", "hub").code == 0
    path = world.state / "index.lock"
    lock = locked(path, time.monotonic())
    name_holder(lock)
    yield world
    unlock(lock, path)


def test_a_locked_index_is_waited_for_once_and_named(locked_index: World) -> None:
    world = locked_index
    done = world.rolehop("--debug", "credential-process", "admin")
    assert done.code == 0
    assert done.err.count("not waiting for it again") == 1
    where = world.state / "index.json"
    assert (
        f"rolehop: sessions are not stored: {where}: process {os.getpid()} keeps the index locked;"
        f" if it hangs, end it: kill {os.getpid()}\n"
    ) in done.err
    assert "writable" not in done.err
    assert sessions_stored(world) <= sessions_in_sight(world)


def test_a_locked_index_keeps_no_session_from_being_forgotten(locked_index: World) -> None:
    done = locked_index.rolehop("logout", "--all")
    assert done.code == 0
    assert sessions_stored(locked_index) == set()
    assert "keeps the index locked" in done.err


@pytest.mark.parametrize("command", ["refresh hub admin", "logout --all", "logout hub"])
def test_nobody_waits_for_a_keyring_that_asks_to_be_unlocked(world: World, command: str) -> None:
    """The question is asked before the index is locked.

    These commands, on an index that is whole, need nothing of the keyring before they change it.
    """
    world.backend = "tests.doubles.keyrings.AsksToBeUnlocked"
    world.more["DISPLAY"] = ":9"  # somebody may see the question
    asks, unlocked = world.vault / "asks", world.vault / "unlocked"
    world.vault.mkdir()
    unlocked.touch()
    assert world.rolehop("credential-process", "hub").code == 0
    assert world.rolehop("status").code == 0
    asks.unlink()
    unlocked.unlink()
    with world.fork(*command.split()) as process:
        ends_at = time.monotonic() + 60
        while not asks.exists():
            assert time.monotonic() < ends_at
            time.sleep(0.02)
        index = world.state / "index.lock"
        unlock(locked(index, time.monotonic()), index)  # raises if it is held
        unlocked.touch()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert bool(sessions_in_sight(world)) is command.startswith("refresh")


def test_nobody_waits_for_a_keyring_that_locks_itself_during_a_walk(world: World) -> None:
    world.backend = "tests.doubles.keyrings.AsksToBeUnlocked"
    world.more["DISPLAY"] = ":9"  # somebody may see the question
    asks, unlocked = world.vault / "asks", world.vault / "unlocked"
    world.vault.mkdir()
    unlocked.touch()
    world.sts.delay_seconds = 1.1  # the keyring is asked again after a second
    with world.sts.held(), world.fork("credential-process", "hub") as process:
        world.sts.wait_for_calls()
        unlocked.unlink()
        asks.unlink()
        world.sts.let_go()
        while not asks.exists():
            assert process.poll() is None
            time.sleep(0.02)
        index = world.state / "index.lock"
        unlock(locked(index, time.monotonic()), index)  # raises if it is held
        unlocked.touch()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(sessions_in_sight(world)) == 1


def test_status_waits_once_for_a_locked_index(locked_index: World) -> None:
    index = locked_index.state / "index.json"
    index.write_text("lost")
    done = locked_index.rolehop("--debug", "status")
    assert done.code == 0
    assert done.err.count("not waiting for it again") == 1
    assert "Hub" in done.out


def test_the_first_status_writes_the_index_once(world: World) -> None:
    assert world.rolehop("refresh", "*").code == 0
    (world.state / "index.json").unlink()
    done = world.rolehop("--debug", "status")
    assert done.code == 0
    assert done.err.count("index written") == 1
    assert "index written" not in world.rolehop("--debug", "status").err


def test_logout_forgets_sessions_that_lost_their_entry(world: World) -> None:
    assert world.rolehop("credential-process", "admin").code == 0
    index = world.state / "index.json"
    fields = json.loads(index.read_text())
    del fields["check"]
    index.write_text(checked_line(json.dumps({**fields, "schema": 0})))
    assert world.rolehop("logout", "--all").code == 0
    assert world.items_for_aws() == []


@pytest.mark.parametrize(
    "damage",
    [
        *("lost", "deleted", "an odd value in each entry", "one bit", "locked for good"),
        *("asked before", "walked before"),
    ],
)
def test_logout_forgets_what_a_damaged_index_no_longer_names(world: World, damage: str) -> None:
    """A session made with flags has a key that no chain of the config leads to."""
    assert world.rolehop("export", "hub", "--format", "json", "--read-only").code == 0
    index = world.state / "index.json"
    text = index.read_text()
    fields = json.loads(text)
    del fields["check"]
    (key,) = fields["sessions"]
    for entry in fields["sessions"].values():
        entry["hop"] = "1"
    damaged = {
        "an odd value in each entry": checked_line(json.dumps(fields)),
        "one bit": text.replace(key, chr(ord(key[0]) ^ 1) + key[1:]),
    }
    index.write_text(damaged.get(damage, "lost"))
    if damage == "deleted":
        index.unlink()
    if damage == "locked for good":
        (world.state / "index.lock").mkdir()
    if damage == "asked before":
        assert world.rolehop("status").code == 0
    if damage == "walked before":
        assert world.rolehop("credential-process", "admin").code == 0
    assert world.rolehop("logout", "--all").code == 0
    assert world.items_for_aws() == []


def test_logout_forgets_what_a_damaged_index_names_in_a_keyring_that_lists_nothing(
    world: World,
) -> None:
    world.more["PYTHON_KEYRING_BACKEND"] = "tests.doubles.keyrings.Unlisted"
    assert world.rolehop("export", "hub", "--format", "json", "--read-only").code == 0
    index = world.state / "index.json"
    index.write_text(index.read_text().replace('["hub"]', '["hua"]'))
    done = world.rolehop("logout", "--all")
    assert done.code == 0
    assert "the list of stored sessions was damaged" in done.err
    assert world.items_for_aws() == []


def test_a_lock_that_goes_from_one_process_to_the_next_is_waited_for(world: World) -> None:
    """A queue of many processes is no process that hangs."""
    assert world.rolehop("credential-process", "hub").code == 0
    path = world.state / "index.lock"
    lock = locked(path, time.monotonic())
    with world.fork("--debug", "credential-process", "admin") as process:
        waits_since, number = 0.0, 0
        # For six seconds of its wait: each holder for less than any waits for one.
        while not waits_since or time.monotonic() < waits_since + 6:
            name_holder(lock, again=number > 0, since=number)
            number += 1
            time.sleep(0.2)
            if not waits_since and path.with_suffix(".queue").exists():
                waits_since = time.monotonic()
            assert process.poll() is None
        unlock(lock, path)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "not waiting for it again" not in err
    assert "not stored" not in err
    assert len(sessions_in_sight(world)) == 2
