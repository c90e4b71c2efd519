"""Show the history to a person: the latest first, lines that are alike in one row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rolehop.base.advice import AccountNames
from rolehop.base.arn import account_of
from rolehop.base.durations import rfc3339, show_local
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.commands.history.rows import HistoryRow
from rolehop.terminal.layout import (
    FINE,
    LABEL,
    WRONG,
    Grid,
    Row,
    StyledText,
    View,
    account_role,
    row,
    short_role,
)


def history_view(
    rows: Sequence[HistoryRow], now: datetime, names: AccountNames, *, verbose: bool
) -> View:
    """Show what happened, the latest first: in a row each, those that are alike in one.

    ``verbose``: each in a row of its own, with more below it.
    """
    drawn: list[Row] = []
    before, count = None, 1
    for each in reversed(rows):
        shown = _row(each, now, names, verbose=verbose)
        count = count + 1 if shown == before else 1
        before = shown
        if count == 1 or verbose:
            drawn.append(shown)
        else:
            drawn[-1] = _counted(shown, count)
    columns = ("WHEN", "", "CHAIN", "WHAT", "ACCOUNT · ROLE", "")
    return [Grid(columns, drawn, elided=(2, 4), least=13)]


def _row(each: HistoryRow, now: datetime, names: AccountNames, *, verbose: bool) -> Row:
    is_ok = each.outcome == "ok"
    return row(
        show_when(each.at, now),
        FINE if is_ok else WRONG,
        StyledText(clean(each.texts.get("chain", "–")), "bold"),
        _what(each),
        _whom(each, names, verbose=verbose),
        StyledText(clean(each.texts.get("reason", "")), LABEL)
        if is_ok
        else StyledText(clean(each.outcome), WRONG.style),
        under=_history_under(each) if verbose else "",
    )


def _counted(row: Row, count: int) -> Row:
    """Return the row for so many that are alike."""
    *cells, last = row.cells
    parts = (f"{count:,} times", last.text)
    return Row(
        (*cells, StyledText(" · ".join(filter(None, parts)), last.style or LABEL)), row.under
    )


_WITHOUT_YEAR = timedelta(days=300)


def show_when(at: datetime, now: datetime) -> str:
    """Return e.g. ``Nov 30 14:00``, as `ls` has it; with the year if that may be another one."""
    return f"{at.astimezone():%b %d %H:%M}" if abs(now - at) < _WITHOUT_YEAR else show_local(at)


def _what(each: HistoryRow) -> str:
    """Return the name of the call, or the command that handed a session over."""
    action = clean(each.texts.get("action", each.event)).rpartition(":")[2]
    return f"rolehop {action}" if each.event == "handover" else action


def _whom(each: HistoryRow, names: AccountNames, *, verbose: bool) -> str:
    role = each.texts.get("role")
    if role is None:
        return f"source '{clean(each.texts['source'])}'" if "source" in each.texts else "–"
    if verbose:
        return short_role(role)
    if (found := _PERMISSION_SET.fullmatch(role)) is not None:
        return account_role(found["account"], found["name"], names)
    account = account_of(role)
    return short_role(role) if account is None else account_role(account, role, names)


_PERMISSION_SET = Pattern("(?P<account>[0-9]{12}):(?P<name>[^:/]+)")
"""How Identity Center's roles are noted."""


def _history_under(each: HistoryRow) -> str:
    parts = {
        "reason": each.texts.get("reason"),
        "at": rfc3339(each.at),
        "hop": str(each.hop) if each.hop else None,
        "session": each.texts.get("session_name"),
        "request": each.texts.get("request_id"),
        "key": each.texts.get("access_key_id"),
        "until": each.texts.get("expires_at"),
        "runs": each.texts.get("runs"),
        "asked by": _asker(each),
    }
    return ", ".join(f"{name} {clean(value)}" for name, value in parts.items() if value)


def _asker(each: HistoryRow) -> str:
    """Return e.g. ``terraform (4711) of alice``."""
    pid = "" if each.pid is None else f"({each.pid})"
    user = f"of {each.texts['user']}" if "user" in each.texts else ""
    return " ".join(filter(None, (each.texts.get("program"), pid, user)))
