"""Keep an explanation to one screen: long lists are cut, and what matters less is one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rolehop.policy.evaluation.findings import Finding
from rolehop.show.layout import WIDTH, Line, line
from rolehop.startup.dataclass import replace
from rolehop.text import nearest, pluralize

SCREEN = 24
"""Lines of a terminal that nobody has made larger."""

BRIEF, NAMED_ONLY = 2, 3
"""How brief a text can be: 0, in full sentences; at `BRIEF` fixes are named only and quotes cut; at
`NAMED_ONLY` policies have no reasons, either."""

_KEPT, _MOST_VALUES, _MOST_CHARACTERS = 3, 12, 150
_MOST_FINDINGS = (3, 1, 1, 1)  # at each level
# With more values than this, the first ones will do: a comparison of all takes long.
_MOST_COMPARED = 200


def shortened(finding: Finding) -> Finding:
    """Return a finding with at most a few of the values of each long list: those nearest the call's."""
    if finding.found is None:
        return replace(finding, wanted=_cut_list(finding.wanted, ""))
    wanted = _cut_list(finding.wanted, finding.found)
    return replace(finding, wanted=wanted, found=_cut_list(finding.found, finding.wanted))


def _cut_list(text: str, other: str) -> str:
    values = text.split(", ")
    long = len(values) > _KEPT + 1 and len(text) > _MOST_CHARACTERS
    if not long and len(values) <= _MOST_VALUES:
        return text
    kept = nearest(other, values[:_MOST_COMPARED], _KEPT, cutoff=0.5) if other else []
    kept += [each for each in values[:_KEPT] if each not in kept]
    # In the order of the document, so that they are found there.
    shown = [each for each in values if each in kept[:_KEPT]][:_KEPT]
    return f"{', '.join(shown)} and {len(values) - len(shown)} more (-v)"


def first_findings(
    findings: Sequence[Finding], level: int
) -> tuple[Sequence[Finding], Iterator[Line]]:
    """Return the findings to show, and the line that counts the others."""
    most = _MOST_FINDINGS[level]
    left = len(findings) - most
    if left <= (0 if level else 1):
        return findings, iter(())
    return findings[:most], iter([line(f"      and {pluralize(left, 'more reason')} (-v)")])


def fitting(blocks: Sequence[Sequence[Line]], most: int, level: int | None = 0) -> list[Line]:
    """Return the lines of ``blocks``, the last ones cut to one line each if they are too many."""
    left, cut, least = [list(each) for each in blocks], False, 1
    if level == NAMED_ONLY:
        most, least = 0, 0
    for number in range(len(left) - 1, least - 1, -1):
        if sum(map(len, left)) > most and len(left[number]) > 1:
            left[number], cut = left[number][:1], True
    lines = [each for block in left for each in block]
    return [*lines, line("  -v shows the reasons of each")] if cut else lines


def as_it_fits(made: Callable[[int], Sequence[Line]], room: int) -> list[Line]:
    """Return the first of ``made(0)`` to ``made(NAMED_ONLY)`` that fits, or as much of the last."""
    lines: Sequence[Line] = ()
    for level in range(NAMED_ONLY + 1):
        lines = made(level)
        if rows_of(lines) <= room:
            return list(lines)
    return cut_at(lines, room)


def cut_at(lines: Sequence[Line], room: int) -> list[Line]:
    """Return the first ``lines``, and in place of what does not fit how many lines it has."""
    if rows_of(lines) <= room:
        return list(lines)
    kept = list(lines)
    while kept and rows_of(kept) >= room:
        kept.pop()
    return [*kept, line(f"  and {pluralize(len(lines) - len(kept), 'more line')} (-v)")]


def rows_of(lines: Sequence[Line]) -> int:
    """Return how many rows of a terminal with 80 columns the lines take."""
    texts = ("".join(word.text for word in each.words) for each in lines)
    return sum(max(1, -(-len(text) // WIDTH)) for text in texts)


def on_a_screen(
    before: Sequence[Line], block: Sequence[Line], after: Sequence[Line], room: int
) -> Iterator[Line]:
    """Yield a hop's block, and before and after it a line for each other hop, if ``room`` allows."""
    left = room - rows_of(block)
    of_after = max(left - min(len(before), left // 2), 1)
    of_before = max(left - min(len(after), of_after), 1)
    yield from _first_hops(before, of_before)
    yield line()
    yield from block
    yield from _first_hops(after, of_after)


def _first_hops(lines: Sequence[Line], most: int) -> Iterator[Line]:
    if len(lines) <= most:
        yield from lines
        return
    yield from lines[: most - 1]
    yield line(f"{pluralize(len(lines) - most + 1, 'more hop')} (-v)")
