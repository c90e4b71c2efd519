"""Texts to stdout, stderr and the terminal device; what draws there by itself is in ``house_map.WRITERS``.

What a terminal gets is visible text: names, ARNs and messages come from AWS, from files and from
other people, and may hold escape sequences. What a program reads is written exactly.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, TextIO

from rolehop.base.text import elided, json_escape, visible

_ERRORS = "rolehop.encodable"

# Our own characters that are not ASCII, for terminals that cannot show them.
_ASCII = {
    "…": "...",
    "─": "-",
    "│": "|",
    "├": "|",
    "└": "`",
    "–": "-",
    "·": "-",
    "→": "->",
    "✓": "ok",
    "✗": "x",
}
_ERASE_LINE = "\r\x1b[2K"
_PORTION = 1 << 16  # bytes


class _LiveLine:
    """The line of progress on stderr."""

    shown = False
    """Whether it is there, so that whatever comes next has to replace it."""

    counter = ""
    """What it counts; what is waited for is shown beside it."""

    asking = 0
    """How many questions stand on the terminal, where the line would be in the way."""


def prepare(stream: TextIO) -> None:
    """Let ``stream`` replace characters that its encoding lacks, instead of failing.

    A console of Windows' follows control sequences from now on, as other terminals do by themselves.
    """
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors=_ERRORS)
        _allow_sequences(stream)


def columns(file: TextIO, environ: Mapping[str, str]) -> int | None:
    """Return the width of a terminal, by COLUMNS or its window.

    ``None``: ``file`` is no terminal, or one that does not know its width and breaks lines itself.
    """
    if not file.isatty():
        return None
    named = columns_named(environ)
    if named is not None:
        return named
    try:
        return os.get_terminal_size(file.fileno()).columns or None
    except OSError:
        return None


def columns_named(environ: Mapping[str, str]) -> int | None:
    """Return what COLUMNS says, if that is a number of columns."""
    named = environ.get("COLUMNS", "")
    if named.isascii() and named.isdecimal() and len(named) < 6 and int(named):
        return int(named)
    return None


def size(file: TextIO, environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Return columns and lines of a terminal; ``None``: there is none, or it does not know."""
    width = columns(file, environ)
    try:
        lines = os.get_terminal_size(file.fileno()).lines
    except OSError:
        return None
    return None if width is None or lines == 0 else (width, lines)


def write_stdout(text: str, encoding: str | None = None) -> None:
    """Write ``text`` to stdout at once: visible lines to a terminal, exact text to anything else.

    Args:
        text: the output, with its line ends.
        encoding: of a document; ``None``: the system's, as for variables and file names.

    Raises:
        OSError: it could not be written.
    """
    # Not through Python's buffer, which would try again at exit what has failed; and as bytes: a
    # variable may hold bytes that are not text, and Windows must not add returns.
    sys.stdout.flush()
    if sys.stdout.isatty():
        if sys.platform == "win32":  # bytes would be characters of the console's own set
            _write(visible_lines(text), sys.stdout)
            return
        text, encoding = visible_lines(text), sys.stdout.encoding
    data = text.encode(encoding or sys.getfilesystemencoding(), _ERRORS)
    _write_all(sys.stdout.fileno(), data)


def copy_program_output(source: IO[bytes], file: TextIO) -> None:
    """Write what a program has written, from its begin, to stdout or stderr; a last line gets its end.

    What it left in the background may go on writing: that is not waited for. To a terminal as visible lines, with tabs as blanks; to anything else exactly.

    Raises:
        OSError: it could not be written.
    """
    left = source.seek(0, os.SEEK_END)
    source.seek(0)
    file.flush()
    is_terminal, last = file.isatty(), b"\n"
    while data := (source.readline if is_terminal else source.read)(min(left, _PORTION)):
        left -= len(data)
        last = data[-1:]
        if is_terminal:
            text = data.decode("utf-8", "replace").replace("\r\n", "\n")
            _write(visible_lines(text.expandtabs()), file)
        else:
            _write_all(file.fileno(), data)
    if last != b"\n":
        _write_all(file.fileno(), b"\n")


def _write_all(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]


def write_lines(text: str, file: TextIO | None = None) -> None:
    """Write the lines of ``text``, made visible, to ``file`` or stderr."""
    erase = _ERASE_LINE if file is None and _LiveLine.shown else ""
    if file is None:
        _LiveLine.shown = False
    _write(f"{erase}{visible_lines(text)}\n", file)


def write_drawn(lines: Iterable[Drawn], file: TextIO, *, colors: bool) -> None:
    """Write drawn lines to ``file``; ``colors``: in their styles."""
    erase = ""
    if file is sys.stderr:
        erase, _LiveLine.shown = _ERASE_LINE if _LiveLine.shown else "", False
    _write(f"{erase}{visible_drawn(lines, colors=colors)}", file)


Drawn = Sequence[tuple[str, str]]
"""A line: texts and their styles, words as in `layout.Style`."""

_CODES = {"bold": "1", "dim": "2", "underline": "4", "reverse": "7"}
_PLAIN = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
COLORS = {
    **{name: str(30 + number) for number, name in enumerate(_PLAIN)},
    **{f"bright_{name}": str(90 + number) for number, name in enumerate(_PLAIN)},
}
"""The names of all colours, each with its code (ECMA-48)."""

_CODES |= COLORS


def visible_drawn(lines: Iterable[Drawn], *, colors: bool) -> str:
    """Return drawn lines as visible text; ``colors``: with the sequences for their styles (ECMA-48)."""
    if not colors:
        return "".join(f"{visible(''.join([text for text, _ in line]))}\n" for line in lines)
    return "".join(f"{''.join(_visible_styled(*each) for each in line)}\n" for line in lines)


def _visible_styled(text: str, style: str) -> str:
    codes = ";".join(_CODES[each] for each in style.split())
    return f"\x1b[{codes}m{visible(text)}\x1b[0m" if codes else visible(text)


def shows_all(file: TextIO) -> bool:
    """True if the encoding of ``file`` has every character."""
    return (file.encoding or "").lower().replace("-", "").startswith("utf")


def as_shown(text: str, file: TextIO) -> str:
    """Return ``text`` with what stands for the characters that the encoding of ``file`` lacks."""
    encoding = file.encoding or "ascii"
    return text.encode(encoding, _ERRORS).decode(encoding, "replace")


def _allow_sequences(file: TextIO) -> None:
    if sys.platform == "win32" and file.isatty():  # pragma: no cover
        import ctypes
        import msvcrt

        handle = msvcrt.get_osfhandle(file.fileno())
        mode = ctypes.c_uint32()
        kernel = ctypes.windll.kernel32
        if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
            kernel.SetConsoleMode(handle, mode.value | 0x4)


@contextmanager
def asking() -> Iterator[None]:
    """Show no line of progress in here: a person is asked something."""
    _LiveLine.asking += 1
    try:
        yield
    finally:
        _LiveLine.asking -= 1


def is_asking() -> bool:
    """True while a person is asked something."""
    return _LiveLine.asking > 0


def show_live_line(text: str, columns: int | None) -> None:
    """Show a line on stderr, cut where the window ends, that whatever is written next replaces."""
    _LiveLine.shown = True
    # Less the last column, and two where the terminal shows the sign for what is left out as three.
    shown = text if columns is None else elided(text, columns - 3)
    _write(f"{_ERASE_LINE}{visible(shown)}\r", None)


def erase_live_line() -> None:
    """Erase stderr's line of progress, if there is one."""
    if _LiveLine.shown:
        rewrite_line("")


def write_prompt(text: str, file: TextIO) -> None:
    """Write a question and leave the cursor behind it."""
    _write(f"{visible_lines(text)} ", file)


def rewrite_line(text: str, file: TextIO | None = None) -> None:
    """Replace the current line of the terminal by ``text``; an empty text erases it."""
    if file is None:
        _LiveLine.shown = bool(text)
    _write(_ERASE_LINE + visible(text), file)


def show_counter(text: str, columns: int | None) -> None:
    """Replace stderr's line by ``text``, which stays when what is shown beside it goes."""
    if columns is not None and len(text) >= columns:
        text = f"{text[: max(columns - 4, 0)]}…"  # where the terminal shows the sign as three
    _LiveLine.counter = text
    show_beside("", columns)


def show_beside(text: str, columns: int | None) -> None:
    """Show ``text`` beside the counter, if there is one, in a line that fits into ``columns``."""
    whole = "; ".join(part for part in (_LiveLine.counter, text) if part)
    rewrite_line(whole if columns is None else _in_one_line(whole, columns))


def _in_one_line(text: str, columns: int) -> str:
    """Leave out of a text what a window has no room for: of its first part, before two blanks."""
    if len(text) < columns:  # in the last column, the cursor may be in the next line
        return text
    room = columns - 1 - len("...") + 1  # where the terminal shows the sign for it as three
    first, gap, last = text.rpartition("  ")
    left = room - len(gap) - len(last)
    return f"{elided(first, left)}{gap}{last}" if first and left > 8 else elided(text, room)


def _write(text: str, file: TextIO | None) -> None:
    file = sys.stderr if file is None else file
    file.write(text)
    file.flush()


def visible_lines(text: str) -> str:
    """Return ``text`` with each of its lines made visible."""
    return "\n".join(map(visible, text.split("\n")))


def _encodable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what cannot be encoded: our own characters by ASCII, others by their JSON escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte that was not text, as Python represents it
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _ASCII.get(character) or json_escape(character), error.start + 1


codecs.register_error(_ERRORS, _encodable)
