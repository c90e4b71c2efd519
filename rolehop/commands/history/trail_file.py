"""Open a trail that somebody named, and say what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rolehop.base.errors import UsageError
from rolehop.base.files import open_regular
from rolehop.commands.history.trail import NoTrail, TrailEvent, read_trail

_CHUNK = 1 << 18
_FIX = "export the events as JSON, as aws cloudtrail lookup-events does"


def events_of(file: str) -> Iterator[TrailEvent | None]:
    """Yield the events of a file as `read_trail` does; ``-`` is stdin.

    Raises:
        UsageError: it cannot be read, or has something else.
    """
    try:
        yield from read_trail(_chunks(file))
    except NoTrail as error:
        raise UsageError(f"{_name(file)} cannot be read", cause=str(error), fix=_FIX) from None
    except OSError as error:
        cause = error.strerror or str(error)
        raise UsageError(f"{_name(file)} cannot be read", cause=cause) from None


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


def _chunks(file: str) -> Iterator[bytes]:
    if file == "-":
        while chunk := sys.stdin.buffer.read(_CHUNK):
            yield chunk
        return
    with open_regular(Path(file)) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
