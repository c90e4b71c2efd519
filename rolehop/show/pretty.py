"""Draws a view with rich, for a terminal: as wide as the terminal, styled where it shows colour."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from rolehop.show.layout import Branch, Grid, Line, View, Words

# What is short stays whole; what is long folds.
_WHOLE = ("HOP", "FROM", "LASTS", "MFA", "CACHE", "CACHED", "SINCE")


def as_renderable(view: View) -> RenderableType:
    """Return what rich prints for ``view``."""
    return Group(*(_block(block) for block in view))


def _block(block: Line | Grid | Branch) -> RenderableType:
    match block:
        case Line():
            return _text(*block.words)
        case Grid():
            return _table(block)
        case Branch():
            return _hang(Tree(_branch_text(block)), block)


def _text(*words: Words) -> Text:
    return Text.assemble(*((each.text, each.style) for each in words))


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


def _hang(tree: Tree, branch: Branch) -> Tree:
    for child in branch.below:
        _hang(tree.add(_branch_text(child)), child)
    return tree
