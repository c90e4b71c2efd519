"""Nested calls have room: none of them gets memory from the system each time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from rolehop.cli.main import call_with_room

_CALLS = 100


def leaf() -> tuple[int, ...]:
    """Need more memory than `at_depth`, so that at some depth only this one does not fit."""
    a = b = c = d = e = f = g = h = 1
    return (a, b, c, d, e, f, g, h, *(a, b, c, d, e, f, g, h))


def at_depth(depth: int, measure: Callable[[], int]) -> int:
    return at_depth(depth - 1, measure) if depth else measure()


def most_pages() -> int:
    """Return how many pages 100 calls cost at the depth where they cost most."""
    resource = pytest.importorskip("resource")

    def pages() -> int:
        before = resource.getrusage(whose).ru_minflt
        for _ in range(_CALLS):
            leaf()
        return int(resource.getrusage(whose).ru_minflt - before)

    def at_least() -> int:
        # A page that the system took away meanwhile comes back once.
        return min(pages() for _ in range(3))

    whose = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return max(at_depth(depth, at_least) for depth in range(sys.getrecursionlimit() // 4))


def test_at_no_depth_do_calls_cost_memory_each_time() -> None:
    assert call_with_room(most_pages) < _CALLS // 2


def test_a_call_with_room_is_a_call() -> None:
    assert call_with_room(divmod, 7, 2) == (3, 1)
    assert call_with_room(sorted, [2, 1], reverse=True) == [2, 1]
    with pytest.raises(ZeroDivisionError):
        call_with_room(divmod, 1, 0)


def test_calls_without_end_are_an_error_and_no_crash() -> None:
    def again() -> int:
        return call_with_room(again)

    with pytest.raises(RecursionError):
        again()
