"""What just failed, for some seconds and per hop key: SDKs repeat a question that failed.

Each note is a file of its own whose modification time is its age. There is no secret in it.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from rolehop.base.credentials import scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import read_moment
from rolehop.base.errors import HopRefused, UsageError
from rolehop.base.files import write_beside
from rolehop.plan.walk_options import WalkOptions, read_options
from rolehop.vault.notes import (
    UNUSABLE,
    as_checked,
    delete_note,
    delete_older,
    for_each_note,
    load_checked,
    load_object,
    number_in,
    text_in,
)
from rolehop.walk.ports import StsRefusal

RECENT = "recent"
_SWEPT_AFTER = 60  # seconds; more than any note is good for


@dataclass(frozen=True, slots=True)
class RecentNotes:
    """Notes of one kind."""

    state_folder: Path
    kind: str
    seconds: int
    """How long a note is good for."""

    now: Callable[[], datetime]

    def add(self, key: str, texts: dict[str, str]) -> None:
        """Note ``texts`` for hop ``key``, and sweep old notes; failing to is harmless."""
        path = self._path(key)
        with suppress(OSError):
            write_beside(path, json.dumps(texts), lasting=False)
            now = self.now().timestamp()
            delete_older(path.parent, now - _SWEPT_AFTER, now + _SWEPT_AFTER)

    def remove(self, key: str) -> None:
        """Delete the note for hop ``key``; failing to is harmless."""
        with suppress(OSError):
            delete_note(self._path(key))

    def get(self, key: str) -> dict[str, str]:
        """Return a note that is still good; empty if there is none, or it is from the future."""
        path = self._path(key)
        try:
            age = self.now().timestamp() - path.lstat().st_mtime
            found = load_object(path) if 0 <= age <= self.seconds else {}
        except (OSError, ValueError):
            return {}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def _path(self, key: str) -> Path:
        return self.state_folder / RECENT / f"{self.kind}-{key}.json"


def forget_recent(state_folder: Path) -> None:
    """Delete all notes.

    Raises:
        OSError: one cannot be deleted; the others are.
    """
    for_each_note(state_folder / RECENT, delete_note)


class StoredRefusals:
    """Refusals of the last five seconds, for all processes; implements ``ports.RecentRefusals``."""

    def __init__(self, state_folder: Path, now: Callable[[], datetime]) -> None:
        self._notes = RecentNotes(state_folder, "refusal", 5, now)

    def get(self, key: str) -> StsRefusal | None:
        """Return the refusal of the hop under ``key`` if AWS must not be asked again yet."""
        found = self._notes.get(key)
        return StsRefusal(found["code"], found.get("message", "")) if "code" in found else None

    def note(self, key: str, refusal: StsRefusal) -> None:
        """Remember that the hop under ``key`` was refused just now."""
        self._notes.add(key, {"code": refusal.code, "message": refusal.message})

    def remove(self, key: str) -> None:
        """Forget that: the hop under ``key`` was granted."""
        self._notes.remove(key)


REFUSED = "refused"

_RETENTION = timedelta(days=2)
"""A session lasts 36 h at most, by GetSessionToken (STS API reference)."""


@dataclass(frozen=True, slots=True)
class RefusedSteps:
    """Those of one state folder."""

    state_folder: Path
    now: Callable[[], datetime]

    def add(self, key: str) -> bool:
        """Note that the step under hop key ``key`` was refused; ``False``: that is not possible."""
        path = self._path(key)
        try:
            write_beside(path, "{}")
            delete_older(path.parent, (self.now() - _RETENTION).timestamp())
        except OSError:
            return False
        return True

    def remove(self, key: str) -> None:
        """Note that AWS has granted the step under ``key``; failing to is harmless."""
        with suppress(OSError):
            delete_note(self._path(key))

    def any_of(self, keys: Iterable[str]) -> bool:
        """True if a step under one of ``keys`` was refused, or if that cannot be told."""
        return any(map(self._is_noted, keys))

    def _is_noted(self, key: str) -> bool:
        try:
            return stat.S_ISREG(self._path(key).lstat().st_mode)  # rolehop writes nothing else
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def _path(self, key: str) -> Path:
        return self.state_folder / REFUSED / f"{key}.json"


def forget_refused_steps(state_folder: Path) -> None:
    """Delete all notes; to be called once no session is left.

    Raises:
        OSError: one cannot be deleted; the others are.
    """
    for_each_note(state_folder / REFUSED, delete_note)


FILE = "refused.json"
_SCHEMA = 1
_LONGEST_MESSAGE = 8_000  # characters


@dataclass(frozen=True, slots=True)
class LastRefused:
    """The hop that AWS refused last on this machine."""

    chain: str
    hop: int
    code: str
    at: datetime
    """Aware, in UTC."""

    options: WalkOptions
    """The flags that it was walked with."""

    message: str = ""
    """AWS's words, as they came: make them visible before they are shown."""


@contextmanager
def record_refusals(
    state_folder: Path, chain: str, options: WalkOptions, now: Callable[[], datetime]
) -> Iterator[None]:
    """Store a refusal that is raised in here; a successful walk deletes that of its chain."""
    try:
        yield
    except HopRefused as error:
        if error.hop is not None:
            words = scrub(error.message)[:_LONGEST_MESSAGE]
            refused = LastRefused(chain, error.hop, error.code, now(), options, words)
            _store(state_folder, refused)
        raise
    last = _read(state_folder)
    if last is not None and last.chain == chain:
        with suppress(OSError):
            (state_folder / FILE).unlink(missing_ok=True)


def last_refused(state_folder: Path) -> LastRefused:
    """Return the last refusal.

    Raises:
        UsageError: none is known, or its chain was walked since.
    """
    last = _read(state_folder)
    if last is None:
        raise UsageError(
            "no refused hop is known",
            cause="nothing was refused here, or the chain was walked since",
            fix="name a chain: rolehop explain CHAIN",
        )
    return last


def refused_with(state_folder: Path, chain: str, options: WalkOptions) -> LastRefused | None:
    """Return the last refusal if it was of ``chain`` with the same flags."""
    last = _read(state_folder)
    same = (
        last is not None and last.chain == chain and _flags_of(last.options) == _flags_of(options)
    )
    return last if same else None


def _store(state_folder: Path, refused: LastRefused) -> None:
    """Store a refusal; failing to is harmless."""
    from rolehop.base.files import write_beside

    document = {
        "schema": _SCHEMA,
        "chain": refused.chain,
        "hop": refused.hop,
        "code": refused.code,
        "message": refused.message,
        "at": refused.at.isoformat(timespec="seconds"),
        "asked": _flags_of(refused.options),
    }
    with suppress(OSError):
        write_beside(state_folder / FILE, as_checked(document))


def forget_refusal(state_folder: Path) -> None:
    """Delete the note of the last refusal: a reason or a session policy may be in it.

    Raises:
        OSError: it cannot be deleted.
    """
    with suppress(NotADirectoryError):  # there is no state folder
        (state_folder / FILE).unlink(missing_ok=True)


def _flags_of(options: WalkOptions) -> dict[str, object]:
    """Return the flags that the hop's call depended on."""
    return {"region": options.region, **options.hop_values}


def _read(state_folder: Path) -> LastRefused | None:
    """Return the stored refusal; ``None`` if there is none that can be read."""
    try:
        stored = load_checked(state_folder / FILE)
        if stored["schema"] != _SCHEMA or stored["asked"].keys() != _flags_of(WalkOptions()).keys():
            return None
        chain, code = text_in(stored, "chain"), text_in(stored, "code")
        message = text_in(stored, "message")
        hop, at = number_in(stored, "hop"), read_moment(stored["at"])
        return LastRefused(chain, hop, code, at, read_options(stored["asked"]), message)
    except (OSError, *UNUSABLE):
        return None
