"""Who asks AWS for the accounts of a fleet: one lister for each way, used by all fleets that go it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from rolehop.app.ports import Progress
    from rolehop.config.fleets.account_query import AccountQuery
    from rolehop.config.model import ListedAccount
    from rolehop.plan.walk_options import WalkOptions


class AccountAnswer(NamedTuple):
    """What AWS answered for one fleet."""

    accounts: tuple[ListedAccount, ...]
    left_out: Mapping[str, int]
    """How many accounts were left out, by why: a state of AWS (``SUSPENDED``)."""

    without_effect: tuple[str, ...] = ()
    """What the fleet's query says in vain, since no account is like that: ``ou Prd/*``."""


class ListingProgress(Protocol):
    """Watches while AWS is asked; called from any thread."""

    def asked(self, calls: int, accounts: int) -> None:
        """Show how many calls were made so far, and how many accounts they gave."""
        ...


class Lister(Protocol):
    """Asks through one chain or source; what is asked once is not asked again for another fleet."""

    @property
    def calls(self) -> int:
        """How many calls were made so far."""
        ...

    def list(self, query: AccountQuery) -> AccountAnswer:
        """Return the accounts of a fleet, every one of them checked.

        Raises:
            RolehopError: AWS refuses, cannot be reached, or answers something that makes no sense;
                or nobody is signed in.
        """
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class Asking(NamedTuple):
    """What a lister needs besides the application."""

    options: WalkOptions
    """Flags of the walk to the chain that may read; ``--no-prompt``."""

    walk: Progress
    """Watches that walk."""

    progress: ListingProgress
