"""Extend the statement that nearly allows a call: one value more in one of its lists.

This is what a person would write, as long as it lets in no one else: a principal in the list of a
trust policy; an action, a resource or a value in a statement that applies to this caller only.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from rolehop.policy.evaluation.findings import Finding, Reason
from rolehop.policy.evaluation.model import Request
from rolehop.policy.remedies.statement_conditions import collapse_singleton

Json = dict[str, Any]

_OTHER_CALLER = (Reason.NOT_NAMED, Reason.OTHER_ACCOUNT)
_LISTS = ("stringequals", "arnequals", "arnlike", "ipaddress")
_NOT_EXTENDED = ("sts:externalid", "aws:multifactorauthpresent", "aws:multifactorauthage")


def extend(
    written: Json, wrong: Finding, request: Request, actions: Sequence[str], *, shared: bool
) -> Json | None:
    """Return ``written`` with one value more; ``None``: it cannot be extended, or lets in others.

    Args:
        written: the statement as JSON.
        wrong: the only finding of it that is wrong.
        request: the call.
        actions: of the call, those that the policy refuses.
        shared: the statement applies to other callers as well.
    """
    element, _, _ = wrong.element.partition(" ")
    if element == "Principal":
        return _with_principal(written, wrong, request)
    if shared:
        return None
    if element == "Action" and _is_of_sts(written):
        return {**written, "Action": _more(written["Action"], actions)}
    if element == "Resource" and "Resource" in written and _is_of_sts(written):
        return {**written, "Resource": _more(written["Resource"], [request.role])}
    if element == "Condition":
        return _with_value(written, wrong, request)
    return None


def _with_principal(written: Json, wrong: Finding, request: Request) -> Json | None:
    principal, named = written.get("Principal"), request.caller.named
    if wrong.reason not in _OTHER_CALLER or named is None or not isinstance(principal, dict):
        return None
    if list(principal) != ["AWS"] or not _is_of_sts(written):
        return None
    return {**written, "Principal": {"AWS": _more(principal["AWS"], [named])}}


def _with_value(written: Json, wrong: Finding, request: Request) -> Json | None:
    _, operator, key = wrong.element.split(" ", 2)
    values = request.context.lookup(key)
    if operator.lower().removesuffix("ifexists") not in _LISTS or key.lower() in _NOT_EXTENDED:
        return None
    if not isinstance(values, tuple) or len(values) != 1 or set("*?$") & set(values[0]):
        return None
    made = deepcopy(written)
    keys = made["Condition"][operator]
    keys[key] = _more(keys[key], values)
    return made


def _is_of_sts(written: Json) -> bool:
    """True if the statement allows nothing but actions of STS."""
    actions = written.get("Action")
    return actions is not None and all(
        each.lower().startswith("sts:")
        for each in (actions if isinstance(actions, list) else [actions])
    )


def _more(value: Any, others: Sequence[str]) -> Any:
    listed = value if isinstance(value, list) else [value]
    return collapse_singleton([*listed, *(each for each in others if each not in listed)])
