"""Progress on stderr: one line per hop of a walk, or a counter for many chains."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from rolehop.app.ports import SILENT, Progress
from rolehop.credentials import Session
from rolehop.plan.model import Step
from rolehop.show.rows import step_label
from rolehop.show.times import show_left
from rolehop.terminal import output
from rolehop.terminal.terminal import Terminal
from rolehop.text import visible

if TYPE_CHECKING:
    from rich.console import Console


def progress_on(terminal: Terminal, now: Callable[[], datetime]) -> Progress:
    """Return live lines on a terminal, plain lines in a log, nothing with ``-q``."""
    if terminal.quiet:
        return SILENT
    return LiveLines(terminal, now) if terminal.shows_progress else PlainLines(terminal, now)


SLOW_SECONDS = 3
"""A call that takes longer says what it waits for."""


class _Waiting:
    """Says each second how long a call has taken, once it is slow; the time of a question is not one."""

    def __init__(self, say: Callable[[int], None]) -> None:
        self._say = say
        self._over = threading.Event()
        self._saying = threading.Lock()
        self._started = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Say nothing more, once this returns."""
        with self._saying:
            self._over.set()

    def _run(self) -> None:
        while not self._over.wait(1):
            if output.is_asking():
                self._started = time.monotonic()
                continue
            seconds = int(time.monotonic() - self._started)
            with self._saying:
                if seconds >= SLOW_SECONDS and not self._over.is_set():
                    self._say(seconds)


class _Watched:
    """Watches one call at a time, and says so if it is slow."""

    _waiting: _Waiting | None = None

    def __init__(self, terminal: Terminal, now: Callable[[], datetime]) -> None:
        self._terminal = terminal
        self._now = now

    def _label(self, step: Step, total: int) -> str:
        return self._terminal.with_account_names(step_label(step, total))

    def _watch(self, say: Callable[[int], None]) -> None:
        self._unwatch()
        self._waiting = _Waiting(say)

    def _unwatch(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None


class PlainLines(_Watched):
    """A finished line per call, for logs; sessions from the cache are not mentioned."""

    def walking(self, step: Step, total: int) -> None:
        """Show nothing before the call has ended, unless it is slow; then a single line."""
        label = self._label(step, total)

        def say(seconds: int) -> None:
            self._terminal.note(f"{label}  waiting for AWS for more than {SLOW_SECONDS} s")

        self._watch(say)

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show a call that has ended."""
        self._unwatch()
        if not cached:
            left = show_left(session.local_expires_at, self._now())
            self._terminal.note(f"{self._label(step, total)}  called, {left}")

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show nothing: the session was cached."""


class LiveLines(_Watched):
    """A line per hop that is rewritten once its session is there."""

    @cached_property
    def _console(self) -> Console:
        return self._terminal.console(sys.stderr)

    def walking(self, step: Step, total: int) -> None:
        """Show the hop that is being called, and for how long if it is slow."""
        label = self._label(step, total)
        self._console.print(
            visible(f"{label}  calling …"),
            end="\r",
            overflow="ellipsis",
            no_wrap=True,
        )
        output.show_live_line()
        columns = self._console.width - 1

        def say(seconds: int) -> None:
            output.rewrite_line(f"{label}  waiting for AWS for {seconds} s"[:columns])

        self._watch(say)

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show where the session came from and how long it lasts."""
        self._unwatch()
        origin = "from cache" if cached else "called"
        left = show_left(session.local_expires_at, self._now())
        output.rewrite_line("")
        output.write_lines(f"{self._label(step, total)}  {origin}, {left}")

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show the session without importing rich, which takes longer than reading the record."""
        self._terminal.note(f"{label}  from cache, {show_left(local_expires_at, self._now())}")


@contextlib.contextmanager
def chain_counter(terminal: Terminal, total: int) -> Iterator[Callable[[], None]]:
    """Give a function that counts: ``42 of 200 chains walked`` on a terminal, nothing in a log."""
    if total < 2 or not terminal.shows_progress:
        yield lambda: None
        return
    lock, done = threading.Lock(), 0

    def count() -> None:
        nonlocal done
        with lock:
            done += 1
            output.rewrite_line(f"{done} of {total} chains walked" if done < total else "")

    try:
        yield count
    finally:
        output.rewrite_line("")
