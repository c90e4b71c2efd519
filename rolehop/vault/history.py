"""Record what rolehop called and handed over, and read it back; recording never fails a walk."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rolehop.base.credentials import scrub
from rolehop.base.dataclass import asdict, dataclass, field, replace
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import ServiceError, VaultError
from rolehop.base.files import open_own_log, read_own, sweep_unfinished, write_all, write_beside
from rolehop.base.startup import Pattern
from rolehop.base.time_limit import time_limit
from rolehop.vault.notes import LARGEST_NUMBER, UNUSABLE, load_object

if TYPE_CHECKING:
    from rolehop.base.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.walk.ports import ApiCall, Locks

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


FOLDER, END = "history", "end.json"

REPAIR = "repair"
"""The event of a line that was added because ``end.json`` was lost."""

LARGEST_FILE = 1 << 20
"""In bytes; a file that has reached it gets no more lines."""

MOST_FILES = 8

LONGEST_LINE = 1 << 15
"""In bytes; far above what a call needs."""

START = "0" * 64
"""Stands for the hash of the line before the first one."""

_SCHEMA = 1
_NAME = Pattern(r"[0-9]{12}\.jsonl")
_HASH = Pattern(r"[0-9a-f]{64}")

Entry = dict[str, object]
"""What one line says, apart from its number ``n`` and the hash ``prev``."""


@dataclass(frozen=True, slots=True)
class End:
    """What ``end.json`` says."""

    count: int = 0
    """The number of the last line."""
    last: str = START
    """Its hash."""
    first: int = 1
    """The number of the first line that is kept."""
    before: str = START
    """The hash of the line before that one."""
    file: str = "000000000001.jsonl"
    """Where the last line is."""
    size: int = 0
    """How many bytes that file has up to the end of the last line."""


class HistoryLog:
    """The lines in one state folder; safe to use from many processes at once."""

    def __init__(
        self,
        state_folder: Path,
        locks: Locks,
        *,
        largest_file: int = LARGEST_FILE,
        most_files: int = MOST_FILES,
    ) -> None:
        """``locks`` lets one process at a time append; files of ``largest_file`` bytes are full."""
        self._folder = state_folder / FOLDER
        self._locks = locks
        self._largest_file = largest_file
        self._most_files = most_files

    def append(self, entries: Sequence[Entry]) -> None:
        """Append a line for each of ``entries``.

        Raises:
            OSError: they cannot be written.
            ServiceError: another process held the lock for too long.
        """
        with self._locks.hold("history"):
            end = _read_end(self._folder)
            if end is None:
                _sweep(self._folder)
                end = _end_of_lines(self._folder)
                if end.count:  # whoever reads it should know that lines may be missing
                    entries = [_repair(self._folder, entries[0].get("at")), *entries]
                else:
                    _write_end(self._folder, end)  # else a first line seems to have lost it
            self._append(end, entries)

    def _append(self, end: End, entries: Sequence[Entry]) -> None:
        full = end.size >= self._largest_file
        if full:
            end = replace(end, file=_name(end.count + 1), size=0)
        with open_own_log(self._folder / end.file) as file:
            end, separator = _caught_up(end, file)
            data = bytearray(separator)
            for entry in entries:
                line = _line(end, entry)
                data += line + b"\n"
                end = replace(end, count=end.count + 1, last=_hash(line))
            write_all(file, data)
            end = replace(end, size=os.fstat(file.fileno()).st_size)
        if full:
            end = self._without_oldest(end)
        _write_end(self._folder, end)
        if full:
            self._delete_before(end.first)

    def _without_oldest(self, end: End) -> End:
        """Let the kept lines begin with the oldest of the files that may stay."""
        kept = [name for name in _names(self._folder) if _number(name) >= end.first]
        if len(kept) <= self._most_files:
            return end
        oldest = kept[-self._most_files]
        first = next(iter(_lines(self._folder / oldest)), b"")
        found = _parsed(first)
        # A line that cannot be read stays kept: what follows it could not be proved whole.
        return end if found is None else replace(end, first=found.number, before=found.previous)

    def _delete_before(self, first: int) -> None:
        _sweep(self._folder)
        for name in _names(self._folder):
            if _number(name) < first:
                with suppress(OSError):  # e.g. open elsewhere, on Windows; the next time, then
                    (self._folder / name).unlink()

    def entries(self) -> list[tuple[int, Entry]]:
        """Return the number of each line and what it says, the oldest first; lines that cannot be read are passed over.

        Raises:
            OSError: a file cannot be read.
            ServiceError: another process held the lock for too long.
        """
        with self._locks.hold("history"):
            end = _read_end(self._folder)
            names = _names(self._folder)
            kept = [each for each in names if end is None or _number(each) >= end.first]
            lines = [line for name in kept for line in _lines(self._folder / name)]
        return [
            (found.number, found.entry) for line in lines if (found := _parsed(line)) is not None
        ]

    def verify(self) -> Verified:
        """Return whether every line is as it was written.

        Raises:
            OSError: a file cannot be read.
            ServiceError: another process held the lock for too long.
        """
        with self._locks.hold("history"):
            return _verified(self._folder)


def _repair(folder: Path, at: object) -> Entry:
    """Return the line that says that the end of the history was lost before ``at``."""
    why = "damaged" if os.path.lexists(folder / END) else "missing"
    return {"at": at, "event": REPAIR, "outcome": f"{END} was {why}"}


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of checking all lines."""

    lines: int
    first: int
    last: int
    problems: tuple[str, ...]
    """What was changed, each in a sentence without its full stop; empty if nothing was."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    number: int
    previous: str
    entry: Entry


def _verified(folder: Path) -> Verified:
    end = _read_end(folder)
    names = _names(folder)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        problem = f"'{FOLDER}' is not a folder, but something else in its place"
        return Verified(0, 0, 0, (problem,))
    if end is None:
        if not names and not os.path.lexists(folder / END):
            return Verified(0, 1, 0, ())
        return Verified(0, 0, 0, (f"{END} is missing or damaged, so nothing proves the rest",))
    chain = _Chain(end)
    for name in names:
        if _number(name) >= end.first:
            for line in _lines(folder / name):
                chain.add(line, name)
    return chain.result()


class _Chain:
    """Follows the lines from the first one to the last, and notes what does not fit."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._number = end.first - 1
        self._hash = end.before
        self._lines = 0
        self._problems: list[str] = []

    def add(self, line: bytes, file: str) -> None:
        """Take the next line."""
        self._lines += 1
        found = _parsed(line)
        if found is None:
            self._problems.append(f"line {self._number + 1} is damaged ({file})")
            self._number, self._hash = self._number + 1, _hash(line)
            return
        self._compare(found, file)
        if found.entry.get("event") == REPAIR:
            when = f" at {at}" if isinstance(at := found.entry.get("at"), str) else ""
            self._problems.append(
                f"line {found.number} was added{when} because {END} was lost: lines before it may be missing"
            )
        self._number, self._hash = found.number, _hash(line)
        if self._number == self._end.count and self._hash != self._end.last:
            self._problems.append(f"line {self._number} was changed ({file})")

    def _compare(self, found: _Parsed, file: str) -> None:
        expected = self._number + 1
        if found.number > expected:
            where = "in" if expected >= _number(file) else "before"
            missing = _range(expected, found.number - 1)
            self._problems.append(f"{missing} missing {where} {file}")
        elif found.number < expected:
            self._problems.append(f"line {found.number} is out of order ({file})")
        elif found.previous != self._hash:
            self._problems.append(
                f"line {self._number} was changed, or another one put in its place ({file})"
                if self._number >= self._end.first
                else f"line {found.number} does not continue what was before it ({file})"
            )

    def result(self) -> Verified:
        """Return what was found, once all lines have been added."""
        if self._number < self._end.count:
            missing = _range(self._number + 1, self._end.count)
            self._problems.append(f"{missing} missing at the end")
        return Verified(self._lines, self._end.first, self._number, tuple(self._problems))


def _range(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


# ---- one line


def _line(end: End, entry: Entry) -> bytes:
    numbered = {"n": end.count + 1, "prev": end.last, **entry}
    line = json.dumps(numbered, ensure_ascii=True, separators=(",", ":")).encode()
    if len(line) > LONGEST_LINE:
        raise OSError(f"a line of {len(line):,} bytes is too long")
    return line


def _hash(line: bytes) -> str:
    return sha256_hex(line)


def _parsed(line: bytes) -> _Parsed | None:
    """Return what a line says; ``None`` if it is no line of a history."""
    try:
        entry = json.loads(line)
        number, previous = entry.pop("n"), entry.pop("prev")
    except UNUSABLE:
        return None
    if not _is_count(number) or not isinstance(previous, str) or not _HASH.fullmatch(previous):
        return None
    return _Parsed(number, previous, entry)


# ---- files


def _name(number: int) -> str:
    return f"{number:012d}.jsonl"


def _number(name: str) -> int:
    return int(name[:12])


def _names(folder: Path) -> list[str]:
    """Return the files with lines, the oldest first."""
    try:
        return sorted(each.name for each in folder.iterdir() if _NAME.fullmatch(each.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sweep(folder: Path) -> None:
    """Delete what killed writers of ``end.json`` left; the caller's lock keeps others from writing."""
    sweep_unfinished(folder, END, 0)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the complete lines of a file; a piece at its end, of a killed process, is none."""
    data = read_own(path, 64 * LARGEST_FILE)
    yield from data.split(b"\n")[:-1]


def _caught_up(end: End, file: BinaryIO) -> tuple[End, bytes]:
    """Return the end with the lines of ``file`` behind it, and what must come before the next one.

    A piece of a line behind the end is removed.
    """
    size = os.fstat(file.fileno()).st_size
    if size == end.size:
        return end, b""
    file.seek(max(0, min(end.size, size - 1)))
    rest = file.read()
    if size < end.size:  # lines are missing, which is for `verify` to say
        return end, b"" if rest.endswith(b"\n") or not size else b"\n"
    *lines, piece = rest.split(b"\n")
    if piece:
        os.ftruncate(file.fileno(), size - len(piece))
    for line in lines:
        found = _parsed(line)
        if found is None or (found.number, found.previous) != (end.count + 1, end.last):
            break
        end = replace(end, count=found.number, last=_hash(line))
    return end, b""


def _read_end(folder: Path) -> End | None:
    """Return what ``end.json`` says; ``None`` if there is none that makes sense."""
    try:
        stored = load_object(folder / END)
        if stored.pop("schema") != _SCHEMA:
            return None
        end = End(**stored)
    except (OSError, *UNUSABLE):
        return None
    return end if _is_sound(end) else None


def _is_sound(end: End) -> bool:
    """True if every field, read from JSON, is what its type says."""
    texts: tuple[tuple[object, Pattern], ...] = (
        (end.last, _HASH),
        (end.before, _HASH),
        (end.file, _NAME),
    )
    return all(_is_count(each) for each in (end.count, end.first, end.size)) and all(
        isinstance(text, str) and pattern.fullmatch(text) for text, pattern in texts
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_NUMBER


def _write_end(folder: Path, end: End) -> None:
    stored = {"schema": _SCHEMA, **asdict(end)}
    write_beside(folder / END, json.dumps(stored) + "\n", lasting=False)


def _end_of_lines(folder: Path) -> End:
    """Return where the lines end, if ``end.json`` is lost."""
    end = End()
    for number, name in enumerate(_names(folder)):
        end = replace(end, file=name, size=0)
        for line in _lines(folder / name):
            found = _parsed(line)
            if found is not None and number == 0 and end.size == 0:
                end = replace(end, first=found.number, before=found.previous)
            count = end.count + 1 if found is None else found.number
            end = replace(end, count=count, last=_hash(line), size=end.size + len(line) + 1)
    return end
