"""Draws a view: in as many columns as a terminal has, or as wide as it is for pipes and logs.

Lines break between words only: an ARN, an account ID or a command that was cut in two could not be
copied, or searched for. A word that is wider than the terminal goes past its edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import zip_longest

from rolehop.base.text import elided
from rolehop.terminal.layout import (
    LABEL,
    TO_TYPE,
    WIDTH,
    Branch,
    Facts,
    Grid,
    Line,
    Row,
    StyledText,
    View,
    Words,
    broken,
)
from rolehop.terminal.output import visible_drawn
from rolehop.terminal.words import columns_of

_WIDE, _NARROW = "   ", "  "  # between columns
_TABLE = 60
"""Columns of a terminal that is too narrow for a table, if that needs more."""

_LEAST_LAST = 8  # columns of a last cell that is cut
_WANTED_LAST = 16  # and what other cells lose their middle for
_NARROW_INDENT = 4  # columns, at most, if the terminal is narrower than `WIDTH`


def as_text(view: View) -> str:
    """Return ``view`` as plain text, as for a pipe; every line ends in a newline."""
    return visible_drawn(draw(view, None), colors=False)


def draw(view: View, columns: int | None) -> Iterator[Words]:
    """Give the lines of ``view``, none with blanks at its end.

    ``columns``: of the terminal; ``None``: nothing is cut, and only texts are wrapped.
    """
    for block in view:
        match block:
            case Line():
                yield from _line(block, columns)
            case Grid():
                yield from _grid(block, columns)
            case Branch():
                yield from _tree(block, "", "", columns)
            case Facts():
                yield from _facts(block.pairs, columns)


def _line(line: Line, columns: int | None) -> Iterator[Words]:
    if line.whole or columns is None:
        yield _stripped(line.words)
    elif line.text is not None:
        plain, hanging = "".join(each.text for each in line.text), line.hanging
        if columns < WIDTH:
            hanging = min(hanging, max(_NARROW_INDENT, len(plain) - len(plain.lstrip())))
        yield from _wrapped(line.text, min(columns, WIDTH), " " * hanging)
    elif not line.goes_on:
        plain = "".join(each.text for each in line.words)
        indent = max(line.hanging, len(plain) - len(plain.lstrip()))
        yield from _wrapped(line.words, columns, " " * indent)


def _wrapped(words: Words, columns: int, others: str) -> Iterator[Words]:
    for number, part in enumerate(broken(words, columns, len(others))):
        yield _stripped((StyledText(others), *part) if number else part)


def _stripped(words: Words) -> Words:
    """Return a line without blanks at its end."""
    if words and words[-1].text[-1:] not in ("", " "):
        return words
    while words and not words[-1].text.rstrip(" "):
        words = words[:-1]
    if words and words[-1].text.endswith(" "):
        words = (*words[:-1], StyledText(words[-1].text.rstrip(" "), words[-1].style))
    return words


def _tree(branch: Branch, first: str, others: str, columns: int | None) -> Iterator[Words]:
    for number, line in enumerate(branch.lines):
        before = StyledText(others if number else first)
        parts = [line.words]
        if columns is not None and not line.whole:
            parts = broken(line.words, columns - len(others), 0)
        for part in parts:
            yield _stripped((before, *part))
            before = StyledText(others)
    for child in branch.below:
        last = child is branch.below[-1]
        ahead = others + ("└─ " if last else "├─ "), others + ("   " if last else "│  ")
        yield from _tree(child, *ahead, columns)


def _facts(pairs: Sequence[tuple[str, StyledText]], columns: int | None) -> Iterator[Words]:
    width = max(columns_of(name) for name, _ in pairs) + 2
    for name, value in pairs:
        label, room = _filled(StyledText(name, LABEL), width), (columns or 0) - width
        if columns is None or columns_of(value.text) <= room:
            yield _stripped((*label, value))
        elif max(map(columns_of, value.text.split())) <= room:
            parts = broken((value,), room, 0)
            yield _stripped((*label, *parts[0]))
            yield from (_stripped((StyledText(" " * width), *part)) for part in parts[1:])
        else:  # a word of it needs the room of its name
            yield (StyledText(name, LABEL),)
            yield from _wrapped((StyledText(f"  {value.text}", value.style),), columns, "  ")


def _filled(words: StyledText, width: int, *, right: bool = False) -> Words:
    """Return a cell filled with blanks, which have no style."""
    room = _blanks(width - columns_of(words.text))
    return (room, words) if right else (words, room)


@cache
def _blanks(count: int) -> StyledText:
    """Return so many blanks; thousands of cells need the same few."""
    return StyledText(" " * count)


def _grid(grid: Grid, columns: int | None) -> Iterator[Words]:
    widths = _full(grid)
    gap = next((each for each in (_WIDE, _NARROW) if _fits(widths, each, columns)), None)
    if gap is None and columns is not None:
        gap, widths = _NARROW, _narrowed(grid, widths, columns)
        if columns < _TABLE or not widths:
            yield from _records(grid, columns)
            return
    if any(grid.columns):
        *names, last = (StyledText(name, LABEL) for name in grid.columns)
        yield _row(grid, (*names, _cut(last, widths[-1], grid.sign)), widths, gap or _WIDE)
    for row in grid.rows:
        yield from _rows(grid, row, widths, gap or _WIDE)
        yield from _under(row, columns)


def _full(grid: Grid) -> list[int]:
    """Return the width of each column in which no cell is cut."""
    widths = [
        max(columns_of(name), *(columns_of(row.cells[n].text) for row in _with_own(grid, n)), 0)
        for n, name in enumerate(grid.columns)
    ]
    if (n := grid.spans) is not None:
        widest = max(columns_of(row.cells[n].text) for row in grid.rows)
        widths[n] = max(widths[n], widest - len(_NARROW) - widths[n + 1])
    return widths


def _with_own(grid: Grid, number: int) -> Sequence[Row]:
    """Return the rows whose cell keeps to its column."""
    if number != grid.spans:  # of thousands of rows
        return grid.rows
    return [row for row in grid.rows if row.cells[number + 1].text]


def _fits(widths: Sequence[int], gap: str, columns: int | None) -> bool:
    return columns is None or sum(widths) + len(gap) * (len(widths) - 1) <= columns


def _narrowed(grid: Grid, widths: list[int], columns: int) -> list[int]:
    """Return widths that fit into the terminal; none if it is too narrow for a table."""
    room = columns - len(_NARROW) * (len(widths) - 1)
    *others, last = widths
    commands = [columns_of(row.cells[-1].text) for row in grid.rows if _is_typed(row.cells[-1])]
    wanted = sum(others) + min(last, max([_WANTED_LAST, *commands])) - room
    # The widest first, so that a few long names do not cost the others their room.
    while wanted > 0 and (able := _elidable(grid, others)):
        others[max(able, key=others.__getitem__)] -= 1
        wanted -= 1
    left = room - sum(others)
    if left >= min(last, _LEAST_LAST):
        return [*others, min(last, left)]
    # The rows are worth more than their last cells, unless those have to be read; and a table is
    # worth more than the whole of a first cell that is far longer than the others.
    others[0] += min(0, left + len(_NARROW))
    is_short = others[0] < min(widths[0], grid.least)
    return [] if grid.wraps or is_short else [*others, 0]


def _elidable(grid: Grid, widths: Sequence[int]) -> list[int]:
    """Return the columns that can be narrower still."""
    least = (max(grid.least, len(name)) for name in grid.columns)
    pairs = enumerate(zip(widths, least, strict=False))
    return [n for n, (width, enough) in pairs if n in grid.elided and width > enough]


def _is_typed(cell: StyledText) -> bool:
    """True if a cell is a command, which is never cut."""
    return cell.style == TO_TYPE


def _rows(grid: Grid, row: Row, widths: Sequence[int], gap: str) -> Iterator[Words]:
    """Give the lines of a row: one, unless the last cell is wrapped."""
    *cells, last = row.cells
    sign, spans = grid.sign, grid.spans
    shown = [
        _elided(cell, width, sign) if n != spans or row.cells[n + 1].text else cell
        for n, (cell, width) in enumerate(zip(cells, widths, strict=False))
    ]
    if not grid.wraps:
        yield _row(grid, (*shown, _cut(last, widths[-1], grid.sign)), widths, gap)
        return
    parts = broken((last,), widths[-1], 0)
    for part, before in zip_longest(parts, [shown], fillvalue=[StyledText("")] * len(cells)):
        yield _row(
            grid,
            (*before, StyledText("".join(each.text for each in part), last.style)),
            widths,
            gap,
        )


def _elided(cell: StyledText, width: int, sign: str) -> StyledText:
    if columns_of(cell.text) <= width:
        return cell
    return StyledText(elided(cell.text, width, sign), cell.style)


def _cut(cell: StyledText, width: int, sign: str) -> StyledText:
    if columns_of(cell.text) <= width or _is_typed(cell):
        return cell
    if not width:
        return StyledText("")
    room = max(0, width - len(sign))
    text = cell.text[:room]
    while columns_of(text) > room:
        text = text[:-1]
    return StyledText(f"{text.rstrip(' ')}{sign}", cell.style)


def _row(grid: Grid, cells: Words, widths: Sequence[int], gap: str) -> Words:
    words = list[StyledText]()
    between = _blanks(len(gap))
    spans = grid.spans is not None and not cells[grid.spans + 1].text
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        room = width
        if spans and number == grid.spans:
            room += len(gap) + widths[number + 1]
        elif spans and number - 1 == grid.spans:
            continue  # the cell before has its room
        words += (*_filled(cell, room, right=number in grid.right), between)
    return _stripped(tuple(words[:-1]))


def _under(row: Row, columns: int | None) -> Iterator[Words]:
    if row.under:
        below = (StyledText(f"  {row.under}", "dim"),)
        yield from [below] if columns is None else _wrapped(below, columns, "  ")


def _records(grid: Grid, columns: int) -> Iterator[Words]:
    """Give a block for each row, with a line for each cell that has something.

    Where the columns have no names, the last cell alone is below the others.
    """
    if not any(grid.columns):
        for row in grid.rows:
            yield from _record(row.cells, columns)
        return
    for number, row in enumerate(grid.rows):
        if number:
            yield ()
        pairs = zip(grid.columns, row.cells, strict=True)
        yield from _facts([pair for pair in pairs if pair[1].text], columns)
        yield from _under(row, columns)


def _record(cells: Words, columns: int) -> Iterator[Words]:
    *others, last = cells
    words = [part for cell in others if cell.text for part in (StyledText(_NARROW), cell)]
    yield from _wrapped(tuple(words[1:]), columns, _NARROW)
    if last.text:
        yield from _wrapped((StyledText(_WIDE), last), columns, _WIDE)
