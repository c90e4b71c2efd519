"""What processes leave that are killed while they write a file: it is swept, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.world import World

# The program itself, killed after it has written a file and before that takes its place.
KILLED = """
import os, pathlib, signal
def killed(*paths):
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = pathlib.Path.replace = killed
os.link = killed  # a file that replaces nothing
"""


def left_by(world: World, *arguments: str, input: str | None = None) -> set[Path]:
    """Kill a command in its first write; return the files that are there because of that."""
    before = set(world.files())
    done = world.rolehop(*arguments, before=KILLED, input=input)
    assert done.code == -9, done.err
    new = set(world.files()) - before
    left = {path for path in new if ".lock" not in path.name and path.parent.name != "history"}
    assert len(left) == 1
    return left


def age(paths: set[Path], seconds: int = 3600) -> None:
    for path in paths:
        os.utime(path, (time.time() - seconds,) * 2)


def test_the_next_write_sweeps_what_a_killed_walk_left(world: World) -> None:
    left = left_by(world, "credential-process", "admin")
    age(left)
    assert world.rolehop("credential-process", "admin").code == 0
    assert not left & set(world.files())


def test_what_may_still_be_written_stays(world: World) -> None:
    left = left_by(world, "credential-process", "admin")
    assert world.rolehop("credential-process", "admin").code == 0
    assert left < set(world.files())


@pytest.mark.parametrize("folder", ["flags", "hot", "recent-failures", "sdk", "shell"])
def test_every_folder_of_the_state_is_swept(world: World, folder: str) -> None:
    (left,) = left_by(world, "credential-process", "admin")
    moved = left.parent / folder / left.name.replace("index.json", "AKIAIOSFODNN7EXAMPLE.json")
    moved.parent.mkdir(mode=0o700, exist_ok=True)
    left.rename(moved)
    others = {moved.parent / ".hidden", moved.parent / f"{moved.name}.json"}
    for other in others:
        other.touch()
    age({moved, *others})
    assert world.rolehop("refresh", "admin").code == 0
    assert not moved.exists()
    assert all(other.exists() for other in others)


def test_a_config_that_was_not_finished_is_swept_with_the_next_one(world: World) -> None:
    world.config_file.unlink()
    init = ("config", "init")
    left = left_by(world, *init, input="\n" * 20)
    others = {world.config_file.parent / ".other.toml.123.01234567"}
    for other in others:
        other.touch()
    age(left | others)
    assert world.rolehop(*init, input="\n" * 20).code == 0
    assert not left & set(world.files())
    assert others < set(world.files())


def test_logout_deletes_an_unfinished_note_at_once(world: World) -> None:
    """There may be a reason or a session policy in it."""
    (left,) = left_by(world, "credential-process", "admin")
    note = left.parent / "flags" / left.name.replace("index.json", "AKIAIOSFODNN7EXAMPLE.json")
    note.parent.mkdir(mode=0o700)
    left.rename(note)
    assert world.rolehop("logout", "--all").code == 0
    assert not note.exists()


def test_locks_of_killed_processes_are_swept_and_held_ones_are_not(world: World) -> None:
    folder = world.state / "locks"
    folder.mkdir(parents=True, mode=0o700)
    dead = {folder / f"{number:032x}.lock" for number in range(3)}
    for path in dead:
        path.touch(0o600)
    age(dead, 2 * 24 * 3600)
    young = folder / f"{9:032x}.lock"
    young.touch(0o600)
    assert world.rolehop("credential-process", "admin").code == 0
    assert not dead & set(world.files())
    assert young.exists()


def test_places_in_a_queue_of_killed_processes_are_swept(world: World) -> None:
    queues = [world.state / "index.queue", world.state / "locks" / f"{1:032x}.queue"]
    for queue in queues:
        queue.mkdir(parents=True, mode=0o700)
        (queue / "00000000000000000001-1-1").touch(0o600)
    age({each for queue in queues for each in queue.iterdir()}, 10)
    assert world.rolehop("credential-process", "admin").code == 0
    assert not any(queue.exists() for queue in queues)
