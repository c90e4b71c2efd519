"""Faults of the state folder: full, read-only, damaged, replaced by an older copy, gone."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rolehop.vault.index_file import read_text
from tests.storm.faults.arena import KEEPER, Arena, NotSurvived
from tests.storm.faults.kinds import kind

# No write into it is worth more than the session: it is said, and the walk goes on.
_COMMANDS = (["credential-process", "admin"], ["refresh", "admin", "spokes/*"])


def _under(arena: Arena, **conditions: Any) -> None:
    """Run a command whose process lacks something; it works all the same."""
    person = arena.person()
    command = arena.choice.choice(_COMMANDS)
    done = arena.run(*command, person=person, **conditions)
    if done.code != 0:
        raise NotSurvived(f"exit {done.code}")
    arena.heals(person)


kind("state: no file may be written")(lambda arena: _under(arena, file_size=0))
kind("state: full after some bytes")(
    lambda arena: _under(arena, file_size=arena.choice.randrange(1, 3000))
)


@kind("state: few files may be open")
def _few_files(arena: Arena) -> None:
    person = arena.person()
    done = arena.walk(person, open_files=arena.choice.randrange(5, 14))
    if done.code not in (0, 4, 6, 7):
        raise NotSurvived(f"exit {done.code}")
    arena.heals(person)


def _full_in(arena: Arena, *command: str) -> None:
    """A command that must write may fail, but loses nothing."""
    done = arena.run(*command, person=KEEPER, file_size=arena.choice.choice([0, 60, 900]))
    if done.code not in (0, 7):
        raise NotSurvived(f"exit {done.code}")
    arena.heals(arena.person(), kept=command[0] != "logout")


kind("state: full in logout")(lambda arena: _full_in(arena, "logout", "--all"))
kind("state: full in status")(lambda arena: _full_in(arena, "status"))


@kind("state: full in keys add")
def _full_in_keys_add(arena: Arena) -> None:
    done = arena.add_keys(file_size=arena.choice.choice([0, 60, 900]))
    if done.code not in (0, 7):
        raise NotSurvived(f"exit {done.code}")
    arena.heals(arena.person(), "by-keys")


@kind("state: full in config init")
def _full_in_config_init(arena: Arena) -> None:
    path = arena.world.home / f"{arena.person()}.toml"
    command = ("config", "init", "--config", str(path))
    done = arena.run(*command, person=KEEPER, file_size=arena.choice.choice([0, 60]))
    if done.code == 0 or path.exists():
        raise NotSurvived("half a config was written")
    if arena.run(*command, person=KEEPER).code != 0:
        raise NotSurvived("the next run fails")
    path.unlink()


@kind("state: read-only")
def _read_only(arena: Arena) -> None:
    folders = [arena.world.state, *(each for each in arena.world.state.iterdir() if each.is_dir())]
    for each in folders:
        each.chmod(0o500)
    try:
        _run_under_no_capabilities(arena)
    finally:
        for each in folders:
            each.chmod(0o700)
    arena.heals(arena.person())


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
    arena.heals(arena.person())


# ---- what is in it


def _damaged(
    arena: Arena,
    damage: Callable[[Arena, Path], object],
    *,
    every: bool = False,
    person: str = "",
) -> None:
    """Damage one file, or all; then everything goes on."""
    person = person or arena.person()
    arena.walk(person, "hub")
    files = sorted(each for each in arena.world.state.rglob("*") if each.is_file())
    for path in files if every else [arena.choice.choice(files)]:
        damage(arena, path)
    for command in (("status",), ("list",), ("plan", "admin")):
        if arena.run(*command, person=person).code != 0:
            raise NotSurvived(f"{command[0]} fails")
    if arena.walk(person).code != 0:
        raise NotSurvived("the walk fails")
    _restore(files)
    arena.heals(person)
    if arena.run("status", person=person).code != 0:
        raise NotSurvived("status fails")


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
    """Flip some bits; in the index, none that makes another session of one.

    The index is a hint without a check: a session whose key or back end is another one there is
    out of sight until it is used again, or ends.
    """
    before = path.read_bytes()
    while True:
        data = bytearray(before)
        for _ in range(arena.choice.randrange(1, 9)):
            if data:
                data[arena.choice.randrange(len(data))] ^= 1 << arena.choice.randrange(8)
        if path.name != "index.json" or _named(bytes(data)) in (None, _named(before)):
            break
    path.write_bytes(data)


def _named(index: bytes) -> object:
    """Return the sessions that an index names, with their back ends; ``None``: it is damaged."""
    found = read_text(index.decode(errors="replace"))
    if found.damaged:
        return None
    return {key: each.backend for key, each in found.sessions.items()}, found.strays


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
def _gone_meanwhile(arena: Arena) -> None:
    person = arena.person()
    delay = arena.choice.uniform(0.0, 0.3)
    with _index_lost(arena, person):
        timer = threading.Timer(delay, shutil.rmtree, (arena.world.state,), {"ignore_errors": True})
        timer.start()
        done = arena.walk(person)
        timer.join()
        if done.code != 0:
            raise NotSurvived(f"exit {done.code}")


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
    arena.heals(person)
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
    arena.heals(person)


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
