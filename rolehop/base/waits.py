"""What this process waits for, told to whoever watches: somebody at a terminal wants to know."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TYPE_CHECKING = False  # typing's own costs more than this module does

if TYPE_CHECKING:
    from collections.abc import Callable

    Watch = Callable[[str, bool, bool], Callable[[], object]]

_watchers: list[Watch] = []


class Wait:
    """A wait that begins now; as a context it ends with it."""

    __slots__ = ("_ends",)

    def __init__(self, what: str, *, may_ask: bool = False, at_once: bool = False) -> None:
        """Begin; ``what`` is e.g. ``waiting for sts.amazonaws.com``.

        ``may_ask``: what is waited for may ask on the terminal itself, where no line may be in its
        way. ``at_once``: somebody else has to act first, so it is not only said once it is slow.
        """
        self._ends = [watch(what, may_ask, at_once) for watch in _watchers]

    def end(self) -> None:
        """End it."""
        for each in self._ends:
            each()
        self._ends = []

    def __enter__(self) -> None:
        """Nothing: it has begun."""

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.end()


def watch_waits(watch: Watch) -> None:
    """Call ``watch`` at the begin of every wait from now on; it returns what is called at its end."""
    _watchers.append(watch)


_PAUSE = 0.2  # seconds

# As the system names their processes.
_SHELLS = frozenset(
    b"ash bash busybox csh dash elvish fish ksh ksh93 mksh nu pwsh rbash sh tcsh xonsh zsh".split()
)


class _Caller:
    parents: tuple[tuple[int, int], ...] = ()
    """This process and its parent, that one and its parent, and so on; none is watched at first."""

    has_ended = False


def watch_caller() -> None:
    """Note who called this process; to be called once, early, by a program that may be stopped."""
    if hasattr(signal, "pthread_kill"):  # Windows has neither this nor a new parent
        _Caller.parents = tuple(_parents())


def forget_caller() -> None:
    """Watch nobody from now on: this process has become a server, which outlives its caller."""
    _Caller.parents = ()


def caller_has_ended() -> bool:
    """True if this process was stopped because its caller has ended."""
    return _Caller.has_ended


def caller_is_gone() -> bool:
    """True if the process that called this one has ended, or had when this one began."""
    parent = os.getppid()
    if any(found != parent for _, found in _Caller.parents[:1]):
        return True
    try:
        return os.getsid(parent) != os.getsid(0)
    except OSError:  # of a parent of another user nothing is known
        return True


@contextmanager
def ends_with_caller() -> Iterator[None]:
    """Send SIGTERM to the main thread if the caller ends in the block; else change nothing."""
    if not _Caller.parents:
        yield
        return
    is_over = threading.Event()
    threading.Thread(target=_watch, args=(_Caller.parents, is_over), daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _watch(parents: tuple[tuple[int, int], ...], is_over: threading.Event) -> None:
    # An orphan gets another parent; the number of the old one may be given to a new process.
    while not is_over.wait(_PAUSE):
        if _was_orphan() or any(_parent_of(process) != parent for process, parent in parents):
            _Caller.has_ended = True
            # To the thread, so that a read of the terminal there is interrupted.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            return


def _was_orphan() -> bool:
    """True if this process was left in somebody's session: its parent is not of that one.

    So it is if the caller ended before it was noted.
    """
    session = os.getsid(0)
    if session == os.getpid():
        return False
    found = _inspect(os.getppid())
    return found is not None and found[2] != session


def _parents() -> Iterator[tuple[int, int]]:
    process, parent, session = os.getpid(), os.getppid(), os.getsid(0)
    while True:
        yield process, parent
        found = _inspect(parent)
        if found is None or found[2] == parent:
            return
        if found[2] != session and found[0] not in _SHELLS:
            return
        process, parent = parent, found[1]


def _parent_of(process: int) -> int | None:
    if process == os.getpid():
        return os.getppid()
    found = _inspect(process)
    return None if found is None else found[1]


def _inspect(process: int) -> tuple[bytes, int, int] | None:
    """Return a process's name, parent and session; ``None``: it is gone, or this is not Linux."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow
            status = file.read()
    except OSError:
        return None
    # The name in parentheses may hold anything. After it: state, parent, process group, session
    # (proc_pid_stat(5)).
    name, _, rest = status.rpartition(b")")
    fields = rest.split()
    return name.partition(b"(")[2], int(fields[1]), int(fields[3])
