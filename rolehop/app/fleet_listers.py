"""List the accounts of fleets: those assigned to whoever is signed in to a source, or of an organization.

Of listers there is one for each way to AWS, which all fleets that go it use.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from rolehop.app.rejected_sessions import forgetting_rejected
from rolehop.aws.organizations import OrganizationAccountReader, OrganizationsApi
from rolehop.base.dataclass import replace
from rolehop.base.errors import HopRefused, RolehopError, ServiceError, SourceError
from rolehop.base.time_limit import time_limit
from rolehop.config.account_query import EVERY_ROLE, ORGANIZATION
from rolehop.config.listed_fleets import NOT_ASSIGNED, excluded_by, with_spelled_names
from rolehop.config.model import FleetListing, LeftOutAccount, ListedAccount
from rolehop.sources.assignments import Assignments
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from rolehop.app.asking import Asking
    from rolehop.app.context import App
    from rolehop.base.credentials import Credentials, Session
    from rolehop.config.account_query import (
        AccountQuery,
        IdentityCenterAccounts,
        OrganizationAccounts,
    )
    from rolehop.plan.model import Plan
    from rolehop.sources.assignments import AssignedAccount
    from rolehop.walk.ports import ApiCall


class AccountAnswer(NamedTuple):
    """What AWS answered for one fleet."""

    accounts: tuple[ListedAccount, ...]
    left_out: tuple[LeftOutAccount, ...]

    without_effect: tuple[str, ...] = ()
    """What the fleet's query says in vain, since no account is like that: ``ou Prd/*``."""

    def as_listing(self, at: datetime, former: Mapping[str, str]) -> FleetListing:
        """Return what is stored of it; ``at``: when AWS was asked, ``former`` as of `FleetListing`."""
        accounts = with_spelled_names(self.accounts)
        left_out = Counter(each.state for each in self.left_out)
        return FleetListing(accounts, at, left_out, self.without_effect, former)


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


class IdentityCenterLister:
    """Implements ``Lister``; a person signs in when the first fleet is listed."""

    def __init__(self, app: App, source: str, asking: Asking) -> None:
        """Ask nothing yet."""
        self._app = app
        self._source = app.config.sources[source]
        self._asking = asking
        self._failed: SourceError | ServiceError | None = None
        self._calls = 0
        self._guard = threading.Lock()

    @property
    def calls(self) -> int:
        """How many calls were made so far, those of a sign-in too."""
        return self._calls

    def list(self, query: AccountQuery) -> AccountAnswer:
        """Return the accounts of a fleet.

        Raises:
            RolehopError: see `Assignments.read`.
        """
        asked = cast("IdentityCenterAccounts", query)  # `lister_for` gives this one no other
        if self._failed is not None:  # nobody signs in, or waits ten minutes, for each fleet
            raise self._failed
        used = set[str]()

        def keeps(account: str, name: str) -> bool:
            excluding = excluded_by(account, name, asked.exclude)
            used.update(f"exclude {each}" for each in excluding)
            return not excluding

        try:
            found = self._assignments.read(keeps)
        except (SourceError, ServiceError) as error:
            self._failed = error
            raise
        return self._answer(asked, found, used)

    def close(self) -> None:
        """Do nothing: connections are closed after each fleet."""

    def _answer(
        self, query: IdentityCenterAccounts, found: Collection[AssignedAccount], used: set[str]
    ) -> AccountAnswer:
        every = query.roles == (EVERY_ROLE,)
        accounts, left_out = list[ListedAccount](), list[LeftOutAccount]()
        for each in found:
            roles = tuple(role for role in each.roles if every or role in query.roles)
            used.update(f"role {role}" for role in roles)
            if roles:
                accounts.append(ListedAccount(each.account, each.name, roles=roles))
            else:
                left_out.append(LeftOutAccount(each.account, each.name, NOT_ASSIGNED))
        said = [f"exclude {each}" for each in query.exclude]
        said += [] if every else [f"role {each}" for each in query.roles]
        return AccountAnswer(
            tuple(accounts),
            tuple(left_out),
            tuple(each for each in said if each not in used),
        )

    @cached_property
    def _assignments(self) -> Assignments:
        context = self._app.walk_context(self._asking.person)
        on_call = context.on_call

        def called(call: ApiCall) -> None:
            with self._guard:
                self._calls += 1
            on_call(call)

        def known(accounts: int) -> None:
            self._asking.progress.asked(self._calls, accounts)

        return Assignments(self._source, replace(context, on_call=called), known)


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
                answer = AccountAnswer(*reader.accounts(asked))
        except StsRefusal as refusal:
            with forgetting_rejected(self._app, *self._signer):
                raise self._refused(refusal) from None
        except ServiceError as error:
            self._failed = error
            raise
        self._app.learn_account_names(reader.names)
        return answer

    def close(self) -> None:
        """Close the connection to Organizations."""
        if "_api" in vars(self):
            self._api.close()

    @cached_property
    def _reader(self) -> OrganizationAccountReader:
        return OrganizationAccountReader(self._api, self._asking.progress.asked)

    @property
    def _signer(self) -> tuple[str, Credentials]:
        plan, session = self._walked
        return plan.key, session.credentials

    @cached_property
    def _walked(self) -> tuple[Plan, Session]:
        return self._asking.walk(self._chain)

    @cached_property
    def _api(self) -> OrganizationsApi:
        app, (plan, session) = self._app, self._walked
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
            fix="name a chain to a role that may, in the management or a delegated administrator account"
            if denied
            else None,
            chain=self._chain,
        )


def lister_for(app: App, query: AccountQuery, asking: Asking) -> Lister:
    """Return who lists the accounts of ``query``; nothing is called so far."""
    kind = OrganizationLister if query.kind == ORGANIZATION else IdentityCenterLister
    return kind(app, query.through, asking)
