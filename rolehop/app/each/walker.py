"""The walks of one run: what chains share is walked once, and a person is asked once."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from rolehop.app.each.sign_ins import SignIns
from rolehop.app.planning import Stamps
from rolehop.app.walking import person_for, walk_chain
from rolehop.app.walking.chain_walk import SharedByWalks
from rolehop.app.walking.shared_failures import SharedFailures
from rolehop.errors import ServiceError
from rolehop.vault.deferred_writes import GatheringVault

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.credentials import Session
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions

_THROTTLED_PAUSES = (1.0, 3.0)
"""Seconds before a walk that AWS throttled, after retries of its own, is tried again."""


class FleetWalker:
    """Walks chains; safe to use from many threads.

    Attributes:
        is_over: once set, a walk that was throttled is not tried again.
    """

    def __init__(self, app: App, options: WalkOptions, jobs: int) -> None:
        """Walk with ``options``, at most ``jobs`` chains at once."""
        app.sts_clients.connections = jobs
        # Cached properties that threads share are made before the threads start.
        _ = app.locks, app.ceilings, app.source_callers, app.history
        app.history.many_at_once = jobs > 1
        self._app = app
        self._options = options
        self._vault = GatheringVault(app.vault)
        self._sign_ins = SignIns()
        # The network comes back, and throttling passes; a refused hub stays refused.
        failures = SharedFailures(app.locks, lambda error: not isinstance(error, ServiceError))
        context = app.walk_context(person_for(app, options))
        stamps = Stamps(index_changes=True)
        self._shared = SharedByWalks(self._vault, context, failures, stamps=stamps)
        self.is_over = threading.Event()

    def session(self, chain: str, resolved: Resolved) -> Session:
        """Return a session of ``chain``, which was resolved to ``resolved``.

        Raises:
            RolehopError: see `rolehop.walk.walk`.
        """
        source = resolved.source
        return self._sign_ins.walk(source.name, repr(source), chain, lambda: self._walk(chain))

    def sessions(self) -> dict[str, Session]:
        """Return the sessions used last by their hop keys, also of a vault that stores nothing."""
        return self._vault.sessions()

    def store(self) -> None:
        """Store the sessions that are not stored yet."""
        self._vault.store()

    def _walk(self, chain: str) -> Session:
        """Walk; a walk that AWS throttled is tried again. The command never is."""
        for pause in _THROTTLED_PAUSES:
            try:
                return self._walk_once(chain)
            except ServiceError as error:
                if not error.throttled or self.is_over.is_set():
                    raise
            self.is_over.wait(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
        return self._walk_once(chain)

    def _walk_once(self, chain: str) -> Session:
        return walk_chain(self._app, chain, self._options, shared=self._shared)[1]
