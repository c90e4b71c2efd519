"""From the hops of a chain to requests: who calls whom, with what, knowing what.

What a hop's session carries into the next hop (session tags that are transitive, the source
identity, no MFA) follows the IAM user guide, "Passing session tags", "Monitor and control
actions taken with assumed roles" and "Secure API access with MFA".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rolehop.arn import RoleArn
from rolehop.trust.callers import Caller, session_of, signer
from rolehop.trust.context import Context
from rolehop.trust.evaluate import LaneName, Request, Shown
from rolehop.trust.records import Records
from rolehop.trust.truth import Finding, Reason, Truth
from rolehop.values import dataclass, field

Told = Mapping[str, Sequence[str]]
"""What the user supplies about the request: condition key to values; none: surely absent."""


@dataclass(frozen=True, slots=True)
class HopAsked:
    """One AssumeRole call, as far as policies look at it."""

    role: RoleArn
    session_name: str
    external_id: str | None = None
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The credentials in hand before hop 1."""

    principal: str | None
    """ARN of the user or session; of a role, where its session's name is not known; ``None``:
    nobody knows."""

    account: str | None = None
    """Where only the account is known."""

    long_lived: bool = False
    """IAM user keys."""

    mfa: bool | None = None
    """Whether hop 1 carries MFA; ``None``: nobody knows."""

    policy: str | None = None
    """The session policy that the source asks for its own session, and the ARNs of others."""

    policy_arns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenAsked:
    """A federated source's own call, AssumeRoleWithWebIdentity or …WithSAML: hop 0."""

    role: str
    action: str
    provider: str | None
    """ARN or host of the identity provider, where it is known."""

    session_name: str | None = None
    known: Told = field(default_factory=dict)
    """Condition keys whose values the config tells, e.g. the audience."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all hops."""

    records: Records
    now: datetime
    """Aware, in UTC."""

    region: str | None = None
    """Where STS is called."""

    told: Told = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """The credentials in hand while the chain is read."""

    caller: Caller
    session: Shown
    tags: Mapping[str, str] | None
    """Session tags; ``None``: nobody knows."""

    transitive: frozenset[str]
    """Keys of transitive tags, in lower case."""

    source_identity: str | None
    mfa: bool | None
    long_lived: bool
    assumed: tuple[str, ...] = ()


SOURCE_SESSION = "source-session"
"""Assumed of a source that is a session: no session policy, no transitive tags, no source
identity, which nobody can see from outside."""


def requests(start: Start, hops: Sequence[HopAsked], setting: Setting) -> tuple[Request, ...]:
    """Return the request of each hop, in order."""
    held = at_start(start, setting)
    made = []
    for number, hop in enumerate(hops, start=1):
        made.append(request_of(held, hop, setting))
        held = after(held, hop, number, setting.records)
    return tuple(made)


def token_request(asked: TokenAsked, setting: Setting) -> Request:
    """Return the request of a federated source's own role."""
    caller = Caller(None, None, provider=asked.provider, federated=True)
    values: dict[str, Sequence[str]] = {**_of_every_call(setting), **asked.known}
    if asked.session_name:
        values["sts:RoleSessionName"] = [asked.session_name]
    absent = ["sts:ExternalId", "aws:PrincipalArn", "aws:username", "aws:SourceIdentity"]
    records = setting.records
    role = RoleArn.parse(asked.role)
    return Request(
        role=asked.role,
        caller=caller,
        context=Context(values, [*_NEVER, *absent]).told(setting.told),
        actions=(f"sts:{asked.action}",),
        lanes={
            LaneName.TRUST: records.trust(asked.role),
            LaneName.RCP: records.rcp(role.account),
        },
    )


def at_start(start: Start, setting: Setting) -> Held:
    """Return the credentials in hand before hop 1."""
    told = {key.lower(): values for key, values in setting.told.items()}
    caller = _first_caller(start, setting.records)
    identity = told.get("aws:sourceidentity", ())
    is_user = ":user/" in (start.principal or "")
    return Held(
        caller=caller,
        session=setting.records.session(start.policy, start.policy_arns, "the source"),
        assumed=() if start.long_lived or is_user else (SOURCE_SESSION,),
        tags={} if start.long_lived or is_user else None,
        transitive=frozenset(),
        source_identity=identity[0] if identity else None,
        mfa=start.mfa,
        long_lived=start.long_lived,
    )


def _first_caller(start: Start, records: Records) -> Caller:
    if start.principal is None:
        return Caller(None, start.account)
    entity = records.find(start.principal)
    role = start.principal if ":role/" in start.principal else None
    if role is None and entity is not None and ":role/" in entity.arn:
        role = entity.arn
    arn = session_of(start.principal) if ":role/" in start.principal else start.principal
    return signer(arn, role=role, unique_id=entity.unique_id if entity is not None else None)


def after(held: Held, hop: HopAsked, number: int, records: Records) -> Held:
    """Return what the session of ``hop`` is and carries."""
    role = hop.role
    arn = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/{hop.session_name}"
    entity = records.find(str(role))
    inherited = {
        key: value for key, value in (held.tags or {}).items() if key.lower() in held.transitive
    }
    return Held(
        caller=signer(arn, role=str(role), unique_id=entity.unique_id if entity else None),
        session=records.session(hop.policy, hop.policy_arns, f"hop {number}"),
        tags={**dict(hop.tags), **inherited},
        transitive=held.transitive | {key.lower() for key in hop.transitive_tags},
        source_identity=hop.source_identity or held.source_identity,
        mfa=False,
        long_lived=False,
        # Its session policy ends with the first hop; tags and source identity would travel on.
        assumed=held.assumed,
    )


def request_of(held: Held, hop: HopAsked, setting: Setting) -> Request:
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
        lanes={
            LaneName.TRUST: records.trust(str(hop.role)),
            LaneName.PERMISSIONS: records.permissions(named),
            LaneName.BOUNDARY: records.boundary(named),
            LaneName.SESSION: held.session,
            LaneName.SCP: records.scp(held.caller.account),
            LaneName.RCP: records.rcp(hop.role.account),
        },
        assumed=held.assumed,
        impossible=_impossible(held, hop),
    )


def _impossible(held: Held, hop: HopAsked) -> Finding | None:
    """Return what STS refuses by itself: a changed source identity, a tag that travels already."""
    before, sent = held.source_identity, hop.source_identity
    if before is not None and sent not in (None, before):
        reason = Reason.IDENTITY_CHANGED
        return Finding("Request SourceIdentity", Truth.FALSE, reason, before, sent)
    again = [key for key, _ in hop.tags if key.lower() in held.transitive]
    if again:
        wanted = "tags that no hop before sent as transitive"
        found = ", ".join(again)
        return Finding("Request Tags", Truth.FALSE, Reason.TAG_REPEATED, wanted, found)
    return None


# Of service principals, of services that call on behalf, of token calls: never of AssumeRole by
# a person's credentials.
_NEVER = ("aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:CalledVia")


def _context(held: Held, hop: HopAsked, setting: Setting) -> Context:
    values: dict[str, Sequence[str]] = {
        **_of_every_call(setting),
        "sts:RoleSessionName": [hop.session_name],
        "sts:ExternalId": _maybe(hop.external_id),
        "sts:SourceIdentity": _maybe(hop.source_identity or held.source_identity),
        "aws:SourceIdentity": _maybe(held.source_identity),
        "aws:TagKeys": [key for key, _ in hop.tags],
        "sts:TransitiveTagKeys": list(hop.transitive_tags),
        **{f"aws:RequestTag/{key}": [value] for key, value in hop.tags},
    }
    absent = [*_NEVER, "aws:RequestTag/"]
    _tell_caller(held, setting.records, values, absent)
    _tell_mfa(held, values, absent)
    _tell_target(held, hop, setting.records, values, absent)
    return Context(values, absent).told(setting.told)


def _of_every_call(setting: Setting) -> dict[str, Sequence[str]]:
    return {
        "aws:CurrentTime": [f"{setting.now:%Y-%m-%dT%H:%M:%SZ}"],
        "aws:EpochTime": [str(int(setting.now.timestamp()))],
        "aws:SecureTransport": ["true"],
        "aws:ViaAWSService": ["false"],
        "aws:PrincipalIsAWSService": ["false"],
        **({"aws:RequestedRegion": [setting.region]} if setting.region else {}),
    }


def _maybe(value: str | None) -> list[str]:
    return [] if value is None else [value]


def _tell_caller(
    held: Held, records: Records, values: dict[str, Sequence[str]], absent: list[str]
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
    for key, value in (*(own or ()), *(held.tags or {}).items()):
        values[f"aws:PrincipalTag/{key.lower()}"] = [value]
    if own is not None and held.tags is not None:
        absent.append("aws:PrincipalTag/")


def _tell_mfa(held: Held, values: dict[str, Sequence[str]], absent: list[str]) -> None:
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


def _tell_target(
    held: Held,
    hop: HopAsked,
    records: Records,
    values: dict[str, Sequence[str]],
    absent: list[str],
) -> None:
    """Tell the target's tags; an inherited transitive tag hides the role's own."""
    entity = records.find(str(hop.role))
    if entity is None or entity.tags is None:
        return
    tags: Iterable[tuple[str, str]] = (
        *((key.lower(), value) for key, value in entity.tags),
        *(
            (key.lower(), value)
            for key, value in (held.tags or {}).items()
            if key.lower() in held.transitive
        ),
    )
    for family in ("aws:ResourceTag/", "iam:ResourceTag/"):
        absent.append(family)
        for key, value in tags:
            values[f"{family}{key}"] = [value]
