"""Record what rolehop called and handed over, and read it back; recording never fails a walk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.credentials import scrub
from rolehop.errors import ServiceError, VaultError
from rolehop.startup.dataclass import dataclass, field
from rolehop.time_limit import time_limit

if TYPE_CHECKING:
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.ports import ApiCall, Locks
    from rolehop.state.history_log import Entry, HistoryLog, Verified

LOCK_SECONDS = 10
"""How long a line waits for other processes; then it is given up, and the walk goes on.

Later lines of this process do not wait again until one was written: whoever held the lock that long
hangs, and a fleet writes hundreds of lines.
"""

_GATHERED_SECONDS = 0.002


@dataclass(slots=True)
class WalkRecord:
    """The walk that calls of this thread belong to."""

    chain: str
    reason: str | None
    source: str | None = None
    hops: dict[tuple[str, str], int] = field(default_factory=dict)
    """The number of each hop by its role's ARN and its session name."""

    signer: tuple[str, str] | None = None
    """Role and session name of the chain's own session, once that signs the calls."""

    def follow(self, plan: Plan) -> None:
        """Take source and hops from the plan that is walked."""
        self.source = plan.source.name
        for step in reversed(plan.hops):  # of two equal hops, the first
            self.hops[str(step.hop.role), step.hop.session_name] = step.number


_walk_of_thread: ContextVar[WalkRecord | None] = ContextVar("walk", default=None)


class History:
    """The history in one state folder; safe to use from many threads."""

    def __init__(
        self,
        state_folder: Path,
        locks: Callable[[], Locks],
        now: Callable[[], datetime],
        give_up: Callable[[str], None],
    ) -> None:
        """``give_up`` is told why lines cannot be written; it shows that at most once."""
        self._state_folder = state_folder
        self._make_locks = locks
        self._now = now
        self._give_up = give_up
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[list[Entry]] = []
        self._lock_hangs = False
        self.many_at_once = False
        """Many walks are on their way: whoever writes waits a moment for the lines of others."""

    @cached_property
    def log(self) -> HistoryLog:
        """The files."""
        from rolehop.state.history_log import HistoryLog

        return HistoryLog(self._state_folder, self._make_locks())

    # ---- recording

    @contextmanager
    def walking(self, chain: str, reason: str | None) -> Iterator[WalkRecord]:
        """Let the calls that this thread makes in here belong to a walk of ``chain``."""
        record = WalkRecord(chain, reason)
        before = _walk_of_thread.set(record)
        try:
            yield record
        finally:
            _walk_of_thread.reset(before)

    @contextmanager
    def signing(self, plan: Plan, reason: str | None = None) -> Iterator[None]:
        """Let the calls that this thread makes in here be signed with the session of ``plan``."""
        with self.walking(plan.chain, reason) as record:
            record.follow(plan)
            if plan.hops:
                last = plan.hops[-1].hop
                record.signer = str(last.role), last.session_name
            yield

    def called(self, call: ApiCall) -> None:
        """Record one call to AWS; implements ``ports.OnCall``."""
        walk = _walk_of_thread.get()
        signer = walk.signer if walk else None
        known = walk.hops.get((call.role or "", call.session_name or ""), 0) if walk else None
        role, session_name = signer or (call.role, call.session_name)
        self._record(
            {
                "event": "call",
                "action": call.action,
                "chain": walk.chain if walk else None,
                "hop": None if signer else known,
                "role": role,
                "source": walk.source if walk else None,
                "session_name": session_name,
                "request_id": call.request_id,
                "expires_at": _text_of(call.expires_at),
                "outcome": call.outcome,
                "reason": walk.reason if walk else None,
            }
        )

    def handed_over(
        self,
        command: str,
        chain: str,
        session: Session | None,
        reason: str | None,
        *,
        role: str | None = None,
        source: str | None = None,
    ) -> None:
        """Record that ``command`` hands the session of ``chain`` to a program.

        ``None``: AWS makes it when the program asks, of ``role`` or of what ``source`` is.
        """
        session_name = None
        if session is not None:
            role, session_name = _role_and_name(session.arn)
        self._record(
            {
                "event": "handover",
                "action": command,
                "chain": chain,
                "hop": None,
                "role": role,
                "source": source,
                "session_name": session_name,
                "request_id": None,
                "expires_at": None if session is None else _text_of(session.expires_at),
                "outcome": "ok",
                "reason": reason,
            }
        )

    def _record(self, fields: Mapping[str, str | int | None]) -> None:
        """Append one line, or together with it those of other threads that wait for their turn."""
        entry: Entry = {"at": _text_of(self._now())}
        entry |= {
            name: scrub(value) if isinstance(value, str) else value
            for name, value in fields.items()
        }
        ticket = [entry]  # emptied by whoever writes it
        with self._guard:
            self._waiting.append(ticket)
        with self._turn:
            if ticket:
                if self.many_at_once:
                    time.sleep(_GATHERED_SECONDS)
                self._write_waiting()

    def _write_waiting(self) -> None:
        """Write the lines of all threads that wait now, together: each write costs the same."""
        with self._guard:
            tickets, self._waiting = self._waiting, []
        entries = [ticket.pop() for ticket in tickets]
        try:
            with time_limit(0 if self._lock_hangs else LOCK_SECONDS):
                self.log.append(entries)
            self._lock_hangs = False
        except OSError as error:
            self._give_up(error.strerror or str(error))
        except ServiceError as error:
            self._lock_hangs = True
            self._give_up(error.cause or error.what)

    # ---- reading

    def entries(self, since: timedelta | datetime | None = None) -> list[tuple[int, Entry]]:
        """Return number and content of the lines, the oldest first.

        ``since``: only those of the last so and so long, or from an aware moment on.

        Raises:
            VaultError: the files cannot be read.
        """
        with _unreadable_is_an_error():
            entries = self.log.entries()
        if isinstance(since, timedelta):
            since = self._now() - since
        earliest = _text_of(since) or ""
        return [each for each in entries if str(each[1].get("at", "")) >= earliest]

    def verify(self) -> Verified:
        """Return whether every line is as it was written.

        Raises:
            VaultError: the files cannot be read.
        """
        with _unreadable_is_an_error():
            return self.log.verify()


@contextmanager
def _unreadable_is_an_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VaultError(
            "the history cannot be read",
            cause=error.strerror or str(error),
            fix="make its files, in the state folder, readable for you",
        ) from None


def _text_of(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _role_and_name(arn: str) -> tuple[str | None, str | None]:
    """Return the role, without its path, and the session's name of a session's ARN."""
    parts = arn.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    role, _, name = rest.rpartition("/")
    if len(parts) < 6 or kind != "assumed-role":
        return None, None
    return f"arn:{parts[1]}:iam::{parts[4]}:role/{role}", name
