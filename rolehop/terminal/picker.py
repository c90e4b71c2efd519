"""The picker: a list on the terminal device, narrowed by what is typed, of which one or many are taken.

It is erased when it is done. Only a line that the user confirms is picked: a name that just
resembles what was typed is never taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rolehop.show.picker import Choice, as_cells, matching, widths
from rolehop.startup.calling_process import ends_with_caller
from rolehop.terminal.application import (
    application_of,
    leaves,
    run_application,
    size_of,
    streams,
)
from rolehop.text import pluralize

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.output import Output

    from rolehop.terminal.terminal import Terminal

_AROUND = 3
"""Lines of the window that the list leaves: what is typed, the help, and the line above."""

Taken = tuple[Choice, ...]


class Picker:
    """The state of the picker: the matching choices, the line of the cursor, and what is marked."""

    def __init__(
        self,
        choices: Sequence[Choice],
        *,
        color: bool = False,
        noun: str = "chain",
        question: str = "",
        many: bool = False,
    ) -> None:
        """Show all ``choices``.

        Args:
            choices: no two of them are equal.
            color: whether colours may be used.
            noun: what one of them is; it forms its plural with an s.
            question: stands before what is typed.
            many: several can be marked, and are taken together.
        """
        self.choices = choices
        self.noun = noun
        self.question = question or f"{noun}:"
        self.many = many
        self.color = color
        self.at = 0
        self.found = matching(choices, "")
        self.marked: dict[Choice, None] = {}
        self.shown = 10
        """Lines of the list at once."""

        self._widths: dict[int, tuple[int, int, int, int]] = {}
        """By the columns of the window: a line is drawn for each key, of thousands of choices."""

    def narrow(self, typed: str) -> None:
        """Show only what matches ``typed``, and go to the first line."""
        self.found = matching(self.choices, typed)
        self.at = 0

    def move(self, lines: int) -> None:
        """Move the cursor by ``lines``, up to the first or last line."""
        self.at = max(0, min(len(self.found) - 1, self.at + lines))

    def mark(self) -> None:
        """Mark the line of the cursor, or no longer; go on to the next one."""
        if self.found:
            self._toggle(self.found[self.at])
            self.move(1)

    def mark_shown(self) -> None:
        """Mark all that match; if they are marked already, none of them any longer."""
        left = [each for each in self.found if each not in self.marked]
        for each in left or self.found:
            self._toggle(each)

    def _toggle(self, choice: Choice) -> None:
        if choice in self.marked:
            del self.marked[choice]
        else:
            self.marked[choice] = None

    @property
    def taken(self) -> Taken:
        """What is marked, in the order of the list, else the line of the cursor; may be empty."""
        if self.marked:
            return tuple(each for each in self.choices if each in self.marked)
        return (self.found[self.at],) if self.found else ()

    def lines(self, columns: int, rows: int) -> StyleAndTextTuples:
        """Return the part of the list that a window shows, as prompt_toolkit draws it."""
        self.shown = max(1, rows - _AROUND)
        if not self.found:
            return [("", "  nothing matches; Esc leaves")]
        first = max(0, min(self.at - self.shown // 2, len(self.found) - self.shown))
        if columns not in self._widths:
            self._widths[columns] = widths(self.choices, columns - (7 if self.many else 3))
        drawn: StyleAndTextTuples = []
        for number, choice in enumerate(self.found[first : first + self.shown], start=first):
            drawn += self._line(choice, self._widths[columns], here=number == self.at)
        return [*drawn, ("", self._help(columns))]

    def _line(
        self, choice: Choice, across: tuple[int, int, int, int], *, here: bool
    ) -> StyleAndTextTuples:
        # The cursor and the mark are characters, too: a screen reader does not speak reverse video.
        name, rest = as_cells(choice, across)
        line = "reverse" if here else ""
        before = "> " if here else "  "
        if self.many:
            before += "[x] " if choice in self.marked else "[ ] "
        return [
            (line, before),
            (f"bold {line} {self._color_of(choice)}", name),
            (line, f"{rest if here else rest.rstrip()}\n"),
        ]

    def _color_of(self, choice: Choice) -> str:
        return f"fg:ansi{choice.color.replace('_', '')}" if self.color and choice.color else ""

    def _help(self, columns: int) -> str:
        of = len(self.choices)
        found = (
            pluralize(of, self.noun)
            if len(self.found) == of
            else f"{len(self.found)} of {pluralize(of, self.noun)}"
        )
        keys = ("type to narrow, Enter picks, Esc leaves", "Enter picks, Esc leaves", "Esc leaves")
        if self.many:
            found += f", {len(self.marked)} marked" if self.marked else ""
            enter = "Enter takes them" if self.marked else "Enter takes one"
            keys = (
                f"type to narrow, Tab marks, Ctrl-A all, {enter}, Esc leaves",
                f"Tab marks, Ctrl-A all, {enter}",
                "Tab marks, Enter takes",
            )
        lines = [*(f"  {found}; {each}" for each in keys), f"  {found}"]
        return next((each for each in lines if len(each) <= columns), found)


def pick(picker: Picker, terminal: Terminal, term: str | None) -> Taken | None:
    """Show the picker on the terminal device; return what was taken, ``None`` if the user left.

    ``term`` is the variable TERM.

    Raises:
        NoTerminal: this process has no terminal device.
    """
    with terminal.device(f"a {picker.noun}") as (reader, writer), ends_with_caller():
        picker.color = terminal.colors(writer)
        return run(picker, reader, writer, term)


def run(picker: Picker, reader: TextIO, writer: TextIO, term: str | None) -> Taken | None:
    """Show the picker; return what was taken, ``None`` if the user left."""
    return run_application(_application(picker, *streams(reader, writer, term)))


def _application(picker: Picker, source: Input, target: Output) -> Application[Taken | None]:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.layout import BufferControl, FormattedTextControl, Window
    from prompt_toolkit.layout.processors import BeforeInput

    typed = Buffer(multiline=False, on_text_changed=lambda buffer: picker.narrow(buffer.text))
    question = Window(
        BufferControl(typed, input_processors=[BeforeInput(f"{picker.question} ")]),
        height=1,
        dont_extend_height=True,
    )
    listed = Window(
        FormattedTextControl(lambda: picker.lines(*size_of(target))),
        wrap_lines=False,
        dont_extend_height=True,
        always_hide_cursor=True,
    )
    return application_of(typed, [question, listed], _keys(picker, typed), source, target)


def _keys(picker: Picker, typed: Buffer) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    def moves(lines: int, *names: str) -> None:
        for name in names:
            keys.add(name)(lambda event: picker.move(lines))

    moves(-1, "up", "c-p", "s-tab")
    moves(1, "down", "c-n", *(() if picker.many else ("tab",)))
    keys.add("pageup")(lambda event: picker.move(-picker.shown))
    keys.add("pagedown")(lambda event: picker.move(picker.shown))
    if picker.many:
        _marking_keys(picker, typed, keys)

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        if picker.taken:
            event.app.exit(result=picker.taken)

    leaves(keys)
    return keys


def _marking_keys(picker: Picker, typed: Buffer, keys: KeyBindings) -> None:
    """Let Tab and Ctrl-A mark, and the space bar as long as nothing is typed: then it parts words."""
    from prompt_toolkit.filters import Condition

    keys.add("tab")(lambda event: picker.mark())
    keys.add("c-a")(lambda event: picker.mark_shown())
    keys.add(" ", filter=Condition(lambda: not typed.text))(lambda event: picker.mark())
