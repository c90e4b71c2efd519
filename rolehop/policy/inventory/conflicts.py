"""Detect conflicts between two exports of the same account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from rolehop.policy.inventory.aws_managed import is_aws_managed

if TYPE_CHECKING:
    from rolehop.policy.inventory.inventory import Entity, IamInventory

T = TypeVar("T")


def find_conflict(old: IamInventory, new: IamInventory) -> str | None:
    """Return what differs between two exports, for people; ``None``: nothing.

    What only one of them contains is not a conflict. AWS managed policies may differ: AWS
    publishes new versions all the time.
    """
    for arn in sorted(old.entities.keys() & new.entities.keys()):
        part = _differing(old.entities[arn], new.entities[arn])
        if part is not None:
            return f"the {part} of {arn}"
    shared = sorted(old.managed.keys() & new.managed.keys())
    own = (arn for arn in shared if not is_aws_managed(arn))
    return next((arn for arn in own if not _same(old.managed[arn], new.managed[arn])), None)


def _differing(old: Entity, new: Entity) -> str | None:
    """Return the name of the part in which the two differ."""
    if old.boundary_seen and new.boundary_seen and old.boundary != new.boundary:
        return "permissions boundary"
    parts = (
        ("unique ID", old.unique_id, new.unique_id),
        ("trust policy", old.trust, new.trust),
        ("inline policies", old.inline, new.inline),
        ("managed policies", _sorted(old.attached), _sorted(new.attached)),
        ("groups", _sorted(old.groups), _sorted(new.groups)),
        ("tags", _sorted(old.tags), _sorted(new.tags)),
    )
    seen = ((name, a, b) for name, a, b in parts if a is not None and b is not None)
    return next((name for name, a, b in seen if not _same(a, b)), None)


def _sorted(found: tuple[T, ...] | None) -> list[T] | None:
    return None if found is None else sorted(found, key=str)


def _same(old: object, new: object) -> bool:
    """True if two values are equal; policies are compared as JSON, not as text."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if not (isinstance(old, str) and isinstance(new, str)) or old == new:
        return old == new
    try:
        return bool(json.loads(old) == json.loads(new))
    except (ValueError, RecursionError):
        return False
