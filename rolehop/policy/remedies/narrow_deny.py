"""Rewrite a Deny so it no longer matches one request.

A statement denies all of its actions, on all of its roles, to all of its callers. The request's own
actions are removed from it, and denied again on all other roles and, if the document applies to
other callers too, to all other callers. The conditions stay on every part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rolehop.base.dataclass import dataclass
from rolehop.base.startup import Pattern
from rolehop.policy.evaluation.model import Request
from rolehop.policy.language.operators import matches, matches_text
from rolehop.policy.language.parser import Statement
from rolehop.policy.language.request_context import Context, Template, Unfilled, Unknown, fill
from rolehop.policy.remedies.statement_conditions import collapse_singleton, subject_of

Json = dict[str, Any]

_Element = dict[str, Any]
"""An element and its value: ``{"NotAction": "sts:AssumeRole"}``; empty: no such element."""

# Those of STS that act on a role: Service Authorization Reference, "AWS Security Token Service".
_OF_ROLE = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
)

_WILD = frozenset("*?")
_ENTITY = Pattern(r"arn:[^:*?]+:iam::[0-9]{12}:(?:root|(?:user|role)/[^*?$]+)")


@dataclass(frozen=True, slots=True)
class NarrowedDeny:
    """What remains of a Deny."""

    left: tuple[Json, ...]
    """Statements as JSON that replace the original; none: it denied only this request."""

    exempts: bool = False
    """The statement has a list of callers that it does not apply to, and this one joins it."""

    spares: tuple[str, ...] = ()
    """Others that it surely spares now, and perhaps did not: roles in a ``NotPrincipal``, and users
    there without their account's root."""

    loosened: tuple[str, ...] = ()
    """Patterns in ``Action`` of which the others, too, are no longer denied on this resource."""

    opened: tuple[str, ...] = ()
    """Patterns in ``Resource`` from which a single role cannot be excluded: the request's actions
    are no longer denied on any of their roles."""


def exclude_request(
    written: Json, statement: Statement, request: Request, *, has_roles: bool, shared: bool
) -> NarrowedDeny | None:
    """Exclude ``request`` from a Deny that applies to it.

    Args:
        written: the statement as JSON.
        statement: the same, parsed.
        request: the call.
        has_roles: documents of this type have a Resource; a trust policy does not.
        shared: the document applies to other callers, too.

    Returns ``None`` if no statement can single out this request.
    """
    if "NotPrincipal" in written:
        spelled = _without_not_principal(written, request)
        if spelled is None:
            return None
        return NarrowedDeny((spelled,), exempts=True, spares=_spared(written, request))
    actions = _cut_actions(statement, request.actions)
    exempting = _with_exception(written, request) if shared else None
    if shared and exempting is None and request.owner is not None:
        # One condition more: what it denies on other resources is no use to anybody without it.
        exception = _exception(request)
        exempting = None if exception is None else _unless(written, *exception)
    if exempting is not None:
        return NarrowedDeny(_exempting(exempting, written, actions), exempts=True)
    roles = _cut_roles(statement, request, actions) if has_roles else _Roles({}, {}, ())
    others = _for_others(written, request) if shared else ()
    if actions is None or others is None or roles is None:
        return None
    parts = []
    if actions.rest:
        parts.append(_with(written, actions.rest))
    if roles.elsewhere:
        parts.append(_with(written, actions.own, roles.elsewhere))
    parts += [_with(other, actions.own, roles.here) for other in others]
    if actions.beside:
        parts.append(_with(written, actions.beside, roles.here))
    # A Sid is for one statement only.
    rest = ({key: value for key, value in part.items() if key != "Sid"} for part in parts[1:])
    return NarrowedDeny((*parts[:1], *rest), opened=roles.opened, loosened=actions.loosened)


def _exempting(exempting: Json, written: Json, actions: _Actions | None) -> tuple[Json, ...]:
    """Return a Deny that exempts the caller, from no more of its list of actions than needed."""
    others = () if actions is None else _texts(actions.rest.get("Action"))
    if actions is None or "Action" not in written or set(others) <= set(_OF_ROLE):
        return (exempting,)
    rest = {key: value for key, value in written.items() if key != "Sid"}  # of one statement only
    return _with(exempting, actions.own), _with(rest, actions.rest)


# ---- actions


@dataclass(frozen=True, slots=True)
class _Actions:
    rest: _Element
    """All actions of the statement except those that cover the request's."""

    own: _Element
    """Those that cover the request's, as written."""

    beside: _Element
    """Other actions on the role that their patterns cover."""

    loosened: tuple[str, ...] = ()
    """Their patterns, if what else these cover cannot be listed."""


def _cut_actions(statement: Statement, asked: Sequence[str]) -> _Actions | None:
    if statement.actions is None:
        excluded = statement.not_actions or ()
        covered = [each for each in asked if not _any_covers(excluded, each)]
        return _Actions(
            _element("NotAction", [*excluded, *covered]), _element("Action", covered), {}
        )
    listed = statement.actions
    covered = [each for each in asked if _any_covers(listed, each)]
    if set(listed) & {"*", "*:*"}:
        return _Actions(_element("NotAction", covered), _element("Action", covered), {})
    own = [each for each in listed if any(_covers(each, action) for action in asked)]
    services = {each.lower().partition(":")[0] for each in asked}
    if any(each.lower().partition(":")[0] not in services for each in own):
        return None  # IAM takes no wildcard in a service's name (grammar of the policy language)
    beside = [each for each in _OF_ROLE if each not in asked and _any_covers(own, each)]
    rest = [each for each in listed if each not in own]
    loosened = tuple(each for each in own if _WILD & set(each)) if services != {"sts"} else ()
    return _Actions(
        _element("Action", rest), _element("Action", own), _element("Action", beside), loosened
    )


def _any_covers(patterns: Sequence[str], action: str) -> bool:
    return any(_covers(pattern, action) for pattern in patterns)


def _covers(pattern: str, action: str) -> bool:
    return matches_text(action.lower(), pattern.lower())


# ---- roles


@dataclass(frozen=True, slots=True)
class _Roles:
    elsewhere: _Element
    """Everything in the statement except the role."""

    here: _Element
    opened: tuple[str, ...]


def _cut_roles(statement: Statement, request: Request, actions: _Actions | None) -> _Roles | None:
    role, here = request.role, _element("Resource", [request.role])
    if role == "*":  # a call about no resource: there is none to except, and ``*`` excepts them all
        single = actions is not None and not _WILD & set("".join(_texts(actions.own.get("Action"))))
        return _Roles({}, here, ()) if single else None
    if statement.resources is None:
        excluded = [resource.text for resource in statement.not_resources or ()]
        return _Roles(_element("NotResource", [*excluded, role]), here, ())
    listed = {
        resource.text: _means(resource, role, request.context) for resource in statement.resources
    }
    own = [text for text, means in listed.items() if means]
    patterns = tuple(text for text in own if text != role)
    if any(pattern == "*" or _is_every_role(pattern, role, actions) for pattern in patterns):
        return _Roles(_element("NotResource", [role]), here, ())
    rest = [text for text, means in listed.items() if not means]
    return _Roles(_element("Resource", rest), _element("Resource", own), patterns)


def _means(template: Template, role: str, context: Context) -> bool:
    filled = fill(template, context)
    return not isinstance(filled, Unfilled) and matches(role, filled)


def _is_every_role(pattern: str, role: str, actions: _Actions | None) -> bool:
    """True if a pattern is as wide as ``*`` for actions that act only on roles."""
    partition = role.split(":")[1]
    named = actions is not None and not _WILD & set("".join(_texts(actions.own.get("Action"))))
    return named and pattern in (f"arn:{partition}:iam::*:role/*", "arn:*:iam::*:role/*")


# ---- callers


def _for_others(written: Json, request: Request) -> tuple[Json, ...] | None:
    """Return the statement for all its callers except this one; none: there is no other."""
    caller, principal = request.caller, written.get("Principal")
    if isinstance(principal, dict) and caller.named is not None:
        listed = _texts(principal.get("AWS"))
        others = [each for each in listed if each not in (caller.named, caller.arn)]
        wide = ("*", caller.account, f"arn:{caller.partition}:iam::{caller.account}:root")
        if len(others) < len(listed) and not set(others) & set(wide):
            kinds = {kind: value for kind, value in principal.items() if kind != "AWS"}
            left = {"AWS": collapse_singleton(others), **kinds} if others else kinds
            return ({**written, "Principal": left},) if left else ()
    exception = _exception(request)
    return None if exception is None else (_unless(written, *exception),)


_EXCEPTIONS = (
    "arnnotequals", "arnnotlike", "stringnotequals", "stringnotequalsignorecase", "stringnotlike"
)  # fmt: skip


def _with_exception(written: Json, request: Request) -> Json | None:
    """Return the statement with the caller added to its list of exceptions; ``None``: it has none."""
    for operator, keys in written.get("Condition", {}).items():
        name = operator.lower().rpartition(":")[2].removesuffix("ifexists")
        for key, values in keys.items() if name in _EXCEPTIONS else ():
            value = listed_as(key.lower(), request, like=name.endswith("like"))
            if value is not None:
                listed = collapse_singleton([*_texts(values), value])
                condition = {**written["Condition"], operator: {**keys, key: listed}}
                return {**written, "Condition": condition}
    return None


def _without_not_principal(written: Json, request: Request) -> Json | None:
    """Return a trust policy's Deny with a list of exceptions in place of its ``NotPrincipal``.

    AWS no longer takes the element there (IAM user guide, "AWS JSON policy elements: NotPrincipal",
    which recommends the condition). ``None``: it names others than users, roles and roots.
    """
    spared, named = written["NotPrincipal"], request.caller.named
    if named is None or not isinstance(spared, dict) or list(spared) != ["AWS"]:
        return None
    listed = _texts(spared["AWS"])
    if not all(_ENTITY.fullmatch(each) for each in listed):
        return None  # a session, or an account's number: the condition has no equal of it
    made = {"Principal" if key == "NotPrincipal" else key: each for key, each in written.items()}
    made["Principal"] = "*"
    for each in dict.fromkeys((*listed, named)):
        made = _unless(made, "ArnNotEquals", "aws:PrincipalArn", each)
    return made


def _spared(written: Json, request: Request) -> tuple[str, ...]:
    """Return the roles that a ``NotPrincipal`` names, and users there without their account's root.

    It may deny a user with the whole account, and AWS "might validate" a role's session by its own
    ARN, too, which is not in the list (IAM user guide, "AWS JSON policy elements: NotPrincipal").
    """
    listed = _texts(written["NotPrincipal"]["AWS"])
    roots = {each.partition(":root")[0] for each in listed if each.endswith(":root")}
    others = (e for e in listed if e != request.caller.named and not e.endswith(":root"))
    return tuple(e for e in others if ":role/" in e or e.rpartition(":")[0] not in roots)


def listed_as(key: str, request: Request, *, like: bool) -> str | None:
    """Return how a list under ``key`` names just this caller; ``None``: it cannot."""
    excluded, caller = _exception(request), request.caller
    if excluded is not None and key == excluded[1].lower():
        return _as_pattern(excluded[2]) if like else excluded[2]
    if key == "aws:sourcearn" and caller.service:
        found = request.context.lookup(key)
        return found[0] if isinstance(found, tuple) and len(found) == 1 else None
    if key == "aws:userid" and caller.unique_id is not None:
        if not caller.is_session:
            return caller.unique_id
        return f"{caller.unique_id}:*" if like else None  # else only one session by its name
    return None


def _as_pattern(text: str) -> str:
    """Return a pattern that only ``text`` matches (IAM user guide, "variables and tags")."""
    return "".join(f"${{{each}}}" if each in "*?$" else each for each in text)


def _exception(request: Request) -> tuple[str, str, str] | None:
    """Return operator, key and value of a condition that excludes only this caller."""
    caller = request.caller
    if caller.named is not None:
        return "ArnNotEquals", "aws:PrincipalArn", caller.named
    subject = subject_of(caller)
    for key in (subject,) if subject else ("aws:PrincipalServiceName",):
        values = request.context.lookup(key)
        if values is not None and not isinstance(values, Unknown):
            return "StringNotEquals", key, values[0]
    return None


def _unless(written: Json, operator: str, key: str, value: str) -> Json:
    condition = {each: dict(keys) for each, keys in written.get("Condition", {}).items()}
    excluded = condition.setdefault(operator, {})
    name = next((each for each in excluded if each.lower() == key.lower()), key)
    excluded[name] = collapse_singleton([*_texts(excluded.get(name)), value])
    return {**written, "Condition": condition}


# ---- writing it


def _element(element: str, values: Sequence[str]) -> _Element:
    return {element: collapse_singleton(list(dict.fromkeys(values)))} if values else {}


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _with(written: Json, *elements: _Element) -> Json:
    """Return a statement with its actions or resources replaced."""
    made = dict(written)
    for element in elements:
        for name, value in element.items():
            twins = {name, f"Not{name}", name.removeprefix("Not")}
            # In place of the old element, or at the end.
            named = ((name, value) if key in twins else (key, old) for key, old in made.items())
            made = {**dict(named), name: value}
    return made
