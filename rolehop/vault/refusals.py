"""What was refused or failed: just now, for some seconds; steps until they are granted; the last hop.

There is no secret in these notes.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rolehop.base.credentials import scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import read_moment
from rolehop.base.errors import HopRefused, UsageError
from rolehop.plan.walk_options import WalkOptions, read_options
from rolehop.vault.notes import NoteFile, NoteFolder, number_in, text_in
from rolehop.walk.ports import StsRefusal

_SWEPT_AFTER = timedelta(seconds=60)  # more than any failure is remembered


@dataclass(frozen=True, slots=True)
class RecentFailures:
    """How steps failed just now, one way of failing: SDKs repeat a question that failed.

    A note's age is that of its file.
    """

    state_folder: Path
    kind: str
    seconds: int
    """How long a failure is remembered."""

    now: Callable[[], datetime]

    def add(self, key: str, texts: dict[str, str]) -> None:
        """Note ``texts`` for hop ``key``, and sweep old notes; failing to is harmless."""
        with suppress(OSError):
            recent_failures(self.state_folder).store(f"{self.kind}-{key}", texts, self.now())

    def remove(self, key: str) -> None:
        """Delete the note for hop ``key``; failing to is harmless."""
        with suppress(OSError):
            self._file(key).delete()

    def get(self, key: str) -> dict[str, str]:
        """Return a note that is still good; empty if there is none, or it is from the future."""
        file = self._file(key)
        try:
            age = self.now().timestamp() - file.path.lstat().st_mtime
            found = file.load() if 0 <= age <= self.seconds else {}
        except (OSError, ValueError):
            return {}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def _file(self, key: str) -> NoteFile:
        return recent_failures(self.state_folder).file(f"{self.kind}-{key}")


def recent_failures(state_folder: Path) -> NoteFolder:
    """Return the folder of `RecentFailures`."""
    return NoteFolder(state_folder / "recent-failures", _SWEPT_AFTER, lasting=False)


class StoredRefusals:
    """Refusals of the last five seconds, for all processes; implements ``ports.RecentRefusals``."""

    def __init__(self, state_folder: Path, now: Callable[[], datetime]) -> None:
        self._failures = RecentFailures(state_folder, "refusal", 5, now)
        self.remove = self._failures.remove

    def get(self, key: str) -> StsRefusal | None:
        """Return the refusal of the hop under ``key`` if AWS must not be asked again yet."""
        found = self._failures.get(key)
        return StsRefusal(found["code"], found.get("message", "")) if "code" in found else None

    def note(self, key: str, refusal: StsRefusal) -> None:
        """Remember that the hop under ``key`` was refused just now."""
        self._failures.add(key, {"code": refusal.code, "message": refusal.message})


_RETENTION = timedelta(days=2)
"""A session lasts 36 h at most, by GetSessionToken (STS API reference)."""


@dataclass(frozen=True, slots=True)
class RefusedSteps:
    """The steps that AWS refused and has not granted since: their old sessions are not handed out."""

    state_folder: Path
    now: Callable[[], datetime]

    def add(self, key: str) -> bool:
        """Note that the step under hop key ``key`` was refused; ``False``: that is not possible."""
        try:
            self._folder.store(key, {}, self.now())
        except OSError:
            return False
        return True

    def remove(self, key: str) -> None:
        """Note that AWS has granted the step under ``key``; failing to is harmless."""
        with suppress(OSError):
            self._folder.file(key).delete()

    def any_of(self, keys: Iterable[str]) -> bool:
        """True if a step under one of ``keys`` was refused, or if that cannot be told."""
        return any(map(self._is_noted, keys))

    def last_of(self, keys: Iterable[str]) -> datetime | None:
        """Return when AWS refused one of these steps last, aware; ``None``: no refusal stands."""
        found = list[datetime]()
        for key in keys:
            with suppress(OSError):
                noted = self._folder.file(key).path.lstat().st_mtime
                found.append(datetime.fromtimestamp(noted, UTC))
        return max((at for at in found if self.now() - at < _RETENTION), default=None)

    def forget(self) -> None:
        """Delete all notes; to be called once no session is left.

        Raises:
            OSError: one cannot be deleted; the others are.
        """
        self._folder.forget()

    def _is_noted(self, key: str) -> bool:
        try:  # rolehop writes nothing else than plain files
            return stat.S_ISREG(self._folder.file(key).path.lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    @property
    def _folder(self) -> NoteFolder:
        return NoteFolder(self.state_folder / "refused-steps", _RETENTION)


_LONGEST_MESSAGE = 8_000  # characters


@dataclass(frozen=True, slots=True)
class LastRefusal:
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
    """Store a refusal that is raised in here; a successful walk deletes that of its chain.

    Failing to is harmless.
    """
    note = last_refusal_note(state_folder)
    try:
        yield
    except HopRefused as error:
        if error.hop is not None:
            words = scrub(error.message)[:_LONGEST_MESSAGE]
            with suppress(OSError):
                note.store(
                    _fields(LastRefusal(chain, error.hop, error.code, now(), options, words))
                )
        raise
    last = note.read(_last_refusal)
    if last is not None and last.chain == chain:
        with suppress(OSError):
            note.delete()


def last_refusal(state_folder: Path) -> LastRefusal:
    """Return the last refusal.

    Raises:
        UsageError: none is known, or its chain was walked since.
    """
    last = last_refusal_note(state_folder).read(_last_refusal)
    if last is None:
        raise UsageError(
            "no refused hop is known",
            cause="nothing was refused here, or the chain was walked since",
            fix="name a chain: rolehop explain CHAIN",
        )
    return last


def refused_with(state_folder: Path, chain: str, options: WalkOptions) -> LastRefusal | None:
    """Return the last refusal if it was of ``chain`` with the same flags."""
    last = last_refusal_note(state_folder).read(_last_refusal)
    same = (
        last is not None and last.chain == chain and _flags_of(last.options) == _flags_of(options)
    )
    return last if same else None


def last_refusal_note(state_folder: Path) -> NoteFile:
    """Return the file of the last refusal: a reason or a session policy may be in it."""
    return NoteFile(state_folder / "last-refusal.json")


def _fields(refusal: LastRefusal) -> dict[str, object]:
    return {
        "chain": refusal.chain,
        "hop": refusal.hop,
        "code": refusal.code,
        "message": refusal.message,
        "at": refusal.at.isoformat(timespec="seconds"),
        "asked": _flags_of(refusal.options),
    }


def _last_refusal(note: dict[str, Any]) -> LastRefusal:
    if note["asked"].keys() != _flags_of(WalkOptions()).keys():
        raise ValueError("it has other flags")
    chain, code, message = (text_in(note, each) for each in ("chain", "code", "message"))
    hop, at, options = number_in(note, "hop"), read_moment(note["at"]), read_options(note["asked"])
    return LastRefusal(chain, hop, code, at, options, message)


def _flags_of(options: WalkOptions) -> dict[str, object]:
    """Return the flags that the hop's call depended on."""
    return {"region": options.region, **options.hop_values}
