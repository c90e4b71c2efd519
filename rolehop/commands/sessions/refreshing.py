"""Renew the sessions of chains; a session that was made with flags is renewed with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.asking import SILENT
from rolehop.app.chain_walk import SharedByWalks, SharedFailures
from rolehop.app.context import App
from rolehop.app.guard import ask, ask_reason, asks_reason, person_for
from rolehop.app.narrowing import carry_on, flags_of_session
from rolehop.app.planning import Planning
from rolehop.app.proof import Proof
from rolehop.app.selecting import matching_chains
from rolehop.app.walking import (
    renew_stored,
    session_of_chain,
    store_flags,
    write_missing_records,
)
from rolehop.base.credentials import Session
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.threads import parallel_map, result_of
from rolehop.handover.environment import CHAIN, FLAGS, FULL_URI
from rolehop.plan.model import TokenStep
from rolehop.vault.deferred_writes import BatchVault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rolehop.app.ports import ManyProgress
    from rolehop.plan.model import Plan, Step
    from rolehop.plan.walk_options import WalkOptions
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
    for_shell: tuple[str, Proof] | None = None,
) -> tuple[Session | None, dict[str, RolehopError]]:
    """Walk ``names``, at most ``jobs`` at once; return the session for the shell, and errors by name.

    Every session is made again, a hop that chains share once; if that fails, it has failed for all of
    them. ``for_shell``: the chain whose session goes to the shell, if any does. ``progress`` is told
    of each chain, from any thread. Sessions are stored even after Ctrl-C.
    """
    app.sts_clients.connections = jobs
    # Cached properties that threads share are made before the threads start.
    _ = app.locks, app.ceilings, app.source_callers
    context = app.walk_context(person_for(app, options))
    vault = BatchVault(app.vault)
    renewing, failures = RenewingVault(vault, app.now), SharedFailures(app.locks)
    planning = Planning(app, index_changes=True)
    shared = SharedByWalks(renewing, context, failures, renews=True, planning=planning)

    def walk(name: str) -> tuple[Plan, Session | None]:
        try:
            if for_shell is not None and name == for_shell[0]:
                return _renewed(app, name, options, for_shell[1], shared=shared)
            return renew_stored(app, name, options, shared=shared), None
        finally:
            progress.walked()

    try:
        results = parallel_map(names, walk, jobs)
    finally:
        vault.store(progress.stored)
    plans: dict[str, Plan] = {}
    shell_session: Session | None = None
    failed: dict[str, RolehopError] = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, RolehopError):
            failed[name] = result
        else:
            plans[name], session = result_of(result)
            shell_session = session or shell_session
    write_missing_records(app, plans, options)
    return shell_session, failed


def _renewed(
    app: App,
    name: str,
    options: WalkOptions,
    proof: Proof,
    listener: Listener = SILENT,
    *,
    shared: SharedByWalks,
) -> tuple[Plan, Session]:
    """Return the plan and the new session of the shell's chain, whose flags are stored."""
    plan, session = session_of_chain(app, name, options, proof, listener, shared=shared)
    store_flags(app, session, options)
    return plan, session


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
            fix="rolehop refresh PATTERN, or rolehop list",
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
    for_shell: bool,
) -> Refreshed:
    """Walk chains again and store their sessions.

    If this shell's chain is the only one, the flags that its session was made with are carried on.
    Among other chains it is walked without them, and its session is not offered to the shell: what
    was read-only must not come back able to write.

    Args:
        app: the application.
        names: the chains.
        options: the flags for all of them.
        listener: watches the walk of a single chain.
        jobs: how many chains are walked at once.
        many: watches the walks of many chains.
        for_shell: this shell's chain hands its session over, if it is among them; else none does.

    Raises:
        ConfigError: the flags of this shell's session are stored and cannot be read.
        Declined: the session is handed over, and the chain was not confirmed.
        NoTerminal: something has to be asked, and nobody can be.
        RolehopError: the only chain failed.
    """
    chain = _chain_of_session(app)
    if len(names) == 1:
        of_shell = names[0] == chain
        return _refresh_one(app, names[0], options, listener, of_shell, for_shell and of_shell)
    return _refresh_many(app, names, options, jobs, many, chain if for_shell else None)


def _refresh_one(
    app: App,
    name: str,
    options: WalkOptions,
    listener: Listener,
    of_shell: bool,
    handed: bool,
) -> Refreshed:
    made_with = _flags_of_shell(app) if of_shell else None
    if made_with is not None:
        required = asks_reason(app, [name])
        options = carry_on(app, made_with, options, reason_required=required)
    shared = SharedByWalks(RenewingVault(app.vault, app.now), renews=True)
    session = None
    if handed:
        options, proof = ask(app, name, options)
        plan, session = _renewed(app, name, options, proof, listener, shared=shared)
    else:
        options = ask_reason(app, [name], options)
        plan = renew_stored(app, name, options, listener, shared=shared)
    write_missing_records(app, {name: plan}, options)
    return Refreshed(session, options.hop_flags)


def _refresh_many(
    app: App,
    names: Sequence[str],
    options: WalkOptions,
    jobs: int,
    progress: ManyProgress,
    chain: str | None,
) -> Refreshed:
    """Refresh many; ``chain`` is that of this shell, if it is to get its session."""
    for_shell = None
    if chain is not None and chain in names:
        if _flags_of_shell(app) is not None:
            app.note("this shell's session was made with flags: renew it by itself")
        else:
            options, proof = ask(app, chain, options)
            for_shell = chain, proof
    options = ask_reason(app, names, options)
    session, failed = walk_many(app, names, options, jobs, progress=progress, for_shell=for_shell)
    return Refreshed(session, options.hop_flags, failed)


def _flags_of_shell(app: App) -> WalkOptions | None:
    """Return the flags that this shell's session was made with; ``None``: none that matter."""
    key, given = app.environ.get("AWS_ACCESS_KEY_ID", ""), app.environ.get(FLAGS, "")
    try:
        return flags_of_session(app, key, given)
    except ValueError as error:
        raise ConfigError(
            "this shell's session cannot be renewed as it is",
            cause=str(error),
            fix="rolehop assume CHAIN again, with its flags",
        ) from None
