"""End the wait for a person when the process that called this one has ended.

An SDK that gives up kills the shell it started, not this process. That would ask on for an answer
that nobody takes, hold its locks, and keep the pipe open that the SDK waits for.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PAUSE = 0.2  # seconds


class _Caller:
    process: int | None = None
    has_ended = False


def watch_caller() -> None:
    """Note who called this process; to be called once, early, by a program that may be stopped."""
    if hasattr(signal, "pthread_kill"):  # Windows has neither this nor a new parent
        _Caller.process = os.getppid()


def caller_has_ended() -> bool:
    """True if this process was stopped because its caller has ended."""
    return _Caller.has_ended


@contextmanager
def ends_with_caller() -> Iterator[None]:
    """Send SIGTERM to the main thread if the caller ends in the block; else change nothing."""
    if _Caller.process is None:
        yield
        return
    is_over = threading.Event()
    threading.Thread(target=_watch, args=(_Caller.process, is_over), daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _watch(process: int, is_over: threading.Event) -> None:
    # An orphan gets another parent; the number of the old one may be given to a new process.
    while not is_over.wait(_PAUSE):
        if os.getppid() != process:
            _Caller.has_ended = True
            # To the thread, so that a read of the terminal there is interrupted.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            return
