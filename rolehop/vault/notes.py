"""Notes of the state folder: how often chains are used, what was picked last, the flags of sessions.

Each is a JSON object in a file, with a schema number and a check of itself.

What cannot be read, was changed by a bit or is of another version counts as not there. Flags of a
session are the exception: it is not renewed without them. Notes that decide something are sealed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rolehop.base.dataclass import dataclass
from rolehop.base.digest import checked_line, is_unchanged
from rolehop.base.files import UNFOLLOWING, entries_of, read_own, sweep_unfinished, write_beside
from rolehop.base.startup import Pattern
from rolehop.plan.walk_options import WalkOptions, read_options

if TYPE_CHECKING:
    from rolehop.vault.seals import Seals

LARGEST = 1 << 22  # bytes
LONGEST_TEXT = 10_000  # characters; more than any text that is shown
LARGEST_NUMBER = 999_999_999_999  # far above all that is kept

UNUSABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading values out of a damaged document raises: one that is nested too deeply, too."""

_SCHEMA = 1
T = TypeVar("T")


def as_note(fields: Mapping[str, object]) -> str:
    """Return a note's text, one line."""
    return checked_line(json.dumps({"schema": _SCHEMA, **fields}, separators=(",", ":")))


def read_note(data: bytes) -> dict[str, Any]:
    """Return the fields that `as_note` was given; a seal is not looked at.

    Raises:
        ValueError: it is not as it was written, or it is of another version.
    """
    text, _ = without_seal(data.decode())
    try:
        note: dict[str, Any] = json.loads(text) if is_unchanged(text) else {}
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not note:
        raise ValueError("it is not as rolehop wrote it")
    if note.pop("schema", None) != _SCHEMA:
        raise ValueError("it is of another version")
    del note["check"]
    return note


_SEAL = Pattern(r"[0-9a-f]{64}")


class NotSealed(ValueError):
    """A note is whole, and nothing proves that rolehop wrote it."""


class Seal(NamedTuple):
    """As what a note is sealed; the seal stands at the end of its line."""

    seals: Seals
    kind: str
    name: str

    def added_to(self, note: str) -> str:
        """Return a note's text with its seal; as it is where there is no key."""
        seal = self.seals.digest(self.kind, self.name, check_and_seal(note)[0])
        return note if seal is None else f"{note.rstrip()} {seal}\n"

    def read(self, data: bytes) -> dict[str, Any]:
        """Return the fields of a sealed note.

        Raises:
            NotSealed: the seal is missing or wrong, or there is no key.
            ValueError: as for `read_note`.
        """
        note = read_note(data)
        problem = self.problem(*check_and_seal(data.decode()))
        if problem is not None:
            raise NotSealed(problem)
        return note

    def problem(self, check: str, seal: str) -> str | None:
        """Return why a note with that check and that seal does not count; ``None``: it does."""
        return self.seals.problem(self.kind, self.name, check, seal)


def without_seal(text: str) -> tuple[str, str]:
    """Return a note's text as it was before it was sealed, and its seal, or nothing."""
    note, _, seal = text.rstrip("\n").rpartition(" ")
    return (f"{note}\n", seal) if _SEAL.fullmatch(seal) else (text, "")


def check_and_seal(text: str) -> tuple[str, str]:
    """Return the check of a whole note, a digest of all that it says, and its seal, or nothing."""
    note, seal = without_seal(text)
    return note.rstrip("\n")[-66:-2], seal


@dataclass(frozen=True, slots=True)
class NoteFile:
    """One note in a file that this user alone may read and write."""

    path: Path
    lasting: bool = True
    """It must survive a crash of the system; a mere hint need not."""

    seal: Seal | None = None
    """Of a note that decides something: without it nothing of the note counts."""

    def store(self, fields: Mapping[str, object]) -> None:
        """Put a note in the place of the last one.

        Raises:
            OSError: it cannot be written.
        """
        note = as_note(fields)
        text = note if self.seal is None else self.seal.added_to(note)
        write_beside(self.path, text, lasting=self.lasting)

    def load(self) -> dict[str, Any]:
        """Return the note's fields.

        Raises:
            FileNotFoundError: there is no such file.
            OSError: it cannot be read, is not a plain file, or others could have written it.
            ValueError: as for `read_note`, or it is not sealed as it must be.
        """
        data = read_own(self.path, LARGEST)
        return read_note(data) if self.seal is None else self.seal.read(data)

    def read(self, read: Callable[[dict[str, Any]], T]) -> T | None:
        """Return what ``read`` makes of the fields; ``None``: there are none that it can use."""
        try:
            return read(self.load())
        except (OSError, *UNUSABLE):
            return None

    def delete(self) -> None:
        """Delete the file, which another process may have deleted, or an empty folder of its name.

        Raises:
            OSError: that is not possible.
        """
        try:
            self.path.unlink(missing_ok=True)
        except NotADirectoryError:  # there is no state folder
            pass
        except (IsADirectoryError, PermissionError):  # the latter for a folder on macOS and Windows
            self.path.rmdir()

    def forget(self) -> None:
        """Delete the note and what a killed process left of it. Raises as `delete`."""
        sweep_unfinished(self.path.parent, self.path.name, 0)
        self.delete()


_swept: dict[Path, datetime] = {}
"""When this process looked for old notes in a folder: each time would be slow where many are written."""


@dataclass(frozen=True, slots=True)
class NoteFolder:
    """Notes of one kind in a folder of their own."""

    path: Path
    keeps: timedelta
    """How old a note becomes, by when its file was written."""

    lasting: bool = True
    """As for `NoteFile`."""

    seals: Seals | None = None
    """Of notes that decide something; their kind is the folder's name."""

    def file(self, name: str) -> NoteFile:
        """Return the file of a note."""
        seal = None if self.seals is None else Seal(self.seals, self.path.name, name)
        return NoteFile(self.path / f"{name}.json", self.lasting, seal)

    def store(self, name: str, fields: Mapping[str, object], now: datetime) -> None:
        """Write a note and delete those that are too old; not being able to is harmless.

        Hints of a time to come go, too: the clock was set back since.

        Raises:
            OSError: the note cannot be written.
        """
        self.file(name).store(fields)
        swept = _swept.get(self.path)
        if swept is None or abs(now - swept) >= self.keeps:
            _swept[self.path] = now
            self._sweep(now)

    def _sweep(self, now: datetime) -> None:
        oldest = (now - self.keeps).timestamp()
        newest = inf if self.lasting else (now + self.keeps).timestamp()
        with suppress(OSError):
            for each in notes_in(self.path):
                with suppress(OSError):  # another process may have deleted it just now
                    if not oldest <= each.path.lstat().st_mtime <= newest:
                        each.path.unlink()

    def forget(self, do: Callable[[NoteFile], object] = NoteFile.delete) -> None:
        """Delete each note, or ``do`` that with it, also after it failed with another one.

        Raises:
            OSError: as ``do`` raised it last, or the folder cannot be read.
        """
        sweep_unfinished(self.path, None, 0)
        failure: OSError | None = None
        for each in notes_in(self.path):
            try:
                do(each)
            except OSError as error:
                failure = error
        if failure is not None:
            raise failure


def notes_in(folder: Path) -> list[NoteFile]:
    """Return the files of all notes in a folder; none if it is not there, or is a link.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return [NoteFile(path) for path in entries_of(folder) if path.suffix == ".json"]
    except NotADirectoryError:  # there is no state folder
        return []


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

    def read(note: dict[str, Any]) -> dict[str, Use]:
        return {
            str(name): Use(float(score), float(at)) for name, (score, at) in note["chains"].items()
        }

    return _usage(state_folder).read(read) or {}


def note_use(state_folder: Path, chain: str, seconds: float) -> None:
    """Count one handover of ``chain``; one of two processes at once may not be counted.

    Raises:
        OSError: it cannot be written.
    """
    uses = used(load_uses(state_folder), chain, seconds)
    scores = {name: [round(score, 4), at] for name, (score, at) in uses.items()}
    _usage(state_folder).store({"chains": scores})


def _usage(state_folder: Path) -> NoteFile:
    return NoteFile(state_folder / "usage.json", lasting=False)


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
        with suppress(OSError):
            kept = dict([*found.items(), (of, choice)][-MOST_CHOICES:])
            self._file.store({"choices": kept})

    def _load(self) -> dict[str, str]:
        return self._file.read(_choices) or {}

    @property
    def _file(self) -> NoteFile:
        return NoteFile(self.state_folder / "choices.json", lasting=False)


def _choices(note: dict[str, Any]) -> dict[str, str]:
    return {str(of): text_in(note["choices"], of) for of in note["choices"]}


RETENTION = timedelta(days=7)
"""The session has expired long before (12 h at most), and so has the need to renew it."""


_DURATION = "--duration"
_FORGOTTEN = {"forgotten": True}
_ACCESS_KEY_ID = Pattern(r"[A-Z0-9]{16,128}")


def remember_flags(
    state_folder: Path, seals: Seals, access_key_id: str, options: WalkOptions, now: datetime
) -> None:
    """Store the flags of ``options`` for the session, and delete those that are too old.

    Raises:
        OSError: it cannot be written.
    """
    _flags(state_folder, seals).store(access_key_id, _noted(options), now)


def forget_flags(state_folder: Path) -> None:
    """Empty the notes of all sessions: reasons and session policies may be in them.

    That a session had flags stays known, without a seal, since that widens nothing: a shell that
    still holds it must not be given a session that may do more. A note of no more than a duration is deleted, and one that cannot be emptied.

    Raises:
        OSError: one can be neither emptied nor deleted; the others are.
    """
    _flags(state_folder).forget(_empty)


def _flags(state_folder: Path, seals: Seals | None = None) -> NoteFolder:
    return NoteFolder(state_folder / "flags", RETENTION, seals=seals)


def _empty(note: NoteFile) -> None:
    try:
        if _read(note).hop_flags == (_DURATION,):
            note.path.unlink(missing_ok=True)
            return
    except (OSError, ValueError):  # it is emptied all the same
        pass
    try:
        note.store(_FORGOTTEN)
        return
    except OSError:  # e.g. a full disk: an empty note needs no space, and is known as damaged
        pass
    try:
        os.close(os.open(note.path, os.O_WRONLY | os.O_TRUNC | UNFOLLOWING))
    except OSError:
        note.path.unlink(missing_ok=True)


def load_shell_flags(
    state_folder: Path, seals: Seals, access_key_id: str, given: str
) -> WalkOptions | None:
    """Return the flags that a shell was given with the session; ``None`` if there were none.

    ``given`` names them, as ``ROLEHOP_FLAGS`` does. All that changes the permissions counts, whatever
    it names: another command may have used the same session with a ``--duration``, and nothing else.

    Raises:
        ValueError: it had flags that cannot be read; the session must not be renewed without.
    """
    found = load_flags(state_folder, seals, access_key_id)
    names = {each for each in given.split() if not each.startswith("--region=")}
    if found is None:
        if names:
            raise ValueError("the note of its flags is gone")
        return None
    if not names <= set(found.hop_flags):
        raise ValueError("the note has the flags of another command")
    if _DURATION not in names:
        found = found.with_hop_values({"duration": None})
    return found if found.hop_flags else None


def load_flags(state_folder: Path, seals: Seals, access_key_id: str) -> WalkOptions | None:
    """Return the flags that are stored for the session; ``None`` if none are.

    Raises:
        ValueError: it had flags that cannot be read.
    """
    if _ACCESS_KEY_ID.fullmatch(access_key_id) is None:
        return None
    try:
        return _read(_flags(state_folder, seals).file(access_key_id))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"the note of its flags cannot be read: {error.strerror}") from None


def _read(file: NoteFile) -> WalkOptions:
    try:
        forgotten = NoteFile(file.path).load() == _FORGOTTEN
        note = {} if forgotten else file.load()
    except NotSealed as error:
        raise ValueError(f"the note of its flags does not count: {error}") from None
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None
    if forgotten:
        raise ValueError("rolehop logout --all has deleted the note of its flags")
    if note.keys() != _noted(WalkOptions()).keys():
        raise ValueError("the note of its flags is from another rolehop")
    try:
        return read_options(note)
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None


def _noted(options: WalkOptions) -> dict[str, object]:
    return {**options.hop_values, "min_ttl": options.min_ttl}
