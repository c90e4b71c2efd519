"""aws-vault: profiles that include others, session tags, and keys in aws-vault's own keyring.

From aws-vault's USAGE.md and ``vault/config.go``: a profile takes each key that it lacks from its
``include_profile`` (v5: ``parent_profile``), else from ``default``, and only from the config file; a
``source_profile`` that is the profile itself is ignored; a profile without credentials has keys that
``aws-vault add`` stored.
"""

from __future__ import annotations

from rolehop.base.text import may_hold_secret
from rolehop.commands.config.importing.draft import (
    IDENTITY,
    MFA_COMMAND,
    TAGS,
    TOOL,
    TRANSITIVE,
    ProfileDraft,
    option,
    runs,
)

NAME = "aws-vault"
_INCLUDES = ("include_profile", "parent_profile")

_OWN = frozenset(
    {
        *_INCLUDES,
        "session_tags",
        "transitive_session_tags",
        "source_identity",
        "mfa_process",
        "web_identity_token_process",
    }
)

_INHERITED = (
    *(_OWN - set(_INCLUDES)),
    *[
        "mfa_serial",
        "role_arn",
        "external_id",
        "region",
        "role_session_name",
        "duration_seconds",
        "source_profile",
    ],
    *["sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"],
    *["web_identity_token_file", "credential_process"],
)

_IN_FILES = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_session_token"})
"""Keys of the AWS files, which aws-vault does not read."""

_CREDENTIALS = (
    *["aws_access_key_id", "credential_process", "sso_session", "sso_start_url", "sso_account_id"],
    *[
        "web_identity_token_file",
        "web_identity_token_process",
        "login_session",
        "credential_source",
    ],
)


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile has a key of aws-vault, or runs it."""
    return any(
        _OWN & keys.keys() or runs(draft, name, NAME) for name, keys in draft.profiles.items()
    )


def adapt(draft: ProfileDraft, text: str) -> None:
    """Turn aws-vault's keys into AWS's; ``text`` is empty, it has no file of its own."""
    included = _included(draft)
    own = {
        name
        for name, keys in draft.profiles.items()
        if draft.alone or _OWN & keys.keys() or runs(draft, name, NAME)
    }
    _include_all(draft, own)
    for name in draft.profiles:
        if (
            draft.text(name, "source_profile") == name
            and "aws_access_key_id" not in draft.profiles[name]
        ):
            del draft.profiles[name]["source_profile"]
    sources = {draft.text(name, "source_profile") for name in draft.profiles}
    for name in list(draft.profiles):
        _own_keys(draft, name)
        # Another tool may know a profile without credentials that nothing starts from.
        if name in draft.profiles and (name in own | sources | included):
            _held_keys(draft, name, sources, included)


def _included(draft: ProfileDraft) -> set[str]:
    return {draft.text(name, key) for name in draft.profiles for key in _INCLUDES}


def _include_all(draft: ProfileDraft, own: set[str]) -> None:
    written = {name: dict(keys) for name, keys in draft.aws.config_profiles.items()}
    for name in [each for each in draft.profiles if each in own]:
        at, way = name, [name]
        while at:
            keys = written.get(at, {})
            for key in _INHERITED:
                if key in keys:
                    draft.profiles[name].setdefault(key, keys[key])
            named = next((str(keys[key]) for key in _INCLUDES if key in keys), "")
            at = named or ("default" if at != "default" else "")
            if at in way:
                if named:
                    draft.drop(name, f"its profiles include each other: {' -> '.join([*way, at])}")
                break
            if named and named not in written:
                draft.lose(name, f"there is no profile {named}", *_INCLUDES)
            way.append(at)
        for key in _INCLUDES:
            if name in draft.profiles and draft.text(name, key):
                del draft.profiles[name][key]
                draft.profiles[name][TOOL] = NAME


def _own_keys(draft: ProfileDraft, name: str) -> None:
    keys = draft.profiles[name]
    if may_hold_secret(draft.text(name, "web_identity_token_process")):
        draft.drop(name, "its web_identity_token_process may have a secret in it: it is not copied")
        return
    if may_hold_secret(draft.text(name, "mfa_process")):
        draft.lose(name, "there may be a secret in it, so it is not copied", "mfa_process")
    identity = draft.text(name, "source_identity")
    if identity:
        keys[IDENTITY] = identity
    tags = draft.text(name, "session_tags")
    if tags:
        pairs = [each.partition("=") for each in tags.split(",")]
        if not all(key.strip() and sign for key, sign, _ in pairs):
            draft.lose(name, "it is not a list of key=value", "session_tags")
        else:
            keys[TAGS] = {key.strip(): value.strip() for key, _, value in pairs}
    transitive = draft.text(name, "transitive_session_tags")
    if transitive and TAGS in keys:
        keys[TRANSITIVE] = "\n".join(each.strip() for each in transitive.split(","))
    if draft.text(name, "mfa_process"):
        base = name
        while (above := draft.text(base, "source_profile")) in draft.profiles and above != base:
            base = above
            if base == name:
                break
        draft.profiles[base].setdefault(MFA_COMMAND, draft.text(name, "mfa_process"))
    token = draft.text(name, "web_identity_token_process")
    if token and draft.text(name, "role_arn"):
        settings = {"type": "web-identity", "role": draft.text(name, "role_arn")}
        session = draft.text(name, "role_session_name")
        draft.become(
            name,
            NAME,
            {**settings, "token_command": token, **({"session_name": session} if session else {})},
        )
    for key in _OWN:
        keys.pop(key, None)


def _held_keys(draft: ProfileDraft, name: str, sources: set[str], included: set[str]) -> None:
    """Say of a profile without credentials that aws-vault has its keys."""
    keys = draft.profiles[name]
    words = runs(draft, name, NAME)
    if words:
        target = _target(words)
        del keys["credential_process"]
        if target != name and target in draft.profiles:
            for key, value in draft.profiles[target].items():
                if key not in _IN_FILES:
                    keys.setdefault(key, value)
            if _IN_FILES & draft.profiles[target].keys() and not draft.text(target, "role_arn"):
                _hold(draft, name, target)
            return
    elif any(key in keys for key in _CREDENTIALS):
        return
    fragment = name not in sources and not words and (name in included or name == "default")
    if fragment and not draft.text(name, "role_arn"):
        draft.drop(name, "only other profiles include it")
        return
    source = draft.text(name, "source_profile")
    if source and not draft.text(name, "role_arn"):  # its credentials are those of the other one
        keys |= {
            key: value for key, value in draft.profiles.get(source, {}).items() if key not in keys
        }
        keys.pop("source_profile")
        source = draft.text(name, "source_profile")
    if source or any(key in keys for key in _CREDENTIALS):
        return
    if draft.text(name, "role_arn"):
        base = draft.base_below(name)
        draft.hold(base, NAME)  # without a command: aws-vault would print the role's session
    else:
        base = name
        _hold(draft, base, name)
    draft.profiles[base][TOOL] = NAME


def _hold(draft: ProfileDraft, name: str, stored_as: str) -> None:
    draft.hold(name, NAME, NAME, "export", "--format=json", "--no-session", stored_as)


def _target(words: list[str]) -> str:
    """Return the profile that an ``aws-vault`` command line names."""
    plain = [each for each in words[2:] if not each.startswith("-")]
    return next((each for each in plain if each not in (option(words, "--duration", "-d"),)), "")
