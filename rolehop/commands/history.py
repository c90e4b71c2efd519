"""``rolehop history``: what was called and handed over, and when, chosen by time and by chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from rolehop.app.selecting import NamedChains
from rolehop.base.advice import AccountNames
from rolehop.base.arn import account_of
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import read_moment, rfc3339, show_local
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.param_types import Since
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

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.terminal.json_text import Document


def history_rows(
    app: App, since: timedelta | datetime | None, patterns: Sequence[str]
) -> list[HistoryRow]:
    """Return the history of or since ``since``, the oldest first; only chains that match, if given.

    Raises:
        RolehopError: it cannot be read.
    """
    entries = app.history.entries(since)
    named = NamedChains(app, patterns) if patterns else None
    return rows_of(entries, lambda name: named is None or name in named)


@click.command(
    cls=Command,
    epilog="""
rolehop history
rolehop history --since 7d --chain 'prod-*'
rolehop history --format json | jq '.lines[] | select(.outcome != "ok")'
""",
)
@click.option(
    "--since", type=Since(), metavar="WHEN", help="Only the last 2h or 7d, or since a date."
)
@click.option(
    "--chain",
    "chains",
    multiple=True,
    metavar="PATTERN",
    shell_complete=patterns,
    help="Only chains that match; may be repeated.",
)
@format_option("table", "json", default="table")
@click.pass_context
def command(
    ctx: click.Context, since: timedelta | datetime | None, chains: tuple[str, ...], style: str
) -> None:
    """Show the calls to AWS and the sessions handed over.

    The latest comes first. Each call to AWS has a line, and each session that assume, exec or another
    command handed over. -v shows more, such as AWS's request ID, which CloudTrail has, too. A cached
    answer to credential-process leaves no line. No secret is in it. logout --all keeps it.
    """
    cli = CommandContext.of(ctx)
    rows = history_rows(cli.app, since, chains)
    if style == "json":
        cli.write_json(history_document(rows))
    elif rows:
        from rolehop.app.account_names import KnownNames

        app = cli.app
        view = history_view(rows, app.now(), KnownNames(app), verbose=cli.terminal.verbose)
        cli.write_view(view)
    else:
        cli.terminal.note(_none(since, chains))


def _none(since: timedelta | datetime | None, chains: tuple[str, ...]) -> str:
    is_all = since is None and not chains
    return "there is no history" if is_all else "no line matches"


_HISTORY_TEXTS = (
    "action",
    "chain",
    "role",
    "source",
    "session_name",
    "request_id",
    "expires_at",
    "reason",
)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history."""

    number: int
    at: datetime
    """Aware, in UTC."""

    event: str
    """``call`` or ``handover``."""

    outcome: str
    """``ok``, AWS's error code, or ``failed``."""

    texts: Mapping[str, str]
    """The other fields that are known: action, chain, role, source …"""

    hop: int | None


def rows_of(
    entries: Iterable[tuple[int, Mapping[str, object]]], wanted: Callable[[str], bool]
) -> list[HistoryRow]:
    """Return the lines as rows, if their chain is ``wanted`` (an empty name: none)."""
    rows = (_history_row(number, entry) for number, entry in entries)
    return [each for each in rows if each is not None and wanted(each.texts.get("chain", ""))]


def _history_row(number: int, entry: Mapping[str, object]) -> HistoryRow | None:
    """Return a line as a row; ``None`` if it makes no sense."""
    try:
        at = read_moment(entry.get("at"))
    except ValueError:
        return None
    texts = {name: value for name in _HISTORY_TEXTS if isinstance(value := entry.get(name), str)}
    hop = entry.get("hop")
    event, outcome = str(entry.get("event", "")), str(entry.get("outcome", ""))
    return HistoryRow(number, at, event, outcome, texts, hop if type(hop) is int else None)


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
        _when(each.at, now),
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


def _when(at: datetime, now: datetime) -> str:
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
        "until": each.texts.get("expires_at"),
    }
    return ", ".join(f"{name} {clean(value)}" for name, value in parts.items() if value)


def history_document(rows: Iterable[HistoryRow]) -> Document:
    """Return ``rolehop.history/1``."""
    return {
        "schema": "rolehop.history/1",
        "lines": [
            {
                "number": each.number,
                "at": rfc3339(each.at),
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
