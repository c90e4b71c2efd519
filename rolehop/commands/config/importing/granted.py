"""Granted: ``granted_sso_…`` keys, its ``credential_process``, and keys in its own keyring.

From Granted's ``pkg/cfaws/granted_config.go`` and ``pkg/granted/credentials.go``: profiles for
``granted login`` have ``granted_sso_account_id`` and ``granted_sso_role_name``, and the address either
with ``granted_sso_`` before it or in an ``sso-session``; ``granted credentials import`` leaves a profile
that runs ``granted credential-process --profile=NAME``.
"""

from __future__ import annotations

from rolehop.commands.config.importing.draft import (
    COLOR,
    TOOL,
    ProfileDraft,
    option,
    program_of,
    runs,
)

NAME = "granted"

REGISTRY = ("granted_registry_start", "granted_registry_end")
"""How the sections begin that mark what comes from a registry."""

_GENERATED = "common_fate_generated_from"
"""What ``granted sso populate`` marks its profiles with."""

_PROGRAMS = ("granted", "dgranted")
_BEFORE = "granted_"
_SIGN_IN = ("sso_start_url", "sso_region", "sso_account_id", "sso_role_name")

# The colors of Firefox containers, and those of a terminal that are nearest.
CONTAINER_COLORS = {
    "blue": "blue",
    "turquoise": "cyan",
    "green": "green",
    "yellow": "yellow",
    "orange": "bright_yellow",
    "red": "red",
    "pink": "bright_magenta",
    "purple": "magenta",
}


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile has a key of Granted, or runs it."""
    return any(
        any(key.startswith(_BEFORE) for key in keys) or runs(draft, name, *_PROGRAMS)
        for name, keys in draft.profiles.items()
    )


def adapt(draft: ProfileDraft, text: str) -> None:
    """Turn Granted's keys into AWS's; ``text`` is empty, its own file has no chains."""
    for name in list(draft.profiles):
        keys = draft.profiles[name]
        if not any(key.startswith(_BEFORE) for key in keys) and not runs(draft, name, *_PROGRAMS):
            continue
        keys[TOOL] = NAME
        keys.pop(_GENERATED, None)
        color = CONTAINER_COLORS.get(draft.text(name, "granted_color"))
        if color:
            keys[COLOR] = color
            del keys["granted_color"]
        signs_in = "granted_sso_account_id" in keys
        for key in _SIGN_IN:
            if _BEFORE + key in keys:
                keys[key] = keys.pop(_BEFORE + key)
        _process(draft, name, signs_in=signs_in)
        own = [key for key in keys if key.startswith(_BEFORE)]
        draft.lose(name, "a setting of Granted", *own)


def _process(draft: ProfileDraft, name: str, *, signs_in: bool) -> None:
    words = runs(draft, name, *_PROGRAMS)
    if not words:
        return
    if signs_in or "sso_account_id" in draft.profiles[name]:
        del draft.profiles[name]["credential_process"]
        return
    target = option(words, "--profile") or name
    if target != name and target in draft.profiles:
        draft.profiles[name] = {**draft.profiles[target], TOOL: NAME}
        return
    program = next(each for each in _PROGRAMS if program_of(words) == each)  # not its path: others
    draft.hold(name, NAME, program, "credential-process", "--profile", target)  # may have chosen it
