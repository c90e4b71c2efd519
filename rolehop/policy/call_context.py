"""The condition keys of one call, of AssumeRole or any other: what is known, and what is absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from rolehop.base.arn import account_of, region_of
from rolehop.config.sts_limits import tag_key
from rolehop.policy.chain_model import (
    UNKNOWN_NAME,
    UNKNOWN_TAG,
    AssumeRoleRequest,
    CallerState,
    EvaluationContext,
    SuppliedKeys,
)
from rolehop.policy.context_keys import (
    absent_from_role_sessions,
    is_of_caller,
    is_of_every_call,
    is_of_target,
    is_of_token,
    is_sent,
    may_be_in_assume_role,
    may_be_in_assume_role_of_user,
    may_be_in_call,
)
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.request_context import UNKNOWN, Context, Unknown

_LONGEST_ROLE_SESSION = timedelta(hours=12)  # STS API reference, AssumeRole
_CODE_SECONDS = 60  # a code that goes with the call itself was checked just now


def ranges_of(held: CallerState, now: datetime) -> dict[str, tuple[str, str]]:
    """Return keys that the calls of ``held`` have, with their smallest and largest values.

    A cached session may be as old as one can get. Only temporary credentials have an issue time, and
    only MFA has an age (IAM user guide, "AWS global condition context keys").
    """
    found = {}
    oldest = _oldest(held)
    if oldest is not None:
        found["aws:TokenIssueTime"] = as_time(now - oldest), as_time(now)
    if held.mfa and held.mfa_by_call:
        found["aws:MultiFactorAuthAge"] = "0", str(_CODE_SECONDS)
    elif held.mfa and held.token_seconds is not None:
        found["aws:MultiFactorAuthAge"] = "0", str(held.token_seconds)
    return found


def patterns_of(held: CallerState) -> dict[str, str]:
    """Return keys that the calls of ``held`` have, with what their values are like."""
    return {} if held.role_pattern is None else {"aws:PrincipalArn": held.role_pattern}


def present_in(held: CallerState) -> tuple[str, ...]:
    """Return keys that the calls of ``held`` have, whatever their values."""
    temporary = ("aws:MultiFactorAuthPresent",) if _oldest(held) is not None else ()
    return (*_OF_SIGNED, *temporary, *(("aws:MultiFactorAuthAge",) if held.mfa else ()))


# "This key is included in the request context for all signed requests", or for all requests.
_OF_SIGNED = ("aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:userid")


def _oldest(held: CallerState) -> timedelta | None:
    """Return how old these credentials can be; ``None``: not known, or IAM user keys."""
    if held.caller.is_session:
        return _LONGEST_ROLE_SESSION
    return None if held.token_seconds is None else timedelta(seconds=held.token_seconds)


@lru_cache(maxsize=16)  # thousands of calls are judged as of one moment
def as_time(moment: datetime) -> str:
    """Return a time as condition keys have it."""
    return f"{moment.isoformat()[:19]}Z"  # strftime takes five times as long


_Values = dict[str, Sequence[str] | Unknown]

NEVER = (
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CalledViaAWSMCP",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
)
"""Keys of calls that services make, or make on behalf of others: absent from a person's own calls."""


def context_of(held: CallerState, hop: AssumeRoleRequest, context: EvaluationContext) -> Context:
    """Return the condition keys of the call that ``held`` makes for ``hop``."""
    identity = held.source_identity
    if identity is None and held.unseen:
        identity = UNKNOWN
    values: _Values = {
        **of_every_call(context, hop.role.account),
        "sts:RoleSessionName": UNKNOWN if hop.session_name == UNKNOWN_NAME else [hop.session_name],
        "sts:ExternalId": _maybe(hop.external_id),
        "sts:SourceIdentity": _maybe(hop.source_identity or identity),
        "aws:SourceIdentity": _maybe(identity),
        "aws:TagKeys": [key for key, _ in hop.tags],
        "sts:TransitiveTagKeys": list(hop.transitive_tags),
        **{f"aws:RequestTag/{key}": _tag(value) for key, value in hop.tags},
    }
    absent = [*NEVER, "aws:RequestTag/"]
    _add_caller(held, context.inventory, values, absent)
    values.update(held.known)
    _add_mfa(held, values, absent)
    _add_target(held, hop, context.inventory, values, absent)
    keys = Context(
        values,
        absent,
        ranges=ranges_of(held, context.now),
        patterns=patterns_of(held),
        present=(*present_in(held), "aws:RequestedRegion"),
        may_have=may_be_in_assume_role_of_user if held.from_user else may_be_in_assume_role,
    )
    return keys.with_supplied(_supplied_here(held, context)).with_missing_filled(
        {
            key: each
            for key, each in context.supplied.items()
            if is_of_target(key) or key.lower() == "aws:tokenissuetime"
        }
        | dict(context.supplied_at.get(held.next_hop, {}))
    )


def caller_context(
    held: CallerState, owner: str, context: EvaluationContext, action: str, resource: str
) -> Context:
    """Return the condition keys of any call of ``held`` for a resource of account ``owner``.

    A resource of one region is called there. What else is of the service, the resource or the
    request's parameters is known only if it is supplied.
    """
    identity = UNKNOWN if held.source_identity is None and held.unseen else held.source_identity
    values: _Values = {
        **of_every_call(context, owner),
        "aws:SourceIdentity": _maybe(identity),
    }
    # The region of STS says nothing of another service's.
    values.pop("aws:RequestedRegion", None)
    region = region_of(resource)
    if region is not None:
        values["aws:RequestedRegion"] = [region]
    # A service calls KMS on behalf of others (KMS developer guide, "kms:ViaService").
    absent = [*NEVER, "kms:ViaService"]
    if action.lower().startswith("kms:") and held.caller.account:
        values["kms:CallerAccount"] = [held.caller.account]
    _add_caller(held, context.inventory, values, absent)
    values.update(held.known)
    _add_mfa(held, values, absent)
    of_sts = action.lower().startswith(("sts:", "*"))
    of_call = {
        key: each
        for key, each in context.supplied.items()
        if is_of_token(key) or not is_of_caller(key)
    }
    keys = Context(
        values,
        absent,
        ranges=ranges_of(held, context.now),
        patterns=patterns_of(held),
        present=(*present_in(held), "aws:RequestedRegion"),
        may_have=lambda key: may_be_in_call(key, of_sts=of_sts, from_user=held.from_user),
    )
    # There is one caller alone, so what is said of a caller is said of this one.
    return keys.with_supplied({**of_call, **_supplied_here(held, context)}).with_missing_filled(
        context.supplied
    )


def context_of_action(
    held: CallerState, hop: AssumeRoleRequest, context: EvaluationContext
) -> Context:
    """Return the condition keys of an action of STS on the role of ``hop``.

    Unlike those of a chain's own hop, its parameters are known only if they are supplied.
    """
    sent = [*_PARAMETERS, *(() if isinstance(held.source_identity, str) else _IDENTITY)]
    supplied = {key: each for key, each in context.supplied.items() if is_sent(key)}
    return context_of(held, hop, context).opened(sent).with_supplied(supplied)


_PARAMETERS = (
    "sts:ExternalId",
    "sts:RoleSessionName",
    "sts:TransitiveTagKeys",
    "aws:TagKeys",
    "aws:RequestTag/",
    "aws:RequestedRegion",
)

_IDENTITY = ("sts:SourceIdentity",)

OF_SIGNER = ("sts:ExternalId", "aws:PrincipalArn", "aws:SourceIdentity", "aws:username")
"""Keys that a call for a role lacks if nobody's credentials sign it: a token's, or a service's."""

ABSENT_WITH_TOKEN = (
    *(*NEVER, *OF_SIGNER),
    *("aws:AssumedRoot", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"),
)
"""Keys that no call with a token has: its holder is a principal of no organization."""


def context_of_token(role: str, context: EvaluationContext) -> Context:
    """Return the condition keys of a call that somebody makes with a token for ``role``."""
    values: _Values = {**of_every_call(context, account_of(role) or "")}
    values.pop("aws:RequestedRegion", None)
    return context_without_signer(values, ABSENT_WITH_TOKEN, context.supplied)


def context_without_signer(
    values: Mapping[str, Sequence[str] | Unknown], absent: Iterable[str], supplied: SuppliedKeys
) -> Context:
    """Return the condition keys of a call that nobody's credentials sign.

    What the user supplies of every call and of the token counts in place of ``values``; anything
    else only where nothing is known.
    """
    wins = {
        key: each for key, each in supplied.items() if is_of_every_call(key) or is_of_token(key)
    }
    others = {key: each for key, each in supplied.items() if key not in wins}
    return Context(values, absent).with_supplied(wins).with_missing_filled(others)


def _supplied_here(held: CallerState, context: EvaluationContext) -> dict[str, Sequence[str]]:
    """Return what the user says about this call: about every call, and about this caller."""
    wide = {key: each for key, each in context.supplied.items() if is_of_every_call(key)}
    # What no role session can have, the user cannot supply either.
    of_caller = {
        key: each
        for key, each in held.supplied.items()
        if not (held.caller.is_session and absent_from_role_sessions(key))
    }
    return {**wide, **of_caller}


def of_every_call(context: EvaluationContext, account: str) -> dict[str, Sequence[str]]:
    """Return the keys that every call for a role of ``account`` has."""
    return {
        "aws:ResourceAccount": [account],
        "aws:CurrentTime": [as_time(context.now)],
        "aws:EpochTime": [str(int(context.now.timestamp()))],
        "aws:SecureTransport": ["true"],
        "aws:ViaAWSService": ["false"],
        "aws:ViaAWSMCPService": ["false"],
        "aws:PrincipalIsAWSService": ["false"],
        **({"aws:RequestedRegion": [context.region]} if context.region else {}),
    }


def _maybe(value: str | Unknown | None) -> Sequence[str] | Unknown:
    """Return the values of a key that has one, or none."""
    if isinstance(value, Unknown):
        return value
    return [] if value is None else [value]


def _tag(value: str) -> Sequence[str] | Unknown:
    return UNKNOWN if value == UNKNOWN_TAG else [value]


def _add_caller(
    held: CallerState, inventory: IamInventory, values: _Values, absent: list[str]
) -> None:
    caller = held.caller
    if caller.account:
        values["aws:PrincipalAccount"] = [caller.account]
    if caller.arn is None:
        return
    if not caller.is_root:
        absent.append("aws:AssumedRoot")  # only sessions of AssumeRoot have it
    entity = inventory.find(caller.named)
    # A role's ARN has a path; it is not known for a session whose role was not seen.
    if caller.role or not caller.is_session:
        values["aws:PrincipalArn"] = [caller.named or caller.arn]
    if ":user/" in caller.arn:
        values["aws:username"] = [caller.arn.rpartition("/")[2]]
        values["aws:PrincipalType"] = ["User"]
    elif caller.is_session:
        absent.append("aws:username")
        values["aws:PrincipalType"] = ["AssumedRole"]
    if caller.unique_id:
        name = caller.arn.rpartition("/")[2]
        if name != "*":
            suffix = f":{name}" if caller.is_session else ""
            values["aws:userid"] = [f"{caller.unique_id}{suffix}"]
    own = entity.tags if entity is not None else None
    # A session tag that cannot be seen may override the role's own.
    if held.tags is None or held.unseen or held.unread:
        own = None
    for key, value in (*(own or ()), *(held.tags or {}).items()):
        values[f"aws:PrincipalTag/{key.lower()}"] = _tag(value)
    if own is not None:
        absent.append("aws:PrincipalTag/")


def _add_mfa(held: CallerState, values: _Values, absent: list[str]) -> None:
    """Add what is known of MFA.

    Without it the key is absent for IAM user keys, and false for temporary credentials of any kind
    (IAM user guide, "AWS global condition context keys", aws:MultiFactorAuthPresent).
    """
    # MFA comes with the call of the keys themselves, or with a session that has an issue time.
    if held.long_lived and (held.mfa_by_call or not held.mfa):
        absent.append("aws:TokenIssueTime")
    if held.mfa:
        values["aws:MultiFactorAuthPresent"] = ["true"]
    elif held.mfa is False:
        absent.append("aws:MultiFactorAuthAge")
        if held.long_lived:
            absent.append("aws:MultiFactorAuthPresent")
        else:
            values["aws:MultiFactorAuthPresent"] = ["false"]


def _add_target(
    held: CallerState,
    hop: AssumeRoleRequest,
    inventory: IamInventory,
    values: _Values,
    absent: list[str],
) -> None:
    """Add the target's tags; an inherited transitive tag overrides the role's own."""
    entity = inventory.find(str(hop.role))
    if entity is None or entity.tags is None or held.unseen:
        return
    tags: Iterable[tuple[str, str]] = (
        *((key.lower(), value) for key, value in entity.tags),
        *(
            (key.lower(), value)
            for key, value in (held.tags or {}).items()
            if tag_key(key) in held.transitive
        ),
    )
    for family in ("aws:ResourceTag/", "iam:ResourceTag/"):
        absent.append(family)
        for key, value in tags:
            values[f"{family}{key}"] = _tag(value)
