"""Inject faults one after the other, in several worlds side by side, and count what was survived."""

from __future__ import annotations

import faulthandler
import itertools
import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.storm.faults import (
    answers,
    clocks,
    crowds,
    disks,
    keyrings,
    servers,
    signals,
    state,
    stored_keys,
)
from tests.storm.faults.arena import LONGEST_RUN, Arena, NotSurvived, arena
from tests.storm.faults.kinds import KINDS, Kind

_MODULES = (answers, clocks, crowds, disks, keyrings, servers, signals, state, stored_keys)
_BETWEEN_LOGOUTS = 20
_BETWEEN_LINES = 100
_TRIES = 6  # for a fault that came too late
_IN_VAIN = 50  # one of so many may come too late each time
_LONGEST_FAULT = 2 * LONGEST_RUN  # seconds


@dataclass
class Report:
    """What came of the faults."""

    injected: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def count(self, kind: str, *, hit: bool, problem: str) -> None:
        """Count a fault, unless it came too late to be one."""
        if hit:
            self.injected[kind] += 1
            self.survived[kind] += not problem


@dataclass(frozen=True)
class _Fault:
    kind: Kind
    round: int
    backend: str


_LAST = _Fault(Kind("nothing: the keyring is cleared", lambda world: world.log_out()), 0, "")


def blow(
    *,
    faults: int,
    seed: int,
    lanes: Sequence[str],
    kinds: Sequence[Kind] | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Report:
    """Inject at least ``faults``, in one world for each of ``lanes``: their back ends.

    If no world has come to the end of a fault for a long time, one hangs: this process says where
    its threads are, and ends.
    """
    report, guard = Report(), threading.Lock()
    queues = _queues(faults, seed, lanes, kinds or list(KINDS.values()))

    def run(number: int) -> None:
        backend = lanes[number]
        _run_lane(backend, str(number), queues[backend], seed, report, guard, say)

    _expect_progress()
    with ThreadPoolExecutor(len(lanes)) as pool:
        for each in [pool.submit(run, number) for number in range(len(lanes))]:
            each.result()
    faulthandler.cancel_dump_traceback_later()
    return report


def _expect_progress() -> None:
    """Give the next fault its time."""
    faulthandler.dump_traceback_later(_LONGEST_FAULT, exit=True, file=2)


def _queues(
    faults: int, seed: int, lanes: Sequence[str], kinds: Sequence[Kind]
) -> dict[str, list[_Fault]]:
    """Return the faults of each back end, shuffled; the slow ones come first."""
    queues: dict[str, list[_Fault]] = {each: [] for each in lanes}
    slow = [_Fault(each, 1, b) for each in kinds if each.once for b in queues if b in each.backends]
    quick = [each for each in kinds if not each.once and queues.keys() & set(each.backends)]
    count = max(0, faults + faults // _IN_VAIN - len(slow)) if quick else 0
    for fault in [*slow, *itertools.islice(_rounds(seed, lanes, quick), count)]:
        queues[fault.backend].append(fault)
    return queues


def _rounds(seed: int, lanes: Sequence[str], kinds: Sequence[Kind]) -> Iterator[_Fault]:
    """Yield each kind once in each round, without end; from round to round on another lane."""
    order = random.Random(seed)  # noqa: S311 - the same faults again for the same seed
    for number in itertools.count(1):
        for each in order.sample(kinds, len(kinds)):
            possible = [lane for lane in lanes if lane in each.backends]
            yield _Fault(each, number, possible[(number + len(each.name)) % len(possible)])


def _run_lane(
    backend: str,
    name: str,
    queue: list[_Fault],
    seed: int,
    report: Report,
    guard: threading.Lock,
    say: Callable[[str], object],
) -> None:
    """Inject the faults of ``queue``, which lanes of one back end share; a new world after harm."""
    worlds, has_ended = 0, False
    while not has_ended:
        worlds += 1
        since: list[str] = []
        with arena(backend, f"{name}-{worlds}") as world:
            for count in itertools.count(1):
                with guard:
                    fault = queue.pop(0) if queue else _LAST
                has_ended = fault is _LAST
                label = f"{fault.kind.name}, round {fault.round}, {backend}"
                hit, problem = _inject(fault, world, f"{seed} {label}")
                since.append(label)
                if not problem and count % _BETWEEN_LOGOUTS == 0:
                    _, problem = _inject(_LAST, world, "")
                    label = f"one of {', '.join(since)}"
                    since.clear()
                _expect_progress()
                with guard:
                    if fault is not _LAST:
                        report.count(fault.kind.name, hit=hit, problem=problem)
                        if report.injected.total() % _BETWEEN_LINES == 0 and hit:
                            say(f"{report.injected.total()} injected so far")
                    if problem:
                        report.wrong.append(f"{label}: {problem}")
                        say(f"NOT SURVIVED: {label}: {problem}")
                if problem or has_ended:
                    break


def _inject(fault: _Fault, world: Arena, seed: str) -> tuple[bool, str]:
    """Return whether it came in time to be a fault, and what was wrong."""
    for attempt in range(_TRIES):
        world.choice = random.Random(f"{seed} {attempt}")  # noqa: S311 - likewise
        world.said, world.met, world.attempt = "", 0, attempt
        try:
            if fault.kind.act(world) is not False:
                return True, ""
        except NotSurvived as error:
            return True, f"{error}{world.said}"
        except Exception:  # noqa: BLE001 - what is reported, with all that is known
            return True, traceback.format_exc() + world.said
    return False, ""
