"""The way down to a file: each folder and link on it, opened one in another, so that none can be swapped.

Not used on Windows.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

from rolehop.base.dataclass import dataclass

_MOST_LINKS = 40  # as Linux (path_resolution(7))

# Without O_NONBLOCK, opening a pipe waits for a writer.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FILE = _READ | getattr(os, "O_NOCTTY", 0)
_FOLDER = _READ | getattr(os, "O_DIRECTORY", 0)

# What opens a folder that may be passed through and not be read (Linux, FreeBSD).
_PATH = getattr(os, "O_PATH", 0)


_LINK_FOR_FILE = (errno.ELOOP, errno.EMLINK)  # the latter is FreeBSD's
_LINK_FOR_FOLDER = (*_LINK_FOR_FILE, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class Step:
    """A folder or link on the way, or what the way leads to."""

    path: Path
    """Without links and ``..``."""

    found: os.stat_result | None
    """``None``: there is nothing; then it is the last step."""

    file: int | None = None
    """Its descriptor, open until the next step is asked for; ``None`` for a link."""

    is_last: bool = False


def descend(
    path: Path, homes: Sequence[Path] = (), *, reads: bool = False, follow: bool = True
) -> Generator[Step]:
    """Go down to ``path`` from the root, or from the first of ``homes`` if it is in one of them.

    ``homes`` are names of one folder, the first one without links. A link is a step of its own, as
    are the folders on the way to its target. What was judged by a step's descriptor is what the
    next one is opened in.

    Raises:
        OSError: a folder may not be passed through, there are too many links; ``reads``, and what
            the way leads to cannot be read; not ``follow``, and it is a link. Its ``filename`` is
            the step.
    """
    way = _Way(path, homes, reads=reads, follow=follow)
    try:
        yield way.begin()
        while way.names:
            yield from way.go_on()
    finally:
        way.leave()


class _Way:
    """Where `descend` is."""

    def __init__(self, path: Path, homes: Sequence[Path], *, reads: bool, follow: bool) -> None:
        self._homes, self._reads, self._follows = homes, reads, follow
        self._current, self.names = self._beginning(path.absolute())
        self._folder: int | None = None
        self._links = 0

    def begin(self) -> Step:
        """Open the folder where the way begins."""
        try:
            return self._enter(self._open(str(self._current)), self._current)
        except FileNotFoundError:
            return self._absent(self._current)

    def go_on(self) -> Generator[Step]:
        """Open what is next on the way."""
        name = self.names.pop()
        step = self._current.parent if name == ".." else self._current / name
        try:
            below = self._open(name)
        except FileNotFoundError:
            yield self._absent(step)
        except OSError as error:
            yield from self._follow(name, step, error)
        else:
            yield self._enter(below, step)

    def leave(self) -> None:
        """Close what is open."""
        if self._folder is not None:
            os.close(self._folder)
        self._folder = None

    def _enter(self, folder: int, path: Path) -> Step:
        self.leave()
        self._folder, self._current = folder, path
        return Step(path, os.fstat(folder), folder, is_last=not self.names)

    def _absent(self, path: Path) -> Step:
        self.names = []
        return Step(path, None, is_last=True)

    def _open(self, name: str) -> int:
        flags = _FOLDER if self.names else _FILE
        try:
            return os.open(name, flags, dir_fd=self._folder)
        except PermissionError:
            if not _PATH or (self._reads and not self.names):
                raise
            return os.open(name, flags & ~os.O_NONBLOCK | _PATH, dir_fd=self._folder)

    def _follow(self, name: str, step: Path, error: OSError) -> Generator[Step]:
        """Follow the link for which ``error`` was raised; raise that if there is none."""
        if error.errno not in (_LINK_FOR_FOLDER if self.names else _LINK_FOR_FILE):
            raise _named(error, step)
        self._links += 1
        if self._links > _MOST_LINKS or not (self.names or self._follows):
            said = "too many symbolic links" if self._follows else "it is a symbolic link"
            raise OSError(errno.ELOOP, said, str(step))
        found = target = None
        with suppress(OSError):  # it is not there any more, or no link
            # In this order: nobody else can replace a link that is not theirs in a judged folder.
            found = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            target = Path(os.readlink(name, dir_fd=self._folder))
        if target is not None:
            yield Step(step, found)
            yield from self._go_to(target)
        elif found is not None and self.names and not stat.S_ISDIR(found.st_mode):
            raise _named(error, step)
        else:
            self.names.append(name)  # something else took its place: once again

    def _go_to(self, target: Path) -> Generator[Step]:
        if target.is_absolute():
            self._current, more = self._beginning(target)
            self.names += more
            yield self.begin()
        else:
            self.names += _reversed(target) or ["."]

    def _beginning(self, path: Path) -> tuple[Path, list[str]]:
        """Return where to begin, and the names from there, the last one first."""
        for home in self._homes:
            if path.is_relative_to(home) and ".." not in path.parts:
                return self._homes[0], _reversed(path.relative_to(home))
        return Path(path.anchor), _reversed(path.relative_to(path.anchor))


def _reversed(path: Path) -> list[str]:
    return list(reversed(path.parts))


def _named(error: OSError, step: Path) -> OSError:
    error.filename = str(step)
    return error
