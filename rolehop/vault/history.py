"""Record what rolehop called and handed over, a line of JSON each, and read it back.

Recording never fails a walk. The lines are notes for their owner and no proof: whoever can write
the files can change them, and CloudTrail has the calls. On the disk a line has no number: that is
said by the name of its file, which is the number of the first line in it, and by its place there.
What is not known is left out of a line.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from rolehop.base.credentials import scrub
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ServiceError, VaultError
from rolehop.base.files import open_own_log, read_own, write_all
from rolehop.base.startup import Pattern
from rolehop.base.time_limit import time_limit
from rolehop.vault.notes import UNUSABLE

if TYPE_CHECKING:
    from rolehop.base.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.walk.ports import ApiCall, Locks

SCOPE_ACTION = "sts:GetScopedCredentials"

LOCK_SECONDS = 10
"""How long a line waits for other processes, where it has to; then it is given up, and the walk goes on.

Later lines of this process do not wait again until one was written: whoever held the lock that long
hangs, and a fleet writes hundreds of lines.
"""


@dataclass(slots=True)
class WalkRecord:
    """The walk that calls of this thread belong to."""

    chain: str
    reason: str | None
    source: str | None = None
    hops: dict[tuple[str, str], int] = field(default_factory=dict)
    """The number of each hop by its role's ARN and its session name."""

    scope: int = 0
    """The number of the scope."""

    narrowed: tuple[str | None, str | None] = (None, None)
    """Role and session name of what the scope narrows: its call names neither."""

    signer: tuple[str | None, str | None] | None = None
    """Role and session name of the chain's own session, once that signs the calls."""

    last: int | None = None
    """The number of the call that gives the chain's own session."""

    def follow(self, plan: Plan) -> None:
        """Take source and hops from the plan that is walked."""
        self.source = plan.source.name
        self.last = plan.steps[-1].number
        for step in reversed(plan.hops):  # of two equal hops, the first
            self.hops[str(step.hop.role), step.hop.session_name] = step.number
        if plan.scope is not None:
            self.scope = plan.scope.number
            self.narrowed = _last_role(plan)

    def number_of(self, call: ApiCall) -> int | None:
        """Return the number of the hop or the scope that a call is of; 0: of neither.

        ``None``: the chain's own session signs it.
        """
        if self.signer is not None:
            return None
        if call.action == SCOPE_ACTION:
            return self.scope
        return self.hops.get((call.role or "", call.session_name or ""), 0)

    def whose(self, call: ApiCall) -> tuple[str | None, str | None]:
        """Return role and session name of what a call is about, as far as there are any."""
        if self.signer is not None:
            return self.signer
        return self.narrowed if call.action == SCOPE_ACTION else (call.role, call.session_name)


def _last_role(plan: Plan) -> tuple[str | None, str | None]:
    """Return role and session name of the last hop, if there is one."""
    if not plan.hops:
        return None, None
    last = plan.hops[-1].hop
    return str(last.role), last.session_name


_walk_of_thread: ContextVar[WalkRecord | None] = ContextVar("walk", default=None)


class Asker(NamedTuple):
    """Who runs this rolehop; what is not known is ``None``."""

    program: str | None
    pid: int | None
    user: str | None


class History:
    """The history in one state folder; safe to use from many threads.

    Attributes:
        runs: the program that this process starts with the sessions it hands over.
    """

    def __init__(
        self,
        state_folder: Path,
        locks: Callable[[], Locks] | None,
        now: Callable[[], datetime],
        give_up: Callable[[str], None],
        *,
        asker: Callable[[], Asker] = lambda: Asker(None, None, None),
        largest: Callable[[], int] | None = None,
        journal: Callable[[], Path | None] = lambda: None,
    ) -> None:
        """``locks`` and ``largest``: see `HistoryLog`. ``give_up`` is told why a line cannot be written.

        It shows that at most once. ``journal`` is asked at each line for the socket of the system's
        journal, if that is to get the lines, too.
        """
        self.runs: str | None = None
        self._journal = journal
        self._find_asker = asker
        self._largest = largest
        self._state_folder = state_folder
        self._make_locks = locks
        self._now = now
        self._give_up = give_up
        self._turn = threading.Lock()
        self._lock_hangs = False

    @cached_property
    def log(self) -> HistoryLog:
        """The files."""
        locks = self._make_locks() if self._make_locks else None
        return HistoryLog(self._state_folder, locks, largest=self._largest)

    @cached_property
    def _asker(self) -> Entry:
        """Who runs this process, for each of its lines."""
        return _known(self._find_asker()._asdict())

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
                record.signer = _last_role(plan)
            yield

    def called(self, call: ApiCall) -> None:
        """Record one call to AWS; implements ``ports.OnCall``."""
        walk = _walk_of_thread.get()
        role, session_name = walk.whose(call) if walk else (call.role, call.session_name)
        hop = walk.number_of(call) if walk else None
        self._record(
            {
                "event": "call",
                "action": call.action,
                "chain": walk.chain if walk else None,
                "hop": hop,
                "ends": (walk is not None and hop == walk.last) or None,
                "role": role,
                "source": walk.source if walk else None,
                "session_name": session_name,
                "request_id": call.request_id,
                "access_key_id": call.access_key_id,
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
        fields: dict[str, str | int | None] = {
            "event": "handover",
            "action": command,
            "chain": chain,
            "role": role,
            "source": source,
            "outcome": "ok",
            "reason": reason,
            "runs": self.runs and self.runs[:_LONGEST_NAME],
        }
        if session is not None:
            fields["role"], fields["session_name"] = _role_and_name(session.arn)
            fields["access_key_id"] = session.credentials.access_key_id
            fields["expires_at"] = _text_of(session.expires_at)
            ahead = session.expires_at - session.ends_at(self._now())
            fields["clock_offset"] = round(ahead.total_seconds()) or None
        self._record(fields)

    def _record(self, fields: Mapping[str, str | int | None]) -> None:
        entry: Entry = {"at": _text_of(self._now())}
        entry |= _known(fields)
        entry |= self._asker
        with self._turn:
            journal = self._journal()
            if journal is not None:
                self._send(entry, journal)
            try:
                with time_limit(0 if self._lock_hangs else LOCK_SECONDS):
                    self.log.append(entry)
                self._lock_hangs = False
            except OSError as error:
                self._give_up(error.strerror or str(error))
            except ServiceError as error:
                self._lock_hangs = True
                self._give_up(error.cause or error.what)

    def _send(self, entry: Entry, socket: Path) -> None:
        from rolehop.vault.journal import send

        try:
            send(entry, socket)
        except OSError as error:
            self._give_up(f"the system's journal does not take it ({error.strerror or error})")

    # ---- reading

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """Yield number and content of the lines, the oldest first.

        Raises:
            VaultError: the files cannot be read.
        """
        try:
            yield from self.log.entries()
        except OSError as error:
            raise VaultError(
                "the history cannot be read",
                cause=error.strerror or str(error),
                fix="make its files, in the state folder, readable for you",
            ) from None


def _known(fields: Mapping[str, str | int | None]) -> Entry:
    """Return what is known of ``fields``, without secrets."""
    return {
        name: scrub(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }


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


FOLDER = "history"

LARGEST = 50_000_000
"""In bytes, of all files together, unless the config says more or less; then the oldest is deleted."""

PER_FILE = 1 << 20
"""In bytes; then the next file begins. All but the last two are packed, to a tenth."""

LONGEST_LINE = 1 << 15
"""In bytes; far above what a call needs."""

_LONGEST_NAME = 200
"""In characters, of a program's."""

_NAME = Pattern(r"[0-9]{12}\.jsonl")

Entry = dict[str, object]
"""What one line says."""


class HistoryLog:
    """The lines in one state folder; safe to use from many processes at once.

    A line is one write to the end of a file, which Linux and macOS never mix with those of others;
    of two machines that share the folder over NFS, one may overwrite a line of the other.
    """

    def __init__(
        self,
        state_folder: Path,
        locks: Locks | None = None,
        *,
        largest: Callable[[], int] | None = None,
        per_file: int = PER_FILE,
    ) -> None:
        """``locks`` lets one process at a time write, where the system's own appending does not.

        ``largest`` is for all files, in bytes, and is asked when one is full; ``per_file`` for each.
        """
        self._folder = state_folder / FOLDER
        self._locks = locks
        self._largest = largest or (lambda: LARGEST)
        self._per_file = per_file

    def append(self, entry: Entry) -> None:
        """Append a line.

        Raises:
            OSError: it cannot be written, or only a piece of it.
            ServiceError: another process held the lock for too long.
        """
        line = _line(entry)
        with self._locks.hold("history") if self._locks else nullcontext():
            while not self._is_appended(line):
                pass

    def _is_appended(self, line: bytes) -> bool:
        """Append a line; false if the file was packed and deleted while this process slept."""
        name = (_names(self._folder) or [_name(1)])[-1]
        with open_own_log(self._folder / name) as file:
            if _size(file) < self._per_file:
                _append(file, line)
                return os.fstat(file.fileno()).st_nlink > 0
            file.seek(0)
            following = _number(name) + file.read(LARGEST).count(b"\n")
        # Of processes that come here at once, each may begin a file, as their numbers differ if a
        # line was added in between. So it is the bytes that are limited, and not the files.
        with open_own_log(self._folder / _name(following)) as file:
            _append(file, line)
        from rolehop.vault.packed_history import delete_oldest, pack

        pack(self._folder, _names(self._folder)[:-1])
        most = self._largest() - self._per_file + len(line)
        delete_oldest(self._folder, _names(self._folder), most)
        return True

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """Yield the number of each line, from 1, and what it says, the oldest first.

        What is no line, as the piece that a full disk left, has a number and is passed over.

        Raises:
            OSError: a file cannot be read.
        """
        from rolehop.vault.packed_history import packed_lines, packed_names

        number = 0
        packed = packed_names(self._folder)
        for name in sorted({*packed, *_names(self._folder)}):
            # A file may have got a line after the next one was named.
            number = max(number, _number(name) - 1)
            # One that is being packed is there twice, or has just become the packed one.
            lines = _lines(self._folder / name) or packed_lines(self._folder, name)
            for line in lines:
                number += 1
                entry = _parsed(line)
                if entry is not None:
                    yield number, entry


# ---- one line


def _line(entry: Entry) -> bytes:
    line = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
    if len(line) > LONGEST_LINE:
        raise OSError(f"a line of {len(line):,} bytes is too long")
    return line


def _append(file: BinaryIO, line: bytes) -> None:
    """Write ``line`` in one write, behind the end of a piece that somebody may have left."""
    size = _size(file)
    file.seek(max(size - 1, 0))
    # In an empty file nothing is read: what is there a moment later is the line of another process.
    is_whole = size == 0 or file.read(1) in (b"", b"\n")
    write_all(file, line if is_whole else b"\n" + line)


def _parsed(line: bytes) -> Entry | None:
    """Return what a line says; ``None`` if it is no line of a history."""
    try:
        entry = json.loads(line)
    except UNUSABLE:
        return None
    return entry if isinstance(entry, dict) else None


# ---- files


def _name(number: int) -> str:
    return f"{number:012d}.jsonl"


def _number(name: str) -> int:
    return int(name[:12])


def _names(folder: Path) -> list[str]:
    """Return the files with lines that are not packed, the oldest first."""
    try:
        return sorted(each.name for each in folder.iterdir() if _NAME.fullmatch(each.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _lines(path: Path) -> list[bytes]:
    """Return the complete lines of a file; none if another process has just deleted it."""
    try:
        return read_own(path, LARGEST).split(b"\n")[:-1]
    except FileNotFoundError:
        return []
