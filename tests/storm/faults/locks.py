"""The lock files of a state folder, of which a fault may have made something else."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

_AT_ONCE = os.O_RDONLY | os.O_NONBLOCK  # a pipe would wait for a writer
_NO_PROCESS = 1 << 22 | 1  # a number that no process of Linux has


def held_locks(state: Path) -> list[str]:
    """Return the names of the locks that somebody holds."""
    return [each.name for each in state.rglob("*.lock") if _is_held(each)]


def _is_held(path: Path) -> bool:
    with suppress(OSError):
        file = os.open(path, _AT_ONCE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


def leave_lock(state: Path) -> None:
    """Leave a lock's file as a killed process does whose hop nobody has walked again."""
    path = state / "locks" / f"{'0' * 32}.lock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(f'{{"pid": {_NO_PROCESS}}}')
    path.chmod(0o600)
