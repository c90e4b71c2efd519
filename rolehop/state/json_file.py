"""JSON objects in files of the state folder: read without trusting them, and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rolehop.files import read_own

LARGEST = 1 << 22  # bytes

UNUSABLE = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError)
"""What reading values out of a damaged object raises."""


def load_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file that only this user can have written.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read, is not a plain file, or others could have written it.
        ValueError: it is not a JSON object.
    """
    try:
        found = json.loads(read_own(path, LARGEST))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found


def for_each_note(folder: Path, do: Callable[[Path], object]) -> None:
    """Call ``do`` with each JSON file in ``folder``, also after it failed with another one.

    Raises:
        OSError: as ``do`` raised it last.
    """
    failure: OSError | None = None
    for path in folder.glob("*.json"):
        try:
            do(path)
        except OSError as error:
            failure = error
    if failure is not None:
        raise failure


def delete_older(paths: Iterable[Path], oldest: float) -> None:
    """Delete those of ``paths`` that were not written to since ``oldest``, in seconds of the epoch.

    Failing to is harmless: another process may have deleted one just now.
    """
    for path in paths:
        with suppress(OSError):
            if path.lstat().st_mtime < oldest:
                path.unlink()


def delete_note(path: Path) -> None:
    """Delete a file that another process may have deleted."""
    path.unlink(missing_ok=True)
