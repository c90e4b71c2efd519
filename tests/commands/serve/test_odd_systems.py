"""Servers on systems that lack something: memory for a token, locks, signals, /proc, fork."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.proof import UNASKED
from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import UsageError
from rolehop.commands.serve import running, token_file
from rolehop.commands.serve.companion import WatchedProcess
from rolehop.commands.serve.keeper import StartedChain
from rolehop.commands.serve.rival_files import rival_files
from rolehop.commands.serve.running import ServerNote, running_servers
from rolehop.commands.serve.server import Server, ServerSettings, who_listens
from rolehop.commands.serve.stop_signals import StopSignals
from rolehop.commands.serve.token_file import check_token_path
from rolehop.plan.walk_options import WalkOptions
from rolehop.vault.locks import locked, name_holder, unlock
from rolehop.vault.notes import as_note

NOW = datetime.now(UTC)
ENDS = NOW + timedelta(hours=1)
SESSION = Session(
    Credentials("ASIA1", Secret("s3cret"), Secret("t0ken"), ENDS), "arn", "333333333333", NOW, ENDS
)
NOTE = {
    "pid": 1,
    "started_at": "2026-01-01T00:00:00+00:00",
    "command": "serve",
    "address": "http://127.0.0.1:1",
    "socket": None,
    "requests": 0,
    "clients": [],
    "chains": [],
    "token_file": None,
    "for_containers": False,
}


class _Same:
    """Gives the same session whatever happens."""

    def __call__(self) -> Session:
        return SESSION

    def has_changed(self) -> bool:
        return False

    def is_same(self) -> bool:
        return True


class _Nobody:
    def report_problem(self, chain: str, problem: object) -> None:
        """Nobody is told."""

    def report_caller(self, chain: str, arn: str) -> None:
        """Likewise."""


@pytest.fixture
def app(tmp_path: Path) -> App:
    tmp_path.chmod(0o700)
    return App({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}, tmp_path)


def server(app: App, settings: ServerSettings) -> Server:
    made = Server(app, settings, _Nobody())
    made.add(StartedChain("admin", SESSION, None, "eu-west-1", _Same(), WalkOptions(), UNASKED))
    return made


def test_without_a_place_in_memory_no_token_is_written(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_file, "_MOUNTS", tmp_path / "none")
    without = App({"HOME": str(tmp_path)}, tmp_path)
    with server(without, ServerSettings()) as made:
        made.write_token()
        assert made.token_path is None
        changes = dict(made.changes("admin"))
    assert changes["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    assert not changes.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    with pytest.raises(UsageError, match="would be on a disk"):
        check_token_path(tmp_path / "token", {})
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 0 0:1 / {tmp_path} rw - tmpfs tmpfs rw\n")
    monkeypatch.setattr(token_file, "_MOUNTS", mounts)
    with server(without, ServerSettings(token_file=tmp_path / "token")) as made:
        made.write_token()
        assert made.token_path == tmp_path / "token"
    assert not (tmp_path / "token").exists()


def test_a_token_never_replaces_a_file(app: App, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        server(app, ServerSettings(token_file=tmp_path / "token"))
    assert (tmp_path / "token").read_text() == "mine"


def test_a_recipe_mounts_the_folder_of_a_socket_by_its_own_path(app: App, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    runtime = {**app.variables, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    for path, folder in (
        (tmp_path / "sock", f"{tmp_path}:"),
        (tmp_path / "run" / "sock", "${XDG_RUNTIME_DIR}/"),
        (None, None),
    ):
        with server(App(runtime, tmp_path), ServerSettings(socket=path)) as made:
            text = made.docker_recipe("compose")
        assert folder is None or folder in text
        assert (":/run/rolehop:ro" in text) == (path is not None)


def test_one_server_is_for_containers_and_others_are_not_in_its_way(
    app: App, tmp_path: Path
) -> None:
    usual = ServerSettings(for_containers=True)
    (tmp_path / "other").mkdir(mode=0o700)
    with server(app, usual) as made:
        made.note()
        with pytest.raises(UsageError, match="a server for containers runs already") as caught:
            server(app, usual)
        assert caught.value.cause == f"process {os.getpid()} serves admin"
        with server(app, replace(usual, socket=tmp_path / "other" / "sock")) as other:
            assert "/other" in other.docker_recipe("compose")


def test_where_containers_are_in_a_vm_they_reach_a_port(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("rolehop.commands.serve.server.FORWARDED_PORT", 0)  # any that is free
    with server(app, ServerSettings(for_containers=True)) as made:
        assert ":/run/rolehop:ro" not in made.docker_recipe("compose")


def test_where_no_system_tells_of_the_end_of_a_process_a_server_looks(app: App) -> None:
    client = WatchedProcess()
    client.close()
    client.file = None
    with server(app, ServerSettings()) as made:
        tick = made._tick_of(client)
        left = tick()
        assert left is not None
        assert 0 <= left <= 0.5
        made._signals.was_received = True
        assert tick() is None


_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4  # prctl(2)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own rules hold")
@pytest.mark.parametrize("is_beside", [True, False], ids=["each", "serve"])
def test_no_other_program_reads_the_memory_of_a_server(app: App, is_beside: bool) -> None:
    """However it is started; what it starts is as it always is."""
    prctl = ctypes.CDLL(None).prctl
    before = prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    with server(app, ServerSettings(command="each")) as made:
        try:
            prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
            if is_beside:
                with made.running_beside():
                    found = prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
            else:
                with made._new_loop(None):
                    found = prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
        finally:
            prctl(_PR_SET_DUMPABLE, before, 0, 0, 0)
    assert found == 0
    assert resource.getrlimit(resource.RLIMIT_CORE) == limits


def test_a_server_without_a_state_folder_is_not_noted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    note = ServerNote(tmp_path / "file")
    note.store(NOTE)
    note.remove()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_the_note_of_a_killed_server_goes_with_what_it_names(app: App, tmp_path: Path) -> None:
    left = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(left))
    folder = app.state_folder / "servers"
    folder.mkdir(mode=0o700, parents=True)
    for number, path in enumerate((None, str(left))):
        (folder / f"1-{number}.json").write_text(as_note({**NOTE, "socket": path}))
        (folder / f"1-{number}.json").chmod(0o600)
    assert running_servers(app) == []
    assert not left.exists()
    assert list(folder.glob("*.json")) == []


def test_signals_that_a_system_lacks_or_another_took_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ours(*_: object) -> None:
        """Do nothing."""

    def others(*_: object) -> None:
        """Likewise."""

    monkeypatch.delattr(signal, "SIGHUP")
    before = signal.signal(signal.SIGTERM, ours)
    try:
        with StopSignals():
            signal.signal(signal.SIGTERM, others)
        assert signal.getsignal(signal.SIGTERM) is others
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_lock_that_the_system_does_not_list_is_held_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    monkeypatch.setattr(running, "_LOCKS", tmp_path / "locks")
    listed = f"1: FLOCK  ADVISORY  WRITE 7 08:01:{lock.stat().st_ino} 0 EOF"
    for rows, holder in ((f"{listed}\n", 7), (listed.replace("FLOCK", "POSIX"), None), ("", None)):
        (tmp_path / "locks").write_text(rows)
        assert running._holder_of(lock) == holder


def test_a_process_gets_a_signal_also_where_it_has_no_handle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(process: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refused, raising=False)
    received: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        with running._handle_of(os.getpid()) as send:
            send(signal.SIGUSR1)
        assert received == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_server_ends_also_where_no_signal_wakes_a_stopped_one(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = app.state_folder / "servers"
    folder.mkdir(mode=0o700, parents=True)
    note = folder / "1-1.json"
    note.write_text(as_note({**NOTE, "pid": os.getpid()}))
    note.chmod(0o600)
    lock = locked(note.with_suffix(".lock"), 0)
    name_holder(lock)

    def end(*_: object) -> None:
        note.unlink()
        unlock(lock, note.with_suffix(".lock"))

    monkeypatch.delattr(signal, "SIGCONT")
    before = signal.signal(signal.SIGTERM, end)
    try:
        stopped = running.stop_servers(app)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [each.process for each in stopped.ended] == [os.getpid()]
    assert (stopped.slow, stopped.elsewhere, stopped.of_commands) == ([], [], [])


def test_who_has_a_port_is_not_known_where_its_process_is_hidden(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc = tmp_path / "proc"
    (proc / "net").mkdir(parents=True)
    (proc / "7").mkdir()
    (proc / "net" / "tcp").write_text("head\n0: 0100007F:1F90 00000000:0000 0A 0 0 0 0 0 12345\n")
    monkeypatch.setattr("rolehop.commands.serve.server._PROC", proc)
    assert who_listens(app, 8080) == "another program has it"
    (proc / "7" / "fd").mkdir()
    (proc / "7" / "fd" / "3").symlink_to("socket:[12345]")
    (proc / "7" / "comm").write_text("nginx\n")
    assert who_listens(app, 8080) == "nginx, process 7, has it"


def test_the_files_that_would_make_a_program_somebody_else(app: App, tmp_path: Path) -> None:
    keys = "aws_access_key_id = AKIA1\naws_secret_access_key = x\n"
    (tmp_path / ".aws").mkdir()
    for name, variable in (
        ("config", "AWS_CONFIG_FILE"),
        ("credentials", "AWS_SHARED_CREDENTIALS_FILE"),
    ):
        file = tmp_path / ".aws" / name
        file.write_text(f"[default]\n{keys}")
        assert rival_files(App(app.variables, tmp_path)) == {variable: str(file)}
        file.unlink()
    boto, named = tmp_path / ".boto", {**app.variables, "BOTO_CONFIG": str(tmp_path / "other")}
    boto.write_text(f"[Credentials]\n{keys}")
    assert rival_files(App(app.variables, tmp_path)) == {"BOTO_CONFIG": str(boto)}
    assert rival_files(App(named, tmp_path)) == {}
    for text in (f"[Boto]\n{keys}", "[Credentials]\ngs_access_key_id = x\n", keys):
        boto.write_text(text)
        assert rival_files(App(app.variables, tmp_path)) == {}
