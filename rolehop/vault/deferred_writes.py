"""A vault for walking many chains at once, which stores all sessions together at the end.

Storing one by one rewrites the index and the keyring's own file each time; two hundred sessions
took longer to store than to get. Until then, sessions are found in memory. If the program dies in
between they are lost and walked again, which costs only calls.
"""

from __future__ import annotations

import threading

from rolehop.credentials import Session
from rolehop.plan.model import HopStep, Step
from rolehop.vault.sessions import KeyringVault, SessionToStore


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
        """Return this batch's session; for steps that are no hop, else the stored one."""
        with self._guard:
            if step.key not in self._found and not isinstance(step, HopStep):
                self._found[step.key] = self._vault.get(step, chain)
            if step.key in self._waiting:
                self._note(step, self._waiting[step.key].session, chain)
            return self._found.get(step.key)

    def put(self, step: Step, session: Session, chain: str) -> None:
        """Hold ``session`` in memory until :meth:`store`."""
        with self._guard:
            self._found[step.key] = session
            self._note(step, session, chain)

    def _note(self, step: Step, session: Session, chain: str) -> None:
        chains = self._waiting[step.key].chains if step.key in self._waiting else ()
        self._waiting[step.key] = SessionToStore(
            step, session, tuple(dict.fromkeys((*chains, chain)))
        )

    def drop(self, key: str, access_key_id: str) -> None:
        """Remove the session under ``key`` if it still has this access key ID."""
        with self._guard:
            found = self._found.get(key)
            if found is None or found.credentials.access_key_id == access_key_id:
                self._found.pop(key, None)
                self._waiting.pop(key, None)
            self._vault.drop(key, access_key_id)

    def store(self) -> None:
        """Store all sessions with one change of the index, one item after the other."""
        with self._guard:
            waiting, self._waiting = list(self._waiting.values()), {}
        self._vault.put_all(waiting)
