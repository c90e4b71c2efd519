"""Limits of what a thread, or the whole program, may take."""

from __future__ import annotations

import time

import pytest

from rolehop.time_limit import (
    OutOfTime,
    program_time_limit,
    seconds_left,
    time_limit,
    time_limit_paused,
    unattended,
)


def test_where_nobody_can_be_asked_no_time_is_free() -> None:
    def wait() -> None:
        with program_time_limit(0.2), unattended(), time_limit_paused():
            time.sleep(5)

    with pytest.raises(OutOfTime):
        wait()
    with time_limit(30):
        with unattended(), time_limit_paused():
            time.sleep(0.1)
        assert seconds_left(60) <= 29.9


def test_the_time_of_a_person_is_free() -> None:
    with program_time_limit(0.2), time_limit(30), time_limit_paused():
        time.sleep(0.3)
