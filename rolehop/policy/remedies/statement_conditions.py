"""The conditions of a proposed statement: what the nearest one asks for, as this call answers it.

A statement that is added to let one call through asks no less than the one that nearly did. What
the call meets, or may meet, stays as it is. What it does not meet is asked with the very value that
the call sends, or to be absent where it sends none. Only what no value can stand for (MFA that is
not there) is left out, and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from rolehop.policy.evaluation.conditions import judge_condition
from rolehop.policy.evaluation.findings import Reason, Truth
from rolehop.policy.evaluation.model import PolicyType, Request
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.statements import Judged
from rolehop.policy.language.operators import Quantifier
from rolehop.policy.language.parser import Condition
from rolehop.policy.language.request_context import Unknown
from rolehop.startup.dataclass import dataclass, field

Json = dict[str, Any]

# A statement that asks for "no MFA" would read like a mistake, and guards nothing.
_NO_VALUE = ("aws:multifactorauthpresent", "aws:multifactorauthage")
_DAY = timedelta(days=1)
_FAMILIES = {
    "null": "StringEquals",
    "string": "StringEquals",
    "arn": "ArnEquals",
    "bool": "Bool",
    "binary": "BinaryEquals",
    "ip": "IpAddress",
    "notip": "IpAddress",
    "numeric": "Numeric",
    "date": "Date",
}


@dataclass(slots=True)
class SuggestedConditions:
    """Conditions to write, and the keys of those that ask something else of this caller."""

    conditions: Json = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """Asked with the value that this call sends, which is not what the nearest statement asks."""

    without: list[str] = field(default_factory=list)
    """Asked to be absent, as it is in this call."""

    waived: list[str] = field(default_factory=list)
    """Not asked for any more."""

    def put(self, operator: str, key: str, values: Sequence[str]) -> None:
        """Ask that ``key`` be one of ``values``."""
        self.conditions.setdefault(operator, {})[key] = collapse_singleton(values)

    def bind(self, operator: str, key: str, values: Sequence[str]) -> None:
        """Ask that ``key`` be one of ``values``, and of no others that ``operator`` took so far."""
        keys = self.conditions.get(operator, {})
        self.put(operator, next((e for e in keys if e.lower() == key.lower()), key), values)

    def asks(self, key: str) -> bool:
        """Tell whether something is asked of ``key``."""
        keys = {each.lower() for found in self.conditions.values() for each in found}
        return key.lower() in keys


def suggest_conditions(
    judged: Judged | None,
    policy_type: PolicyType,
    request: Request,
    actions: Sequence[str],
    inherited_tag_keys: Sequence[str],
) -> SuggestedConditions:
    """Return the conditions for a statement that allows ``actions`` to this call.

    Args:
        judged: the nearest statement, where there is one.
        policy_type: where the statement is to stand.
        request: the call.
        actions: what the statement will allow.
        inherited_tag_keys: keys of the transitive tags that come with the caller.
    """
    found = SuggestedConditions()
    if judged is not None and not _for_others(judged):
        for each in judged.statement.conditions:
            if judge_condition(each, request.context).truth is not Truth.FALSE:
                found.put(each.operator.text, each.key, each.values)
            else:
                _answer(found, each, request)
    for operator, key, values in _pins(policy_type, request, actions, inherited_tag_keys):
        found.bind(operator, key, values)
    return found


def _for_others(judged: Judged) -> bool:
    """Tell whether a statement is for services or token holders: its conditions are theirs."""
    return any(each.reason is Reason.ANOTHER_KIND for each in judged.findings)


def _answer(found: SuggestedConditions, condition: Condition, request: Request) -> None:
    """Ask, in place of a condition that the call does not meet, for what the call has."""
    key, values = condition.key, request.context.lookup(condition.key)
    if key.lower() in _NO_VALUE or isinstance(values, Unknown):
        found.waived.append(key)
    elif values is None:
        found.put("Null", key, ["true"])
        found.without.append(key)
    else:
        name, written = _written(condition, values)
        for quantifier in _quantifiers(condition, values):
            found.put(f"{quantifier}{name}", key, written)
        found.sent.append(key)


def _quantifiers(condition: Condition, values: Sequence[str]) -> tuple[str, ...]:
    match condition.operator.quantifier:
        case Quantifier.ANY:
            # Exactly these: one of them must be there, and no other may.
            return ("ForAnyValue:", "ForAllValues:")
        case Quantifier.ALL:
            return ("ForAllValues:",)
        case Quantifier.NONE:
            return ("",) if len(values) == 1 else ("ForAnyValue:", "ForAllValues:")


def _written(condition: Condition, values: Sequence[str]) -> tuple[str, list[str]]:
    """Return the operator of the same family that these values meet, and how it writes them."""
    name = condition.operator.text.rpartition(":")[2].lower().removesuffix("ifexists")
    family = next(made for start, made in _FAMILIES.items() if name.startswith(start))
    if family in ("Numeric", "Date"):
        if "less" in name:
            return f"{family}LessThanEquals", [_later(each, condition.key) for each in values]
        return f"{family}{'GreaterThanEquals' if 'greater' in name else 'Equals'}", list(values)
    letters = {"StringEquals": "$", "ArnEquals": "*?$"}.get(family, "")
    # ${*} is a star that is meant as one (IAM user guide, "variables and tags").
    table = str.maketrans({letter: f"${{{letter}}}" for letter in letters})
    return family, [each.translate(table) for each in values]


def _later(text: str, key: str) -> str:
    """Return an end that a call with this value keeps; of the clock's keys, a day from now."""
    if key.lower() not in ("aws:currenttime", "aws:epochtime"):
        return text
    if text.isdigit():
        return str(int(text) + int(_DAY.total_seconds()))
    return f"{datetime.fromisoformat(text) + _DAY:%Y-%m-%dT%H:%M:%SZ}"


def _pins(
    policy_type: PolicyType,
    request: Request,
    actions: Sequence[str],
    inherited_tag_keys: Sequence[str],
) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Give what binds a new statement to this call, however much the nearest statement takes."""
    context, caller = request.context, request.caller
    if policy_type in (PolicyType.BOUNDARY, PolicyType.SCP) and caller.named is not None:
        # These documents have no principal, and serve others as well.
        yield "ArnEquals", "aws:PrincipalArn", [caller.named]
    if policy_type not in (PolicyType.TRUST, PolicyType.PERMISSIONS):
        return
    keys = _of_token(caller) if caller.outside else []
    keys += ["sts:ExternalId"] if policy_type is PolicyType.TRUST else []
    keys += ["sts:SourceIdentity"] if "sts:SetSourceIdentity" in actions else []
    if "sts:TagSession" in actions:
        tags = context.lookup("aws:TagKeys")
        sent = tags if isinstance(tags, tuple) else ()
        keys += [f"aws:RequestTag/{tag}" for tag in sent]
        # AWS does not say whether tags that travel count as sent: either way this holds.
        if sent or inherited_tag_keys:
            yield (
                "ForAllValues:StringEquals",
                "aws:TagKeys",
                tuple(dict.fromkeys((*sent, *inherited_tag_keys))),
            )
    for key in keys:
        values = context.lookup(key)
        if isinstance(values, tuple):
            yield "ArnEquals" if key == "aws:SourceArn" else "StringEquals", key, values


def subject_of(caller: Caller) -> str | None:
    """Return the condition key that tells one token of an OIDC provider from all others."""
    if not caller.federated or caller.provider is None or ":saml-provider/" in caller.provider:
        return None
    return f"{caller.provider.partition(':oidc-provider/')[2] or caller.provider}:sub"


def _of_token(caller: Caller) -> list[str]:
    subject = subject_of(caller)
    if subject is not None:
        return [f"{subject.removesuffix(':sub')}:aud", subject]
    return ["saml:aud", "aws:SourceArn"]


def collapse_singleton(values: Sequence[Any]) -> Any:
    """Return a list of one as policies mostly write it."""
    return values[0] if len(values) == 1 else list(values)
