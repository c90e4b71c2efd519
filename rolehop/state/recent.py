"""What just failed, for some seconds and per hop key: SDKs repeat a question that failed.

Each note is a file of its own whose modification time is its age. There is no secret in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from rolehop.files import write_beside
from rolehop.ports import StsRefusal
from rolehop.startup.dataclass import dataclass
from rolehop.state.json_file import delete_note, delete_older, for_each_note, load_object

FOLDER = "recent"
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
        return self.state_folder / FOLDER / f"{self.kind}-{key}.json"


def forget_recent(state_folder: Path) -> None:
    """Delete all notes.

    Raises:
        OSError: one cannot be deleted; the others are.
    """
    for_each_note(state_folder / FOLDER, delete_note)


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
