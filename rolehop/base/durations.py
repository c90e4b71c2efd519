"""Durations and moments as text (``1h30m``), and whether a session has enough time left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rolehop.base.startup import Pattern
from rolehop.base.text import pluralize, quoted
from rolehop.hotpath.record import started_at

_UNITS = (("h", 3600), ("min", 60), ("s", 1))

_DURATION = Pattern(
    r"(?:(?P<h>[0-9]{1,9})\s*h)?\s*(?:(?P<min>[0-9]{1,9})\s*m(?:in)?)?\s*(?:(?P<s>[0-9]{1,9})\s*s)?"
)

_BARE = Pattern(r"[0-9]{1,9}")

YEARS = 200, 9800
"""So far from either end of the calendar that time zones and differences of clocks can be applied."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock may have been set back before sessions issued earlier are passed over."""

_CLOCK_STEP = timedelta(seconds=5)
"""A clock that was set by less than this was not set: sleep and rounding move it so much."""


def parse_duration(text: str) -> int:
    """Return the seconds of ``90s``, ``30m``, ``1h``, ``1h30m`` or a bare ``3600``.

    The output of ``format_duration`` is accepted too.

    Raises:
        ValueError: ``text`` is none of these.
    """
    trimmed = text.strip()
    if _BARE.fullmatch(trimmed):
        return int(trimmed)
    match = _DURATION.fullmatch(trimmed)
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f'not a duration: {quoted(text)}; write it like "90s", "30m" or "1h30m"')
    return sum(int(match[unit] or 0) * seconds for unit, seconds in _UNITS)


def format_duration(seconds: int) -> str:
    """Return ``seconds`` for a person: ``1 h``, ``30 min``, ``1 h 30 min``, ``45 s``."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"


def written_duration(seconds: int) -> str:
    """Return ``seconds`` as people write them into a config: ``1h``, ``30m``, ``1h30m``, ``45s``."""
    return format_duration(seconds).replace("min", "m").replace(" ", "")


def read_moment(text: object) -> datetime:
    """Return the moment that an ISO 8601 text from a file or from outside names, in UTC.

    Raises:
        ValueError: "is not a time", or "has no time zone".
    """
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or not YEARS[0] < found.year < YEARS[1]:
        raise ValueError("is not a time")
    if found.tzinfo is None:
        raise ValueError("has no time zone")
    return found.astimezone(UTC)


def start_of_machine(now: datetime) -> datetime:
    """Return when this machine started, by its clock, which says ``now``."""
    return datetime.fromtimestamp(started_at(now.timestamp()), UTC)


def end_by_new_clock(
    local_expires_at: datetime, expires_at: datetime, shift: timedelta
) -> datetime:
    """Return when a session ends by this machine's clock if that may have been set meanwhile.

    ``expires_at`` is by AWS's clock. ``shift`` is how far the moment at which this machine started,
    by its clock, has moved since the session was received: as far as the clock was set, unless the
    machine was started again. Then the earlier of the two ends holds, since nobody knows which
    clock is right.
    """
    if abs(shift) <= _CLOCK_STEP:
        return local_expires_at
    return min(local_expires_at, expires_at, local_expires_at + min(shift, timedelta()))


def is_fresh(
    issued_at: datetime, local_expires_at: datetime, now: datetime, min_ttl: timedelta
) -> bool:
    """True if a session has enough life left; all times are by this machine's clock.

    Enough is ``min_ttl``, but never more than half of the session's lifetime: a session of 15
    minutes would otherwise never be served from the vault. A session from the future is one from
    before the clock was set back: how long it still lasts is not known.
    """
    if issued_at - now > CLOCK_TOLERANCE:
        return False
    life = max(local_expires_at - issued_at, timedelta())  # less than none: the clock was set back
    return local_expires_at - now >= min(min_ttl, life / 2)


MINUTE, HOUR = 60, 3600
EXPIRED = "expired"


def show_end(expires_at: datetime | None, now: datetime, *, long_lived: bool) -> str:
    """Return the time left, or why there is no end."""
    if expires_at is not None:
        return show_left(expires_at, now)
    return "does not end: IAM user keys" if long_lived else "end unknown"


def show_left(expires_at: datetime, now: datetime) -> str:
    """Return e.g. ``43 min left``, ``2 h 5 min left`` or ``expired``."""
    seconds = _left(expires_at, now)
    return f"{show_span(seconds)} left" if seconds else EXPIRED


def short_left(expires_at: datetime, now: datetime) -> str:
    """Return the same for a column: ``43 min``, ``2 h 05``, ``3 h`` or ``expired``."""
    seconds = _left(expires_at, now)
    hours, minutes = seconds // HOUR, seconds % HOUR // MINUTE
    if not seconds or not hours or not minutes:
        return show_span(seconds) if seconds else EXPIRED
    return f"{hours} h {minutes:02d}"


def _left(expires_at: datetime, now: datetime) -> int:
    """Return the seconds left, from a minute on to the nearest minute: a new hour is one."""
    seconds = max(0, int((expires_at - now).total_seconds()))
    return seconds if seconds < MINUTE else (seconds + MINUTE // 2) // MINUTE * MINUTE


def show_span(seconds: int) -> str:
    """Return a length of time in seconds as e.g. ``45 s``, ``43 min`` or ``2 h 5 min``.

    Seconds are dropped from one minute on.
    """
    return format_duration(seconds if seconds < MINUTE else seconds - seconds % MINUTE)


def show_local(moment: datetime) -> str:
    """Return an aware moment as ``2026-08-01 14:00``, in this machine's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def show_clock(moment: datetime, now: datetime) -> str:
    """Return an aware moment as ``14:00`` if it is today in this machine's time zone, else with its date."""
    local = moment.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else show_local(moment)


def rfc3339(moment: datetime | None) -> str | None:
    """Return an aware UTC moment as ``2026-08-01T12:00:00Z``."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def seconds_left(expires_at: datetime, now: datetime) -> int:
    """Return whole seconds until ``expires_at``, never below zero."""
    return max(0, int((expires_at - now).total_seconds()))


def age_text(at: datetime, now: datetime) -> str:
    """Return how long ago ``at`` was; a clock that was set back by less than a day makes it now."""
    ahead = (at - now).days
    if ahead > 0:
        return f"{pluralize(ahead, 'day')} ahead of this clock"
    seconds = max(0, int((now - at).total_seconds()))
    days = seconds // 86_400
    return f"{pluralize(days, 'day')} ago" if days else f"{show_span(seconds)} ago"
