"""What is shown on stderr while a chain is walked: one line per hop."""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.credentials import Session
from rolehop.plan.model import HopStep, Step
from rolehop.show.times import show_left
from rolehop.terminal.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


class Silent:
    """Nobody watches: an SDK reads, or ``-q`` was asked for."""

    def walking(self, step: Step, total: int) -> None:
        """Say nothing."""

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Say nothing."""


class PlainLines:
    """A finished line per call, for logs."""

    def __init__(self, terminal: Terminal, now: Callable[[], datetime]) -> None:
        self._terminal = terminal
        self._now = now

    def walking(self, step: Step, total: int) -> None:
        """Say nothing before there is something to say."""

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Tell of a call; what came from the vault is no news in a log."""
        if not cached:
            left = show_left(session.expires_at, self._now())
            self._terminal.note(f"{describe(step, total)}  called, {left}")


class LiveLines:
    """A line per hop that is rewritten when its session is in hand."""

    def __init__(self, terminal: Terminal, now: Callable[[], datetime]) -> None:
        self._console: Console = terminal.console(sys.stderr)
        self._now = now

    def walking(self, step: Step, total: int) -> None:
        """Show what is being called."""
        self._console.print(
            f"{describe(step, total)}  calling …", end="\r", overflow="ellipsis", no_wrap=True
        )

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show where the session came from and how long it lasts."""
        how = "from cache" if cached else "called"
        left = show_left(session.expires_at, self._now())
        self._console.file.write("\x1b[2K")
        self._console.print(f"{describe(step, total)}  {how}, {left}")


def describe(step: Step, total: int) -> str:
    """Return e.g. ``hop 2 of 3  333333333333:role/Admin``."""
    if isinstance(step, HopStep):
        role = step.hop.role
        return f"hop {step.number} of {total}  {role.account}:role{role.path}{role.name}"
    return f"source '{step.source}'"


class _Counter:
    """``42 of 200 chains walked`` on a terminal; nothing in a log."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._shown = terminal.shows_progress
        self._total = total
        self._count = 0
        self._guard = threading.Lock()

    def one_more(self) -> None:
        with self._guard:
            self._count += 1
            if self._shown:
                sys.stderr.write(f"\r{self._count} of {self._total} chains walked")
                sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
