"""Note a signal that ends this program, also if what its handler raises is lost.

Python discards an exception in a callback, such as that of an import's lock or of a collected
object. A signal that comes just then would end nothing.
"""

from __future__ import annotations

import signal
import threading
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
