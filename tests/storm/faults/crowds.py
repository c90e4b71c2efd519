"""Sixty processes at once, `logout` among them, while some of them are killed."""

from __future__ import annotations

import fcntl
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.storm.faults.arena import LONGEST_RUN, Arena, NotSurvived
from tests.storm.faults.items import GONE
from tests.storm.faults.kinds import kind
from tests.storm.faults.moments import Ending
from tests.storm.faults.proxy import Exchange, pass_on
from tests.support.world import Done

_MANY = 60
_COMMANDS = (
    *[["credential-process", "admin"], ["credential-process", "spokes/444444444444"]] * 3,
    ["credential-process", "by-keys"], ["credential-process", "narrow"], ["refresh", "*"], ["refresh", "admin"], ["status"],
    ["logout", "--all"], ["logout", "hub"],
)  # fmt: skip


class _Gate:
    """A file that is locked until all processes of a crowd are there, which then begin at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._guard = threading.Lock()
        self._there = 0
        self._all_there = threading.Event()
        self._endings: list[tuple[Ending, int]] = []

    def arrived(self, process: int, ending: Ending | None) -> None:
        """Count a process that waits now, and will get its signal once it does not."""
        with self._guard:
            self._there += 1
            if ending is not None:
                self._endings.append((ending, process))
            if self._there == _MANY:
                self._all_there.set()

    def open(self) -> None:
        """Wait until all are there, and let them in."""
        if not self._all_there.wait(LONGEST_RUN):
            raise NotSurvived(f"of {_MANY} processes, {self._there} could be started")
        for ending, process in self._endings:
            ending.started(process)
        self._file.close()


def _crowd(
    arena: Arena,
    *,
    killed: float = 0.0,
    act: Callable[[], object] = lambda: None,
    codes: tuple[int, ...] = (0,),
) -> None:
    """Run many commands at once, ``killed`` of them to a random moment only."""
    persons = [arena.person() for _ in range(6)]
    choice = arena.choice
    orders = [(choice.choice(_COMMANDS), choice.choice(persons)) for _ in range(_MANY)]
    orders[0] = (["logout", "--all"], persons[0])
    endings = [
        Ending(signal.SIGKILL, choice.uniform(0.0, 6.0)) if choice.random() < killed else None
        for _ in orders
    ]
    gate = _Gate(arena.world.folder / "gate")
    with ThreadPoolExecutor(_MANY + 1) as pool:
        futures = [
            (order, ending, pool.submit(_one, arena, order, ending, gate))
            for order, ending in zip(orders, endings, strict=True)
        ]
        gate.open()
        acting = pool.submit(_after, choice.uniform(0.5, 3.0), act)
        for order, ending, future in futures:
            done = future.result()
            if done.code not in codes and (ending is None or done.code != -signal.SIGKILL):
                raise NotSurvived(f"{' '.join(order[0])}: exit {done.code}: {done.err}")
        acting.result()
    arena.check_locks()
    arena.log_out()
    arena.heals(persons[0])


def _after(seconds: float, act: Callable[[], object]) -> None:
    time.sleep(seconds)
    act()


def _one(arena: Arena, order: Any, ending: Ending | None, gate: _Gate) -> Done:
    command, person = order
    try:
        return arena.run(
            *command,
            person=person,
            alone=False,
            started=lambda process: gate.arrived(process, ending),
            gate=str(gate.path),
            patience=LONGEST_RUN,
        )
    finally:
        if ending is not None:
            ending.close()


@kind("crowd: sixty with logout among them", once=True)
def _sixty(arena: Arena) -> None:
    _crowd(arena)


@kind("crowd: sixty, a fifth of them killed", once=True)
def _sixty_killed(arena: Arena) -> None:
    _crowd(arena, killed=0.2)


@kind("crowd: sixty, and the network fails now and then", once=True)
def _sixty_faults(arena: Arena) -> None:
    arena.proxy.next(*[pass_on, pass_on, Exchange.cut] * 12)
    try:
        _crowd(arena, codes=(0, 6))
    finally:
        arena.proxy.recover()


@kind("crowd: sixty, and the keyring is emptied", once=True)
def _sixty_emptied(arena: Arena) -> None:
    def empty() -> None:
        for each in arena.items.names():
            if f"keys/{arena.stored}" not in each:
                with suppress(*GONE):  # somebody logged out
                    arena.items.delete(each)

    _crowd(arena, act=empty)
