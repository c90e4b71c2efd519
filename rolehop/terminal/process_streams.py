"""The process's standard streams and stop signals: prepared before anything is written, then left."""

from __future__ import annotations

import _thread
import errno
import os
import signal
import sys
import time
from io import UnsupportedOperation
from types import FrameType

from rolehop.terminal import output

_SOON = 0.01  # seconds


class Stopped(BaseException):
    """SIGTERM or SIGHUP was received; ``code`` is the exit code that shells give for it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.code = 128 + number


def open_closed_streams() -> None:
    """Open streams that were closed when the program started, and let every character be written.

    Otherwise the next file or socket takes the place of stdout or stderr. Writing to a stdout
    that was closed is an error then, and what is written to a closed stderr is lost.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = open(1, closefd=False)  # noqa: SIM115 - lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - as above
    output.prepare(sys.stdout)
    output.prepare(sys.stderr)


def raise_when_stopped() -> None:
    """Let SIGTERM and SIGHUP raise ``Stopped``, so that locks, terminal and eval are left in order.

    A signal that is ignored (nohup) stays ignored.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def end_when_stopped() -> None:
    """Let signals end the process at once: nothing is left to put in order."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


def repeat_dropped_signals() -> None:
    """Let a signal come again whose exception Python dropped, and write nothing of it.

    That is what becomes of one which is raised in a callback of an object that is taken away
    (``sys.unraisablehook``): the program would go on as if there had been no Ctrl-C.
    """
    sys.unraisablehook = _repeat_dropped


def _repeat_dropped(found: sys.UnraisableHookArgs, /) -> None:
    error = found.exc_value
    if isinstance(error, KeyboardInterrupt):
        _thread.start_new_thread(_raise_soon, (signal.SIGINT,))
    elif isinstance(error, Stopped):
        _thread.start_new_thread(_raise_soon, (error.number,))
    else:
        sys.__unraisablehook__(found)


def _raise_soon(number: int) -> None:
    """Send this process a signal once its main thread is out of the callback."""
    time.sleep(_SOON)
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:  # not to this thread: the main thread may wait, and has to wake up
        os.kill(os.getpid(), number)


def stdout_problem(error: OSError) -> OSError | None:
    """Return why stdout does not take what was written to it; ``None``: ``error`` is of another file.

    What could not be written is still in Python's buffer, so trying again tells.
    """
    if isinstance(error, UnsupportedOperation):  # stdout was closed, and click writes to it
        return OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        sys.stdout.flush()
    except OSError as again:
        return again
    return None


def forget_stdout() -> None:
    """Discard what is still in Python's buffer: it could not be written before."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
