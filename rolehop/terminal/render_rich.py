"""Draws a view with rich, for a terminal: as wide as the terminal, styled where it shows colour.

Lines break between words only: an ARN or an account ID that was cut in two could not be copied, or
searched for. A word that is wider than the terminal goes past its edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from rolehop.base.startup import Pattern
from rolehop.terminal.layout import WIDTH, Branch, Facts, Grid, Line, Row, StyledText, View

_WIDE, _NARROW = "   ", "  "  # between columns: narrow before a cell is wrapped
_NARROW_INDENT = 4  # columns, at most, if the terminal is narrower than `WIDTH`
_WORD = Pattern(r"\S+")

# Short values stay whole; long ones wrap.
_WHOLE = ("HOP", "LASTS", "MFA", "CACHE", "CACHED", "SINCE")


def as_renderable(view: View) -> RenderableType:
    """Return what rich prints for ``view``."""
    return Group(
        *(_block(block) for block in view if not (isinstance(block, Line) and block.goes_on))
    )


def _block(block: Line | Grid | Branch | Facts) -> RenderableType:
    match block:
        case Line():
            text = _text(*block.words)
            if block.whole:
                return _whole(text)
            if block.text is not None:
                return _Wrapped(_text(block.text), block.hanging)
            indent = len(text.plain) - len(text.plain.lstrip())
            return _Indented(text[indent:], Text(" " * indent), Text(" " * indent))
        case Grid():
            return _Fitting(block)
        case Branch():
            return Group(*_tree(block, "", ""))
        case Facts():
            return Group(*_facts(block.pairs))


def _text(*words: StyledText) -> Text:
    return Text.assemble(*((word.text, word.style) for word in words))


class _Indented:
    """A text behind others of the same width, wrapped between words."""

    def __init__(self, text: Text, first: Text, others: Text) -> None:
        """Draw ``text`` behind ``first``, and its lines after the first one behind ``others``."""
        self._text = text
        self._first = first
        self._others = others

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - self._others.cell_len
        for number, part in enumerate(_wrapped(self._text, width)):
            yield _whole(Text.assemble(self._others if number else self._first, part))


class _Wrapped:
    """A text of 80 columns, or as many as the terminal has, where it is indented less, too."""

    def __init__(self, text: Text, hanging: int) -> None:
        self._text = text
        self._hanging = hanging

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        plain, hanging = self._text.plain, self._hanging
        if options.max_width < WIDTH:
            hanging = min(hanging, max(_NARROW_INDENT, len(plain) - len(plain.lstrip())))
        indented = _Indented(self._text[hanging:], self._text[:hanging], Text(" " * hanging))
        yield from indented.__rich_console__(
            console, options.update_width(min(WIDTH, options.max_width))
        )


def _wrapped(text: Text, width: int) -> Sequence[Text]:
    """Return the lines of a text that is wrapped between words, at least one."""
    plain, begin, breaks = text.plain, 0, list[int]()
    for word in _WORD.compiled.finditer(plain):
        if plain[begin : word.start()].strip() and cell_len(plain[begin : word.end()]) > width:
            begin = word.start()
            breaks.append(begin)
    lines = list(text.divide(breaks))
    for line in lines:
        line.rstrip()
    return lines


def _whole(text: Text) -> Text:
    """Return a text that is in lines already."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


class _Fact:
    """A name, and its value behind it, or below it if a word of the value needs that room."""

    def __init__(self, name: str, value: StyledText, width: int) -> None:
        self._name = name
        self._value = value
        self._width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        longest = _longest_word(self._value.text)
        first, behind = Text(self._name.ljust(self._width), "dim"), " " * self._width
        if longest > options.max_width - self._width:
            first.rstrip()
            yield _whole(first)
            behind = "  " if longest + 2 <= options.max_width else ""
            first = Text(behind)
        yield _Indented(_text(self._value), first, Text(behind))


def _facts(pairs: Sequence[tuple[str, StyledText]]) -> Iterator[_Fact]:
    width = max(cell_len(name) for name, _ in pairs) + 2
    return (_Fact(name, value, width) for name, value in pairs)


def _tree(branch: Branch, first: str, others: str) -> Iterator[_Indented]:
    for number, line in enumerate(branch.lines):
        yield _Indented(_text(*line.words), Text(others if number else first), Text(others))
    for child in branch.below:
        last = child is branch.below[-1]
        yield from _tree(
            child, others + ("└── " if last else "├── "), others + ("    " if last else "│   ")
        )


class _Fitting:
    """A grid with a line for each row if the terminal is wide enough.

    In a narrower one cells are wrapped. A few rows with words that are too long have further lines,
    so that the others stay a table; if there are many, each row is a block with a line for each cell.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = self._grid
        gap, fitting = _WIDE, _fitting_rows(grid, _room(grid, _WIDE, options.max_width))
        if fitting is None or sum(_full(grid, fitting[0])) > _room(grid, gap, options.max_width):
            gap, fitting = _NARROW, _fitting_rows(grid, _room(grid, _NARROW, options.max_width))
        if fitting is None:
            yield from _blocks(grid)
            return
        rows, least = fitting
        room = _room(grid, gap, options.max_width)
        widths = _widths(list(map(max, _full(grid, rows), least)), least, room)
        yield _joined([Text(name, "bold") for name in grid.columns], widths, gap)
        yield _whole(Text("─" * (sum(widths) + len(gap) * (len(widths) - 1)), "dim"))
        for row in grid.rows:
            yield from _wrapped_row(row, widths, gap)
            yield from _under(row)


def _room(grid: Grid, gap: str, width: int) -> int:
    return width - len(gap) * (len(grid.columns) - 1)


def _full(grid: Grid, rows: Sequence[Row]) -> list[int]:
    """Return the width of each column in which no cell of ``rows`` is wrapped."""
    texts = ([name, *(row.cells[n].text for row in rows)] for n, name in enumerate(grid.columns))
    return [max(map(cell_len, column)) for column in texts]


def _needs(grid: Grid, cells: Sequence[str]) -> list[int]:
    """Return the least width of each cell of a row."""
    pairs = zip(grid.columns, cells, strict=True)
    return [cell_len(text) if name in _WHOLE else _longest_word(text) for name, text in pairs]


def _least(grid: Grid) -> list[int]:
    """Return the least width of each column, for its name; short values always fit."""
    return [
        max(map(cell_len, [name, *(row.cells[n].text for row in grid.rows if name in _WHOLE)]))
        for n, name in enumerate(grid.columns)
    ]


def _fitting_rows(grid: Grid, room: int) -> tuple[list[Row], list[int]] | None:
    """Return the rows that fit beside each other, and the least widths of their columns.

    ``None``: too few fit.
    """
    rows = [(_needs(grid, [cell.text for cell in row.cells]), row) for row in grid.rows]
    rows.sort(key=lambda each: sum(each[0]))
    widths, count = _least(grid), 0
    for needed, _ in rows:
        wider = list(map(max, widths, needed))
        if sum(wider) > room:
            break
        widths, count = wider, count + 1
    if sum(widths) > room or count * 3 < len(rows) * 2:
        return None
    return [row for _, row in rows[:count]], widths


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _widths(full: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return the width of each column: what it needs, else a fair part of the ``room``."""
    widths = list(least)
    while True:
        narrow = [number for number, width in enumerate(widths) if width < full[number]]
        left = room - sum(widths)
        if not narrow or left < len(narrow):
            return widths
        for number in narrow:
            widths[number] += min(left // len(narrow), full[number] - widths[number])


def _wrapped_row(row: Row, widths: Sequence[int], gap: str) -> Iterator[Text]:
    """Yield the lines of a row: where a cell has too long a word, the next one begins a line."""
    cells = [_wrapped(_text(cell), width) for cell, width in zip(row.cells, widths, strict=True)]
    begin = 0
    for number, (lines, width) in enumerate(zip(cells, widths, strict=True), start=1):
        if number == len(cells) or max(line.cell_len for line in lines) > width:
            part = [*([Text()],) * begin, *cells[begin:number]]
            for texts in zip_longest(*part, fillvalue=Text()):
                yield _joined(texts, widths[:number], gap)
            begin = number


def _joined(cells: Sequence[Text], widths: Sequence[int], gap: str) -> Text:
    line = Text()
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        line.append_text(cell)
        if number < len(widths) - 1:
            line.append(" " * (width - cell.cell_len) + gap)
    line.rstrip()
    return _whole(line)


def _under(row: Row) -> Iterator[_Indented]:
    if row.under:
        # Below the row and not in its first cell: a long one does not widen the column.
        yield _Indented(Text(row.under, "dim"), Text("  "), Text("  "))


def _blocks(grid: Grid) -> Iterator[RenderableType]:
    for number, row in enumerate(grid.rows):
        if number:
            yield ""
        yield from _facts(list(zip(grid.columns, row.cells, strict=True)))
        yield from _under(row)
