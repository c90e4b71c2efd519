"""Walks many chains at once: shared hops once, sessions kept together, one line of progress."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from datetime import datetime

from rolehop.cli.progress import Silent
from rolehop.cli.tell import error_lines
from rolehop.cli.terminal import Terminal
from rolehop.cli.wiring import App, WalkOptions
from rolehop.credentials import Session
from rolehop.errors import RolehopError
from rolehop.pool import each_of
from rolehop.vault.batch import BatchVault

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
        results = each_of(names, walk, jobs)
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


def tell_failures(failed: dict[str, RolehopError], total: int) -> int:
    """Say on stderr what failed; return the exit code: that of the first failure, or 0."""
    for error in list(failed.values())[:_ERRORS_SHOWN]:
        sys.stderr.write("\n".join(error_lines(error)) + "\n")
    if len(failed) > _ERRORS_SHOWN:
        sys.stderr.write(f"rolehop: … and {len(failed) - _ERRORS_SHOWN} more\n")
    if failed:
        sys.stderr.write(f"rolehop: {len(failed)} of {total} chains failed\n")
    return next(iter(failed.values())).exit_code if failed else 0


class _Counter:
    """``42 of 200 chains walked`` on a terminal; nothing in a log."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._shown = terminal.shows_progress
        self._total = total
        self._count = 0
        self._guard = threading.Lock()

    def one_more(self) -> None:
        with self._guard:
            self._count += 1
            if self._shown:
                sys.stderr.write(f"\r{self._count} of {self._total} chains walked")
                sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
