"""Asks for a first config on the terminal device: lines that are checked, and lists to pick from.

What was answered stays on the screen, a line each. On a terminal that cannot erase a line
(``TERM=dumb``) the same is asked by plain lines and numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.base.text import clean, pluralize, visible
from rolehop.terminal import output
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.messages import message
from rolehop.terminal.progress import walk_progress

if TYPE_CHECKING:
    from rolehop.app.ports import Choice, Person, Progress
    from rolehop.base.errors import RolehopError
    from rolehop.commands.config.init.questions import LineQuestion
    from rolehop.terminal.terminal import Terminal

_WIDE = 60
"""Columns from which there is room below a text alone."""

_NAMED = 3
"""How many of many choices stay on the screen by name."""


class TerminalInterviewer:
    """Implements `rolehop.commands.config.init.questions.Interviewer`."""

    def __init__(
        self,
        terminal: Terminal,
        person: Person,
        environ: Mapping[str, str],
        quote: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        """Ask nothing yet; ``quote`` writes an argument in the person's shell."""
        self._terminal = terminal
        self._person = person
        self._term = environ.get("TERM")
        self._quote = quote
        self._now = now

    def say(self, *lines: str) -> None:
        """Show lines of text on the terminal device."""
        with self._terminal.device("a message") as (_, writer):
            for line in lines:
                output.write_lines(self._terminal.wrapped(line, writer), writer)

    def show(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show lines of a label and a text on the terminal device."""
        with self._terminal.device("a message") as (_, writer):
            width = self._terminal.columns_of(writer)
            for label, text in lines:
                hanging = " " * (len(label) if width is None or width >= _WIDE else 4)
                shown = message(label, text, self._quote, width, hanging=hanging)
                self._terminal.report(shown, writer)

    def report(self, error: RolehopError) -> None:
        """Show an error on the terminal device."""
        with self._terminal.device("a message") as (_, writer):
            width = self._terminal.columns_of(writer)
            self._terminal.report(error_lines(error, self._quote, width), writer)

    def ask(self, question: LineQuestion) -> str:
        """Ask until the question's check accepts the answer.

        Raises:
            KeyboardInterrupt: the person left.
        """
        if self._terminal.is_dumb:
            return self._asked_plainly(question)
        from rolehop.terminal.picker import LineInput, run_line

        with self._terminal.device("an answer") as (reader, writer):
            line = LineInput(
                question.text,
                hint=question.hint,
                check=question.check,
                initial=question.initial,
                hidden=question.hidden,
                color=self._terminal.colors(writer),
            )
            answer = run_line(line, reader, writer, self._term)
            if answer is None:
                raise KeyboardInterrupt
            shown = "(not shown)" if question.hidden else answer or "(none)"
            output.write_lines(visible(f"{question.text} {shown}"), writer)
        return answer

    def _asked_plainly(self, question: LineQuestion) -> str:
        self.say(question.hint)
        kept = f" [{question.initial}]" if question.initial else ""
        while True:
            answer = self._person.ask(
                f"{question.text}{kept} ", needed="an answer", hidden=question.hidden
            )
            try:
                return question.check(answer or question.initial)
            except ValueError as error:
                self.say(str(error))

    def pick(self, question: str, choices: Sequence[Choice], noun: str) -> Choice:
        """Let the person pick one of ``choices``, each a ``noun``.

        Raises:
            KeyboardInterrupt: the person left.
        """
        if self._terminal.is_dumb:
            return choices[self._person.choose(question, [_in_words(each) for each in choices])]
        return self._picked(question, choices, noun, many=False)[0]

    def pick_many(self, question: str, choices: Sequence[Choice], noun: str) -> tuple[Choice, ...]:
        """Let the person pick one or more of ``choices``.

        Raises:
            KeyboardInterrupt: the person left.
        """
        if self._terminal.is_dumb:
            return (self.pick(question, choices, noun),)
        return self._picked(question, choices, noun, many=True)

    def _picked(
        self, question: str, choices: Sequence[Choice], noun: str, *, many: bool
    ) -> tuple[Choice, ...]:
        from rolehop.terminal.picker import Picker, run

        with self._terminal.device("a choice") as (reader, writer):
            picker = Picker(
                choices,
                color=self._terminal.colors(writer),
                noun=noun,
                question=question,
                many=many,
            )
            picked = run(picker, reader, writer, self._term)
            if picked is None:
                raise KeyboardInterrupt
            output.write_lines(
                self._terminal.wrapped(_picked_text(question, picked, noun), writer), writer
            )
        return picked

    @contextlib.contextmanager
    def counting(self) -> Iterator[Callable[[int], object]]:
        """Count on stderr the accounts whose roles are known."""
        terminal = self._terminal
        if not terminal.rewrites_lines:
            yield lambda accounts: None
            return

        def count(accounts: int) -> None:
            said = f"the roles in {pluralize(accounts, 'account')} are known"
            output.show_counter(said, terminal.columns)

        try:
            yield count
        finally:
            output.show_counter("", terminal.columns)

    def walking(self) -> AbstractContextManager[Progress]:
        """Return a context whose value shows the progress of one walk."""
        return walk_progress(self._terminal, self._now)


def _in_words(choice: Choice) -> str:
    return clean(f"{choice.name}  {choice.role}")


def _picked_text(question: str, picked: Sequence[Choice], noun: str) -> str:
    named = [clean(each.name) for each in picked[:_NAMED]]
    if len(picked) == 1:
        return f"{question} {named[0]}"
    more = f" and {len(picked) - _NAMED} more" if len(picked) > _NAMED else ""
    return f"{question} {pluralize(len(picked), noun)}: {', '.join(named)}{more}"
