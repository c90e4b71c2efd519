"""The process of a server that belongs to one command: apart from it, and over when it is.

The command takes the place of rolehop's process. It must find no child that it did not start, and
its pipes must close when it ends; so the server is no child of it, in a session of its own, and
has let go of every file that it does not need. Where that cannot be (`can_fork`), the command is
rolehop's child, which serves it.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import warnings
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

_FILES = Path("/dev/fd")
_MOST_FILES = 1024
_PR_SET_DUMPABLE = 4  # prctl(2)
_USUAL_THRESHOLDS = (700, 10, 10)  # of CPython


class WatchedProcess:
    """A process whose end is to be noticed: this one, made before a companion is forked from it."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self.file: int | None = None
        """Can be read when the process has ended; ``None``: `has_ended` says so."""
        if sys.platform == "linux":
            with suppress(OSError):  # an old kernel, or a sandbox
                self.file = os.pidfd_open(self._process)

    def close(self) -> None:
        """Watch no longer."""
        if self.file is not None:
            os.close(self.file)

    def has_ended(self) -> bool:
        """True if there is no such process any more."""
        try:
            os.kill(self._process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it has become another user's, by setuid
            return False
        return False


def can_fork() -> bool:
    """True if this system can have companions.

    A process of macOS that was forked and runs no other program must not use its keyring, nor ask
    for its proxies: Apple's libraries end it then.
    """
    return hasattr(os, "fork") and sys.platform != "darwin"


def fork_companion(serve: Callable[[], None], keep: Collection[int]) -> None:
    """Run ``serve`` in a new process that is no child of this one; return at once.

    It keeps the files ``keep``, and nobody reads its memory; whatever ``serve`` raises ends it.

    Raises:
        OSError: there can be no new process.
    """
    with warnings.catch_warnings():
        # Python 3.12 warns if there are threads, such as one of a keyring that hangs. It is left
        # behind here, and the companion calls nothing that this one was in.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        if os.waitpid(child, 0)[1]:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return
    code = 1
    try:
        os.setsid()
        hide_memory()  # the command starts once this process has ended, and would look
        if os.fork() == 0:
            _let_go(keep)
            serve()
        code = 0
    finally:
        os._exit(code)


def hide_memory() -> None:
    """Let no other process of this user read this one's memory, and no core dump hold it.

    What this process starts can be read as usual, and on Linux may dump its own.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    else:
        with suppress(ImportError, ValueError, OSError):
            import resource

            most = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def collect_garbage_as_usual() -> None:
    """Collect it as Python does by default, not as a command that ends soon (`rolehop.__main__`).

    What was made so far is looked at no more.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL_THRESHOLDS)


def _let_go(keep: Collection[int]) -> None:
    """Put the null device in the place of every open file but those to keep.

    They are not closed: an object that still has such a file would close another one under its
    number later.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for each in _open_files():
        if each not in keep and each != null:
            with suppress(OSError):
                os.dup2(null, each, inheritable=each <= 2)


def _open_files() -> list[int]:
    try:
        numbers = [int(each.name) for each in _FILES.iterdir()]
    except OSError:
        numbers = list(range(_MOST_FILES))
    return list(filter(_is_open, numbers))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
