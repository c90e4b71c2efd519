"""The flags of a session go on with it: what was narrowed never widens by itself.

`carry_on` is for whatever makes a session anew: ``assume -``, ``refresh``, ``each --resume``.
Servers and programs repeat their own flags.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.base.dataclass import replace
from rolehop.config.sts_limits import tag_key
from rolehop.plan.walk_options import HOP_FLAGS, WalkOptions, read_options

if TYPE_CHECKING:
    from rolehop.app.context import App

_LIMITS = ("read_only", "policy_arns", "policy")
"""AWS grants what one of a session's policies allows, so those of two commands are never added up."""


def carry_on(
    app: App, made_with: WalkOptions, typed: WalkOptions, *, reason_required: bool
) -> WalkOptions:
    """Return the flags that a session is made anew with: those it was made with, unless typed anew.

    Tags are carried on one by one; of ``--read-only``, ``--policy-arn`` and ``--session-policy``,
    any that is typed takes the place of them all. A note says which flag did not go on.

    Args:
        app: the application.
        made_with: the flags of the session before.
        typed: the flags of this command.
        reason_required: a chain asks for a reason, which must be given anew each time.
    """
    given = {field: value for field, value in typed.hop_values.items() if value}
    kept = made_with.hop_values
    if given.keys() & set(_LIMITS):
        kept |= {field: WalkOptions().hop_values[field] for field in _LIMITS}
    given["tags"] = _with_tags(made_with.tags, typed.tags)
    if reason_required and typed.reason is None:
        given["reason"] = None
    options = typed.with_hop_values({**kept, **given})
    _note_replaced(app, made_with, typed, options)
    return replace(options, region=typed.region or made_with.region)


def _with_tags(
    before: tuple[tuple[str, str], ...], typed: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    anew = {tag_key(key) for key, _ in typed}
    return (*(each for each in before if tag_key(each[0]) not in anew), *typed)


def _note_replaced(
    app: App, made_with: WalkOptions, typed: WalkOptions, options: WalkOptions
) -> None:
    replaced = [
        each.flag
        for each in HOP_FLAGS
        if each.field != "reason" and not _is_kept(each.field, made_with, options)
    ]
    if replaced:
        given = ", ".join(each for each in typed.hop_flags if each != "--reason")
        app.note(f"{', '.join(replaced)} of the session before gives way to {given}")


def _is_kept(field: str, made_with: WalkOptions, options: WalkOptions) -> bool:
    before, now = made_with.hop_values[field], options.hop_values[field]
    if field == "tags":
        return set(made_with.tags) <= set(options.tags)
    return not before or before == now


def flags_of_session(app: App, access_key_id: str, given: str) -> WalkOptions | None:
    """Return the flags that a shell was given with a session; ``None``: none that matter.

    ``given`` names them, as ``ROLEHOP_FLAGS`` does.

    Raises:
        ValueError: it had flags that are not known any more; it must not be made anew without.
    """
    from rolehop.vault.notes import load_shell_flags

    stored = load_shell_flags(app.state_folder, app.vault.seals, access_key_id, given)
    region = _region_in(given)
    if stored is None and region is None:
        return None
    return replace(stored or WalkOptions(), region=region)


def _region_in(flags: str) -> str | None:
    """Return the region that the flags of a shell's variable name; ``None``: none that a flag gives."""
    from rolehop.handover.environment import region_flags

    for each in region_flags(flags):
        with suppress(ValueError):
            return read_options({"region": each.partition("=")[2]}).region
    return None
