"""What AWS refuses of a session policy's text, so that a call with it is bound to fail.

Source: IAM user guide, "Grammar of the IAM JSON policy language", "IAM JSON policy elements: Sid" and
"IAM policy validation check reference" (Missing ARN field, Invalid partition). What they leave open,
such as new condition operators and partitions, is not judged here. `policy.language.parser` reads policies to evaluate them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from rolehop.base.startup import Pattern
from rolehop.base.text import quoted

_Object = dict[str, object]
_TOP = ("Version", "Id", "Statement")
_VERSIONS = ("2012-10-17", "2008-10-17")
_ELEMENTS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")


def check_grammar(document: str) -> None:
    """Refuse a session policy that AWS does not accept, whatever it says.

    Raises:
        ValueError: naming the statement and the element.
    """
    policy = _read(document)
    if not isinstance(policy, dict):
        raise ValueError("a policy is a JSON object")
    if "Version" in policy and policy["Version"] not in _VERSIONS:
        raise ValueError('the policy\'s "Version" must be "2012-10-17"')
    statements = policy.get("Statement")
    listed: list[object] = statements if isinstance(statements, list) else [statements]
    if not listed or not all(isinstance(statement, dict) for statement in listed):
        raise ValueError('the policy has no "Statement" (an object, or a list of them)')
    sids: set[object] = set()
    for number, statement in enumerate(listed, start=1):
        _check(f"statement {number}", _statement_problem(statement) or _twin(statement, sids))
    _check("the policy", _unknown(policy, _TOP))


def other_partition(document: str, partition: str) -> str | None:
    """Return a resource of a session policy whose ARN is of another partition than the role's.

    AWS refuses such a policy (IAM user guide, policy validation check reference, "Invalid
    partition"); one that is none is not judged here.
    """
    for resource in _resources(document):
        named = resource.partition(":")[2].partition(":")[0]
        if _PARTITION.fullmatch(named) and named != partition:
            return resource
    return None


def _resources(document: str) -> Iterator[str]:
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        return
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, dict):
            for found in (statement.get("Resource"), statement.get("NotResource")):
                listed = found if isinstance(found, list) else [found]
                yield from (each for each in listed if isinstance(each, str))


def _check(what: str, problem: str | None) -> None:
    if problem is not None:
        raise ValueError(f"{what} {problem}; AWS refuses such a policy")


def _read(document: str) -> object:
    try:
        return json.loads(document, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON: {error.msg.lower()} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise ValueError("not a policy: nested too deep") from None


def _without_twins(pairs: list[tuple[str, object]]) -> _Object:
    found: _Object = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {quoted(key)} is there twice; AWS refuses such a policy")
        found[key] = value
    return found


def _no_constant(text: str) -> object:
    raise ValueError(f"not JSON: {text} is no number")


def _unknown(found: _Object, known: tuple[str, ...]) -> str | None:
    wrong = next((key for key in found if key not in known), None)
    return None if wrong is None else f"cannot have the element {quoted(wrong)}"


def _statement_problem(found: object) -> str | None:
    statement: _Object = found if isinstance(found, dict) else {}
    for word in ("Principal", "NotPrincipal"):
        if word in statement:
            raise ValueError(f'a session policy must not contain "{word}"')
    if statement.get("Effect") not in ("Allow", "Deny"):
        return 'needs "Effect": "Allow" or "Deny"'
    sid = statement.get("Sid", "")
    if not isinstance(sid, str):
        return "has a Sid that is not text"
    if _SID.fullmatch(sid) is None:
        return f"has the Sid {quoted(sid)}, which has more than letters A-Z, a-z and digits"
    return (
        _unknown(statement, _ELEMENTS)
        or _list_problem(
            statement, "Action", _is_action, 'a service and a name, as in "sts:AssumeRole"'
        )
        or _list_problem(statement, "Resource", _is_resource, 'an ARN, or "*"')
        or _condition_problem(statement.get("Condition", {}))
    )


def _twin(statement: object, sids: set[object]) -> str | None:
    """Return what is wrong if a statement before has the same Sid; add this one to ``sids``."""
    sid = statement.get("Sid") if isinstance(statement, dict) else None
    if sid and sid in sids:
        return f"has the Sid {quoted(str(sid))} of another statement"
    sids.add(sid)
    return None


def _list_problem(
    statement: _Object, element: str, is_right: Callable[[str], bool], wanted: str
) -> str | None:
    """Return what is wrong with ``element`` or its negation: a text, or a list of them."""
    names = [each for each in (element, f"Not{element}") if each in statement]
    if len(names) != 1:
        one = f"{element} or Not{element}"
        return f"has both {element} and Not{element}" if names else f"needs {one}"
    found = statement[names[0]]
    listed = found if isinstance(found, list) else [found]
    for each in listed:
        if not isinstance(each, str) or not is_right(each):
            return f"has the {names[0]} {quoted(str(each))}, which is not {wanted}"
    return None if listed else f"has an empty {names[0]}"


def _is_action(text: str) -> bool:
    """True unless it is surely none: only the name may have wildcards, not the service."""
    service, colon, name = text.partition(":")
    return text == "*" or (bool(colon) and ":" not in name and not set(service) & set("*? \t"))


def _is_resource(text: str) -> bool:
    """True unless it is surely none; a wildcard may stand for several fields."""
    if text == "*" or not text.startswith("arn:"):
        return text == "*"
    partition = text.split(":")[1]
    known = _WILDCARD.search(partition) or _PARTITION.fullmatch(partition)
    return bool(known) and (text.count(":") >= 5 or _WILDCARD.search(text) is not None)


_SID = Pattern(r"[0-9A-Za-z]*")
_PARTITION = Pattern(r"aws(?:-[a-z]+)*")
_WILDCARD = Pattern(r"[*?]|\$\{")


def _condition_problem(condition: object) -> str | None:
    if not isinstance(condition, dict):
        return "has a Condition that is not an object of operators"
    for operator, keys in condition.items():
        if not isinstance(keys, dict):
            return f"has the operator {quoted(operator)} without an object of condition keys"
        for key, found in keys.items():
            values = found if isinstance(found, list) else [found]
            if not all(isinstance(each, str | int | float) for each in values):
                return f"has a value of {quoted(key)} that is not text, a number or true/false"
    return None
