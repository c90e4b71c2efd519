"""A role in itself: who may take it, what it may do, what its boundary takes away, what is risky."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from rolehop.arn import ACCOUNT_ID, account_of
from rolehop.trust.evaluate import Shown
from rolehop.trust.policy import (
    Condition,
    Effect,
    Principal,
    PrincipalKind,
    Statement,
)
from rolehop.trust.records import Entity, Records
from rolehop.trust.variables import Template
from rolehop.trust.wildcard import matches_text
from rolehop.values import dataclass


class RiskKind(Enum):
    """What is risky about a trust policy; the list is closed."""

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
class Passer:
    """A user, role or group whose policies let it pass the role to a service."""

    arn: str
    service: str | None
    """What ``iam:PassedToService`` narrows it to."""


@dataclass(frozen=True, slots=True)
class RoleReport:
    """All that the records say about a role."""

    arn: str
    entity: Entity
    trust: Shown
    permissions: Shown
    boundary: Shown
    risks: tuple[Risk, ...]
    services: tuple[str, ...]
    """AWS services that may take the role."""

    passers: tuple[Passer, ...]
    """Who may hand it to a service; empty also where it is no service's role."""


def report_on(records: Records, arn: str) -> RoleReport | None:
    """Return what is known of the role; ``None``: nothing is."""
    entity = records.find(arn)
    if entity is None:
        return None
    trust = records.trust(entity.arn)
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
        permissions=records.permissions(entity.arn),
        boundary=records.boundary(entity.arn),
        risks=tuple(_risks(trust, entity.arn)),
        services=services,
        passers=tuple(_passers(records, entity.arn)) if services else (),
    )


def _statements(shown: Shown) -> Iterator[Statement]:
    for document in shown.documents:
        yield from document.policy.statements


def _risks(trust: Shown, arn: str) -> Iterator[Risk]:
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
    keys = {condition.key.lower() for condition in statement.conditions if _binds(condition)}
    match principal.kind:
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
    if text == "*":
        return None if keys else RiskKind.ANYBODY
    if "*" in text or "?" in text:
        return RiskKind.NOT_A_PRINCIPAL
    account = text if ACCOUNT_ID.fullmatch(text) else account_of(text)
    if account != account_of(role) and "sts:externalid" not in keys and not keys & _ORGANIZATION:
        return RiskKind.NO_EXTERNAL_ID
    if (ACCOUNT_ID.fullmatch(text) or text.endswith(":root")) and not keys:
        return RiskKind.WHOLE_ACCOUNT
    return None


_ORGANIZATION = {"aws:principalorgid", "aws:principalorgpaths", "aws:principalarn"}


def _binds(condition: Condition) -> bool:
    """Tell whether a condition narrows who may come: not one that a missing key satisfies."""
    operator = condition.operator
    if operator.negated or operator.if_exists or operator.quantifier.value == "ForAllValues":
        return False
    return "*" not in condition.values


def _passers(records: Records, role: str) -> Iterator[Passer]:
    """Give who may pass the role; read off Allow statements, Denies and boundaries left aside."""
    for entity in records.entities.values():
        if account_of(entity.arn) != account_of(role):
            continue
        for statement in _statements(records.permissions(entity.arn)):
            if _passes(statement, role):
                yield Passer(entity.arn, _passed_to(statement))
                break


def _passes(statement: Statement, role: str) -> bool:
    acts = any(
        matches_text("iam:passrole", each.lower()) for each in statement.actions or ()
    ) and any(_fits(each, role) for each in statement.resources or ())
    return acts and statement.effect is Effect.ALLOW


def _fits(template: Template, role: str) -> bool:
    return not template.has_variable and matches_text(role, template.text)


def _passed_to(statement: Statement) -> str | None:
    for condition in statement.conditions:
        if condition.key.lower() == "iam:passedtoservice":
            return ", ".join(condition.values)
    return None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a boundary takes away from an allowed action."""

    document: str
    action: str


def beyond_boundary(report: RoleReport) -> tuple[Taken, ...]:
    """Return allowed actions, as written, that no statement of the boundary covers."""
    if not report.boundary.there or not report.boundary.documents:
        return ()
    inside = [
        action
        for statement in _statements(report.boundary)
        if statement.effect is Effect.ALLOW
        for action in statement.actions or ("*",)
    ]
    return tuple(
        Taken(document.name, action)
        for document in report.permissions.documents
        for statement in document.policy.statements
        if statement.effect is Effect.ALLOW
        for action in statement.actions or ()
        if not any(_covers(each, action) for each in inside)
    )


def _covers(wide: str, narrow: str) -> bool:
    """Tell whether all that ``narrow`` can mean lies within ``wide``."""
    # A star in the narrow pattern must meet a star in the wide one; matching it as a letter that
    # only wildcards match says just that.
    return matches_text(narrow.lower(), wide.lower())
