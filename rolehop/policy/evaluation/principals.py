"""Who calls, and whether a statement's principal matches it.

Source: IAM user guide, "AWS JSON policy elements: Principal", and policy-evaluation logic within
one account: how a caller is named decides what else must allow the call.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from rolehop.base.arn import ACCOUNT_ID, account_of, partition_of
from rolehop.base.dataclass import dataclass
from rolehop.policy.evaluation.findings import Finding, Reason, Truth, some
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind

_UNIQUE_IDS = ("AIDA", "AROA", "AGPA", "ANPA", "ASCA")


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal that signs the call, or whose token it carries."""

    arn: str | None
    """Of a user, a session (``…:assumed-role/R/s``), a federated user or the account's root;
    ``None``: not known who the source will be. A session named ``*`` (which AWS does not
    allow) stands for a session of that role whose name is not known."""

    account: str | None
    role: str | None = None
    """Full ARN, with its path, of the role whose session this is, where it is known."""

    unique_id: str | None = None
    """``AIDA…`` of the user or ``AROA…`` of the role, where it is known."""

    provider: str | None = None
    """Of a web identity or SAML call: the provider's ARN, or a host such as
    ``accounts.google.com``; such a call has no signer."""

    federated: bool = False
    """The call carries a token; ``provider`` may still be unknown."""

    service: str | None = None
    """An AWS service, e.g. ``ec2.amazonaws.com``."""

    @property
    def outside(self) -> bool:
        """True if the caller is a token's holder or a service, not a user or role."""
        return self.federated or self.service is not None

    @property
    def shown(self) -> str | None:
        """The caller as shown to people; ``None``: nothing is known."""
        return self.arn or self.provider or self.service or self.account

    @property
    def is_root(self) -> bool:
        """True if this is an account's root user, who can never assume a role."""
        return self.arn is not None and self.arn.endswith(":root")

    @property
    def is_session(self) -> bool:
        """True if this is a role's session."""
        return self.arn is not None and ":assumed-role/" in self.arn

    @property
    def partition(self) -> str | None:
        """The partition; ``None``: not known."""
        return None if self.arn is None else partition_of(self.arn)

    @property
    def named(self) -> str | None:
        """The ARN that policies name: the role's for a session, else the caller's own."""
        if not self.is_session:
            return self.arn
        return self.role or _role_of_session(self.arn or "")


def caller_from_arn(
    arn: str | None, *, role: str | None = None, unique_id: str | None = None
) -> Caller:
    """Make the caller of that ARN; ``role`` gives the path that a session's ARN drops."""
    return Caller(arn, account_of(arn) if arn else None, role=role, unique_id=unique_id)


def session_of(role: str, name: str | None = None) -> str:
    """Return the ARN of a session of ``role``; without a name, of a session whose name is not known."""
    parts = role.split(":", 5)
    return f"arn:{parts[1]}:sts::{parts[4]}:assumed-role/{role.rpartition('/')[2]}/{name or '*'}"


class MatchKind(Enum):
    """How a principal names the caller; it decides what else must allow the call."""

    DIRECT = "direct"
    """The user, the session or the federated user itself."""
    ROLE = "role"
    ANYONE = "anyone"
    ACCOUNT = "account"
    OUTSIDE = "outside"
    """A service or an identity provider: it has no identity policies of its own."""


@dataclass(frozen=True, slots=True)
class PrincipalMatch:
    """Whether, and how, one principal names the caller."""

    truth: Truth
    reason: Reason
    how: MatchKind


def judge_principals(
    principals: tuple[Principal, ...], caller: Caller, effect: Effect
) -> tuple[Finding, tuple[PrincipalMatch, ...]]:
    """Evaluate a list of principals: any may match; the finding describes the nearest."""
    each = tuple(judge_principal(principal, caller, effect) for principal in principals)
    truth = some(named.truth for named in each)
    reason = next((n.reason for n in each if n.truth is truth and n.truth is not Truth.FALSE), None)
    if reason is None:
        reason = max((n.reason for n in each), key=_TELLING.index, default=Reason.NOT_NAMED)
    return Finding("Principal", truth, reason, _written(principals), caller.shown), each


def judge_not_principals(
    principals: tuple[Principal, ...], caller: Caller, effect: Effect, *, bounded: Truth
) -> Finding:
    """Evaluate ``NotPrincipal``, which AWS no longer accepts in a role's trust policy.

    With Allow it is not supported, so it never certainly allows. With Deny it denies everyone it
    does not name, and always a caller with a permissions boundary (``bounded``). To exclude a
    caller it must name the account as well, and the role of a session; if it does not, it "might"
    deny the caller (IAM user guide, "AWS JSON policy elements: NotPrincipal").
    """
    each = tuple(judge_principal(principal, caller, effect) for principal in principals)
    named = some(one.truth for one in each)
    if effect is Effect.ALLOW:
        itself = some(one.truth for one in each if one.how is not MatchKind.ACCOUNT)
        truth = Truth.FALSE if itself is Truth.TRUE else Truth.UNKNOWN
    else:
        spared = Truth.FALSE if named is Truth.FALSE else Truth.UNKNOWN
        if _left_out(caller, each):
            spared = Truth.TRUE
        truth = some((bounded, ~spared))
    reason = {
        Truth.TRUE: Reason.MATCHES,
        Truth.FALSE: Reason.EXCLUDED_PRINCIPAL,
        Truth.UNKNOWN: Reason.NOT_PRINCIPAL,
    }[truth]
    return Finding("Principal", truth, reason, f"not {_written(principals)}", caller.shown)


def _left_out(caller: Caller, each: tuple[PrincipalMatch, ...]) -> bool:
    """True if the caller is listed at every level that AWS checks."""
    found = {one.how for one in each if one.truth is Truth.TRUE}
    levels = {MatchKind.ACCOUNT, MatchKind.DIRECT} | (
        {MatchKind.ROLE} if caller.is_session else set()
    )
    return bool(found & {MatchKind.ANYONE, MatchKind.OUTSIDE}) or levels <= found


def judge_principal(principal: Principal, caller: Caller, effect: Effect) -> PrincipalMatch:
    """Judge one principal as it is written."""
    match principal.kind:
        case PrincipalKind.AWS:
            return _aws(principal.text, caller, effect)
        case PrincipalKind.FEDERATED:
            return _outside(principal.text, caller.provider, known=not caller.federated)
        case PrincipalKind.SERVICE:
            return _outside(principal.text, caller.service, known=True)
        case PrincipalKind.CANONICAL_USER:
            return PrincipalMatch(Truth.FALSE, Reason.NOT_A_PRINCIPAL, MatchKind.OUTSIDE)


def _written(principals: tuple[Principal, ...]) -> str:
    return ", ".join(principal.text for principal in principals)


# Of several principals that do not match, the most informative one is shown.
_TELLING = (
    Reason.NOT_NAMED,
    Reason.ANOTHER_KIND,
    Reason.OTHER_ACCOUNT,
    Reason.OTHER_SESSION,
    Reason.NOT_A_PRINCIPAL,
    Reason.OTHER_PARTITION,
    Reason.DELETED_PRINCIPAL,
)


def _outside(text: str, found: str | None, *, known: bool) -> PrincipalMatch:
    if found is None:
        if known:
            return PrincipalMatch(Truth.FALSE, Reason.ANOTHER_KIND, MatchKind.OUTSIDE)
        return PrincipalMatch(Truth.UNKNOWN, Reason.CALLER_UNKNOWN, MatchKind.OUTSIDE)
    if text == found:
        return PrincipalMatch(Truth.TRUE, Reason.MATCHES, MatchKind.OUTSIDE)
    # The user guide has no such wildcard, and does not say what one does.
    if text == "*":
        return PrincipalMatch(Truth.UNKNOWN, Reason.WILDCARD_OUTSIDE, MatchKind.OUTSIDE)
    return PrincipalMatch(Truth.FALSE, Reason.NOT_NAMED, MatchKind.OUTSIDE)


# A search of routes asks the same of one caller again and again: long lists name the same roles.
@lru_cache(maxsize=4096)
def _aws(text: str, caller: Caller, effect: Effect) -> PrincipalMatch:
    if text == "*":
        return _anyone(caller, effect)
    if caller.outside:
        return PrincipalMatch(Truth.FALSE, Reason.ANOTHER_KIND, MatchKind.OUTSIDE)
    if ACCOUNT_ID.fullmatch(text):
        return _account(text, None, caller)
    if text.startswith(_UNIQUE_IDS):
        return _unique_id(text, caller)
    account, partition = account_of(text), partition_of(text)
    if account is None or partition is None or "*" in text or "?" in text:
        return PrincipalMatch(Truth.FALSE, Reason.NOT_A_PRINCIPAL, MatchKind.DIRECT)
    rest = text.split(":", 5)[5]
    if rest == "root":
        return _account(account, partition, caller)
    return _entity(text, rest, account, partition, caller)


def _anyone(caller: Caller, effect: Effect) -> PrincipalMatch:
    """Evaluate ``*``: everyone, in a Deny.

    AWS's own examples of RCPs deny to ``*`` what web identities and services ask for
    (Organizations user guide, "Resource control policy examples"). Whether it allows what a token
    or a service asks for is not documented; policies name the provider or the service there.
    """
    if not caller.outside:
        return PrincipalMatch(Truth.TRUE, Reason.MATCHES, MatchKind.ANYONE)
    if effect is Effect.DENY:
        return PrincipalMatch(Truth.TRUE, Reason.MATCHES, MatchKind.OUTSIDE)
    return PrincipalMatch(Truth.UNKNOWN, Reason.WILDCARD_OUTSIDE, MatchKind.OUTSIDE)


def _account(account: str, partition: str | None, caller: Caller) -> PrincipalMatch:
    if caller.account is None:
        return PrincipalMatch(Truth.UNKNOWN, Reason.CALLER_UNKNOWN, MatchKind.ACCOUNT)
    if account != caller.account:
        return PrincipalMatch(Truth.FALSE, Reason.OTHER_ACCOUNT, MatchKind.ACCOUNT)
    if partition is not None and caller.partition not in (None, partition):
        return PrincipalMatch(Truth.FALSE, Reason.OTHER_PARTITION, MatchKind.ACCOUNT)
    return PrincipalMatch(Truth.TRUE, Reason.MATCHES, MatchKind.ACCOUNT)


def _unique_id(text: str, caller: Caller) -> PrincipalMatch:
    # IAM shows an ARN while the entity exists; an ID that shows is of one that was deleted.
    if caller.unique_id == text:
        how = MatchKind.ROLE if caller.is_session else MatchKind.DIRECT
        return PrincipalMatch(Truth.TRUE, Reason.MATCHES, how)
    return PrincipalMatch(Truth.FALSE, Reason.DELETED_PRINCIPAL, MatchKind.DIRECT)


def _entity(text: str, rest: str, account: str, partition: str, caller: Caller) -> PrincipalMatch:
    how = MatchKind.ROLE if rest.startswith("role/") else MatchKind.DIRECT
    if caller.arn is None:
        if caller.account not in (None, account):
            return PrincipalMatch(Truth.FALSE, Reason.OTHER_ACCOUNT, how)
        return PrincipalMatch(Truth.UNKNOWN, Reason.CALLER_UNKNOWN, how)
    if text == caller.arn or _is_role_of(text, caller):
        return PrincipalMatch(Truth.TRUE, Reason.MATCHES, how)
    if partition != caller.partition and _same_but_for_partition(text, caller):
        return PrincipalMatch(Truth.FALSE, Reason.OTHER_PARTITION, how)
    if account != caller.account:
        return PrincipalMatch(Truth.FALSE, Reason.OTHER_ACCOUNT, how)
    if caller.is_session:
        other = text.rpartition("/")[0] == caller.arn.rpartition("/")[0]
        if other and caller.arn.endswith("/*"):
            return PrincipalMatch(Truth.UNKNOWN, Reason.CALLER_UNKNOWN, how)
        return PrincipalMatch(Truth.FALSE, Reason.OTHER_SESSION if other else Reason.NOT_NAMED, how)
    return PrincipalMatch(Truth.FALSE, Reason.NOT_NAMED, how)


def _is_role_of(text: str, caller: Caller) -> bool:
    if not caller.is_session:
        return False
    if caller.role is not None:
        return text == caller.role
    # A role's name is unique in its account whatever its path, so the name decides.
    made = _role_of_session(caller.arn or "")
    head, _, name = text.partition(":role/")
    return f"{head}:role/{name.rpartition('/')[2]}" == made


def _role_of_session(arn: str) -> str:
    """Return the role's ARN; its path is lost, so it is right for roles without one."""
    parts = arn.split(":", 5)
    name = parts[5].split("/")[1]
    return f"arn:{parts[1]}:iam::{parts[4]}:role/{name}"


def _same_but_for_partition(text: str, caller: Caller) -> bool:
    mine = {each.split(":", 2)[2] for each in (caller.arn, caller.named) if each}
    return text.split(":", 2)[2] in mine
