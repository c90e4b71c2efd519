"""aws-runas: SAML and OpenID Connect sign-ins, jump roles and lifetimes in AWS profiles.

From its docs (``iam_config.md``, ``saml_config.md``, ``oidc_config.md``) and ``config/aws_config.go``: a
key that a profile lacks comes from its source profile, then from ``default``; ``jump_role_arn`` is
assumed by the sign-in, ``role_arn`` from there; durations are those of Go.
"""

from __future__ import annotations

from rolehop.base.durations import written_duration
from rolehop.base.startup import Pattern
from rolehop.base.text import may_hold_secret
from rolehop.commands.config.importing.draft import (
    MFA_DURATION,
    TOOL,
    ProfileDraft,
)
from rolehop.commands.config.importing.proposal import SETTING

NAME = "aws-runas"

_SAML = (
    *("saml_auth_url", "saml_auth_entityid", "saml_username", "saml_provider", "saml_password"),
    *("mfa_type", "federated_username", "auth_browser"),
)

_OIDC = (
    *("web_identity_username", "web_identity_provider"),
    *("web_identity_redirect_uri", "web_identity_password"),
)

_CARRIED = ("web_identity_auth_url", "web_identity_client_id")

_OWN = frozenset(
    {*_SAML, *_OIDC, *_CARRIED, "jump_role_arn", "credentials_duration", "session_token_duration"}
)

_GO_PART = Pattern(r"([0-9]+(?:\.[0-9]+)?)([hms])")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile has a key of aws-runas."""
    return any(_OWN & keys.keys() for keys in draft.profiles.values())


def adapt(draft: ProfileDraft, text: str) -> None:
    """Turn the keys of aws-runas into AWS's; ``text`` is empty, it has no file of its own."""
    named = {name: {key: _found(draft, name, key) for key in _OWN} for name in draft.profiles}
    own = {name for name, keys in draft.profiles.items() if draft.alone or _OWN & keys.keys()} - (
        {"default"} if not draft.alone else set()
    )
    own |= {name for name in draft.profiles if draft.text(name, "source_profile") in own}
    sources = {draft.text(name, "source_profile") for name in own}
    for name in [each for each in draft.profiles if each in own | sources]:
        if draft.text(name, "role_arn"):
            _role(draft, name, named[name])
        elif name in sources or "aws_access_key_id" in draft.profiles[name]:
            _base(draft, name, named[name])
    for name in draft.profiles:
        draft.lose(name, "rolehop takes an assertion: add assertion_command", *_SAML)
        draft.lose(name, "rolehop's own sign-in goes without it", *_OIDC)
        for key in _OWN:
            draft.profiles[name].pop(key, None)


def _found(draft: ProfileDraft, name: str, key: str) -> str:
    source = draft.text(name, "source_profile")
    return draft.text(name, key) or draft.text(source, key) or draft.text("default", key)


def _base(draft: ProfileDraft, name: str, named: dict[str, str]) -> None:
    keys = draft.profiles[name]
    serial = draft.text("default", "mfa_serial")
    if serial:
        keys.setdefault("mfa_serial", serial)
    duration = named["session_token_duration"]
    if duration:
        _set_duration(draft, name, "session_token_duration", MFA_DURATION, duration)


def _role(draft: ProfileDraft, name: str, named: dict[str, str]) -> None:
    keys = draft.profiles[name]
    if named["credentials_duration"] and "duration_seconds" not in keys:
        value = named["credentials_duration"]
        _set_duration(draft, name, "credentials_duration", "duration_seconds", value)
    own_sign_in = "saml_username" in keys or "web_identity_username" in keys
    if not own_sign_in and "aws_access_key_id" in draft.profiles.get(
        draft.text(name, "source_profile"), {}
    ):
        return
    if may_hold_secret(named["web_identity_auth_url"]):
        draft.lose(name, "there may be a secret in it, so it is not copied", *_CARRIED)
        named["web_identity_auth_url"] = ""
    settings = _sign_in(named)
    if not settings:
        return
    jump, role = named["jump_role_arn"], draft.text(name, "role_arn")
    base = draft.base_below(name) if jump else name
    draft.become(base, NAME, {**settings, "role": jump or role})
    keys[TOOL] = NAME


def _sign_in(named: dict[str, str]) -> dict[str, str]:
    if named["web_identity_auth_url"]:
        settings = {"type": "web-identity", "issuer": named["web_identity_auth_url"]}
        client = named["web_identity_client_id"]
        return {**settings, **({"client_id": client} if client else {})}
    return {"type": "saml"} if named["saml_auth_url"] else {}


def _set_duration(draft: ProfileDraft, name: str, key: str, target: str, value: str) -> None:
    parts = list(_GO_PART.compiled.finditer(value))
    seconds = int(sum(float(each[1]) * _SECONDS[each[2]] for each in parts))
    if not seconds or "".join(each[0] for each in parts) != value:
        why = "it is not a duration such as 1h30m"
        draft.note(f"{key} of profile {name}", why, SETTING)
        return
    draft.profiles[name][target] = (
        written_duration(seconds) if target == MFA_DURATION else str(seconds)
    )
