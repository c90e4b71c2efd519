"""What a verdict is given on, apart from the plan: policy files, the organization, credentials to read more.

Also the AssumeRoleWith… call that a federated source makes, as its config and its token say it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import ACCOUNT_ID, RoleArn, account_of, partition_of, partition_of_region
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.durations import read_moment, show_span
from rolehop.base.errors import ConfigError, HopRefused, RolehopError, SourceError, UsageError
from rolehop.base.files import write_beside
from rolehop.config.model import SourceConfig
from rolehop.policy.aws_cli_output import (
    InvalidInventory,
    load_strictly,
    policy_text,
    read_inventory,
)
from rolehop.policy.chain_model import SOURCE_SESSION, InheritedAttributes
from rolehop.policy.evaluation.principals import caller_from_arn
from rolehop.policy.inventory import IamInventory, NamedPolicy, Organization, Target, find_conflict
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.requests import PROFILE, FederatedCall
from rolehop.sources import SOURCE_TYPES, federated_identity
from rolehop.sources.context import FederatedIdentity
from rolehop.vault.notes import UNUSABLE, as_checked, load_checked, text_in
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from rolehop.base.credentials import Credentials
    from rolehop.plan.model import Plan

# CI services with one issuer for everybody; others have one for each installation.
_CI_ISSUERS = {"github": "token.actions.githubusercontent.com"}
_CI_AUDIENCE = "sts.amazonaws.com"

# Built into STS: named by host, without a provider's ARN (STS API reference).
_HOST_PROVIDERS = ("accounts.google.com", "www.amazon.com", "graph.facebook.com")
_ROLES_ANYWHERE = "rolesanywhere.amazonaws.com"


def federated_call(
    app: App,
    source: SourceConfig,
    region: str | None,
    inventory: IamInventory,
    principal: str | None,
) -> FederatedCall | None:
    """Return the call by which a federated source gets its role, hop 0.

    ``principal`` is the ARN that the source's session must have, if the user named one. ``None``:
    the source is not federated, or its role is not known here.
    """
    identity = federated_identity(source, app.source_context)
    role = None if identity is None else _role(identity, region, inventory, principal)
    if identity is None or role is None:
        return None
    action = SOURCE_TYPES[source.type].federated_action
    if action == "sts:AssumeRole":
        return _with_certificate(source, role, identity)
    if action == "sts:AssumeRoleWithSAML":
        return FederatedCall(str(role), action, identity.provider, carried=_inherited(identity))
    return _with_token(source, role, identity)


def _role(
    identity: FederatedIdentity,
    region: str | None,
    inventory: IamInventory,
    principal: str | None,
) -> RoleArn | None:
    """Return the role that config or token names, else that of ``principal``."""
    partition = partition_of(identity.provider or "") or partition_of_region(region or "")
    if identity.role is not None:
        return _parsed(identity.role, partition)
    found = inventory.find(principal)
    arn = found.arn if found is not None else caller_from_arn(principal).named
    return _parsed(arn or "", partition)


def _parsed(text: str, partition: str) -> RoleArn | None:
    try:
        return RoleArn.parse_in(text, partition)
    except ValueError:
        return None


def _with_certificate(
    source: SourceConfig, role: RoleArn, identity: FederatedIdentity
) -> FederatedCall:
    anchor = str(source.settings["trust_anchor"])
    inherited = InheritedAttributes(
        source_identity=identity.source_identity or UNKNOWN, known=identity.keys, unseen=PROFILE
    )
    return FederatedCall(
        str(role),
        "sts:AssumeRole",
        service=_ROLES_ANYWHERE,
        session_name=identity.session_name,
        known={"aws:SourceArn": [anchor], "aws:SourceAccount": [anchor.split(":")[4]]},
        carried=inherited,
    )


def _with_token(source: SourceConfig, role: RoleArn, identity: FederatedIdentity) -> FederatedCall:
    settings = source.settings
    host = identity.issuer or _issuer_host(settings)
    audience = settings.get("audience", _CI_AUDIENCE if "ci" in settings else None)
    configured = {f"{host}:aud": (audience,)} if host and isinstance(audience, str) else {}
    return FederatedCall(
        str(role),
        "sts:AssumeRoleWithWebIdentity",
        _provider(host, role) if host else None,
        session_name=identity.session_name,
        known=identity.keys or configured,
        carried=_inherited(identity),
    )


def _inherited(identity: FederatedIdentity) -> InheritedAttributes:
    """Return what the session has of its token.

    The token's subject and audience are keys of the session's own calls, too (IAM user guide,
    "IAM and AWS STS condition context keys", OIDC federation).
    """
    unread = identity.unread
    return InheritedAttributes(
        None if unread is not None else identity.tags,
        identity.transitive,
        identity.source_identity,
        known=identity.keys,
        unseen=SOURCE_SESSION if identity.tags is None and unread is None else None,
        unread=unread,
    )


def _issuer_host(settings: Mapping[str, object]) -> str | None:
    provider, issuer = settings.get("provider_id"), settings.get("issuer")
    if isinstance(provider, str):
        return provider
    if isinstance(issuer, str):
        return issuer.removeprefix("https://").rstrip("/")
    return _CI_ISSUERS.get(str(settings.get("ci")))


def _provider(host: str, role: RoleArn) -> str:
    if host in _HOST_PROVIDERS:
        return host
    return f"arn:{role.partition}:iam::{role.account}:oidc-provider/{host}"


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """The flags about policy documents and about what a request carries."""

    documents: tuple[str, ...] = ()
    """Files with the output of AWS CLI commands (``--policies``)."""

    scps: tuple[str, ...] = ()
    rcps: tuple[str, ...] = ()
    """Each ``FILE`` or ``ACCOUNT=FILE``."""

    caller: str | None = None
    """ARN of who the source is (``--as``)."""

    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition keys and their values; no value: the key is absent."""

    context_of_hops: Mapping[int, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Likewise of the caller of one hop, by its number."""

    assumptions: frozenset[str] = frozenset()
    """What cannot be seen of a source's session and is assumed to be absent (``--assume``)."""

    management_account: str | None = None
    """The organization's management account, to which neither SCPs nor RCPs apply."""

    organization: str | None = None
    """The chain through which the organization is read (``--organization``)."""

    pin_tags: bool = False
    """Proposed statements take only the tags that the call sends (``--pin-tags``)."""


def read_documents(policies: PolicyOptions, note: Callable[[str], None]) -> IamInventory:
    """Read all files; ``note`` is told of a file that says nothing.

    Raises:
        UsageError: a file cannot be read.
        ConfigError: the content of a file is not understood, or two files contradict each other.
    """
    inventory = IamInventory()
    seen: list[tuple[str, IamInventory]] = []
    for name in policies.documents:
        found = _read(name, read_inventory)
        if found == IamInventory():
            note(f"{name} describes no user, group, role or policy: was it filtered?")
        for other, known in seen:
            _check_agreement(find_conflict(known, found), other, name)
        seen.append((name, found))
        inventory = inventory.merged(found)
    management = {policies.management_account} - {None}
    return replace(
        inventory,
        scps=_by_account(policies.scps),
        rcps=_by_account(policies.rcps),
        management_accounts=inventory.management_accounts | frozenset(map(str, management)),
    )


def _check_agreement(difference: str | None, one: str, other: str) -> None:
    if difference is not None:
        raise ConfigError(
            f"{one} and {other} contradict each other",
            cause=f"they differ in {difference}, so one of them is old",
            fix="leave the older one out: aws iam get-account-authorization-details > FILE",
        )


T = TypeVar("T")


def _read(name: str, read: Callable[[str], T]) -> T:
    try:
        raw = Path(name).read_bytes()
        # PowerShell's > writes UTF-16, and Windows editors mark UTF-8.
        return read(raw.decode(json.detect_encoding(raw)))
    except OSError as error:
        raise UsageError(f"{name} cannot be read", cause=error.strerror) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{name} cannot be read",
            cause="it is neither UTF-8 nor UTF-16",
            fix="save it as UTF-8",
        ) from None
    except InvalidInventory as error:
        raise ConfigError(
            f"rolehop does not understand {name}",
            cause=str(error),
            fix="aws iam get-account-authorization-details > FILE",
        ) from None


def _by_account(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the policies of ``[ACCOUNT=]FILE`` by account; ``*``: of every account."""
    found: dict[str, tuple[str, ...]] = {}
    for each in given:
        account, name = _account_and_file(each)
        found[account] = (*found.get(account, ()), _read(name, _policy_in))
    return found


def _account_and_file(given: str) -> tuple[str, str]:
    account, equals, name = given.partition("=")
    return (account, name) if equals and ACCOUNT_ID.fullmatch(account) else ("*", given)


def read_policy(name: str) -> str:
    """Return the policy in a file: bare, or as an AWS CLI command prints it.

    Raises:
        UsageError: the file cannot be read.
        ConfigError: its content is not understood.
    """
    return _read(name, _policy_in)


def _policy_in(text: str) -> str:
    """Return a bare policy document, or the one in the output of an AWS CLI command.

    E.g. of ``aws organizations describe-policy``, ``aws s3api get-bucket-policy`` or ``aws iam
    get-role``.
    """
    document = load_strictly(text)
    if isinstance(document, dict) and isinstance(document.get("Role"), dict):
        document = document["Role"].get("AssumeRolePolicyDocument", document)
    elif isinstance(document, dict) and isinstance(document.get("Policy"), dict):
        document = document["Policy"].get("Content", document)
    elif isinstance(document, dict) and isinstance(document.get("Policy"), str):
        document = document["Policy"]
    return text if document is None else policy_text(document)


FILE = "organization.json"
_SCHEMA = 1

_MEMBERS = {
    *("schema", "at", "chain", "management_account"),
    *("paths", "targets", "policies", "enabled"),
}


class StoredOrganization(NamedTuple):
    """An organization, when it was read (aware, UTC), and by which chain's session."""

    organization: Organization
    at: datetime
    chain: str


def load_organization(state_folder: Path) -> StoredOrganization | None:
    """Return what was stored; ``None``: nothing that can be read."""
    try:
        found = load_checked(state_folder / FILE, _MEMBERS)
        if found["schema"] != _SCHEMA:
            return None
        at = read_moment(found["at"])
        return StoredOrganization(_organization(found), at, text_in(found, "chain"))
    except (OSError, *UNUSABLE):
        return None


def store_organization(state_folder: Path, stored: StoredOrganization) -> None:
    """Store it, in the place of what was stored before.

    Raises:
        OSError: it cannot be written.
    """
    found = stored.organization
    document = {
        "schema": _SCHEMA,
        "at": stored.at.isoformat(timespec="seconds"),
        "chain": stored.chain,
        "management_account": found.management_account,
        "paths": {account: list(path) for account, path in found.paths.items()},
        "targets": {name: list(target) for name, target in found.targets.items()},
        "policies": {name: list(policy) for name, policy in found.policies.items()},
        "enabled": [found.scps_enabled, found.rcps_enabled],
    }
    write_beside(state_folder / FILE, as_checked(document))


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
            found = _read_organization(app, chain, needed)
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


def _read_organization(app: App, chain: str, accounts: set[str]) -> Organization:
    from rolehop.aws.organizations import OrganizationReader

    plan = Planning(app).plan(chain)
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


def stored_session(app: App, key: str) -> Credentials | None:
    """Return the session of a hop key; ``None``: none is stored, or it is over."""
    session = app.vault.find_key(key)
    lasts = session is not None and session.lasts(app.now(), timedelta(0))
    return session.credentials if session is not None and lasts else None


def own_keys(app: App, source: SourceConfig) -> Credentials | None:
    """Return a source's credentials if no call, question or program is needed to get them.

    Raises:
        RolehopError: they cannot be loaded.
    """
    from rolehop.sources import loads_locally
    from rolehop.sources.loading import load_source

    context = app.walk_context(app.person)
    return load_source(source, context)[0] if loads_locally(source, context) else None


def session_or_keys(app: App, plan: Plan) -> Credentials:
    """Return a chain's stored session, or its source's own keys if it has no hops.

    Raises:
        SourceError: there are none; nothing is walked.
    """
    found = stored_session(app, plan.key)
    if found is None and not plan.hops:
        found = own_keys(app, plan.source)
    if found is None:
        raise SourceError(
            f"no session of chain '{plan.chain}' is stored",
            fix=Advice("rolehop assume ", Argument(plan.chain)),
            chain=plan.chain,
        )
    return found
