"""The index as a file: `index.json` in the state folder, read leniently and written whole.

An unusable file, or one of another schema, is an empty index marked as lost. Sessions whose entry
is bad become orphans, which are removed from the keyring. Any other bad entry is dropped.

The file ends in a check over all that is before it. If a bit of it was changed, its entries are
still hints, but a session whose key is another one there is out of sight.
"""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rolehop.base.digest import checked_line, is_unchanged, sha256_hex
from rolehop.base.durations import start_of_machine
from rolehop.base.files import entries_of, read_own, sweep_unfinished, write_beside
from rolehop.base.startup import Pattern, debug
from rolehop.base.time_limit import seconds_left
from rolehop.hotpath.record import seal_path, sealed_stamp
from rolehop.hotpath.writer import as_seal
from rolehop.vault.index import (
    SCHEMA,
    Entry,
    Index,
    KeyEntry,
    LearnedCeiling,
    OrphanedSession,
    SignInEnd,
    UsedMfaCode,
    by_new_clock,
)
from rolehop.vault.locks import Contended, holder_of, locked, name_holder, sweep_locks, unlock
from rolehop.vault.serialization import (
    KeptTexts,
    as_time,
    plain_fields,
    read_object,
    read_time,
)

_LONGEST = 1 << 26  # bytes; a hundred thousand sessions fit
T = TypeVar("T")
Change = Callable[[Index], Index]
_State = tuple[int, int, int, int]
_LOCK_SECONDS = 5.0  # for one holder
_MOST_SECONDS = 20.0  # for all who come first: a walk's own locks are held 40 s at most
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))

# A hop key becomes part of a keyring's service name, so it must hold nothing surprising, and name no
# item that is none of a session: what the index names may be deleted.
_KEY = Pattern(r"[A-Za-z0-9_.-]{1,128}")
_STEPS = ("source", "token", "hop", "scope")
_ROLE_SECONDS = range(3_600, 43_201)  # MaxSessionDuration (IAM API reference, CreateRole)


class IndexLocked(TimeoutError):
    """Another process keeps the index locked; ``holder`` is its process ID, if known."""

    def __init__(self, holder: int | None) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{who} keeps the index locked")
        self.fix = f"if it hangs, end it: kill {holder}" if holder else "try again"


def write_problem(error: OSError) -> tuple[str, str]:
    """Return why the index could not be written, and what to do."""
    if isinstance(error, IndexLocked):
        return str(error), error.fix
    fix = "free some space" if error.errno in _NO_SPACE else "make that folder writable"
    return error.strerror or str(error), fix


class IndexStore:
    """The index in ``folder``; safe between threads and processes."""

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        machine_start: Callable[[datetime], datetime] = start_of_machine,
    ) -> None:
        """``machine_start`` is when this machine started, by a clock that says what it is given."""
        self.path = folder / "index.json"
        self._lock = folder / "index.lock"
        self._now = now
        self._machine_start = machine_start
        self._reading = threading.Lock()
        self._last: tuple[_State | None, Index] | None = None
        self._entry_texts = KeptTexts()
        self._has_timed_out = False
        self._has_swept = False

    def load(self) -> Index:
        """Return the index without outdated entries; a missing file is a lost index."""
        return self._read().pruned(self._now())

    def seal(self) -> None:
        """Make sure that the file has a seal, which records of the hot path rely on.

        Raises:
            OSError: as for `change`.
        """
        if sealed_stamp(str(self.path)) is None:
            self.change(lambda index: index)

    def change(self, change: Change) -> Index:
        """Apply ``change`` to the index as it is now and write the result, if it differs.

        An error that ``change`` raises passes through, and nothing is written.

        Raises:
            OSError: as for `held`.
        """
        with self.held() as apply:
            return apply(change)

    @contextmanager
    def held(self) -> Iterator[Callable[[Change], Index]]:
        """Lock the index and yield what changes it, as `change` does.

        Items of sessions are written and deleted in here: then no process can remove the entry of
        an item that another one is about to write.

        Raises:
            IndexLocked: another process keeps it locked. Once that was waited for, this process
                waits no more.
            OSError: the file cannot be written.
        """
        lock = self._locked()
        try:
            name_holder(lock, since=time.time())
            yield self._apply
        finally:
            unlock(lock, self._lock)

    def _locked(self) -> int:
        """Wait while the lock goes from one process to the next, and 5 s for a single one.

        A process that was stopped is not waited for any longer; a queue of many is.
        """
        last: dict[str, object] | None = None
        begun = time.monotonic()
        ends_at = begun + (0.0 if self._has_timed_out else seconds_left(_MOST_SECONDS))
        while True:
            try:
                part = min(ends_at, time.monotonic() + _LOCK_SECONDS / 2)
                return locked(self._lock, part, since=begun)
            except Contended as held:
                if held.state == last or time.monotonic() >= ends_at:
                    if not self._has_timed_out:
                        debug(__name__, "the index stayed locked; not waiting for it again")
                    self._has_timed_out = True
                    raise IndexLocked(holder_of(held.state)) from None
                last = held.state

    def _apply(self, change: Change) -> Index:
        old = self.load()
        new = change(old)
        if new != old or sealed_stamp(str(self.path)) is None:
            started_at = self._machine_start(self._now())
            write_beside(self.path, as_text(new, started_at, self._entry_texts))
            self._last = _state(self.path), new  # nobody else writes it while it is locked
            seal = as_seal(str(self.path), _digest(new))
            write_beside(Path(seal_path(str(self.path))), seal, lasting=False)
            self._sweep()
            debug(__name__, "index written")
        return new

    def _sweep(self) -> None:
        """Delete what killed processes left in the state folder, once in this process."""
        if self._has_swept:
            return
        self._has_swept = True
        folder = self.path.parent
        with suppress(OSError):
            for each in (folder, *entries_of(folder)):
                if each.is_dir() and not each.is_symlink():
                    sweep_unfinished(each)
        sweep_locks(folder)

    def _read(self) -> Index:
        """Read the file, unless it is unchanged since the last read: walks read it often."""
        with self._reading:  # threads that begin at once read it once
            before = _state(self.path)
            if self._last is not None and self._last[0] == before is not None:
                return self._last[1]
            found = _read(self.path, self._machine_start(self._now()))
            if before is not None and before == _state(self.path):
                self._last = before, found
            return found


def _digest(index: Index) -> str:
    """Return a digest of all that plans read from the index besides its sessions."""
    read = (
        {name: entry.access_key_id for name, entry in index.keys.items()},
        {role: finding.max_seconds for role, finding in index.findings.items()},
        dict(index.sign_ins),
    )
    return sha256_hex(json.dumps(read, sort_keys=True).encode())


def as_text(index: Index, started_at: datetime, entries: KeptTexts | None = None) -> str:
    """Return the file's text; ``started_at`` is when this machine started, by its clock."""
    fields = {
        "schema": SCHEMA,
        "started_at": as_time(started_at),
        "lost": "damaged" if index.damaged else index.lost,
        "keys": {name: plain_fields(entry) for name, entry in index.keys.items()},
        "findings": {role: plain_fields(each) for role, each in index.findings.items()},
        "mfa": {serial: plain_fields(each) for serial, each in index.mfa.items()},
        "sign_ins": dict(index.sign_ins),
        "sign_in_ends": {name: plain_fields(end) for name, end in index.sign_in_ends.items()},
        "orphans": [
            plain_fields(each)
            for each in sorted(index.orphans, key=lambda each: (each.backend, each.key))
        ],
    }
    # Not indented: that would be written by json's slow half, and a fleet's index is long.
    sessions = (entries or KeptTexts()).as_object(index.sessions)
    return checked_line(f'{json.dumps(fields)[:-1]}, "sessions": {sessions}}}')


def read_text(text: str, started_at: datetime) -> Index:
    """Return the index of a file; ``started_at``: when this machine started, by its clock as it is now."""
    fields = read_object(text)
    is_whole = is_unchanged(text)
    if fields is None or (is_whole and fields.get("schema") != SCHEMA):
        return Index(lost=True, damaged=True)
    sessions = _each(fields.get("sessions"), _entry)
    return Index(
        sessions=_by_new_clock(sessions, fields.get("started_at"), started_at),
        keys=_each(fields.get("keys"), _key_entry),
        findings=_each(fields.get("findings"), _finding) if is_whole else {},
        mfa=_each(fields.get("mfa"), _spent),
        sign_ins=_texts(fields.get("sign_ins")),
        sign_in_ends=_each(fields.get("sign_in_ends"), _sign_in_end),
        orphans=_all_orphans(fields, sessions),
        lost=not is_whole or fields.get("lost") is not False,
        damaged=not is_whole or fields.get("lost") == "damaged",
    )


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _read(path: Path, started_at: datetime) -> Index:
    try:
        return read_text(read_own(path, _LONGEST).decode(), started_at)
    except FileNotFoundError:
        return Index(lost=True)
    except (OSError, UnicodeDecodeError):
        return Index(lost=True, damaged=True)


def _each(found: object, read: Callable[[str, Mapping[str, object]], T]) -> dict[str, T]:
    """Read every member of a JSON object; those that ``read`` rejects are dropped."""
    members: dict[str, T] = {}
    for name, fields in found.items() if isinstance(found, dict) else ():
        try:
            if isinstance(fields, dict):
                members[name] = read(name, fields)
        except (KeyError, TypeError, ValueError):
            continue
    return members


def _by_new_clock(sessions: dict[str, Entry], then: object, now: datetime) -> dict[str, Entry]:
    """Return entries with their ends by a clock that may have been set since they were written."""
    try:
        return by_new_clock(sessions, now - read_time(_text(then)))
    except (TypeError, ValueError):
        return sessions


def _texts(found: object) -> dict[str, str]:
    """Read a JSON object of strings; other members are dropped."""
    members = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in members if isinstance(value, str)}


def _entry(key: str, fields: Mapping[str, object]) -> Entry:
    chains, parent = fields["chains"], fields["parent"]
    if not isinstance(chains, list):
        raise TypeError("chains")
    step = _text(fields["step"])
    if step not in _STEPS:
        raise ValueError(step)
    return Entry(
        key=_key(key),
        chains=tuple(_text(chain) for chain in chains),
        step=step,
        hop=_count(fields["hop"]),
        role=_text(fields["role"]),
        arn=_text(fields["arn"]),
        account=_text(fields["account"]),
        source=_text(fields["source"]),
        issued_at=read_time(_text(fields["issued_at"])),
        expires_at=read_time(_text(fields["expires_at"])),
        parent=None if parent is None else _key(parent),
        backend=_text(fields["backend"]),
        local_expires_at=read_time(_text(fields["local_expires_at"])),
        session_name=_text(fields["session_name"]),
        policy_arns=tuple(map(_text, _list(fields["policy_arns"]))),
        has_policy=fields["has_policy"] is True,
        source_identity=_text(fields["source_identity"]),
        tags=tuple((_text(key), _text(tag)) for key, tag in _list(fields["tags"])),
        narrowed=_text(fields["narrowed"]),
    )


def _key_entry(_name: str, fields: Mapping[str, object]) -> KeyEntry:
    return KeyEntry(
        access_key_id=_text(fields["access_key_id"]),
        backend=_text(fields["backend"]),
        added_at=read_time(_text(fields["added_at"])),
    )


def _sign_in_end(_name: str, fields: Mapping[str, object]) -> SignInEnd:
    ends_at = fields["ends_at"]
    return SignInEnd(
        None if ends_at is None else read_time(_text(ends_at)),
        fields["renews"] is True,
        _text(fields["backend"]),
        fields["ended"] is True,
    )


def _finding(_role: str, fields: Mapping[str, object]) -> LearnedCeiling:
    seconds = _number(fields["max_seconds"])
    if seconds not in _ROLE_SECONDS:
        raise ValueError("no role's limit")
    return LearnedCeiling(seconds, read_time(_text(fields["at"])))


def _spent(_serial: str, fields: Mapping[str, object]) -> UsedMfaCode:
    return UsedMfaCode(_count(fields["window"]), _text(fields["digest"]))


def _orphan(_at: str, fields: Mapping[str, object]) -> OrphanedSession:
    return OrphanedSession(_key(fields["key"]), _text(fields["backend"]))


def _all_orphans(fields: Mapping[str, object], but: Container[str]) -> frozenset[OrphanedSession]:
    """Return the sessions that a file names and that cannot be used as they are noted."""
    named = _each(fields.get("sessions"), lambda key, entry: (_key(key), _text(entry["backend"])))
    orphans = (OrphanedSession(*each) for key, each in named.items() if key not in but)
    listed = fields.get("orphans")
    noted = {str(at): each for at, each in enumerate(listed if isinstance(listed, list) else ())}
    return frozenset(orphans) | frozenset(_each(noted, _orphan).values())


def _key(value: object) -> str:
    key = _text(value)
    if not _KEY.fullmatch(key):
        raise ValueError("not a hop key")
    return key


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def _count(value: object) -> int:
    if (number := _number(value)) < 0:
        raise ValueError("less than nothing")
    return number
