"""Evaluate policy documents for the STS double: principals, actions, conditions.

It is written for the double alone, from IAM's public rules, so that a mistake in rolehop is not
repeated here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, Sequence[str]]
"""Request keys in lower case to their values; an absent key is absent."""


@dataclass(frozen=True, slots=True)
class Who:
    """A caller as trust policies see it."""

    account: str
    arns: frozenset[str]
    """The user's or the session's ARN and, for a session, its role's."""


@dataclass(frozen=True, slots=True)
class Judgement:
    allowed: bool
    denied: bool
    needs_identity_policy: bool
    """Only the account was named: the caller's own policies must allow it too."""


def judge_trust(document: str, action: str, who: Who, context: Context) -> Judgement:
    """Judge a role's trust policy for one action."""
    direct = delegated = denied = False
    for statement in _statements(document):
        named = _names(statement.get("Principal", {}), who)
        if not named or not _acts(statement, action) or not _holds(statement, context):
            continue
        if statement["Effect"] == "Deny":
            denied = True
        elif named == "account":
            delegated = True
        else:
            direct = True
    return Judgement((direct or delegated) and not denied, denied, delegated and not direct)


def judge_permissions(
    documents: Sequence[str], action: str, resource: str, context: Context
) -> bool:
    """Return whether policies without principals (identity or session policies) allow it."""
    allowed = False
    for document in documents:
        for statement in _statements(document):
            named = "Resource" if "Resource" in statement else "NotResource"
            hits = any(fnmatchcase(resource, pattern) for pattern in _listed(statement[named]))
            if (
                hits is (named == "NotResource")
                or not _acts(statement, action)
                or not _holds(statement, context)
            ):
                continue
            if statement["Effect"] == "Deny":
                return False
            allowed = True
    return allowed


def _statements(document: str) -> list[dict[str, Any]]:
    found = json.loads(document)["Statement"]
    return found if isinstance(found, list) else [found]


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def _names(principal: Any, who: Who) -> str:
    """Return ``direct``, ``account``, or nothing."""
    found = ""
    named = ["*"] if principal == "*" else _listed(principal.get("AWS", []))
    if principal != "*":
        named += _listed(principal.get("Federated", [])) + _listed(principal.get("Service", []))
    for each in named:
        if each == "*" or each in who.arns:
            return "direct"
        if each == who.account or each.endswith(f"::{who.account}:root"):
            found = "account"
    return found


def _acts(statement: Mapping[str, Any], action: str) -> bool:
    patterns = _listed(statement["Action"])
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def _holds(statement: Mapping[str, Any], context: Context) -> bool:
    return all(
        _compare(operator, context.get(key.lower()), _listed(wanted))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _compare(operator: str, found: Sequence[str] | None, wanted: list[str]) -> bool:
    quantifier, _, operator = operator.rpartition(":")
    if operator == "Null":
        return (found is None) == (wanted == ["true"])
    optional = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    if found is None:
        return optional or "Not" in operator or quantifier == "ForAllValues"
    positive = _OPERATORS[operator.replace("Not", "")]
    hits = [any(positive(value, each) for each in wanted) for value in found]
    if "Not" in operator:
        hits = [not hit for hit in hits]
    return any(hits) if quantifier == "ForAnyValue" else all(hits)


_OPERATORS: dict[str, Any] = {
    "StringEquals": lambda found, wanted: found == wanted,
    "StringEqualsIgnoreCase": lambda found, wanted: found.lower() == wanted.lower(),
    "StringLike": lambda found, wanted: fnmatchcase(found, wanted.replace("[", "[[]")),
    "ArnEquals": lambda found, wanted: _arn_like(found, wanted),
    "ArnLike": lambda found, wanted: _arn_like(found, wanted),
    "Bool": lambda found, wanted: found == wanted,
    "NumericEquals": lambda found, wanted: float(found) == float(wanted),
    "NumericLessThan": lambda found, wanted: float(found) < float(wanted),
    "NumericLessThanEquals": lambda found, wanted: float(found) <= float(wanted),
    "NumericGreaterThan": lambda found, wanted: float(found) > float(wanted),
    "NumericGreaterThanEquals": lambda found, wanted: float(found) >= float(wanted),
}


def _arn_like(found: str, wanted: str) -> bool:
    parts, patterns = found.split(":", 5), wanted.split(":", 5)
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
