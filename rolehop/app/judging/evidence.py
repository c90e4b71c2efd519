"""What chains are judged by: policies in files, IAM as sessions at hand read it, the organization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rolehop.app.context import App
from rolehop.app.guard import ask_to_read
from rolehop.app.judging.callers import federated_call, session_or_keys
from rolehop.app.judging.documents import PolicyOptions, read_documents
from rolehop.app.planning import Planning
from rolehop.base.arn import account_of, is_principal, is_role
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.durations import read_moment, show_span
from rolehop.base.errors import HopRefused, RolehopError
from rolehop.config.model import SourceConfig
from rolehop.plan.model import Plan
from rolehop.policy.chain_verdict import AwsRefusal
from rolehop.policy.inventory import IamInventory, NamedPolicy, Organization, Target
from rolehop.sources import is_federated
from rolehop.vault.notes import NoteFile, text_in
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from rolehop.app.judging.live_iam import LiveIam


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a plan is judged by."""

    plan: Plan
    inventory: IamInventory
    """What files say, else what IAM shows, and what the organization attaches."""

    policies: PolicyOptions
    """The flags; the caller is the one that AWS named, if no flag and no config does."""


class EvidenceReader:
    """Reads what plans are judged by, nothing of it twice."""

    def __init__(
        self,
        app: App,
        policies: PolicyOptions,
        *,
        offline: bool,
        files_suffice: bool = False,
        live: LiveIam | None = None,
    ) -> None:
        """Read the files.

        Args:
            app: the application.
            policies: the flags.
            offline: no AWS call is made.
            files_suffice: if there is a file, IAM is not read, nor the organization unless a flag
                names the chain for it.
            live: IAM as it was read for other plans.

        Raises:
            UsageError, ConfigError: see `read_documents`.
        """
        self._app, self._policies = app, policies
        by_files = files_suffice and bool(policies.documents)
        self.keyring_needed = not offline
        self._reads_iam, self._live = not offline and not by_files, live
        self._asks_organization = not offline and not (by_files and policies.organization is None)
        self.documents = read_documents(policies, app.note)

    @property
    def is_shared(self) -> bool:
        """True if every plan is judged by the same: no role is read for one of them."""
        return not self._reads_iam

    def read(
        self,
        plan: Plan,
        answer: AwsRefusal | None = None,
        *,
        hop: int | None = None,
        resource: str | None = None,
    ) -> Evidence:
        """Return what a plan is judged by, still without the organization.

        Args:
            plan: the plan.
            answer: what AWS said when it refused a call; the policy that it names is read as well.
            hop: the number of the hop that AWS refused.
            resource: ARN of what a call is about; if it is a role, that is read as well.

        Raises:
            SourceError: the source is not who its config says it must be.
        """
        policies, denied = self._policies, None if answer is None else answer.denied
        if denied is not None and denied.caller is not None and hop == 1:
            policies = _with_caller(policies, plan.source, denied.caller)
        if not self._reads_iam:
            return Evidence(plan, self.documents, policies)
        self._live = self._live or _live_iam(self._app)
        named = None if denied is None else denied.policy_arn
        live, policies = self._live.read(plan, policies, named, hop)
        if resource is not None and is_role(resource):
            live = live.merged(self._live.read_role(resource, plan, policies.caller))
        return Evidence(plan, live.merged(self.documents), policies)

    def with_organization(
        self, evidence: Sequence[Evidence], resource: str | None = None
    ) -> list[Evidence]:
        """Return all of it with what the organization attaches to accounts of any plan, if known.

        Raises:
            SourceError, ServiceError: see `find_organization`.
        """
        accounts = {account_of(resource or "")}
        for each in evidence:
            accounts |= _accounts_of(self._app, each.plan, each.policies.caller)
        found = self.find_organization(accounts)
        shared = replace(self.documents, organization=found)
        return [
            replace(
                each,
                inventory=shared
                if each.inventory is self.documents
                else replace(each.inventory, organization=found),
            )
            for each in evidence
        ]

    def find_organization(self, accounts: Iterable[str | None]) -> Organization | None:
        """Return the organization of ``accounts``; ``None``: it is not known.

        It is read through the chain that ``--organization`` or the config names; offline, or if
        that chain of the config has no session, what was read last counts for a week.

        Raises:
            SourceError, ServiceError: the chain that the flag names cannot be used. One that may
                not read the organization is only said: what is at hand still counts.
        """
        app, named = self._app, self._policies.organization
        needed = {account for account in accounts if account is not None}
        stored = _last_read(app)
        chain = named or app.config.organization_chain
        asks = chain is not None and self._asks_organization
        if chain is not None and asks and (named or not _is_enough(app, stored, needed)):
            try:
                return _read_organization(app, chain, needed)
            except RolehopError as error:
                if named is not None and not isinstance(error, HopRefused):
                    raise
                app.note_once("organization", f"the organization is not read: {error.what}")
        if stored is None:
            return None
        age = show_span(max(int((app.now() - stored.at).total_seconds()), 0))
        app.note_once("age", f"SCPs and RCPs are those that chain '{stored.chain}' read {age} ago")
        return stored.organization


def _live_iam(app: App) -> LiveIam:
    """Return IAM as the stored sessions may read it; botocore is imported here."""
    from rolehop.app.judging.live_iam import LiveIam

    return LiveIam(app)


def _with_caller(policies: PolicyOptions, source: SourceConfig, caller: str) -> PolicyOptions:
    """Take the caller that AWS named for the source, if the config does not say who it is."""
    account = source.settings.get("account")
    fits = account is None or account == account_of(caller)
    if policies.caller or source.principal or is_federated(source) or not fits:
        return policies
    return replace(policies, caller=caller) if is_principal(caller) else policies


def _accounts_of(app: App, plan: Plan, caller: str | None) -> set[str | None]:
    """Return the accounts of a chain's roles and of who calls; ``caller``: its ARN, if known."""
    of_source = plan.source.settings.get("account")
    principal = caller or plan.source.principal
    own = federated_call(app, plan.source, plan.region, IamInventory(), principal)
    arn = principal if own is None else own.role
    first = of_source if isinstance(of_source, str) else account_of(arn or "")
    return {first, *(step.hop.role.account for step in plan.hops)}


# ---- the organization, as it was read last


class StoredOrganization(NamedTuple):
    """An organization, when it was read (aware, UTC), and by which chain's session."""

    organization: Organization
    at: datetime
    chain: str


def load_organization(state_folder: Path) -> StoredOrganization | None:
    """Return what was stored; ``None``: nothing that can be read."""

    def read(note: dict[str, Any]) -> StoredOrganization:
        at, chain = read_moment(note["at"]), text_in(note, "chain")
        return StoredOrganization(_organization(note), at, chain)

    return organization_note(state_folder).read(read)


def store_organization(state_folder: Path, stored: StoredOrganization) -> None:
    """Store it, in the place of what was stored before.

    Raises:
        OSError: it cannot be written.
    """
    found = stored.organization
    fields = {
        "at": stored.at.isoformat(timespec="seconds"),
        "chain": stored.chain,
        "management_account": found.management_account,
        "paths": {account: list(path) for account, path in found.paths.items()},
        "targets": {name: list(target) for name, target in found.targets.items()},
        "policies": {name: list(policy) for name, policy in found.policies.items()},
        "enabled": [found.scps_enabled, found.rcps_enabled],
    }
    organization_note(state_folder).store(fields)


def organization_note(state_folder: Path) -> NoteFile:
    """Return the file of what was read last of an organization."""
    return NoteFile(state_folder / "organization.json")


def _organization(found: Mapping[str, Any]) -> Organization:
    scps, rcps = found["enabled"]
    organization = Organization(
        str(found["management_account"]),
        {str(k): tuple(map(str, each)) for k, each in found["paths"].items()},
        {str(k): _target(*each) for k, each in found["targets"].items()},
        {
            str(k): NamedPolicy(str(name), str(text))
            for k, (name, text) in found["policies"].items()
        },
        scps is True,
        rcps is True,
    )
    for account in organization.paths:
        for kind in ("SCP", "RCP"):
            list(organization.levels(account, kind))  # KeyError: a part is missing
    return organization


def _target(name: object, scps: list[object], rcps: list[object]) -> Target:
    return Target(str(name), tuple(map(str, scps)), tuple(map(str, rcps)))


_FRESH = timedelta(hours=1)
"""What the config's chain read so recently is not read again; a flag always reads."""

_USABLE = timedelta(days=7)


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


def _read_organization(app: App, chain: str, accounts: set[str]) -> Organization:
    from rolehop.aws.organizations import OrganizationReader

    plan = Planning(app).plan(chain)
    settings = app.sts_clients.get(plan.region, plan.aws_profile).settings
    try:
        signer = session_or_keys(app, plan)
        ask_to_read(app, chain)
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
