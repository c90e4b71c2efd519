"""Renew the sessions of chains; a session that was made with flags is renewed with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.chain_walk import SharedByWalks, SharedFailures
from rolehop.app.context import App
from rolehop.app.listing import matching_chains
from rolehop.app.planning import Planning
from rolehop.app.walking import (
    ask_reason,
    person_for,
    session_of_chain,
    store_flags,
    write_missing_records,
)
from rolehop.base.credentials import Session
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.threads import parallel_map, result_of
from rolehop.handover.environment import CHAIN, FLAGS
from rolehop.handover.formats import FULL_URI
from rolehop.plan.model import TokenStep
from rolehop.plan.walk_options import WalkOptions
from rolehop.vault.deferred_writes import BatchVault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rolehop.app.ports import ManyProgress
    from rolehop.plan.model import Plan, Step
    from rolehop.walk.ports import Listener, Vault


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


def walk_many(
    app: App,
    names: Sequence[str],
    options: WalkOptions,
    jobs: int,
    *,
    progress: ManyProgress,
) -> tuple[dict[str, Session], dict[str, RolehopError]]:
    """Walk ``names``, at most ``jobs`` at once; return the sessions and the errors by name.

    Every session is made again, a hop that chains share once; if that fails, it has failed for all of
    them. ``progress`` is told of each chain, from any thread. Sessions are stored even after Ctrl-C.
    """
    app.sts_clients.connections = jobs
    # Cached properties that threads share are made before the threads start.
    _ = app.locks, app.ceilings, app.source_callers, app.history
    context = app.walk_context(person_for(app, options))
    vault = BatchVault(app.vault)
    renewing, failures = RenewingVault(vault, app.now), SharedFailures(app.locks)
    planning = Planning(app, index_changes=True)
    shared = SharedByWalks(renewing, context, failures, renews=True, planning=planning)

    def walk(name: str) -> tuple[Plan, Session]:
        try:
            return session_of_chain(app, name, options, shared=shared)
        finally:
            progress.walked()

    try:
        results = parallel_map(names, walk, jobs)
    finally:
        vault.store(progress.stored)
    plans: dict[str, Plan] = {}
    sessions: dict[str, Session] = {}
    failed: dict[str, RolehopError] = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, RolehopError):
            failed[name] = result
        else:
            plans[name], sessions[name] = result_of(result)
    write_missing_records(app, plans, options)
    return sessions, failed


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of a refresh."""

    shell_session: Session | None
    """The new session of this shell's chain, if it may take the place of the old one."""

    shell_flags: tuple[str, ...] = ()
    """The flags that it was made with, e.g. ``--read-only``."""

    failed: dict[str, RolehopError] = field(default_factory=dict)
    """Errors by chain."""


def chains_to_refresh(app: App, patterns: Sequence[str]) -> list[str]:
    """Return the chains that match ``patterns``; without any, the chain of this shell's session.

    Raises:
        UsageError: there is no pattern, and this shell has no session.
        ConfigError: a pattern matches nothing.
    """
    if patterns:
        return matching_chains(app, patterns)
    current = _chain_of_session(app)
    if not current:
        served = app.environ.get(CHAIN)
        raise UsageError(
            "no chain is named, and this shell holds none",
            cause=f"a server gives it the sessions of '{served}', and renews them"
            if served
            else None,
            fix="rolehop refresh PATTERN; rolehop list shows the chains",
        )
    return [current]


def _chain_of_session(app: App) -> str | None:
    """Return the chain whose session is in this shell; one that only has an endpoint gets no key."""
    environ = app.environ
    has_endpoint_only = environ.get(FULL_URI) and not environ.get("AWS_ACCESS_KEY_ID")
    return None if has_endpoint_only else environ.get(CHAIN)


def refresh_chains(
    app: App,
    names: Sequence[str],
    options: WalkOptions,
    listener: Listener,
    *,
    jobs: int,
    many: ManyProgress,
) -> Refreshed:
    """Walk chains again and store their sessions.

    If this shell's chain is the only one and ``options`` have no flags of their own, it is walked
    with the flags that its session was made with. Among other chains it is walked without them, and
    its session is not offered to the shell: what was read-only must not come back able to write.

    Args:
        app: the application.
        names: the chains.
        options: the flags for all of them.
        listener: watches the walk of a single chain.
        jobs: how many chains are walked at once.
        many: watches the walks of many chains.

    Raises:
        ConfigError: the flags of this shell's session are stored and cannot be read.
        RolehopError: the only chain failed.
    """
    if len(names) == 1:
        return _refresh_one(app, names[0], options, listener)
    return _refresh_many(app, names, options, jobs, many)


def _refresh_one(app: App, name: str, options: WalkOptions, listener: Listener) -> Refreshed:
    of_shell = name == _chain_of_session(app)
    if of_shell:
        options = _with_stored_flags(app, options)
    options = ask_reason(app, name, options)
    shared = SharedByWalks(RenewingVault(app.vault, app.now), renews=True)
    plan, session = session_of_chain(app, name, options, listener, shared=shared)
    store_flags(app, session, options)
    write_missing_records(app, {name: plan}, options)
    return Refreshed(session if of_shell else None, options.hop_flags)


def _refresh_many(
    app: App, names: Sequence[str], options: WalkOptions, jobs: int, progress: ManyProgress
) -> Refreshed:
    sessions, failed = walk_many(app, names, options, jobs, progress=progress)
    shell_session = sessions.get(_chain_of_session(app) or "")
    if shell_session is not None and _stored_flags(app):
        app.note("this shell's session was made with flags: renew it by itself")
        shell_session = None
    return Refreshed(shell_session, options.hop_flags, failed)


def _with_stored_flags(app: App, options: WalkOptions) -> WalkOptions:
    """Return the flags that this shell's session was made with, unless others are given."""
    flags = None if options.hop_flags else _stored_flags(app)
    return options if flags is None else options.with_hop_values(flags.hop_values)


def _stored_flags(app: App) -> WalkOptions | None:
    from rolehop.vault.notes import load_shell_flags

    key, given = app.environ.get("AWS_ACCESS_KEY_ID", ""), app.environ.get(FLAGS, "")
    try:
        return load_shell_flags(app.state_folder, key, given)
    except ValueError as error:
        raise ConfigError(
            "this shell's session cannot be renewed as it is",
            cause=str(error),
            fix="rolehop assume CHAIN again, with its flags",
        ) from None
