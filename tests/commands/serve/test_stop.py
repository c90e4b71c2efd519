"""``serve --stop``: servers end, and no process that a note names wrongly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.commands.serve.running import ServedChainRow, ServerRow
from rolehop.commands.serve.server import Server, ServerSettings
from rolehop.commands.serve.view import server_text
from rolehop.vault.locks import locked, name_holder, unlock
from rolehop.vault.notes import as_note
from tests.commands.serve.server import serving
from tests.support.world import World, ended

NOTE = {
    "started_at": "2026-01-01T00:00:00+00:00",
    "command": "serve",
    "address": "http://127.0.0.1:1",
    "socket": None,
    "requests": 0,
    "clients": [],
    "chains": [
        {"chain": "own", "next_renewal": None, "expires_at": None, "problem": None, "arn": ""}
    ],
    "token_file": None,
    "for_containers": False,
}


@contextmanager
def noted(world: World, process: int) -> Iterator[None]:
    """Have a note of a server with this process ID, its lock held by the tests."""
    note = world.state / "servers" / f"{process}-0.json"
    lock = locked(note.with_suffix(".lock"), 0)
    name_holder(lock, pid=process)
    note.write_text(as_note({**NOTE, "pid": process}))
    note.chmod(0o600)
    yield
    note.unlink()
    unlock(lock, note.with_suffix(".lock"))


def test_a_process_that_does_not_hold_the_lock_of_a_note_gets_no_signal(world: World) -> None:
    """It is a container's that shares the folder, or somebody is looking at a killed server's."""
    with subprocess.Popen(["sleep", "600"]) as other, noted(world, other.pid):
        assert world.rolehop("status", "--format", "json").json["servers"][0]["pid"] == other.pid
        done = world.rolehop("serve", "--stop")
        assert done.code == 1
        assert f"the server of own (process {other.pid}) runs elsewhere" in done.err
        assert other.poll() is None
        other.kill()
        assert other.wait() == -signal.SIGKILL


def test_a_server_that_ctrl_z_has_stopped_ends(world: World) -> None:
    with serving(world, "own") as server:
        server.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED | os.WNOWAIT)
        done = world.rolehop("serve", "--stop")
        assert done.err.endswith(f"(process {server.process.pid}) has ended\n")
        assert ended(server.process).code == 0
    assert list((world.state / "servers").iterdir()) == []


class _Nobody:
    def report_problem(self, chain: str, problem: object) -> None:
        """Nobody is told."""

    def report_caller(self, chain: str, arn: str) -> None:
        """Likewise."""


def test_the_note_of_a_server_goes_last(tmp_path: Path) -> None:
    """Until then `serve --stop` waits, and others remove what a killed server left."""
    tmp_path.chmod(0o700)
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    settings = ServerSettings(socket=tmp_path / "sock", token_file=tmp_path / "token")
    removed: list[str] = []
    is_watched = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.remove" and is_watched:
            removed.append(Path(str(arguments[0])).suffix or Path(str(arguments[0])).name)

    with Server(App(environ, tmp_path), settings, _Nobody()) as server:
        server.write_token()
        server.note()
        sys.addaudithook(watch)
    is_watched = False
    assert removed[:3] == ["token", "sock", ".json"]


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "c0"), (3, "c0, c1, c2"), (40, "c0, c1 and 38 more")]
)
def test_a_server_is_named_by_a_few_of_its_chains(count: int, shown: str) -> None:
    chains = tuple(ServedChainRow(f"c{each}", None, None, None, "") for each in range(count))
    row = ServerRow(7, datetime.now(UTC), "serve", "", None, 0, (), chains)
    assert server_text(row) == f"the server of {shown} (process 7)"
