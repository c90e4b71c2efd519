"""The two AWS files as values: sections by name, with their secrets already hidden."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.credentials import Secret
from rolehop.errors import ConfigError, SourceError
from rolehop.startup.dataclass import dataclass, field
from rolehop.text import nearest

SECRET_KEYS = frozenset({"aws_secret_access_key", "aws_session_token", "aws_security_token"})
"""Keys whose values are wrapped in `Secret` as soon as they are read."""

Value = str | Secret | Mapping[str, str]
"""Plain text; a secret; or the one level of ``key = value`` lines indented below a key."""

Section = Mapping[str, Value]
Sections = Mapping[str, Section]


@dataclass(frozen=True, slots=True, repr=False)
class AwsConfig:
    """Both files together. Never shown: even commands in it may carry secrets."""

    profiles: Sections = field(default_factory=dict)
    """By name, the credentials file's keys merged over the config file's, key by key."""

    sso_sessions: Sections = field(default_factory=dict)
    services: Sections = field(default_factory=dict)

    config_profiles: Sections = field(default_factory=dict)
    """The profiles as the config file alone has them."""

    credentials_sections: Sections = field(default_factory=dict)
    """The credentials file alone. botocore takes its static keys before those of the config."""

    config_file: str = "~/.aws/config"
    """For messages."""

    credentials_file: str = "~/.aws/credentials"
    """For messages."""

    def __repr__(self) -> str:
        return f"AwsConfig({len(self.profiles)} profiles)"


def profile_of(aws: AwsConfig, name: str) -> Section:
    """Return the merged section of profile ``name``.

    Raises:
        SourceError: there is no such profile; names the nearest ones.
    """
    if name in aws.profiles:
        return aws.profiles[name]
    near = nearest(name, aws.profiles)
    listed = ", ".join(f"'{found}'" for found in near)
    raise SourceError(
        f"there is no AWS profile '{name}'",
        cause=f"neither {aws.config_file} nor {aws.credentials_file} has it",
        fix=f"did you mean {listed}" if near else f"add [profile {name}] to {aws.config_file}",
    )


def text_in(aws: AwsConfig, name: str, key: str) -> str | None:
    """Return ``key`` of profile ``name`` as plain text, ``None`` where it is not there.

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
