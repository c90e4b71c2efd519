"""What accounts are called, as AWS said in passing: one note in the state folder, no secret.

A name is a hint for people. It finds a chain in a list; what is walked or handed out never depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rolehop.base.startup import Pattern
from rolehop.base.text import clean, is_visible
from rolehop.vault.notes import NoteFile

OLD = timedelta(days=30)
"""After that, the account may be called otherwise by now, or belong to somebody else."""

MOST = 20_000
"""How many names are kept; beyond that those heard longest ago are dropped."""

_REPEATED = timedelta(days=1)  # the same name is not written again for that long
_LONGEST = 128  # characters; AWS allows 50
_ACCOUNT = Pattern(r"[0-9]{12}")


class NotedName(NamedTuple):
    """What AWS called an account, and when."""

    name: str
    at: datetime
    """Aware, in UTC."""

    def is_old(self, now: datetime) -> bool:
        """True if that was long ago, or by a clock that was far ahead."""
        return not -OLD <= now - self.at <= OLD


def noted_names(state_folder: Path) -> dict[str, NotedName]:
    """Return the names by account ID; none if the note is missing or damaged."""
    return _note(state_folder).read(_names) or {}


def note_names(state_folder: Path, said: Mapping[str, str], now: datetime) -> bool:
    """Note what AWS called accounts just now, by ID; return whether anything was written.

    One of two processes at once may not be heard, and failing to write is harmless.
    """
    names = {each: clean(name)[:_LONGEST] for each, name in said.items() if clean(name)}
    before = noted_names(state_folder)
    if all(_is_known(before.get(each), name, now) for each, name in names.items()):
        return False
    found = {**before, **{each: NotedName(name, now) for each, name in names.items()}}
    kept = sorted(found, key=lambda each: found[each].at)[-MOST:]
    rows = {each: [found[each].name, int(found[each].at.timestamp())] for each in kept}
    with suppress(OSError):
        _note(state_folder).store({"accounts": rows})
        return True
    return False


def _is_known(noted: NotedName | None, name: str, now: datetime) -> bool:
    return noted is not None and noted.name == name and abs(now - noted.at) < _REPEATED


def names_file(state_folder: Path) -> Path:
    """Return where the names are kept."""
    return state_folder / "account-names.json"


def _note(state_folder: Path) -> NoteFile:
    return NoteFile(names_file(state_folder), lasting=False)


def _names(note: dict[str, Any]) -> dict[str, NotedName]:
    rows = note["accounts"]
    if not all(map(_ACCOUNT.fullmatch, rows)):
        raise ValueError("not an account")
    names = [name for name, _ in rows.values()]
    if not is_visible("".join(names)) or max(map(len, names), default=0) > _LONGEST:
        raise ValueError("not a name")
    return {
        account: NotedName(name, datetime.fromtimestamp(at, UTC))
        for account, (name, at) in rows.items()
    }
