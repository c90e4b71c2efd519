"""What a walk may do for whoever asks, how AWS is asked for accounts, and who watches where nobody does.

Apart from `app.ports`, which costs more to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from rolehop.base.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rolehop.app.ports import Person
    from rolehop.base.credentials import Session
    from rolehop.plan.model import Plan, Step


class Silent:
    """Watches and shows nothing (``app.ports.Progress``, `ListingProgress`)."""

    def walking(self, step: Step, total: int) -> None:
        """Show nothing."""

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show nothing."""

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show nothing."""

    def asked(self, calls: int, accounts: int) -> None:
        """Show nothing."""

    def pause(self) -> None:
        """Show nothing."""


SILENT = Silent()


@dataclass(frozen=True, slots=True)
class AskedBy:
    """What a walk may do for whoever asks; a program soon asks again."""

    remembers_refusals: bool = False
    """A hop that AWS refused is not asked for again for five seconds."""
    remembers_failures: bool = False
    """A renewal that failed is not tried again for 30 s while the old session is good."""
    may_be_interrupted: bool = False
    """An alarm may interrupt this whole process: it does nothing else."""
    can_agree: bool = True
    """Somebody may be asked for what chains ask for, through which rolehop itself reads."""


PERSON = AskedBy()

SDK = AskedBy(
    remembers_refusals=True, remembers_failures=True, may_be_interrupted=True, can_agree=False
)
"""Through `credential-process`."""

PROGRAM = AskedBy(remembers_failures=True)
"""In its own process, which must not be interrupted."""


class ListingProgress(Protocol):
    """Watches while AWS is asked; called from any thread."""

    def asked(self, calls: int, accounts: int) -> None:
        """Show how many calls were made so far, and how many accounts they gave."""
        ...

    def pause(self) -> None:
        """Clear that: something else is written."""
        ...


class Asking(NamedTuple):
    """What a lister needs besides the application."""

    person: Person
    """Who signs in."""

    walk: Callable[[str], tuple[Plan, Session]]
    """Walks the chain that may read, of this name, after asking what it asks for."""

    progress: ListingProgress
