"""Wrap messages at words; what a person copies stays in one piece: commands, arguments, settings."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from rolehop.advice import Advice, Argument, ShellCommand, one_line
from rolehop.command_table import COMMANDS
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import visible

NARROWEST = 20
"""Columns that a message may count on: less is no window to read in."""

# They stand in a message for a blank where no line may end, and after an argument of a command;
# visible text has no control characters.
_BLANK, _ARGUMENT = "\x00", "\x01"

_WORDS = "|".join(
    {*COMMANDS, *(name for row in COMMANDS.values() for name in row.commands), "role"}
)
_TO_COPY = Pattern(
    rf"\brolehop(?: (?:{_WORDS})\b)+(?: (?:-\S*|[A-Z][A-Z0-9_]*\b…?|[^ {_ARGUMENT}]+{_ARGUMENT}))*"
    r"|\S+\? \[[^]]*\]"
    r"|\{[^{}]*\}"
    r"""|[\w.-]+ = (?:"[^"]*"|'[^']*'|\[[^]]*\]|\{[^}]*\}|\S+)"""
)


def wrap_message(
    label: str,
    text: str,
    quote: Callable[[str], str],
    width: int | None,
    *,
    hanging: str = "    ",
) -> list[str]:
    """Return the lines of a message: ``label`` and the text, later lines after ``hanging``.

    ``width`` in columns; ``None``: one line, for a file or a program. What is too long for a line
    has one to itself, which the terminal breaks; copied from there, it is in one piece.
    """
    if width is None:
        return [f"{label}{one_line(text, quote)}"]
    lines, free = [label], max(width, NARROWEST) - columns_of(label)
    for word in whole_words(text, quote):
        needed = columns_of(word)
        if needed > free and lines[-1].strip():
            lines.append(hanging)
            free = max(width, NARROWEST) - len(hanging)
        lines[-1] += f"{word} "
        free -= needed + 1
    return [each.rstrip() for each in lines]


def whole_words(text: str, quote: Callable[[str], str]) -> list[str]:
    """Return the words of a message, with each thing to copy as one word."""
    shown = _advice(text, quote) if isinstance(text, Advice) else " ".join(visible(text).split())
    shown = _TO_COPY.compiled.sub(lambda found: found[0].replace(" ", _BLANK), shown)
    return [word.replace(_BLANK, " ") for word in shown.replace(_ARGUMENT, "").split(" ") if word]


def columns_of(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def _advice(text: Advice, quote: Callable[[str], str]) -> str:
    def whole(value: str) -> str:
        # The end of options before a value stays apart: `Advice` may join it to an option.
        before, dashes, value = (
            value.rpartition("-- ") if value.startswith("-- ") else ("", "", value)
        )
        return f"{before}{dashes}{visible(value).replace(' ', _BLANK)}{_ARGUMENT}"

    parts = (
        each
        if isinstance(each, Argument)
        else ShellCommand(visible(each).replace(" ", _BLANK))
        if isinstance(each, ShellCommand)
        else visible(each)
        for each in text.parts
    )
    return Advice(*parts).in_shell(lambda each: whole(quote(each)))
