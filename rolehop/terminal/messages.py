"""A message for people as lines: wrapped to the window, what is to be typed in one piece and in its style."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rolehop.base.advice import one_line, posix_argument
from rolehop.terminal.layout import LABEL, TO_TYPE, Line, Style, StyledText
from rolehop.terminal.words import columns_of, parted_words

if TYPE_CHECKING:
    from rolehop.terminal.words import Parts

NARROWEST = 20
"""Columns that a message may count on: less is no window to read in."""

_INDENT = "  "  # of a command that has a line to itself
_OR = (("or", False),)  # stands before the second of two


def message(
    label: str,
    text: str,
    quote: Callable[[str], str],
    width: int | None,
    *,
    hanging: str = "    ",
    label_style: Style = LABEL,
    style: Style = "",
) -> list[Line]:
    """Return the lines of a message: ``label`` and the text, later lines after ``hanging``.

    A command at its end has a line to itself, unless it is one of two. What is too long for a line has one, too, which the
    terminal breaks; copied from there, it is in one piece.

    Args:
        label: what stands before it, with its blanks.
        text: may be `Advice`, whose arguments are quoted by ``quote``.
        quote: writes an argument in the shell of whoever reads it.
        width: in columns; ``None``: one line, for a file or a program.
        hanging: the blanks before later lines.
        label_style: of the label.
        style: of the text, but for what is to be typed.
    """
    head = StyledText(label, label_style)
    if width is None:
        return [Line((head, StyledText(one_line(text, quote), style)), whole=True)]
    words = parted_words(text, quote)
    alone = len(words) > 1 and is_typed(words[-1]) and words[-2] != _OR
    command = words.pop() if alone else None
    lines = _Filled(head, max(width, NARROWEST), hanging, style)
    for word in words:
        lines.add(word)
    if command is not None:
        lines.begin(_INDENT)
        lines.add(command)
    return lines.drawn


def is_typed(word: Parts) -> bool:
    """True if all of a word is to be typed."""
    return all(typed or not part for part, typed in word)


def command_alone(text: str, quote: Callable[[str], str]) -> Line | None:
    """Return a line for a message that is a command and nothing else; ``None``: it is more."""
    words = parted_words(text, quote)
    if len(words) != 1 or not is_typed(words[0]):
        return None
    return Line((StyledText(_INDENT), *_styled(words[0], "")), whole=True)


def typed_words(text: str, style: Style = "") -> Iterator[StyledText]:
    """Yield a text in parts, of which rolehop's commands are in the style of what is to be typed."""
    for number, word in enumerate(parted_words(text, posix_argument)):
        yield from ([StyledText(" ", style)] if number else [])
        yield from _styled(word, style)


class _Filled:
    """The lines of a message while they are filled with words."""

    def __init__(self, label: StyledText, width: int, hanging: str, style: Style) -> None:
        self._lines: list[list[StyledText]] = [[label]]
        self._width = width
        self._free = width - columns_of(label.text)
        self._hanging = hanging
        self._style = style
        self._is_empty = not label.text.strip()

    def begin(self, indent: str) -> None:
        """Begin a new line."""
        self._lines.append([StyledText(indent)])
        self._free, self._is_empty = self._width - len(indent), True

    def add(self, word: Parts) -> None:
        """Add a word, in a new line if it does not fit."""
        needed = sum(columns_of(part) for part, _ in word)
        if needed > self._free and not self._is_empty:
            self.begin(self._hanging)
        elif len(self._lines[-1]) > 1:
            self._lines[-1].append(StyledText(" ", self._style))
        self._lines[-1] += _styled(word, self._style)
        self._free -= needed + 1
        self._is_empty = False

    @property
    def drawn(self) -> list[Line]:
        """The lines so far."""
        return [Line(tuple(words), whole=True) for words in self._lines]


def _styled(word: Parts, style: Style) -> list[StyledText]:
    return [StyledText(part, TO_TYPE if typed else style) for part, typed in word if part]
