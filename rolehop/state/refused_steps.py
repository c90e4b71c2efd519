"""Steps that were refused since they were last granted: their old sessions are not handed out.

A file for each, named by the step's key. It counts until AWS grants the step, not for a
time: a network that fails an hour later is no reason to hand out what was refused.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from rolehop.files import write_beside
from rolehop.startup.dataclass import dataclass
from rolehop.state.json_file import delete_note, delete_older, for_each_note

FOLDER = "refused"
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
        return self.state_folder / FOLDER / f"{key}.json"


def forget_refused_steps(state_folder: Path) -> None:
    """Delete all notes; to be called once no session is left.

    Raises:
        OSError: one cannot be deleted; the others are.
    """
    for_each_note(state_folder / FOLDER, delete_note)
