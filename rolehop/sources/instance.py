"""The role of the EC2 instance that rolehop runs on, from its metadata service (IMDSv2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.aws.net.addresses import certain_host
from rolehop.awsconfig import AwsConfig, check_trust, current_profile, profile_setting
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, SourceError
from rolehop.base.startup import Pattern
from rolehop.base.text import quoted
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.plan.model import Stamp
from rolehop.sources.container import check_timeouts, metadata_timeouts
from rolehop.sources.source_type import Diagnosis, SourceType, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source

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
            "the role that it must have; principal checks the account, too",
            "whichever role the instance has",
        ),
    ),
)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return an unknown stamp: only the metadata service can say which role it is."""
    del source
    try:
        _address(context)
    except (ConfigError, SourceError) as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    return Stamp(None, long_lived=False)


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source; nothing is called before it is loaded."""
    role = source.settings.get("role")
    return _Instance(role if isinstance(role, str) else None, context)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return where the metadata service is looked for."""
    looked_for = "the EC2 instance metadata service"
    try:
        address = _address(context)
    except (ConfigError, SourceError) as error:
        return [Diagnosis(looked_for, one_line(error), good=False)]
    wanted = source.settings.get("role")
    role = f"role {wanted}" if wanted else "whichever role it has"
    return [Diagnosis(looked_for, f"called at {address} for {role}")]


def _address(context: SourceContext) -> str:
    """Return the service's URL, after checking the variables that configure it.

    Raises:
        SourceError: it is switched off.
        ConfigError: a variable is invalid.
    """
    check_timeouts(context.environ)
    return endpoint(context.environ, context.aws)


@dataclass(frozen=True, slots=True)
class _Instance:
    role: str | None
    context: SourceContext

    def load(self) -> Credentials:
        """Return the session of the instance's role.

        Raises:
            SourceError: this is not an EC2 instance, it has no role or another one, or its
                metadata service is switched off.
            ServiceError: the service answers, but not as it should.
            ConfigError: a variable that names its URL is invalid.
        """
        from rolehop.aws.metadata import InstanceMetadata

        address = endpoint(self.context.environ, self.context.aws)
        timeouts = metadata_timeouts(self.context.environ)
        with timeouts.client(self.context.sleep, _endpoint_setting(self.context.environ)) as http:
            metadata = InstanceMetadata(address, http, timeouts.attempts, self.context.now)
            return metadata.role_session(self.role)[1]


def endpoint(environ: Mapping[str, str], aws: AwsConfig) -> str:
    """Return the URL of the metadata service, from the variables and keys that botocore reads.

    Raises:
        SourceError: it is switched off.
        ConfigError: the mode or the URL is invalid.
    """
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise SourceError(
            "the EC2 instance metadata service is switched off here",
            cause="AWS_EC2_METADATA_DISABLED is true",
            fix="unset AWS_EC2_METADATA_DISABLED, or choose another source",
        )
    override = _setting(environ, aws, "ec2_metadata_service_endpoint")
    if override:
        if not environ.get(_ENDPOINT):
            check_trust(aws, current_profile(environ), "ec2_metadata_service_endpoint")
        if certain_host(override) is None:
            raise ConfigError(
                f"the EC2 instance metadata service cannot be called at {quoted(override)}",
                cause=f"{_endpoint_setting(environ)} says so: it is not an http:// or https:// URL with a host",
                fix=f"correct {_endpoint_setting(environ)}, e.g. http://169.254.169.254, or remove it",
            )
        return override
    mode = _setting(environ, aws, "ec2_metadata_service_endpoint_mode") or "ipv4"
    if mode.lower() not in _ADDRESSES:
        raise ConfigError(
            f"the EC2 instance metadata endpoint mode {mode!r} is invalid",
            cause="AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE says so, or the AWS profile's key of that name",
            fix="set it to IPv4 or IPv6",
        )
    return _ADDRESSES[mode.lower()]


_ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


def _endpoint_setting(environ: Mapping[str, str]) -> str:
    """Return the name of the setting that overrides the URL."""
    return (
        _ENDPOINT if environ.get(_ENDPOINT) else "ec2_metadata_service_endpoint of the AWS profile"
    )


def _setting(environ: Mapping[str, str], aws: AwsConfig, key: str) -> str | None:
    profile = current_profile(environ)
    return environ.get(f"AWS_{key.upper()}") or profile_setting(aws, profile, key) or None


# EC2 gives an instance its role's session, and sends nothing that a session could carry.
TYPE = SourceType(TABLE, stamp, build, diagnose, carries_nothing=True)
