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
from rolehop.trust.context import Context, Unknown
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
class Carried:
    """What a source's own session carries into hop 1, beside who it is."""

    tags: Mapping[str, str] | None = None
    """Its session tags, all of them; ``None``: nobody knows."""

    transitive: tuple[str, ...] = ()
    source_identity: str | Unknown | None = None
    """``UNKNOWN``: one is set, and nobody knows which."""

    known: Told = field(default_factory=dict)
    """Condition keys whose values are known of it, e.g. some of its session tags."""

    assumed: tuple[str, ...] = ()
    """What is taken for granted of it, and named where a verdict rests on it."""


@dataclass(frozen=True, slots=True)
class Start:
    """The credentials in hand before hop 1."""

    principal: str | None
    """ARN of the user or session; of a role, where its session's name is not known; ``None``:
    nobody knows."""

    role: str | None = None
    """Full ARN, with its path, of the role whose session this is, where it is known."""

    carried: Carried | None = None
    """``None``: nobody can see what a session carries; IAM user keys carry nothing."""

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

    source_identity: str | Unknown | None
    """``UNKNOWN``: one is set, and nobody knows which."""

    mfa: bool | None
    long_lived: bool
    assumed: tuple[str, ...] = ()
    known: Told = field(default_factory=dict)


SOURCE_SESSION = "source-session"
"""Assumed of a source that is a session: no session policy, no session tags, no source identity,
which nobody can see from outside."""


def requests(start: Start, hops: Sequence[HopAsked], setting: Setting) -> tuple[Request, ...]:
    """Return the request of each hop, in order."""
    held = at_start(start, setting)
    made = []
    for number, hop in enumerate(hops, start=1):
        made.append(request_of(held, hop, setting))
        held = after(held, hop, number, setting.records)
    return tuple(made)


def at_start(start: Start, setting: Setting) -> Held:
    """Return the credentials in hand before hop 1."""
    told = {key.lower(): values for key, values in setting.told.items()}
    caller = _first_caller(start, setting.records)
    identity = told.get("aws:sourceidentity", ())
    is_user = start.long_lived or ":user/" in (start.principal or "")
    unseen = Carried({}) if is_user else Carried(assumed=(SOURCE_SESSION,))
    carried = start.carried or unseen
    return Held(
        caller=caller,
        session=setting.records.session(start.policy, start.policy_arns, "the source"),
        assumed=carried.assumed,
        tags=carried.tags,
        transitive=frozenset(key.lower() for key in carried.transitive),
        source_identity=identity[0] if identity else carried.source_identity,
        mfa=start.mfa,
        long_lived=start.long_lived,
        known=carried.known,
    )


def _first_caller(start: Start, records: Records) -> Caller:
    if start.principal is None:
        return Caller(None, start.account)
    entity = records.find(start.role or start.principal)
    role = start.principal if ":role/" in start.principal else start.role
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
        element, reason = "Request SourceIdentity", Reason.IDENTITY_CHANGED
        if isinstance(before, Unknown):
            return Finding(element, Truth.UNKNOWN, reason, "the one that the source set", sent)
        return Finding(element, Truth.FALSE, reason, before, sent)
    again = [key for key, _ in hop.tags if key.lower() in held.transitive]
    if again:
        wanted = "tags that no hop before sent as transitive"
        found = ", ".join(again)
        return Finding("Request Tags", Truth.FALSE, Reason.TAG_REPEATED, wanted, found)
    return None


NEVER = ("aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:CalledVia")
"""Keys of services that call for somebody: absent where a person or a token's holder calls."""


def _context(held: Held, hop: HopAsked, setting: Setting) -> Context:
    values: dict[str, Sequence[str]] = {
        **of_every_call(setting),
        "sts:RoleSessionName": [hop.session_name],
        "sts:ExternalId": _maybe(hop.external_id),
        **_identity("sts:SourceIdentity", hop.source_identity or held.source_identity),
        **_identity("aws:SourceIdentity", held.source_identity),
        "aws:TagKeys": [key for key, _ in hop.tags],
        "sts:TransitiveTagKeys": list(hop.transitive_tags),
        **{f"aws:RequestTag/{key}": [value] for key, value in hop.tags},
    }
    absent = [*NEVER, "aws:RequestTag/"]
    _tell_caller(held, setting.records, values, absent)
    values.update(held.known)
    _tell_mfa(held, values, absent)
    _tell_target(held, hop, setting.records, values, absent)
    return Context(values, absent).told(setting.told)


def of_every_call(setting: Setting) -> dict[str, Sequence[str]]:
    """Return the keys that every call has, whoever makes it."""
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


def _identity(key: str, value: str | Unknown | None) -> dict[str, Sequence[str]]:
    """Return what ``key`` has; nothing where one is set that nobody knows."""
    return {} if isinstance(value, Unknown) else {key: _maybe(value)}


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
