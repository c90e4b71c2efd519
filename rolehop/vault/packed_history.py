"""Pack the older files of the history, so that a year of hundreds of accounts fits.

A packed file is gzip's, in a folder of its own, so that a line that is written lists few names. It is
written beside and renamed before the one that it replaces is deleted: a kill leaves both, never none.
"""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rolehop.base.files import read_own, write_beside
from rolehop.base.startup import Pattern

_FOLDER = "packed"
_NAME = Pattern(r"[0-9]{12}\.jsonl\.gz")
_LONGEST = 1 << 26
"""In bytes, of one file, packed or not."""

_QUIET_SECONDS = 60
"""A file stays as it is until then: another process may still be about to write into it."""


def pack(folder: Path, names: Iterable[str]) -> None:
    """Pack those files that nobody writes any more; what cannot be packed stays as it is."""
    for name in names:
        with suppress(OSError):  # another process has done it, or the disk is full
            if time.time() - (folder / name).lstat().st_mtime < _QUIET_SECONDS:
                continue
            data = gzip.compress(read_own(folder / name, _LONGEST), mtime=0)
            write_beside(_packed(folder, name), data, lasting=False, sweep=False)
            (folder / name).unlink()


def packed_names(folder: Path) -> list[str]:
    """Return the names that the packed files had, the oldest first."""
    try:
        found = [each.name for each in (folder / _FOLDER).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(each.removesuffix(".gz") for each in found if _NAME.fullmatch(each))


def packed_lines(folder: Path, name: str) -> Iterator[bytes]:
    """Yield the lines of a packed file; those before the damage of one that is damaged.

    Raises:
        OSError: it cannot be read.
    """
    try:
        packed = read_own(_packed(folder, name), _LONGEST)
    except FileNotFoundError:
        return
    unpacking = zlib.decompressobj(wbits=31)
    with suppress(zlib.error):
        yield from unpacking.decompress(packed, _LONGEST).split(b"\n")[:-1]


def delete_oldest(folder: Path, names: Iterable[str], largest: int) -> None:
    """Delete the oldest files, packed or not (``names``), so that all have ``largest`` bytes at most."""
    paths = [_packed(folder, each) for each in packed_names(folder)]
    paths += [folder / each for each in names]
    left = largest
    for path in reversed(paths):
        with suppress(OSError):  # e.g. open elsewhere, on Windows; the next time, then
            left -= path.lstat().st_size
            if left < 0:
                path.unlink()


def _packed(folder: Path, name: str) -> Path:
    return folder / _FOLDER / f"{name}.gz"
