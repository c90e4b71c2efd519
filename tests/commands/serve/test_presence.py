"""A server that lives is found, kept and ended, whatever became of its note, its lock and their folder."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rolehop.commands.serve import running
from rolehop.commands.serve.presence import Presence, asked, present_servers
from tests.commands.serve.server import TOKEN_FILE, Server, serving
from tests.support.world import World, ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets")


@pytest.fixture
def served(world: World) -> Iterator[Server]:
    (world.folder / "run").mkdir(mode=0o700)
    with serving(world, "own", "--socket", "sock") as server:
        yield server


def lose_locks(world: World) -> None:
    for lock in (world.state / "servers").glob("*.lock"):
        lock.unlink()


def lose_notes(world: World) -> None:
    _remove(world.state / "servers")


def lose_state(world: World) -> None:
    _remove(world.state)


def _remove(folder: Path) -> None:
    while folder.exists():  # the server may just be writing into it
        shutil.rmtree(folder, ignore_errors=True)


def damage_notes(world: World) -> None:
    for note in (world.state / "servers").glob("*.json"):
        note.write_text("{")


@pytest.mark.parametrize("lose", [lose_locks, lose_notes, lose_state, damage_notes])
def test_a_living_server_is_seen_kept_and_ended(
    world: World, served: Server, lose: Callable[[World], None]
) -> None:
    lose(world)
    (found,) = world.rolehop("status", "--format", "json").json["servers"]
    assert found["pid"] == served.process.pid
    assert [each["chain"] for each in found["chains"]] == ["own"]
    assert Path(served.blocks[0][TOKEN_FILE]).exists()
    assert (world.home / "sock").exists()
    assert served.get()[0] == 200
    done = world.rolehop("serve", "--stop", "own")
    assert done.err == f"rolehop: the server of own (process {served.process.pid}) has ended\n"
    assert ended(served.process).code == 0
    assert list((world.folder / "run").iterdir()) == []


def test_uninstall_names_a_way_out_that_is_still_there(world: World, served: Server) -> None:
    done = world.rolehop("uninstall", "--yes")
    assert "1 server of rolehop goes on: rolehop serve --stop" in done.err
    assert not world.state.exists()
    stopped = world.rolehop("serve", "--stop")
    assert f"(process {served.process.pid}) has ended" in stopped.err
    assert ended(served.process).code == 0


def test_nothing_of_a_server_is_deleted_that_cannot_be_locked(
    world: World, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that is read-only; here no table has the server either."""

    def read_only(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(running, "locked", read_only)
    monkeypatch.setattr(running, "present_servers", lambda _: {})
    for is_listed in (True, False):
        (found,) = running._noted_servers(world.state) if is_listed else (None,)
        assert found is None or found.row.process == served.process.pid
        monkeypatch.setattr(running, "_LOCKS", Path("/dev/null"))
    assert list(running._noted_servers(world.state)) == []
    assert Path(served.blocks[0][TOKEN_FILE]).exists()
    assert len(list((world.state / "servers").glob("*.json"))) == 1


def test_where_no_table_has_servers_one_without_a_lock_is_asked_at_its_address(
    world: World, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "present_servers", lambda _: {})
    lose_locks(world)
    (found,) = running._noted_servers(world.state)
    assert running._process_of(found) == found.row.process == served.process.pid
    assert Path(served.blocks[0][TOKEN_FILE]).exists()


def test_nobody_else_is_told_and_nobody_else_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(tmp_path, "1-a")
    assert present_servers(tmp_path) == {"1-a": os.getpid()}
    assert present_servers(tmp_path / "other") == {}
    assert presence.socket is not None
    presence.socket.setblocking(True)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(presence.socket.getsockname())
        client.sendall(b"who")
        client.shutdown(socket.SHUT_WR)
        for _ in range(2):  # the first one has looked, and has gone
            presence.answer(lambda request: f"{request.decode()} is this user's")
        assert client.recv(100) == b"who is this user's"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert present_servers(tmp_path) == {}
    with pytest.raises(PermissionError):
        asked(tmp_path, "1-a")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(presence.socket.getsockname())
        client.shutdown(socket.SHUT_WR)
        for _ in range(3):  # likewise
            presence.answer(lambda request: "secret")
        assert client.recv(100) == b""
    presence.close()
