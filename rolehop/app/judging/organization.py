"""SCPs and RCPs of the organization: read through a chain that may, and kept with their age."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.app.context import App
from rolehop.app.judging.federated_call import federated_call
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.planning import plan_chain
from rolehop.arn import account_of
from rolehop.errors import HopRefused, RolehopError
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.inventory.organization import Organization
from rolehop.ports import StsRefusal
from rolehop.show.times import show_span
from rolehop.startup.dataclass import replace
from rolehop.state.organization import (
    StoredOrganization,
    load_organization,
    store_organization,
)

if TYPE_CHECKING:
    from rolehop.plan.model import Plan

_FRESH = timedelta(hours=1)
"""What the config's chain read so recently is not read again; a flag always reads."""

_USABLE = timedelta(days=7)


def with_organization(
    app: App,
    inventory: IamInventory,
    policies: PolicyOptions,
    accounts: Iterable[str | None],
    *,
    offline: bool,
) -> IamInventory:
    """Return ``inventory`` with what the organization attaches to ``accounts``, if it is known.

    Without ``offline`` it is read through the chain that ``--organization`` or the config names;
    else, or if that chain of the config has no session, what was read last counts for a week.

    Raises:
        SourceError, ServiceError: the chain that the flag names cannot be used. One that may not
            read the organization is only said: what is at hand still counts.
    """
    needed = {each for each in accounts if each is not None}
    stored = _last_read(app)
    named = policies.organization
    chain = named or app.config.organization_chain
    if chain is not None and not offline and (named or not _is_enough(app, stored, needed)):
        try:
            found = _read(app, chain, needed)
        except RolehopError as error:
            if named is not None and not isinstance(error, HopRefused):
                raise
            app.note_once("organization", f"the organization is not read: {error.what}")
        else:
            return replace(inventory, organization=found)
    if stored is None:
        return inventory
    age = show_span(max(int((app.now() - stored.at).total_seconds()), 0))
    app.note_once("age", f"SCPs and RCPs are those that chain '{stored.chain}' read {age} ago")
    return replace(inventory, organization=stored.organization)


def accounts_of(app: App, plan: Plan, caller: str | None) -> set[str | None]:
    """Return the accounts of a chain's roles and of who calls; ``caller``: its ARN, if known."""
    of_source = plan.source.settings.get("account")
    principal = caller or plan.source.principal
    own = federated_call(app, plan.source, plan.region, IamInventory(), principal)
    arn = principal if own is None else own.role
    first = of_source if isinstance(of_source, str) else account_of(arn or "")
    return {first, *(step.hop.role.account for step in plan.hops)}


def known_organization(app: App) -> Organization | None:
    """Return what was read last, unless it is too old."""
    stored = _last_read(app)
    return None if stored is None else stored.organization


def _last_read(app: App) -> StoredOrganization | None:
    stored = load_organization(app.state_folder)
    if stored is None or not timedelta(minutes=-5) <= app.now() - stored.at <= _USABLE:
        return None
    return stored


def _is_enough(app: App, stored: StoredOrganization | None, needed: set[str]) -> bool:
    if stored is None or app.now() - stored.at > _FRESH:
        return False
    return needed <= set(stored.organization.paths)


def _read(app: App, chain: str, accounts: set[str]) -> Organization:
    from rolehop.app.judging.credentials_at_hand import session_or_keys
    from rolehop.aws.inventory.organizations import OrganizationReader

    plan = plan_chain(app, chain)
    settings = app.sts_clients.get(plan.region, plan.aws_profile).settings
    try:
        signer = session_or_keys(app, plan)
        with app.history.signing(plan):
            found = OrganizationReader(settings, signer, app.history.called).read(sorted(accounts))
    except StsRefusal as refusal:
        raise HopRefused(
            f"chain '{chain}' may not read the organization",
            code=refusal.code,
            message=refusal.message,
            cause=f"{refusal.code}: {refusal.message}",
            fix="name a chain into the management account, or to a delegated administrator",
            chain=chain,
        ) from None
    with suppress(OSError):  # then it is read again the next time
        store_organization(app.state_folder, StoredOrganization(found, app.now(), chain))
    return found
