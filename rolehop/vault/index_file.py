"""The index as a file: `index.json` in the state folder, read leniently and written whole.

A file that cannot be used is an empty index that says so; a single bad entry is dropped. A file of
another schema gives up its sessions as strays, so that they are removed from the keyring, and
keeps its IAM user keys, which nobody could get back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from rolehop.fastpath.record import as_seal, seal_path, sealed_stamp
from rolehop.files import read_trusted, write_beside
from rolehop.startup.lazy_regex import Pattern
from rolehop.vault.index import (
    SCHEMA,
    Entry,
    Finding,
    Index,
    KeyEntry,
    OrphanedSession,
    UsedMfaCode,
)
from rolehop.vault.locks import Contended, locked, unlock
from rolehop.vault.serialization import as_time, read_time

T = TypeVar("T")
_State = tuple[int, int, int, int]

_PATIENCE_SECONDS = 5.0
# A key becomes part of a keyring's service name, so it must be nothing surprising.
_KEY = Pattern(r"[A-Za-z0-9_.-]{1,128}")
_STEPS = ("source", "token", "hop")


class IndexStore:
    """The index in ``folder``; safe between threads and processes."""

    def __init__(
        self, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.path = folder / "index.json"
        self._lock = folder / "index.lock"
        self._now = now
        self._last: tuple[_State, Index] | None = None

    def load(self) -> Index:
        """Return what the file says, without what is outdated; no file is a lost index."""
        return self._read().pruned(self._now())

    def seal(self) -> None:
        """Make sure that the file is sealed: a record of the hot path needs to know it whole.

        Raises:
            OSError: as for `change`.
        """
        if sealed_stamp(str(self.path)) is None:
            self.change(lambda index: index)

    def change(self, change: Callable[[Index], Index]) -> Index:
        """Write ``change`` of what the file says now; nothing is written where it changes nothing.

        An error that ``change`` raises passes through, and nothing is written.

        Raises:
            OSError: the file cannot be written, or another process keeps it locked.
        """
        try:
            lock = locked(self._lock, time.monotonic() + _PATIENCE_SECONDS)
        except Contended:
            raise TimeoutError("another process keeps the index locked") from None
        try:
            old = self.load()
            new = change(old)
            if new != old or sealed_stamp(str(self.path)) is None:
                write_beside(self.path, as_text(new))
                self._write_seal(new)
            return new
        finally:
            unlock(lock, self._lock)

    def _write_seal(self, index: Index) -> None:
        seal = Path(seal_path(str(self.path)))
        write_beside(seal, as_seal(str(self.path), _digest(index)), lasting=False)

    def _read(self) -> Index:
        """Read the file, unless it is still the one that was read last: walks look often."""
        before = _state(self.path)
        if self._last is not None and self._last[0] == before:
            return self._last[1]
        found = _read(self.path)
        if before is not None and before == _state(self.path):
            self._last = before, found
        return found


def _digest(index: Index) -> str:
    """Return what stands for all that plans read of the index besides its sessions."""
    told = (
        {name: entry.access_key_id for name, entry in index.keys.items()},
        {role: finding.max_seconds for role, finding in index.findings.items()},
        dict(index.sign_ins),
    )
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def as_text(index: Index) -> str:
    """Return the file's text."""
    told = {
        "schema": SCHEMA,
        "lost": index.lost,
        "sessions": {key: _plain(entry) for key, entry in index.sessions.items()},
        "keys": {name: _plain(entry) for name, entry in index.keys.items()},
        "findings": {role: _plain(each) for role, each in index.findings.items()},
        "mfa": {serial: _plain(each) for serial, each in index.mfa.items()},
        "sign_ins": dict(index.sign_ins),
        "strays": [
            _plain(each) for each in sorted(index.strays, key=lambda each: (each.backend, each.key))
        ],
    }
    # Not indented: that would be written by json's slow half, and a fleet's index is long.
    return json.dumps(told) + "\n"


def read_text(text: str) -> Index:
    """Return what ``as_text`` wrote; what is not well-formed is left out."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return Index(lost=True)
    if not isinstance(told, dict):
        return Index(lost=True)
    keys = _each(told.get("keys"), _key_entry)
    if told.get("schema") != SCHEMA:
        return Index(keys=keys, strays=_all_as_strays(told), lost=True)
    return Index(
        sessions=_each(told.get("sessions"), _entry),
        keys=keys,
        findings=_each(told.get("findings"), _finding),
        mfa=_each(told.get("mfa"), _spent),
        sign_ins=_texts(told.get("sign_ins")),
        strays=_strays(told.get("strays")),
        lost=told.get("lost") is not False,
    )


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _read(path: Path) -> Index:
    if path.exists() and not path.is_file():
        return Index(lost=True)  # a pipe would be waited for
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        return Index(lost=True)
    if file is None:
        return Index(lost=True)
    return Index(lost=True) if file.distrust is not None else read_text(file.text)


def _plain(value: Entry | KeyEntry | Finding | UsedMfaCode | OrphanedSession) -> dict[str, object]:
    fields = ((name, getattr(value, name)) for name in value.__slots__)
    return {name: as_time(each) if isinstance(each, datetime) else each for name, each in fields}


def _each(told: object, read: Callable[[str, Mapping[str, object]], T]) -> dict[str, T]:
    """Read every member of an object; those that ``read`` finds wrong are dropped."""
    found: dict[str, T] = {}
    for name, fields in told.items() if isinstance(told, dict) else ():
        try:
            if isinstance(fields, dict):
                found[name] = read(name, fields)
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _texts(told: object) -> dict[str, str]:
    """Read an object of texts; other members are dropped."""
    members = told.items() if isinstance(told, dict) else ()
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
        hop=_number(fields["hop"]),
        role=_text(fields["role"]),
        arn=_text(fields["arn"]),
        account=_text(fields["account"]),
        source=_text(fields["source"]),
        issued_at=read_time(_text(fields["issued_at"])),
        expires_at=read_time(_text(fields["expires_at"])),
        parent=None if parent is None else _key(parent),
        backend=_text(fields["backend"]),
    )


def _key_entry(_name: str, fields: Mapping[str, object]) -> KeyEntry:
    return KeyEntry(
        access_key_id=_text(fields["access_key_id"]),
        backend=_text(fields["backend"]),
        added_at=read_time(_text(fields["added_at"])),
    )


def _finding(_role: str, fields: Mapping[str, object]) -> Finding:
    return Finding(_number(fields["max_seconds"]), read_time(_text(fields["at"])))


def _spent(_serial: str, fields: Mapping[str, object]) -> UsedMfaCode:
    return UsedMfaCode(_number(fields["window"]), _text(fields["digest"]))


def _strays(told: object) -> frozenset[OrphanedSession]:
    members = enumerate(told) if isinstance(told, list) else ()
    return frozenset(_each({str(at): each for at, each in members}, _stray).values())


def _stray(_at: str, fields: Mapping[str, object]) -> OrphanedSession:
    return OrphanedSession(_key(fields["key"]), _text(fields["backend"]))


def _all_as_strays(told: Mapping[str, object]) -> frozenset[OrphanedSession]:
    """Return the sessions that another schema's file names, as far as it can be understood."""
    sessions = _each(
        told.get("sessions"),
        lambda key, fields: OrphanedSession(_key(key), _text(fields["backend"])),
    )
    return frozenset(sessions.values()) | _strays(told.get("strays"))


def _key(value: object) -> str:
    key = _text(value)
    if not _KEY.fullmatch(key):
        raise ValueError("not a hop key")
    return key


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value
