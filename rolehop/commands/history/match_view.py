"""Show whose the calls in a trail were: alike ones in one row, and each as JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rolehop.base.durations import rfc3339
from rolehop.base.text import clean
from rolehop.commands.history.joining import Joined
from rolehop.commands.history.trail import TrailEvent
from rolehop.commands.history.view import show_when
from rolehop.terminal.layout import FINE, LABEL, LOOK, Grid, Row, StyledText, View, row

MATCH_COLUMNS = (
    *("event_id", "at", "action", "account", "region", "request_id", "access_key_id", "error"),
    *("by", "chain", "hop", "reasons", "programs", "candidates", "why", "lines"),
)
"""The keys of one event in JSON and CSV, in this order."""

_Group = tuple[str | None, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], str | None]


class Summary:
    """Counts what was read and joined, and gathers what is alike."""

    def __init__(self) -> None:
        self.groups: dict[_Group, tuple[int, datetime]] = {}
        """How many were alike, and when the last one was."""

        self._told = self._untold = self._others = self._unreadable = self._twice = 0
        self._seen: set[str] = set()

    def read(self, events: Iterable[TrailEvent | None]) -> Iterator[TrailEvent]:
        """Pass on each event once: exports overlap."""
        for each in events:
            if each is None:
                self._unreadable += 1
            elif each.event_id is not None and each.event_id in self._seen:
                self._twice += 1
            else:
                if each.event_id is not None:
                    self._seen.add(each.event_id)
                yield each

    def counting(self, joined: Iterable[Joined]) -> Iterator[Joined]:
        """Count what passes."""
        for each in joined:
            if each.by is not None:
                self._told += 1
            elif each.lines:
                self._untold += 1
            else:
                self._others += 1
            yield each

    def add(self, each: Joined) -> None:
        """Gather one that has to do with this history."""
        if each.by is None and not each.lines:
            return
        key = each.chain, each.event.action, each.reasons, each.programs, each.candidates, each.why
        count, last = self.groups.get(key, (0, each.event.at))
        self.groups[key] = count + 1, max(last, each.event.at)

    @property
    def text(self) -> str:
        """What was found, in one line."""
        total = self._told + self._untold + self._others
        parts = [
            f"{total:,} events: {self._told:,} are of sessions of this history",
            f"{self._untold:,} may be, which cannot be told" if self._untold else "",
            f"{self._others:,} are not" if self._others else "",
            f"{self._twice:,} were there twice" if self._twice else "",
            f"{self._unreadable:,} could not be read" if self._unreadable else "",
        ]
        return ", ".join(filter(None, parts))


def match_view(summary: Summary, now: datetime) -> View:
    """Show what is alike in one row, the latest first."""
    groups = sorted(summary.groups.items(), key=lambda each: each[1][1], reverse=True)
    rows = [_row(key, count, last, now) for key, (count, last) in groups]
    columns = ("LAST", "", "CHAIN", "CALL", "TIMES", "FOR", "HANDED TO")
    return [Grid(columns, rows, elided=(3, 5, 6), least=12)]


def _row(key: _Group, count: int, last: datetime, now: datetime) -> Row:
    chain, action, reasons, programs, candidates, why = key
    named = f": {', '.join(candidates)}" if candidates else ""
    return row(
        show_when(last, now),
        LOOK if candidates or (chain is None and why is None) else FINE,
        StyledText(clean(chain or "–"), "bold"),
        clean(action),
        f"{count:,}",
        StyledText(clean(" or ".join(reasons)), LABEL),
        clean(" or ".join(programs)),
        under=clean(f"{why}{named}") if why else "",
    )


def joined_json(each: Joined) -> dict[str, object]:
    """Return one event with all of `MATCH_COLUMNS`."""
    event = each.event
    return {
        "event_id": event.event_id,
        "at": rfc3339(event.at),
        "action": event.action,
        "account": event.account,
        "region": event.region,
        "request_id": event.request_id,
        "access_key_id": event.access_key_id,
        "error": event.error,
        "by": each.by,
        "chain": each.chain,
        "hop": each.hop,
        "reasons": list(each.reasons),
        "programs": list(each.programs),
        "candidates": list(each.candidates),
        "why": each.why,
        "lines": list(each.lines),
    }


def match_document(joined: Iterable[Joined]) -> dict[str, object]:
    """Return ``rolehop.history-match/1``."""
    return {"schema": "rolehop.history-match/1", "events": [joined_json(each) for each in joined]}
