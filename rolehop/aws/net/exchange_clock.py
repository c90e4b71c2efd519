"""How far a server's clock is from this machine's, as one exchange with it shows.

The Date of an answer was true at some moment between sending and receiving. If the machine slept in
between, or its clock was set, that moment is not now, and the difference says nothing: a session would
be taken for alive a night after its end.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from rolehop.base.dataclass import dataclass
from rolehop.hotpath.record import seconds_since_start

_CLOSE_TOGETHER = timedelta(seconds=10)
"""A session's end may be misjudged by as much as an exchange took."""

_SAME_CLOCK = timedelta(seconds=1)
"""A Date header has whole seconds, and an answer takes time."""

_NO_CLOCK = timedelta(days=100 * 365)
"""Farther off than a clock that was reset to 1970."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by this machine's two clocks, in seconds."""

    shown: float
    """Since the epoch, by the clock that can be set."""

    elapsed: float
    """By the one that cannot, and that runs on while the machine sleeps."""

    def since(self, earlier: Moment) -> timedelta:
        """Return the longer of the times that the two clocks say have passed.

        They differ if the clock was set, or if a virtual machine stood still and was told the time.
        """
        shown, elapsed = self.shown - earlier.shown, self.elapsed - earlier.elapsed
        return timedelta(seconds=max(abs(shown), elapsed))


def this_moment() -> Moment:
    """Read both clocks."""
    return Moment(time.time(), seconds_since_start())


def offset_of_server(date: datetime | None, sent: Moment, received: Moment) -> timedelta | None:
    """Return the server's clock minus this machine's, in whole seconds; ``None``: it is not known.

    Args:
        date: what the answer has as its Date: aware; ``None``: nothing.
        sent: before the request was sent.
        received: when the answer was there.
    """
    if date is None or received.since(sent) > _CLOSE_TOGETHER:
        return None
    offset = date - datetime.fromtimestamp(received.shown // 1, UTC)
    if abs(offset) <= _SAME_CLOCK:
        return timedelta()
    return offset if abs(offset) < _NO_CLOCK else None
