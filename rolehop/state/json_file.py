"""Read one JSON object from a file of the state folder, without trusting it."""

from __future__ import annotations

import json
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
