"""Who else can change a file, or what is in a folder: owners, modes, groups and POSIX ACLs.

Not seen are the access lists of NFSv4 and macOS; Windows keeps others out of the user profile by
its own.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass, replace


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why a file or folder must not be followed."""

    reason: str
    """E.g. "everybody on this machine can write it"."""

    command: str = ""
    """What ends that, without the path, e.g. ``chmod o-w``."""

    first: str = ""
    """What has to be done before."""

    at: str = ""
    """The folder or link on the way that is meant, if it is not the file or folder itself."""

    instead: str = ""
    """What to do where no command should change the file."""

    def __str__(self) -> str:
        shown = (
            f"{self.reason} ({self.command})" if self.command.startswith(_SHOWN) else self.reason
        )
        return f"{shown}; {self.first}" if self.first else shown

    def advice(self, path: str) -> Advice:
        """Return what to do, for the file at ``path``."""
        if not self.command:
            return Advice(self.instead or "keep it in a folder that only you can write")
        before = f"{self.first}, then " if self.first else ""
        # Both at once: often the other one can write it too.
        command = "chmod go-w" if self.command.startswith("chmod") else self.command
        return Advice(f"{before}{command} ", Argument(self.at or path))

    def on_way(self, at: Path) -> Distrust:
        """Return the same for a file or folder that ``at`` leads to."""
        reason = f"{self.reason.removesuffix('it')}{at} on the way to it"
        return Distrust(reason, self.command, self.first, str(at))


_SHOWN = ("chmod", "setfacl", "mkdir")

if sys.platform == "win32":

    def folder_problem(folder: Path, home: Path) -> str | None:
        """``None``: access lists rule there, and the user profile's own keeps others out."""
        return None

    def way_problem(folder: Path, home: Path) -> str | None:
        """``None``, for the same reason."""
        return None

    def distrust_of(file: int, path: Path) -> Distrust | None:
        """``None``, for the same reason."""
        return None

    def distrust_of_folder(path: Path) -> Distrust | None:
        """``None``, for the same reason."""
        return None

    def distrust_of_file(path: Path) -> Distrust | None:
        """``None``, for the same reason."""
        return None

    def distrust_of_authorities(path: Path) -> Distrust | None:
        """``None``, for the same reason."""
        return None

    def open_judged(path: Path, *, follow: bool = True) -> tuple[int, Distrust | None]:
        """Open the file for reading; nothing is judged, for the same reason."""
        return os.open(path, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT), None

    def is_own(found: os.stat_result) -> bool:
        """True, for the same reason."""
        return True

    def share_as(new: Path, old: Path, mode: int) -> None:
        """Nothing but the mode, for the same reason."""
        new.chmod(mode)

else:
    import grp
    import pwd

    from rolehop.base.way import Step, descend

    _REMOVE_ACL = "setfacl --remove-all"
    _MACS_ADMINS = 80  # the group admin, whose members may become root
    _ACL = "system.posix_acl_access"
    _ALL_USERS = ["0", "0", "4294967295"]  # each by its own number
    _WITHOUT_ACL = (errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP)

    def folder_problem(folder: Path, home: Path) -> str | None:
        """Return why state must not be stored in ``folder``; ``None``: no other user can change it.

        It has to belong to the effective user, and no other user may write it. Above it, up to the
        home folder or the root, a folder may also be root's, and one that everybody can write must
        have the sticky bit (like /tmp), which keeps others from renaming what is not theirs. A
        folder that does not exist yet is judged by those above it. Links are followed one by one,
        and each of them must be the user's or root's too, with every folder on its way. In it no
        folder may be another user's or a link: what was put there while others could write it
        stays when they no longer can.
        """
        try:
            way = _way_to(folder, home)
            problem = _problem_of_way(way)
            if problem is None and way[-1].found is not None:
                problem = _content_problem(way[-1].path)
        except OSError as error:
            return f"{error.filename or folder} cannot be inspected: {error.strerror}"
        return problem

    def way_problem(folder: Path, home: Path) -> str | None:
        """Return how others could put a file of theirs at a path in ``folder``; ``None``: they cannot.

        The folder and the way to it are judged as `folder_problem` does.
        """
        try:
            return _problem_of_way(_way_to(folder, home))
        except OSError as error:
            return f"{error.filename or folder} cannot be inspected: {error.strerror}"

    def _problem_of_way(way: Sequence[_Place]) -> str | None:
        """Return what is wrong with a folder or link on the way, the last one included."""
        holder = None
        for each in way:
            if each.found is None:
                return None if holder is None else _creation_problem(holder, each.path)
            problem = _place_problem(each, is_state=each is way[-1])
            if problem is not None:
                return problem
            holder = holder if each.is_link else each
        return None

    def _content_problem(folder: Path) -> str | None:
        """Return what is wrong with a folder in ``folder``, at any depth.

        Files are not judged here: each is when it is opened. Another process may delete a folder
        meanwhile, as the last note in it goes.

        Raises:
            OSError: one cannot be inspected.
        """
        for each in _folders_in(folder):
            try:
                found = each.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISLNK(found.st_mode):
                return f"{each} is a link to a folder (rm)"
            writer = _other_writer(found, each, each)
            problem = _place_problem(_Place(each, found, writer), is_state=True)
            problem = problem or _content_problem(each)
            if problem is not None:
                return problem
        return None

    def _folders_in(folder: Path) -> list[Path]:
        try:
            with os.scandir(folder) as entries:
                return sorted(Path(each) for each in entries if _is_folder(each))
        except FileNotFoundError:
            return []

    def _is_folder(entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            return False  # a link that leads round in a circle is no folder

    @dataclass(frozen=True, slots=True)
    class _Place:
        """A folder or link on the way, and who else can write it."""

        path: Path
        found: os.stat_result | None
        writer: Distrust | None = None

        @property
        def is_link(self) -> bool:
            return self.found is not None and stat.S_ISLNK(self.found.st_mode)

        @property
        def is_sticky(self) -> bool:
            """True if others cannot rename or remove what is not theirs in it."""
            return self.found is not None and bool(self.found.st_mode & stat.S_ISVTX)

        @property
        def is_macs_admins(self) -> bool:
            """True for a folder of macOS that only the group admin can write, as Homebrew's are."""
            if sys.platform == "darwin" and self.found is not None:
                is_admins = self.found.st_gid == _MACS_ADMINS and stat.S_ISDIR(self.found.st_mode)
                return is_admins and not self.found.st_mode & stat.S_IWOTH
            return False

        @property
        def stranger(self) -> str | None:
            """The owner's name, if the folder or link is neither the user's nor root's."""
            if self.found is None or _may_own_way(self.found.st_uid):
                return None
            return _user_name(self.found.st_uid)

    def _place(step: Step) -> _Place:
        if step.found is None or step.file is None:
            return _Place(step.path, step.found)
        writer = _other_writer(step.found, step.file, step.path)
        return _Place(step.path, step.found, writer)

    def _way_to(folder: Path, home: Path) -> list[_Place]:
        """Return each folder and link on the way, the last one perhaps not there.

        It begins at the home folder if it leads there, else at the root.

        Raises:
            OSError: one cannot be inspected, or there are too many links.
        """
        homes = (Path(os.path.realpath(home)), home)
        way: list[_Place] = []
        after_link = 0
        for step in descend(folder, homes):
            if step.path in homes and step.file is not None:
                del way[after_link:]
            way.append(_place(step))
            if way[-1].is_link:
                after_link = len(way)
        return way

    def _place_problem(place: _Place, *, is_state: bool) -> str | None:
        step, found, user = place.path, place.found, os.geteuid()
        if found is None:
            return None
        if found.st_uid != user and (is_state or not _may_own_way(found.st_uid)):
            you = _user_name(user)
            return f"{step} belongs to {_user_name(found.st_uid)}, and you are {you}"
        if place.is_link:
            return None
        if not stat.S_ISDIR(found.st_mode):
            return f"{step} is not a folder"
        if place.writer is None or (place.is_sticky and not is_state):
            return None
        return f"{step}: {place.writer}"

    def _creation_problem(above: _Place, missing: Path) -> str | None:
        """In a sticky folder everybody can create what is not there yet, also just before us."""
        if above.writer is None:
            return None
        return f"{missing} is not there, and others can create it (mkdir -m 700)"

    def _distrust_on_way(place: _Place) -> Distrust | None:
        """Return who else could replace what ``place`` leads to."""
        if place.stranger is not None:
            kind = "the link " if place.is_link else ""
            reason = f"{kind}{place.path} on the way to it belongs to {place.stranger}"
            return Distrust(f"{reason}, neither to you nor to root", at=str(place.path))
        if place.writer is None or place.is_sticky:
            return None
        return place.writer.on_way(place.path)

    def _may_own_way(uid: int) -> bool:
        """True if folders and links of ``uid`` may be on the way: the user's and root's."""
        return uid in (os.geteuid(), 0) or uid == _roots_other_number()

    @cache
    def _roots_other_number() -> int | None:
        """Return the number that root's folders have in a user namespace; ``None`` outside of one.

        There the files of all who have no number in it, like the root of the machine, seem to be the
        overflow user's (user_namespaces(7)), also if it has a root of its own: on the way to a
        file, which is judged by itself, they count as root's.
        """
        try:
            users = Path("/proc/self/uid_map").read_text(encoding="ascii")
            if users.split() in ([], _ALL_USERS):
                return None
            return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def windows_drive_hint(path: Path, mounts: str) -> str:
        """Return what to do in WSL, if ``path`` is on a Windows drive that shows everything as 0777.

        ``mounts`` is the text of /proc/self/mounts.
        """
        rows = (line.split(" ") for line in mounts.splitlines())
        above = [row for row in rows if len(row) > 3 and path.is_relative_to(row[1])]
        mount = max(above, key=lambda row: len(row[1]), default=[""] * 4)
        is_drive = mount[2] == "drvfs" or "aname=drvfs" in mount[3]
        if not is_drive or "metadata" in mount[3]:
            return ""
        return 'in WSL mount Windows drives with options = "metadata,umask=22" (/etc/wsl.conf)'

    def _mounts() -> str:
        try:
            return Path("/proc/self/mounts").read_text(errors="replace")
        except OSError:
            return ""

    def is_own(found: os.stat_result) -> bool:
        """True if it is the effective user's, and its mode lets nobody else write it."""
        writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return found.st_uid == os.geteuid() and not writable

    def share_as(new: Path, old: Path, mode: int) -> None:
        """Let others do with the file ``new`` what they may with ``old``, which it replaces; never more.

        The mode alone could open it to others: a new file has its writer's group, and where there
        is an access list, the mode's group bits are its mask (acl(5)).

        Raises:
            OSError: the mode cannot be set.
        """
        acl = b""
        try:
            if old.exists():
                acl = _acl_of(old)
                if new.stat().st_gid != old.stat().st_gid:
                    os.chown(new, -1, old.stat().st_gid)
            if acl and sys.platform == "linux":
                os.setxattr(new, _ACL, acl)
        except OSError:
            mode &= ~stat.S_IRWXG
        if not acl:
            new.chmod(mode)

    def open_judged(path: Path, *, follow: bool = True) -> tuple[int, Distrust | None]:
        """Open the file at ``path``; return also why it must not be followed, if so.

        Its owner, who can write it, and every folder and link on the way from the root are judged
        by what was opened: nothing of it can be swapped for something else in between. A folder
        with the sticky bit, like /tmp, keeps others from renaming what is not theirs.

        Raises:
            OSError: it is not there, a folder may not be passed through, the file cannot be read,
                or is a link and ``follow`` is false.
        """
        above = distrust = None
        with closing(descend(path, reads=True, follow=follow)) as steps:
            for step in steps:
                if step.is_last and step.found is not None and step.file is not None:
                    own = distrust_of(step.file, path) or _second_name(step.found, above)
                    return os.dup(step.file), own or distrust
                above = _place(step)
                distrust = distrust or _distrust_on_way(above)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def _second_name(found: os.stat_result, above: _Place | None) -> Distrust | None:
        """In a sticky folder others can give their own name to a file of the user.

        Root's in one that only a group can write has the names that a store like Nix's gave it.
        """
        if found.st_nlink < 2 or stat.S_ISDIR(found.st_mode):
            return None
        if above is None or above.found is None or above.writer is None:
            return None
        if found.st_uid == 0 and not above.found.st_mode & stat.S_IWOTH:
            return None
        return Distrust("it has a second name (a hard link), in a folder that others can write")

    def distrust_of_file(path: Path) -> Distrust | None:
        """Return why the file at ``path`` must not be followed; ``None`` also if there is none.

        `open_judged` judges it.
        """
        try:
            file, distrust = open_judged(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return _not_inspected(error, path)
        os.close(file)
        return distrust

    def distrust_of(file: int, path: Path) -> Distrust | None:
        """Return why the open ``file``, which is at ``path``, must not be followed."""
        found = os.fstat(file)
        user = os.geteuid()
        if found.st_uid not in (user, 0):
            reason = f"it belongs to {_user_name(found.st_uid)}, neither to you nor to root"
            if user == 0:
                return Distrust(reason, instead=_instead_of_root(found))
            you = _user_name(user) if _has_name(user) else user
            return Distrust(reason, f"sudo chown {you}")
        return _other_writer(found, file, path)

    def _instead_of_root(found: os.stat_result) -> str:
        """Return what root does about another user's file: often that user shows it to a container."""
        numbers = f"{found.st_uid}:{found.st_gid}"
        return f"run it as its owner (docker run --user {numbers}), or give root a copy of its own"

    def distrust_of_folder(path: Path) -> Distrust | None:
        """Return who else could change what is in the folder ``path``, or the way to it.

        One that is not there yet must not be for others to create.
        """
        try:
            way = [_place(step) for step in descend(path)]
        except OSError as error:
            return _not_inspected(error, path)
        found, last = _distrust_of_places(way), way[-1].found
        if found is None and last is not None and last.st_uid not in (os.geteuid(), 0):
            # The overflow user's, as it may be on the way; but who made this one may be anybody.
            return Distrust(f"it belongs to {_user_name(last.st_uid)}, neither to you nor to root")
        return found

    def distrust_of_authorities(path: Path) -> Distrust | None:
        """Return who else could change a file of CA certificates, or the way to it.

        Often they are the machine's: in a user namespace they are the overflow user's, as the
        folders on the way are, and on macOS in folders of Homebrew.
        """
        try:
            way = [_place(step) for step in descend(path)]
        except OSError as error:
            return _not_inspected(error, path)
        way = [replace(each, writer=None) if each.is_macs_admins else each for each in way]
        found, last = _distrust_of_places(way), way[-1].found
        if found is not None or last is None:
            return found
        return _second_name(last, next(each for each in reversed(way[:-1]) if not each.is_link))

    def _distrust_of_places(way: Sequence[_Place]) -> Distrust | None:
        *above, last = way
        found = next(filter(None, map(_distrust_on_way, above)), None)
        if found is not None:
            return found
        if last.stranger is not None:
            return Distrust(f"it belongs to {last.stranger}, neither to you nor to root")
        if last.found is not None:
            return last.writer
        holder = next(each for each in reversed(above) if not each.is_link)
        return None if holder.writer is None else holder.writer.on_way(holder.path)

    def _not_inspected(error: OSError, path: Path) -> Distrust:
        return Distrust(f"{error.filename or path} cannot be inspected: {error.strerror}")

    def _other_writer(found: os.stat_result, file: Path | int, path: Path) -> Distrust | None:
        """Return who may write ``file``, at ``path``, besides owner and root, and what changes that."""
        if found.st_mode & stat.S_IWOTH:
            hint = windows_drive_hint(Path(os.path.realpath(path)), _mounts())
            return Distrust("everybody on this machine can write it", "chmod o-w", hint)
        if not found.st_mode & stat.S_IWGRP:  # with an ACL these bits are its mask
            return None
        try:
            acl = _acl_of(file)
        except OSError as error:
            why = f"its access list cannot be read ({error.strerror})"
            return Distrust(f"{why}, so others may be able to write it")
        if not acl:
            return _group_writer(found.st_gid, found.st_uid)
        return next(_acl_writers(acl, found), None)

    def _group_writer(gid: int, owner: int) -> Distrust | None:
        if _is_private_group(gid, owner):
            return None
        return Distrust(f"group {_group_name(gid)} can write it", "chmod g-w")

    def _acl_of(path: Path | int) -> bytes:
        """Return the POSIX ACL in the kernel's format; empty if there is none.

        Raises:
            OSError: there may be one.
        """
        if sys.platform != "linux":
            return b""
        try:
            return os.getxattr(path, _ACL)
        except OSError as error:
            if error.errno in _WITHOUT_ACL:
                return b""
            if error.errno != errno.EBADF or not isinstance(path, int):
                raise
        return _acl_of(Path(f"/proc/self/fd/{path}"))  # what O_PATH opened has only a path

    def _acl_writers(acl: bytes, found: os.stat_result) -> Iterator[Distrust]:
        """Return each user and group that an ACL lets write.

        The format is a 4-byte version, then entries of tag, permissions and ID
        (linux/posix_acl_xattr.h). Named entries and the owning group's are limited by the mask,
        whose write bit is known to be set. The owning group's stays when the ACL is removed.
        """
        for tag, permissions, number in struct.iter_unpack("<HHI", acl[4:]):
            if not permissions & 2:
                continue
            if tag == 0x02 and number not in (0, found.st_uid, os.geteuid()):
                yield Distrust(f"user {_user_name(number)} can write it", _REMOVE_ACL)
            if tag == 0x08 and not _is_private_group(number, found.st_uid):
                yield Distrust(f"group {_group_name(number)} can write it", _REMOVE_ACL)
            writer = _group_writer(found.st_gid, found.st_uid) if tag == 0x04 else None
            if writer is not None:
                yield writer

    def _is_private_group(gid: int, owner: int) -> bool:
        """True if ``owner`` is the group's only member, and its name is the owner's.

        A user whose *primary* group it is does not appear among its members.

        In OpenShift a container runs as some user in the group of root, to which its files belong
        for that reason; so that group is private to a process that runs with it and is not root.
        """
        if gid == 0 and os.getegid() == 0 and os.geteuid() != 0:
            return True
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

    def _has_name(uid: int) -> bool:
        return _user_name(uid) != f"number {uid}"

    def _user_name(uid: int) -> str:
        return _name(lambda: pwd.getpwuid(uid).pw_name, uid)

    def _group_name(gid: int) -> str:
        return _name(lambda: grp.getgrgid(gid).gr_name, gid)

    def _name(look_up: Callable[[], str], number: int) -> str:
        try:
            return look_up()
        except KeyError:
            return f"number {number}"


def may_change(path: Path, home: Path) -> bool:
    """True if a change at ``path`` is one of the user's own files, or makes a new one.

    Root could change anything. So what another user owns, what a link leads to, at whichever place of
    the path, and what is in a folder that another one rules, is for a person.
    """
    if not hasattr(os, "geteuid"):
        return True
    try:
        owner = path.stat().st_uid
    except FileNotFoundError:
        owner = os.geteuid()
    except OSError:
        return False
    if owner != os.geteuid():
        return False
    return os.geteuid() != 0 or (
        not _has_link(path, home) and way_problem(path.parent, home) is None
    )


def _has_link(path: Path, home: Path) -> bool:
    """True if a link is on the way to ``path``; the home folder itself may be behind one."""
    below = path.relative_to(home) if path.is_relative_to(home) else path.absolute()
    return os.path.realpath(path) != str(Path(os.path.realpath(home), below))
