"""Whether a change would let in other sessions of the same caller, e.g. with other tags.

A document names a role, not its sessions. What tells those apart is in conditions alone: tags that
a session carries, its source identity, its name within ``aws:userid``.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.language.parser import Condition

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
    sessions = [each.partition(":") for each in condition.values]
    return all(not colon or name == "*" for _, colon, name in sessions)


def denies_other_sessions(condition: Condition) -> bool:
    """True if a condition of a Deny that applies to this session may apply to different ones, too."""
    key = condition.key.lower()
    if names_session_value(condition.values):
        return True
    if not key.startswith(_OF_SESSION) or asks_for_role(condition):
        return False
    if condition.operator.is_null:
        return any(each.lower() == "false" for each in condition.values)
    exact = condition.operator.text.lower() in _EXACT and len(condition.values) == 1
    return not (exact and condition.templates[0].fixed is not None)
