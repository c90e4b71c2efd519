"""Join CloudTrail's events with the lines of the history, pure: whose chain made each call.

Only what cannot be another's decides: AWS's request ID, for calls that rolehop made itself, and the
access key ID, for those that a program made with a session. No clock decides which chain it was.
A session may belong to several chains, since chains with the same hops share one, and an answer to
credential-process leaves no line while it is cached. So an event is of a chain only if none of the
lines names another chain that may have had this session. A session's name alone joins nothing: other
machines, and other chains, use the same one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from rolehop.base.dataclass import dataclass, field
from rolehop.base.durations import read_moment
from rolehop.commands.history.rows import HistoryRow
from rolehop.commands.history.trail import TrailEvent

TOLERANCE = timedelta(minutes=5)
"""How far a handover's time, by AWS's clock as it was known then, may be off."""

NAME_TOLERANCE = timedelta(minutes=15)
"""The same for a line of which AWS's clock is not known: AWS takes no call that is further off."""

_LONGEST_SESSION = timedelta(hours=36)

BY_REQUEST, BY_KEY = "request_id", "access_key_id"

_Ends = tuple[str | None, str | None]
"""Role and session name."""


@dataclass(frozen=True, slots=True)
class Joined:
    """An event, and whose it was."""

    event: TrailEvent
    by: str | None = None
    """What it was joined by: ``request_id``, ``access_key_id`` or, if it was not, ``None``."""

    chain: str | None = None
    hop: int | None = None
    reasons: tuple[str, ...] = ()
    """More than one: it is not known which."""

    programs: tuple[str, ...] = ()
    """What the session was handed to: command and program; more than one: it is not known which."""

    candidates: tuple[str, ...] = ()
    """The chains that it may have been of, if that cannot be told."""

    why: str | None = None
    """Why it cannot be told, or what of it."""

    lines: tuple[int, ...] = ()
    """The numbers of the lines that say so."""


@dataclass(slots=True)
class _KeyLines:
    """The lines about one session."""

    given: list[HistoryRow] = field(default_factory=list)
    handed: list[HistoryRow] = field(default_factory=list)

    @property
    def ends(self) -> set[_Ends]:
        return {_ends_of(each) for each in (*self.given, *self.handed)}


class Joiner:
    """Joins events with the lines of one history."""

    def __init__(self, rows: Iterable[HistoryRow]) -> None:
        """Read all lines, whatever chain they are of."""
        self._requests: dict[str, list[HistoryRow]] = defaultdict(list)
        self._keys: dict[str, _KeyLines] = defaultdict(_KeyLines)
        self._ended: dict[_Ends, list[HistoryRow]] = defaultdict(list)
        self._calls: dict[tuple[str | None, _Ends], set[str]] = defaultdict(set)
        for row in rows:
            self._add(row)

    def _add(self, row: HistoryRow) -> None:
        request, key, chain = row.get("request_id"), row.get("access_key_id"), row.get("chain")
        is_call = row.event == "call"
        if is_call and request is not None:
            self._requests[request].append(row)
        if key is not None:
            lines = self._keys[key]
            (lines.given if is_call else lines.handed).append(row)
        if chain is None:
            return
        if not is_call or row.ends:
            self._ended[_ends_of(row)].append(row)
        if is_call:
            self._calls[row.get("action"), _ends_of(row)].add(chain)
            self._calls[row.get("action"), (row.get("role"), None)].add(chain)

    def join(self, event: TrailEvent) -> Joined:
        """Return whose an event was, or why that cannot be told."""
        asked = [
            each
            for each in self._requests.get(event.request_id or "", ())
            if each.get("action") == event.action
        ]
        if not asked and event.given_key in self._keys:
            asked = self._keys[event.given_key].given
        if asked:
            return _own_call(event, asked)
        lines = self._keys.get(event.access_key_id or "")
        return self._by_name(event) if lines is None else self._by_key(event, lines)

    def _by_key(self, event: TrailEvent, lines: _KeyLines) -> Joined:
        last = [each for each in lines.given if each.ends]
        named = {each.get("chain") for each in (*lines.handed, *last)} - {None}
        candidates = _names((*named, *self._silent(event, lines)))
        numbers = tuple(sorted({each.number for each in (*lines.given, *lines.handed)}))
        if not named:
            why = "no line says that this session was handed over"
            return Joined(event, candidates=candidates, why=why, lines=numbers)
        if len(candidates) != 1:
            why = f"{_count(len(candidates))} chains had this session, or may have had it"
            return Joined(event, candidates=candidates, why=why, lines=numbers)
        before = [each for each in lines.handed if _handed_at(each) <= event.at + TOLERANCE]
        reasons = _names(each.get("reason") for each in (*before, *last))
        programs = _names(map(_program, before))
        is_one = len({each.get("reason") for each in (*before, *last)}) < 2
        return Joined(
            event,
            BY_KEY,
            candidates[0],
            reasons=reasons,
            programs=programs,
            why=_less(programs, is_one=is_one),
            lines=numbers,
        )

    def _silent(self, event: TrailEvent, lines: _KeyLines) -> Iterable[str]:
        """Yield the chains that may have used a session without a line that has its key.

        Those that ended as the same role and session name at some time, since theirs may be the same
        session; and those that made such a call, of which an attempt that got no answer has no ID.
        """
        for ends in lines.ends:
            yield from (each.texts["chain"] for each in self._ended.get(ends, ()))
            yield from self._calls.get((event.action, ends), ())
        if event.asked_role is not None:
            yield from self._calls.get((event.action, (event.asked_role, None)), ())

    def _by_name(self, event: TrailEvent) -> Joined:
        ends = event.role, event.session_name
        if None in ends:
            return Joined(event, why="not of this history")
        at_this_time = [each for each in self._ended.get(ends, ()) if _may_last(each, event)]
        if not at_this_time:
            return Joined(event, why="not of this history")
        candidates = _names(each.get("chain") for each in at_this_time)
        had = "a chain had" if len(candidates) == 1 else f"{_count(len(candidates))} chains had"
        why = (
            f"{had} this session name at this time, and this key is of none of its sessions here: of"
            " another machine, of the console, or of a session that was made of it"
        )
        lines = tuple(each.number for each in at_this_time)
        return Joined(event, candidates=candidates, why=why, lines=lines)


def _own_call(event: TrailEvent, rows: Iterable[HistoryRow]) -> Joined:
    """Return the join of a call that rolehop made itself."""
    rows = tuple(rows)
    numbers = tuple(each.number for each in rows)
    chains = {each.get("chain") for each in rows}
    if len(chains) > 1:
        why = f"{_count(len(rows))} lines have the ID of this call"
        return Joined(event, candidates=_names(chains), why=why, lines=numbers)
    first = rows[0]
    return Joined(
        event,
        BY_REQUEST,
        first.get("chain"),
        first.hop,
        _names(each.get("reason") for each in rows),
        _names(f"rolehop, for {each.get('runs') or each.get('program') or '–'}" for each in rows),
        why=None if first.get("chain") else "rolehop's own call, for no chain",
        lines=numbers,
    )


def _less(programs: tuple[str, ...], *, is_one: bool) -> str | None:
    """Return what cannot be told of an event whose chain is known."""
    parts = []
    if not is_one:
        parts.append("it was handed over for several reasons")
    if not programs:
        parts.append("no line says which program got it: a cached answer leaves none")
    elif len(programs) > 1:
        parts.append("several programs had it")
    return "; ".join(parts) or None


def _ends_of(row: HistoryRow) -> _Ends:
    role = row.get("role")
    if role is None or ":role/" not in role:
        return role, row.get("session_name")
    head, _, path = role.partition(":role/")  # a session's ARN has no path of its role
    return f"{head}:role/{path.rpartition('/')[2]}", row.get("session_name")


def _handed_at(row: HistoryRow) -> datetime:
    return row.at + timedelta(seconds=row.clock_offset)


def _may_last(row: HistoryRow, event: TrailEvent) -> bool:
    """True if a session that a line is about may have signed an event."""
    begin = row.at + timedelta(seconds=row.clock_offset) - NAME_TOLERANCE
    try:
        end = read_moment(row.get("expires_at"))
    except ValueError:
        end = begin + _LONGEST_SESSION
    if row.event == "handover":  # which may be of a session that is older
        begin = min(begin, end - _LONGEST_SESSION)
    return begin <= event.at <= end + NAME_TOLERANCE


def _program(row: HistoryRow) -> str:
    program = row.get("runs") or row.get("program")
    command = f"rolehop {row.get('action') or '–'}"
    return f"{command}: {program}" if program else command


def _names(found: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({each for each in found if each}))


def _count(number: int) -> str:
    return {2: "two", 3: "three"}.get(number, f"{number:,}")
