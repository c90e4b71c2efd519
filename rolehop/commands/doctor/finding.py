"""What an examination finds: how it is, why, and what puts it right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError

if TYPE_CHECKING:
    from rolehop.base.errors import RolehopError


class State(StrEnum):
    """How something is."""

    FINE = "fine"
    LOOK = "look"
    """Works, but unusual."""

    BROKEN = "broken"
    """Something does not work because of it."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that puts a finding right; it is shown before it is made."""

    path: str
    """The file that is changed."""

    before: tuple[str, ...]
    """The lines that go, or what is so now."""

    after: tuple[str, ...]
    """The lines that come in their place, or what is so then."""

    make: Callable[[], None]
    """Makes the change. Raises OSError or RolehopError."""


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One thing that was looked at."""

    topic: str
    """E.g. ``keyring``; several findings may have the same."""

    state: State
    what: str
    """What was found, in one line; ``{names}`` stands for the names, which else follow it."""

    why: str | None = None
    """Why it matters, or how it comes."""

    fix: str | None = None
    """The command to type, or what to do."""

    repair: Repair | None = None
    """``None``: only a person can put it right."""

    names: tuple[str, ...] = ()
    """What it is said of, if that is several: chains, sources, profiles, files."""

    def said(self, *, all_names: bool = False) -> str:
        """Return what was found, with the first three names or all of them."""
        if not self.names:
            return self.what
        more = 0 if all_names else len(self.names) - _SHOWN
        shown = self.names if more <= 0 else self.names[:_SHOWN]
        names = f"{', '.join(shown)}{f' and {more} more' if more > 0 else ''}"
        if NAMES in self.what:
            return self.what.replace(NAMES, names, 1)
        return f"{self.what}: {names}"


_SHOWN = 3
NAMES = "{names}"


def fine(topic: str, what: str, why: str | None = None) -> DoctorFinding:
    """Return a finding that all is well."""
    return DoctorFinding(topic, State.FINE, what, why)


def look(
    topic: str,
    what: str,
    why: str,
    fix: str,
    repair: Repair | None = None,
    names: Iterable[str] = (),
) -> DoctorFinding:
    """Return a finding that somebody should look at."""
    return DoctorFinding(topic, State.LOOK, what, why, fix, repair, tuple(names))


def broken(
    topic: str, what: str, why: str | None, fix: str | None, repair: Repair | None = None
) -> DoctorFinding:
    """Return a finding that something does not work."""
    return DoctorFinding(topic, State.BROKEN, what, why, fix, repair)


def from_error(topic: str, error: RolehopError, why: str | None = None) -> DoctorFinding:
    """Return a finding for what a command would report as an error.

    ``why``: what follows from it, if the error knows no cause.
    """
    if isinstance(error, ConfigError) and error.complaints:
        first, more = error.complaints[0], len(error.complaints) - 1
        why = f"{first}, and {more} more" if more else str(first)
        return broken(topic, error.what, why, error.fix or "rolehop config check")
    return broken(topic, error.what, error.cause or why, error.fix)
