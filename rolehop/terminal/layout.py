"""What a view is made of: lines, grids and trees of styled words, before they are drawn.

``render_text`` draws a view as text for pipes and logs, without loading rich; ``render_rich`` draws it with
rich for a terminal. A style never carries meaning alone: the words say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from rolehop.base.advice import AccountNames, with_account_names
from rolehop.base.durations import show_left
from rolehop.base.text import clean, visible

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
    return Line(tuple(StyledText(word) if isinstance(word, str) else word for word in words))


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
    made = tuple(StyledText(cell) if isinstance(cell, str) else cell for cell in cells)
    return Row(made, visible(under))


_GAP = "   "


def as_text(view: View) -> str:
    """Return ``view`` as text; every line ends in a newline."""
    return "".join(f"{text.rstrip()}\n" for text in _lines(view))


def _lines(view: View) -> Iterator[str]:
    for block in view:
        match block:
            case Line():
                yield _joined(block)
            case Grid():
                yield from _grid(block)
            case Branch():
                yield from _tree(block, "", "")
            case Facts():
                yield from _facts(block)


def _joined(line: Line) -> str:
    return "".join(words.text for words in line.words)


def _facts(block: Facts) -> Iterator[str]:
    width = max(len(name) for name, _ in block.pairs)
    yield from (f"{name.ljust(width)}  {value.text}" for name, value in block.pairs)


def _grid(grid: Grid) -> Iterator[str]:
    table = [grid.columns, *(tuple(cell.text for cell in row.cells) for row in grid.rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for number, texts in enumerate(table):
        yield _GAP.join(text.ljust(width) for text, width in zip(texts, widths, strict=True))
        under = grid.rows[number - 1].under if number else ""
        if under:
            yield f"  {under}"


def _tree(branch: Branch, first: str, others: str) -> Iterator[str]:
    for number, line in enumerate(branch.lines):
        yield (others if number else first) + _joined(line)
    for child in branch.below:
        last = child is branch.below[-1]
        yield from _tree(
            child, others + ("└── " if last else "├── "), others + ("    " if last else "│   ")
        )


def view_with_names(view: View, names: AccountNames) -> View:
    """Return ``view`` with names beside account IDs; what is to be copied stays as it is."""
    if not names:
        return view

    def name(words: StyledText) -> StyledText:
        return StyledText(with_account_names(words.text, names), words.style)

    return [_block(block, name) for block in view]


def _block(
    block: Line | Grid | Branch | Facts, name: Callable[[StyledText], StyledText]
) -> Line | Grid | Branch | Facts:

    match block:
        case Line():
            return _line(block, name)
        case Grid():
            return Grid(
                block.columns, [Row(tuple(map(name, r.cells)), r.under) for r in block.rows]
            )
        case Facts():
            return Facts(tuple((label, name(value)) for label, value in block.pairs))
        case Branch():
            return _branch(block, name)


def _line(line: Line, name: Callable[[StyledText], StyledText]) -> Line:
    text = None if line.text is None else name(line.text)
    return line if line.whole else line._replace(words=tuple(map(name, line.words)), text=text)


def _branch(branch: Branch, name: Callable[[StyledText], StyledText]) -> Branch:

    lines = tuple(_line(each, name) for each in branch.lines)
    return Branch(lines, [_branch(each, name) for each in branch.below])


_NAMES_SHOWN = 3


def few_names(names: Sequence[str], *, verbose: bool) -> str:
    """Return the first names and a count; ``verbose``: all names."""
    shown = names if verbose or len(names) <= _NAMES_SHOWN else names[: _NAMES_SHOWN - 1]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def short_role(arn: str) -> str:
    """Return ``account:role/Name`` for a role ARN: without the partition."""
    parts = arn.split(":", 4)
    return clean(parts[4]) if len(parts) > 4 else clean(arn)


def chain_name(name: str, color: str | None) -> StyledText:
    """Return a chain's name in its colour, which is shown as a word elsewhere, too."""
    return StyledText(clean(name), f"bold {color}" if color else "bold")


def time_left(local_expires_at: datetime | None, now: datetime) -> StyledText:
    """Return the time left of a session; ``None``: there is none."""
    if local_expires_at is None:
        return StyledText("-", "dim")
    left = show_left(local_expires_at, now)
    return StyledText(left, "red" if left == "expired" else "green")
