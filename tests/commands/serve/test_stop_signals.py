"""A signal ends a server also if the exception of its handler is lost."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

import pytest

from rolehop.commands.serve.stop_signals import StopSignals
from tests.support.world import SCRIPT, World


class _Raised(BaseException):
    pass


def _raise(number: int, frame: FrameType | None) -> None:
    raise _Raised


def test_a_signal_is_noted_before_its_handler_raises() -> None:
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        with StopSignals() as signals:
            with pytest.raises(_Raised):
                signal.raise_signal(signal.SIGTERM)
            assert signals.was_received
        assert signal.getsignal(signal.SIGTERM) is _raise
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert not signals.was_received
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes that fill up")
def test_a_server_ends_after_the_signal_whatever_hangs(world: World) -> None:
    """Here it is the terminal, which takes no line any more; what is left leads nobody to a server."""
    (world.folder / "run").mkdir(mode=0o700)
    reader, stderr = os.pipe()
    arguments = (SCRIPT, "serve", "own", "--print-env", "--socket", "sock")
    with world.start(*arguments, stderr=stderr) as process:
        assert process.stdout is not None
        assert "export" in process.stdout.read()
        os.set_blocking(stderr, False)
        with suppress(BlockingIOError):
            while os.write(stderr, bytes(4096)):
                pass
        os.set_blocking(stderr, True)
        process.terminate()
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
            os.close(reader)
            os.close(stderr)
    left = [*(world.folder / "run").iterdir(), *(world.state / "servers").iterdir()]
    assert left == []
    assert not (world.home / "sock").exists()


_TWICE = """
import os, signal, time
from rolehop.commands.serve.stop_signals import EndInTime
from rolehop.terminal.process_streams import Stopped

def stop(number, frame):
    raise Stopped(number)

signal.signal(signal.SIGTERM, stop)
with EndInTime(lambda: print("removed", flush=True), lambda: None):
    pass
os.kill(os.getpid(), signal.SIGTERM)  # does not break off what comes after
print("goes on", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_one_more_signal_breaks_off_nothing_and_still_ends_it(world: World) -> None:
    done = world.run(sys.executable, "-c", _TWICE)
    assert (done.code, done.out, done.err) == (0, "goes on\nremoved\n", "")
