"""One question for all: the first walk of a source goes alone, and its answer counts for the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from rolehop.errors import HopRefused, NoTerminal, RolehopError, SignInExpired, SourceError
from rolehop.startup.dataclass import dataclass, field

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
            again = _copied(earlier)
            again.chain = chain
            raise again
        try:
            return do()
        except RolehopError as error:
            if isinstance(error, NoTerminal | SignInExpired):
                self._failed[name] = _copied(error)
            elif _is_of_source(error):
                self._failed[settings] = _copied(error)
            raise


def _is_of_source(error: RolehopError) -> bool:
    """True if no hop was asked for: every chain of the source fails in the same way."""
    if isinstance(error, HopRefused):
        return error.hop is None
    return isinstance(error, SourceError | NoTerminal)


def _copied(error: RolehopError) -> RolehopError:
    """Return the same error without the frames of the walk that it came from."""
    copied = type(error).__new__(type(error), *error.args)
    vars(copied).update(vars(error))
    return copied
