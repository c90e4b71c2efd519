"""The picker: a list of chains or sources on the terminal device, narrowed by what is typed.

It is drawn by prompt_toolkit, below the cursor and without taking the whole screen, and erased
when it is done. It reads and writes the terminal device itself, so that it works inside ``$( )``
and with a pipe on stdin. Only a line that the user confirms is picked: a name that just
resembles what was typed is never taken.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, TextIO

from rolehop.show.picker import Choice, as_cells, matching, widths
from rolehop.text import pluralize

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.output import Output

_AROUND = 3
"""Lines of the window that the list leaves: what is typed, the help, and the line above."""


class Picker:
    """The state of the picker: the matching choices and the marked line."""

    def __init__(self, choices: Sequence[Choice], *, color: bool, noun: str = "chain") -> None:
        """Show all ``choices``; ``noun`` is what one of them is."""
        self.choices = choices
        self.noun = noun
        self.color = color
        self.marked = 0
        self.found = matching(choices, "")
        self.shown = 10
        """Lines of the list at once."""

        self._widths: dict[int, tuple[int, int, int, int]] = {}
        """By the columns of the window: a line is drawn for each key, of thousands of choices."""

    def narrow(self, typed: str) -> None:
        """Show only what matches ``typed``, and mark the first line."""
        self.found = matching(self.choices, typed)
        self.marked = 0

    def move(self, lines: int) -> None:
        """Move the mark by ``lines``, up to the first or last line."""
        self.marked = max(0, min(len(self.found) - 1, self.marked + lines))

    @property
    def picked(self) -> str | None:
        """The name in the marked line; ``None``: nothing matches."""
        return self.found[self.marked].name if self.found else None

    def lines(self, columns: int, rows: int) -> StyleAndTextTuples:
        """Return the part of the list that a window shows, as prompt_toolkit draws it."""
        self.shown = max(1, rows - _AROUND)
        if not self.found:
            return [("", "  nothing matches; Esc leaves")]
        first = max(0, min(self.marked - self.shown // 2, len(self.found) - self.shown))
        if columns not in self._widths:
            self._widths[columns] = widths(self.choices, columns - 3)
        across = self._widths[columns]
        drawn: StyleAndTextTuples = []
        for number, choice in enumerate(self.found[first : first + self.shown], start=first):
            # The mark is a character, too: a screen reader does not speak reverse video.
            marked = number == self.marked
            name, rest = as_cells(choice, across)
            line = "reverse" if marked else ""
            drawn.append((line, "> " if marked else "  "))
            drawn.append((f"bold {line} {self._color_of(choice)}", name))
            drawn.append((line, f"{rest.rstrip() if not marked else rest}\n"))
        return [*drawn, ("", self._help(columns))]

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
        lines = [*(f"  {found}; {each}" for each in keys), f"  {found}"]
        return next((each for each in lines if len(each) <= columns), found)


def run(picker: Picker, reader: TextIO, writer: TextIO, term: str | None) -> str | None:
    """Show the picker; return the name that was picked, ``None`` if the user left."""
    application = _application(picker, *_streams(reader, writer, term))

    async def draw() -> str | None:
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            # A signal from outside must leave the terminal as it was.
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, lambda: application.exit(result=None))
        return await application.run_async(set_exception_handler=False)

    return _run_loop(draw())


def _run_loop(work: Coroutine[None, None, str | None]) -> str | None:
    if sys.platform == "win32":
        return asyncio.run(work)

    def loop() -> asyncio.AbstractEventLoop:
        # select() alone can wait for /dev/tty on every system; kqueue of macOS cannot.
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


def _streams(reader: TextIO, writer: TextIO, term: str | None) -> tuple[Input, Output]:
    """Return prompt_toolkit's input and output for the terminal device."""
    if sys.platform == "win32":
        from prompt_toolkit.input import create_input
        from prompt_toolkit.output import create_output

        return create_input(always_prefer_tty=True), create_output(writer)
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.input.vt100 import Vt100Input
    from prompt_toolkit.output.vt100 import Vt100_Output

    def size() -> Size:
        columns, rows = os.get_terminal_size(writer.fileno())
        return Size(rows or 24, columns or 80)

    # Do not ask the terminal for the cursor's position: nothing here depends on it.
    return Vt100Input(reader), Vt100_Output(writer, size, term=term, enable_cpr=False)


def _application(picker: Picker, source: Input, target: Output) -> Application[str | None]:
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
    from prompt_toolkit.layout.processors import BeforeInput

    typed = Buffer(multiline=False, on_text_changed=lambda buffer: picker.narrow(buffer.text))
    question = Window(
        BufferControl(typed, input_processors=[BeforeInput(f"{picker.noun}: ")]),
        height=1,
        dont_extend_height=True,
    )
    listed = Window(
        FormattedTextControl(lambda: picker.lines(*_size(target))),
        wrap_lines=False,
        dont_extend_height=True,
        always_hide_cursor=True,
    )
    application: Application[str | None] = Application(
        layout=Layout(HSplit([question, listed]), focused_element=typed),
        key_bindings=_keys(picker),
        erase_when_done=True,
        input=source,
        output=target,
    )
    application.ttimeoutlen = 0.1  # seconds in which an arrow key's sequence would follow Esc
    return application


def _size(target: Output) -> tuple[int, int]:
    size = target.get_size()
    return size.columns, size.rows


def _keys(picker: Picker) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    def moves(lines: int, *names: str) -> None:
        for name in names:
            keys.add(name)(lambda event: picker.move(lines))

    moves(-1, "up", "c-p", "s-tab")
    moves(1, "down", "c-n", "tab")
    keys.add("pageup")(lambda event: picker.move(-picker.shown))
    keys.add("pagedown")(lambda event: picker.move(picker.shown))

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        if picker.picked is not None:
            event.app.exit(result=picker.picked)

    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    keys.add("escape", eager=True)(leave)
    for name in ("c-c", "c-d", "<sigint>"):
        keys.add(name)(leave)
    return keys
