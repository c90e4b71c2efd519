"""A federated source's own call, hop 0, from its config and what its token or certificate tells."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.app.context import App
from rolehop.arn import RoleArn, partition_of, partition_of_region
from rolehop.config.model import SourceConfig
from rolehop.policy.chains.federated_hop import PROFILE, FederatedCall
from rolehop.policy.chains.model import SOURCE_SESSION, InheritedAttributes
from rolehop.policy.evaluation.principals import caller_from_arn
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.sources import federated_identity
from rolehop.sources.federation import FederatedIdentity

# The CI service whose issuer is the same for everybody; others have one for each installation.
_CI_ISSUERS = {"github": "token.actions.githubusercontent.com"}
_CI_AUDIENCE = "sts.amazonaws.com"
# Built into STS: named by host, without a provider's ARN (STS API reference).
_HOST_PROVIDERS = ("accounts.google.com", "www.amazon.com", "graph.facebook.com")
_ROLES_ANYWHERE = "rolesanywhere.amazonaws.com"


def federated_call(
    app: App,
    source: SourceConfig,
    region: str | None,
    records: IamInventory,
    principal: str | None,
) -> FederatedCall | None:
    """Return the call by which a federated source gets its own role.

    ``principal``: whose session it must be, where somebody said so. ``None``: it is no such source,
    or nobody can tell from here which role that is.
    """
    facts = federated_identity(source, app.source_context)
    role = None if facts is None else _role(facts, region, records, principal)
    if facts is None or role is None:
        return None
    if source.type == "roles-anywhere":
        return _by_certificate(source, role, facts)
    if source.type == "saml":
        action = "sts:AssumeRoleWithSAML"
        return FederatedCall(str(role), action, facts.provider, carried=_carried(facts))
    return _by_token(source, role, facts)


def _role(
    facts: FederatedIdentity, region: str | None, records: IamInventory, principal: str | None
) -> RoleArn | None:
    """Return the role that config or token names, else the one whose session the source must be."""
    partition = partition_of(facts.provider or "") or partition_of_region(region or "")
    if facts.role is not None:
        return _parsed(facts.role, partition)
    found = records.find(principal)
    named = found.arn if found is not None else caller_from_arn(principal).named
    return _parsed(named or "", partition)


def _parsed(text: str, partition: str) -> RoleArn | None:
    try:
        return RoleArn.parse_in(text, partition)
    except ValueError:
        return None


def _by_certificate(source: SourceConfig, role: RoleArn, facts: FederatedIdentity) -> FederatedCall:
    anchor = str(source.settings["trust_anchor"])
    carried = InheritedAttributes(
        source_identity=facts.source_identity or UNKNOWN, known=facts.keys, unseen=PROFILE
    )
    return FederatedCall(
        str(role),
        "sts:AssumeRole",
        service=_ROLES_ANYWHERE,
        session_name=facts.session_name,
        known={"aws:SourceArn": [anchor], "aws:SourceAccount": [anchor.split(":")[4]]},
        carried=carried,
    )


def _by_token(source: SourceConfig, role: RoleArn, facts: FederatedIdentity) -> FederatedCall:
    settings = source.settings
    host = facts.issuer or _issuer_host(settings)
    audience = settings.get("audience", _CI_AUDIENCE if "ci" in settings else None)
    said = {f"{host}:aud": (audience,)} if host and isinstance(audience, str) else {}
    return FederatedCall(
        str(role),
        "sts:AssumeRoleWithWebIdentity",
        _provider(host, role) if host else None,
        session_name=facts.session_name,
        known=facts.keys or said,
        carried=_carried(facts),
    )


def _carried(facts: FederatedIdentity) -> InheritedAttributes:
    if facts.unread is not None:
        return InheritedAttributes(
            transitive=facts.transitive, source_identity=facts.source_identity, unread=facts.unread
        )
    if facts.tags is None:
        return InheritedAttributes(source_identity=facts.source_identity, unseen=SOURCE_SESSION)
    return InheritedAttributes(facts.tags, facts.transitive, facts.source_identity)


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
