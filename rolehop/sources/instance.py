"""The role of the EC2 instance that rolehop runs on, by version 2 of its metadata service."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rolehop.awsconfig import AwsConfig, current_profile, profile_setting
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.errors import ConfigError, SourceError
from rolehop.plan import Stamp
from rolehop.sources.shared.metadata_timeouts import named, patience
from rolehop.sources.source_type import Finding, SourceType, problem_of
from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext

# Amazon EC2 user guide, "Access instance metadata".
_ADDRESSES = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}

TABLE = Table(
    "sources.NAME (instance)",
    "the role of the EC2 instance, through its metadata service (IMDSv2)",
    (
        Key(
            "role",
            value_types.text(
                "the name of a role", Pattern(r"[A-Za-z0-9_+=,.@-]{1,64}"), kind="role name"
            ),
            "the role that it must be; principal says its account, too",
            "whichever role the instance has",
        ),
    ),
)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return that nothing is known before the instance was asked."""
    del source
    try:
        _address(inputs)
    except (ConfigError, SourceError) as error:
        return Stamp(None, long_lived=False, problem=problem_of(error))
    return Stamp(None, long_lived=False)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; nothing is asked before it is loaded."""
    role = source.settings.get("role")
    return _Instance(role if isinstance(role, str) else None, inputs)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say where the metadata service is looked for."""
    looked_for = "the EC2 instance metadata service"
    try:
        address = _address(inputs)
    except (ConfigError, SourceError) as error:
        return [Finding(looked_for, problem_of(error), good=False)]
    wanted = source.settings.get("role")
    role = f"role {wanted}" if wanted else "whichever role it has"
    return [Finding(looked_for, f"asked at {address} for {role}")]


def _address(inputs: SourceContext) -> str:
    """Return where the service will be asked; the variables that rule it make sense.

    Raises:
        SourceError: it is switched off.
        ConfigError: a variable makes no sense.
    """
    named(inputs.environ)
    return endpoint(inputs.environ, inputs.aws)


@dataclass(frozen=True, slots=True)
class _Instance:
    role: str | None
    inputs: SourceContext

    def load(self) -> Credentials:
        """Return the session of the instance's role.

        Raises:
            SourceError: this is no EC2 instance, or has no role or another one, or its metadata
                service is switched off.
            ServiceError: the service is there, and does not answer as it should.
            ConfigError: a variable that says where it is makes no sense.
        """
        from rolehop.aws.metadata import InstanceMetadata

        address = endpoint(self.inputs.environ, self.inputs.aws)
        wait = patience(self.inputs.environ)
        with wait.client(self.inputs.sleep, _named_by(self.inputs.environ)) as http:
            metadata = InstanceMetadata(address, http, wait.attempts, self.inputs.now)
            return metadata.role_session(self.role)[1]


def endpoint(environ: Mapping[str, str], aws: AwsConfig) -> str:
    """Return where the metadata service is, by the variables and keys that botocore reads.

    Raises:
        SourceError: it is switched off.
        ConfigError: the mode is none, or the address is none.
    """
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise SourceError(
            "the EC2 instance metadata service is switched off here",
            cause="AWS_EC2_METADATA_DISABLED is true",
            fix="unset AWS_EC2_METADATA_DISABLED, or choose another source",
        )
    own = _setting(environ, aws, "ec2_metadata_service_endpoint")
    if own:
        if not _is_address(own):
            raise ConfigError(
                f"the EC2 instance metadata service cannot be asked at {quoted(own)}",
                cause=f"{_named_by(environ)} says so: it is no http:// or https:// URL with a host",
                fix=f"correct {_named_by(environ)}, e.g. http://169.254.169.254, or take it out",
            )
        return own
    mode = _setting(environ, aws, "ec2_metadata_service_endpoint_mode") or "ipv4"
    if mode.lower() not in _ADDRESSES:
        raise ConfigError(
            f"the mode of the EC2 instance metadata endpoint cannot be {mode!r}",
            cause="AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE says so, or the AWS profile's key of that name",
            fix="set it to IPv4 or IPv6",
        )
    return _ADDRESSES[mode.lower()]


_ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


def _named_by(environ: Mapping[str, str]) -> str:
    """Say what names an address of the service's own."""
    return (
        _ENDPOINT if environ.get(_ENDPOINT) else "ec2_metadata_service_endpoint of the AWS profile"
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # read for its check
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _setting(environ: Mapping[str, str], aws: AwsConfig, key: str) -> str | None:
    profile = current_profile(environ)
    return environ.get(f"AWS_{key.upper()}") or profile_setting(aws, profile, key) or None


TYPE = SourceType(TABLE, stamp, build, findings)
