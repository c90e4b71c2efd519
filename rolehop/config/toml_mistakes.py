"""Say what tomllib found in a text that is no TOML, and which usual mistake that most likely is.

Nothing of the text but names is repeated: a line may hold a secret. Loaded for a broken config only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_AT = re.compile(r" \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)$")
_NAMES = re.compile(r"\(('[^()]*'),?\)")
_HEADER = re.compile(r"^\s*\[", re.MULTILINE)
_YAML = re.compile(r"\A\s*---|^[A-Za-z_-]+:[ \t]*(?:#.*)?$", re.MULTILINE)
_AWS = re.compile(r"^\s*\[(?:profile|sso-session)\s", re.MULTILINE)

_ONE_LINE = (
    "TOML 1.0 allows no line break between { and }: write a [table] with a line for each key"
)
_STRING = "a string stands in quotes"
_QUOTE = "the quote at the end of a string is missing"
_TWICE = "this name is there already: keep one of the two"
_INIT = "and a config is TOML: move it away, and rolehop config init writes one"
_BLANK = "a name has no blank"


class _Mistake(NamedTuple):
    message: str
    """How tomllib's message begins, a pattern."""

    line: str
    """What the line has at ``@``, which is put where tomllib stopped; a pattern."""

    said: str


# The first that fits is said. ``@`` is where tomllib stopped, which may be behind the mistake.
_MISTAKES = (
    _Mistake("", r"^@?(?:<{7}|={7}|>{7}|\|{7})", "a merge has left its marks"),
    _Mistake(
        "Invalid value|Illegal|Found invalid",
        r"[=\[,{]\s*@?[“”„«»‘’]|[“”„«»‘’]\s*@?$",  # noqa: RUF001
        "these quotes are curly, and TOML takes straight ones",
    ),
    _Mistake(
        "Invalid value",
        r"@(?i:true|false|yes|no|on|off)\b",
        "it is written true or false, in small letters",
    ),
    _Mistake("Invalid value", r"@(?:null|nil|None)\b", "TOML has no null: leave the key out"),
    _Mistake("Invalid value", r"=\s*@(?:#.*)?$", "the value is missing"),
    _Mistake("Invalid value", r"@[\w/.~*]", _STRING),
    _Mistake("Expected newline", r"=\s*[0-9][\w.+-]*@", _STRING),
    _Mistake("Expected newline", r"^\s*\[", "only a comment can follow a header"),
    _Mistake("Expected newline", "", "only a comment can follow a value, and it begins with #"),
    _Mistake("Unclosed inline table", r"@(?:#.*)?$", _ONE_LINE),
    _Mistake("Unclosed", r"(?:[\[,={]|^)\s*[0-9][\w.+-]*@[\w:]", _STRING),
    _Mistake("Unclosed", "", "a comma or a bracket is missing, here or above"),
    _Mistake("Invalid initial character", r"[{,]\s*@(?:#.*)?$", _ONE_LINE),
    _Mistake("Invalid initial character", r",\s*@\}", "TOML 1.0 allows no comma before }"),
    _Mistake(r"Illegal character '\\n'", "", _QUOTE),
    _Mistake(r"Unterminated|Expected \"'", "", f"{_QUOTE}, here or above"),
    _Mistake(
        r"Unescaped|Invalid hex|Escaped",
        "",
        r"between double quotes \ begins an escape: a Windows path stands in single ones",
    ),
    _Mistake(r"Expected '\]", r"^\s*\[+\s*(?:chain|source|fleet)s?\s", "write [chains.NAME]"),
    _Mistake(r"Expected '\]", r"\s@?\S", _BLANK),
    _Mistake(r"Expected '\]", "", "a bracket is missing at the end of the header"),
    _Mistake(
        "Expected '='|Invalid value", r"@\s*:|=\s*@[=>]", "one = stands between a key and its value"
    ),
    _Mistake("Expected '='", r"@\s*[\w-]+\s*=", _BLANK),
    _Mistake("Expected '='", "", "= is missing between a key and its value"),
    _Mistake("Cannot|Duplicate", "", _TWICE),
)


def syntax_problem(message: str, text: str) -> tuple[int | None, int | None, str]:
    """Return line and column (from 1), and the words, for tomllib's ``message`` about ``text``."""
    lines = text.split("\n")
    found = _AT.search(message)
    said = message[: found.start()] if found else message
    line = column = None
    if found is not None:
        line, column = (int(found[1]), int(found[2])) if found[1] else (len(lines), None)
    mistake = _other_format(text) or (
        None if line is None else _known(said, lines[line - 1], column)
    )
    return line, column, f"not TOML: {_plain(said)}{f'; {mistake}' if mistake else ''}"


def _plain(message: str) -> str:
    """Return tomllib's message with ``chains.a`` for Python's ``('chains', 'a')``."""
    plain = _NAMES.sub(lambda names: ".".join(re.findall(r"'([^']*)'", names[1])), message)
    return plain[:1].lower() + plain[1:]


def _other_format(text: str) -> str | None:
    if text.lstrip().startswith("{"):
        return f"this is JSON, {_INIT}"
    if _YAML.search(text) and not _HEADER.search(text):
        return f"this is YAML, {_INIT}"
    return "this is an AWS config: rolehop config import reads it" if _AWS.search(text) else None


def _known(message: str, line: str, column: int | None) -> str | None:
    at = len(line) if column is None else column - 1
    marked = f"{line[:at]}@{line[at:]}".rstrip("\r")
    for mistake in _MISTAKES:
        if re.match(mistake.message, message) and re.search(mistake.line, marked):
            return mistake.said
    return None
