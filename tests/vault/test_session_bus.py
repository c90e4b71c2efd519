"""A session bus is used only if a process of this user serves it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from secretstorage.exceptions import SecretServiceNotAvailableException

from rolehop.base.errors import VaultAbsent
from rolehop.hotpath.dbus import BusTrouble, path_of, read_secrets
from rolehop.vault import KERNEL
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.session_bus import (
    BusProblem,
    address_of,
    bus_problem,
    open_session_bus,
    session_bus_address,
)
from tests.support.world import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_PEERCRED is Linux's")
AS_SOMEBODY = pytest.mark.root("to become another user")

# Listens on an abstract address, as whoever finds a dead session's free can, and tells what it got.
_IMPOSTOR = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
os.setgid(65534); os.setuid(65534)
server.bind("\\0" + sys.argv[1]); server.listen(8)
print("ready", flush=True)
got = b""
for _ in range(int(sys.argv[2])):
    caller, _ = server.accept()
    caller.settimeout(5)
    try:
        got += caller.recv(4096)
    except OSError:
        pass
    caller.close()
print(got, flush=True)
"""


@pytest.fixture
def name() -> str:
    return f"rolehop-test-{os.getpid()}-{os.urandom(4).hex()}"


def impostor(name: str, calls: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _IMPOSTOR, name, str(calls)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def foreign_bus(name: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = impostor(name, 1)
    try:
        yield f"unix:abstract={name}", process
    finally:
        process.kill()
        process.communicate()


@AS_SOMEBODY
def test_a_bus_of_another_user_gets_no_word_from_the_hot_path(
    foreign_bus: tuple[str, subprocess.Popen[str]],
) -> None:
    address, process = foreign_bus
    with pytest.raises(BusTrouble, match="served by another user"):
        read_secrets(address, ["rolehop/x"], "rolehop")
    assert process.communicate(timeout=60)[0] == "b''\n"


@AS_SOMEBODY
def test_a_bus_of_another_user_is_not_used_and_a_note_says_so(
    foreign_bus: tuple[str, subprocess.Popen[str]],
) -> None:
    address, process = foreign_bus
    text = "the session bus is served by another user (number 65534)"
    assert bus_problem(address) == BusProblem(text, may_be_foreign=True)
    assert process.communicate(timeout=60)[0] == "b''\n"


@AS_SOMEBODY
def test_the_back_end_is_then_the_kernels_keyring_or_none(
    foreign_bus: tuple[str, subprocess.Popen[str]], tmp_path: Path
) -> None:
    address, process = foreign_bus
    environ = {"DBUS_SESSION_BUS_ADDRESS": address, "HOME": str(tmp_path)}
    try:
        assert choose_backend(None, environ, sys.platform).name == KERNEL
    except VaultAbsent as error:
        assert "served by another user" in str(error.cause)  # noqa: PT017
    assert process.communicate(timeout=60)[0] == "b''\n"


@AS_SOMEBODY
def test_a_walk_gives_a_bus_of_another_user_no_word_and_says_so(
    foreign_bus: tuple[str, subprocess.Popen[str]], world: World
) -> None:
    address, process = foreign_bus
    env = {"DBUS_SESSION_BUS_ADDRESS": address, "PYTHON_KEYRING_BACKEND": None}
    done = world.rolehop("credential-process", "hub", env=env)
    assert done.code == 0, done.err
    assert "the session bus is served by another user (number 65534)" in done.err
    assert process.communicate(timeout=60)[0] == "b''\n"


def test_our_own_bus_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "b u s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        escaped = str(path).replace(" ", "%20")
        assert bus_problem(f"unix:path={escaped},guid=1") is None


def test_a_bus_without_a_unix_socket_cannot_be_checked() -> None:
    for address in (
        "tcp:host=127.0.0.1,port=1",
        "unixexec:path=/bin/sh",
        "autolaunch:",
        "unix:path=/a,path=/b",
        "unix:path=/nowhere;tcp:host=127.0.0.1,port=1",
    ):
        problem = bus_problem(address)
        assert problem is not None
        assert problem.may_be_foreign
        assert "cannot be checked" in problem.text


def test_nobody_serves_an_address_that_is_gone() -> None:
    problem = bus_problem("unix:path=/nowhere/bus")
    assert problem is not None
    assert not problem.may_be_foreign


@AS_SOMEBODY
def test_every_address_counts(
    foreign_bus: tuple[str, subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Clients try one after the other, and whoever listens at the last waits for the first to go."""
    foreign, process = foreign_bus
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        problem = bus_problem(f"unix:path={path};{foreign}")
    assert problem is not None
    assert problem.may_be_foreign
    assert process.communicate(timeout=60)[0] == "b''\n"


@pytest.mark.parametrize("kind", ["abstract", "path"])
def test_an_address_before_ours_that_anybody_could_serve_is_not_used_and_said(
    world: World, name: str, kind: str
) -> None:
    """Whoever takes it between the check and the library's connection would get the secrets."""
    path = world.folder / "bus"
    free = f"unix:{kind}={name if kind == 'abstract' else world.folder / name}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert bus_problem(f"unix:path={path};{free}") is None
        env = {
            "DBUS_SESSION_BUS_ADDRESS": f"{free};unix:path={path}",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.kwallet.DBusKeyring",
        }
        done = world.rolehop("credential-process", "hub", env=env)
    assert done.code == 0, done.err
    assert "nobody serves the first address of the session bus" in done.err


NAMED = [
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.kwallet.DBusKeyringKWallet4",
    "keyring.backends.libsecret.Keyring",
    "keyring.backends.chainer.ChainerBackend",
]


@AS_SOMEBODY
@pytest.mark.parametrize("backend", NAMED)
def test_a_back_end_that_is_named_asks_no_bus_of_another_user(
    world: World, foreign_bus: tuple[str, subprocess.Popen[str]], backend: str
) -> None:
    address, process = foreign_bus
    world.more |= {"DBUS_SESSION_BUS_ADDRESS": address, "PYTHON_KEYRING_BACKEND": backend}
    done = world.rolehop("credential-process", "admin")
    assert done.code == 0, done.err
    assert "sessions are not stored" in done.err
    assert "served by another user" in done.err
    assert process.communicate(timeout=60)[0] == "b''\n"


def test_a_bus_that_is_slow_is_not_taken_for_one_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library gives it a second."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'bus'}")

    def answer_late() -> None:
        caller, _ = server.accept()
        with caller:
            time.sleep(1.1)
            caller.sendall(b"REJECTED\r\n")
            caller.recv(4096)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "bus"))
        server.listen()
        thread = threading.Thread(target=answer_late)
        thread.start()
        with pytest.raises(SecretServiceNotAvailableException, match="REJECTED"):
            open_session_bus()
        thread.join()


def test_where_the_bus_is(tmp_path: Path) -> None:
    assert session_bus_address({}) is None
    assert session_bus_address({"XDG_RUNTIME_DIR": str(tmp_path)}) is None
    (tmp_path / "bus").write_text("")
    assert session_bus_address({"XDG_RUNTIME_DIR": str(tmp_path)}) == f"unix:path={tmp_path}/bus"
    assert session_bus_address({"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=x"}) == "unix:abstract=x"


@pytest.mark.parametrize("abstract", [False, True])
def test_the_address_of_a_connection_leads_there_again(tmp_path: Path, abstract: bool) -> None:
    """A comma would end it, so that secrets were read from whatever listens at the part before."""
    path = os.fsencode(f"{tmp_path}/a,b;c=%41 é")
    place = b"\0" + path if abstract else path
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(place)
        server.listen(8)
        client.connect(place)
        address = address_of(client)
        assert bus_problem(address) is None
        server.settimeout(0)  # both came here
        for _ in range(2):
            server.accept()[0].close()
    with pytest.raises(BusTrouble, match="not a plain socket address"):
        path_of(address)
