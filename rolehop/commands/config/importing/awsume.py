"""awsume: SAML roles in AWS profiles, profiles that it writes itself, defaults in its own config.

From awsume's docs (``docs/general/config.md``) and ``lib/profile.py``: a role profile may have a
``principal_arn``, for SAML, or a ``credential_process`` of its own; ``role-duration``,
``role-session-name`` and ``region`` of ``config.yaml`` hold where a profile says nothing, the region of
the source profile before that one's; profiles with ``manager = awsume`` or ``autoawsume`` are output.
"""

from __future__ import annotations

from rolehop.commands.config.importing.draft import TOOL, ProfileDraft
from rolehop.commands.config.importing.proposal import SETTING
from rolehop.commands.config.importing.yaml_values import Yaml, read_yaml

NAME = "awsume"
_DEFAULTS = {"role-duration": "duration_seconds", "role-session-name": "role_session_name"}
_KNOWN = frozenset({*_DEFAULTS, "region", "colors", "fuzzy-match"})


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile is awsume's own, or one that only awsume reads."""
    return any(
        _is_output(draft, name) or "principal_arn" in keys for name, keys in draft.profiles.items()
    )


def is_own(text: str) -> bool:
    """True if ``text`` looks like awsume's own config."""
    return any(text.startswith(f"{key}:") or f"\n{key}:" in text for key in _DEFAULTS)


def adapt(draft: ProfileDraft, text: str) -> None:
    """Turn awsume's keys into AWS's; ``text`` is its ``config.yaml``.

    Raises:
        ValueError: ``text`` is broken.
    """
    found = read_yaml(text)
    settings: dict[str, Yaml] = found if isinstance(found, dict) else {}
    for name in list(draft.profiles):
        if _is_output(draft, name):
            draft.drop(name, "temporary keys, written by awsume")
    _roles(draft, settings)
    defaults = [key for key in (*_DEFAULTS, "region") if settings.get(key)]
    if defaults and not draft.alone:
        why = "of all profiles as awsume reads them: rolehop config import awsume"
        draft.note(f"{', '.join(defaults)} in awsume's config", why)
    for key in settings:
        if key not in _KNOWN:
            draft.note(f"{key} in awsume's config", "a setting of awsume", SETTING)


def _is_output(draft: ProfileDraft, name: str) -> bool:
    return draft.text(name, "manager") == NAME or bool(draft.text(name, "autoawsume"))


def _roles(draft: ProfileDraft, settings: dict[str, Yaml]) -> None:
    for name in list(draft.profiles):
        keys = draft.profiles[name]
        source = draft.text(name, "source_profile")
        by_process = {"role_arn", "credential_process"} <= keys.keys() and not source
        if not (draft.alone or "principal_arn" in keys or by_process):
            continue
        region = (
            draft.text(source, "region")
            or draft.text("default", "region")
            or str(settings.get("region", ""))
        )
        if region:
            keys.setdefault("region", region)
        if "role_arn" not in keys:
            continue
        for key, aws in _DEFAULTS.items():
            value = settings.get(key)
            if isinstance(value, str) and value not in ("", "0"):
                keys.setdefault(aws, value)
        provider = draft.text(name, "principal_arn")
        if provider:
            role = draft.text(name, "role_arn")
            draft.become(name, NAME, {"type": "saml", "role": role, "provider": provider})
            draft.note(
                f"profile {name}",
                "who signs in for the SAML assertion is not in the file: add assertion_command",
            )
            del keys["principal_arn"]
        elif "credential_process" in keys and not source and "credential_source" not in keys:
            base = draft.base_below(name)
            draft.profiles[base]["credential_process"] = keys.pop("credential_process")
            keys[TOOL] = NAME
