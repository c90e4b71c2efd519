"""One line typed at the terminal device, checked when Enter is pressed and kept until it is right.

What is wrong with it is shown below, and the line stays as it was typed, to be corrected. The line
is erased when it is done: whoever asks shows what became of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from rolehop.terminal.application import (
    application_of,
    leaves,
    run_application,
    size_of,
    streams,
)
from rolehop.text import visible

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.output import Output

_LEAST = 20  # columns to wrap to


class LineInput:
    """The state of one question: what was found wrong with the last answer."""

    def __init__(
        self,
        question: str,
        *,
        hint: str,
        check: Callable[[str], str],
        initial: str = "",
        hidden: bool = False,
        color: bool = False,
    ) -> None:
        """Ask nothing yet.

        Args:
            question: stands before the line.
            hint: stands below it: an example, and what an empty answer means.
            check: returns the answer in its final form; raises ``ValueError`` that says what is
                wrong with it.
            initial: the line as it stands there at first.
            hidden: what is typed is not shown.
            color: whether colours may be used.
        """
        self.question = question
        self.hint = hint
        self.check = check
        self.initial = initial
        self.hidden = hidden
        self.color = color
        self.problem = ""

    def accepted(self, typed: str) -> str | None:
        """Return the answer; ``None`` if something is wrong with it, which is shown from now on."""
        try:
            answer = self.check(typed.strip())
        except ValueError as error:
            self.problem = str(error)
            return None
        self.problem = ""
        return answer

    def changed(self, typed: str) -> None:
        """Show the hint again as soon as what was wrong has been corrected."""
        if self.problem:
            self.accepted(typed)

    def below(self, columns: int) -> StyleAndTextTuples:
        """Return the lines below what is typed, as prompt_toolkit draws them."""
        style = "fg:ansired" if self.color else ""
        problem = _lines("! ", self.problem, columns)
        return [(style, problem), ("", _lines("  ", self.hint, columns).rstrip("\n"))]


def _lines(mark: str, text: str, columns: int) -> str:
    """Return ``text`` in lines that a window has room for, the first one marked."""
    lines = textwrap.wrap(
        visible(text),
        max(columns - 1, _LEAST),
        initial_indent=mark,
        subsequent_indent="  ",
        break_on_hyphens=False,
    )
    return "".join(f"{each}\n" for each in lines)


def run(line: LineInput, reader: TextIO, writer: TextIO, term: str | None) -> str | None:
    """Show the question; return the answer in its final form, ``None`` if the user left."""
    return run_application(_application(line, *streams(reader, writer, term)))


def _application(line: LineInput, source: Input, target: Output) -> Application[str | None]:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.document import Document
    from prompt_toolkit.layout import BufferControl, FormattedTextControl, Window
    from prompt_toolkit.layout.processors import BeforeInput, PasswordProcessor

    typed = Buffer(
        multiline=False,
        document=Document(line.initial),
        on_text_changed=lambda buffer: line.changed(buffer.text),
    )
    hiding = [PasswordProcessor()] if line.hidden else []
    question = Window(
        BufferControl(typed, input_processors=[*hiding, BeforeInput(f"{line.question} ")]),
        wrap_lines=True,
        dont_extend_height=True,
    )
    below = Window(
        FormattedTextControl(lambda: line.below(size_of(target)[0])), dont_extend_height=True
    )
    return application_of(typed, [question, below], _keys(line, typed), source, target)


def _keys(line: LineInput, typed: Buffer) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.keys import Keys

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        answer = line.accepted(typed.text)
        if answer is not None:
            event.app.exit(result=answer)

    @keys.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        typed.insert_text(" ".join(event.data.split()))  # copied with the end of its line

    leaves(keys)
    return keys
