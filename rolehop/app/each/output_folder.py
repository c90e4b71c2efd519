"""A folder for each target: its command's stdout and stderr, and what became of it."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from rolehop.digest import digest_of
from rolehop.errors import RolehopError, UsageError
from rolehop.files import make_private_folder, write_beside
from rolehop.files.access import distrust_of_folder
from rolehop.show.running.table import no_output, result_document
from rolehop.startup.lazy_regex import Pattern

if TYPE_CHECKING:
    from rolehop.app.each.targets import RunTarget, Shard
    from rolehop.show.running.rows import TargetRow

STDOUT, STDERR, RESULT, RUN = "stdout", "stderr", "result.json", "run.json"

_UNSAFE = Pattern(r"[^A-Za-z0-9_.@+-]|^\.")
_TAKEN = Pattern(
    r"(?i)stdout|stderr|(?:result|run)\.json|(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?"
)
_LONGEST_NAME = 100  # characters; file systems take 255 bytes
_UNFOLLOWED = getattr(os, "O_NOFOLLOW", 0)


def folder_name(chain: str, region: str | None = None) -> str:
    """Return the relative path of a target's folder: ``prod/web`` or ``prod/web/eu-west-1``.

    Whatever the names are, it leads nowhere else: other characters than those of chains' names
    are written as ``%41``.
    """
    parts = [*chain.split("/"), *([region] if region else [])]
    return "/".join(map(_safe_part, parts))


def _safe_part(name: str) -> str:
    safe = _UNSAFE.sub(lambda found: _escaped(found[0]), name) or "%"
    if _TAKEN.fullmatch(safe):
        safe = _escaped(safe[0]) + safe[1:]
    return safe if len(safe) <= _LONGEST_NAME else f"{safe[:_LONGEST_NAME]}~{_short_digest(name)}"


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def _short_digest(name: str) -> str:
    return digest_of(name)[:8]


class OutputFolder:
    """The folder that ``--output`` names, and one in it for each target."""

    def __init__(self, root: Path, targets: Sequence[RunTarget]) -> None:
        """Create it.

        Raises:
            UsageError: it cannot be created, or others could change what is in it.
        """
        self._root = root
        names = {each.name: folder_name(each.chain, each.region) for each in targets}
        # Some file systems take two names that differ only by case for one.
        folded = Counter(name.casefold() for name in names.values())
        self._names = {
            each: f"{name}~{_short_digest(each)}" if folded[name.casefold()] > 1 else name
            for each, name in names.items()
        }
        problem = _problem_of(root)
        if problem is not None:
            fix = "name a folder that only you can write"
            raise UsageError(f"{root} cannot take the output", cause=problem, fix=fix)

    def describe(
        self, whole: Sequence[RunTarget], own: Sequence[RunTarget], shard: Shard | None
    ) -> None:
        """Write which targets belong to the run, for a report: also one that never begins is missed.

        ``whole`` are those of all shards, ``own`` those of this one.

        Raises:
            RolehopError: that is not possible.
        """
        document = {
            "schema": "rolehop.each-run/1",
            "shard": None if shard is None else str(shard),
            "whole": digest_of([each.name for each in whole]),
            "targets": [
                {"target": each.name, "chain": each.chain, "region": each.region} for each in own
            ],
        }
        try:
            write_beside(self._root / RUN, json.dumps(document, indent=2) + "\n", lasting=False)
        except OSError as error:
            raise _not_written(self._root, error) from None

    def output(self, target: RunTarget) -> FolderOutput:
        """Return where the output of a target goes.

        Raises:
            RolehopError: its files cannot be written.
        """
        folder = self._root / self._names[target.name]
        try:
            self._make(folder)
            return FolderOutput(folder)
        except OSError as error:
            raise _not_written(folder, error) from None

    def store(self, target: RunTarget, row: TargetRow) -> None:
        """Write what became of a target.

        Raises:
            RolehopError: that is not possible.
        """
        name = self._names[target.name]
        document = result_document(row, no_output(folder=name))
        try:
            self._make(self._root / name)
            text = json.dumps(document, indent=2) + "\n"
            write_beside(self._root / name / RESULT, text, lasting=False)
        except OSError as error:
            raise _not_written(self._root / name, error) from None

    def name_of(self, target: str) -> str:
        """Return the relative path of the folder of the target of that name."""
        return self._names[target]

    def _make(self, folder: Path) -> None:
        """Create a target's folder; no link leads out of the root."""
        make_private_folder(folder)
        while folder != self._root:
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise NotADirectoryError(
                    errno.ENOTDIR, "a link is in the place of a folder", str(folder)
                )
            folder = folder.parent


def _problem_of(root: Path) -> str | None:
    """Create the folder; return why output must not go there."""
    try:
        make_private_folder(root)
        found = distrust_of_folder(root)
    except OSError as error:
        return error.strerror or str(error)
    if not root.is_dir():
        return "it is no folder"
    return None if found is None else str(found)


def _not_written(folder: Path, error: OSError) -> RolehopError:
    return RolehopError(
        f"{folder} cannot be written",
        cause=error.strerror or str(error),
        fix="check whether its disk has room, and whose it is",
    )


class FolderOutput:
    """Implements ``outputs.CommandOutput`` with the files of one folder."""

    def __init__(self, folder: Path) -> None:
        """Empty the files.

        Raises:
            OSError: one cannot be opened, or is a link.
        """
        (folder / RESULT).unlink(missing_ok=True)  # what an earlier run said of them
        with ExitStack() as stack:
            self.stdout: IO[bytes] = stack.enter_context(_opened(folder / STDOUT))
            self.stderr: IO[bytes] = stack.enter_context(_opened(folder / STDERR))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def finish(self) -> None:
        """Do nothing: all is in the files."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def _opened(path: Path) -> IO[bytes]:
    return open(path, "wb", buffering=0, opener=_opener)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _UNFOLLOWED, 0o600)
