"""The vault of a refresh: it has no session that was there before, so each is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.plan.model import TokenStep

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rolehop.credentials import Session
    from rolehop.plan.model import Step
    from rolehop.ports import Vault


class RenewingVault:
    """Implements ``ports.Vault`` over another; many walks may share it, in threads of their own.

    A shared MFA session is a sign-in, not a hop, and is used as long as it lasts.
    """

    def __init__(self, vault: Vault, now: Callable[[], datetime]) -> None:
        """What is made from ``now`` on is new; it gives the time, aware, in UTC."""
        self._vault = vault
        self._now = now
        self._start = now().replace(microsecond=0)
        self._own: set[str] = set()

    def get(self, step: Step, chain: str) -> Session | None:
        """Return the session under ``step.key`` if it is new."""
        session = self._vault.get(step, chain)
        if session is None or isinstance(step, TokenStep) or self._is_new(session):
            return session
        return None

    def _is_new(self, session: Session) -> bool:
        """True if this refresh made it, or another process since.

        Times are whole seconds: one of the second of the start may be older. One of the future
        says nothing, as the clock was set back.
        """
        if session.credentials.access_key_id in self._own:
            return True
        return self._start < session.issued_at <= self._now()

    def put(self, step: Step, session: Session, chain: str) -> None:
        """Store ``session``, which is new."""
        self._own.add(session.credentials.access_key_id)
        self._vault.put(step, session, chain)

    def drop(self, key: str, access_key_id: str) -> None:
        """Remove the session under ``key`` if it still has this access key ID."""
        self._vault.drop(key, access_key_id)
