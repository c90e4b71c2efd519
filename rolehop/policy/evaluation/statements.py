"""Evaluate one statement against one request: all its elements must match."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.policy.evaluation.conditions import judge_condition
from rolehop.policy.evaluation.findings import Finding, Reason, Truth, every, some, truth_of
from rolehop.policy.evaluation.principals import (
    Caller,
    MatchKind,
    judge_not_principals,
    judge_principals,
)
from rolehop.policy.language.parser import Policy, Statement
from rolehop.policy.language.request_context import Context
from rolehop.policy.language.variables import Template, Unfilled, fill
from rolehop.policy.language.wildcards import matches, matches_text
from rolehop.startup.dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """One action of one request, as policies see it."""

    action: str
    resource: str
    """The ARN of the role that is asked for."""

    caller: Caller
    context: Context
    bounded: bool = True
    """The caller has a permissions boundary, or may have one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One statement, evaluated."""

    statement: Statement
    document: str
    """Name of its document, for people."""

    truth: Truth
    """Whether the statement applies."""

    findings: tuple[Finding, ...]
    matches: tuple[tuple[MatchKind, Truth], ...] = ()
    """Per principal: how it names the caller, and whether the whole statement then applies."""

    def applies_by(self, *kinds: MatchKind) -> Truth:
        """Return whether the statement applies through one of ``kinds``."""
        return some(truth for kind, truth in self.matches if kind in kinds)


@dataclass(frozen=True, slots=True)
class Attached:
    """A document and its name for people, e.g. ``inline policy AssumeHub``."""

    name: str
    policy: Policy
    text: str = field(default="", repr=False, compare=False)
    aws_managed: bool = False
    """An AWS managed policy: only AWS can change it."""


def judge_documents(documents: Sequence[Attached], call: Call) -> tuple[Judged, ...]:
    """Judge every statement of every document, in order."""
    return tuple(
        judge_statement(statement, document.name, call)
        for document in documents
        for statement in document.policy.statements
    )


def judge_statement(statement: Statement, document: str, call: Call) -> Judged:
    """Evaluate all elements of ``statement``."""
    head = [
        *_actions(statement, call.action),
        *_resources(statement, call.resource, call.context),
    ]
    named: tuple[tuple[MatchKind, Truth], ...] = ()
    if statement.principals is not None:
        finding, each = judge_principals(statement.principals, call.caller, statement.effect)
        head.insert(0, finding)
        named = tuple((one.how, one.truth) for one in each)
    elif statement.not_principals is not None:
        finding = judge_not_principals(
            statement.not_principals, call.caller, statement.effect, bounded=call.bounded
        )
        head.insert(0, finding)
        named = ((MatchKind.ANYONE, finding.truth),)
    findings = (*head, *(judge_condition(each, call.context) for each in statement.conditions))
    others = every(finding.truth for finding in findings if finding.element != "Principal")
    matched = tuple((how, every((truth, others))) for how, truth in named)
    truth = every(finding.truth for finding in findings)
    return Judged(statement, document, truth, findings, matched)


def _actions(statement: Statement, action: str) -> list[Finding]:
    if statement.actions is not None:
        truth = truth_of(any(_acts(each, action) for each in statement.actions))
        reason = Reason.MATCHES if truth is Truth.TRUE else Reason.ACTION_NOT_LISTED
        return [Finding("Action", truth, reason, ", ".join(statement.actions), action)]
    excluded = statement.not_actions or ()
    truth = truth_of(not any(_acts(each, action) for each in excluded))
    reason = Reason.MATCHES if truth is Truth.TRUE else Reason.ACTION_EXCLUDED
    return [Finding("Action", truth, reason, f"not {', '.join(excluded)}", action)]


def _acts(pattern: str, action: str) -> bool:
    return pattern == action or matches_text(action.lower(), pattern.lower())


def _resources(statement: Statement, resource: str, context: Context) -> list[Finding]:
    listed = statement.resources
    if listed is not None:
        truth, reason = _resource_truth(listed, resource, context)
        wanted = ", ".join(template.text for template in listed)
        return [Finding("Resource", truth, reason, wanted, resource)]
    if statement.not_resources is None:
        return []  # a trust policy: the role itself is meant
    truth, reason = _resource_truth(statement.not_resources, resource, context)
    wanted = ", ".join(template.text for template in statement.not_resources)
    if reason not in (Reason.VARIABLE_ABSENT, Reason.VARIABLE_UNKNOWN):
        truth = ~truth
        reason = Reason.MATCHES if truth is Truth.TRUE else Reason.RESOURCE_EXCLUDED
    return [Finding("Resource", truth, reason, f"not {wanted}", resource)]


def _resource_truth(
    templates: Sequence[Template], resource: str, context: Context
) -> tuple[Truth, Reason]:
    hit = False
    for template in templates:
        if template.fixed is not None:
            hit = hit or template.fixed == resource
            continue
        filled = fill(template, context)
        if isinstance(filled, Unfilled):
            # A variable without a value: the statement does not match, a Deny neither.
            if filled.known:
                return Truth.FALSE, Reason.VARIABLE_ABSENT
            return Truth.UNKNOWN, Reason.VARIABLE_UNKNOWN
        hit = hit or matches(resource, filled)
    return truth_of(hit), Reason.MATCHES if hit else Reason.RESOURCE_NOT_LISTED
