"""Walks many chains at once: shared hops once, sessions kept together, one line of progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rolehop.app.context import App
from rolehop.credentials import Session
from rolehop.daemon_threads import parallel_map
from rolehop.errors import RolehopError
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.progress import Silent, _Counter
from rolehop.vault.deferred_writes import BatchVault

JOBS = 32
_ERRORS_SHOWN = 10


def walk_many(
    app: App, names: Sequence[str], options: WalkOptions, jobs: int, *, not_before: datetime
) -> tuple[dict[str, Session], dict[str, RolehopError]]:
    """Walk ``names`` anew, at most ``jobs`` at once; return the sessions, and what failed.

    Chains that share a beginning share its sessions. What was got is kept, also after Ctrl-C.
    """
    app.clients.connections = jobs
    # What threads share is made before they start: each of these is made at its first use.
    _ = app.inputs, app.locks
    vault = BatchVault(app.vault)
    progress = _Counter(app.terminal, len(names))

    def walk(name: str) -> Session:
        try:
            return app.walk(name, options, Silent(), not_before=not_before, vault=vault)[1]
        finally:
            progress.one_more()

    try:
        results = parallel_map(names, walk, jobs)
    finally:
        progress.end()
        vault.store()
    sessions: dict[str, Session] = {}
    failed: dict[str, RolehopError] = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, RolehopError):
            failed[name] = result
        elif isinstance(result, Exception):
            raise result
        else:
            sessions[name] = result
    return sessions, failed
