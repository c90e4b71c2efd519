"""The view and the JSON of ``explain role``: a role in plain sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from rolehop.durations import format_duration
from rolehop.show.layout import Line, View, Words, line
from rolehop.show.reasons import key_in_words
from rolehop.trust.evaluate import Shown
from rolehop.trust.policy import Condition, Effect, Principal, PrincipalKind, Statement
from rolehop.trust.role import RiskKind, RoleReport, beyond_boundary
from rolehop.words import clean

Document = dict[str, object]
WIDTH = 80
_MOST = 12

_RISKS = {
    RiskKind.ANYBODY: "anybody in any AWS account may take this role: '*' without a condition",
    RiskKind.WHOLE_ACCOUNT: (
        "every user and role of account {} whose own policies allow it may take this role"
    ),
    RiskKind.NO_EXTERNAL_ID: (
        "{} belongs to another account and no external ID is asked for: where that account serves"
        " many customers, one of them can be led into this role"
    ),
    RiskKind.SERVICE_WITHOUT_SOURCE: (
        "{} may take this role for anybody's sake: no aws:SourceAccount or aws:SourceArn is asked for"
    ),
    RiskKind.OIDC_WITHOUT_SUBJECT: (
        "anybody with a token of {} may take this role: no subject (…:sub) is asked for"
    ),
    RiskKind.DELETED_PRINCIPAL: "{} is the ID of a deleted user or role: it trusts nobody any more",
    RiskKind.NOT_A_PRINCIPAL: "{} is no principal that IAM accepts",
    RiskKind.NOT_PRINCIPAL: "NotPrincipal is not allowed in a trust policy; IAM does not save it",
}


def role_view(report: RoleReport) -> View:
    """Show a role: who may take it, what it may do, and what to look at."""
    entity = report.entity
    blocks: list[Line] = [line(Words(clean(report.arn), "bold"))]
    if entity.description:
        blocks.extend(_wrapped(entity.description, "  "))
    if entity.max_session_seconds:
        longest = format_duration(entity.max_session_seconds)
        blocks.extend(_wrapped(f"a session lasts at most {longest} (1 h once chained)", "  "))
    blocks.extend(_section("who may take it", _trusted(report.trust)))
    blocks.extend(_section("what it may do", _may(report.permissions)))
    blocks.extend(_section("what its boundary takes away", _taken(report)))
    blocks.extend(_section("who may pass it to a service", _passed(report)))
    blocks.extend(_section("worth a look", _risks(report)))
    return blocks


def _section(title: str, lines: Iterable[str]) -> Iterator[Line]:
    texts = list(lines)
    if not texts:
        return
    yield line()
    yield line(Words(title, "bold"))
    for each in texts[:_MOST]:
        yield from _wrapped(each, "  ")
    if len(texts) > _MOST:
        yield line(f"  … and {len(texts) - _MOST} more")


def _trusted(shown: Shown) -> Iterator[str]:
    yield from _hidden(shown, "the trust policy")
    for document in shown.documents:
        for statement in document.policy.statements:
            yield trust_sentence(statement)


def trust_sentence(statement: Statement) -> str:
    """Return one statement of a trust policy as a sentence."""
    named = statement.principals or statement.not_principals or ()
    who = _and([_who(each) for each in named], "or")
    if statement.not_principals is not None:
        who = f"everybody but {who}"
    actions = ", ".join(statement.actions or ())
    verb = "may" if statement.effect is Effect.ALLOW else "may never"
    conditions = _and([_condition(each) for each in statement.conditions], "and")
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
            return f"whoever {text} vouches for"
        case PrincipalKind.CANONICAL_USER:
            return f"canonical user {text}"
        case PrincipalKind.AWS:
            return _who_of_aws(text)


def _who_of_aws(text: str) -> str:
    if text == "*":
        return "anybody"
    if text.isdigit():
        return f"whoever account {text} lets"
    parts = text.split(":", 5)
    if len(parts) < 6:
        return f"a deleted principal ({text})"
    if parts[5] == "root":
        return f"whoever account {parts[4]} lets"
    kind, _, name = parts[5].partition("/")
    kinds = {"assumed-role": "session", "user": "user", "role": "role"}
    return f"{kinds.get(kind, kind)} {name} of {parts[4]}"


_SAID = {
    "equals": "is",
    "equalsignorecase": "is (in any case)",
    "like": "is like",
    "lessthan": "is less than",
    "lessthanequals": "is at most",
    "greaterthan": "is more than",
    "greaterthanequals": "is at least",
}


def _condition(condition: Condition) -> str:
    operator = condition.operator
    key, values = key_in_words(condition.key), " or ".join(condition.values)
    if operator.is_null:
        return f"{key} is {'absent' if condition.values == ('true',) else 'there'}"
    name = operator.text.rpartition(":")[2].removesuffix("IfExists").lower().replace("not", "")
    for family in ("string", "arn", "numeric", "date", "binary"):
        name = name.removeprefix(family)
    said = _SAID.get(name, "is")
    if operator.negated:
        said = said.replace("is", "is not", 1)
    many = {"ForAllValues": "each of ", "ForAnyValue": "one of "}.get(operator.quantifier.value, "")
    exists = " (where there is one)" if operator.if_exists else ""
    return f"{many}{key}{exists} {said} {values}"


def _may(shown: Shown) -> Iterator[str]:
    yield from _hidden(shown, "its permissions policies")
    for document in shown.documents:
        for statement in document.policy.statements:
            verb = "may" if statement.effect is Effect.ALLOW else "may never"
            actions = _few(statement.actions) or f"all but {_few(statement.not_actions)}"
            resources = statement.resources or statement.not_resources or ()
            on = _few(tuple(each.text for each in resources))
            but = "all but " if statement.not_resources else ""
            where = "anything" if on == "*" else on
            when = " under conditions" if statement.conditions else ""
            yield f"{verb} {actions} on {but}{where}{when} ({document.name})"
    said = any(document.policy.statements for document in shown.documents)
    if not said and not shown.missing:
        yield "nothing: no policy is attached"


def _few(texts: tuple[str, ...] | None) -> str:
    shown = list(texts or ())
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + more


def _hidden(shown: Shown, what: str) -> Iterator[str]:
    if not shown.missing:
        return
    named = "" if shown.missing == ("all",) else f": {', '.join(shown.missing)}"
    yield f"{what} cannot be seen in what was given{named}"


def _taken(report: RoleReport) -> Iterator[str]:
    if not report.boundary.there:
        return
    yield from _hidden(report.boundary, "its boundary")
    taken = beyond_boundary(report)
    yield from (f"{each.action} ({each.document})" for each in taken)
    if report.boundary.documents and not taken:
        yield "nothing that its policies name"


def _passed(report: RoleReport) -> Iterator[str]:
    for passer in report.passers:
        to = f" (to {passer.service})" if passer.service else " (to any service)"
        yield f"{passer.arn}{to}"
    if report.services and not report.passers:
        yield "nobody in what was given"


def _risks(report: RoleReport) -> Iterator[str]:
    for risk in report.risks:
        account = risk.principal
        if risk.kind is RiskKind.WHOLE_ACCOUNT and ":" in account:
            account = account.split(":")[4]
        yield f"statement {risk.statement}: {_RISKS[risk.kind].format(account)}"


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
        "beyond_boundary": [each.action for each in beyond_boundary(report)],
        "services": list(report.services),
        "passers": [{"arn": each.arn, "service": each.service} for each in report.passers],
        "risks": [
            {"kind": each.kind.value, "statement": each.statement, "principal": each.principal}
            for each in report.risks
        ],
    }


def _and(texts: list[str], word: str) -> str:
    return (
        f" {word} ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
    )


def _wrapped(text: str, indent: str) -> Iterator[Line]:
    for each in textwrap.wrap(
        clean(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    ):
        yield line(each)
