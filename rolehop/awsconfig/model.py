"""The two AWS files as values: sections by name, secrets already wrapped in `Secret`."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.credentials import Secret
from rolehop.errors import ConfigError, SourceError
from rolehop.files.access import Distrust
from rolehop.startup.dataclass import dataclass, field
from rolehop.text import nearest

SECRET_KEYS = frozenset({"aws_secret_access_key", "aws_session_token", "aws_security_token"})
"""Keys whose values are wrapped in `Secret` as soon as they are read."""

Value = str | Secret | Mapping[str, str]
"""Plain text, a secret, or the ``key = value`` lines indented below a key (one level)."""

Section = Mapping[str, Value]
Sections = Mapping[str, Section]


@dataclass(frozen=True, slots=True, repr=False)
class AwsConfig:
    """Both files together. Its repr shows no values: even commands in it may contain secrets."""

    profiles: Sections = field(default_factory=dict)
    """By name; the credentials file overrides the config file, key by key."""

    sso_sessions: Sections = field(default_factory=dict)
    services: Sections = field(default_factory=dict)

    config_profiles: Sections = field(default_factory=dict)
    """The profiles of the config file only."""

    credentials_sections: Sections = field(default_factory=dict)
    """The credentials file only. botocore prefers its static keys to those of the config file."""

    config_file: str = "~/.aws/config"
    """For messages."""

    credentials_file: str = "~/.aws/credentials"
    """For messages."""

    unprefixed: frozenset[str] = frozenset()
    """Headers of the config file that would be profiles with ``profile`` before the name."""

    unreadable: tuple[str, ...] = ()
    """Headers of the config file whose name botocore cannot read, so that it leaves them out."""

    distrusted: Mapping[str, Distrust] = field(default_factory=dict)
    """By path, why a file may not be followed: others can write it. `check_trust` refuses what in
    it would run a command, or send secrets elsewhere."""

    def __repr__(self) -> str:
        return f"AwsConfig({len(self.profiles)} profiles)"


def check_trust(aws: AwsConfig, profile: str | None, key: str) -> None:
    """Raise if others could have written ``key`` of ``profile`` (``None`` means ``default``).

    Raises:
        SourceError: others can write the file that it is in.
    """
    in_credentials = key in aws.credentials_sections.get(profile or "default", {})
    file = aws.credentials_file if in_credentials else aws.config_file
    verb = "run" if key == "credential_process" else "followed"
    check_file(aws, file, f"the {key} of AWS profile '{profile or 'default'}' is not {verb}")


def check_file(aws: AwsConfig, file: str, refusal: str) -> None:
    """Raise ``refusal`` if others can write ``file``, one of the two.

    Raises:
        SourceError: they can.
    """
    if file in aws.distrusted:
        found = aws.distrusted[file]
        raise SourceError(refusal, cause=f"{file}: {found}", fix=found.advice(file))


def profile_of(aws: AwsConfig, name: str) -> Section:
    """Return the merged section of profile ``name``.

    Raises:
        SourceError: there is no such profile; the error suggests the nearest names.
    """
    if name in aws.profiles:
        return aws.profiles[name]
    near = nearest(name, aws.profiles)
    listed = ", ".join(f"'{found}'" for found in near)
    wrong = unprefixed_header(aws, name)
    raise SourceError(
        f"there is no AWS profile '{name}'",
        cause=wrong or f"it is neither in {aws.config_file} nor in {aws.credentials_file}",
        fix=f"write [profile {name}]"
        if wrong
        else f"did you mean {listed}"
        if near
        else f"add [profile {name}] to {aws.config_file}",
    )


def unprefixed_header(aws: AwsConfig, name: str) -> str | None:
    """Return what is wrong with the header ``[name]`` of the config file, if it has it."""
    if name not in aws.unprefixed:
        return None
    return f"[{name}] in {aws.config_file} is no profile: only default has no 'profile' before it"


def plain_setting(aws: AwsConfig, name: str, key: str) -> str | None:
    """Return ``key`` of profile ``name`` as plain text, or ``None`` if it is not set.

    Raises:
        SourceError: there is no such profile.
        ConfigError: the value is a block of indented lines, or a secret.
    """
    value = profile_of(aws, name).get(key)
    if value is None or isinstance(value, str):
        return value
    raise ConfigError(
        f"'{key}' of AWS profile '{name}' cannot be used",
        cause="its value is not one line of plain text",
        fix=f"correct it in {aws.config_file}",
    )
