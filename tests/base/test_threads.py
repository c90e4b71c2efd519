"""Threads that make calls within a limit."""

from __future__ import annotations

import threading

import pytest

from rolehop.base.threads import call_within, parallel_map

_GUARD_SECONDS = 60


def _thread_of_call() -> threading.Thread:
    return call_within(_GUARD_SECONDS, threading.current_thread)


def test_the_calls_of_one_worker_share_a_thread_which_ends_with_it() -> None:
    threads = parallel_map(range(3), lambda _: _thread_of_call(), 1)
    (thread,) = set(threads)
    assert isinstance(thread, threading.Thread)
    assert thread is not threading.current_thread()
    thread.join(_GUARD_SECONDS)
    assert not thread.is_alive()


def test_a_late_call_keeps_no_other_one_waiting() -> None:
    may_end = threading.Event()

    def work(_: int) -> tuple[threading.Thread, threading.Thread]:
        late = _thread_of_call()
        with pytest.raises(TimeoutError):
            call_within(0, may_end.wait)
        return late, _thread_of_call()

    (result,) = parallel_map([0], work, 1)
    assert isinstance(result, tuple)
    late, next_one = result
    assert late is not next_one
    assert late.is_alive()
    may_end.set()
    for thread in (late, next_one):
        thread.join(_GUARD_SECONDS)
        assert not thread.is_alive()
