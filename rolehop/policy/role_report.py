"""Describe one role: who may assume it, what it may do, what its boundary removes, its risks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from rolehop.base.arn import ACCOUNT_ID, account_of
from rolehop.base.dataclass import dataclass, replace
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import NO_POLICY, Outcome, PolicySet, PolicyType, Request
from rolehop.policy.evaluation.principals import Caller, caller_from_arn, session_of
from rolehop.policy.evaluation.statements import Call, judge_documents
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.operators import Quantifier, Wild, matches_text
from rolehop.policy.language.parser import Condition, Effect, Principal, PrincipalKind, Statement
from rolehop.policy.language.request_context import Context, Template, Variable


@dataclass(frozen=True, slots=True)
class Remaining:
    """What one Allow statement of the boundary leaves of a permission, or a Deny removes."""

    statement: int
    """Of the boundary, from 1."""

    sid: str | None
    actions: tuple[str, ...]
    """Empty: all actions of the permission; likewise the resources."""

    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditional: bool
    """Only under conditions that the role's own statement does not have."""

    @property
    def whole(self) -> bool:
        """True if this covers the whole permission."""
        parts = (self.actions, self.not_actions, self.resources, self.not_resources)
        return not any(parts) and not self.conditional


@dataclass(frozen=True, slots=True)
class Removed:
    """Permissions of one Allow statement that the boundary removes, wholly or in part."""

    document: str
    statement: int
    """Of the role's own policy, from 1."""

    actions: tuple[str, ...]
    """As written; empty if the statement has NotAction."""

    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    left: tuple[Remaining, ...]
    """What the boundary's Allow statements leave; empty: nothing."""

    denied: tuple[Remaining, ...]
    """What its Deny statements remove, or may remove."""

    @property
    def wholly(self) -> bool:
        """True if nothing is left."""
        return not self.left or any(each.whole for each in self.denied)


def removed_by_boundary(permissions: PolicySet, boundary: PolicySet) -> tuple[Removed, ...]:
    """Return what ``boundary`` removes from ``permissions``, as far as both are visible."""
    inside = [each for document in boundary.documents for each in document.policy.statements]
    if not boundary.there or not boundary.documents:
        return ()
    return tuple(
        removed
        for document in permissions.documents
        for statement in document.policy.statements
        if statement.effect is Effect.ALLOW
        for removed in _removed_from(document.name, statement, inside)
    )


class _Pattern(NamedTuple):
    """A pattern, its text, and whether it is exact (no variable)."""

    text: str
    pattern: str
    sure: bool = True


class _Scope(NamedTuple):
    """The meaning of an element or its Not- form: all that matches ``only``, except ``but``."""

    only: tuple[_Pattern, ...]
    but: tuple[_Pattern, ...] = ()


class _Intersection(NamedTuple):
    """The intersection of two scopes; empty: everything in the permission."""

    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


_ALL = (_Pattern("*", "*"),)
_Outcome = tuple[tuple[Remaining, ...], tuple[Remaining, ...]]


def _removed_from(
    document: str, statement: Statement, inside: Sequence[Statement]
) -> Iterator[Removed]:
    actions, resources = _actions(statement), _resources(statement)
    by_action: dict[_Pattern, dict[_Outcome, list[_Pattern]]] = {}
    for action in actions.only:
        outcomes = by_action.setdefault(action, {})
        for resource in resources.only:
            one = (_Scope((action,), actions.but), _Scope((resource,), resources.but))
            outcome = _outcome(one, statement, inside)
            if outcome is not None:
                outcomes.setdefault(outcome, []).append(resource)
    alike: dict[tuple[_Outcome, tuple[_Pattern, ...]], list[_Pattern]] = {}
    for action, outcomes in by_action.items():
        for outcome, found in outcomes.items():
            alike.setdefault((outcome, tuple(found)), []).append(action)
    for ((left, denied), on), of in alike.items():
        yield Removed(
            document,
            statement.index,
            () if actions.but else _texts(of),
            _texts(actions.but),
            () if resources.but else _texts(on),
            _texts(resources.but),
            left,
            denied,
        )


def _outcome(
    one: tuple[_Scope, _Scope], statement: Statement, inside: Sequence[Statement]
) -> _Outcome | None:
    """Return what remains of one action on one resource, and what is denied; ``None``: all remains."""
    allows, denies = (
        tuple(
            left
            for each in inside
            if each.effect is effect
            for left in _remaining(one, statement, each)
        )
        for effect in (Effect.ALLOW, Effect.DENY)
    )
    if any(allow.whole for allow in allows):
        # It includes whatever the other statements leave.
        allows = (next(allow for allow in allows if allow.whole),)
    whole = bool(allows) and allows[0].whole
    return None if whole and not denies else (allows, denies)


def _remaining(
    one: tuple[_Scope, _Scope], statement: Statement, limit: Statement
) -> Iterator[Remaining]:
    """Yield the intersection of ``limit``, a statement of the boundary, and one permission."""
    actions = _intersection(_actions(limit), one[0])
    resources = _intersection(_resources(limit), one[1])
    if actions is None or resources is None:
        return
    yield Remaining(
        limit.index,
        limit.sid,
        *actions,
        *resources,
        conditional=not set(limit.conditions) <= set(statement.conditions)
        if limit.effect is Effect.ALLOW
        else bool(limit.conditions),
    )


def _intersection(limit: _Scope, one: _Scope) -> _Intersection | None:
    """Return the intersection of a boundary's scope with one pattern; ``None``: empty."""
    (pattern,) = one.only
    if any(_covers(each, pattern) for each in limit.but):
        return None
    but = tuple(
        each.text
        for each in limit.but
        if _overlap(each.pattern, pattern.pattern)
        and not any(_covers(out, each) for out in one.but)
    )
    if any(_covers(each, pattern) for each in limit.only):
        return _Intersection((), but)
    only = tuple(
        each.text
        for each in limit.only
        if _overlap(each.pattern, pattern.pattern)
        and not any(_covers(out, each) for out in (*one.but, *limit.but))
    )
    return _Intersection(only, but) if only else None


# ---- patterns


def _actions(statement: Statement) -> _Scope:
    if statement.not_actions is not None:
        return _Scope(
            _ALL, tuple(_Pattern(action, action.lower()) for action in statement.not_actions)
        )
    return _Scope(tuple(_Pattern(action, action.lower()) for action in statement.actions or ()))


def _resources(statement: Statement) -> _Scope:
    if statement.not_resources is not None:
        return _Scope(_ALL, tuple(map(_pattern, statement.not_resources)))
    return _Scope(tuple(map(_pattern, statement.resources or ())))


def _pattern(template: Template) -> _Pattern:
    """Return a resource as a pattern, with a star for each variable."""
    if not template.has_variable:
        return _Pattern(template.text, template.text)
    parts = ("*" if isinstance(part, Variable) else part for part in template.parts)
    pattern = "".join(part.value if isinstance(part, Wild) else part for part in parts)
    return _Pattern(template.text, pattern, sure=False)


def _texts(patterns: Iterable[_Pattern]) -> tuple[str, ...]:
    return tuple(pattern.text for pattern in patterns)


def _covers(wide: _Pattern, narrow: _Pattern) -> bool:
    """True if everything ``narrow`` can match is certainly matched by ``wide``."""
    return wide.text == narrow.text or (wide.sure and covers(wide.pattern, narrow.pattern))


@lru_cache(maxsize=65_536)
def covers(wide: str, narrow: str) -> bool:
    """True if ``wide`` matches everything that ``narrow`` matches; may be False for odd patterns.

    A wildcard of ``narrow`` is replaced with characters that only a wildcard of ``wide`` can match:
    a star with none, then with more than ``wide`` can match without a star of its own.
    """
    if "*" not in wide and "?" not in wide:
        return wide == narrow
    if "*" not in narrow:
        return matches_text(narrow, wide)
    runs = ("", "\0" * (len(wide) + 1))
    return all(matches_text(narrow.replace("*", run), wide) for run in runs)


@lru_cache(maxsize=65_536)
def _overlap(one: str, other: str) -> bool:
    """True if some text may match both patterns."""
    if "*" not in one and "?" not in one:
        return matches_text(one, other)
    if "*" not in other and "?" not in other:
        return matches_text(other, one)
    # With a star in both, only their first and last pieces can conflict.
    first, last = one.split("*"), other.split("*")
    if len(first) == len(last) == 1 and len(one) != len(other):
        return False
    return _agree(first[0], last[0]) and _agree(first[-1][::-1], last[-1][::-1])


def _agree(one: str, other: str) -> bool:
    """True if two prefixes agree, as far as both go."""
    return all(a == b or "?" in (a, b) for a, b in zip(one, other, strict=False))


ACTION = "iam:PassRole"


@dataclass(frozen=True, slots=True)
class Passer:
    """A user or role that can, or possibly can, pass the role to these services."""

    arn: str
    services: tuple[str, ...]
    outcome: Outcome
    """Allowed, or unknown."""

    unknowns: tuple[str, ...]
    """What would settle it, as in a verdict; empty if it is allowed."""


@dataclass(frozen=True, slots=True)
class PassRoleReport:
    """Who may pass a role, as far as the inventory shows."""

    passers: tuple[Passer, ...] = ()
    """Certain ones first."""

    unseen: tuple[str, ...] = ()
    """ARNs of users and roles whose permissions are not, or only partly, in the inventory."""


def find_passers(inventory: IamInventory, role: Entity, services: Sequence[str]) -> PassRoleReport:
    """Return who may pass ``role`` to any of ``services``.

    A group cannot call: its policies count for each of its users.
    """
    passers: list[Passer] = []
    unseen: list[str] = []
    for entity in inventory.entities.values():
        if account_of(entity.arn) != account_of(role.arn) or ":group/" in entity.arn:
            continue
        requests = {each: _request(inventory, entity, role, each) for each in services}
        able = {each: found for each, found in requests.items() if _may_be_allowed(found)}
        passers.extend(_passers(entity.arn, able))
        if not able and inventory.permissions(entity.arn).missing:
            unseen.append(entity.arn)
    passers.sort(key=lambda passer: passer.outcome is not Outcome.ALLOWED)
    return PassRoleReport(tuple(passers), tuple(unseen))


def _passers(arn: str, requests: dict[str, Request]) -> Iterator[Passer]:
    """Yield one passer for all services with the same result."""
    found: dict[tuple[Outcome, tuple[str, ...]], list[str]] = {}
    for service, request in requests.items():
        verdict = evaluate(request)
        if verdict.outcome is not Outcome.REFUSED:
            found.setdefault((verdict.outcome, verdict.unknowns), []).append(service)
    for (outcome, unknowns), services in found.items():
        yield Passer(arn, tuple(services), outcome, unknowns)


def _may_be_allowed(request: Request) -> bool:
    """True if a visible statement allows the call, or may allow it."""
    call = Call(ACTION, request.role, request.caller, request.context)
    judged = judge_documents(request.policy_set(PolicyType.PERMISSIONS).documents, call)
    return any(
        each.statement.effect is Effect.ALLOW and each.truth is not Truth.FALSE for each in judged
    )


def _request(inventory: IamInventory, passer: Entity, role: Entity, service: str) -> Request:
    caller = _caller(passer)
    return Request(
        role=role.arn,
        caller=caller,
        context=_context(passer, caller, role, service),
        actions=(ACTION,),
        policies={
            # Trust policies and RCPs do not apply, and a session policy depends on the session.
            PolicyType.TRUST: NO_POLICY,
            PolicyType.SESSION: NO_POLICY,
            PolicyType.RCP: NO_POLICY,
            PolicyType.PERMISSIONS: inventory.permissions(passer.arn),
            PolicyType.BOUNDARY: inventory.boundary(passer.arn),
            PolicyType.SCP: inventory.scp(caller.account),
        },
    )


def _caller(passer: Entity) -> Caller:
    if ":role/" in passer.arn:
        return caller_from_arn(session_of(passer.arn), role=passer.arn, unique_id=passer.unique_id)
    return caller_from_arn(passer.arn, unique_id=passer.unique_id)


def _context(passer: Entity, caller: Caller, role: Entity, service: str) -> Context:
    """Return the known condition keys of a call that passes ``role``; not MFA, address or time."""
    user = ":user/" in passer.arn
    values = {
        "iam:PassedToService": [service],
        "aws:PrincipalArn": [passer.arn],
        "aws:PrincipalAccount": [caller.account or ""],
        "aws:PrincipalType": ["User" if user else "AssumedRole"],
        "aws:SecureTransport": ["true"],
        **{f"aws:PrincipalTag/{key}": [value] for key, value in passer.tags or ()},
    }
    absent: list[str] = []
    if user:
        values["aws:username"] = [passer.arn.rpartition("/")[2]]
        # A role's session may bring tags of its own.
        absent += ["aws:PrincipalTag/"] if passer.tags is not None else []
    else:
        absent.append("aws:username")
    if role.tags is not None:
        for family in ("aws:ResourceTag/", "iam:ResourceTag/"):
            absent.append(family)
            values |= {f"{family}{key}": [value] for key, value in role.tags}
    return Context(values, absent)


class RiskKind(Enum):
    """The kinds of risk in a trust policy."""

    ANYBODY = "anybody"
    WHOLE_ACCOUNT = "whole-account"
    NO_EXTERNAL_ID = "third-party-without-external-id"
    SERVICE_WITHOUT_SOURCE = "service-without-source"
    OIDC_WITHOUT_SUBJECT = "oidc-without-subject"
    DELETED_PRINCIPAL = "deleted-principal"
    NOT_A_PRINCIPAL = "not-a-principal"
    NOT_PRINCIPAL = "not-principal"


@dataclass(frozen=True, slots=True)
class Risk:
    """One risk, at one statement of the trust policy."""

    kind: RiskKind
    statement: int
    """From 1."""

    principal: str


@dataclass(frozen=True, slots=True)
class RoleReport:
    """Everything the inventory has about a role."""

    arn: str
    entity: Entity
    trust: PolicySet
    permissions: PolicySet
    boundary: PolicySet
    risks: tuple[Risk, ...]
    services: tuple[str, ...]
    """AWS services that may assume the role."""

    passing: PassRoleReport
    """Who may pass it to a service; empty if no service may assume it."""

    removed: tuple[Removed, ...]
    """What its boundary removes."""


def report_on(inventory: IamInventory, arn: str) -> RoleReport | None:
    """Return what is known about the role; ``None``: nothing is."""
    entity = inventory.find(arn)
    if entity is None:
        return None
    trust = inventory.trust(entity.arn)
    whole = replace(inventory, complete_only=True)
    permissions, boundary = whole.permissions(entity.arn), whole.boundary(entity.arn)
    services = tuple(
        dict.fromkeys(
            principal.text
            for statement in _statements(trust)
            if statement.effect is Effect.ALLOW
            for principal in statement.principals or ()
            if principal.kind is PrincipalKind.SERVICE
        )
    )
    return RoleReport(
        arn=entity.arn,
        entity=entity,
        trust=trust,
        permissions=permissions,
        boundary=boundary,
        risks=tuple(_risks(trust, entity.arn)),
        services=services,
        passing=find_passers(inventory, entity, services) if services else PassRoleReport(),
        removed=removed_by_boundary(permissions, boundary),
    )


def _statements(shown: PolicySet) -> Iterator[Statement]:
    for document in shown.documents:
        yield from document.policy.statements


def _risks(trust: PolicySet, arn: str) -> Iterator[Risk]:
    for statement in _statements(trust):
        if statement.not_principals is not None:
            yield Risk(RiskKind.NOT_PRINCIPAL, statement.index, "NotPrincipal")
        for principal in statement.principals or ():
            kind = _risk(principal, statement, arn)
            if kind is not None:
                yield Risk(kind, statement.index, principal.text)


def _risk(principal: Principal, statement: Statement, role: str) -> RiskKind | None:
    text = principal.text
    if text.startswith(("AIDA", "AROA")) and ":" not in text:
        return RiskKind.DELETED_PRINCIPAL
    if statement.effect is Effect.DENY:
        return None
    binding = [condition for condition in statement.conditions if _binds(condition)]
    keys = {condition.key.lower() for condition in binding}
    match principal.kind:
        case PrincipalKind.AWS if text == "*":
            return None if any(map(_names_a_principal, binding)) else RiskKind.ANYBODY
        case PrincipalKind.AWS:
            return _aws_risk(text, keys, role)
        case PrincipalKind.SERVICE:
            named = keys & {"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid"}
            return None if named else RiskKind.SERVICE_WITHOUT_SOURCE
        case PrincipalKind.FEDERATED:
            narrowed = any(key.endswith(":sub") for key in keys)
            oidc = ":saml-provider/" not in text
            return RiskKind.OIDC_WITHOUT_SUBJECT if oidc and not narrowed else None
        case PrincipalKind.CANONICAL_USER:
            return RiskKind.NOT_A_PRINCIPAL


def _aws_risk(text: str, keys: set[str], role: str) -> RiskKind | None:
    if "*" in text or "?" in text:
        return RiskKind.NOT_A_PRINCIPAL
    account = text if ACCOUNT_ID.fullmatch(text) else account_of(text)
    if account != account_of(role) and "sts:externalid" not in keys and not keys & _ORGANIZATION:
        return RiskKind.NO_EXTERNAL_ID
    if (ACCOUNT_ID.fullmatch(text) or text.endswith(":root")) and not keys:
        return RiskKind.WHOLE_ACCOUNT
    return None


_ORGANIZATION = {"aws:principalorgid", "aws:principalorgpaths", "aws:principalarn"}

# Keys that callers cannot choose themselves, unlike MFA, tags, names and encryption.
_NARROWING = _ORGANIZATION | {
    "aws:principalaccount",
    "aws:userid",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourcevpcaccount",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "sts:externalid",
}

_ANYTHING = ("*", "0.0.0.0/0", "::/0")


def _binds(condition: Condition) -> bool:
    """True if a condition restricts the callers: not one that an absent key satisfies."""
    operator = condition.operator
    if operator.negated or operator.if_exists or operator.quantifier is Quantifier.ALL:
        return False
    if operator.is_null or any(value in _ANYTHING for value in condition.values):
        return False
    # A subject that every GitHub repository has.
    of_all = condition.key.lower().endswith(":sub")
    return not (of_all and any(value.startswith(("*", "repo:*")) for value in condition.values))


def _names_a_principal(condition: Condition) -> bool:
    """True if a condition excludes what anyone can create for themselves.

    A role of a certain name anybody can make in an account of their own.
    """
    accounts = [(*value.split(":", 5), *[""] * 5)[4] for value in condition.values]
    anywhere = condition.key.lower() == "aws:principalarn" and any("*" in a for a in accounts)
    return condition.key.lower() in _NARROWING and not anywhere
