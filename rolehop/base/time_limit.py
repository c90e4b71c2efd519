"""Limits for everything a thread, or the whole program, does until a moment.

Held locks and whole calls are limited by `time_limit`: a slow server cannot use the time of three
attempts three times over. A limit inside another one never extends it. `program_time_limit` is for
programs whose caller gives up after a while, and interrupts whatever is going on. Neither counts
the time that a person takes to answer.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

_SOON = 0.01  # seconds
_AGAIN = 0.25  # seconds
_PART = 1.0  # seconds; so often `comes_within` looks at the clock
_STOPPED = 1.0  # seconds; a wait that ends later than this was not awake all the time


class _Limits(threading.local):
    def __init__(self) -> None:
        self.ends: list[float] = []
        self.is_unattended = False
        self.is_program = False
        self.uninterrupted = 0  # nested blocks
        self.is_interrupted = False


_limits = _Limits()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit what this thread does in the block to ``seconds``, or to what is left of a limit."""
    _limits.ends.append(min([time.monotonic() + seconds, *_limits.ends]))
    try:
        yield
    finally:
        _limits.ends.pop()


@contextmanager
def time_limit_paused() -> Iterator[None]:
    """Do not count the time in the block: a person is being asked."""
    if _limits.is_unattended:
        yield
        return
    begun = time.monotonic()
    try:
        with nullcontext() if _limits.is_program else _alarm_paused():
            yield
    finally:
        waited = time.monotonic() - begun
        _limits.ends[:] = [end + waited for end in _limits.ends]


@contextmanager
def unattended() -> Iterator[None]:
    """Let nothing that this thread does in the block pause a limit: nobody can be asked there."""
    before, _limits.is_unattended = _limits.is_unattended, True
    try:
        yield
    finally:
        _limits.is_unattended = before


@contextmanager
def program_may_ask() -> Iterator[None]:
    """Let pauses in the block not stop `program_time_limit`: a program runs, and may ask a person.

    It cannot be seen whether it does, and whoever called this process waits no longer for that.
    """
    before, _limits.is_program = _limits.is_program, True
    try:
        yield
    finally:
        _limits.is_program = before


class OutOfTime(BaseException):
    """The program's time is up; not an Exception, so that no handler takes it for a failure."""


@contextmanager
def program_time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block with `OutOfTime` after ``seconds``; main thread only, not on Windows.

    The timer rings until the block is left: Python learns of a signal that comes just before a
    blocking call when that call returns, and drops an exception in ``__del__`` or in a callback of
    its own. What cleans up after the first exception is not interrupted again.

    A limit inside another one never extends it. Windows has no timer signals; the SDKs that end a
    credential process there do it themselves.

    Raises:
        OutOfTime: the time is up.
    """
    if not _has_alarm():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        _limits.is_interrupted = True
        if not _limits.uninterrupted and not _is_cleaning_up():
            raise OutOfTime

    _limits.is_interrupted = False
    outer = signal.setitimer(signal.ITIMER_REAL, 0)[0]
    begun = min(seconds, outer or seconds)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with _nothing_said_of_dropped():
            signal.setitimer(signal.ITIMER_REAL, begun, _AGAIN)
            yield
    finally:
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        signal.signal(signal.SIGALRM, before)
        _limits.is_interrupted = False
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(_SOON, outer - (begun - left)), _AGAIN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let `program_time_limit` interrupt the block only once it is left.

    For an exchange whose answer takes the place of what was sent, until it is stored: a refresh
    token, for example, is good once. The limits of each call in it still hold.

    Raises:
        OutOfTime: the program's time was up meanwhile.
    """
    _limits.uninterrupted += 1
    try:
        yield
    finally:
        _limits.uninterrupted -= 1
        if _limits.is_interrupted and not _limits.uninterrupted:
            raise OutOfTime


def _is_cleaning_up() -> bool:
    """Return whether the interrupted code runs because of an `OutOfTime` that is on its way out."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, OutOfTime):
        error = error.__context__
    return error is not None


@contextmanager
def _nothing_said_of_dropped() -> Iterator[None]:
    """Let Python write nothing to stderr about an `OutOfTime` that it drops: another one comes."""

    def unraisable(found: sys.UnraisableHookArgs, /) -> None:
        if found.exc_type is not OutOfTime:
            before(found)

    before, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _alarm_paused() -> Iterator[None]:
    left = signal.setitimer(signal.ITIMER_REAL, 0)[0] if _has_alarm() else 0.0
    try:
        yield
    finally:
        if left and _has_alarm():
            signal.setitimer(signal.ITIMER_REAL, left, _AGAIN)


def _has_alarm() -> bool:
    main = threading.current_thread() is threading.main_thread()
    return main and hasattr(signal, "setitimer")


def seconds_left(at_most: float) -> float:
    """Return the seconds that are left of this thread's limit, ``at_most`` if it has none."""
    if not _limits.ends:
        return at_most
    return max(0.0, min(at_most, _limits.ends[-1] - time.monotonic()))


def comes_within(seconds: float, take: Callable[[float], bool]) -> bool:
    """True if ``take``, which waits for the seconds that it is given, is true within ``seconds``.

    Time in which this process was stopped does not count (Ctrl-Z, a frozen container): an answer may
    have come meanwhile, and the thread that fetches it was stopped, too.
    """
    left = max(0.0, seconds)
    while True:
        part, begun = min(left, _PART), time.monotonic()
        if take(part):
            return True
        if time.monotonic() - begun > part + _STOPPED:
            left = max(left, min(seconds, _PART))
        else:
            left -= part
        if left <= 0:
            return False
