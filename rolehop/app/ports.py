"""Whom the application may ask, and who watches: protocols, and those without a terminal.

Who watches and shows nothing is in `app.asking`, which imports none of this.

Whoever makes an `App` hands these in. The command line hands in the terminal (`rolehop.terminal`);
a Python program hands in its own function, or nothing: then every question fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rolehop.base.errors import Declined, NoTerminal, UsageError
from rolehop.base.text import clean, quoted
from rolehop.sources import context
from rolehop.walk import ports

if TYPE_CHECKING:
    from rolehop.aws.net.loopback_pages import OneShotPage

Prompt = Callable[[str], str]
"""Shows a question and returns the answer, like ``input``; secrets are asked the same way."""

BrowserCommands = Callable[[str, Mapping[str, str], str], tuple[tuple[str, ...], ...]]
"""From an argument, environment and platform (as in ``sys``) to commands, the best first."""

_MOST_TRIES = 3


class StartedBrowser(Protocol):
    """A program that was started to open a browser."""

    def failure(self) -> str | None:
        """Return how it failed; ``None`` as long as a browser may still open."""
        ...


class Person(context.Prompter, Protocol):
    """Somebody who answers questions: confirmations, reasons, MFA codes, choices."""

    def open_window(
        self, page: OneShotPage, commands: BrowserCommands | None = None
    ) -> StartedBrowser | None:
        """Open ``page`` by the first of ``commands`` that starts; ``None`` if none does.

        Without ``commands``: in the system's browser.
        """
        ...

    def countdown(self, text: str) -> AbstractContextManager[Callable[[int], None]]:
        """Return a context whose value shows ``text`` and a number of seconds still to wait."""
        ...


def ask_yes_or_no(person: Person, question: str) -> str:
    """Return the answer to a question that `is_yes` judges; no is the default.

    Raises:
        NoTerminal: nobody can be asked.
    """
    from rolehop.app.proof import CONFIRMATION

    return person.ask(f"{question} [y/N] ", needed=CONFIRMATION, yes_or_no=True)


def is_yes(answer: str) -> bool:
    """True if the answer to a yes-or-no question is yes."""
    return answer.lower() in ("y", "yes")


def declined(what: str, answer: str, fix: str) -> Declined:
    """Return the error for an answer that is not yes; ``what`` says what did not happen.

    Who says no is told that, and nothing else.
    """
    if answer.lower() in ("", "n", "no"):
        return Declined(what)
    return Declined(what, cause=f"the answer was {quoted(clean(answer))}", fix=fix)


class Unseen:
    """Where nobody looks: no line is shown, and no browser opened."""

    has_browser = False

    def say(self, line: str) -> None:
        """Show nothing."""
        del line

    def show(self, *lines: str) -> bool:
        """Show nothing."""
        del lines
        return False

    def open_browser(self, page: OneShotPage) -> bool:
        """Open nothing."""
        del page
        return False

    def open_window(self, page: OneShotPage, commands: BrowserCommands | None = None) -> None:
        """Open nothing."""
        del page, commands

    @contextmanager
    def countdown(self, text: str) -> Iterator[Callable[[int], None]]:
        """Show nothing."""
        del text
        yield lambda seconds: None


def _no_fix(needed: str) -> None:
    del needed


class Nobody:
    """There is nobody to ask: every question raises `NoTerminal` with the reason."""

    can_ask = False

    def __init__(
        self,
        reason: str,
        *,
        fix: Callable[[str], str | None] = _no_fix,
        seen_by: Person | Unseen | None = None,
    ) -> None:
        """Ask nobody.

        Args:
            reason: why, e.g. "there is no terminal to ask on".
            fix: returns what to do if something is needed, e.g. "a reason".
            seen_by: who is shown lines and browsers, and is not to be asked; ``None``: nobody.
        """
        self._reason = reason
        self._fix = fix
        self._seen_by = seen_by = seen_by or Unseen()
        self.say = seen_by.say
        self.show = seen_by.show
        self.open_browser = seen_by.open_browser
        self.open_window = seen_by.open_window
        self.countdown = seen_by.countdown

    @property
    def has_browser(self) -> bool:
        """True if a browser can be opened that reaches this machine's loopback address."""
        return self._seen_by.has_browser

    def ask(
        self, question: str, *, needed: str, hidden: bool = False, yes_or_no: bool = False
    ) -> str:
        """Refuse to ask.

        Raises:
            NoTerminal: always.
        """
        del question, hidden, yes_or_no
        raise NoTerminal(f"{needed} is needed, and {self._reason}", fix=self._fix(needed))

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return the index of a single option.

        Raises:
            NoTerminal: there are more.
        """
        if len(options) == 1:
            return 0
        what = f"a choice is needed, and {self._reason}: {question}"
        raise NoTerminal(what, fix=self._fix("a choice"))


class PromptedPerson(Unseen):
    """Somebody who is asked through a function of the program that uses rolehop.

    A function may return the same useless answer again and again, so it is not asked forever.
    """

    can_ask = True

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._tries = Counter[str]()

    def ask(
        self, question: str, *, needed: str, hidden: bool = False, yes_or_no: bool = False
    ) -> str:
        """Return the answer of the program's function.

        Raises:
            UsageError: the answer is not text, or the same was asked too often.
        """
        del hidden, yes_or_no
        self._tries[question] += 1
        if self._tries[question] > _MOST_TRIES:
            raise UsageError(
                f"{needed} is needed, and prompt does not give one",
                cause=f"it was asked {_MOST_TRIES} times: {question.strip()}",
            )
        return self._answer(question)

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return the index of the option whose number or text the answer is.

        Raises:
            NoTerminal: the answer is neither.
            UsageError: the answer is not text.
        """
        if len(options) == 1:
            return 0
        lines = [f"{number}  {option}" for number, option in enumerate(options, 1)]
        answer = self._answer("\n".join([*lines, question])).strip()
        if answer in options:
            return options.index(answer)
        if answer.isascii() and answer.isdecimal() and 0 < int(answer) <= len(options):
            return int(answer) - 1
        raise NoTerminal(f"a choice is needed: {question}", cause="the answer is none of them")

    def _answer(self, question: str) -> str:
        answer: object = self._prompt(question)
        if not isinstance(answer, str):
            raise UsageError(
                f"prompt returned {type(answer).__name__}, not text",
                cause=f"it was asked: {question.strip()}",
            )
        return str.__str__(answer)  # what a program derives from str may be another text when sent


class Progress(ports.Listener, Protocol):
    """Watches one chain on its way to a session."""

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show that the session came from the hot path's record; ``label`` names its last hop."""
        ...


class ManyProgress(Protocol):
    """Watches many chains; called from any thread."""

    def walked(self) -> None:
        """Count a chain that was walked, or that failed."""
        ...

    def stored(self, done: int, total: int) -> None:
        """Show how many of the new sessions are stored by now."""
        ...


class Choice(NamedTuple):
    """One chain or source that may be picked."""

    name: str
    description: str
    role: str
    """Its last role, with its account; empty: it hands out the source's own session. Of a source its
    type."""

    left: str
    """Time left on its cached session, e.g. ``43 min left``; empty: none is cached."""

    color: str = ""
    labels: tuple[str, ...] = ()
    """What else finds it: ``label:NAME=VALUE``, an account's ID."""
