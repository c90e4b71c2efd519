"""The credentials that a profile has apart from its role: keys, a sign-in, a process, or none."""

from __future__ import annotations

from enum import Enum

from rolehop.awsconfig.model import AwsConfig, Section, profile_of
from rolehop.credentials import Credentials, Secret
from rolehop.errors import SourceError
from rolehop.text import nearest

_CREDENTIAL_SETTINGS = (
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
"""The settings that define where credentials come from (AWS CLI user guide, "Configuration and
credential file settings")."""

_SIMILARITY = 0.88
"""How similar a misspelling must be: high enough that aws_account_id is not sso_account_id."""


class CredentialKind(Enum):
    """Where botocore takes the credentials of a profile from."""

    WEB_IDENTITY = "web identity"
    SSO = "Identity Center"
    KEYS = "static keys"
    LOGIN = "aws login"
    PROCESS = "credential_process"
    NOTHING = "nothing"


def credential_kind_of(aws: AwsConfig, name: str) -> CredentialKind:
    """Return the kind of credentials of profile ``name``, in botocore's order of precedence.

    It is the order of ``ProfileProviderBuilder``: static keys of the credentials file come before
    ``login_session`` and ``credential_process``, those of the config file after them.

    Raises:
        SourceError: there is no such profile.
    """
    profile = profile_of(aws, name)
    found = {
        CredentialKind.WEB_IDENTITY: bool(profile.get("web_identity_token_file")),
        CredentialKind.SSO: "sso_role_name" in profile or "sso_account_id" in profile,
        CredentialKind.KEYS: "aws_access_key_id" in aws.credentials_sections.get(name, {}),
        CredentialKind.LOGIN: "login_session" in profile,
        CredentialKind.PROCESS: "credential_process" in profile,
    }
    first = next((kind for kind, here in found.items() if here), None)
    if first is not None:
        return first
    in_config = "aws_access_key_id" in aws.config_profiles.get(name, {})
    return CredentialKind.KEYS if in_config else CredentialKind.NOTHING


def files_with_credentials(aws: AwsConfig, name: str) -> tuple[bool, bool]:
    """Return whether the config and the credentials file say where profile ``name`` gets its own."""
    sections = aws.config_profiles.get(name, {}), aws.credentials_sections.get(name, {})
    in_config, in_credentials = (
        any(key in section for key in _CREDENTIAL_SETTINGS) for section in sections
    )
    return in_config, in_credentials


def missing_credentials(aws: AwsConfig, name: str) -> str:
    """Return the reason why profile ``name`` has no credentials: a typo, or an incomplete setting.

    Raises:
        SourceError: there is no such profile.
    """
    keys = profile_of(aws, name).keys()
    typos = [f"{key}: did you mean {right}?" for key in keys if (right := _intended_setting(key))]
    if typos:
        return "; ".join(typos)
    half = ", ".join(key for key in _CREDENTIAL_SETTINGS if key in keys)
    return f"it has only {half}" if half else "it has no keys, no sign-in and no process"


def _intended_setting(key: str) -> str | None:
    """Return the setting of which ``key`` is a misspelling (a letter or a hyphen), or ``None``."""
    plain = key.replace("-", "_")
    if key in _CREDENTIAL_SETTINGS:
        return None
    return next(iter(nearest(plain, _CREDENTIAL_SETTINGS, 1, cutoff=_SIMILARITY)), None)


def static_keys(aws: AwsConfig, name: str) -> Credentials:
    """Return the keys written in profile ``name``, whose kind is ``KEYS``.

    A session token makes them temporary; when they expire is not known.

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
    """Return the session token; as in botocore, the legacy name comes first."""
    for key in ("aws_security_token", "aws_session_token"):
        if key in section:
            token = section[key]
            return token if isinstance(token, Secret) and token else None
    return None


def _partial(name: str, key: str, file: str) -> SourceError:
    return SourceError(
        f"the keys of AWS profile '{name}' are not complete",
        cause=f"{key} is missing or empty in {file}",
        fix=f"add {key} next to the other half of the key, in the same file",
    )
