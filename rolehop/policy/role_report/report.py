"""Describe one role: who may assume it, what it may do, what its boundary removes, its risks."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from rolehop.arn import ACCOUNT_ID, account_of
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.inventory.inventory import Entity, IamInventory
from rolehop.policy.language.operators import Quantifier
from rolehop.policy.language.parser import Condition, Effect, Principal, PrincipalKind, Statement
from rolehop.policy.role_report.boundary_effect import Removed, removed_by_boundary
from rolehop.policy.role_report.pass_role import PassRoleReport, find_passers
from rolehop.startup.dataclass import dataclass, replace


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


def report_on(records: IamInventory, arn: str) -> RoleReport | None:
    """Return what is known about the role; ``None``: nothing is."""
    entity = records.find(arn)
    if entity is None:
        return None
    trust = records.trust(entity.arn)
    whole = replace(records, complete_only=True)
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
        passing=find_passers(records, entity, services) if services else PassRoleReport(),
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
    if operator.is_null or any(each in _ANYTHING for each in condition.values):
        return False
    # A subject that every GitHub repository has.
    of_all = condition.key.lower().endswith(":sub")
    return not (of_all and any(each.startswith(("*", "repo:*")) for each in condition.values))


def _names_a_principal(condition: Condition) -> bool:
    """True if a condition excludes what anyone can create for themselves.

    A role of a certain name anybody can make in an account of their own.
    """
    accounts = [(*each.split(":", 5), *[""] * 5)[4] for each in condition.values]
    anywhere = condition.key.lower() == "aws:principalarn" and any("*" in a for a in accounts)
    return condition.key.lower() in _NARROWING and not anywhere
