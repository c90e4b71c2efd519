"""A profile's sign-in to Identity Center: that of its ``sso-session``, or the older keys of its own.

The rules are those of botocore's ``SSOProvider``: a profile and its ``sso-session`` may both have a
key only if they agree, and without a session the profile itself has all of them.
"""

from __future__ import annotations

from rolehop.awsconfig.parse import AwsConfig, Section, profile_setting
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError
from rolehop.base.text import clean, nearest
from rolehop.config import value_types

_NEEDED = {
    "sso_start_url": value_types.URL,
    "sso_region": value_types.REGION,
    "sso_account_id": value_types.ACCOUNT,
    "sso_role_name": value_types.TEXT,
}


@dataclass(frozen=True, slots=True)
class SsoProfile:
    """Where a profile signs in, and for which role of which account."""

    start_url: str
    region: str
    """Of the Identity Center."""

    account: str
    role: str
    """The permission set's name."""

    session: str | None
    """The ``sso-session``, if it has one: the AWS CLI's cache is named after it."""

    scopes: tuple[str, ...]
    """Those that it names; may be empty."""


def sso_profile(aws: AwsConfig, name: str) -> SsoProfile:
    """Return the sign-in of profile ``name``.

    Raises:
        SourceError: there is no such session, it contradicts the profile, or a value is missing or
            wrong.
    """
    session = profile_setting(aws, name, "sso_session")
    merged = {**aws.profiles[name], **_session(aws, name, session)}
    found = {key: value for key, value in merged.items() if isinstance(value, str) and value}
    missing = [key for key in _NEEDED if key not in found]
    if missing:
        raise _refused(aws, name, f"its sign-in has no {', '.join(missing)}")
    for key, check in _NEEDED.items():
        try:
            check.run(found[key])
        except ValueError as error:
            raise _refused(aws, name, f"{key}: {error}") from None
    start_url, region, account, role = (found[key] for key in _NEEDED)
    scopes = (each.strip() for each in found.get("sso_registration_scopes", "").split(","))
    return SsoProfile(start_url, region, account, role, session, tuple(filter(None, scopes)))


def sign_in_settings(aws: AwsConfig, name: str) -> dict[str, str]:
    """Return the sign-in of profile ``name`` as a source of type ``identity-center`` has it.

    ``profile`` among the settings says whose it is: that profile's endpoints count.

    Raises:
        SourceError: see `sso_profile`.
    """
    found = sso_profile(aws, name)
    return {
        "start_url": found.start_url,
        "sso_region": found.region,
        "account": found.account,
        "role": found.role,
        "profile": name,
    }


def _session(aws: AwsConfig, name: str, session: str | None) -> Section:
    """Return the keys of the ``sso-session`` that the profile names, if it names one."""
    if session is None:
        return {}
    if session not in aws.sso_sessions:
        near = nearest(session, aws.sso_sessions)
        raise SourceError(
            f"AWS profile '{name}' names the sso-session '{session}', which does not exist",
            cause=f"{aws.config_file} has no [sso-session {session}]",
            fix=f"did you mean {', '.join(near)}" if near else "aws configure sso-session",
        )
    section = aws.sso_sessions[session]
    for key, value in section.items():
        if aws.profiles[name].get(key, value) != value:
            raise _refused(aws, name, f"its {key} is not that of [sso-session {session}]")
    return section


def _refused(aws: AwsConfig, name: str, cause: str) -> SourceError:
    return SourceError(
        f"AWS profile '{name}' cannot sign in",
        cause=clean(cause),
        fix=f"correct it in {aws.config_file}; aws configure sso writes a whole one",
    )
