"""A state folder on a disk that is full: a small one, in memory, where this process may mount it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.storm.faults.arena import KEEPER, Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.storm.process_conditions import mount_small_disk, unmount

_PAGE = 4096  # bytes; what a file takes there is a multiple of it
_SPARE = 64  # pages besides what is there already


@contextmanager
def _on_small_disk(arena: Arena) -> Iterator[Path]:
    """Move the state folder to a disk of its own, and back; yield the file that fills the disk."""
    state = arena.world.state
    before = state.with_name("elsewhere")
    pages = sum(each.stat().st_size // _PAGE + 2 for each in state.rglob("*"))
    state.rename(before)
    state.mkdir(0o700)
    mount_small_disk(state, (pages + _SPARE) * _PAGE)
    try:
        shutil.copytree(before, state, dirs_exist_ok=True)
        shutil.rmtree(before)
        yield state / "filler"
    finally:
        shutil.copytree(state, before, dirs_exist_ok=True)
        unmount(state)
        state.rmdir()
        before.rename(state)


def _fill(path: Path, left: int) -> None:
    """Write until the disk is full, and give ``left`` pages back."""
    with path.open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(_PAGE)):
                pass
        size = file.seek(0, os.SEEK_END)
        file.truncate(max(0, size - left * _PAGE))


def _filled(arena: Arena, *command: str, codes: tuple[int, ...], kept: bool = True) -> bool:
    """Run a command that wants to write, on a disk with no page left, or a few."""
    person = KEEPER if command[0] in ("logout", "keys") else arena.person()
    with _on_small_disk(arena) as filler:
        _fill(filler, arena.choice.choice([0, 0, 1, 2]) if arena.attempt == 0 else 0)
        index = arena.world.state / "index.json"
        before = index.read_bytes()
        done = arena.add_keys() if command[0] == "keys" else arena.run(*command, person=person)
        is_full = index.read_bytes() == before
        filler.unlink()
        if done.code not in codes:
            raise NotSurvived(f"exit {done.code}")
        arena.heals(arena.person(), "by-keys" if command[0] == "keys" else "admin", kept=kept)
    arena.heals(arena.person())
    return is_full


@kind("disk: full in a walk", mounts=True)
def _full_in_walk(arena: Arena) -> bool:
    return _filled(arena, "credential-process", "admin", codes=(0,))


@kind("disk: full in refresh", mounts=True)
def _full_in_refresh(arena: Arena) -> bool:
    return _filled(arena, "refresh", "admin", "spokes/*", codes=(0,))


@kind("disk: full in logout", mounts=True)
def _full_in_logout(arena: Arena) -> bool:
    return _filled(arena, "logout", "--all", codes=(0, 7), kept=False)


@kind("disk: full in keys add", mounts=True)
def _full_in_keys_add(arena: Arena) -> bool:
    return _filled(arena, "keys", "add", codes=(0, 7))
