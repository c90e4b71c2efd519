"""Times as people say them: what is left, and when that is."""

from __future__ import annotations

from datetime import datetime

MINUTE = 60
HOUR = 3600


def show_left(expires_at: datetime | None, now: datetime) -> str:
    """Return e.g. ``43 min left``, ``2 h 05 min left`` or ``expired``."""
    if expires_at is None:
        return "no end"
    seconds = int((expires_at - now).total_seconds())
    return "expired" if seconds <= 0 else f"{show_span(seconds)} left"


def show_span(seconds: int) -> str:
    """Return a length of time in seconds as e.g. ``45 s``, ``43 min`` or ``2 h 05 min``."""
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    hours, rest = divmod(seconds, HOUR)
    minutes = rest // MINUTE
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"


def rfc3339(moment: datetime | None) -> str | None:
    """Return an aware UTC moment as ``2026-08-01T12:00:00Z``."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def seconds_left(expires_at: datetime, now: datetime) -> int:
    """Return whole seconds until ``expires_at``, never below zero."""
    return max(0, int((expires_at - now).total_seconds()))
