"""Try inputs on one parser, and check what comes of each."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rolehop.base.errors import RolehopError, ServiceError
from rolehop.terminal.drawing import as_text
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.output import write_lines
from tests.support.hostile import invisible_in

HANG_SECONDS = 5
"""Of the processor's time: a machine that stalls is no input that hangs. One that waits has longer."""

_WAITS = 60  # times as long: of a machine with work for fifty, this program may get that little


@dataclass(frozen=True)
class Parser:
    """What reads inputs from outside."""

    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    """Returns what may be shown (texts in any nesting), or anything."""

    expected: tuple[type[Exception], ...] = ()
    """What it may raise, besides errors of ours; none of these may be unexpected."""

    share: float = 4
    """How many inputs it gets, relative to others: those that are slow get fewer."""


class Hangs(BaseException):
    """An input took too long."""


def fuzz(parser: Parser, count: int, seed: int, *, hang_seconds: float = HANG_SECONDS) -> int:
    """Try ``count`` inputs; return how many were tried. Raises what is wrong with one of them."""
    tried = 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(value=parser.inputs)
    def once(value: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            with _limited(hang_seconds):
                check(parser, value)
        except Hangs as error:  # hypothesis ends at once, and says of none which it was
            error.add_note(f"Hanging input: {value!r}")
            raise

    once()
    return tried


def check(parser: Parser, value: Any) -> None:
    """Read one input; what is shown of it has no control character."""
    try:
        found = parser.read(value)
    except RolehopError as error:
        shown = as_text(error_lines(error))
    except parser.expected as error:
        shown = as_text(error_lines(ServiceError("it makes no sense", cause=str(error))))
    else:
        shown = found if isinstance(found, str) else ""
    screen = io.StringIO()
    write_lines(shown, screen)
    hidden = invisible_in(screen.getvalue())
    assert not hidden, f"on the terminal: {hidden!r}"


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise `Hangs` in here after ``seconds`` of work; threads other than the first have no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hangs(*_: object) -> None:
        raise Hangs(f"it took longer than {seconds} s")

    timers = (signal.ITIMER_PROF, signal.SIGPROF), (signal.ITIMER_REAL, signal.SIGALRM)
    before = {number: signal.signal(number, hangs) for _, number in timers}
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _WAITS * seconds)
    try:
        yield
    finally:
        for timer, number in timers:
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
