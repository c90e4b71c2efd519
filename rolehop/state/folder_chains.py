"""The chain of a folder: a file ``.rolehop`` that names it, and which of these a person confirmed.

A file that somebody put there must not choose a role: it is followed after a question, and asked
about again once its content is another one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from rolehop.files import read_trusted_plain, write_beside
from rolehop.startup.dataclass import dataclass
from rolehop.state.json_file import UNUSABLE, load_object

NAME = ".rolehop"
_LONGEST = 1_000  # bytes
_MOST = 500  # folders that are remembered
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FolderChain:
    """A file that names the chain of its folder and of those below."""

    path: Path
    chain: str

    @property
    def digest(self) -> str:
        """What is remembered of its content."""
        return sha256(self.chain.encode()).hexdigest()


def find_folder_chain(folder: Path, home: Path) -> FolderChain | None:
    """Return the nearest file from ``folder`` up to ``home``; outside of it, only that in ``folder``.

    Raises:
        OSError: it is there and is not to be followed; its ``strerror`` says why.
        ValueError: it is not one line with a name.
    """
    for each in _upward(folder, home):
        path = each / NAME
        if os.path.lexists(path):
            return FolderChain(path, _read(path))
    return None


def _upward(folder: Path, home: Path) -> Iterator[Path]:
    yield folder
    if home in folder.parents:
        for above in folder.parents:
            yield above
            if above == home:
                return


def _read(path: Path) -> str:
    text, distrust = read_trusted_plain(path, _LONGEST)
    if distrust is not None:
        raise OSError(1, str(distrust))
    try:
        (line,) = text.decode("utf-8").splitlines()
    except ValueError:  # no text, or no line, or several
        line = ""
    if not line.strip() or not line.isprintable():
        raise ValueError("it must be one line, the name of a chain, and nothing else")
    return line.strip()


def is_confirmed(state_folder: Path, found: FolderChain) -> bool:
    """True if a person said that this file, with this content, may be followed."""
    return _confirmed(state_folder).get(str(found.path)) == found.digest


def remember_confirmed(state_folder: Path, found: FolderChain) -> None:
    """Remember that a person said so.

    Raises:
        OSError: it cannot be written.
    """
    known = _confirmed(state_folder)
    known.pop(str(found.path), None)
    kept = list(known.items())[-_MOST + 1 :]
    document = {"schema": _SCHEMA, "folders": dict([*kept, (str(found.path), found.digest)])}
    write_beside(state_folder / "folders.json", json.dumps(document) + "\n")


def _confirmed(state_folder: Path) -> dict[str, str]:
    try:
        stored = load_object(state_folder / "folders.json")
        if stored["schema"] != _SCHEMA:
            return {}
        return {str(path): str(digest) for path, digest in stored["folders"].items()}
    except (OSError, *UNUSABLE):
        return {}
