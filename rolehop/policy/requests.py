"""Turn the hops of a chain into requests: caller, role, parameters and condition keys.

What a hop's session carries into the next hop (session tags that are transitive, the source
identity, no MFA) follows the IAM user guide, "Passing session tags", "Monitor and control
actions taken with assumed roles" and "Secure API access with MFA".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolehop.config.inheritance import changes_identity, repeated_tags, tag_key
from rolehop.policy.chains.call_context import context_of
from rolehop.policy.chains.model import (
    SOURCE_SESSION,
    AssumeRoleRequest,
    CallerState,
    EvaluationContext,
    InheritedAttributes,
    StartingCredentials,
)
from rolehop.policy.evaluation.evaluator import source_unseen
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import PolicySet, PolicyType, Request
from rolehop.policy.evaluation.principals import Caller, caller_from_arn, session_of
from rolehop.policy.inventory.context_keys import (
    is_of_caller,
)
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.language.request_context import Unknown


def build_requests(
    start: StartingCredentials, hops: Sequence[AssumeRoleRequest], setting: EvaluationContext
) -> tuple[Request, ...]:
    """Return the request of each hop, in order."""
    held = initial_state(start, setting)
    made = []
    for number, hop in enumerate(hops, start=1):
        made.append(build_request(held, hop, setting))
        held = next_state(held, hop, number, setting.records)
    return tuple(made)


def initial_state(start: StartingCredentials, setting: EvaluationContext) -> CallerState:
    """Return the credentials before hop 1."""
    supplied = {key.lower(): values for key, values in setting.supplied.items()}
    caller = _first_caller(start, setting.records)
    identity = supplied.get("aws:sourceidentity", ())
    of_caller = {key: each for key, each in setting.supplied.items() if is_of_caller(key)}
    is_user = start.long_lived or ":user/" in (start.principal or "")
    carried = start.carried or (
        InheritedAttributes({}) if is_user else InheritedAttributes(unseen=SOURCE_SESSION)
    )
    assumed = carried.unseen in setting.assumptions
    session = setting.records.session(start.policy, start.policy_arns, "the source")
    if start.policy_unseen and not is_user and not assumed:
        missing = "the session policy that the source's session may have"
        session = PolicySet(session.documents, (*session.missing, missing))
    return CallerState(
        caller=caller,
        session=session,
        assumed=(carried.unseen,) if assumed and carried.unseen else (),
        unseen=None if assumed else carried.unseen,
        tags={} if assumed and carried.unseen == SOURCE_SESSION else carried.tags,
        transitive=frozenset(tag_key(key) for key in carried.transitive),
        source_identity=identity[0] if identity else carried.source_identity,
        mfa=start.mfa,
        long_lived=start.long_lived and start.token_seconds is None,
        token_seconds=start.token_seconds,
        mfa_by_call=start.mfa_by_call,
        role_pattern=_role_pattern(caller, start),
        known=carried.known,
        supplied=of_caller,
        unread=carried.unread,
        from_user=is_user,
    )


def _first_caller(start: StartingCredentials, records: IamInventory) -> Caller:
    if start.principal is None:
        return Caller(None, start.account)
    entity = records.find(start.role or start.principal)
    role = start.principal if ":role/" in start.principal else start.role
    if role is None and entity is not None and ":role/" in entity.arn:
        role = entity.arn
    arn = session_of(start.principal) if ":role/" in start.principal else start.principal
    return caller_from_arn(
        arn, role=role, unique_id=entity.unique_id if entity is not None else None
    )


def _role_pattern(caller: Caller, start: StartingCredentials) -> str | None:
    """Return what the ARN of the caller's role is like; ``None``: it is known, or nothing is.

    The role of a permission set has a path: ``aws-reserved/sso.amazonaws.com/``, at times with a
    region (IAM Identity Center user guide, "Referencing permission sets in resource policies").
    """
    if caller.arn is None:
        return start.role_pattern
    name = caller.arn.split("/")[1] if caller.is_session and caller.role is None else ""
    if not name.startswith("AWSReservedSSO_"):
        return None
    return (
        f"arn:{caller.partition}:iam::{caller.account}:role/aws-reserved/sso.amazonaws.com/*{name}"
    )


def next_state(
    held: CallerState, hop: AssumeRoleRequest, number: int, records: IamInventory
) -> CallerState:
    """Return the session of ``hop``: who it is and what it carries."""
    inherited = {
        key: value for key, value in (held.tags or {}).items() if tag_key(key) in held.transitive
    }
    return CallerState(
        caller=session_caller(hop, records),
        session=records.session(hop.policy, hop.policy_arns, f"hop {number}"),
        tags={**dict(hop.tags), **inherited},
        transitive=held.transitive | {tag_key(key) for key in hop.transitive_tags},
        source_identity=hop.source_identity or held.source_identity,
        mfa=False,
        long_lived=False,
        # Its session policy ends with the first hop; tags and source identity would travel on.
        assumed=held.assumed,
        unseen=held.unseen,
        unread=held.unread,
        walked=True,
        from_user=held.from_user,
        next_hop=number + 1,
    )


def session_caller(hop: AssumeRoleRequest, records: IamInventory) -> Caller:
    """Return who the session of ``hop`` is."""
    role = hop.role
    arn = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/{hop.session_name}"
    entity = records.find(str(role))
    return caller_from_arn(arn, role=str(role), unique_id=entity.unique_id if entity else None)


def build_request(held: CallerState, hop: AssumeRoleRequest, setting: EvaluationContext) -> Request:
    """Return the request that ``held`` makes for ``hop``."""
    records, named = setting.records, held.caller.named
    identity = hop.source_identity or held.source_identity
    extra = {
        "sts:TagSession": bool(hop.tags or held.transitive),
        "sts:SetSourceIdentity": identity is not None,
    }
    return Request(
        role=str(hop.role),
        caller=held.caller,
        context=context_of(held, hop, setting),
        actions=("sts:AssumeRole", *(action for action, wanted in extra.items() if wanted)),
        policies={
            PolicyType.TRUST: records.trust(str(hop.role)),
            PolicyType.PERMISSIONS: records.permissions(named),
            PolicyType.BOUNDARY: records.boundary(named),
            PolicyType.SESSION: held.session,
            PolicyType.SCP: records.scp(held.caller.account),
            PolicyType.RCP: records.rcp(hop.role.account),
        },
        assumed=held.assumed,
        unseen=held.unseen,
        possible_actions=possible_actions(held.unseen, extra),
        impossible=_impossible(held, hop) or records.role_missing(hop.role),
        hop=held.next_hop,
    )


def possible_actions(unseen: str | None, extra: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the actions that are also requested if what is ``unseen`` exists.

    ``extra``: optional actions, and whether they are requested anyway.
    """
    return () if unseen is None else tuple(each for each, asked in extra.items() if not asked)


def _impossible(held: CallerState, hop: AssumeRoleRequest) -> Finding | None:
    """Return what STS itself refuses: a changed source identity, a tag that is already inherited."""
    before, sent = held.source_identity, hop.source_identity
    if isinstance(sent, Unknown):  # {caller}, the same at every hop
        if isinstance(before, str):
            element, wanted = "Request SourceIdentity", "the one that is set already"
            return Finding(element, Truth.UNKNOWN, Reason.IDENTITY_CHANGED, wanted, before)
    elif before is not None and changes_identity(sent, before):
        element, reason = "Request SourceIdentity", Reason.IDENTITY_CHANGED
        if isinstance(before, Unknown):
            return Finding(element, Truth.UNKNOWN, reason, "the one that the source set", sent)
        return Finding(element, Truth.FALSE, reason, before, sent)
    again = repeated_tags(hop.tags, held.transitive)
    if again:
        wanted = "tags that no hop before sent as transitive"
        found = ", ".join(again)
        return Finding("Request Tags", Truth.FALSE, Reason.TAG_REPEATED, wanted, found)
    # What is sent may be sent already: refused then, or another source identity than the one set.
    if held.unseen and (hop.tags or (sent is not None and before is None)):
        return source_unseen(held.unseen)
    return claim_unread(held.unread)


def claim_unread(claim: str | None) -> Finding | None:
    """Return why it is not known what a token's session carries; ``None``: every claim was read."""
    if claim is None:
        return None
    wanted = "session tags and a source identity in a form that AWS describes"
    return Finding("Request Token", Truth.UNKNOWN, Reason.CLAIM_UNREAD, wanted, claim)
