"""Walks of many chains try what they share once: a step that failed has failed for all of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rolehop.errors import RolehopError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rolehop.ports import Locks

T = TypeVar("T")


class SharedFailures:
    """What the walks of one run, in threads of their own, could not do.

    Without a network, each of three hundred chains would ask again for the hop that they begin with.
    """

    def __init__(
        self, locks: Locks, lasts: Callable[[RolehopError], bool] = lambda error: True
    ) -> None:
        """``lasts``: whether a failure is still one a while later, for runs that take hours."""
        self._locks = locks
        self._lasts = lasts
        self._of: dict[tuple[str | None, ...], StepFailures] = {}

    def among(self, *asked: str | None) -> StepFailures:
        """Return the failures of walks with the same ``asked``: what is asked, with which settings.

        A step's key has none of that: its session is good in every region, its failure is not.
        """
        return self._of.setdefault(asked, StepFailures(self._locks, self._lasts))


class StepFailures:
    """Implements ``ports.Locks`` over others, for walks that ask in the same place."""

    def __init__(self, locks: Locks, lasts: Callable[[RolehopError], bool]) -> None:
        """See `SharedFailures`."""
        self._locks = locks
        self._lasts = lasts
        self._failed: dict[str, RolehopError] = {}

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold lock ``name``; what fails while it is held has failed.

        Raises:
            RolehopError: as it failed before, also in another walk.
            ServiceError: another process held the lock past the deadline.
        """
        self._check(name)
        try:
            with self._locks.hold(name):
                self._check(name)
                yield
        except RolehopError as error:
            if self._lasts(error):
                self._failed.setdefault(name, error)
            raise

    def once(self, name: str, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, for threads that take turns. Raises as it failed before."""
        self._check(name)
        try:
            return call()
        except RolehopError as error:
            if self._lasts(error):
                self._failed.setdefault(name, error)
            raise

    def waiting_for_person(self) -> AbstractContextManager[None]:
        """Let other processes see that the locks held now are waiting for a person to answer."""
        return self._locks.waiting_for_person()

    def _check(self, name: str) -> None:
        if name in self._failed:
            raise self._failed[name].with_traceback(None)  # else it keeps the frames of every walk
