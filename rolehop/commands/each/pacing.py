"""How fast a run goes: the rate at which commands begin, and how long AWS's throttling is waited out.

Waits are those of an event, so that a run that ends waits for nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]


class Rate(NamedTuple):
    """How many commands may begin in a time."""

    commands: int
    seconds: int = 1

    @property
    def interval(self) -> float:
        """Seconds between the beginnings of two commands."""
        return self.seconds / self.commands


class Pace:
    """Lets commands begin one after the other, no faster than a rate; safe to use from many threads."""

    def __init__(self, rate: Rate | None, clock: Clock = time.monotonic) -> None:
        """``None``: as fast as may be."""
        self._interval = 0.0 if rate is None else rate.interval
        self._clock = clock
        self._next = clock()
        self._guard = threading.Lock()

    def delay(self) -> float:
        """Take the next place, and return how many seconds it is away. None is saved up."""
        with self._guard:
            now = self._clock()
            at = max(now, self._next)
            self._next = at + self._interval
            return at - now


LONGEST_THROTTLED = 600.0
"""Seconds in which no walk of a run gets through, until its throttled targets are given up."""

_FIRST_PAUSES = (1.0, 3.0)
_PAUSE = 5.0


class ThrottlingPatience:
    """How long the walks of a run wait for AWS, all together; safe to use from many threads."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Wait from now on."""
        self._clock = clock
        self._since = clock()

    def got_through(self) -> None:
        """Note that a walk was not throttled: others may get through, too."""
        self._since = self._clock()

    def pause(self, tries: int) -> float | None:
        """Return how many seconds a walk waits that was throttled ``tries`` times; ``None``: no more.

        Jitter keeps the walks from coming back together.
        """
        if self._clock() - self._since > LONGEST_THROTTLED:
            return None
        longest = _FIRST_PAUSES[tries - 1] if tries <= len(_FIRST_PAUSES) else _PAUSE
        return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
