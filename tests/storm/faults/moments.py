"""The moment at which a fault meets a run: a step for which the run waits, or a time from outside."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Meeting:
    """What happens at a step of a run: just before it, the run waits until it has happened."""

    conditions: Mapping[str, Any]
    """For the run, see `tests.storm.process_conditions`."""

    has_happened: bool = False
    """False: the run has ended before its step, and nothing has happened."""

    failure: Exception | None = None


@contextmanager
def meanwhile(folder: Path, step: int, act: Callable[[], object]) -> Iterator[Meeting]:
    """Do something just before a step of the run inside, which waits until it is done."""
    path = folder / "moment"
    meeting = Meeting({"pause_at_step": (str(path), step)})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_wait_and_act, args=(listener, act, meeting))
        thread.start()
        try:
            yield meeting
        finally:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as none_came:
                none_came.connect(str(path))
            thread.join()
            path.unlink()
    if meeting.failure is not None:
        raise meeting.failure


def _wait_and_act(listener: socket.socket, act: Callable[[], object], meeting: Meeting) -> None:
    connection, _ = listener.accept()
    with connection:
        if not connection.recv(1):
            return
        meeting.has_happened = True
        try:
            act()
        except Exception as error:  # noqa: BLE001 - raised in the storm's own thread
            meeting.failure = error


class Teller:
    """Tells a run what it waits for on ``path``; calling it returns once the run has done it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()

    def __call__(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.sendall(b"x")
            connection.recv(1)

    def close(self) -> None:
        self._listener.close()
        self.path.unlink()


@contextmanager
def told(folder: Path) -> Iterator[Teller]:
    """Give a way to tell a run something, see `process_conditions`."""
    teller = Teller(folder / "told")
    try:
        yield teller
    finally:
        teller.close()


@dataclass
class Ending:
    """A signal that a run gets from outside ``after`` seconds."""

    number: signal.Signals
    after: float
    _timers: list[threading.Timer] = field(default_factory=list)
    _handles: list[int] = field(default_factory=list)

    def started(self, process: int) -> None:
        """Begin to count for this process, which is there at least as long as its handle is taken."""
        with suppress(ProcessLookupError):
            self._handles.append(os.pidfd_open(process))
            self._timers.append(threading.Timer(self.after, self._send))
            self._timers[0].start()

    def _send(self) -> None:
        with suppress(ProcessLookupError):  # it was quicker
            signal.pidfd_send_signal(self._handles[0], self.number)

    def close(self) -> None:
        """Send nothing any more."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        for handle in self._handles:
            os.close(handle)
