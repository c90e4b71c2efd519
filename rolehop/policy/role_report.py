"""The permissions that a role's boundary removes from what its own policies allow.

A role may do what its policies and its boundary both allow; a boundary grants nothing, and a Deny
in it counts like every Deny (IAM user guide, "Permissions boundaries for IAM entities"). This does
not evaluate one call but compares the patterns of each statement with those of the boundary. What
the patterns alone cannot decide (conditions, policy variables) counts as partly remaining.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.language.parser import Effect, Statement
from rolehop.policy.language.variables import Template, Variable
from rolehop.policy.language.wildcards import Wild, matches_text
from rolehop.startup.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Remaining:
    """What one Allow statement of the boundary leaves of a permission, or a Deny removes."""

    statement: int
    """Of the boundary, from 1."""

    sid: str | None
    actions: tuple[str, ...]
    """Empty: all actions of the permission; likewise the resources."""

    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditional: bool
    """Only under conditions that the role's own statement does not have."""

    @property
    def whole(self) -> bool:
        """True if this covers the whole permission."""
        parts = (self.actions, self.not_actions, self.resources, self.not_resources)
        return not any(parts) and not self.conditional


@dataclass(frozen=True, slots=True)
class Removed:
    """Permissions of one Allow statement that the boundary removes, wholly or in part."""

    document: str
    statement: int
    """Of the role's own policy, from 1."""

    actions: tuple[str, ...]
    """As written; empty if the statement has NotAction."""

    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    left: tuple[Remaining, ...]
    """What the boundary's Allow statements leave; empty: nothing."""

    denied: tuple[Remaining, ...]
    """What its Deny statements remove, or may remove."""

    @property
    def wholly(self) -> bool:
        """True if nothing is left."""
        return not self.left or any(each.whole for each in self.denied)


def removed_by_boundary(permissions: PolicySet, boundary: PolicySet) -> tuple[Removed, ...]:
    """Return what ``boundary`` removes from ``permissions``, as far as both are visible."""
    inside = [each for document in boundary.documents for each in document.policy.statements]
    if not boundary.there or not boundary.documents:
        return ()
    return tuple(
        removed
        for document in permissions.documents
        for statement in document.policy.statements
        if statement.effect is Effect.ALLOW
        for removed in _removed_from(document.name, statement, inside)
    )


class _Pattern(NamedTuple):
    """A pattern, its text, and whether it is exact (no variable)."""

    text: str
    pattern: str
    sure: bool = True


class _Scope(NamedTuple):
    """The meaning of an element or its Not- form: all that matches ``only``, except ``but``."""

    only: tuple[_Pattern, ...]
    but: tuple[_Pattern, ...] = ()


class _Intersection(NamedTuple):
    """The intersection of two scopes; empty: everything in the permission."""

    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


_ALL = (_Pattern("*", "*"),)
_Outcome = tuple[tuple[Remaining, ...], tuple[Remaining, ...]]


def _removed_from(
    document: str, statement: Statement, inside: Sequence[Statement]
) -> Iterator[Removed]:
    actions, resources = _actions(statement), _resources(statement)
    by_action: dict[_Pattern, dict[_Outcome, list[_Pattern]]] = {}
    for action in actions.only:
        outcomes = by_action.setdefault(action, {})
        for resource in resources.only:
            one = (_Scope((action,), actions.but), _Scope((resource,), resources.but))
            outcome = _outcome(one, statement, inside)
            if outcome is not None:
                outcomes.setdefault(outcome, []).append(resource)
    alike: dict[tuple[_Outcome, tuple[_Pattern, ...]], list[_Pattern]] = {}
    for action, outcomes in by_action.items():
        for outcome, found in outcomes.items():
            alike.setdefault((outcome, tuple(found)), []).append(action)
    for ((left, denied), on), of in alike.items():
        yield Removed(
            document,
            statement.index,
            () if actions.but else _texts(of),
            _texts(actions.but),
            () if resources.but else _texts(on),
            _texts(resources.but),
            left,
            denied,
        )


def _outcome(
    one: tuple[_Scope, _Scope], statement: Statement, inside: Sequence[Statement]
) -> _Outcome | None:
    """Return what remains of one action on one resource, and what is denied; ``None``: all remains."""
    allows, denies = (
        tuple(
            left
            for each in inside
            if each.effect is effect
            for left in _remaining(one, statement, each)
        )
        for effect in (Effect.ALLOW, Effect.DENY)
    )
    if any(each.whole for each in allows):
        # It includes whatever the other statements leave.
        allows = (next(each for each in allows if each.whole),)
    whole = bool(allows) and allows[0].whole
    return None if whole and not denies else (allows, denies)


def _remaining(
    one: tuple[_Scope, _Scope], statement: Statement, limit: Statement
) -> Iterator[Remaining]:
    """Yield the intersection of ``limit``, a statement of the boundary, and one permission."""
    actions = _intersection(_actions(limit), one[0])
    resources = _intersection(_resources(limit), one[1])
    if actions is None or resources is None:
        return
    yield Remaining(
        limit.index,
        limit.sid,
        *actions,
        *resources,
        conditional=not set(limit.conditions) <= set(statement.conditions)
        if limit.effect is Effect.ALLOW
        else bool(limit.conditions),
    )


def _intersection(limit: _Scope, one: _Scope) -> _Intersection | None:
    """Return the intersection of a boundary's scope with one pattern; ``None``: empty."""
    (pattern,) = one.only
    if any(_covers(each, pattern) for each in limit.but):
        return None
    but = tuple(
        each.text
        for each in limit.but
        if _overlap(each.pattern, pattern.pattern)
        and not any(_covers(out, each) for out in one.but)
    )
    if any(_covers(each, pattern) for each in limit.only):
        return _Intersection((), but)
    only = tuple(
        each.text
        for each in limit.only
        if _overlap(each.pattern, pattern.pattern)
        and not any(_covers(out, each) for out in (*one.but, *limit.but))
    )
    return _Intersection(only, but) if only else None


# ---- patterns


def _actions(statement: Statement) -> _Scope:
    if statement.not_actions is not None:
        return _Scope(_ALL, tuple(_Pattern(each, each.lower()) for each in statement.not_actions))
    return _Scope(tuple(_Pattern(each, each.lower()) for each in statement.actions or ()))


def _resources(statement: Statement) -> _Scope:
    if statement.not_resources is not None:
        return _Scope(_ALL, tuple(map(_pattern, statement.not_resources)))
    return _Scope(tuple(map(_pattern, statement.resources or ())))


def _pattern(template: Template) -> _Pattern:
    """Return a resource as a pattern, with a star for each variable."""
    if not template.has_variable:
        return _Pattern(template.text, template.text)
    parts = ("*" if isinstance(each, Variable) else each for each in template.parts)
    pattern = "".join(each.value if isinstance(each, Wild) else each for each in parts)
    return _Pattern(template.text, pattern, sure=False)


def _texts(patterns: Iterable[_Pattern]) -> tuple[str, ...]:
    return tuple(each.text for each in patterns)


def _covers(wide: _Pattern, narrow: _Pattern) -> bool:
    """True if everything ``narrow`` can match is certainly matched by ``wide``."""
    return wide.text == narrow.text or (wide.sure and covers(wide.pattern, narrow.pattern))


@lru_cache(maxsize=65_536)
def covers(wide: str, narrow: str) -> bool:
    """True if ``wide`` matches everything that ``narrow`` matches; may be False for odd patterns.

    A wildcard of ``narrow`` is replaced with characters that only a wildcard of ``wide`` can match:
    a star with none, then with more than ``wide`` can match without a star of its own.
    """
    if "*" not in wide and "?" not in wide:
        return wide == narrow
    if "*" not in narrow:
        return matches_text(narrow, wide)
    runs = ("", "\0" * (len(wide) + 1))
    return all(matches_text(narrow.replace("*", run), wide) for run in runs)


@lru_cache(maxsize=65_536)
def _overlap(one: str, other: str) -> bool:
    """True if some text may match both patterns."""
    if "*" not in one and "?" not in one:
        return matches_text(one, other)
    if "*" not in other and "?" not in other:
        return matches_text(other, one)
    # With a star in both, only their first and last pieces can conflict.
    first, last = one.split("*"), other.split("*")
    if len(first) == len(last) == 1 and len(one) != len(other):
        return False
    return _agree(first[0], last[0]) and _agree(first[-1][::-1], last[-1][::-1])


def _agree(one: str, other: str) -> bool:
    """True if two prefixes agree, as far as both go."""
    return all(a == b or "?" in (a, b) for a, b in zip(one, other, strict=False))
