"""The lines of the history as rows, chosen by what they say, and as JSON, JSON lines and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rolehop.base.arn import account_of
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import read_moment, rfc3339
from rolehop.plan.selection import ChainEnd, is_account

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.base.advice import AccountNames

_TEXTS = (
    "action",
    "chain",
    "role",
    "source",
    "session_name",
    "request_id",
    "access_key_id",
    "expires_at",
    "reason",
    "program",
    "user",
    "runs",
)
COLUMNS = (
    *("number", "at", "event", "action", "chain", "hop", "ends", "role", "source", "session_name"),
    *("request_id", "access_key_id", "expires_at", "outcome", "reason"),
    *("program", "pid", "user", "runs", "clock_offset"),
)
"""The keys of one line in JSON and CSV, in this order."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history."""

    number: int
    at: datetime
    """Aware, in UTC, by this machine's clock."""

    event: str
    """``call`` or ``handover``."""

    outcome: str
    """``ok``, AWS's error code, or ``failed``."""

    texts: Mapping[str, str]
    """The other fields that are known: action, chain, role, source …"""

    hop: int | None = None
    ends: bool = False
    """The call gave the session that the chain ends in."""

    pid: int | None = None
    clock_offset: int = 0
    """AWS's clock minus this machine's, in seconds, when a session was handed over."""

    def get(self, name: str) -> str | None:
        """Return a text, if it is known."""
        return self.texts.get(name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted; what is empty or ``None`` wants all."""

    since: datetime | None = None
    until: datetime | None = None
    chain: Callable[[str], bool] | None = None
    """Told the chain's name, empty for a line of none."""

    roles: tuple[str, ...] = ()
    """Patterns of a role's name, or of its whole ARN."""

    accounts: tuple[str, ...] = ()
    """Patterns of an account's number, or of its name in whatever letters."""

    outcomes: tuple[str, ...] = ()
    """Patterns, in whatever letters."""

    keys: tuple[str, ...] = ()
    """Access key IDs, or how they end."""

    def __contains__(self, row: HistoryRow) -> bool:
        return (
            (self.since is None or row.at >= self.since)
            and (self.until is None or row.at <= self.until)
            and (self.chain is None or self.chain(row.texts.get("chain", "")))
            and any_matches(self.outcomes, (row.outcome,), fold=True)
            and any_matches(self.roles, _roles_of(row))
            and (not self.keys or (row.get("access_key_id") or "-").endswith(self.keys))
        )


def any_matches(patterns: Iterable[str], texts: Iterable[str], *, fold: bool = False) -> bool:
    """True if there is no pattern, or one of ``texts`` matches one; ``fold``: in whatever letters."""
    patterns = tuple(patterns)
    if fold:
        patterns, texts = tuple(map(str.casefold, patterns)), map(str.casefold, texts)
    return not patterns or any(fnmatchcase(text, each) for text in texts for each in patterns)


def account_in(row: HistoryRow) -> str | None:
    """Return the account of the role that a line is about."""
    role = row.get("role") or ""
    head = role.partition(":")[0]
    return head if len(head) == 12 and head.isdecimal() else account_of(role)


def _roles_of(row: HistoryRow) -> tuple[str, ...]:
    role = row.get("role") or ""
    name = role.rpartition("/")[2] if "/" in role else role.rpartition(":")[2]
    return role, name


def history_rows(app: App, wanted: Wanted) -> Iterator[HistoryRow]:
    """Yield the lines of the history that are ``wanted``, the oldest first.

    Raises:
        RolehopError: it cannot be read.
    """
    from rolehop.app.account_names import KnownNames

    return rows_of(app.history.entries(), wanted, KnownNames(app))


def rows_of(
    entries: Iterable[tuple[int, Mapping[str, object]]], wanted: Wanted, names: AccountNames
) -> Iterator[HistoryRow]:
    """Yield the lines that are ``wanted``; ``names`` of accounts by their numbers.

    A session handed over has the request ID of the call that gave it, as far as that line is there.
    """
    given: dict[str, str] = {}
    for number, entry in entries:
        row = _row(number, entry, given)
        if row is not None and row in wanted and _is_in_accounts(row, wanted.accounts, names):
            yield row


def _is_in_accounts(row: HistoryRow, wanted: Iterable[str], names: AccountNames) -> bool:
    patterns, account = tuple(wanted), account_in(row)
    if not patterns or account is None:
        return not patterns
    name = names.get(account)
    end = ChainEnd(account, account_names=(name,) if name else ())
    return any(is_account(each, end) for each in patterns)


def _row(number: int, entry: Mapping[str, object], given: dict[str, str]) -> HistoryRow | None:
    """Return a line as a row, ``None`` if it makes no sense; ``given``: request IDs by key."""
    try:
        at = read_moment(entry.get("at"))
    except ValueError:
        return None
    texts = {name: value for name in _TEXTS if isinstance(value := entry.get(name), str)}
    event, key = str(entry.get("event", "")), texts.get("access_key_id")
    if key is not None and event == "call" and "request_id" in texts:
        given[key] = texts["request_id"]
    elif key in given and event == "handover":
        texts["request_id"] = given[key]
    return HistoryRow(
        number,
        at,
        event,
        str(entry.get("outcome", "")),
        texts,
        _whole(entry.get("hop")),
        entry.get("ends") is True,
        _whole(entry.get("pid")),
        _whole(entry.get("clock_offset")) or 0,
    )


def _whole(value: object) -> int | None:
    return value if type(value) is int and abs(value) < 1 << 53 else None


def moment_of(when: timedelta | datetime | None, now: datetime) -> datetime | None:
    """Return the moment that ``--since`` or ``--until`` means."""
    if not isinstance(when, timedelta):
        return when
    try:
        return now - when
    except OverflowError:  # before there were years
        return None


def row_document(row: HistoryRow) -> dict[str, object]:
    """Return a line with all of `COLUMNS`."""
    return {
        "number": row.number,
        "at": rfc3339(row.at),
        "event": row.event,
        "action": row.get("action"),
        "chain": row.get("chain"),
        "hop": row.hop,
        "ends": row.ends,
        "role": row.get("role"),
        "source": row.get("source"),
        "session_name": row.get("session_name"),
        "request_id": row.get("request_id"),
        "access_key_id": row.get("access_key_id"),
        "expires_at": row.get("expires_at"),
        "outcome": row.outcome,
        "reason": row.get("reason"),
        "program": row.get("program"),
        "pid": row.pid,
        "user": row.get("user"),
        "runs": row.get("runs"),
        "clock_offset": row.clock_offset,
    }


def history_document(rows: Iterable[HistoryRow]) -> dict[str, object]:
    """Return ``rolehop.history/1``."""
    return {"schema": "rolehop.history/1", "lines": [row_document(each) for each in rows]}


def as_lines(documents: Iterable[dict[str, object]]) -> Iterator[str]:
    """Yield each object as one line of JSON."""
    import json

    for each in documents:
        yield json.dumps(each, ensure_ascii=True, separators=(",", ":")) + "\n"


def as_csv(documents: Iterable[dict[str, object]], columns: tuple[str, ...]) -> Iterator[str]:
    """Yield a head and the objects as CSV (RFC 4180); what is not known is empty.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for each in documents:
        writer.writerow([_cell(each[name]) for name in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = " | ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
