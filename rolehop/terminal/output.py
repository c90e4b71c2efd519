"""The only place that writes to stdout, stderr and the terminal device.

What a terminal gets is visible text: names, ARNs and messages come from AWS, from files and from
other people, and may hold escape sequences. What a program reads is written exactly.
"""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper
from typing import TextIO

from rolehop.text import json_escape, visible

_ERRORS = "rolehop.encodable"

# The signs of our own that are not ASCII, for terminals that cannot show them.
_ASCII = {"…": "...", "─": "-", "│": "|", "├": "|", "└": "`"}

_ERASE_LINE = "\r\x1b[2K"


def prepare(stream: TextIO) -> None:
    """Let ``stream`` write what its encoding lacks in other characters, instead of failing."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors=_ERRORS)


def write_stdout(text: str, encoding: str | None = None) -> None:
    """Write ``text`` to stdout at once: visible lines to a terminal, exact text to anything else.

    Args:
        text: what was asked for, with its line ends.
        encoding: of a document; ``None``: the system's, as for variables and file names.

    Raises:
        OSError: it could not be written.
    """
    # Past Python's buffer, which would try once more at exit what has failed; and as bytes: a
    # variable may hold what is not text, and Windows must not add returns.
    sys.stdout.flush()
    if sys.stdout.isatty():
        text, encoding = _visible_lines(text), sys.stdout.encoding
    data = text.encode(encoding or sys.getfilesystemencoding(), _ERRORS)
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def write_lines(text: str, file: TextIO | None = None) -> None:
    """Write the lines of ``text``, made visible, to ``file`` or stderr."""
    _write(_visible_lines(text) + "\n", file)


def write_prompt(text: str, file: TextIO) -> None:
    """Write one line of which the cursor stays."""
    _write(f"{visible(text)} ", file)


def rewrite_line(text: str, file: TextIO | None = None) -> None:
    """Replace what stands in the terminal's line by ``text``; an empty one erases it."""
    _write(_ERASE_LINE + visible(text), file)


def _write(text: str, file: TextIO | None) -> None:
    file = sys.stderr if file is None else file
    file.write(text)
    file.flush()


def _visible_lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _encodable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what cannot be encoded: our own signs by ASCII, others by their escape in JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte that was not text, as Python keeps it
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _ASCII.get(character) or json_escape(character), error.start + 1


codecs.register_error(_ERRORS, _encodable)
