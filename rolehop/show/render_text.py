"""Draws a view as plain text: aligned, as wide as needed, without wrapping or colour."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.show.layout import Branch, Facts, Grid, Line, View

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
