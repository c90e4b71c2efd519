"""How the early paths end where they cannot finish: as the full path does, never by a traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hotpath.paths import forge, hot, record_of, warmed
from tests.support.environment import ROOT
from tests.support.world import SCRIPT, World, ended

_BUS = "DBUS_SESSION_BUS_ADDRESS"
_HOT = "rolehop credential-process admin"


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_an_answer_that_cannot_be_written_is_reported_as_by_the_full_path(
    warm: World, where: str
) -> None:
    early, late = (
        warm.run("sh", "-c", f"{command} {where}")
        for command in (_HOT, "rolehop credential-process --no-prompt admin")
    )
    assert early == late
    assert (early.code, early.out) == (1, "")
    assert early.err.startswith("rolehop: the output could not be written\n  cause  ")


@pytest.mark.parametrize("where", [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_with_stderr_closed_too_only_the_exit_code_remains(warm: World, where: str) -> None:
    done = warm.run("sh", "-c", f"{_HOT} {where}")
    assert (done.code, done.out, done.err) == (1, "", "")


def test_a_reader_that_went_away_is_no_error_message(warm: World) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        with warm.start(*_HOT.split(), stdout=writer) as process:
            done = ended(process)
    finally:
        os.close(writer)
    assert (done.code, done.err) == (1, "")


@pytest.mark.parametrize("where", ["2>&-", "<&-", "<&- 2>&-"])
def test_other_streams_that_are_closed_do_not_matter(warm: World, where: str) -> None:
    first = hot(warm, "admin")
    assert warm.run("sh", "-c", f"{_HOT} {where}").out == first


@pytest.mark.parametrize("arguments", [["credential-process", "admin"], ["assume", "admin"]])
def test_ctrl_c_while_the_keyring_is_silent(
    real_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    world = real_world
    monkeypatch.setenv(_BUS, world.environ[_BUS])  # the test itself reads the item
    warmed(world, "admin")
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        address = f"unix:path={tmp_path / 'bus'}"
        old = record_of(world, "admin").variables[_BUS]
        forge(world, "admin", lambda lines: lines.replace(f"{_BUS}\t{old}", f"{_BUS}\t={address}"))
        with world.fork(*arguments, env={_BUS: address}) as process:  # has patience
            connection, _ = bus.accept()
            with connection:
                assert connection.recv(4)  # it has asked, and waits
                process.send_signal(signal.SIGINT)
                done = ended(process)
    assert (done.code, done.err.strip()) == (130, "rolehop: interrupted")
    assert done.out == ("false\n" if "assume" in arguments else "")


# Makes the reading of a config as slow as a config can be.
_SLOW = """
import sys, time
class Slow:
    def find_spec(self, name, path, target=None):
        if name == "tomllib":
            open({begun!r}, "w").close()
            time.sleep(60)
sys.meta_path.insert(0, Slow())
"""


def test_ctrl_c_while_a_shell_completes_is_silent(world: World, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "sitecustomize.py").write_text(_SLOW.format(begun=str(begun)))
    env = {"_ROLEHOP_COMPLETE": "bash", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    with world.start(SCRIPT, "completion", "--", "assume", "", env=env) as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert (done.code, done.out, done.err) == (130, "", "")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # What libraries do at the end is done, in their order.
        (
            "import atexit; atexit.register(print, 'second'); atexit.register(print, 'first'); end(5)",
            (5, "first\nsecond\n"),
        ),
        # A thread that still works is waited for.
        (
            (
                "from threading import *; last = lambda: (main_thread().join(), print('done'))\n"
                "Thread(target=last).start(); end(5)"
            ),
            (5, "done\n"),
        ),
        # What nobody uses any more stays as it is: there is nothing in it to put in order.
        ("class Kept:\n    def __del__(self): print('freed')\nkept = Kept(); end(5)", (5, "")),
        ("import sys; print('lost'); sys.stdout.close(); end(5)", (5, "lost\n")),
    ],
)
def test_the_end_of_the_process(code: str, expected: tuple[int, str]) -> None:
    script = f"from rolehop.__main__ import end\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == expected, done.stderr


def test_what_the_last_flush_cannot_write_is_reported_by_python() -> None:
    script = "from rolehop.__main__ import end; print('lost'); end(5)"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=-1, cwd=ROOT)
    assert done.returncode == 120
    assert b"No space left" in done.stderr
