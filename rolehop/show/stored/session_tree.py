"""Stored sessions as a tree of hops, each with what tells it from others that would look the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from rolehop.arn import partition_of
from rolehop.show.layout import Branch, StyledText, View, line
from rolehop.show.rows import SessionRow
from rolehop.show.tables import few_names, short_role, time_left
from rolehop.show.times import show_local
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean


def sessions_view(rows: Sequence[SessionRow], now: datetime, *, verbose: bool) -> View:
    """Show cached sessions as a tree."""
    held = {each.key for each in rows}
    tree = _Tree(_grouped(rows, lambda each: each.parent), _grouped(rows, _what), now, verbose)
    return [tree.branch(each) for each in rows if each.parent not in held]


def _grouped(
    rows: Sequence[SessionRow], by: Callable[[SessionRow], str | None]
) -> dict[str | None, list[SessionRow]]:
    groups: dict[str | None, list[SessionRow]] = {}
    for each in rows:
        groups.setdefault(by(each), []).append(each)
    return groups


def _what(row: SessionRow) -> str:
    """Return what a session is of: sessions that are alike in it need more to be told apart."""
    # Whether a code was sent for it is not noted: it is made without one, too.
    what = {"source": f"source {row.source}", "token": f"GetSessionToken of {row.source}"}
    return what.get(row.kind) or short_role(row.role or row.arn)


@dataclass(frozen=True, slots=True)
class _Tree:
    """All sessions, from which one is shown with those below it."""

    below: Mapping[str | None, Sequence[SessionRow]]
    """By the hop key of the session that signed."""

    alike: Mapping[str | None, Sequence[SessionRow]]
    """By what they are of."""

    now: datetime
    verbose: bool

    def branch(self, row: SessionRow) -> Branch:
        """Show a session, and below it those that were made with it."""
        marks = ", ".join(_all_marks(row, self.alike[_what(row)]))
        lines = [
            line(
                StyledText(_what(row), "bold"),
                f"  {marks}" if marks else "",
                "  ",
                time_left(row.local_expires_at, self.now),
                StyledText(f"  {few_names(row.chains, verbose=self.verbose)}", "dim"),
            )
        ]
        if self.verbose:
            lines.append(line(StyledText(clean(row.arn), "dim")))
            until = f"until {show_local(row.local_expires_at)}, in {row.keyring}"
            lines.append(line(StyledText(until, "dim")))
        return Branch(tuple(lines), list(map(self.branch, self.below.get(row.key, ()))))


def _all_marks(row: SessionRow, alike: Sequence[SessionRow]) -> Iterator[str]:
    """Yield what tells a session from those that are alike, if anything does."""
    named = len({each.session_name for each in alike}) > 1
    sourced = row.kind == "hop" and len({each.source for each in alike}) > 1
    yield from _marks(row, named=named, sourced=sourced)
    if len({_partition(each) for each in alike}) > 1:
        yield f"in {_partition(row)}"
    if not row.planned and any(
        each.planned and _compared(each) == _compared(row) for each in alike
    ):  # another region, endpoint or duration, or the config as it was
        yield "made with other settings than now"


def _compared(row: SessionRow) -> tuple[object, ...]:
    asked = (row.policy_arns, row.has_policy, row.session_name, row.source_identity, row.tags)
    return (row.role, row.source, row.parent, *asked)


def _partition(row: SessionRow) -> str:
    """Return the partition of a hop's role; empty of other sessions."""
    return clean(partition_of(row.role or "") or "")


def _marks(row: SessionRow, *, named: bool, sourced: bool) -> Iterator[str]:
    """Yield what tells a session from others of its role."""
    if row.read_only:
        yield "read-only"
    elif row.policy_arns:
        yield f"policies {' '.join(clean(each.rpartition('/')[2]) for each in row.policy_arns)}"
    if row.has_policy:
        yield "session policy"
    if row.source_identity:
        yield f"source identity {clean(row.source_identity)}"
    for key, value in row.tags:
        is_reason = key.casefold() == "reason"
        yield f"reason {clean(value)}" if is_reason else f"tag {clean(key)}={clean(value)}"
    if named:
        yield f"as {clean(row.session_name)}"
    if sourced:
        yield f"from source {clean(row.source)}"
