"""Say what is waited for, and for how long, once it takes more than three seconds.

On a terminal a line counts the seconds; in a log a few lines say so. The time of a question is not
counted: a person knows what is waited for then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rolehop.terminal import output
from rolehop.terminal.terminal import Terminal

SAID_AFTER = (3, 10, 30)
"""Seconds after which a line of a log is written; the first is when anything is said at all."""


class _Waiting:
    """One wait."""

    def __init__(self, what: str, *, may_ask: bool) -> None:
        self.what = what
        self.may_ask = may_ask
        self.since = time.monotonic()
        self.said = 0


class SlowWaits:
    """Watches every wait of this process, with one thread that begins with the first."""

    def __init__(
        self, terminal: Terminal, wanted: Callable[[], bool], *, second: float = 1.0
    ) -> None:
        """``wanted`` returns false if nothing may be said: an SDK asked, and hides our stderr.

        ``second`` is how long one lasts here, in seconds.
        """
        self._second = second
        self._terminal = terminal
        self._wanted = wanted
        self._guard = threading.Lock()
        self._waits: list[_Waiting] = []
        self._thread: threading.Thread | None = None
        self._shown: _Waiting | None = None

    def begin(self, what: str, may_ask: bool) -> Callable[[], None]:
        """Watch a wait; return what ends it."""
        wait = _Waiting(what, may_ask=may_ask)
        with self._guard:
            self._waits.append(wait)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        return lambda: self._end(wait)

    def _end(self, wait: _Waiting) -> None:
        with self._guard:
            self._waits.remove(wait)
            if self._shown is wait:
                self._shown = None
                output.show_beside("", self._terminal.columns)

    def _run(self) -> None:
        while True:
            time.sleep(self._second)
            with self._guard:
                if output.is_asking():
                    for each in self._waits:
                        each.since = time.monotonic()
                elif self._waits and self._wanted():
                    self._say(self._waits[0])

    def _say(self, wait: _Waiting) -> None:
        """Say how long the oldest wait takes, which the others are a part of."""
        seconds = int((time.monotonic() - wait.since) / self._second)
        if seconds < SAID_AFTER[0]:
            return
        if self._terminal.rewrites_lines and not wait.may_ask:
            self._shown = wait
            output.show_beside(f"{wait.what} for {seconds} s", self._terminal.columns)
            return
        passed = sum(1 for each in SAID_AFTER if each <= seconds)
        if passed > wait.said:
            wait.said = passed
            self._terminal.note(f"{wait.what} for more than {SAID_AFTER[passed - 1]} s")
