"""JSON objects in files of the state folder: read without trusting them, and deleted.

Those that decide something (which role, which flags, which verdict) have a check, so that one
changed bit decides nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from rolehop.base.dataclass import dataclass
from rolehop.base.digest import checked_line, is_unchanged
from rolehop.base.files import entries_of, read_own, write_beside
from rolehop.base.startup import Pattern
from rolehop.plan.walk_options import WalkOptions, read_options

LARGEST = 1 << 22  # bytes
LONGEST_TEXT = 10_000  # characters; more than any text that is shown
LARGEST_NUMBER = 999_999_999_999  # far above all that is kept

UNUSABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading values out of a damaged document raises: one that is nested too deeply, too."""


def load_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file that only this user can have written.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read, is not a plain file, or others could have written it.
        ValueError: it is not a JSON object.
    """
    return _object_in(read_own(path, LARGEST).decode())


def load_checked(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file as `load_object` does, if it is as `as_checked` wrote it.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read, is not a plain file, or others could have written it.
        ValueError: it is not a JSON object, or a part of it was changed.
    """
    return read_checked(read_own(path, LARGEST))


def as_checked(document: Mapping[str, object]) -> str:
    """Return a JSON object on one line, with a check of itself."""
    return checked_line(json.dumps(document))


def read_checked(data: bytes) -> dict[str, Any]:
    """Return the object that `as_checked` wrote, without the check.

    Raises:
        ValueError: it is not a JSON object, or a part of it was changed.
    """
    text = data.decode()
    found = _object_in(text)
    if not is_unchanged(text):
        raise ValueError("a part of it was changed")
    del found["check"]
    return found


def _object_in(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found


def text_in(stored: Mapping[str, object], name: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text of a JSON object.

    Raises:
        KeyError: there is none of this name.
        ValueError: it is no text, or has more than ``longest`` characters.
    """
    value = stored[name]
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"{name} is no text of that length")
    return value


def number_in(
    stored: Mapping[str, object], name: str, largest: int = LARGEST_NUMBER, *, smallest: int = 0
) -> int:
    """Return a whole number of a JSON object, from ``smallest`` to ``largest``.

    Raises:
        KeyError: there is none of this name.
        ValueError: it is none.
    """
    value = stored[name]
    if type(value) is not int or not smallest <= value <= largest:
        raise ValueError(f"{name} is no such number")
    return value


def for_each_note(folder: Path, do: Callable[[Path], object]) -> None:
    """Call ``do`` with each JSON file in ``folder``, also after it failed with another one.

    Raises:
        OSError: as ``do`` raised it last, or the folder cannot be read.
    """
    failure: OSError | None = None
    for path in notes_in(folder):
        try:
            do(path)
        except OSError as error:
            failure = error
    if failure is not None:
        raise failure


def notes_in(folder: Path) -> list[Path]:
    """Return the JSON files in a folder that is no link; none if it is not there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return [path for path in entries_of(folder) if path.suffix == ".json"]
    except NotADirectoryError:  # there is no state folder
        return []


def delete_older(folder: Path, oldest: float, newest: float = inf) -> None:
    """Delete the notes in ``folder`` that were written last before ``oldest``, seconds of the epoch.

    Those that were written after ``newest`` go, too: the clock was set back since. Failing to is
    harmless: another process may have deleted one just now.
    """
    with suppress(OSError):
        for path in notes_in(folder):
            _delete_if_older(path, oldest, newest)


def _delete_if_older(path: Path, oldest: float, newest: float) -> None:
    with suppress(OSError):
        if not oldest <= path.lstat().st_mtime <= newest:
            path.unlink()


def delete_note(path: Path) -> None:
    """Delete a file that another process may have deleted, or an empty folder of its name.

    Raises:
        OSError: that is not possible.
    """
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, PermissionError):  # the latter for a folder on macOS and Windows
        path.rmdir()


USAGE_SCHEMA = 1
HALF_LIFE = 7 * 24 * 3600  # seconds

MOST_CHAINS = 500
"""How many chains are remembered; beyond that the least used are dropped."""


class Use(NamedTuple):
    """The score of a chain at one moment."""

    score: float
    at: float
    """Epoch seconds."""

    def now(self, seconds: float) -> float:
        """Return the score at ``seconds`` since the epoch."""
        return float(self.score * 0.5 ** (max(0.0, seconds - self.at) / HALF_LIFE))


Uses = Mapping[str, Use]
"""By name of the chain."""


def used(uses: Uses, chain: str, seconds: float) -> dict[str, Use]:
    """Return ``uses`` with one more use of ``chain`` at ``seconds`` since the epoch."""
    before = uses[chain].now(seconds) if chain in uses else 0.0
    more = {**uses, chain: Use(before + 1.0, seconds)}
    kept = sorted(more, key=lambda name: -more[name].now(seconds))[:MOST_CHAINS]
    return {name: use for name, use in more.items() if name in kept}


def in_order(names: list[str], uses: Uses, seconds: float) -> list[str]:
    """Return ``names``, the most used first; unused ones follow in their own order."""
    return sorted(names, key=lambda name: -uses[name].now(seconds) if name in uses else 0.0)


def load_uses(state_folder: Path) -> dict[str, Use]:
    """Read the file; nothing if it is missing or damaged."""
    try:
        stored = load_object(_path(state_folder))
        if stored["schema"] != USAGE_SCHEMA:
            return {}
        return {
            str(name): Use(float(score), float(at))
            for name, (score, at) in stored["chains"].items()
        }
    except (OSError, *UNUSABLE):
        return {}


def note_use(state_folder: Path, chain: str, seconds: float) -> None:
    """Count one handover of ``chain``; one of two processes at once may not be counted.

    Raises:
        OSError: it cannot be written.
    """
    uses = used(load_uses(state_folder), chain, seconds)
    document = {
        "schema": USAGE_SCHEMA,
        "chains": {name: [round(s, 4), at] for name, (s, at) in uses.items()},
    }
    write_beside(_path(state_folder), json.dumps(document) + "\n", lasting=False)


def _path(state_folder: Path) -> Path:
    return state_folder / "recent.json"


CHOICES_SCHEMA = 1

MOST_CHOICES = 200
"""How many lists are remembered; beyond that the oldest choices are dropped."""


@dataclass(frozen=True, slots=True)
class LastChoices:
    """Implements ``sources.context.ChoiceStore``."""

    state_folder: Path

    def last(self, of: str) -> str | None:
        """Return what was chosen last from the list ``of``."""
        return self._load().get(of)

    def note(self, of: str, choice: str) -> None:
        """Remember a choice; one of two processes at once may not be, and failing to is harmless."""
        found = self._load()
        found.pop(of, None)
        kept = dict([*found.items(), (of, choice)][-MOST_CHOICES:])
        document = {"schema": CHOICES_SCHEMA, "choices": kept}
        with suppress(OSError):
            write_beside(self._path, json.dumps(document) + "\n", lasting=False)

    def _load(self) -> dict[str, str]:
        try:
            stored = load_object(self._path)
            if stored["schema"] != CHOICES_SCHEMA:
                return {}
            choices = stored["choices"]
            return {str(of): text_in(choices, of) for of in choices}
        except (OSError, *UNUSABLE):
            return {}

    @property
    def _path(self) -> Path:
        return self.state_folder / "choices.json"


FLAGS_SCHEMA = 1

RETENTION = timedelta(days=7)
"""The session has expired long before (12 h at most), and so has the need to renew it."""

FOLDER = "flags"

_DURATION = "--duration"
_FORGOTTEN = {"schema": FLAGS_SCHEMA, "forgotten": True}
_ACCESS_KEY_ID = Pattern(r"[A-Z0-9]{16,128}")


def remember_flags(
    state_folder: Path, access_key_id: str, options: WalkOptions, now: datetime
) -> None:
    """Store the flags of ``options`` for the session, and delete those that are too old.

    Raises:
        OSError: it cannot be written.
    """
    folder = state_folder / FOLDER
    delete_older(folder, (now - RETENTION).timestamp())
    note = {"schema": FLAGS_SCHEMA, **_noted(options)}
    write_beside(folder / f"{access_key_id}.json", as_checked(note))


def forget_flags(state_folder: Path) -> None:
    """Empty the notes of all sessions: reasons and session policies may be in them.

    That a session had flags stays known: a shell that still holds it must not be given a session
    that may do more. A note of no more than a duration is deleted, and one that cannot be emptied.

    Raises:
        OSError: one can be neither emptied nor deleted; the others are.
    """
    for_each_note(state_folder / FOLDER, _forget)


def _forget(note: Path) -> None:
    try:
        if _read(note).hop_flags == (_DURATION,):
            note.unlink(missing_ok=True)
            return
    except (OSError, ValueError):  # it is emptied all the same
        pass
    try:
        write_beside(note, as_checked(_FORGOTTEN))
        return
    except OSError:  # e.g. a full disk: an empty note needs no space, and is known as damaged
        pass
    try:
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        os.close(os.open(note, os.O_WRONLY | os.O_TRUNC | flags))
    except OSError:
        note.unlink(missing_ok=True)


def load_shell_flags(state_folder: Path, access_key_id: str, given: str) -> WalkOptions | None:
    """Return the flags that a shell was given with the session; ``None`` if there were none.

    ``given`` names them, as ``ROLEHOP_FLAGS`` does. Without it, only what changes the permissions
    counts: another command may have used the same session with a ``--duration``.

    Raises:
        ValueError: it had flags that cannot be read; the session must not be renewed without.
    """
    found = load_flags(state_folder, access_key_id)
    names = [each for each in given.split() if not each.startswith("--region=")]
    if not names:
        found = None if found is None else found.with_hop_values({"duration": None})
        return found if found is not None and found.hop_flags else None
    if found is None:
        raise ValueError("the note of its flags is gone")
    if not set(names) <= set(found.hop_flags):
        raise ValueError("the note has the flags of another command")
    return found.with_flags_only(names)


def load_flags(state_folder: Path, access_key_id: str) -> WalkOptions | None:
    """Return the flags that are stored for the session; ``None`` if none are.

    Raises:
        ValueError: it had flags that cannot be read.
    """
    if _ACCESS_KEY_ID.fullmatch(access_key_id) is None:
        return None
    try:
        return _read(state_folder / FOLDER / f"{access_key_id}.json")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"the note of its flags cannot be read: {error.strerror}") from None


def _read(path: Path) -> WalkOptions:
    try:
        note = load_checked(path)
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None
    if note == _FORGOTTEN:
        raise ValueError("rolehop logout --all has deleted the note of its flags")
    if note.pop("schema", None) != FLAGS_SCHEMA or note.keys() != _noted(WalkOptions()).keys():
        raise ValueError("the note of its flags is from another rolehop")
    try:
        return read_options(note)
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None


def _noted(options: WalkOptions) -> dict[str, object]:
    return {**options.hop_values, "min_ttl": options.min_ttl}
