"""The signals that stop a server: they are noted before their handlers raise, and end it in time whatever hangs."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

_Handler = Callable[[int, FrameType | None], object]
_NAMES = ("SIGTERM", "SIGHUP", "SIGINT")


class StopSignals:
    """A context manager for the main thread.

    Attributes:
        was_received: one of the signals that have a handler of this program's has come.
    """

    def __init__(self) -> None:
        self.was_received = False
        self._before: dict[int, tuple[_Handler, _Handler]] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)
                if number is not None:
                    self._note(number)
        return self

    def __exit__(self, *_: object) -> None:
        for number, (before, ours) in self._before.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, before)

    def _note(self, number: int) -> None:
        handler = signal.getsignal(number)
        if not callable(handler) or isinstance(handler, signal.Handlers):
            return  # ignored, or ended by the system

        def note(received: int, frame: FrameType | None) -> None:
            self.was_received = True
            handler(received, frame)

        self._before[number] = handler, note
        signal.signal(number, note)


_GRACE = 0.6  # seconds, for the end in order
_CLEAN_UP_SECONDS = 0.3
_CODE = 0  # as after an end in order: who sent the signal wanted no more


class EndInTime:
    """Ends this process within a second of a stop signal, also if its main thread hangs.

    A context manager for the main thread; the signals are watched until the process ends. Once it is
    left, one more signal breaks off nothing of the end in order: Python may have dropped the
    exception of the first one, which is then sent again.

    That may wait for a keyring, a file server, or a terminal that Ctrl-S has stopped; then its
    handler of the signal has not even run. Python's own handler writes the number of each signal
    that has one to a socket, and a thread waits there.
    """

    def __init__(self, clean_up: Callable[[], object], wake: Callable[[], object]) -> None:
        """Both are called in threads; ``clean_up`` is not waited for if it hangs as well.

        ``wake``: lets the main thread, if it waits as it should, see the signal: on Windows none
        does by itself.
        """
        self._clean_up, self._wake = clean_up, wake
        self._numbers = {getattr(signal, name) for name in _NAMES if hasattr(signal, name)}

    def __enter__(self) -> None:
        woken, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.detach(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(woken,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        for number in self._numbers:
            handler = signal.getsignal(number)
            if callable(handler) and not isinstance(handler, signal.Handlers):
                signal.signal(number, lambda *_: None)

    def _watch(self, woken: socket.socket) -> None:
        while self._numbers.isdisjoint(woken.recv(64)):
            pass
        self._wake()
        time.sleep(_GRACE)
        cleaning = threading.Thread(target=self._clean_up, daemon=True)
        cleaning.start()
        cleaning.join(_CLEAN_UP_SECONDS)
        os._exit(_CODE)
