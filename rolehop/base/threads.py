"""Run calls in threads that never keep the program from ending: many in parallel, one in time.

The standard library's pools wait at exit even for a thread that sits in a prompt, which would keep
a user waiting after Ctrl-C.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn, TypeVar

from rolehop.base.time_limit import comes_within

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
        with _one_helper():
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


def result_of(result: R | Exception) -> R:
    """Return a result of `parallel_map`, or raise it if it is an exception."""
    if isinstance(result, Exception):
        raise result
    return result


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

    helper = _of_thread.helper or _Helper()
    helper.start(run)
    if _of_thread.helper is None:
        helper.end()
    ended: list[Callable[[], T]] = []

    def take(part: float) -> bool:
        with suppress(queue.Empty):
            ended.append(outcome.get(timeout=part))
        return bool(ended)

    if not comes_within(seconds, take):
        if _of_thread.helper is not None:
            helper.end()
            _of_thread.helper = _Helper()
        raise TimeoutError
    return ended[0]()


def _raise(error: BaseException) -> NoReturn:
    raise error


class _Helper:
    """A thread for calls one after the other, started for the first of them."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._is_started = False

    def start(self, call: Callable[[], None]) -> None:
        """Make ``call``, which raises nothing, once those before have ended."""
        self._calls.put(call)
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Let the thread end once it has made its calls."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # what it knows may be secret, and the next one may be late


class _OfThread(threading.local):
    helper: _Helper | None = None


_of_thread = _OfThread()


@contextmanager
def _one_helper() -> Iterator[None]:
    """Let a single thread make all `call_within` of this one: starting one costs as much as a call."""
    _of_thread.helper = _Helper()
    try:
        yield
    finally:
        _of_thread.helper.end()
        _of_thread.helper = None
