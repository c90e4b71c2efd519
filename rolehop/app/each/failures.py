"""The targets of a run whose command did not begin, together with the others of the same reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from rolehop.app.each.targets import RunTarget
from rolehop.errors import HopRefused, RolehopError

OnFailed = Callable[[RunTarget, RolehopError], object]
"""Told of a target whose command does not begin, and why."""


def ignore_failure(target: RunTarget, error: RolehopError) -> None:
    """Implement `OnFailed` for whoever asks for no more than the rows of a run."""


class SharedReason(NamedTuple):
    """Targets that failed for one reason."""

    error: RolehopError
    """Of the first of them; without a traceback, which would keep the whole walk."""

    targets: list[RunTarget]


class RunFailures:
    """Collects failures; safe to use from many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._reasons: dict[tuple[object, ...], SharedReason] = {}

    def add(self, target: RunTarget, error: RolehopError) -> None:
        """Collect one; implements `OnFailed`."""
        with self._guard:
            reason = self._reasons.get(_key(error))
            if reason is None:
                reason = SharedReason(error.with_traceback(None), [])
                error.__context__ = None
                self._reasons[_key(error)] = reason
            reason.targets.append(target)

    def reasons(self) -> list[SharedReason]:
        """Return each reason once, in the order in which they occurred."""
        with self._guard:
            return list(self._reasons.values())


def _key(error: RolehopError) -> tuple[object, ...]:
    """Return what tells reasons apart: what happened, whatever the chain, and AWS's words."""
    why = error.message if isinstance(error, HopRefused) else error.cause
    return type(error), error.what.replace(f"'{error.chain}'", "''"), why
