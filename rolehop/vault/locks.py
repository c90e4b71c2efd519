"""Advisory locks between processes, which the system frees when their process dies; who waits longest is next.

One file for each name, locked with flock (msvcrt on Windows); a line in it names the holder. The
file is unlinked on release while it is still locked; a process that has locked a file checks that
it is still the one at that path, so that none holds a lock on an unlinked file.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from rolehop.base.dataclass import dataclass, field
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import ServiceError
from rolehop.base.files import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    UNFOLLOWING,
    entries_of,
    make_private_folder,
    read_own,
)
from rolehop.base.startup import debug
from rolehop.base.time_limit import comes_within, seconds_left, time_limit, time_limit_paused
from rolehop.base.waits import Wait, ends_with_caller
from rolehop.vault.serialization import read_object

_FRESH_SECONDS = 2.0
"""Also a busy machine lets a waiter look more often; a lock is waited for 5 s at least."""

_LONGEST_WAIT = 60.0
"""Seconds; a lock is waited for 45 s at most (`rolehop.vault.locks`)."""

_MOST_COUNTED = 2


class Ticket:
    """One waiter's place. Failing to have one is harmless: then it only comes out of turn."""

    def __init__(self, lock: Path, since: float) -> None:
        """``since`` is when the wait began, by ``time.monotonic``, which processes share."""
        self._queue = f"{lock}".removesuffix(".lock") + ".queue"
        # Threads of one process may wait for the index, each for itself.
        self._name = f"{round(since * 1e9):020d}-{os.getpid()}-{threading.get_ident()}"
        self._is_queue = False
        """There is a queue that may have to be removed, as hardly ever."""

    @property
    def _folder(self) -> Path:
        return Path(self._queue)

    @property
    def _path(self) -> Path:
        return self._folder / self._name

    def ahead(self) -> int:
        """Return how many have waited longer, 2 at most."""
        if not os.path.lexists(self._queue):  # as usual
            return 0
        self._is_queue = True
        count = 0
        with suppress(OSError):
            for each in entries_of(self._folder):
                if each.name >= self._name or count == _MOST_COUNTED:
                    break
                count += _is_fresh(each)
        return count

    def touch(self) -> None:
        """Take the place, or keep it."""
        self._is_queue = True
        with suppress(OSError):
            self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            if self._folder.is_symlink():
                return
            flags = os.O_WRONLY | os.O_CREAT | UNFOLLOWING
            os.close(os.open(self._path, flags, PRIVATE_FILE))
            # Not by the file server's clock, which may differ.
            os.utime(self._path, ns=(time.time_ns(),) * 2)

    def leave(self) -> None:
        """Give the place up; the last one removes the folder."""
        if not self._is_queue:
            return
        with suppress(OSError):
            self._path.unlink()
        with suppress(OSError):
            self._folder.rmdir()


def sweep_queues(folder: Path) -> None:
    """Delete what killed processes left of the queues in ``folder``; failing to is harmless."""
    for queue in folder.glob("*.queue"):
        with suppress(OSError):
            for each in entries_of(queue):
                _is_fresh(each)
            queue.rmdir()


def _is_fresh(ticket: Path) -> bool:
    """True if its process looked lately; else delete it, which one that goes on makes up for."""
    with suppress(OSError):
        found = ticket.lstat()
        # A time to come is none of now: the clock was set back since.
        if abs(time.time() - found.st_mtime) < _FRESH_SECONDS and _is_of_now(ticket, found):
            return True
        if stat.S_ISDIR(found.st_mode):
            ticket.rmdir()
        else:
            ticket.unlink()
    return False


def _is_of_now(ticket: Path, found: os.stat_result) -> bool:
    """True if it is a ticket, and one of somebody who may still be waiting."""
    since = ticket.name.partition("-")[0]
    if not stat.S_ISREG(found.st_mode) or not since.isdecimal():
        return False
    return time.monotonic() - int(since) / 1e9 < _LONGEST_WAIT


DEADLINE_SECONDS = 45.0
"""Go's SDK kills a credential process after 60 s; the error has to be shown before."""

HELD_SECONDS = 40.0
"""How long calls may take while a lock is held, so that it is free before waiters give up."""

_HELD_TEXTS = {
    "aws-files": "another rolehop is changing the AWS files",
    "config-file": "another rolehop is changing the config",
    "history": "another rolehop is using the history",
    "mfa-": "another rolehop is using the same MFA device",
    "rotate-": "another rolehop is rotating the same access key",
    "sign-in-": "another rolehop is signing in to the same place",
    "": "another rolehop is walking the same hop",
}
"""What is said of a lock that is held too long, by the start of its name, the first that fits."""

AN_ANSWER, _LONGEST_ASKED = "an answer", 40

_LEFT_SECONDS = 24 * 3600
_LONGEST_STATE = 4096  # bytes
_LATEST = 1e11  # seconds of the epoch; infinity and what is no number are not below it
_SHORTEST_NAP, _NEXT_NAP, _LONGEST_NAP = 0.005, 0.02, 0.05  # seconds


class Contended(Exception):
    """Another process held the lock until the deadline; ``state`` is what it wrote into it."""

    def __init__(self, state: dict[str, object]) -> None:
        super().__init__("the lock is held")
        self.state = state


class FileLocks:
    """One holder at a time per name, among all processes and threads that use ``folder``."""

    def __init__(
        self,
        folder: Path,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``folder`` is the state folder; the lock files are in its ``locks``."""
        self._folder = folder / "locks"
        self._deadline_seconds = deadline_seconds
        self._now = now
        self._guard = threading.Lock()
        self._thread_locks: dict[str, _ThreadLock] = {}
        self._held: dict[int, datetime] = {}
        self._asked: list[str] = []

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold lock ``name``.

        If the folder cannot be written or its file system has no locks, the walk goes on without
        one: at worst two processes make the same call.

        Raises:
            ServiceError: another process held it past the deadline; says which, for how long,
                and whether it is waiting for a person.
        """
        begun, begun_at = time.monotonic(), self._now()
        deadline = begun + seconds_left(self._deadline_seconds)
        path = self._folder / f"{sha256_hex(name.encode())[:32]}.lock"
        # Threads of this process wait for a lock of their own, which wakes them at once.
        with self._thread_lock(name, deadline, path):
            try:
                # Since when this thread has waited, be it for another one: its turn comes first.
                file = locked(path, deadline, since=begun)
            except Contended as held:
                raise self._too_late(name, held.state, begun_at) from None
            except OSError:
                file = None
            debug(
                __name__, "hold lock %s", name if file is not None else f"{name}: not possible here"
            )
            try:
                self._enter(file)
                with time_limit(HELD_SECONDS):
                    yield
            finally:
                self._leave(file, path)

    @contextmanager
    def waiting_for_person(self, what: str = AN_ANSWER) -> Iterator[None]:
        """Tell other processes that all locks held now wait for a person to give ``what``."""
        self._note_asked(self._asked.append, what)
        try:
            with time_limit_paused(), ends_with_caller():
                yield
        finally:
            self._note_asked(self._asked.remove, what)

    @contextmanager
    def _thread_lock(self, name: str, deadline: float, path: Path) -> Iterator[None]:
        with self._guard:
            shared = self._thread_locks.setdefault(name, _ThreadLock())
            shared.users += 1
        try:
            left = deadline - time.monotonic()
            if not comes_within(left, lambda part: shared.lock.acquire(timeout=part)):
                raise self._too_late(name, _read_state(path))
            try:
                yield
            finally:
                shared.lock.release()
        finally:
            with self._guard:
                shared.users -= 1
                if not shared.users:
                    del self._thread_locks[name]

    def _enter(self, file: int | None) -> None:
        if file is None:
            return
        with self._guard:
            self._held[file] = self._now()
            self._write_state(file)

    def _leave(self, file: int | None, path: Path) -> None:
        if file is None:
            return
        with self._guard:
            self._held.pop(file, None)
        unlock(file, path)

    def _note_asked(self, note: Callable[[str], None], what: str) -> None:
        with self._guard:
            note(what)
            for file in self._held:
                self._write_state(file, again=True)

    def _write_state(self, file: int, *, again: bool = False) -> None:
        since = self._held[file].timestamp()
        asks = {"asks": self._asked[-1]} if self._asked else {}
        waits = bool(self._asked)
        name_holder(file, again=again, since=since, waiting_for_person=waits, **asks)

    def _too_late(
        self, name: str, state: dict[str, object], begun_at: datetime | None = None
    ) -> ServiceError:
        """Return the error for a wait that began at ``begun_at``, in this thread's own queue if None."""
        pid, since = holder_of(state), state.get("since")
        who = f"process {pid}" if pid else "another process"
        cause = f"{who} has held the lock"
        if isinstance(since, (int, float)) and 0 <= since < _LATEST:
            cause += f" for {max(0, round(self._now().timestamp() - since))} s"
            if begun_at is not None and since > begun_at.timestamp():
                cause += ", after others"
        fix = f"try again; if it hangs, end it: kill {pid}" if pid else "try again"
        if state.get("waiting_for_person") is True:
            cause += " and is waiting for a person to answer"
            fix = f"answer where it asks, or end it: kill {pid}" if pid else "answer where it asks"
        what = next(text for start, text in _HELD_TEXTS.items() if name.startswith(start))
        return ServiceError(what, cause=cause, fix=fix)


@dataclass(slots=True)
class _ThreadLock:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


def locked(path: Path, deadline: float, *, since: float | None = None) -> int:
    """Lock the file at ``path`` before ``deadline`` (of ``time.monotonic``); return it open.

    Whoever has waited longest comes first; ``since`` is when the wait began, if before this call.

    Raises:
        Contended: others held it, or came first, all the time.
        OSError: the file cannot be created, or its file system has no locks.
    """
    begun = time.monotonic()
    ticket = Ticket(path, begun if since is None else since)
    nap, waits = _SHORTEST_NAP, begun < deadline
    wait: Wait | None = None
    asked: Wait | None = None
    try:
        while True:
            # Whoever does not wait at all does not queue either.
            ahead = ticket.ahead() if waits else 0
            file = None if ahead else _try(path)
            if file is not None:
                return file
            if time.monotonic() >= deadline:
                raise Contended(_read_state(path))
            wait = wait or Wait(f"waiting for {_holder_text(path)}")
            asked = asked or _wait_for_answer(path)
            ticket.touch()
            # Uneven pauses, so that waiters do not look all at once.
            time.sleep(nap * (0.5 + os.getpid() % 64 / 128))
            nap = min(nap * 1.5, _LONGEST_NAP if ahead > 1 else _NEXT_NAP)
    finally:
        ticket.leave()
        for each in (asked, wait):
            if each is not None:
                each.end()


def named_holder(path: Path) -> int | None:
    """Return the process ID that a lock names; nobody may hold it any more."""
    return holder_of(_read_state(path))


def _wait_for_answer(path: Path) -> Wait | None:
    """Return the wait for a person who is asked by the process that holds a lock, if one is."""
    state = _read_state(path)
    if state.get("waiting_for_person") is not True:
        return None
    asks = state.get("asks")
    what = asks if isinstance(asks, str) and len(asks) < _LONGEST_ASKED else AN_ANSWER
    return Wait(f"{what} is being asked for in another terminal", at_once=True)


def _holder_text(path: Path) -> str:
    holder = named_holder(path)
    return f"process {holder}, another rolehop" if holder else "another rolehop"


def name_holder(file: int, *, again: bool = False, **more: object) -> None:
    """Write into a locked file, in place of what it says, that this process holds it, and ``more``.

    ``again``: this process has done so before.
    """
    state = json.dumps({"pid": os.getpid(), **more}).encode()
    try:
        if again:
            os.lseek(file, 0, os.SEEK_SET)
            os.ftruncate(file, 0)
        os.write(file, state)
    except OSError:
        # A full disk: the lock holds all the same, only its message says less.
        return


def holder_of(state: dict[str, object]) -> int | None:
    """Return the process ID in what `name_holder` wrote; it may become part of a command."""
    pid = state.get("pid")
    return pid if type(pid) is int and 0 < pid < 1 << 31 else None


def unlock(file: int, path: Path) -> None:
    """Remove the locked file and release it."""
    try:
        # Windows does not unlink an open file, so there the file stays.
        if sys.platform != "win32":
            path.unlink(missing_ok=True)
    except OSError:
        pass  # it stays behind, unlocked, which is harmless
    finally:
        os.close(file)


def sweep_locks(folder: Path) -> None:
    """Delete lock files that killed processes left long ago; failing to is harmless.

    ``folder`` is the state folder. Only a lock that nobody holds is deleted, while it is held here.
    """
    for each in (folder, folder / "locks"):
        sweep_queues(each)
    oldest = time.time() - _LEFT_SECONDS
    with suppress(OSError):
        for path in (folder / "locks").glob("*.lock"):
            if path.lstat().st_mtime < oldest:
                file = _try(path)
                if file is not None:
                    unlock(file, path)


def _try(path: Path) -> int | None:
    """Return the locked file, emptied, ``None`` if another process holds it or has just unlinked it.

    No link is followed and nothing but a regular file of ours is opened for writing: what lies
    at the path may have been planted, and it is overwritten with who holds the lock.
    """
    file = _open(path)
    try:
        found = os.fstat(file)
        _check_own(found)
        if _lock(file) and _is_at(found, path):
            found = os.fstat(file)  # whoever held it in between may have written into it
            # Only one that was left is emptied: ext4 writes an emptied file to the disk as soon as
            # it is closed, which takes ten times as long as everything else here.
            if found.st_size:
                with suppress(OSError):
                    os.ftruncate(file, 0)
            return file
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def _open(path: Path) -> int:
    """Open a lock file; the folder is made only if it is not there, as it usually is."""
    flags = os.O_RDWR | os.O_CREAT | UNFOLLOWING
    try:
        return os.open(path, flags, PRIVATE_FILE)
    except FileNotFoundError:
        make_private_folder(path.parent)
        return os.open(path, flags, PRIVATE_FILE)


def _check_own(found: os.stat_result) -> None:
    """Raise OSError unless it is a regular file of this user, under one name at most."""
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise OSError(errno.EPERM, "the lock file is not a plain file")
    if sys.platform != "win32" and found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "the lock file belongs to somebody else")


def _is_at(found: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(found, os.lstat(path))
    except FileNotFoundError:
        return False


def _read_state(path: Path) -> dict[str, object]:
    """Return what the holder wrote; empty if it cannot be read or is gone."""
    try:
        return read_object(read_own(path, _LONGEST_STATE)) or {}
    except OSError:
        return {}


if sys.platform == "win32":
    import msvcrt

    # A locked region cannot be read by others; this one is far behind the text.
    _FAR = 1 << 30

    def _lock(file: int) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
                return False
            raise
        return True
