"""saml2aws: its accounts, each with one role, as processes that run saml2aws.

From its README and ``pkg/cfg/cfg.go``: ``~/.saml2aws`` is an INI file with a section for each account;
``aws_profile`` (``saml``) is where it leaves the session, ``role_arn`` the role that it takes without
asking. ``saml2aws login --credential-process`` answers as a ``credential_process`` does.
"""

from __future__ import annotations

import shlex

from rolehop.commands.config.importing.draft import TOOL, ProfileDraft, runs
from rolehop.commands.config.importing.ini import read_ini
from rolehop.commands.config.importing.proposal import LOST

NAME = "saml2aws"
_PROFILE = "saml"
_LEFT_BEHIND = ("x_principal_arn", "x_security_token_expires")


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile runs saml2aws, or has a session that it left."""
    return any(
        "x_principal_arn" in keys or runs(draft, name, NAME)
        for name, keys in draft.profiles.items()
    )


def is_own(text: str) -> bool:
    """True if ``text`` looks like ``~/.saml2aws``."""
    lines = {line.partition("=")[0].strip() for line in text.splitlines()}
    return {"url", "provider"} <= lines and "[profile " not in text


def adapt(draft: ProfileDraft, text: str) -> None:
    """Make each account the process of its profile; ``text`` is ``~/.saml2aws``.

    Raises:
        ValueError: ``text`` is broken.
    """
    accounts = read_ini(text, NAME)
    names = [each.get("aws_profile") or _PROFILE for each in accounts.values()]
    for (account, keys), profile in zip(accounts.items(), names, strict=True):
        missing = [key for key in ("url", "provider") if not keys.get(key)]
        if missing:
            draft.note(f"account {account} of saml2aws", f"it has no {', '.join(missing)}", LOST)
            continue
        if not keys.get("role_arn"):
            _read_session(draft, account, profile)
            continue
        name = profile if names.count(profile) == 1 else account
        words = [NAME, "login", "--credential-process", "--idp-account", account]
        words += ["--role", keys["role_arn"], "--profile", profile]
        draft.profiles.setdefault(name, {})
        draft.run(name, NAME, shlex.join(words))
        if keys.get("region"):
            draft.profiles[name].setdefault("region", keys["region"])
    for name in draft.profiles:
        if runs(draft, name, NAME):
            draft.profiles[name][TOOL] = NAME
        for key in _LEFT_BEHIND:
            draft.profiles[name].pop(key, None)


def _read_session(draft: ProfileDraft, account: str, profile: str) -> None:
    """Make a source of the AWS profile in which saml2aws leaves a session of the role that it asks for."""
    draft.profiles.setdefault(profile, {})
    draft.become(profile, NAME, {"type": "profile", "profile": profile})
    login = shlex.join([NAME, "login", "--idp-account", account])
    why = f"it has no role_arn, so saml2aws asks for the role and leaves its session there: {login}"
    draft.note(f"profile {profile}", why)
