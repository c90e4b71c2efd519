"""The conditions of a proposed statement, based on those of the nearest statement.

A statement that is added to let one call through has no fewer conditions than the one that nearly
did. Conditions that the call meets, or may meet, are copied. One that it does not meet is rewritten
to require the value that the call sends, or the absence of the key. Only a condition that no value
can satisfy (MFA that was not used) is left out, and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from rolehop.base.dataclass import dataclass, field
from rolehop.policy.context_keys import OF_MFA, is_of_target
from rolehop.policy.evaluation.findings import Reason, Truth
from rolehop.policy.evaluation.model import PolicyType, Request
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.statements import Judged, judge_condition
from rolehop.policy.language.operators import Quantifier
from rolehop.policy.language.parser import Condition
from rolehop.policy.language.request_context import MULTIVALUED, Unknown

_OF_SESSION = ("aws:principaltag/", "aws:sourceidentity", "sts:sourceidentity", "aws:userid")

# Operators under which a condition with one plain value is met by that value alone.
_EXACT = ("stringequals", "arnequals", "bool")


def has_sessions(caller: Caller) -> bool:
    """True if others may call as the same principal, with other tags or another name."""
    return caller.is_session or ":federated-user/" in (caller.arn or "")


def names_session_value(values: Iterable[object]) -> bool:
    """True if a value has a variable that differs from session to session."""
    text = " ".join(map(str, values)).lower().replace(" ", "")
    return any(f"${{{key}" in text for key in _OF_SESSION)


def asks_for_role(condition: Condition) -> bool:
    """True if a condition on ``aws:userid`` names users or roles, whatever their sessions are called."""
    if condition.key.lower() != "aws:userid":
        return False
    sessions = [value.partition(":") for value in condition.values]
    return all(not colon or name == "*" for _, colon, name in sessions)


def denies_other_sessions(condition: Condition) -> bool:
    """True if a condition of a Deny that applies to this session may apply to different ones, too."""
    key = condition.key.lower()
    if names_session_value(condition.values):
        return True
    if not key.startswith(_OF_SESSION) or asks_for_role(condition):
        return False
    if condition.operator.is_null:
        return any(value.lower() == "false" for value in condition.values)
    exact = condition.operator.text.lower() in _EXACT and len(condition.values) == 1
    return not (exact and condition.templates[0].fixed is not None)


Json = dict[str, Any]

# A statement that requires "no MFA" would look like a mistake, and protects nothing. A session's
# name is chosen by its caller, and is another one on another machine.
NOT_PINNED = (*OF_MFA, "sts:rolesessionname")
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
    """Conditions to write, and the keys whose condition differs for this caller."""

    conditions: Json = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """Required with the value that this call sends, unlike in the nearest statement."""

    without: list[str] = field(default_factory=list)
    """Required to be absent, as it is in this call."""

    waived: list[str] = field(default_factory=list)
    """No longer required."""

    external_id_unmet: bool = False
    """The call lacks the external ID that is required, which is never waived."""

    lets_in_sessions: bool = False
    """Without a condition that this call does not meet, other sessions of its caller get in."""

    def put(self, operator: str, key: str, values: Sequence[str]) -> None:
        """Require ``key`` to be one of ``values``."""
        self.conditions.setdefault(operator, {})[key] = collapse_singleton(values)

    def bind(self, operator: str, key: str, values: Sequence[str]) -> None:
        """Require ``key`` to be one of ``values``, in place of other values under ``operator``."""
        keys = self.conditions.get(operator, {})
        self.put(operator, next((e for e in keys if e.lower() == key.lower()), key), values)

    def asks(self, key: str) -> bool:
        """True if there is a condition on ``key``."""
        keys = {each.lower() for found in self.conditions.values() for each in found}
        return key.lower() in keys


def suggest_conditions(
    judged: Judged | None,
    policy_type: PolicyType,
    request: Request,
    actions: Sequence[str],
    inherited_tag_keys: Sequence[str],
    *,
    pin_tags: bool = False,
    shared: bool = True,
) -> SuggestedConditions:
    """Return the conditions for a statement that allows ``actions`` to this call.

    Args:
        judged: the nearest statement, if any.
        policy_type: where the statement will be added.
        request: the call.
        actions: what the statement will allow.
        inherited_tag_keys: keys of the transitive tags that the caller carries.
        pin_tags: require the very tags that the call sends.
        shared: the document applies to other callers as well.
    """
    found = SuggestedConditions()
    if judged is not None and not _for_others(judged):
        for condition in judged.statement.conditions:
            if judge_condition(condition, request.context).truth is not Truth.FALSE:
                found.put(condition.operator.text, condition.key, condition.values)
            else:
                _answer(found, condition, request)
    tags = inherited_tag_keys if pin_tags else None
    for operator, key, values in _pins(policy_type, request, actions, tags, shared=shared):
        found.bind(operator, key, values)
    return found


def _for_others(judged: Judged) -> bool:
    """True if a statement is for services or token holders: its conditions concern them."""
    return any(finding.reason is Reason.ANOTHER_KIND for finding in judged.findings)


def _answer(found: SuggestedConditions, condition: Condition, request: Request) -> None:
    """Rewrite a condition that the call does not meet to require what the call has."""
    if _repeats_caller(condition):
        return
    key, values = condition.key, request.context.lookup(condition.key)
    # To ask the resource that is named for the value it has asks nothing.
    if has_sessions(request.caller) and names_session_value(condition.values):
        found.lets_in_sessions = True
    elif is_of_target(key) or _is_pinned_for_nothing(condition, request.caller):
        found.waived.append(key)
    elif key.lower() == "sts:externalid":
        found.put(condition.operator.text, key, condition.values)
        found.external_id_unmet = True
    elif key.lower() in NOT_PINNED or isinstance(values, Unknown):
        found.waived.append(key)
    elif values is None:
        found.put("Null", key, ["true"])
        found.without.append(key)
    else:
        name, written = _written(condition, values)
        for quantifier in _quantifiers(condition, values):
            found.put(f"{quantifier}{name}", key, written)
        found.sent.append(key)


# What only the caller that a new statement names can have.
_OF_CALLER = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltype",
    "aws:username",
)


def _repeats_caller(condition: Condition) -> bool:
    """True if a condition asks no more than which user or role calls, not for one of its sessions."""
    return condition.key.lower() in _OF_CALLER or asks_for_role(condition)


def _is_pinned_for_nothing(condition: Condition, caller: Caller) -> bool:
    """True if the value that this caller has, or lacks, would always be so: it is a user's own."""
    key = condition.key.lower()
    return not has_sessions(caller) and key.startswith(("aws:principal", "aws:user"))


def _quantifiers(condition: Condition, values: Sequence[str]) -> tuple[str, ...]:
    match condition.operator.quantifier:
        case Quantifier.ANY:
            # Exactly these: at least one of them, and no other.
            return ("ForAnyValue:", "ForAllValues:")
        case Quantifier.ALL:
            return ("ForAllValues:",)
        case Quantifier.NONE:
            single = len(values) == 1 and condition.key.lower() not in MULTIVALUED
            return ("",) if single else ("ForAnyValue:", "ForAllValues:")


def _written(condition: Condition, values: Sequence[str]) -> tuple[str, list[str]]:
    """Return the operator of the same family that matches these values, and the values escaped."""
    name = condition.operator.text.rpartition(":")[2].lower().removesuffix("ifexists")
    family = next(made for start, made in _FAMILIES.items() if name.startswith(start))
    if family in ("Numeric", "Date"):
        if "less" in name:
            return f"{family}LessThanEquals", [_later(value, condition.key) for value in values]
        return f"{family}{'GreaterThanEquals' if 'greater' in name else 'Equals'}", list(values)
    letters = {"StringEquals": "$", "ArnEquals": "*?$"}.get(family, "")
    # ${*} is a literal star (IAM user guide, "variables and tags").
    table = str.maketrans({letter: f"${{{letter}}}" for letter in letters})
    return family, [value.translate(table) for value in values]


def _later(text: str, key: str) -> str:
    """Return an upper bound for this value; for the current time, one day from now."""
    if key.lower() not in ("aws:currenttime", "aws:epochtime"):
        return text
    if text.isdigit():
        return str(int(text) + int(_DAY.total_seconds()))
    return f"{datetime.fromisoformat(text) + _DAY:%Y-%m-%dT%H:%M:%SZ}"


def _pins(
    policy_type: PolicyType,
    request: Request,
    actions: Sequence[str],
    inherited_tag_keys: Sequence[str] | None,
    *,
    shared: bool,
) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield conditions that bind a new statement to this call."""
    context, caller = request.context, request.caller
    of_others = shared and policy_type in (PolicyType.BOUNDARY, PolicyType.SCP)
    if of_others and caller.named is not None:
        # These documents have no principal and apply to others as well.
        yield "ArnEquals", "aws:PrincipalArn", [caller.named]
    if policy_type not in (PolicyType.TRUST, PolicyType.PERMISSIONS):
        return
    keys = _of_token(caller) if caller.outside else []
    keys += ["sts:ExternalId"] if policy_type is PolicyType.TRUST else []
    keys += ["sts:SourceIdentity"] if "sts:SetSourceIdentity" in actions else []
    if "sts:TagSession" in actions and inherited_tag_keys is not None:
        tags = context.lookup("aws:TagKeys")
        sent = tags if isinstance(tags, tuple) else ()
        keys += [f"aws:RequestTag/{tag}" for tag in sent]
        # AWS does not document whether inherited tags count as sent; this holds either way.
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
    """Return the condition key that identifies one token of an OIDC provider."""
    if not caller.federated or caller.provider is None or ":saml-provider/" in caller.provider:
        return None
    return f"{caller.provider.partition(':oidc-provider/')[2] or caller.provider}:sub"


def _of_token(caller: Caller) -> list[str]:
    subject = subject_of(caller)
    if subject is not None:
        return [f"{subject.removesuffix(':sub')}:aud", subject]
    return ["saml:aud", "aws:SourceArn"]


def collapse_singleton(values: Sequence[Any]) -> Any:
    """Return a list of one as its only element, as policies are usually written."""
    return values[0] if len(values) == 1 else list(values)
