"""What a view is made of: lines, grids and trees of styled words, before they are drawn.

``render_text`` draws a view as text for pipes and logs, without loading rich; ``render_rich`` draws it with
rich for a terminal. A style never carries meaning alone: the words say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from rolehop.text import clean, visible

WIDTH = 80
"""Columns of a text that is wrapped, unless the terminal is narrower."""

Style = str
"""Empty, or ``bold``, ``dim``, and the colours of the config (``red``, ``bright_red``), as words."""


class _StyledText(NamedTuple):
    text: str
    style: Style = ""


class StyledText(_StyledText):
    """Some visible text, in one line and one style."""

    __slots__ = ()

    def __new__(cls, text: str, style: Style = "") -> Self:
        """Make the text visible, wherever it comes from."""
        return super().__new__(cls, visible(text), style)


class Line(NamedTuple):
    """One line of words."""

    words: tuple[StyledText, ...]
    whole: bool = False
    """To be copied: rolehop never wraps it, even if the terminal is too narrow."""

    text: StyledText | None = None
    """Of the first line of a text that was wrapped: all of it, which a terminal wraps anew."""

    hanging: int = 0
    """How many columns the later lines of that text are indented."""

    goes_on: bool = False
    """It is such a later line."""


class Row(NamedTuple):
    """One row of a grid; ``under`` is a dim line below its first cell."""

    cells: tuple[StyledText, ...]
    under: str = ""


class Grid(NamedTuple):
    """A table: aligned columns under their names."""

    columns: tuple[str, ...]
    rows: Sequence[Row]


class Facts(NamedTuple):
    """Names and values, a line each, the values aligned."""

    pairs: tuple[tuple[str, StyledText], ...]


class Branch(NamedTuple):
    """A tree's node: its lines, and its children."""

    lines: tuple[Line, ...]
    below: Sequence[Branch]


View = Sequence[Line | Grid | Branch | Facts]


def line(*words: str | StyledText) -> Line:
    """Make a line; bare strings have no style."""
    return Line(tuple(StyledText(each) if isinstance(each, str) else each for each in words))


def wrapped(text: str, first: str, others: str, style: Style = "") -> Iterator[Line]:
    """Wrap ``text`` between words, behind ``first`` and in later lines behind ``others``."""
    import textwrap

    text = clean(text)
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
    )
    for number, each in enumerate(lines):
        whole = None if number else StyledText(f"{first}{text}", style)
        yield Line((StyledText(each, style),), text=whole, hanging=len(others), goes_on=number > 0)


def to_copy(text: str) -> Line:
    """Make a line to be copied into a shell or a file."""
    return Line((StyledText(text),), whole=True)


def facts(*pairs: tuple[str, str | StyledText]) -> Facts:
    """Make facts; bare strings have no style."""
    made = ((name, StyledText(value) if isinstance(value, str) else value) for name, value in pairs)
    return Facts(tuple(made))


def row(*cells: str | StyledText, under: str = "") -> Row:
    """Make a row; bare strings have no style."""
    made = tuple(StyledText(each) if isinstance(each, str) else each for each in cells)
    return Row(made, visible(under))
