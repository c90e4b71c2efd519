"""The view and the document of ``history``: what was called and what was handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from rolehop.show.layout import Grid, StyledText, View, row
from rolehop.show.times import rfc3339, show_local
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

_TEXTS = ("action", "chain", "role", "source", "session_name", "request_id", "expires_at", "reason")
OK = "ok"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history."""

    number: int
    at: datetime
    """Aware, in UTC."""

    event: str
    """``call``, ``handover``, or ``repair`` if the file with the end of the history was lost."""

    outcome: str
    """``ok``, AWS's error code, or ``failed``."""

    texts: Mapping[str, str]
    """The other fields that are known: action, chain, role, source …"""

    hop: int | None


def history_rows(
    entries: Iterable[tuple[int, Mapping[str, object]]], wanted: Callable[[str], bool]
) -> list[HistoryRow]:
    """Return the lines as rows, if their chain is ``wanted`` (an empty name: none)."""
    rows = (_row(number, entry) for number, entry in entries)
    return [each for each in rows if each is not None and wanted(each.texts.get("chain", ""))]


def _row(number: int, entry: Mapping[str, object]) -> HistoryRow | None:
    """Return a line as a row; ``None`` if it makes no sense."""
    try:
        at = datetime.fromisoformat(str(entry["at"]))
    except (KeyError, ValueError):
        return None
    if at.tzinfo is None:
        return None
    texts = {name: value for name in _TEXTS if isinstance(value := entry.get(name), str)}
    hop = entry.get("hop")
    event, outcome = str(entry.get("event", "")), str(entry.get("outcome", ""))
    return HistoryRow(number, at, event, outcome, texts, hop if type(hop) is int else None)


def history_view(rows: Iterable[HistoryRow], *, verbose: bool) -> View:
    """Show what happened, the oldest first."""
    drawn = [
        row(
            show_local(each.at),
            StyledText(clean(each.texts.get("chain", "-")), "bold"),
            _what(each),
            _whom(each),
            StyledText(clean(each.outcome), "" if each.outcome == OK else "red"),
            under=_under(each, verbose=verbose),
        )
        for each in rows
    ]
    return [Grid(("WHEN", "CHAIN", "WHAT", "WHO", "OUTCOME"), drawn)]


def _what(each: HistoryRow) -> str:
    action = clean(each.texts.get("action", each.event)).rpartition(":")[2]
    return f"handed over: {action}" if each.event == "handover" else action


def _whom(each: HistoryRow) -> str:
    role = each.texts.get("role")
    if role is None:
        return f"source '{clean(each.texts['source'])}'" if "source" in each.texts else "-"
    parts = clean(role).split(":", 4)
    return parts[4] if len(parts) > 4 else clean(role)


def _under(each: HistoryRow, *, verbose: bool) -> str:
    parts = {"reason": each.texts.get("reason")}
    if verbose:
        parts |= {
            "at": rfc3339(each.at),
            "hop": str(each.hop) if each.hop else None,
            "session": each.texts.get("session_name"),
            "request": each.texts.get("request_id"),
            "until": each.texts.get("expires_at"),
        }
    return ", ".join(f"{name} {clean(value)}" for name, value in parts.items() if value)


def history_document(rows: Iterable[HistoryRow]) -> dict[str, object]:
    """Return ``rolehop.history/1``."""
    return {
        "schema": "rolehop.history/1",
        "lines": [
            {
                "number": each.number,
                "at": f"{each.at:%Y-%m-%dT%H:%M:%SZ}",
                "event": each.event,
                "action": each.texts.get("action"),
                "chain": each.texts.get("chain"),
                "hop": each.hop,
                "role": each.texts.get("role"),
                "source": each.texts.get("source"),
                "session_name": each.texts.get("session_name"),
                "request_id": each.texts.get("request_id"),
                "expires_at": each.texts.get("expires_at"),
                "outcome": each.outcome,
                "reason": each.texts.get("reason"),
            }
            for each in rows
        ],
    }
