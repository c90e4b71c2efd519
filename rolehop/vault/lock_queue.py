"""The order in which processes wait for a lock: whoever has waited longest is next.

Without it, whoever comes when the lock is free has it: of sixty processes, one waited for thirty
seconds while 84 that had come later went before it.

Each waiter has a ticket, an empty file in a folder beside the lock that is named by when it began
to wait. It touches its ticket whenever it looks. Nobody waits for a ticket that was not touched
lately: that process was killed, or stopped. A stopped one that goes on has its old place again. Nor
for one of a minute ago, however often it is touched: nobody waits for a lock that long.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from rolehop.files import PRIVATE_FILE, PRIVATE_FOLDER, entries_of

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
            flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
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
