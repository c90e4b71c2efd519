"""Durations and moments as text for people."""

from __future__ import annotations

from datetime import datetime

from rolehop.durations import format_duration

MINUTE = 60


def show_end(expires_at: datetime | None, now: datetime, *, long_lived: bool) -> str:
    """Return the time left, or why there is no end."""
    if expires_at is not None:
        return show_left(expires_at, now)
    return "does not end: IAM user keys" if long_lived else "end unknown"


def show_left(expires_at: datetime, now: datetime) -> str:
    """Return e.g. ``43 min left``, ``2 h 5 min left`` or ``expired``."""
    seconds = int((expires_at - now).total_seconds())
    return "expired" if seconds <= 0 else f"{show_span(seconds)} left"


def show_span(seconds: int) -> str:
    """Return a length of time in seconds as e.g. ``45 s``, ``43 min`` or ``2 h 5 min``.

    Seconds are dropped from one minute on.
    """
    return format_duration(seconds if seconds < MINUTE else seconds - seconds % MINUTE)


def show_local(moment: datetime) -> str:
    """Return an aware moment as ``2026-08-01 14:00``, in this machine's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def rfc3339(moment: datetime | None) -> str | None:
    """Return an aware UTC moment as ``2026-08-01T12:00:00Z``."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def seconds_left(expires_at: datetime, now: datetime) -> int:
    """Return whole seconds until ``expires_at``, never below zero."""
    return max(0, int((expires_at - now).total_seconds()))
