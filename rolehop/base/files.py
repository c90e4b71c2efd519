"""Reading files that must be trustworthy, and writing files that are whole or absent."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from rolehop.base.dataclass import dataclass
from rolehop.base.file_access import Distrust, distrust_of, is_own, open_judged, share_as
from rolehop.base.startup import Pattern

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_UNFINISHED_SECONDS = 600
_HEX = frozenset("0123456789abcdef")
_swept: set[Path] = set()


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of one file, and why it must not be trusted, if so."""

    path: str
    text: str
    distrust: Distrust | None = None
    """Why it must not be followed; ``None`` if it may be."""


def expand_home(text: str, home: Path) -> Path:
    """Return a path that a person typed, with ``~`` as ``home`` and ``~user`` as the system says."""
    if text == "~" or text.startswith("~/"):
        return Path(f"{home}{text[1:]}")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)


def read_trusted(path: Path, longest: int | None = None) -> FileText | None:
    """Read a UTF-8 file and judge whether others could have put it there, as `open_judged` does.

    ``None``: there is no such file.

    Raises:
        NotRegular: it is a pipe or a device, which could hang or never end.
        OSError: it is there and cannot be read, or has more than ``longest`` bytes.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        with _open_judged(path) as (file, distrust):
            data = file.read() if longest is None else _read_whole(file, longest)
            return FileText(str(path), data.decode("utf-8"), distrust)
    except (FileNotFoundError, NotADirectoryError):
        return None


class Untrusted(OSError):
    """Others could have put there what decides who the user is at AWS, or what a session may do.

    Attributes:
        fix: what to do.
    """

    def __init__(self, path: Path, distrust: Distrust) -> None:
        """Say why."""
        super().__init__(errno.EPERM, str(distrust), str(path))
        self.fix = distrust.advice(str(path))


def read_deciding(path: Path, longest: int, *, pipes: bool = False) -> bytes:
    """Return the bytes of a file that decides who the user is at AWS, or what a session may do.

    It is judged as `open_judged` does. What whoever started this process has opened for it, like
    ``/dev/stdin`` or ``/dev/fd/63``, is not judged, and may be a pipe if ``pipes``.

    Raises:
        Untrusted: others could have put it there.
        NotRegular: it is a pipe or a device.
        OSError: it is not there, cannot be read, or has more than ``longest`` bytes. Its
            ``strerror`` may be shown.
    """
    if _INHERITED.fullmatch(str(path)):
        if pipes:
            with path.open("rb") as pipe:
                return _read_whole(pipe, longest)
        return read_regular(path, longest)
    with _open_judged(path) as (file, distrust):
        if distrust is not None:
            raise Untrusted(path, distrust)
        return _read_whole(file, longest)


_INHERITED = Pattern(r"/dev/stdin|/dev/fd/[0-9]+|/proc/self/fd/[0-9]+")


class NotRegular(OSError):
    """There is something at the path, but no regular file: reading it may never end."""


def read_own(path: Path, longest: int) -> bytes:
    """Return the bytes of a file that this user wrote and nobody else can write.

    No link is followed, and a file with a second name is refused: it may be known under the other
    one to somebody else.

    Raises:
        NotRegular: it is a link, a pipe or a device, or has several names.
        OSError: it is not there, cannot be read, has more than ``longest`` bytes, belongs to
            another user or can be written by one.
    """
    # Without a buffer, which takes more system calls than the file.
    with open(path, "rb", buffering=0, opener=_own_opener) as file:
        found = os.fstat(file.fileno())
        _check_own(found)
        return _read_unbuffered(file, found.st_size, longest)


@contextmanager
def open_own_log(path: Path) -> Iterator[BinaryIO]:
    """Open a file that grows at its end, for reading and appending; a new one has mode 0600.

    Whatever is written goes to the end of the file at once. No link is followed.

    Raises:
        NotRegular: it is a link, a pipe or a device, or has several names.
        OSError: it cannot be opened, belongs to another user or can be written by one.
    """
    with _in_private_folder(path, lambda: open(path, "a+b", 0, opener=_own_log_opener)) as file:
        _check_own(os.fstat(file.fileno()))
        yield file


def append_line(path: Path, line: str) -> None:
    """Write ``line`` at the end of a file that others write, too: nothing of theirs is lost.

    A new file has mode 0644. No link is followed.

    Raises:
        NotRegular: it is a pipe or a device.
        OSError: it must not be trusted, then it is as it was; or it cannot be written. Of a line that
            the disk has no room for, the beginning may be left: nothing is cut off, since another
            process may have added to the file in the meantime.
    """
    with open(path, "a+b", buffering=0, opener=_appended_opener) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise NotRegular(errno.EINVAL, _no_regular_file(found.st_mode))
        distrust = distrust_of(file.fileno(), path)
        if distrust is not None:
            raise OSError(errno.EPERM, distrust.reason)
        file.seek(max(found.st_size - 1, 0))
        end = "" if file.read(1) in (b"", b"\n") else "\n"
        text = f"{end}{line}\n".encode()
        if file.write(text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def open_emptied(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, without a buffer, and empty it; a new one has mode 0600.

    Raises:
        NotRegular: it is a pipe or a device, or has several names; it stays as it is.
        OSError: it cannot be opened, or is a link.
    """
    with open(path, "r+b", buffering=0, opener=_emptied_opener) as file:
        _check_plain(os.fstat(file.fileno()))
        file.truncate(0)
        yield file


def _check_own(found: os.stat_result) -> None:
    """Raise OSError unless it is a regular file under one name that only this user can write."""
    _check_plain(found)
    if not is_own(found):
        raise OSError(errno.EPERM, "another user could have written it")


def _check_plain(found: os.stat_result) -> None:
    """Raise NotRegular unless it is a regular file under one name."""
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise NotRegular(errno.EINVAL, "it is not a plain file")


def _read_whole(file: BinaryIO, longest: int) -> bytes:
    """Return all bytes of ``file``; raise OSError if there are more than ``longest``."""
    data = file.read(longest + 1)
    if len(data) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes")
    return data


def _read_unbuffered(file: BinaryIO, size: int, longest: int) -> bytes:
    """Do the same for a file without a buffer, which had ``size`` bytes when it was opened."""
    data = file.read(min(size, longest) + 1)
    while len(data) != size:  # it changes, or a read was cut short
        more = file.read(longest + 1 - len(data))
        if not more:
            break
        data += more
    if len(data) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes")
    return data


def write_all(file: BinaryIO, data: bytes | bytearray) -> None:
    """Write all of ``data`` to a file without a buffer.

    Raises:
        OSError: it could not be written, or only a part of it.
    """
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def read_trusted_plain(path: Path, longest: int) -> tuple[bytes, Distrust | None]:
    """Return the bytes of a plain file, and why they must not be followed, as `open_judged` says.

    The file may not be a link, and one with a second name is refused.

    Raises:
        NotRegular: it is a pipe or a device, or has several names.
        OSError: it is not there, is a link, cannot be read, or has more than ``longest`` bytes.
    """
    with _open_judged(path, follow=False) as (file, distrust):
        _check_plain(os.fstat(file.fileno()))
        return _read_whole(file, longest), distrust


@contextmanager
def _open_judged(path: Path, *, follow: bool = True) -> Iterator[tuple[BinaryIO, Distrust | None]]:
    _check_name(path)
    number, distrust = open_judged(path, follow=follow)
    with _regular(number, path) as file:
        yield file, distrust


def read_regular(path: Path, longest: int) -> bytes:
    """Return the bytes of a regular file, whoever wrote it; anything else is refused without waiting.

    For what decides neither who the user is at AWS nor what a session may do. The check is made on
    the open file, so it cannot be replaced in between.

    Raises:
        NotRegular: it is a pipe or a device.
        OSError: it is not there, cannot be read, or has more than ``longest`` bytes. Its
            ``strerror`` may be shown.
    """
    with open_regular(path) as file:
        return _read_whole(file, longest)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, as `read_regular` does, which says what is raised."""
    _check_name(path)
    return _regular(os.open(path, os.O_RDONLY | _UNWAITING), path)


def _regular(number: int, path: Path) -> BinaryIO:
    """Return the file of a descriptor, which is closed with it; raise OSError if it is not regular."""
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return open(number, "rb")
    os.close(number)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise NotRegular(errno.EINVAL, _no_regular_file(mode))


def _check_name(path: Path) -> None:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, "the encoding of this locale lacks its name") from None


def endless(path: str) -> str | None:
    """Return why a library must not open ``path``: a pipe or a device may never end.

    ``None`` for anything else, also if nothing is there.
    """
    mode = _mode(path)
    return (
        None if mode is None or stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _no_regular_file(mode)
    )


def _no_regular_file(mode: int) -> str:
    return f"it is a {'pipe' if stat.S_ISFIFO(mode) else 'device'}, not a regular file"


def write_beside(
    path: Path,
    text: str | bytes,
    *,
    lasting: bool = True,
    mode: int = PRIVATE_FILE,
    sweep: bool = True,
    place: Callable[[Path, Path], object] | None = None,
) -> None:
    """Write ``text``, as UTF-8, whole or not at all, mode 0600 unless the file's owner chose another.

    With another ``mode`` the old file's group and access list stay as well.

    The text goes into a new file in the same folder, is flushed to the disk, and replaces the old
    file in one rename. A file that may be lost in a power cut is not ``lasting`` and not flushed:
    on the way to a cached session that would be the longest wait.

    A symbolic link is replaced and never followed: its target may be anybody's. A caller that
    means the file behind a link resolves the path first. `put_new` as ``place`` replaces
    nothing, and raises FileExistsError.

    What processes that were killed in here left of the same file is deleted, once in each process,
    unless ``sweep`` is false: for one of many files in a folder that is swept as a whole.
    """
    data = text.encode() if isinstance(text, str) else text
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with _in_private_folder(
            beside, lambda: open(beside, "xb", 0, opener=_private_opener)
        ) as file:
            write_all(file, data)
            if lasting:
                os.fsync(file.fileno())
        if mode != PRIVATE_FILE:
            share_as(beside, path, mode)
        (place or _replace)(beside, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
            error.filename = str(path)
        beside.unlink(missing_ok=True)
        raise
    if sweep and path not in _swept:
        _swept.add(path)
        sweep_unfinished(path.parent, path.name)


def _replace(beside: Path, path: Path) -> None:
    """Rename ``beside`` to ``path``; Windows refuses as long as somebody has the old file open."""
    until = time.monotonic() + _OPEN_SECONDS
    while True:
        try:
            beside.replace(path)
            return
        except PermissionError:
            if time.monotonic() >= until:
                raise
        time.sleep(_OPEN_PAUSE)


_OPEN_SECONDS = 1.0 if sys.platform == "win32" else 0.0
_OPEN_PAUSE = 0.02


def sweep_unfinished(
    folder: Path, name: str | None = None, seconds: int = _UNFINISHED_SECONDS
) -> None:
    """Delete what killed processes left in ``folder`` of the file ``name``, or of every file.

    Whether a process still lives cannot be seen from another container: what has not been written
    to for ``seconds`` counts as left. Failing to is harmless.
    """
    oldest = time.time() - seconds
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            if _is_unfinished(each.name, name):
                found = each.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and is_own(found) and found.st_mtime <= oldest:
                    Path(each.path).unlink()


def _is_unfinished(found: str, name: str | None) -> bool:
    """True if a file of this name is one that `write_beside` has not renamed, for file ``name``."""
    start, *end = found.rsplit(".", 2)
    return (
        len(end) == 2
        and end[0].isdecimal()
        and len(end[1]) == 8
        and set(end[1]) <= _HEX
        and (start == f".{name}" if name is not None else start.startswith("."))
    )


def is_there(path: Path | str) -> bool:
    """True if something is at ``path``, a link followed; a path that cannot be is nothing.

    ``Path.exists`` raises if a name is too long or a folder above may not be searched.
    """
    return _mode(path) is not None


def is_plain_file(path: Path | str) -> bool:
    """True if a regular file is at ``path``, a link followed; never raises, as `is_there`."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_no_folder(path: Path | str) -> bool:
    """True if something else than a folder is at ``path``, a link followed; as `is_there`."""
    mode = _mode(path)
    return mode is not None and not stat.S_ISDIR(mode)


def _mode(path: Path | str) -> int | None:
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):
        return None


def entries_of(folder: Path) -> list[Path]:
    """Return what is in a folder, by name; nothing if a link is in its place, or if it is not there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return sorted(folder.iterdir()) if stat.S_ISDIR(folder.lstat().st_mode) else []
    except FileNotFoundError:
        return []


def mode_of(path: Path) -> int:
    """Return the mode of a file, or that of a new one."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return PRIVATE_FILE


def _in_private_folder(path: Path, open_it: Callable[[], BinaryIO]) -> BinaryIO:
    """Open a file; its folder is made only if it is not there, as it usually is."""
    try:
        return open_it()
    except (FileNotFoundError, NotADirectoryError):
        make_private_folder(path.parent)
        return open_it()


def make_private_folder(folder: Path) -> None:
    """Create ``folder`` and its parents; new ones are for the user alone (0700)."""
    missing = takewhile(lambda each: not each.exists(), (folder, *folder.parents))
    for parent in reversed([*missing]):
        parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


if sys.platform == "win32":  # it has no pipes among its files, and text that is not its bytes
    _UNWAITING = os.O_BINARY | os.O_NOINHERIT
    UNFOLLOWING = _UNWAITING
else:  # without O_NONBLOCK, opening a pipe waits for a writer
    _UNWAITING = os.O_NONBLOCK | os.O_NOCTTY
    UNFOLLOWING = _UNWAITING | os.O_NOFOLLOW
"""What any file is opened with here, besides how: no link is followed, and nothing is waited for."""


def _own_opener(path: str, flags: int) -> int:
    return os.open(path, flags | UNFOLLOWING)


def _own_log_opener(path: str, flags: int) -> int:
    return os.open(path, flags | UNFOLLOWING, PRIVATE_FILE)


def _appended_opener(path: str, flags: int) -> int:
    return os.open(path, flags | UNFOLLOWING, 0o644)


def _emptied_opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | UNFOLLOWING, PRIVATE_FILE)


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


def put_new(beside: Path, path: Path) -> None:
    """Rename ``beside`` to ``path``: of several processes that do so at once, one succeeds.

    Raises:
        FileExistsError: something is at ``path``, be it a link that leads nowhere.
        OSError: it cannot be renamed.
    """
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        path.open("xb").close()
        beside.replace(path)
    else:
        beside.unlink()
