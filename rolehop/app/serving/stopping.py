"""End servers, each only if it is what holds the lock of its note.

A process ID in a note may be another process's by now, or that of a container that shares the
state folder; the lock is held as long as the server runs, and Linux says by which process.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.serving.running import SERVE, NotedServer, noted_servers
from rolehop.startup.dataclass import dataclass
from rolehop.vault.locks import named_holder

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.show.rows import ServerRow

_LOCKS = Path("/proc/locks")
_STOP_SECONDS = 5.0
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class StoppedServers:
    """What became of servers that were to end."""

    ended: list[ServerRow]
    slow: list[ServerRow]
    """They did not end in time."""
    elsewhere: list[ServerRow]
    """They are no processes of this machine, or not seen from here: in a container."""
    of_commands: list[ServerRow]
    """Each ends with its command, and was not told to."""


def stop_servers(app: App, patterns: Sequence[str] = ()) -> StoppedServers:
    """End the servers that serve a chain that matches, or all."""
    found = noted_servers(app, patterns)
    meant = [each for each in found if each.row.command == SERVE]
    told = [each for each in meant if _tell_to_end(each)]
    # Without those that ended just now.
    elsewhere = _still(app, [each for each in meant if each not in told])
    until = time.monotonic() + _STOP_SECONDS
    while (left := _still(app, told)) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return StoppedServers(
        ended=[each.row for each in told if each not in left],
        slow=[each.row for each in left],
        elsewhere=[each.row for each in elsewhere],
        of_commands=[each.row for each in found if each.row.command != SERVE],
    )


def _still(app: App, told: Sequence[NotedServer]) -> list[NotedServer]:
    notes = {each.note for each in noted_servers(app)}
    return [each for each in told if each.note in notes]


def _tell_to_end(server: NotedServer) -> bool:
    """Send a server SIGTERM, and SIGCONT if Ctrl-Z has stopped it; false: it is not there."""
    with suppress(OSError), _handle_of(server.row.process) as send:
        if _holder_of(server.lock) == server.row.process:
            for name in ("SIGTERM", "SIGCONT"):
                number = getattr(signal, name, None)
                if number is not None:
                    send(number)
            return True
    return False


@contextmanager
def _handle_of(process: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that sends a signal to what has this process ID now, to nothing later."""
    handle = None
    if sys.platform == "linux":
        with suppress(PermissionError, NotImplementedError):  # a sandbox
            handle = os.pidfd_open(process)
    if handle is None:
        yield lambda number: os.kill(process, number)
        return
    try:
        yield lambda number: signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def _holder_of(lock: Path) -> int | None:
    """Return the process that holds a lock; ``None``: none that this machine knows.

    What is written in it may be old, and whoever looks at the note of a killed server holds it for
    a moment. So Linux is asked (proc_locks(5)).
    """
    try:
        rows = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return named_holder(lock)
    inode = str(lock.lstat().st_ino)
    for row in rows:
        # Number, kind, mode, access, process, device:device:inode …; those that wait begin with ->.
        fields = row.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
            return int(fields[4])
    return None
