from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.durations import format_duration, is_fresh, parse_duration

UP_TO_MONTHS = st.integers(min_value=0, max_value=10_000_000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("12h", 43_200),
        ("1h30m", 5400),
        ("1h30s", 3630),
        ("1h1m1s", 3661),
        ("3600", 3600),
        ("0", 0),
        (" 1 h 30 min ", 5400),
        ("45 s", 45),
    ],
)
def test_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "h",
        "-1",
        "1d",
        "1H",
        "30m1h",
        "1.5h",
        "1h 1h",
        "٣m",
        "-5m",
        "1hour",
        "1h\0",
        "9" * 10,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600, "1 h"),
        (1800, "30 min"),
        (5400, "1 h 30 min"),
        (45, "45 s"),
        (0, "0 s"),
        (3661, "1 h 1 min 1 s"),
    ],
)
def test_shown(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@given(UP_TO_MONTHS)
def test_what_is_shown_is_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 99), st.integers(0, 999), st.integers(0, 9999))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == total


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_clean_refusal(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0


def test_a_session_that_is_over_is_not_fresh_however_far_the_clock_was_set_back() -> None:
    received = datetime(2030, 1, 1, 12, tzinfo=UTC)
    ended, now = received - timedelta(minutes=6), received - timedelta(minutes=4)
    assert not is_fresh(received, ended, now, timedelta(seconds=2))
