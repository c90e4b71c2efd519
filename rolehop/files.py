"""Reading files that must be trustworthy, and writing files that are whole or absent."""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rolehop.startup.dataclass import dataclass

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of one file, and why it must not be trusted, if so."""

    path: str
    text: str
    distrust: str | None = None
    """E.g. "others can write it"; ``None`` if the file may be trusted."""


def read_trusted(path: Path) -> FileText | None:
    """Read a UTF-8 file and check by owner and mode whether it may be trusted.

    The check is made on the open file, so it cannot be replaced in between. ``None``: there is no
    such file.

    Raises:
        NotRegular: it is a pipe or a device, which could hang or never end.
        OSError: it is there and cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        with _open_regular(path) as file:
            return FileText(str(path), file.read().decode("utf-8"), _distrust(file.fileno()))
    except (FileNotFoundError, NotADirectoryError):
        return None


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
    with open(path, "rb", opener=_own_opener) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise NotRegular(errno.EINVAL, "it is not a plain file")
        if not _is_own(found):
            raise OSError(errno.EPERM, "another user could have written it")
        data = file.read(longest + 1)
    if len(data) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes")
    return data


def read_regular(path: Path, longest: int) -> bytes:
    """Return the bytes of a regular file; anything else is refused without waiting.

    The check is made on the open file, so it cannot be replaced in between.

    Raises:
        NotRegular: it is a pipe or a device.
        OSError: it is not there, cannot be read, or has more than ``longest`` bytes. Its
            ``strerror`` may be shown.
    """
    with _open_regular(path) as file:
        data = file.read(longest + 1)
    if len(data) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes")
    return data


@contextmanager
def _open_regular(path: Path) -> Iterator[BinaryIO]:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, "the encoding of this locale lacks its name") from None
    with open(path, "rb", opener=_unwaiting_opener) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            what = "it is a pipe" if stat.S_ISFIFO(mode) else "it is a device"
            raise NotRegular(errno.EINVAL, f"{what}, and no regular file")
        yield file


def write_beside(path: Path, text: str, *, lasting: bool = True, mode: int = PRIVATE_FILE) -> None:
    """Write ``text`` whole or not at all, mode 0600 unless the file's owner chose another.

    The text goes into a new file in the same folder, is flushed to the disk, and replaces the old
    file in one rename. A file that may be lost in a power cut is not ``lasting`` and not flushed:
    on the way to a cached session that would be the longest wait.

    A symbolic link is replaced and never followed: its target may be anybody's. A caller that
    means the file behind a link resolves the path first.
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
    """Create ``folder`` and its parents; new ones are for the user alone (0700)."""
    missing = [folder, *folder.parents]
    for parent in reversed([each for each in missing if not each.exists()]):
        parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def _unwaiting_opener(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe waits for a writer. Windows has no such files.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _own_opener(path: str, flags: int) -> int:
    return _unwaiting_opener(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


if sys.platform == "win32":

    def folder_problem(folder: Path, home: Path) -> str | None:
        """``None``: access lists rule there, and the user profile's own keeps others out."""
        return None

    def _distrust(file: int) -> str | None:
        return None

    def _is_own(found: os.stat_result) -> bool:
        return True

else:
    import grp
    import pwd

    def folder_problem(folder: Path, home: Path) -> str | None:
        """Return why state must not be kept in ``folder``; ``None``: no other user can change it.

        It has to belong to the effective user, and no other user may write it. Above it, up to the
        home folder or the root, a folder may also be root's, and one that everybody can write must
        have the sticky bit (like /tmp), which keeps others from renaming what is not theirs. A
        folder that does not exist yet is judged by those above it. If links lead to it, both ways
        are judged.
        """
        problem = _path_problem(folder, home)
        real = Path(os.path.realpath(folder))
        if problem is None and real != folder:
            problem = _path_problem(real, Path(os.path.realpath(home)))
        return problem

    def _path_problem(folder: Path, home: Path) -> str | None:
        for each in (folder, *folder.parents):
            try:
                found = each.stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                return f"{each} cannot be looked at: {error.strerror}"
            problem = _folder_problem(each, found, is_state=each == folder)
            if problem is not None:
                return problem
            if each == home:
                break
        return None

    def _folder_problem(folder: Path, found: os.stat_result, *, is_state: bool) -> str | None:
        if not stat.S_ISDIR(found.st_mode):
            return f"{folder} is not a folder"
        user = os.geteuid()
        owners = (user,) if is_state else (user, 0)
        if found.st_uid not in owners:
            you = _user_name(user)
            return f"{folder} belongs to {_user_name(found.st_uid)}, and you are {you}"
        if found.st_mode & stat.S_ISVTX and not is_state:
            return None
        writer = _other_writer(found, _acl_of(folder))
        return None if writer is None else f"{folder}: {writer}{_drvfs_hint(folder)}"

    def _drvfs_hint(folder: Path) -> str:
        """Windows drives show everything as 0777 in WSL, unless mounted with metadata."""
        if not str(folder).startswith("/mnt/"):
            return ""
        return '; in WSL mount Windows drives with options = "metadata" (/etc/wsl.conf)'

    def _is_own(found: os.stat_result) -> bool:
        writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return found.st_uid == os.geteuid() and not writable

    def _distrust(file: int) -> str | None:
        found = os.fstat(file)
        if found.st_uid not in (os.geteuid(), 0):
            return f"it belongs to {_user_name(found.st_uid)}, neither to you nor to root"
        return _other_writer(found, _acl_of(file))

    def _other_writer(found: os.stat_result, acl: bytes) -> str | None:
        """Return who may write besides owner and root, with the command that changes it."""
        if found.st_mode & stat.S_IWOTH:
            return "everybody on this machine can write it (chmod o-w)"
        if not found.st_mode & stat.S_IWGRP:  # with an ACL these bits are its mask
            return None
        if not acl:
            if _is_private_group(found.st_gid, found.st_uid):
                return None
            return f"group {_group_name(found.st_gid)} can write it (chmod g-w)"
        writer = next(_acl_writers(acl, found), None)
        return None if writer is None else f"{writer} can write it (setfacl --remove-all)"

    def _acl_of(path: Path | int) -> bytes:
        """Return the POSIX ACL in the kernel's format; empty if there is none."""
        if sys.platform != "linux":
            return b""
        try:
            return os.getxattr(path, "system.posix_acl_access")
        except OSError:
            return b""

    def _acl_writers(acl: bytes, found: os.stat_result) -> Iterator[str]:
        """Name each user and group that an ACL lets write.

        The format is a 4-byte version, then entries of tag, permissions and ID
        (linux/posix_acl_xattr.h). Named entries and the owning group's are limited by the mask,
        whose write bit is known to be set.
        """
        for tag, permissions, number in struct.iter_unpack("<HHI", acl[4:]):
            if not permissions & 2:
                continue
            if tag == 0x02 and number not in (0, found.st_uid, os.geteuid()):
                yield f"user {_user_name(number)}"
            group = found.st_gid if tag == 0x04 else number
            if tag in (0x04, 0x08) and not _is_private_group(group, found.st_uid):
                yield f"group {_group_name(group)}"

    def _is_private_group(gid: int, owner: int) -> bool:
        """True if ``owner`` is the group's only member, and its name is the owner's.

        A user whose *primary* group it is does not appear among its members.
        """
        try:
            group, user = grp.getgrgid(gid), pwd.getpwuid(owner)
        except KeyError:
            return False
        return (
            group.gr_name == user.pw_name
            and gid == user.pw_gid
            and all(member == user.pw_name for member in group.gr_mem)
            and all(each.pw_uid == owner for each in pwd.getpwall() if each.pw_gid == gid)
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
