"""Run calls in threads that never keep the program from ending: many in parallel, one in time.

The standard library's pools wait at exit even for a thread that sits in a prompt, which would keep
a user waiting after Ctrl-C.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def parallel_map(items: Sequence[T], do: Callable[[T], R], jobs: int) -> list[R | Exception]:
    """Return the result of ``do`` for each item, in their order; an exception is a result.

    At most ``jobs`` run at once. Ctrl-C is raised at once; calls that have not begun never do.
    """
    waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    results: dict[int, R | Exception] = {}
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work() -> None:
        while (number := waiting.get()) is not None:
            try:
                results[number] = do(items[number])
            except Exception as error:  # noqa: BLE001 - the caller gets it as the result
                results[number] = error
            done.put(number)

    for number in range(len(items)):
        waiting.put(number)
    workers = min(jobs, len(items))
    for _ in range(workers):
        waiting.put(None)
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in items:
            done.get()
    except BaseException:
        while not waiting.empty():
            waiting.get()
        for _ in range(workers):
            waiting.put(None)
        raise
    return [results[number] for number in range(len(items))]


def call_within(seconds: float, function: Callable[[], T]) -> T:
    """Return what ``function`` returns, or raise what it raises.

    A call that has not ended after ``seconds`` goes on in its thread, and its result is lost.

    Raises:
        TimeoutError: it did not end in time.
    """
    outcome: queue.SimpleQueue[Callable[[], T]] = queue.SimpleQueue()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure = error
            outcome.put(lambda: _raise(failure))
        else:
            outcome.put(lambda: result)

    threading.Thread(target=run, daemon=True).start()
    try:
        ended = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    return ended()


def _raise(error: BaseException) -> NoReturn:
    raise error
