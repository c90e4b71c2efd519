"""Forty names that somebody else chose, to be shown, quoted and pasted without harm."""

from __future__ import annotations

import re

# What a terminal takes for a command, or a reader for something else.
INVISIBLE = (
    "a\x1b]0;title\x07b",  # an escape sequence that sets the window's title
    "a\x1b[2J\x1b[31mb",
    "a\x9b31mb",  # the same with C1's own introducer
    "a\x90payload\x9cb",
    "a\rb",
    "a\x08\x08b",
    "a\x7fb",
    "a\x85b",
    "a\vb\fc",
    "a\u202eb\u202c",  # the direction of reading
    "a\u2066b\u2069",
    "a\u061cb",
    "a\u200bb",  # no width
    "a\u200db",
    "a\u2060b",
    "\ufeffa",
    "a\u00adb",
    "a\u034f\u115f\u1160\u3164\uffa0b",
    "a\u2028b",  # line ends
    "a\U000e0041b",
    "a\ue000b",
)
# What a shell gives a meaning to.
VISIBLE = (
    "x;touch bad",
    "$(touch bad)",
    "`touch bad`",
    "x|touch bad",
    "x&touch bad",
    "x>bad",
    "it's",
    'say "hi"',
    "a\\b\\",
    "$HOME ${HOME}",
    "%PATH% ^x^",
    "a!b !! !$",
    "*?[a]{b,c}",
    "~",
    "=0",
    "--all",
    "#x (y) <z>",
    "two  blanks",
    "é ü 日本 ‘x’ “y”",  # noqa: RUF001 - PowerShell takes these for quotes
)
FORTY = (*INVISIBLE, *VISIBLE)

# SGR and what rich and we use to rewrite a line; a terminal shows nothing else of ours.
_OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[2K|\x1b\[\?25[lh]|\r")
_HIDDEN = frozenset("\u034f\u115f\u1160\u3164\uffa0")


def invisible_in(shown: str) -> str:
    """Return the characters in what was shown that are not text, line ends or our own escapes."""
    rest = _OURS.sub("", shown).replace("\n", "")
    return "".join(c for c in rest if not c.isprintable() or c in _HIDDEN)
