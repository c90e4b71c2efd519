"""Lists the accounts of an organization through a chain that may read it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from rolehop.app.fleets.listers import AccountAnswer, Asking
from rolehop.app.walking import ask_before_walk, walk_chain
from rolehop.aws.inventory.organization_accounts import OrganizationAccountReader
from rolehop.aws.inventory.organizations_api import OrganizationsApi
from rolehop.errors import HopRefused, RolehopError, ServiceError
from rolehop.ports import StsRefusal
from rolehop.time_limit import time_limit

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.fleets.account_query import AccountQuery, OrganizationAccounts

LONGEST_SECONDS = 900.0
"""For one fleet with all calls and waits: AWS answers some ten calls a second, with tags one an account."""


class OrganizationLister:
    """Implements ``Lister``; its chain is walked when the first fleet is listed."""

    def __init__(self, app: App, chain: str, asking: Asking) -> None:
        """Walk nothing yet."""
        self._app, self._chain, self._asking = app, chain, asking
        self._failed: RolehopError | None = None

    @property
    def calls(self) -> int:
        """How many calls were made so far."""
        return self._api.calls if "_api" in vars(self) else 0

    def list(self, query: AccountQuery) -> AccountAnswer:
        """Return the accounts of a fleet.

        Raises:
            RolehopError: see `Lister.list`.
        """
        asked = cast("OrganizationAccounts", query)  # `lister_for` gives this one no other
        if self._failed is not None:  # nobody waits for the walk, or for AWS, for each fleet
            raise self._failed
        try:
            reader = self._reader
        except RolehopError as error:
            self._failed = error
            raise
        try:
            with time_limit(LONGEST_SECONDS):
                return AccountAnswer(*reader.accounts(asked))
        except StsRefusal as refusal:
            raise self._refused(refusal) from None
        except ServiceError as error:
            self._failed = error
            raise

    def close(self) -> None:
        """Close the connection to Organizations."""
        if "_api" in vars(self):
            self._api.close()

    @cached_property
    def _reader(self) -> OrganizationAccountReader:
        return OrganizationAccountReader(self._api, self._asking.progress.asked)

    @cached_property
    def _api(self) -> OrganizationsApi:
        app, asking = self._app, self._asking
        options = ask_before_walk(app, self._chain, asking.options)
        plan, session = walk_chain(app, self._chain, options, asking.walk)
        settings = app.sts_clients.get(plan.region, plan.aws_profile).settings
        return OrganizationsApi(
            settings,
            session.credentials,
            app.history.called,
            patience_seconds=LONGEST_SECONDS,
        )

    def _refused(self, refusal: StsRefusal) -> HopRefused:
        denied = refusal.code == "AccessDeniedException"
        return HopRefused(
            f"chain '{self._chain}' may not list the organization's accounts"
            if denied
            else "the organization's accounts cannot be listed",
            code=refusal.code,
            message=refusal.message,
            cause=f"{refusal.code}: {refusal.message}",
            fix="name a chain into the management account, or to a delegated administrator, whose"
            " role has AWSOrganizationsReadOnlyAccess"
            if denied
            else None,
            chain=self._chain,
        )
