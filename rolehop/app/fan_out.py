"""Walk many chains at once: a hop that they share is tried once, sessions are stored together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.context import App
from rolehop.app.planning import Stamps
from rolehop.app.walking import person_for, walk_chain, write_missing_records
from rolehop.app.walking.chain_walk import SharedByWalks
from rolehop.app.walking.renewing_vault import RenewingVault
from rolehop.app.walking.shared_failures import SharedFailures
from rolehop.credentials import Session
from rolehop.daemon_threads import parallel_map, result_of
from rolehop.errors import RolehopError
from rolehop.plan.walk_options import WalkOptions
from rolehop.vault.deferred_writes import BatchVault

if TYPE_CHECKING:
    from rolehop.app.ports import ManyProgress
    from rolehop.plan.model import Plan


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
    _ = app.locks, app.ceilings, app.source_callers
    context = app.walk_context(person_for(app, options))
    app.history.many_at_once = jobs > 1
    vault = BatchVault(app.vault)
    renewing, failures = RenewingVault(vault, app.now), SharedFailures(app.locks)
    stamps = Stamps(index_changes=True)
    shared = SharedByWalks(renewing, context, failures, renews=True, stamps=stamps)

    def walk(name: str) -> tuple[Plan, Session]:
        try:
            return walk_chain(app, name, options, shared=shared)
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
