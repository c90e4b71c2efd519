"""Progress on stderr: one line per hop of a walk, or a counter for many chains."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.app.asking import SILENT
from rolehop.base.durations import show_left
from rolehop.base.startup import Pattern
from rolehop.base.text import pluralize
from rolehop.base.waits import Wait
from rolehop.terminal import output

if TYPE_CHECKING:
    from rolehop.app.ports import ManyProgress, Progress
    from rolehop.base.credentials import Session
    from rolehop.plan.model import Step
    from rolehop.terminal.terminal import Terminal


def progress_on(terminal: Terminal, now: Callable[[], datetime]) -> Progress:
    """Return live lines on a terminal, plain lines in a log, nothing with ``-q``."""
    if terminal.quiet:
        return SILENT
    return LiveLines(terminal, now) if terminal.rewrites_lines else PlainLines(terminal, now)


def _left_of(session: Session, now: datetime) -> str:
    return show_left(session.ends_at(now), now)


@contextlib.contextmanager
def walk_progress(terminal: Terminal, now: Callable[[], datetime]) -> Iterator[Progress]:
    """Show the progress of one walk, after which the program goes on whether or not it failed."""
    progress = progress_on(terminal, now)
    try:
        yield progress
    finally:
        if isinstance(progress, _Watched):
            progress.end()


_NAMED_ROLE = Pattern(r"[0-9]{12}:role/(?:\S+/)?(\S+) \((.+)\)$")


class _Watched:
    """What both kinds of lines have in common: the call that is being made."""

    def __init__(self, terminal: Terminal, now: Callable[[], datetime]) -> None:
        self._terminal = terminal
        self._now = now
        self._wait: Wait | None = None

    def _label(self, step: Step, total: int) -> str:
        from rolehop.plan.model import step_label  # not for a session of the record

        return self._named(step_label(step, total))

    def _named(self, label: str) -> str:
        """Return a label with the name of its account, and the role behind it as other views have it."""
        named = self._terminal.with_account_names(label)
        has_name = not self._terminal.verbose and named.endswith(")")
        return _NAMED_ROLE.sub(r"\2 · \1", named) if has_name else named

    def _watch(self, label: str) -> None:
        self._unwatch()
        self._wait = Wait(f"{label}  waiting for AWS")

    def end(self) -> None:
        """Show nothing more of a call that has failed."""
        self._unwatch()
        output.erase_live_line()

    def _unwatch(self) -> None:
        if self._wait is not None:
            self._wait.end()
            self._wait = None


class PlainLines(_Watched):
    """A finished line per call, for logs; sessions from the cache are not mentioned."""

    def walking(self, step: Step, total: int) -> None:
        """Show nothing before the call has ended, unless it is slow; then a single line."""
        self._watch(self._label(step, total))

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show a call that has ended."""
        self._unwatch()
        if not cached:
            left = _left_of(session, self._now())
            self._terminal.note(f"{self._label(step, total)}  called, {left}")

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show nothing: the session was cached."""


class LiveLines(_Watched):
    """A line per hop that is rewritten once its session is there."""

    def walking(self, step: Step, total: int) -> None:
        """Show the hop that is being called, and for how long if it is slow."""
        label = self._label(step, total)
        output.show_live_line(f"{label}  calling …", self._terminal.columns)
        self._watch(label)

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show where the session came from and how long it lasts."""
        self._unwatch()
        origin = "from cache" if cached else "called"
        left = _left_of(session, self._now())
        output.rewrite_line("")
        line = f"{self._label(step, total)}  {origin}, {left}"
        output.write_lines(self._terminal.fitted(line))

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show where the session came from and how long it lasts."""
        line = f"{self._named(label)}  from cache, {show_left(local_expires_at, self._now())}"
        output.write_lines(self._terminal.fitted(line))


@contextlib.contextmanager
def chain_counter(terminal: Terminal, total: int) -> Iterator[ManyProgress]:
    """Count on a terminal: ``42 of 200 chains walked``, then the sessions; nothing in a log."""
    if total < 2 or not terminal.rewrites_lines:
        yield NotCounted()
        return
    try:
        yield ChainCounter(terminal, total)
    finally:
        output.show_counter("", terminal.columns)


@contextlib.contextmanager
def listing_counter(terminal: Terminal) -> Iterator[ListingCounter]:
    """Count on a terminal while AWS lists accounts: ``42 calls, 840 accounts``; nothing in a log."""
    counter = ListingCounter(terminal)
    try:
        yield counter
    finally:
        counter.pause()


class ListingCounter:
    """Implements ``ListingProgress``."""

    def __init__(self, terminal: Terminal) -> None:
        """Show nothing yet."""
        self._terminal = terminal
        self._shows = terminal.rewrites_lines

    def asked(self, calls: int, accounts: int) -> None:
        """Show how many calls were made so far, and how many accounts they gave."""
        if self._shows:
            said = f"{pluralize(calls, 'call')}, {pluralize(accounts, 'account')}"
            output.show_counter(said, self._terminal.columns)

    def pause(self) -> None:
        """Clear the line: something else is written."""
        if self._shows:
            output.show_counter("", self._terminal.columns)


class NotCounted:
    """Implements ``ManyProgress``: shows nothing."""

    def walked(self) -> None:
        """Show nothing."""

    def stored(self, done: int, total: int) -> None:
        """Show nothing."""


class ChainCounter:
    """Implements ``ManyProgress``: one line that counts."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        """Count up to ``total`` chains."""
        self._terminal = terminal
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def walked(self) -> None:
        """Count a chain that was walked, or that failed."""
        with self._lock:
            self._done += 1
            done = self._done
            output.show_counter(
                f"{done} of {self._total} chains walked" if done < self._total else "",
                self._terminal.columns,
            )

    def stored(self, done: int, total: int) -> None:
        """Show how many of the new sessions are stored by now."""
        with self._lock:
            output.show_counter(f"{done} of {total} sessions stored", self._terminal.columns)
