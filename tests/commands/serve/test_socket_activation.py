"""A server that systemd passes its port to: nobody else gets that, however the server ends."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rolehop.commands.serve.loop import passed_port
from tests.support.ports import held_port
from tests.support.world import SCRIPT, World, ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd")

_AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def token(world: World) -> Path:
    (world.folder / "run").mkdir(mode=0o700)
    return world.folder / "run" / "token"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@contextmanager
def activated(
    world: World, listener: socket.socket, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a server as systemd does (sd_listen_fds(3))."""
    number = listener.fileno()
    program = (sys.executable, "-c", _AS_SYSTEMD, str(number), SCRIPT, "serve", "own", *arguments)
    with world.start(*program, pass_fds=(number,)) as process:
        try:
            yield process
        finally:
            process.kill()


def status(port: int, token: str) -> int:
    client = HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/chains/own", headers={"Authorization": token})
    found = client.getresponse()
    found.read()
    client.close()
    return found.status


def test_after_a_kill_nobody_gets_the_port_and_the_token_opens_nothing(
    world: World, token: Path, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    arguments = ("--port", str(port), "--token-file", str(token))
    with activated(world, listener, *arguments) as process:
        assert status(port, "") == 401, "it waits until the server is there"
        old = token.read_text()
        assert status(port, old) == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert token.read_text() == old, "it had no time to remove it"
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", port))
    with activated(world, listener, *arguments) as process:
        assert status(port, old) == 401
        assert status(port, token.read_text()) == 200
        process.terminate()
        assert ended(process).code == 0
    assert not token.exists()


def test_systemd_starts_it_at_the_first_request(world: World, token: Path) -> None:
    if shutil.which("systemd-socket-activate") is None:
        pytest.skip("not installed: systemd-socket-activate")
    given = [f"--setenv={name}={value}" for name, value in world.environ.items()]
    with held_port() as port:
        served = (SCRIPT, "serve", "own", "--port", str(port), "--token-file", str(token))
        program = ("systemd-socket-activate", f"--listen=127.0.0.1:{port}", *given, *served)
        with world.start(*program) as process:
            assert process.stderr is not None
            assert "Listening on" in process.stderr.readline()
            assert status(port, "") == 401
            assert status(port, token.read_text()) == 200
            process.terminate()
            assert ended(process).code == 0
    assert not token.exists()


def test_a_port_that_is_not_the_one_of_the_unit_is_refused(
    world: World, token: Path, listener: socket.socket
) -> None:
    del token
    with activated(world, listener, "--port", "1") as process:
        done = ended(process)
    assert done.code == 2
    assert "systemd listens on something else than 127.0.0.1:1" in done.err
    assert world.sts.calls == []


def test_what_was_passed_to_another_process_is_not_taken() -> None:
    for environ in ({}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}):
        assert passed_port(environ, 0) is None


def test_what_is_passed_to_exec_is_its_commands(
    world: World, token: Path, listener: socket.socket
) -> None:
    del token
    number = listener.fileno()
    shown = (
        "import json, os; print(json.dumps([os.environ['LISTEN_PID'], os.getpid()])); os.fstat(3)"
    )
    done = world.start(
        *(sys.executable, "-c", _AS_SYSTEMD, str(number)),
        *(SCRIPT, "exec", "own", "--server", "--", sys.executable, "-c", shown),
        pass_fds=(number,),
    )
    with done as process:
        found = ended(process)
    assert found.code == 0, found.err
    passed, own = json.loads(found.out)
    assert int(passed) == own
