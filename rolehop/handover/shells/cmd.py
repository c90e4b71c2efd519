"""cmd, the old command interpreter of Windows.

Its only way to evaluate what a program prints is ``for /f "delims=" %i in ('…') do %i``, which
runs one line at a time. There ``set "NAME=value"`` takes everything up to the last quote as it
stands. Some characters would be safe in that loop only, and are refused: a quote, ``%``, ``!`` and
``^`` mean something in a batch file or with delayed expansion (``cmd /v:on``), and a value that is
right in one place and wrong in another is not exact. A program's output is read in the console's
code page, which is hardly ever Unicode, and a line longer than 8,191 characters is not read at all
(``cmd /?``, ``set /?``; Microsoft: "Command prompt line string limitation"). Keys, tokens, regions
and names of chains have none of these. An empty value unsets: cmd knows no empty variables.
"""

from __future__ import annotations

from rolehop.base.startup import Pattern
from rolehop.handover.shells.dialect import Dialect, refused, statement_renderer

LONGEST_LINE = 8191  # characters
_SAFE = Pattern(r"[ -~]*")
_SPECIAL = Pattern(r'["%!^]')


def quote(text: str) -> str:
    """Return ``text`` as one word; only exact if ``text`` has none of ``" % ! ^``."""
    return f'"{text}"'


def quote_typed(text: str) -> str:
    """Return ``text`` as one argument; programs take backslashes before a quote for its escapes."""
    backslashes = len(text) - len(text.rstrip("\\"))
    return quote(text + "\\" * backslashes)


def _set(name: str, value: str) -> str:
    line = f'set "{name}={value}"'
    if _SPECIAL.search(value):
        raise refused(name, "cmd", 'it has one of the characters " % ! ^, which cmd cannot quote')
    if _SAFE.fullmatch(value) is None:
        raise refused(name, "cmd", "it is not one line of printable ASCII")
    if len(line) > LONGEST_LINE:
        raise refused(name, "cmd", f"cmd reads no line longer than {LONGEST_LINE} characters")
    return line


def _unset(name: str) -> str:
    return f'set "{name}="'


DIALECT = Dialect(
    statement_renderer(_set, _unset, end=""),
    quote,
    # `exit /b 1` would close the window, `false` is no command there.
    "cmd /d /c exit 1",
    "for /f \"delims=\" %i in ('{} --shell cmd') do @%i",
    quote_typed=quote_typed,
    # Some of these mean something even between double quotes, some to for /f or cmd /c; the last
    # ones to PowerShell, which may be what the line is typed in: Windows does not tell.
    not_typed="\"%!^&|<>()'`$\u201c\u201d\u201e",
)
