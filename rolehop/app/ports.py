"""Whom the application may ask, and who watches its progress: protocols and their silent versions.

Whoever makes an `App` hands these in. The command line hands in the terminal (`rolehop.terminal`);
a Python program hands in nothing, and then every question fails with `NoTerminal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol

from rolehop import ports
from rolehop.credentials import Session
from rolehop.errors import NoTerminal
from rolehop.plan.model import Step
from rolehop.sources import context


class Person(context.Prompter, Protocol):
    """Somebody who answers questions: confirmations, reasons, MFA codes, choices."""

    def countdown(self, text: str) -> AbstractContextManager[Callable[[int], None]]:
        """Return a context whose value shows ``text`` and a number of seconds still to wait."""
        ...


class NonInteractive(context.NoPrompter):
    """Asks nothing: every question raises `NoTerminal`."""

    @contextmanager
    def countdown(self, text: str) -> Iterator[Callable[[int], None]]:
        """Show nothing."""
        del text
        yield lambda seconds: None


class WithoutPrompts:
    """``--no-prompt``: shows lines and opens browsers as ``person`` does, and asks nothing."""

    can_ask = False

    def __init__(self, person: Person) -> None:
        self._person = person
        self.say = person.say
        self.open_browser = person.open_browser
        self.countdown = person.countdown

    @property
    def has_browser(self) -> bool:
        """True if a browser can be opened that reaches this machine's loopback address."""
        return self._person.has_browser

    def ask(self, question: str, *, needed: str, hidden: bool = False) -> str:
        """Refuse to ask.

        Raises:
            NoTerminal: always.
        """
        del question, hidden
        raise NoTerminal(f"{needed} is needed, and --no-prompt forbids asking")

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return the index of a single option.

        Raises:
            NoTerminal: there are more.
        """
        if len(options) == 1:
            return 0
        raise NoTerminal(f"a choice is needed, and --no-prompt forbids asking: {question}")


class Progress(ports.Listener, Protocol):
    """Watches one chain on its way to a session."""

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show that the session came from the hot path's record; ``label`` names its last hop."""
        ...


class Silent:
    """Watches and shows nothing."""

    def walking(self, step: Step, total: int) -> None:
        """Show nothing."""

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show nothing."""

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show nothing."""


SILENT = Silent()
