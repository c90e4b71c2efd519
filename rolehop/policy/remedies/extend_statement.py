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
from rolehop.policy.inventory.context_keys import is_of_target
from rolehop.policy.remedies.narrow_deny import listed_as
from rolehop.policy.remedies.other_sessions import has_sessions, names_session_value
from rolehop.policy.remedies.policy_change import as_list
from rolehop.policy.remedies.statement_conditions import NOT_PINNED, collapse_singleton

Json = dict[str, Any]

_OTHER_CALLER = (Reason.NOT_NAMED, Reason.OTHER_ACCOUNT, Reason.ANOTHER_KIND)
_LISTS = ("stringequals", "stringlike", "arnequals", "arnlike", "ipaddress")
_BESIDE_ASSUME_ROLE = ("sts:TagSession", "sts:SetSourceIdentity")


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
    if element == "Condition" and "Principal" in written and _is_of_sts(written):
        listed = _with_caller(written, wrong, request)
        if listed is not None:
            return listed
    if shared:
        return None
    if element == "Action" and _is_of_sts(written) and _may_join(written, actions, request):
        return {**written, "Action": _more(written["Action"], actions)}
    if element == "Resource" and "Resource" in written and _is_of_sts(written):
        return {**written, "Resource": _more(written["Resource"], [request.role])}
    if element == "Condition":
        return _with_value(written, wrong, request)
    return None


def widened(written: Json, request: Request) -> tuple[str, ...]:
    """Return the resources of a statement besides the role: an action that joins it is for them too."""
    if "NotResource" in written:
        return ("all but its NotResource",)
    return tuple(each for each in as_list(written.get("Resource", [])) if each != request.role)


def _may_join(written: Json, actions: Sequence[str], request: Request) -> bool:
    """True if the actions give nothing on other roles, or only what goes with assuming them."""
    if not widened(written, request):
        return True
    assumes = {"sts:assumerole", "sts:*"} & {each.lower() for each in as_list(written["Action"])}
    return bool(assumes) and set(actions) <= set(_BESIDE_ASSUME_ROLE)


def _with_principal(written: Json, wrong: Finding, request: Request) -> Json | None:
    principal, named = written.get("Principal"), request.caller.named
    provider = request.caller.provider or ""
    if isinstance(principal, dict) and "Federated" in principal and ":saml-provider/" in provider:
        # The conditions on an assertion have the same keys for every provider.
        return {
            **written,
            "Principal": {**principal, "Federated": _more(principal["Federated"], [provider])},
        }
    if wrong.reason not in _OTHER_CALLER or named is None or not isinstance(principal, dict):
        return None
    if "AWS" not in principal or not _is_of_sts(written):
        return None
    return {**written, "Principal": {**principal, "AWS": _more(principal["AWS"], [named])}}


def _with_value(written: Json, wrong: Finding, request: Request) -> Json | None:
    """Add the value that the call has, unless the condition compares it, or is on the role itself.

    Beside ``${aws:ResourceTag/team}``, or as a tag of the role, it would always be met: a condition
    on the only role that the statement is for goes instead.
    """
    _, operator, key = wrong.element.split(" ", 2)
    if is_of_target(key):
        apart = names_session_value(as_list(written["Condition"][operator][key]))
        if widened(written, request) or (apart and has_sessions(request.caller)):
            return None
        return _without_condition(written, operator, key)
    values = request.context.lookup(key)
    if operator.lower().removesuffix("ifexists") not in _LISTS or key.lower() in NOT_PINNED:
        return None
    if key.lower() == "sts:externalid" and "Principal" in written:
        return None  # what the role's owner asks of a caller
    if not isinstance(values, tuple) or len(values) != 1 or set("*?$") & set(values[0]):
        return None
    made = deepcopy(written)
    keys = made["Condition"][operator]
    if any("${" in each for each in map(str, as_list(keys[key]))):
        return None
    keys[key] = _more(keys[key], values)
    return made


def _with_caller(written: Json, wrong: Finding, request: Request) -> Json | None:
    """Add the caller to a list of callers in a condition: it lets in nobody else."""
    _, operator, key = wrong.element.split(" ", 2)
    name = operator.lower().removesuffix("ifexists")
    if name not in _LISTS or "*" in as_list(written["Condition"][operator][key]):
        return None
    listed = as_list(written["Condition"][operator][key])
    value = listed_as(key.lower(), request, like=name.endswith("like"))
    if value is None or (value.endswith(":*") and not any(e.endswith(":*") for e in listed)):
        return None  # a list of sessions, by their names
    made = deepcopy(written)
    keys = made["Condition"][operator]
    keys[key] = _more(keys[key], [value])
    return made


def _without_condition(written: Json, operator: str, key: str) -> Json:
    left = deepcopy(written)
    conditions = left["Condition"]
    del conditions[operator][key]
    if not conditions[operator]:
        del conditions[operator]
    if not conditions:
        del left["Condition"]
    return left


def _is_of_sts(written: Json) -> bool:
    """True if the statement allows nothing but actions of STS."""
    actions = written.get("Action")
    return actions is not None and all(each.lower().startswith("sts:") for each in as_list(actions))


def _more(value: Any, others: Sequence[str]) -> Any:
    listed = as_list(value)
    return collapse_singleton([*listed, *(each for each in others if each not in listed)])
