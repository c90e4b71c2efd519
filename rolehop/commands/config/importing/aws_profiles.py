"""The source that an AWS profile's own credentials become."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    ProfileChain,
    credential_kind_of,
    missing_credentials,
    profile_setting,
    static_keys,
)
from rolehop.errors import SourceError
from rolehop.importing.draft import (
    HOLDER,
    HOLDER_COMMAND,
    MFA_COMMAND,
    MFA_DURATION,
    SOURCE,
    may_hold_secret,
    process_words,
)
from rolehop.importing.proposal import (
    KeysElsewhere,
    Proposal,
    ProposedSource,
    Setting,
)

_MACHINE = {
    ChainBase.ENVIRONMENT: "environment",
    ChainBase.INSTANCE: "instance",
    ChainBase.CONTAINER: "container",
}
_ORIGIN = "credential_source of AWS profiles"
_TEMPORARY = "ASIA"  # how the IDs of a session's keys begin (STS API reference, GetAccessKeyInfo)


class NotASource(ValueError):
    """The credentials of a profile cannot become a source; the text says why."""

    def why_for(self, name: str, base: str) -> str:
        """Return the reason as one of profile ``name``, whose credentials are those of ``base``."""
        return str(self) if name == base else f"its source profile {base}: {self}"


def source_name(found: ProfileChain) -> str:
    """Return the name of the source of a resolved profile; no profile has that of the machine's."""
    return found.base_profile if found.base not in _MACHINE else f"{_MACHINE[found.base]} "


def source_of(aws: AwsConfig, found: ProfileChain, mfa_serial: str | None) -> Proposal:
    """Return the source of a resolved profile, and who has its keys.

    Raises:
        NotASource: it has no credentials that last.
    """
    name = found.base_profile
    if found.base is not ChainBase.PROFILE:
        source = ProposedSource(source_name(found), {"type": _MACHINE[found.base]}, _ORIGIN)
        return Proposal((source,))
    whole = aws.profiles[name].get(SOURCE)
    if isinstance(whole, dict):
        return _one(name, dict(whole))
    holder = profile_setting(aws, name, HOLDER)
    kind = credential_kind_of(aws, name)
    if holder and kind in (CredentialKind.NOTHING, CredentialKind.PROCESS):
        command = profile_setting(aws, name, HOLDER_COMMAND) or ""
        settings = {"type": "keys", **_mfa(aws, name, mfa_serial)}
        return _one(
            name,
            settings,
            KeysElsewhere(name, holder, tuple(command.split("\n")) if command else ()),
        )
    if kind is CredentialKind.KEYS:
        return _keys(aws, name, mfa_serial)
    return _one(name, _settings(aws, name, kind, mfa_serial))


def _settings(
    aws: AwsConfig, name: str, kind: CredentialKind, mfa_serial: str | None
) -> dict[str, Setting]:
    if kind is CredentialKind.SSO:
        return sign_in_settings(aws, name)
    if kind is CredentialKind.WEB_IDENTITY:
        file = profile_setting(aws, name, "web_identity_token_file") or ""
        if file.startswith("~"):  # of the home folder, which is not known here
            return {"type": "profile", "profile": name}
        return _web_identity(aws, name)
    if kind is CredentialKind.PROCESS:
        command = profile_setting(aws, name, "credential_process") or ""
        words = process_words(command)
        if not words:
            raise NotASource("its credential_process cannot be split into words")
        # Windows splits at a backslash otherwise; the profile is split as botocore does there.
        if "\\" in command or may_hold_secret(command):
            return {"type": "profile", "profile": name}
        return {"type": "process", "command": words}
    if kind is CredentialKind.LOGIN:
        return {"type": "profile", "profile": name, **_mfa(aws, name, mfa_serial)}
    raise NotASource(missing_credentials(aws, name))


def _keys(aws: AwsConfig, name: str, mfa_serial: str | None) -> Proposal:
    try:
        found = static_keys(aws, name)
    except SourceError as error:
        raise NotASource(error.cause or error.what) from None
    if not found.long_lived or found.access_key_id.startswith(_TEMPORARY):
        raise NotASource("its keys are those of a session, which ends")
    here = "aws_access_key_id" in aws.credentials_sections.get(name, {})
    file = aws.credentials_file if here else aws.config_file
    # With a role, the AWS CLI would print the role's session.
    printed = "role_arn" not in aws.profiles[name]
    command = ("aws", "configure", "export-credentials", "--profile", name) if printed else ()
    settings = {"type": "keys", **_mfa(aws, name, mfa_serial)}
    return _one(name, settings, KeysElsewhere(name, file, command))


def _mfa(aws: AwsConfig, name: str, serial: str | None) -> dict[str, Setting]:
    if serial is None:
        return {}
    settings: dict[str, Setting] = {"mfa_serial": serial}
    command = process_words(profile_setting(aws, name, MFA_COMMAND) or "")
    if command:
        settings["mfa_command"] = command
    duration = profile_setting(aws, name, MFA_DURATION)
    if duration:
        settings["mfa_duration"] = duration
    return settings


def sign_in_settings(aws: AwsConfig, name: str) -> dict[str, Setting]:
    """Return the source that a profile with a sign-in to Identity Center becomes.

    Raises:
        NotASource: a key of it is missing.
    """
    session = profile_setting(aws, name, "sso_session")
    if session is not None and session not in aws.sso_sessions:
        raise NotASource(f"there is no [sso-session {session}]")
    place = aws.sso_sessions[session] if session is not None else aws.profiles[name]
    settings: dict[str, Setting] = {"type": "identity-center"}
    for key, value in (
        ("start_url", place.get("sso_start_url")),
        ("sso_region", place.get("sso_region")),
        ("account", profile_setting(aws, name, "sso_account_id")),
        ("role", profile_setting(aws, name, "sso_role_name")),
    ):
        if not isinstance(value, str) or not value:
            raise NotASource(f"its sign-in has no {key.replace('account', 'sso_account_id')}")
        settings[key] = value
    return settings


def _web_identity(aws: AwsConfig, name: str) -> dict[str, Setting]:
    settings: dict[str, Setting] = {"type": "web-identity"}
    for key, written in (
        ("role", "role_arn"),
        ("token_file", "web_identity_token_file"),
        ("session_name", "role_session_name"),
    ):
        value = profile_setting(aws, name, written)
        if value:
            settings[key] = value
    if "role" not in settings:
        raise NotASource("it has a web_identity_token_file, but no role_arn")
    seconds = profile_setting(aws, name, "duration_seconds")
    if seconds:
        settings["duration"] = f"{seconds}s"
    return settings


def _one(name: str, settings: dict[str, Setting], *keys: KeysElsewhere) -> Proposal:
    return Proposal((ProposedSource(name, settings, f"AWS profile {name}"),), keys=keys)


def mfa_of_base(aws: AwsConfig, found: Mapping[str, ProfileChain]) -> dict[str, str]:
    """Return the MFA device of each base profile that always needs it.

    It belongs to the source if the base itself names it, or if every role profile on it names the
    same; else it belongs to the hops that name it, so that the others go on without a code.
    """
    asked: dict[str, set[str | None]] = {}
    for chain in found.values():
        if chain.base is ChainBase.PROFILE:
            serials = asked.setdefault(chain.base_profile, set())
            serials.update([chain.mfa_serial] if chain.hops else [])
    devices = {}
    for base, serials in asked.items():
        own = profile_setting(aws, base, "mfa_serial")
        if own and "role_arn" not in aws.profiles[base]:
            devices[base] = own
        elif len(serials) == 1 and (only := next(iter(serials))):
            devices[base] = only
    return devices
