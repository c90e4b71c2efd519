"""Somebody who answers the questions for a first config by a script, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rolehop.app.asking import SILENT
from rolehop.app.ports import Choice, Progress
from rolehop.base.errors import RolehopError
from rolehop.commands.config.init.questions import LineQuestion

Answers = str | list[str]


class Scripted:
    """Implements ``Interviewer``.

    ``script``: the begin of each question, and its answer: a line, or the begin of a choice's name.
    A list: for a line what is typed until one is accepted, for a choice all that are marked. ``problems`` is what was found wrong with lines, ``said`` what was shown.
    """

    def __init__(self, *script: tuple[str, Answers]) -> None:
        self.script = list(script)
        self.problems: list[str] = []
        self.said: list[str] = []
        self.errors: list[RolehopError] = []
        self.offered: list[list[str]] = []
        self.initial: list[str] = []

    def _answer(self, question: str) -> list[str]:
        if not self.script:
            raise KeyboardInterrupt
        wanted, answer = self.script.pop(0)
        assert question.startswith(wanted), f"{question!r} was asked, not {wanted!r}"
        return [answer] if isinstance(answer, str) else answer

    def say(self, *lines: str) -> None:
        self.said += lines

    def show(self, lines: Sequence[tuple[str, str]]) -> None:
        self.said += [f"{label}{text}" for label, text in lines]

    def report(self, error: RolehopError) -> None:
        self.errors.append(error)

    def ask(self, question: LineQuestion) -> str:
        self.initial.append(question.initial)
        for typed in self._answer(question.text):
            try:
                return question.check(typed)
            except ValueError as error:
                self.problems.append(str(error))
        raise AssertionError(f"no answer to {question.text!r} was accepted: {self.problems}")

    def pick(self, question: str, choices: Sequence[Choice], noun: str) -> Choice:
        return self.pick_many(question, choices, noun)[0]

    def pick_many(self, question: str, choices: Sequence[Choice], noun: str) -> tuple[Choice, ...]:
        self.offered.append([each.name for each in choices])
        assert len(set(choices)) == len(choices)
        return tuple(
            next(each for each in choices if f"{each.name} {each.role}".startswith(wanted))
            for wanted in self._answer(question)
        )

    @contextmanager
    def counting(self) -> Iterator[Callable[[int], object]]:
        yield lambda accounts: None

    def walking(self) -> AbstractContextManager[Progress]:
        return nullcontext(SILENT)
