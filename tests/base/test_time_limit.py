"""Limits of what a thread, or the whole program, may take."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

import pytest

from rolehop.base import time_limit as limits
from rolehop.base.threads import call_within
from rolehop.base.time_limit import (
    OutOfTime,
    comes_within,
    program_may_ask,
    program_time_limit,
    seconds_left,
    time_limit,
    time_limit_paused,
    unattended,
    uninterrupted,
)
from rolehop.vault.storage import Deadline


def test_time_in_which_this_process_was_stopped_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, waits = [0.0], list[float]()
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def take(seconds: float) -> bool:
        waits.append(seconds)
        now[0] += seconds if len(waits) < 5 else 3600
        return len(waits) == 6

    assert comes_within(4.5, take)
    assert waits == [1, 1, 1, 1, 0.5, 1]
    assert not comes_within(0, lambda _: False)


@pytest.mark.parametrize(
    "call", [partial(Deadline(0.05).call, "testing"), partial(call_within, 0.05)]
)
def test_an_answer_that_came_while_this_process_was_stopped_is_taken(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[Callable[[], bool]], bool]
) -> None:
    goes_on, looks = threading.Event(), itertools.count()

    def monotonic() -> float:
        look = next(looks)
        if look:
            goes_on.set()
        return look * 3600.0

    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=monotonic))
    assert call(lambda: goes_on.wait(60)) is True


def test_if_prompts_are_off_all_time_counts() -> None:
    def wait() -> None:
        with program_time_limit(0.2), unattended(), time_limit_paused():
            time.sleep(5)

    with pytest.raises(OutOfTime):
        wait()
    with time_limit(30):
        with unattended(), time_limit_paused():
            time.sleep(0.1)
        assert seconds_left(60) <= 29.9


def test_an_interruption_that_python_drops_comes_again() -> None:
    class Slow:
        def __del__(self) -> None:
            time.sleep(5)

    def wait() -> None:
        with program_time_limit(0.2):
            slow = Slow()
            del slow
            time.sleep(20)

    with pytest.raises(OutOfTime):
        wait()


def test_an_interruption_that_other_code_drops_comes_again() -> None:
    def wait() -> None:
        with program_time_limit(0.2):
            with suppress(BaseException):
                time.sleep(20)
            time.sleep(20)

    with pytest.raises(OutOfTime):
        wait()


def test_cleaning_up_is_interrupted_only_once() -> None:
    rung, handler = threading.Event(), signal.getsignal(signal.SIGALRM)

    def wait() -> None:
        with program_time_limit(600):
            interrupt = signal.getsignal(signal.SIGALRM)
            assert callable(interrupt)
            try:
                signal.raise_signal(signal.SIGALRM)  # its time is up
            finally:
                try:
                    int("no number")
                except ValueError:
                    interrupt(signal.SIGALRM, None)
                interrupt(signal.SIGALRM, None)
                rung.set()

    with pytest.raises(OutOfTime):
        wait()
    assert rung.is_set()
    assert signal.getsignal(signal.SIGALRM) == handler


def test_the_time_of_a_program_that_may_ask_counts_for_the_caller_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wait() -> None:
        with program_time_limit(0.2), program_may_ask(), time_limit_paused():
            time.sleep(5)

    with pytest.raises(OutOfTime):
        wait()
    now = [1_000.0]
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with time_limit(30), program_may_ask():
        with time_limit_paused():
            now[0] += 500
        assert seconds_left(60) == 30


def test_the_time_of_a_person_is_free() -> None:
    def alarm() -> float:
        return signal.getitimer(signal.ITIMER_REAL)[0]

    with program_time_limit(600), time_limit(600):
        with time_limit_paused():
            assert alarm() == 0
        assert 0 < alarm() <= 600


def test_an_exchange_ends_before_the_program_is_interrupted() -> None:
    done: list[str] = []

    def refresh() -> None:
        with program_time_limit(600), uninterrupted():
            with uninterrupted():
                signal.raise_signal(signal.SIGALRM)  # its time is up
                done.append("sent")
            done.append("stored")
        done.append("went on")

    with pytest.raises(OutOfTime):
        refresh()
    assert done == ["sent", "stored"]
    with program_time_limit(600), uninterrupted():
        done.append("again")
