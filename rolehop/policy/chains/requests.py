"""Turn the hops of a chain into requests: caller, role, parameters and condition keys.

What a hop's session carries into the next hop (session tags that are transitive, the source
identity, no MFA) follows the IAM user guide, "Passing session tags", "Monitor and control
actions taken with assumed roles" and "Secure API access with MFA".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from rolehop.arn import RoleArn
from rolehop.config.inheritance import changes_identity, repeated_tags, tag_key
from rolehop.policy.evaluation.evaluator import source_unseen
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import PolicySet, PolicyType, Request
from rolehop.policy.evaluation.principals import Caller, caller_from_arn, session_of
from rolehop.policy.inventory.context_keys import (
    absent_from_role_sessions,
    is_of_caller,
    is_of_every_call,
    is_of_target,
)
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.language.request_context import UNKNOWN, Context, Unknown
from rolehop.startup.dataclass import dataclass, field

SuppliedKeys = Mapping[str, Sequence[str]]
"""What the user says about the request: condition key to values; no values: absent."""


@dataclass(frozen=True, slots=True)
class AssumeRoleRequest:
    """One AssumeRole call: the parameters that policies look at."""

    role: RoleArn
    session_name: str
    external_id: str | None = None
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None


@dataclass(frozen=True, slots=True)
class InheritedAttributes:
    """What a source's session carries into hop 1, apart from its identity."""

    tags: Mapping[str, str] | None = None
    """Its session tags, all of them; ``None``: not known."""

    transitive: tuple[str, ...] = ()
    source_identity: str | Unknown | None = None
    """``UNKNOWN``: one is set, its value is not known."""

    known: SuppliedKeys = field(default_factory=dict)
    """Condition keys of the session with known values, e.g. some of its session tags."""

    unseen: str | None = None
    """The part of it that cannot be seen (``SOURCE_SESSION``): the verdict stays unknown unless
    the user assumes it away."""

    unread: str | None = None
    """A claim of its token from which STS may take session tags or a source identity."""


@dataclass(frozen=True, slots=True)
class StartingCredentials:
    """The credentials in hand before hop 1."""

    principal: str | None
    """ARN of the user or session; of the role if the session's name is not known; ``None``: not
    known."""

    role: str | None = None
    """Full ARN, with its path, of the role whose session this is, where it is known."""

    carried: InheritedAttributes | None = None
    """``None``: what a session carries cannot be seen; IAM user keys carry nothing."""

    account: str | None = None
    """If only the account is known."""

    long_lived: bool = False
    """IAM user keys."""

    mfa: bool | None = None
    """Whether hop 1 carries MFA; ``None``: not known."""

    policy: str | None = None
    """The session policy that the source requests for its own session, then ARNs of others."""

    policy_arns: tuple[str, ...] = ()
    policy_unseen: bool = False
    """It may have a session policy that rolehop did not request."""


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """The inputs that are the same for all hops."""

    records: IamInventory
    now: datetime
    """Aware, in UTC."""

    region: str | None = None
    """The region in which STS is called."""

    supplied: SuppliedKeys = field(default_factory=dict)
    assumptions: frozenset[str] = frozenset()
    """Names of the user's assumptions about the source's session."""


@dataclass(frozen=True, slots=True)
class CallerState:
    """The credentials at one point of the chain."""

    caller: Caller
    session: PolicySet
    tags: Mapping[str, str] | None
    """Session tags; ``None``: not known."""

    transitive: frozenset[str]
    """Keys of transitive tags, in lower case."""

    source_identity: str | Unknown | None
    """``UNKNOWN``: one is set, its value is not known."""

    mfa: bool | None
    long_lived: bool
    assumed: tuple[str, ...] = ()
    """The user's assumptions about the source's session."""

    unseen: str | None = None
    """The part of it that cannot be seen."""

    known: SuppliedKeys = field(default_factory=dict)
    supplied: SuppliedKeys = field(default_factory=dict)
    """What the user says about this caller."""

    unread: str | None = None
    walked: bool = False
    """It is the session of a hop of this chain."""


_LONGEST_SESSION = timedelta(hours=12)

SOURCE_SESSION = "source-session"
"""Whether a source that is a session has a session policy, session tags or a source identity: this
cannot be seen from outside. The assumption: it has none."""


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
        long_lived=start.long_lived,
        known=carried.known,
        supplied=of_caller,
        unread=carried.unread,
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


def next_state(
    held: CallerState, hop: AssumeRoleRequest, number: int, records: IamInventory
) -> CallerState:
    """Return the session of ``hop``: who it is and what it carries."""
    role = hop.role
    arn = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/{hop.session_name}"
    entity = records.find(str(role))
    inherited = {
        key: value for key, value in (held.tags or {}).items() if tag_key(key) in held.transitive
    }
    return CallerState(
        caller=caller_from_arn(arn, role=str(role), unique_id=entity.unique_id if entity else None),
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
    )


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
        context=_context(held, hop, setting),
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
    )


def possible_actions(unseen: str | None, extra: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the actions that are also requested if what is ``unseen`` exists.

    ``extra``: optional actions, and whether they are requested anyway.
    """
    return () if unseen is None else tuple(each for each, asked in extra.items() if not asked)


def _impossible(held: CallerState, hop: AssumeRoleRequest) -> Finding | None:
    """Return what STS itself refuses: a changed source identity, a tag that is already inherited."""
    before, sent = held.source_identity, hop.source_identity
    if before is not None and sent is not None and changes_identity(sent, before):
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


NEVER = ("aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:CalledVia")
"""Keys of calls that services make on behalf of others: absent from a person's own calls."""


def _context(held: CallerState, hop: AssumeRoleRequest, setting: EvaluationContext) -> Context:
    identity = held.source_identity
    if identity is None and held.unseen:
        identity = UNKNOWN
    values: dict[str, Sequence[str]] = {
        **of_every_call(setting),
        "sts:RoleSessionName": [hop.session_name],
        "sts:ExternalId": _maybe(hop.external_id),
        **_identity("sts:SourceIdentity", hop.source_identity or identity),
        **_identity("aws:SourceIdentity", identity),
        "aws:TagKeys": [key for key, _ in hop.tags],
        "sts:TransitiveTagKeys": list(hop.transitive_tags),
        **{f"aws:RequestTag/{key}": [value] for key, value in hop.tags},
    }
    absent = [*NEVER, "aws:RequestTag/"]
    _add_caller(held, setting.records, values, absent)
    values.update(held.known)
    _add_mfa(held, values, absent)
    _add_target(held, hop, setting.records, values, absent)
    ranges = {"aws:TokenIssueTime": _issued(setting.now)} if held.walked else {}
    context = Context(values, absent, ranges=ranges)
    return context.with_supplied(_supplied_here(held, setting)).with_missing_filled(
        {key: each for key, each in setting.supplied.items() if is_of_target(key)}
    )


def _supplied_here(held: CallerState, setting: EvaluationContext) -> dict[str, Sequence[str]]:
    """Return what the user says about this call: about every call, and about this caller."""
    wide = {key: each for key, each in setting.supplied.items() if is_of_every_call(key)}
    # What no role session can have, the user cannot supply either.
    of_caller = {
        key: each
        for key, each in held.supplied.items()
        if not (held.caller.is_session and absent_from_role_sessions(key))
    }
    return {**wide, **of_caller}


def _issued(now: datetime) -> tuple[str, str]:
    """Return the earliest and the latest time at which a session used now was issued.

    A cached one may be as old as a role session can get (STS API reference, AssumeRole).
    """
    return _time(now - _LONGEST_SESSION), _time(now)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def of_every_call(setting: EvaluationContext) -> dict[str, Sequence[str]]:
    """Return the keys that every call has."""
    return {
        "aws:CurrentTime": [_time(setting.now)],
        "aws:EpochTime": [str(int(setting.now.timestamp()))],
        "aws:SecureTransport": ["true"],
        "aws:ViaAWSService": ["false"],
        "aws:PrincipalIsAWSService": ["false"],
        **({"aws:RequestedRegion": [setting.region]} if setting.region else {}),
    }


def _maybe(value: str | None) -> list[str]:
    return [] if value is None else [value]


def _identity(key: str, value: str | Unknown | None) -> dict[str, Sequence[str]]:
    """Return the value of ``key``; nothing if one is set and not known."""
    return {} if isinstance(value, Unknown) else {key: _maybe(value)}


def _add_caller(
    held: CallerState, records: IamInventory, values: dict[str, Sequence[str]], absent: list[str]
) -> None:
    caller = held.caller
    if caller.account:
        values["aws:PrincipalAccount"] = [caller.account]
    if caller.arn is None:
        return
    entity = records.find(caller.named)
    # A role's ARN with its path; of a session whose role nobody has seen the path is not known.
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
    # A session tag that nobody can see may stand in the place of the role's own.
    if held.tags is None or held.unseen or held.unread:
        own = None
    for key, value in (*(own or ()), *(held.tags or {}).items()):
        values[f"aws:PrincipalTag/{key.lower()}"] = [value]
    if own is not None and held.tags is not None:
        absent.append("aws:PrincipalTag/")


def _add_mfa(held: CallerState, values: dict[str, Sequence[str]], absent: list[str]) -> None:
    if held.mfa:
        values["aws:MultiFactorAuthPresent"] = ["true"]
        return
    if held.mfa is False:
        absent.append("aws:MultiFactorAuthAge")
        if held.long_lived:
            absent.append("aws:MultiFactorAuthPresent")
        else:
            values["aws:MultiFactorAuthPresent"] = ["false"]
    if held.long_lived:
        absent.append("aws:TokenIssueTime")


def _add_target(
    held: CallerState,
    hop: AssumeRoleRequest,
    records: IamInventory,
    values: dict[str, Sequence[str]],
    absent: list[str],
) -> None:
    """Add the target's tags; an inherited transitive tag overrides the role's own."""
    entity = records.find(str(hop.role))
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
            values[f"{family}{key}"] = [value]
