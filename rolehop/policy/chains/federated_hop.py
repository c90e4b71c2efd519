"""Describe the call that a federated source makes for its own role: hop 0.

A token's holder calls AssumeRoleWithWebIdentity or …WithSAML without credentials, and for a
certificate the service IAM Roles Anywhere calls AssumeRole. Neither has permissions of its own: the
role's trust policy decides, and RCPs.
"""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.arn import RoleArn
from rolehop.policy.chains.call_context import (
    ABSENT_WITH_TOKEN,
    OF_SIGNER,
    context_without_signer,
    of_every_call,
)
from rolehop.policy.chains.model import (
    SOURCE_SESSION,
    EvaluationContext,
    InheritedAttributes,
    SuppliedKeys,
)
from rolehop.policy.chains.requests import claim_unread, possible_actions
from rolehop.policy.evaluation.evaluator import evaluate, source_unseen
from rolehop.policy.evaluation.model import PolicyType, Request
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.language.request_context import Context
from rolehop.startup.dataclass import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class FederatedCall:
    """The call by which a federated source gets its own role: hop 0."""

    role: str
    """Whole ARN."""

    action: str
    """``sts:AssumeRoleWithWebIdentity``, ``sts:AssumeRoleWithSAML``; ``sts:AssumeRole`` where a
    service calls."""

    provider: str | None = None
    """Of a token: ARN or host of the identity provider; ``None``: not known."""

    service: str | None = None
    """The AWS service that calls, such as IAM Roles Anywhere for a certificate."""

    session_name: str | None = None
    known: SuppliedKeys = field(default_factory=dict)
    """Condition keys whose values the config, the token or the certificate gives."""

    carried: InheritedAttributes = InheritedAttributes(unseen=SOURCE_SESSION)


PROFILE = "roles-anywhere-profile"
"""The settings of a Roles Anywhere profile, which only its account can see. The assumption: it lists
the role, maps the certificate's attributes to tags as by default, and has no session policy."""


def federated_request(asked: FederatedCall, setting: EvaluationContext) -> Request:
    """Return the request of a federated source's own role.

    For Roles Anywhere the service asks for all three actions, always (Roles Anywhere user guide,
    "The trust model").
    """
    carried, service = asked.carried, asked.service
    extra = {
        "sts:TagSession": bool(service or carried.tags or carried.transitive),
        "sts:SetSourceIdentity": carried.source_identity is not None,
    }
    records = setting.records
    unseen, assumed = carried.unseen, carried.unseen in setting.assumptions
    return Request(
        role=asked.role,
        caller=Caller(
            None, None, provider=asked.provider, federated=service is None, service=service
        ),
        context=_context_of_own(asked, setting),
        actions=(asked.action, *(action for action, wanted in extra.items() if wanted)),
        policies={
            PolicyType.TRUST: records.trust(asked.role),
            PolicyType.RCP: records.rcp(RoleArn.parse(asked.role).account),
        },
        assumed=(unseen,) if assumed and unseen else (),
        unseen=None if assumed else unseen,
        possible_actions=() if assumed else possible_actions(unseen, extra),
        impossible=records.role_missing(RoleArn.parse(asked.role))
        or (source_unseen(PROFILE) if unseen == PROFILE and not assumed else None)
        or claim_unread(carried.unread),
    )


def session_after(asked: FederatedCall, setting: EvaluationContext) -> FederatedCall:
    """Return the call with what its session cannot carry: tags and a source identity.

    STS makes no session with either unless the role's trust policy allows ``sts:TagSession`` or
    ``sts:SetSourceIdentity``, and no RCP denies it (IAM user guide, "Pass session tags in AWS STS"
    and "Monitor and control actions taken with assumed roles"). So policies that refuse both say
    what no token shows.
    """
    carried = asked.carried
    if asked.service is not None or not (carried.unread or carried.unseen == SOURCE_SESSION):
        return asked
    call = federated_request(asked, setting)
    for action in ("sts:TagSession", "sts:SetSourceIdentity"):
        if not evaluate(replace(call, actions=(action,))).refused:
            return asked
    return replace(asked, carried=replace(carried, tags={}, unseen=None, unread=None))


def _context_of_own(asked: FederatedCall, setting: EvaluationContext) -> Context:
    carried = asked.carried
    values: dict[str, Sequence[str]] = {
        **of_every_call(setting, RoleArn.parse(asked.role).account),
        **asked.known,
        **carried.known,
        **({"sts:RoleSessionName": [asked.session_name]} if asked.session_name else {}),
    }
    # The holder of a token is not a principal of any organization; a service may be.
    absent = list(ABSENT_WITH_TOKEN if asked.service is None else OF_SIGNER)
    if isinstance(carried.source_identity, str):
        values["sts:SourceIdentity"] = [carried.source_identity]
    if asked.service is not None:
        values["aws:PrincipalIsAWSService"] = ["true"]
        values["aws:PrincipalServiceName"] = [asked.service]
        # Which endpoint the service calls, and on whose behalf, is not known.
        for key in ("aws:ViaAWSService", "aws:ViaAWSMCPService", "aws:RequestedRegion"):
            values.pop(key, None)
    if carried.tags is not None:
        values |= {f"aws:RequestTag/{key}": [value] for key, value in carried.tags.items()}
        values["aws:TagKeys"] = list(carried.tags)
        values["sts:TransitiveTagKeys"] = list(carried.transitive)
        absent.append("aws:RequestTag/")
        if carried.source_identity is None:
            absent.append("sts:SourceIdentity")
    return context_without_signer(values, absent, setting.supplied)
