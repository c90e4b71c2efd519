"""The walks of one run: what chains share is walked once, and a person is asked once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from rolehop.app.chain_walk import SharedByWalks, SharedFailures
from rolehop.app.guard import person_for
from rolehop.app.planning import Planning
from rolehop.app.walking import session_of_chain
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import (
    HopRefused,
    NoTerminal,
    RolehopError,
    ServiceError,
    SignInExpired,
    SourceError,
    copied,
)
from rolehop.commands.each.pacing import ThrottlingPatience
from rolehop.vault.deferred_writes import GatheringVault

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.proof import Proof
    from rolehop.base.credentials import Session
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions

T = TypeVar("T")


@dataclass(slots=True)
class _SourceState:
    turn: threading.Lock = field(default_factory=threading.Lock)
    works: bool = False
    """A walk got past the source: whatever had to be asked was asked."""


class SignIns:
    """Lets walks that start from one source wait for the first of them.

    That one signs in, or asks for the MFA code. If it cannot, nobody is asked a second time: the
    other walks of that source fail with the same error.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._states: dict[str, _SourceState] = {}
        self._failed: dict[str, RolehopError] = {}

    def walk(self, name: str, settings: str, chain: str, do: Callable[[], T]) -> T:
        """Return what ``do`` returns, the walk of ``chain`` from source ``name``.

        ``settings`` are the source's with its templates filled: of two accounts of one sign-in,
        one may be refused and the other not.

        Raises:
            RolehopError: as ``do`` does, or as it did for another chain of the source.
        """
        with self._guard:
            state = self._states.setdefault(name, _SourceState())
        if not state.works:
            with state.turn:
                if not state.works:
                    return self._first(state, name, settings, chain, do)
        return self._one(name, settings, chain, do)

    def _first(
        self, state: _SourceState, name: str, settings: str, chain: str, do: Callable[[], T]
    ) -> T:
        try:
            found = self._one(name, settings, chain, do)
        except RolehopError as error:
            state.works = not _is_of_source(error)
            raise
        state.works = True
        return found

    def _one(self, name: str, settings: str, chain: str, do: Callable[[], T]) -> T:
        earlier = self._failed.get(name) or self._failed.get(settings)
        if earlier is not None:
            again = copied(earlier)
            again.chain = chain
            raise again
        try:
            return do()
        except RolehopError as error:
            if isinstance(error, NoTerminal | SignInExpired):
                self._failed[name] = copied(error)
            elif _is_of_source(error):
                self._failed[settings] = copied(error)
            raise


def _is_of_source(error: RolehopError) -> bool:
    """True if no hop was asked for: every chain of the source fails in the same way."""
    if isinstance(error, HopRefused):
        return error.hop is None
    return isinstance(error, SourceError | NoTerminal)


class FleetWalker:
    """Walks chains; safe to use from many threads.

    Attributes:
        is_over: once set, a walk that was throttled is not tried again.
    """

    def __init__(self, app: App, options: WalkOptions, proof: Proof, jobs: int) -> None:
        """Walk with ``options``, at most ``jobs`` chains at once."""
        app.sts_clients.connections = jobs
        # Cached properties that threads share are made before the threads start.
        _ = app.locks, app.ceilings, app.source_callers, app.history
        self._app = app
        self._options = options
        self._proof = proof
        self._vault = GatheringVault(app.vault)
        self._sign_ins = SignIns()
        # The network comes back, and throttling passes; a refused hub stays refused.
        failures = SharedFailures(app.locks, lambda error: not isinstance(error, ServiceError))
        context = app.walk_context(person_for(app, options))
        planning = Planning(app, index_changes=True)
        self._shared = SharedByWalks(self._vault, context, failures, planning=planning)
        self.is_over = threading.Event()
        self._patience = ThrottlingPatience()

    def session(self, chain: str, resolved: Resolved) -> Session:
        """Return a session of ``chain``, which was resolved to ``resolved``.

        Raises:
            RolehopError: see `rolehop.walk.walk.walk`.
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
        """Walk; a walk that AWS throttled, after retries of its own, is tried again. The command never is."""
        tries = 0
        while True:
            try:
                found = self._walk_once(chain)
            except ServiceError as error:
                tries += 1
                pause = self._patience.pause(tries) if error.throttled else None
                if pause is None or self.is_over.wait(pause):
                    raise
            else:
                self._patience.got_through()
                return found

    def _walk_once(self, chain: str) -> Session:
        return session_of_chain(self._app, chain, self._options, self._proof, shared=self._shared)[
            1
        ]
