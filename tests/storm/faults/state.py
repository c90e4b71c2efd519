"""Faults of the state folder: full, read-only, damaged, replaced by an older copy, gone."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.storm.faults.arena import KEEPER, Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.storm.faults.locks import leave_lock
from tests.storm.faults.moments import meanwhile

# No write into it is worth more than the session: it is said, and the walk goes on.
_COMMANDS = (["credential-process", "admin"], ["refresh", "admin", "spokes/*"])
_OF_INDEX = 0.3  # of the damages of one file; the others are of any


def _under(arena: Arena, **conditions: Any) -> bool:
    """Run a command whose process lacks something; it works all the same."""
    person = arena.person()
    command = arena.choice.choice(_COMMANDS)
    done = arena.run(*command, person=person, **conditions)
    if done.code != 0:
        raise NotSurvived(f"exit {done.code}")
    arena.heals(person)
    return arena.met > 0


kind("state: no file may be written")(lambda arena: _under(arena, file_size=0))
kind("state: full after some bytes")(lambda arena: _under(arena, file_size=arena.any_step(3000)))


@kind("state: few files may be open")
def _few_files(arena: Arena) -> bool:
    person = arena.person()
    done = arena.walk(person, open_files=5 + arena.any_step(9))
    if done.code not in (0, 4, 6, 7):
        raise NotSurvived(f"exit {done.code}")
    arena.heals(person)
    return arena.met > 0


def _full_in(arena: Arena, *command: str) -> bool:
    """A command that must write may fail, but loses nothing."""
    done = arena.run(*command, person=KEEPER, file_size=arena.choice.choice([0, 60, 900]))
    if done.code not in (0, 7):
        raise NotSurvived(f"exit {done.code}")
    arena.heals(arena.person(), kept=command[0] != "logout", others=False)
    return arena.met > 0


kind("state: full in logout")(lambda arena: _full_in(arena, "logout", "--all"))


@kind("state: full in status")
def _full_in_status(arena: Arena) -> bool:
    """It notes what it finds in the keyring if the index is damaged."""
    (arena.world.state / "index.json").write_text("{")
    return _full_in(arena, "status")


@kind("state: full in keys add")
def _full_in_keys_add(arena: Arena) -> bool:
    done = arena.add_keys(file_size=arena.choice.choice([0, 60, 900]))
    if done.code not in (0, 7):
        raise NotSurvived(f"exit {done.code}")
    arena.heals(arena.person(), "by-keys")
    return arena.met > 0


@kind("state: full in config init")
def _full_in_config_init(arena: Arena) -> bool:
    path = arena.world.home / f"{arena.person()}.toml"
    command = ("config", "init", "--config", str(path))
    done = arena.run(*command, person=KEEPER, file_size=arena.choice.choice([0, 60]))
    if done.code == 0 or path.exists():
        raise NotSurvived("half a config was written")
    if arena.run(*command, person=KEEPER).code != 0:
        raise NotSurvived("the next run fails")
    path.unlink()
    return arena.met > 0


@kind("state: read-only")
def _read_only(arena: Arena) -> bool:
    folders = [arena.world.state, *(each for each in arena.world.state.iterdir() if each.is_dir())]
    index = arena.world.state / "index.json"
    before = index.read_bytes()
    for each in folders:
        each.chmod(0o500)
    try:
        _run_under_no_capabilities(arena)
    finally:
        for each in folders:
            each.chmod(0o700)
    could_write = index.read_bytes() != before
    arena.heals(arena.person())
    return not could_write


def _run_under_no_capabilities(arena: Arena) -> None:
    person = arena.person()
    done = arena.run(*arena.choice.choice(_COMMANDS), person=person, no_capabilities=True)
    if done.code != 0:
        raise NotSurvived(f"exit {done.code}")


@kind("state: nothing in it may be read")
def _unreadable(arena: Arena) -> None:
    files = [each for each in arena.world.state.rglob("*") if each.is_file()]
    for each in files:
        each.chmod(0)
    try:
        _run_under_no_capabilities(arena)
    finally:
        for each in files:
            if each.exists():
                each.chmod(0o600)
    arena.heals(arena.person(), others=False)


# ---- what is in it


def _damaged(
    arena: Arena,
    damage: Callable[[Arena, Path], object],
    *,
    every: bool = False,
    person: str = "",
) -> None:
    """Damage one file that says something, or all; then everything goes on, and all is in sight."""
    person = person or arena.person()
    arena.walk(person, "hub")
    shown = arena.shown(person)
    leave_lock(arena.world.state)
    files = sorted(each for each in arena.world.state.rglob("*") if each.is_file())
    files = [each for each in files if each.stat().st_size]
    index = [each for each in files if each.name == "index.json"]
    one = arena.choice.choice(index if arena.choice.random() < _OF_INDEX else files)
    for path in files if every else [one]:
        damage(arena, path)
    _expect_shown(arena, person, shown)
    for command in (("list",), ("plan", "admin")):
        if arena.run(*command, person=person).code != 0:
            raise NotSurvived(f"{command[0]} fails")
    if arena.walk(person).code != 0:
        raise NotSurvived("the walk fails")
    _restore(files)
    arena.heals(person, others=False)
    _expect_shown(arena, person, shown)


def _expect_shown(arena: Arena, person: str, before: Counter[str]) -> None:
    hidden = before - arena.shown(person)
    if hidden:
        raise NotSurvived(f"status shows no longer: {sorted(hidden)}")


def _restore(files: list[Path]) -> None:
    """Take away what somebody must have planted: rolehop leaves it alone, but does not use it."""
    for path in files:
        if path.is_symlink() or path.is_fifo():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.chmod(0o600)


@contextmanager
def _index_lost(arena: Arena, person: str) -> Iterator[None]:
    """Lose the index in here.

    An index that is gone, and not damaged, may be new and say nothing of what others stored in
    this keyring: only sessions of configured chains are looked for. So of others there are none.
    """
    arena.log_out()
    yield
    for each in (person, KEEPER):
        if arena.run("status", person=each).code != 0:
            raise NotSurvived("status fails")
        arena.heals(each, "hub")
    arena.heals(person)


def _flip(arena: Arena, path: Path) -> None:
    """Flip one bit, or some."""
    data = bytearray(path.read_bytes())
    for bit in arena.choice.sample(range(8 * len(data)), arena.choice.choice([1, 1, 2, 8])):
        data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def _cut(arena: Arena, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: arena.choice.randrange(len(data) or 1)])


def _as_folder(_: Arena, path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()


def _as_link(arena: Arena, path: Path) -> None:
    target = arena.world.folder / "target"
    target.write_text("not to be touched")
    path.unlink()
    path.symlink_to(target)


def _as_pipe(_: Arena, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


for _name, _damage in {
    "bits flipped": _flip,
    "cut short": _cut,
    "emptied": lambda _, path: path.write_bytes(b""),
    "zeros": lambda _, path: path.write_bytes(bytes(path.stat().st_size)),
    "deep JSON": lambda _, path: path.write_bytes(b"[" * 100_000),
    "a pipe": _as_pipe,
    "writable for all": lambda _, path: path.chmod(0o666),
}.items():
    kind(f"state: a file {_name}")(
        lambda arena, damage=_damage: _damaged(arena, damage)  # type: ignore[misc]
    )
    kind(f"state: every file {_name}")(
        lambda arena, damage=_damage: _damaged(arena, damage, every=True)  # type: ignore[misc]
    )


@kind("state: a link in the place of each file")
def _links(arena: Arena) -> None:
    _damaged(arena, _as_link, every=True)
    if (arena.world.folder / "target").read_text() != "not to be touched":
        raise NotSurvived("what a link led to was written")


@kind("state: a folder in the place of a file")
def _folder(arena: Arena) -> None:
    person = arena.person()
    with _index_lost(arena, person):  # no index can be written, and then there is none
        _damaged(arena, _as_folder, person=person)


@kind("state: a file gone")
def _file_gone(arena: Arena) -> None:
    person = arena.person()
    with _index_lost(arena, person):
        _damaged(arena, lambda _, path: path.unlink(), person=person)


@kind("state: gone")
def _gone(arena: Arena) -> None:
    person = arena.person()
    with _index_lost(arena, person):
        arena.walk(person, "hub")
        shutil.rmtree(arena.world.state)


@kind("state: every file gone")
def _all_gone(arena: Arena) -> None:
    person = arena.person()
    with _index_lost(arena, person):
        _damaged(arena, lambda _, path: path.unlink(), every=True, person=person)


@kind("state: gone during a walk")
def _gone_meanwhile(arena: Arena) -> bool:
    def take_away() -> None:
        shutil.rmtree(arena.world.state, ignore_errors=True)

    person = arena.person()
    with _index_lost(arena, person):
        step = arena.any_step(140)
        with meanwhile(arena.world.folder, step, take_away) as meeting:
            done = arena.walk(person, **meeting.conditions)
        if done.code != 0:
            raise NotSurvived(f"exit {done.code}")
    return meeting.has_happened


@kind("state: an older copy")
def _older(arena: Arena) -> None:
    """As a backup brings it back: between the two, somebody walked, and keys were replaced.

    A session from in between is seen again when it is used; until then it is out of sight, also of
    `logout --all`, for an index of some other folder may name it.
    """
    person = arena.person()
    copy = arena.world.folder / "copy"
    shutil.copytree(arena.world.state, copy)
    arena.walk(person)
    arena.add_keys(arena.choice.choice(arena.bob.keys))
    shutil.rmtree(arena.world.state)
    copy.rename(arena.world.state)
    arena.heals(person, in_sight=False)
    arena.heals(person, "hub")


@kind("state: two files swapped")
def _swapped(arena: Arena) -> None:
    person = arena.person()
    arena.walk(person, "hub")
    files = sorted(each for each in arena.world.state.rglob("*") if each.is_file())
    first, second = arena.choice.sample(files, 2)
    beside = first.with_name("beside")
    first.rename(beside)
    second.rename(first)
    beside.rename(second)
    arena.heals(person, others=False)


@kind("state: two people's records swapped")
def _records_swapped(arena: Arena) -> None:
    """A record of the hot path says which session is whose answer."""
    _expect_walks(arena, ["hub", "admin"])
    hot = arena.world.state / "hot"
    records = sorted(each for each in hot.rglob("*") if each.is_file())
    texts = [each.read_bytes() for each in records]
    for path, text in zip(records, arena.choice.sample(texts, len(texts)), strict=True):
        path.write_bytes(text)
    _expect_walks(arena, ["hub", "admin"])
    arena.heals(arena.person())


def _expect_walks(arena: Arena, chains: list[str]) -> None:
    for person in (KEEPER, arena.person()):
        for chain in chains:
            if arena.walk(person, chain).code != 0:
                raise NotSurvived("a walk fails")
