"""JSON objects in files of the state folder: read without trusting them, and deleted.

Those that decide something (which role, which flags, which verdict) have a check, so that one
changed bit decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from rolehop.digest import checked_line, is_unchanged
from rolehop.files import entries_of, read_own

LARGEST = 1 << 22  # bytes
LONGEST_TEXT = 10_000  # characters; more than any text that is shown
LARGEST_NUMBER = 999_999_999_999  # the history has names for so many lines

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


def load_checked(path: Path, members: Collection[str]) -> dict[str, Any]:
    """Return the JSON object in a file as `load_object` does, if it is as `as_checked` wrote it.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read, is not a plain file, or others could have written it.
        ValueError: it is not a JSON object, or a part of it was changed.
    """
    return read_checked(read_own(path, LARGEST), members)


def as_checked(document: Mapping[str, object]) -> str:
    """Return a JSON object on one line, with a check of itself."""
    return checked_line(json.dumps(document))


def read_checked(data: bytes, members: Collection[str]) -> dict[str, Any]:
    """Return the object that `as_checked` wrote, without the check.

    One of an earlier version has no check; it has none but ``members``.

    Raises:
        ValueError: it is not a JSON object, or a part of it was changed.
    """
    text = data.decode()
    found = _object_in(text)
    if not is_unchanged(text, found, members):
        raise ValueError("a part of it was changed")
    found.pop("check", None)
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
