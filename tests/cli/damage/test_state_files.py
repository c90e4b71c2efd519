"""Every file and folder of the state, damaged or closed: commands do without, or say what is wrong."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import ADMIN, AUDITS, HUB, Done, World, temporary_world

COMMANDS = {
    "credential-process admin": 0,
    "credential-process spokes/444444444444": 5,
    "export admin": 0,
    "assume hub --read-only --shell sh": 0,
    "status": 0,
    "status --format json": 0,
    "list": 0,
    "plan admin": 0,
    "show admin": 0,
    "refresh admin": 0,
    "explain --last": None,  # 5, or 2 if the note is no longer there
    "logout hub": 0,
    "logout --all": 0,
}
DAMAGE = {
    "empty": b"",
    "cut-off": b'{"schema": 1, "chains": {"adm',
    "null": b"null",
    "a-list": b"[]",
    "other-types": b'{"schema": 1, "chain": 7, "at": [], "chains": [1], "asked": 3, "sessions": [2]}',
    "5000-digits": b'{"schema": 1, "at": "'
    + b"9" * 5_000
    + b'", "exit_code": '
    + b"9" * 5_000
    + b"}",
    "400-digits": b'{"schema": 1, "chains": {"admin": [1' + b"0" * 400 + b", 1]}}",
    "not-finite": b'{"schema": 1, "chains": {"admin": [NaN, Infinity]}, "exit_code": NaN}',
    "deep": b'{"schema":' * 50_000,
    "not-utf-8": b"\xff\xfe\x00",
    "long": b" " * 5_000_000,
}


@pytest.fixture(scope="module")
def full() -> Iterator[World]:
    """A world whose state folder has a file of every kind."""
    with temporary_world() as world:
        assert world.rolehop("credential-process", "admin").code == 0
        assert world.rolehop("assume", "hub", "--read-only", "--shell", "sh").code == 0
        del world.sts.world.roles[AUDITS[0]]
        assert world.rolehop("credential-process", "spokes/444444444444").code == 5
        assert {"flags", "recent-failures", "sdk"} <= {path.name for path in world.state.iterdir()}
        shutil.copytree(world.state, world.folder / "state")
        shutil.copytree(world.vault, world.folder / "stored")
        yield world


@pytest.fixture
def fresh(full: World) -> Iterator[World]:
    """The same for each test."""
    yield full
    for path in (full.state, *full.state.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    _restore(full)


def _restore(world: World) -> None:
    for path, kept in ((world.state, "state"), (world.vault, "stored")):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(world.folder / kept, path)


def check(done: Done, command: str) -> None:
    wanted = COMMANDS[command]
    assert done.code == wanted if wanted is not None else done.code in (2, 5), (command, done.err)
    assert "unexpected happened" not in done.err, command
    assert "Traceback" not in done.err, command


def _files(world: World) -> list[Path]:
    return [path for path in world.state.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files(fresh: World, damage: str) -> None:
    for command in COMMANDS:
        for path in _files(fresh):
            path.write_bytes(DAMAGE[damage])
        check(fresh.rolehop(*command.split()), command)


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "dangling"])
def test_files_that_are_something_else(fresh: World, kind: str) -> None:
    for path in _files(fresh):
        path.unlink()
        if kind == "folder":
            (path / "x").mkdir(parents=True)
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(path if kind == "loop" else "nowhere")
    for command in COMMANDS:
        check(fresh.rolehop(*command.split()), command)


def test_folders_that_are_files(fresh: World) -> None:
    for path in list(fresh.state.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
            path.touch()
    for command in COMMANDS:
        check(fresh.rolehop(*command.split()), command)


# The program without the capabilities by which root searches and writes every folder
# (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; capset(2)).
CLOSED_OUT = """
import ctypes
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capget(header, sets) == 0
sets[0] &= ~0b110  # those in effect
sets[1] &= ~0b110  # those that may come into effect
assert ctypes.CDLL(None).capset(header, sets) == 0
"""


@pytest.mark.parametrize("mode", [0o000, 0o500], ids=oct)
@pytest.mark.parametrize("folder", ["", "locks", "flags", "recent-failures", "sdk"])
def test_folders_without_permission(fresh: World, folder: str, mode: int) -> None:
    path = fresh.state / folder
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    probe = f"open({str(path / 'probe')!r}, 'w')"
    closed = fresh.run(sys.executable, "-c", CLOSED_OUT + probe)
    assert "PermissionError" in closed.err
    for command in ("credential-process admin", "status", "refresh admin", "logout --all"):
        done = fresh.rolehop(*command.split(), before=CLOSED_OUT)
        if mode == 0 and command.startswith("logout"):
            assert done.code == 7, done.err
            assert f"{path} cannot be inspected: Permission denied" in done.err
        else:
            check(done, command)


def test_an_index_that_cannot_be_written_names_the_cause(fresh: World) -> None:
    fresh.state.chmod(0o500)
    done = fresh.rolehop("refresh", "admin", before=CLOSED_OUT)
    assert done.code == 0
    where = fresh.state / "index.json"
    assert f"{where}: Permission denied; make that folder writable" in done.err
    assert fresh.sts.roles_called[-2:] == [HUB, ADMIN]
