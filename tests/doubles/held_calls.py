"""Calls of a double that wait for their answers until a test says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_WAIT = 60  # seconds


class HeldCalls:
    """Counts the calls under way, and holds them back while a test wants it.

    with double.held():
        double.wait_for_calls()
        ...                     # the program waits for the answer all the time
    """

    def __init__(self) -> None:
        self.most_at_once = 0
        """The most calls that were being answered at the same time."""

        self._under_way = self._waiting = self._arrivals = self._free = 0
        self._changed = threading.Condition()
        self._may_answer = threading.Event()
        self._may_answer.set()

    @contextmanager
    def held(self, after: int = 0) -> Iterator[None]:
        """Let the calls that arrive wait for their answers until the end of the context.

        The first ``after`` of them are answered.
        """
        with self._changed:
            self._free = self._arrivals + after
            self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def wait_for_calls(self, count: int = 1) -> None:
        """Wait until ``count`` calls are waiting for their answers, which are `held`."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._waiting >= count, LONGEST_WAIT)
            assert arrived, f"{self._waiting} calls instead of {count}"

    def let_go(self) -> None:
        """Let the calls be answered before the end of the context."""
        self._may_answer.set()

    def wait_for_answers(self) -> None:
        """Wait until no call is under way, be its answer wanted or not."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._under_way, LONGEST_WAIT)

    @contextmanager
    def _one_call(self) -> Iterator[None]:
        """Count a call, and wait until it may be answered."""
        with self._changed:
            self._arrivals += 1
            self._under_way += 1
            is_held = self._arrivals > self._free and not self._may_answer.is_set()
            self._waiting += is_held
            self.most_at_once = max(self.most_at_once, self._under_way)
            self._changed.notify_all()
        try:
            if is_held:
                self._may_answer.wait()
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._waiting -= is_held
                self._changed.notify_all()
