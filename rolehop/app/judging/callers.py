"""Whose request is judged, found without a walk: the call of a federated source, or credentials at hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.app.context import App
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import RoleArn, partition_of, partition_of_region
from rolehop.base.errors import SourceError
from rolehop.config.model import SourceConfig
from rolehop.policy.chain_model import SOURCE_SESSION, InheritedAttributes
from rolehop.policy.context_keys import keys_of_claims
from rolehop.policy.evaluation.principals import caller_from_arn
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.requests import PROFILE, FederatedCall
from rolehop.sources import SOURCE_TYPES, federated_identity
from rolehop.sources.context import FederatedIdentity

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
        known={
            **(identity.keys or configured),
            **keys_of_claims(host or "", identity.claims),
        },
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
