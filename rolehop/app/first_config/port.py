"""Who is asked for a first config: a protocol, implemented by the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rolehop.app.first_config.questions import LineQuestion
    from rolehop.app.ports import Progress
    from rolehop.errors import RolehopError
    from rolehop.show.picker import Choice


class Interviewer(Protocol):
    """The person who is asked, and what they are shown; whoever leaves raises KeyboardInterrupt."""

    def say(self, *lines: str) -> None:
        """Show lines of text."""
        ...

    def show(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show lines of a label, as it is, and a text, whose further lines stand below it."""
        ...

    def report(self, error: RolehopError) -> None:
        """Show an error; the conversation goes on."""
        ...

    def ask(self, question: LineQuestion) -> str:
        """Return the answer in its final form: it is asked until the question's check accepts it.

        Raises:
            KeyboardInterrupt: the person left.
        """
        ...

    def pick(self, question: str, choices: Sequence[Choice], noun: str) -> Choice:
        """Return one of ``choices``; ``noun`` is what one of them is.

        Raises:
            KeyboardInterrupt: the person left.
        """
        ...

    def pick_many(self, question: str, choices: Sequence[Choice], noun: str) -> tuple[Choice, ...]:
        """Return one or more of ``choices``.

        Raises:
            KeyboardInterrupt: the person left.
        """
        ...

    def counting(self) -> AbstractContextManager[Callable[[int], object]]:
        """Return a context whose value shows of how many accounts the roles are known."""
        ...

    def walking(self) -> AbstractContextManager[Progress]:
        """Return a context whose value watches one walk, whether it succeeds or fails."""
        ...
