"""Draws a view with rich, for a terminal: as wide as the terminal, styled where it shows colour."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from rolehop.show.layout import Branch, Facts, Grid, Line, StyledText, View

_GAP = "   "
# Short values stay whole; long ones wrap.
_WHOLE = ("HOP", "FROM", "LASTS", "MFA", "CACHE", "CACHED", "SINCE")


def as_renderable(view: View) -> RenderableType:
    """Return what rich prints for ``view``."""
    return Group(*(_block(block) for block in view))


def _block(block: Line | Grid | Branch | Facts) -> RenderableType:
    match block:
        case Line():
            text = _text(*block.words)
            if block.whole:
                text.no_wrap, text.overflow = True, "ignore"
            return text
        case Grid():
            return _Fitting(block)
        case Branch():
            return _add_children(Tree(_branch_text(block)), block)
        case Facts():
            return _facts(block)


def _text(*words: StyledText) -> Text:
    return Text.assemble(*((each.text, each.style) for each in words))


def _facts(block: Facts) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in block.pairs:
        table.add_row(Text(name, style="dim"), _text(value))
    return table


class _Fitting:
    """A grid in one line a row where the terminal is wide enough, else with folded cells."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = zip(
            self._grid.columns,
            *(tuple(cell.text for cell in row.cells) for row in self._grid.rows),
            strict=True,
        )
        widths = [max(map(cell_len, column)) for column in columns]
        across = sum(widths) + len(_GAP) * (len(widths) - 1)
        if across > options.max_width:
            yield _table(self._grid)
            return
        yield _row([StyledText(name, "bold") for name in self._grid.columns], widths)
        yield Text("─" * across, style="dim")
        for row in self._grid.rows:
            yield _row(row.cells, widths)
            if row.under:
                # Below the row and not in its first cell: a long one does not widen the column.
                yield Padding(Text(row.under, style="dim"), (0, 0, 0, 2))


def _row(cells: Sequence[StyledText], widths: Sequence[int]) -> Text:
    line = Text()
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        line.append(cell.text, cell.style)
        if number < len(widths) - 1:
            line.append(" " * (width - cell_len(cell.text)) + _GAP)
    return line


def _table(grid: Grid) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in grid.columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for row in grid.rows:
        first, *others = (_text(cell) for cell in row.cells)
        if row.under:
            first.append(f"\n  {row.under}", style="not bold dim")
        table.add_row(first, *others)
    return table


def _branch_text(branch: Branch) -> Text:
    return Text("\n").join(_text(*line.words) for line in branch.lines)


def _add_children(tree: Tree, branch: Branch) -> Tree:
    for child in branch.below:
        _add_children(tree.add(_branch_text(child)), child)
    return tree
