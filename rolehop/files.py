"""Reading files that must be trustworthy, and writing files that are whole or absent."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from rolehop.startup.dataclass import dataclass

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of one file, and why it must not be followed, where that is so."""

    path: str
    text: str
    distrust: str | None = None
    """E.g. "others can write it"; ``None`` where the file may be trusted."""


def read_trusted(path: Path) -> FileText | None:
    """Read a UTF-8 file and judge by owner and mode whether it may be followed.

    The judgement is made on the open file, so it cannot be swapped in between. ``None``: there
    is no such file.

    Raises:
        OSError: it is there and cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            return FileText(
                str(path), file.read().decode("utf-8"), _distrust(os.fstat(file.fileno()))
            )
    except (FileNotFoundError, NotADirectoryError):
        return None


class NotRegular(OSError):
    """There is something at the path, and no regular file: reading it may wait for ever."""


def read_regular(path: Path, longest: int) -> bytes:
    """Return the bytes of a regular file; nothing else is read, and nobody is waited for.

    The kind is judged on the open file, so it cannot be swapped in between.

    Raises:
        NotRegular: it is a pipe or a device.
        OSError: it is not there, cannot be read, or has more than ``longest`` bytes. What
            ``strerror`` says of either may be shown.
    """
    with open(path, "rb", opener=_unwaiting_opener) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            what = "it is a pipe" if stat.S_ISFIFO(mode) else "it is a device"
            raise NotRegular(errno.EINVAL, f"{what}, and no regular file")
        data = file.read(longest + 1)
    if len(data) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes")
    return data


def write_beside(path: Path, text: str, *, lasting: bool = True, mode: int = PRIVATE_FILE) -> None:
    """Write ``text`` whole or not at all, mode 0600 unless the file's owner chose another.

    The text goes into a new file in the same folder, is flushed to the disk, and takes the place
    of the old file in one rename. Hints that a power cut may take are not ``lasting`` and not
    flushed: on the way to a cached session that would be the longest wait.

    A symbolic link is replaced and never followed: what it points to may be anybody's. Who means
    the file behind a link resolves the path first.
    """
    make_private_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(beside, "x", encoding="utf-8", newline="\n", opener=_private_opener) as file:
            file.write(text)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        if mode != PRIVATE_FILE:
            beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` and its parents; what is made new is for the user alone (0700)."""
    missing = [folder, *folder.parents]
    for parent in reversed([each for each in missing if not each.exists()]):
        parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def _unwaiting_opener(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe waits for who writes it. Windows has no such files.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


if sys.platform == "win32":

    def _distrust(status: os.stat_result) -> str | None:
        # Access lists, not modes, rule there; the profile folder's own list keeps others out.
        return None

else:
    import grp
    import pwd

    def _distrust(status: os.stat_result) -> str | None:
        user = os.geteuid()
        if status.st_uid not in (user, 0):
            return f"it belongs to {_user_name(status.st_uid)}, neither to you nor to root"
        if status.st_mode & stat.S_IWOTH:
            return "everybody on this machine can write it (chmod o-w)"
        if status.st_mode & stat.S_IWGRP and not _is_private_group(status.st_gid, status.st_uid):
            return f"group {_group_name(status.st_gid)} can write it (chmod g-w)"
        return None

    def _is_private_group(gid: int, owner: int) -> bool:
        """Tell whether the group has nobody but the owner: same name, no other members."""
        try:
            group, user = grp.getgrgid(gid), pwd.getpwuid(owner)
        except KeyError:
            return False
        return (
            group.gr_name == user.pw_name
            and gid == user.pw_gid
            and all(member == user.pw_name for member in group.gr_mem)
        )

    def _user_name(uid: int) -> str:
        return _name(lambda: pwd.getpwuid(uid).pw_name, uid)

    def _group_name(gid: int) -> str:
        return _name(lambda: grp.getgrgid(gid).gr_name, gid)

    def _name(look_up: Callable[[], str], number: int) -> str:
        try:
            return look_up()
        except KeyError:
            return f"number {number}"
