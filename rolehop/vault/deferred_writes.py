"""Vaults for walking many chains at once, which store many sessions together.

Storing one by one rewrites the index and the keyring's own file each time; two hundred sessions
took longer to store than to get. Until then, sessions are found in memory. If the program dies in
between they are lost and walked again, which costs only calls.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from rolehop.base.credentials import Session
from rolehop.plan.model import HopStep, ScopeStep, Step
from rolehop.vault.index import SessionToStore
from rolehop.vault.sessions import KeyringVault

STORED_AFTER_SECONDS = 5.0

MOST_WAITING = 32
"""Sessions that are stored together: few enough that no reader of the keyring waits for long."""

MOST_STORED = 200
"""Sessions of one run that are stored, besides those below which others hang.

A desktop's keyring takes 0.1 s for each of two thousand, longer than AWS; the kernel's has no room.
"""

_MOST_FOUND = 256
"""Sessions kept in memory; hops that many chains share are used again and again, and stay."""


class BatchVault:
    """Implements ``ports.Vault`` over another, for walks that make every hop again.

    A session of this batch is found by the batch's other walks. Of what is stored only the sessions
    of sources are found, which the caller passes over if they are old.
    """

    def __init__(self, vault: KeyringVault) -> None:
        self._vault = vault
        self._guard = threading.Lock()
        self._found: dict[str, Session | None] = {}
        self._waiting: dict[str, SessionToStore] = {}

    def get(self, step: Step, chain: str) -> Session | None:
        """Return this batch's session; for steps that are no hop or scope, else the stored one."""
        with self._guard:
            if step.key not in self._found and not isinstance(step, HopStep | ScopeStep):
                self._found[step.key] = self._vault.get(step, chain)
            if step.key in self._waiting:
                _note(self._waiting, step, self._waiting[step.key].session, chain)
            return self._found.get(step.key)

    def put(self, step: Step, session: Session, chain: str) -> None:
        """Hold ``session`` in memory until :meth:`store`."""
        with self._guard:
            self._found[step.key] = session
            _note(self._waiting, step, session, chain)

    def drop(self, key: str, access_key_id: str) -> None:
        """Remove the session under ``key`` if it still has this access key ID."""
        with self._guard:
            found = self._found.get(key)
            if found is None or found.credentials.access_key_id == access_key_id:
                self._found.pop(key, None)
                self._waiting.pop(key, None)
            self._vault.drop(key, access_key_id)

    def store(self, on_stored: Callable[[int, int], object]) -> None:
        """Store all sessions with few changes of the index, one item after the other.

        ``on_stored`` is told now and then how many are stored by now, and how many there are.
        """
        with self._guard:
            waiting, self._waiting = list(self._waiting.values()), {}
        self._vault.put_all(waiting, on_stored)


class GatheringVault:
    """Implements ``ports.Vault`` over another, for a long run; safe to use from many threads.

    Unlike `BatchVault` it finds what is stored, and stores some sessions at a time while the run
    goes on: it may take hours, and a killed one should not have to ask AWS again. Of very many
    sessions it stores the first ones, and those that others were made with.
    """

    def __init__(self, vault: KeyringVault, clock: Callable[[], float] = time.monotonic) -> None:
        self._vault = vault
        self._clock = clock
        self._stored_at = clock()
        self._guard = threading.Lock()
        self._storing = threading.Lock()
        self._found: OrderedDict[str, Session] = OrderedDict()
        self._waiting: dict[str, SessionToStore] = {}
        self._chosen: set[str] = set()
        """Keys of what is stored, or waits to be."""
        self._left_out: dict[str, SessionToStore] = {}

    def get(self, step: Step, chain: str) -> Session | None:
        """Return the session under ``step.key``, of this run or the stored one."""
        with self._guard:
            found = self._found.get(step.key)
            if found is not None:
                self._found.move_to_end(step.key)
                if step.key in self._waiting:
                    _note(self._waiting, step, found, chain)
                return found
        found = self._vault.get(step, chain)
        if found is not None:
            with self._guard:
                self._keep(step.key, found)
        return found

    def put(self, step: Step, session: Session, chain: str) -> None:
        """Keep ``session``, and store it now or with the next ones, or not at all."""
        with self._guard:
            self._choose(step, session, chain)
            self._keep(step.key, session)
            waited = self._clock() - self._stored_at
            is_due = waited >= STORED_AFTER_SECONDS or len(self._waiting) >= MOST_WAITING
            if is_due:
                self._stored_at = self._clock()
        if is_due:
            self.store()

    def _choose(self, step: Step, session: Session, chain: str) -> None:
        """Let the session wait to be stored if there are not too many, and the one that signed it."""
        is_chosen = step.key in self._chosen or len(self._chosen) < MOST_STORED
        if is_chosen or not isinstance(step, HopStep | ScopeStep):
            self._chosen.add(step.key)
            _note(self._waiting, step, session, chain)
        else:
            _note(self._left_out, step, session, chain)
        parent = self._left_out.pop(step.parent or "", None)
        if parent is not None:
            self._chosen.add(parent.step.key)
            self._waiting[parent.step.key] = parent

    def drop(self, key: str, access_key_id: str) -> None:
        """Remove the session under ``key`` if it still has this access key ID."""
        with self._guard:
            found = self._found.get(key)
            if found is not None and found.credentials.access_key_id == access_key_id:
                self._found.pop(key)
                self._waiting.pop(key, None)
                self._left_out.pop(key, None)
        self._vault.drop(key, access_key_id)

    def sessions(self) -> dict[str, Session]:
        """Return the sessions in memory by their keys: those used last, stored or not."""
        with self._guard:
            return dict(self._found)

    def store(self) -> None:
        """Store what waits, with one change of the index."""
        with self._storing:
            with self._guard:
                waiting, self._waiting = list(self._waiting.values()), {}
            self._vault.put_all(waiting)

    def _keep(self, key: str, session: Session) -> None:
        self._found[key] = session
        self._found.move_to_end(key)
        if len(self._found) > _MOST_FOUND + len(self._waiting):
            oldest = next(each for each in self._found if each not in self._waiting)
            del self._found[oldest]
            self._left_out.pop(oldest, None)


def _note(waiting: dict[str, SessionToStore], step: Step, session: Session, chain: str) -> None:
    """Let ``session`` wait to be stored, for ``chain`` and those that it waits for already."""
    chains = waiting[step.key].chains if step.key in waiting else ()
    waiting[step.key] = SessionToStore(step, session, tuple(dict.fromkeys((*chains, chain))))
