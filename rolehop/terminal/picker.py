"""The lines of the picker: matching choices, and a chain as one line."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
import textwrap
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from rolehop.app.ports import Choice
from rolehop.base.text import elided, is_visible, pluralize, visible
from rolehop.base.waits import ends_with_caller
from rolehop.terminal.output import COLORS, Drawn

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.layout import Window
    from prompt_toolkit.output import Output

    from rolehop.terminal.terminal import Terminal

_GAP = "  "
_NAME_LEAST, _NAME_MOST, _ROLE_LEAST, _ROLE_MOST, _USEFUL = 24, 32, 23, 48, 8


def matching(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """Return the choices that contain every typed word; case-insensitive.

    The name that was typed, or a label, comes first, then those that begin with it; otherwise the order stays.
    """
    words = typed.casefold().split()
    if not words:
        return list(choices)
    found = [each for each in choices if all(word in _searched(each) for word in words)]
    begins = typed.strip().casefold()

    def order(each: Choice) -> tuple[bool, bool]:
        names = [name.casefold() for name in (each.name, *each.labels)]
        return begins not in names, not names[0].startswith(begins)

    return sorted(found, key=order)


def widths(choices: Sequence[Choice], columns: int) -> tuple[int, int, int, int]:
    """Return the widths of name, description, role and time; 0: there is no room for it.

    Together, and with the gaps between them, they fit into ``columns``. Where room is short, the
    description gives way first, then the time, then the role, and the name last. A name that is
    far longer than the others does not widen the column.
    """
    shown = [choice[:4] for choice in choices] or [("", "", "", "")]
    name, description, role, left = map(_lengths, zip(*shown, strict=True))
    usual = [each for each in name if each <= _NAME_MOST]
    alone = not any(map(max, (description, role, left)))  # then all the room is the name's
    wanted = max(name) if alone or len(usual) == len(name) else max([_NAME_LEAST, *usual])
    names = min(wanted, max(columns - _with_gap(min(max(role), _ROLE_LEAST)), _NAME_LEAST), columns)
    room = columns - names
    # The account and the begin of the role's name; what stands behind them gives way to the time.
    least = _part(room, min(max(role), _ROLE_LEAST), 1)
    time = _part(room - _with_gap(least), max(left), max(left))
    room -= _with_gap(time)
    roles = _part(room, min(max(role), _ROLE_MOST), min(max(role), _USEFUL))
    room -= _with_gap(roles)
    return names, _part(room, max(description), min(max(description), _USEFUL)), roles, time


def _lengths(column: Sequence[str]) -> list[int]:
    """Return how long each text is when it is shown; thousands are looked at as one."""
    if not is_visible("".join(column)):
        column = [visible(each) for each in column]
    return list(map(len, column))


def _with_gap(width: int) -> int:
    return width + len(_GAP) if width else 0


def _part(room: int, wanted: int, least: int) -> int:
    """Return how much of ``wanted`` there is room for, 0 if it is less than the ``least``."""
    width = min(wanted, room - len(_GAP))
    return width if width >= least else 0


def as_cells(choice: Choice, across: tuple[int, int, int, int]) -> tuple[str, str]:
    """Return a choice's name, and the rest of its line, each elided and filled to its width.

    The rest is account and role, the time, and the description.
    """
    name, description, role, left = map(visible, choice[:4])
    names, descriptions, roles, times = across
    cells = (
        (_cut(role, roles).ljust(roles), roles),
        (left.rjust(times), times),
        (_cut(description, descriptions).ljust(descriptions), descriptions),
    )
    rest = "".join(_GAP + text for text, width in cells if width)
    return elided(name, names).ljust(names), rest


def _searched(choice: Choice) -> str:
    return f"{choice.name} {choice.description} {choice.role} {' '.join(choice.labels)}".casefold()


def underlined(style: str, text: str, words: Sequence[str]) -> StyleAndTextTuples:
    """Return ``text`` in parts, those underlined that are one of ``words``, in small letters."""
    marks = bytearray(len(text))
    folded = text.casefold()
    if len(folded) == len(text):  # else its letters are not those that were compared
        for word in words:
            at = folded.find(word)
            while word and at >= 0:
                marks[at : at + len(word)] = b"\1" * len(word)
                at = folded.find(word, at + len(word))
    parts: StyleAndTextTuples = []
    begin = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or marks[end] != marks[begin]:
            parts.append((f"{style} underline" if marks[begin] else style, text[begin:end]))
            begin = end
    return parts


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"[:width]


Result = TypeVar("Result")

_ESCAPE_SECONDS = 0.1
"""In which an arrow key's sequence would follow Esc."""


def application_of(
    typed: Buffer, windows: Sequence[Window], keys: KeyBindings, source: Input, target: Output
) -> Application[Any]:
    """Return an application that shows ``windows``, one below the other, and ends without a trace.

    ``typed`` is what is typed into, in one of them.
    """
    from prompt_toolkit.application import Application
    from prompt_toolkit.layout import HSplit, Layout

    application: Application[Any] = Application(
        layout=Layout(HSplit([*windows]), focused_element=typed),
        key_bindings=keys,
        erase_when_done=True,
        input=source,
        output=target,
    )
    application.ttimeoutlen = _ESCAPE_SECONDS
    return application


def run_application(application: Application[Result | None]) -> Result | None:
    """Run it; return its result, ``None`` if the user left."""

    async def draw() -> Result | None:
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            # A signal from outside must leave the terminal as it was.
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, lambda: application.exit(result=None))
        return await application.run_async(set_exception_handler=False)

    return _run_loop(draw())


def _run_loop(work: Coroutine[None, None, Result | None]) -> Result | None:
    if sys.platform == "win32":
        return asyncio.run(work)

    def loop() -> asyncio.AbstractEventLoop:
        # select() alone can wait for /dev/tty on every system; kqueue of macOS cannot.
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


def streams(reader: TextIO, writer: TextIO, term: str | None) -> tuple[Input, Output]:
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


def size_of(target: Output) -> tuple[int, int]:
    """Return columns and rows of the window."""
    size = target.get_size()
    return size.columns, size.rows


def leaves(keys: KeyBindings) -> None:
    """Let Esc, Ctrl-C and Ctrl-D leave the application."""

    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    keys.add("escape", eager=True)(leave)
    for name in ("c-c", "c-d", "<sigint>"):
        keys.add(name)(leave)


_AROUND = 3
"""Lines of the window that the list leaves: what is typed, the help, and the line above."""

Taken = tuple[Choice, ...]

Details = Callable[[Choice, int], Iterable[Drawn]]
"""Returns what there is to know of a choice, drawn for so many columns."""


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
        at: int = 0,
        details: Details | None = None,
    ) -> None:
        """Show all ``choices``.

        Args:
            choices: no two of them are equal.
            color: whether colours may be used.
            noun: what one of them is; it forms its plural with an s.
            question: stands before what is typed.
            many: several can be marked, and are taken together.
            at: the line that is marked first.
            details: returns what there is to know of a choice, drawn for so many columns.
        """
        self.choices = choices
        self.noun = noun
        self.question = question or f"{noun}:"
        self.many = many
        self.color = color
        self.at = at
        self.found = matching(choices, "")
        self.details = details
        self.shows_details = False
        self._words: list[str] = []
        self.marked: dict[Choice, None] = {}
        self.shown = 10
        """Lines of the list at once."""

        self._widths: dict[int, tuple[int, int, int, int]] = {}
        """By the columns of the window: a line is drawn for each key, of thousands of choices."""

    def narrow(self, typed: str) -> None:
        """Show only what matches ``typed``, and go to the first line."""
        self.found = matching(self.choices, typed)
        self.at = 0
        self._words = typed.casefold().split()

    def move(self, lines: int) -> None:
        """Move the cursor by ``lines``, up to the first or last line."""
        self.at = max(0, min(len(self.found) - 1, self.at + lines))

    def toggle_details(self) -> None:
        """Show what there is to know of the line of the cursor, or no longer."""
        self.shows_details = not self.shows_details

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
            return tuple(choice for choice in self.choices if choice in self.marked)
        return (self.found[self.at],) if self.found else ()

    def lines(self, columns: int, rows: int) -> StyleAndTextTuples:
        """Return the part of the list that a window shows, as prompt_toolkit draws it."""
        if not self.found:
            return [("", "  nothing matches; Esc leaves")]
        below = self._details_below(columns, rows // 2)
        self.shown = max(1, rows - _AROUND - sum(text.count("\n") for _, text, *_ in below))
        first = max(0, min(self.at - self.shown // 2, len(self.found) - self.shown))
        if columns not in self._widths:
            self._widths[columns] = widths(self.choices, columns - (7 if self.many else 3))
        drawn: StyleAndTextTuples = []
        for number, choice in enumerate(self.found[first : first + self.shown], start=first):
            drawn += self._line(choice, self._widths[columns], here=number == self.at)
        return [*drawn, *below, ("", self._help(columns))]

    def _details_below(self, columns: int, most: int) -> StyleAndTextTuples:
        """Return what there is to know of the line of the cursor, if it is asked for."""
        if self.details is None or not self.shows_details:
            return []
        drawn: StyleAndTextTuples = [("", "\n")]
        for line in [*self.details(self.found[self.at], columns - 2)][:most]:
            drawn += [("", "  "), *((self._style_of(style), text) for text, style in line)]
            drawn.append(("", "\n"))
        return [*drawn, ("", "\n")]

    def _style_of(self, style: str) -> str:
        words = (self._color(each) if each in COLORS else each for each in style.split())
        return " ".join(words)

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
            *underlined(f"bold {line} {self._color(choice.color)}", name, self._words),
            *underlined(line, rest if here else rest.rstrip(), self._words),
            (line, "\n"),
        ]

    def _color(self, color: str) -> str:
        return f"fg:ansi{color.replace('_', '')}" if self.color and color else ""

    def _help(self, columns: int) -> str:
        of = len(self.choices)
        found = (
            pluralize(of, self.noun)
            if len(self.found) == of
            else f"{len(self.found)} of {pluralize(of, self.noun)}"
        )
        keys = ("type to narrow, Enter picks, Esc leaves", "Enter picks, Esc leaves", "Esc leaves")
        more = "type to narrow, Enter picks, Tab shows the plan, Esc leaves"
        if self.many:
            found += f", {len(self.marked)} marked" if self.marked else ""
            enter = "Enter takes them" if self.marked else "Enter takes one"
            keys = (
                f"type to narrow, Tab marks, Ctrl-A all, {enter}, Esc leaves",
                f"Tab marks, Ctrl-A all, {enter}",
                "Tab marks, Enter takes",
            )
        shown = keys if self.details is None else (more, *keys)
        lines = [*(f"  {found}; {key}" for key in shown), f"  {found}"]
        return next((line for line in lines if len(line) <= columns), found)


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
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    def moves(lines: int, *names: str) -> None:
        for name in names:
            keys.add(name)(lambda event: picker.move(lines))

    moves(-1, "up", "c-p", "s-tab")
    moves(1, "down", "c-n", *(() if picker.many or picker.details else ("tab",)))
    keys.add("pageup")(lambda event: picker.move(-picker.shown))
    keys.add("pagedown")(lambda event: picker.move(picker.shown))
    if picker.many:
        _marking_keys(picker, typed, keys)
    elif picker.details:
        keys.add("tab")(lambda event: picker.toggle_details())

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
    return "".join(f"{line}\n" for line in lines)


def run_line(line: LineInput, reader: TextIO, writer: TextIO, term: str | None) -> str | None:
    """Show the question; return the answer in its final form, ``None`` if the user left."""
    return run_application(_line_application(line, *streams(reader, writer, term)))


def _line_application(line: LineInput, source: Input, target: Output) -> Application[str | None]:
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
    return application_of(typed, [question, below], _line_keys(line, typed), source, target)


def _line_keys(line: LineInput, typed: Buffer) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings
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
