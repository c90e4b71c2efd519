"""What a profile gives by itself, its role left aside: keys, a sign-in, a process, or nothing."""

from __future__ import annotations

from enum import Enum

from rolehop.awsconfig.model import AwsConfig, Section, profile_of
from rolehop.credentials import Credentials, Secret
from rolehop.errors import SourceError
from rolehop.text import nearest

_SAYS_WHERE = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "web_identity_token_file",
)
"""The settings that say where credentials come from (AWS CLI user guide, "Configuration and
credential file settings")."""

_ALMOST = 0.88
"""How like it a word must be: aws_account_id is no sso_account_id."""


class Holds(Enum):
    """Where botocore would take the credentials of a profile from."""

    WEB_IDENTITY = "web identity"
    SSO = "Identity Center"
    KEYS = "static keys"
    LOGIN = "aws login"
    PROCESS = "credential_process"
    NOTHING = "nothing"


def holds(aws: AwsConfig, name: str) -> Holds:
    """Return what profile ``name`` holds, in botocore's order within a profile.

    The order is that of ``ProfileProviderBuilder``: static keys of the credentials file come
    before ``login_session`` and ``credential_process``, those of the config file after them.

    Raises:
        SourceError: there is no such profile.
    """
    profile = profile_of(aws, name)
    found = {
        Holds.WEB_IDENTITY: bool(profile.get("web_identity_token_file")),
        Holds.SSO: "sso_role_name" in profile or "sso_account_id" in profile,
        Holds.KEYS: "aws_access_key_id" in aws.credentials_sections.get(name, {}),
        Holds.LOGIN: "login_session" in profile,
        Holds.PROCESS: "credential_process" in profile,
    }
    first = next((kind for kind, here in found.items() if here), None)
    if first is not None:
        return first
    in_config = "aws_access_key_id" in aws.config_profiles.get(name, {})
    return Holds.KEYS if in_config else Holds.NOTHING


def why_nothing(aws: AwsConfig, name: str) -> str:
    """Return why profile ``name``, which holds nothing, has no credentials: a typo, or half of it.

    Raises:
        SourceError: there is no such profile.
    """
    keys = profile_of(aws, name).keys()
    typos = [f"{key}: did you mean {right}?" for key in keys if (right := _meant(key))]
    if typos:
        return "; ".join(typos)
    half = ", ".join(key for key in _SAYS_WHERE if key in keys)
    return f"it says no more than {half}" if half else "it has no keys, no sign-in and no process"


def _meant(key: str) -> str | None:
    """Return the setting that ``key`` is a misspelling of: one letter or so, or a hyphen."""
    plain = key.replace("-", "_")
    if key in _SAYS_WHERE:
        return None
    return next(iter(nearest(plain, _SAYS_WHERE, 1, cutoff=_ALMOST)), None)


def static_keys(aws: AwsConfig, name: str) -> Credentials:
    """Return the keys written in profile ``name``, which ``holds`` them.

    A session token makes them temporary; nobody says when they end.

    Raises:
        SourceError: a part is missing or empty.
    """
    in_credentials = aws.credentials_sections.get(name, {})
    here = "aws_access_key_id" in in_credentials
    section = in_credentials if here else aws.config_profiles.get(name, {})
    file = aws.credentials_file if here else aws.config_file
    access_key_id = section.get("aws_access_key_id")
    secret = section.get("aws_secret_access_key")
    if not isinstance(access_key_id, str) or not access_key_id:
        raise _partial(name, "aws_access_key_id", file)
    if not isinstance(secret, Secret) or not secret:
        raise _partial(name, "aws_secret_access_key", file)
    return Credentials(access_key_id, secret, _token(section))


def _token(section: Section) -> Secret | None:
    """Return the session token; like botocore, the legacy name counts first."""
    for key in ("aws_security_token", "aws_session_token"):
        if key in section:
            token = section[key]
            return token if isinstance(token, Secret) and token else None
    return None


def _partial(name: str, key: str, file: str) -> SourceError:
    return SourceError(
        f"the keys of AWS profile '{name}' are not complete",
        cause=f"{key} is missing or empty in {file}",
        fix=f"add {key} beside the other half of the key, in the same file",
    )
