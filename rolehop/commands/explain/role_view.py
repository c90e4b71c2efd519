"""The view and the JSON of ``explain role``: a role in plain English."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolehop.base.durations import format_duration
from rolehop.policy.evaluation.model import Outcome, PolicySet
from rolehop.policy.finding_text import condition_sentence, unknown_in_words
from rolehop.policy.language.parser import Condition, Effect, Principal, PrincipalKind, Statement
from rolehop.policy.role_report import (
    Passer,
    PassRoleReport,
    Remaining,
    Removed,
    Risk,
    RiskKind,
    RoleReport,
)
from rolehop.terminal.layout import Line, StyledText, View, line, wrapped

Document = dict[str, object]
_MOST = 12

_RISKS = {
    RiskKind.ANYBODY: (
        "anyone in any AWS account may assume this role: '*' without a condition that says who"
    ),
    RiskKind.WHOLE_ACCOUNT: (
        "every user and role of account {} whose own policies allow it may assume this role"
    ),
    RiskKind.NO_EXTERNAL_ID: (
        "{} is outside the role's account, and needs no external ID (sts:ExternalId): if it serves"
        " many customers, another of them may get in"
    ),
    RiskKind.SERVICE_WITHOUT_SOURCE: (
        "{} may assume this role on behalf of any account: no aws:SourceAccount or aws:SourceArn"
        " is required"
    ),
    RiskKind.OIDC_WITHOUT_SUBJECT: (
        "anyone with a token of {} may assume this role: no subject (…:sub) is required"
    ),
    RiskKind.DELETED_PRINCIPAL: (
        "{} is the ID of a deleted user or role: it trusts nobody, not even a new one of that name"
    ),
    RiskKind.NOT_A_PRINCIPAL: "{} is not a principal that IAM accepts",
    RiskKind.NOT_PRINCIPAL: "NotPrincipal is not allowed in a trust policy; IAM does not save it",
}


def role_view(report: RoleReport) -> View:
    """Show a role: who may assume it, what it may do, and its risks."""
    entity = report.entity
    blocks: list[Line] = [*wrapped(report.arn, "", "  ", "bold")]
    if entity.description:
        blocks.extend(wrapped(entity.description, "  ", "    "))
    if entity.max_session_seconds:
        longest = format_duration(entity.max_session_seconds)
        once = "" if longest == "1 h" else "; from another role's session, 1 h"
        blocks.extend(wrapped(f"a session lasts at most {longest}{once}", "  ", "    "))
    blocks.extend(_section("who may assume it", _trusted(report.trust)))
    limit = ", before its boundary limits that" if report.boundary.there else ""
    blocks.extend(_section(f"what its policies allow{limit}", _may(report.permissions)))
    blocks.extend(_section("what its boundary removes", _removed(report)))
    passed = _passed(report.passing, report.services)
    blocks.extend(_section("who may pass it to a service", passed))
    blocks.extend(_section("worth a look", _risks(report)))
    return blocks


def _section(title: str, lines: Iterable[str]) -> Iterator[Line]:
    texts = list(lines)
    if not texts:
        return
    yield line()
    yield line(StyledText(title, "bold"))
    for text in texts[:_MOST]:
        yield from wrapped(text, "  ", "    ")
    if len(texts) > _MOST:
        yield line(f"  … and {len(texts) - _MOST} more (--format json shows all)")


def _trusted(shown: PolicySet) -> Iterator[str]:
    yield from _hidden(shown, "the trust policy")
    for document in shown.documents:
        for statement in document.policy.statements:
            yield trust_sentence(statement)


def trust_sentence(statement: Statement) -> str:
    """Return one statement of a trust policy as a sentence."""
    named = statement.principals or statement.not_principals or ()
    who = _and([_who(each) for each in named], "or")
    if statement.not_principals is not None:
        who = f"everyone but {who}"
    actions = ", ".join(statement.actions or ())
    verb = "may" if statement.effect is Effect.ALLOW else "may never"
    if who == "anyone" and statement.effect is Effect.DENY:
        who, verb = "no one", "may"
    conditions = _and([_condition(condition) for condition in statement.conditions], "and")
    when = f", if {conditions}" if conditions else ""
    what = f"all but {', '.join(statement.not_actions)}" if statement.not_actions else actions
    sid = f' "{statement.sid}"' if statement.sid else ""
    return f"statement {statement.index}{sid}: {who} {verb} call {what}{when}"


def _who(principal: Principal) -> str:
    text = principal.text
    match principal.kind:
        case PrincipalKind.SERVICE:
            return f"the AWS service {text}"
        case PrincipalKind.FEDERATED:
            return f"anyone with a token of {text}"
        case PrincipalKind.CANONICAL_USER:
            return f"canonical user {text}"
        case PrincipalKind.AWS:
            return _who_of_aws(text)


def _who_of_aws(text: str) -> str:
    if text == "*":
        return "anyone"
    if text.isdigit():
        return f"anyone account {text} allows"
    parts = text.split(":", 5)
    if len(parts) < 6:
        return f"a deleted principal ({text})"
    if parts[5] == "root":
        return f"anyone account {parts[4]} allows"
    kind, _, name = parts[5].partition("/")
    kinds = {"assumed-role": "session", "user": "user", "role": "role"}
    return f"{kinds.get(kind, kind)} {name} of {parts[4]}"


def _condition(condition: Condition) -> str:
    return condition_sentence(condition.operator.text, condition.key, condition.values)


def _may(shown: PolicySet) -> Iterator[str]:
    yield from _hidden(shown, "its permissions policies")
    for document in shown.documents:
        for statement in document.policy.statements:
            verb = "may" if statement.effect is Effect.ALLOW else "may never"
            resources, others = (
                tuple(each.text for each in found or ())
                for found in (statement.resources, statement.not_resources)
            )
            what = _what(statement.actions or (), statement.not_actions or (), resources, others)
            when = " under conditions" if statement.conditions else ""
            yield f"{verb} do {what}{when} ({document.name})"
    said = any(document.policy.statements for document in shown.documents)
    if not said and not shown.missing:
        yield "nothing: no policy is attached"


def _what(
    actions: tuple[str, ...],
    not_actions: tuple[str, ...],
    resources: tuple[str, ...],
    not_resources: tuple[str, ...],
) -> str:
    """Return ``s3:Get*, s3:List* on anything``."""
    done = f"anything but {_few(not_actions)}" if not_actions else _few(actions)
    on = f"anything but {_few(not_resources)}" if not_resources else _few(resources)
    return f"{'anything' if done == '*' else done} on {'anything' if on == '*' else on}"


def _few(texts: tuple[str, ...]) -> str:
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return ", ".join(texts[:5]) + more


def _hidden(shown: PolicySet, what: str) -> Iterator[str]:
    if not shown.missing:
        return
    named = "" if shown.missing == ("all",) else f": {', '.join(shown.missing)}"
    yield f"{what} cannot be seen in what was given{named}"


def _removed(report: RoleReport) -> Iterator[str]:
    if not report.boundary.there:
        return
    yield from _hidden(report.boundary, "its boundary")
    if not report.boundary.documents:
        return
    yield from map(_removed_sentence, report.removed)
    if report.permissions.missing:
        yield "for policies that cannot be seen: not known"
    elif not report.removed:
        yield "nothing: the boundary allows all that its policies allow"


def _removed_sentence(removed: Removed) -> str:
    what = _what(removed.actions, removed.not_actions, removed.resources, removed.not_resources)
    return f"of {what} ({removed.document}): {'; of that also '.join(_losses(removed))}"


def _losses(removed: Removed) -> Iterator[str]:
    whole = next((each for each in removed.denied if each.whole), None)
    if whole is not None:
        yield f"all, by {_named(whole, 'Deny')}"
    elif not removed.left:
        yield "all; no statement of the boundary allows any"
    else:
        if not removed.left[0].whole:
            yield _left_out(removed.left)
        for each in removed.denied:
            by = "" if each.conditional else f", by {_named(each, 'Deny')}"
            yield f"{_part(each, 'Deny')}{by}"


def _left_out(left: tuple[Remaining, ...]) -> str:
    first = left[0]
    if len(left) == 1 and not (first.actions or first.resources or first.conditional):
        done = [_few(first.not_actions)] if first.not_actions else []
        on = [f"what is done on {_few(first.not_resources)}"] if first.not_resources else []
        return f"{_and(done + on, 'and')}, left out by {_named(first, 'Allow')}"
    return f"all but {_and(_some([_part(each, 'Allow') for each in left]), 'and')}"


def _some(texts: list[str]) -> list[str]:
    return [*texts[:5], f"{len(texts) - 5} more"] if len(texts) > 6 else texts


def _part(part: Remaining, effect: str) -> str:
    """Return the part of a permission that a statement of the boundary covers."""
    on = _few(part.resources)
    if part.not_resources:
        on = f"{on or 'anything'} but {_few(part.not_resources)}"
    done = _few(part.actions)
    if part.not_actions:
        done = f"{done or 'anything'} but {_few(part.not_actions)}"
    said = f"{done or 'what is done'} on {on}" if on else done
    if not part.conditional:
        return said
    return f"{said or 'what'}{', if it' if said else ''} meets the conditions of {_named(part, effect)}"


def _named(part: Remaining, effect: str) -> str:
    sid = f' "{part.sid}"' if part.sid else ""
    return f"its {effect} statement {part.statement}{sid}"


def _passed(passing: PassRoleReport, services: tuple[str, ...]) -> Iterator[str]:
    yield from map(_passer, passing.passers)
    if not services:
        return
    if passing.unseen:
        count = len(passing.unseen)
        who = "1 user or role" if count == 1 else f"{count} users and roles"
        yield f"not known for {who}: their policies are not in what was given"
    elif not passing.passers:
        yield "no one in what was given"


def _passer(passer: Passer) -> str:
    to = f"{passer.arn}, to {_and(list(passer.services), 'and')}"
    if passer.outcome is Outcome.ALLOWED:
        return to
    words = (
        unknown_in_words(unknown).replace("the caller's", "its") for unknown in passer.unknowns
    )
    conditions = _and(list(words), "and")
    return f"possibly {to}; that depends on {conditions}"


def _risks(report: RoleReport) -> Iterator[str]:
    for risk in report.risks:
        yield f"statement {risk.statement}: {_RISKS[risk.kind].format(_risky(risk))}"


def _risky(risk: Risk) -> str:
    """Return the principal of a risk, as its sentence names it."""
    text = risk.principal
    account = text.split(":")[4] if text.endswith(":root") else text
    if not account.isdigit():
        return text
    return account if risk.kind is RiskKind.WHOLE_ACCOUNT else f"account {account}"


def role_document(report: RoleReport) -> Document:
    """Return ``rolehop.role/1``."""
    return {
        "schema": "rolehop.role/1",
        "role": report.arn,
        "description": report.entity.description,
        "max_session": report.entity.max_session_seconds,
        "trust": list(_trusted(report.trust)),
        "permissions": list(_may(report.permissions)),
        "boundary": report.entity.boundary,
        "beyond_boundary": [_removed_document(each) for each in report.removed],
        "services": list(report.services),
        "passers": [
            {
                "arn": passer.arn,
                "services": list(passer.services),
                "verdict": passer.outcome.value,
                "unknowns": list(passer.unknowns),
            }
            for passer in report.passing.passers
        ],
        "passers_unseen": list(report.passing.unseen),
        "risks": [
            {"kind": risk.kind.value, "statement": risk.statement, "principal": risk.principal}
            for risk in report.risks
        ],
    }


def _removed_document(removed: Removed) -> Document:
    return {
        "document": removed.document,
        "statement": removed.statement,
        **_scope_document(removed),
        "taken": "all" if removed.wholly else "part",
        "left": [_part_document(each) for each in removed.left] if not removed.wholly else [],
        "denied": [_part_document(each) for each in removed.denied],
    }


def _part_document(part: Remaining) -> Document:
    return {"statement": part.statement, **_scope_document(part), "conditional": part.conditional}


def _scope_document(scope: Removed | Remaining) -> Document:
    """Return the elements; all empty: the whole permission."""
    return {
        "actions": list(scope.actions),
        "not_actions": list(scope.not_actions),
        "resources": list(scope.resources),
        "not_resources": list(scope.not_resources),
    }


def _and(texts: list[str], word: str) -> str:
    return (
        f" {word} ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
    )
