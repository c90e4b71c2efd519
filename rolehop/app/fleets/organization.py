"""Lists the accounts of an organization through a chain that may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.fleets.listers import AccountAnswer, Asking
from rolehop.errors import ServiceError

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.fleets.account_query import AccountQuery


class OrganizationLister:
    """Implements ``Lister``."""

    def __init__(self, app: App, chain: str, asking: Asking) -> None:
        """Walk nothing yet."""
        self._app, self._chain, self._asking = app, chain, asking

    @property
    def calls(self) -> int:
        """How many calls were made so far."""
        return 0

    def list(self, query: AccountQuery) -> AccountAnswer:
        """Return the accounts of a fleet."""
        raise ServiceError("not yet")

    def close(self) -> None:
        """Close its connections."""
