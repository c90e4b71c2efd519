"""How AWS is called: region, endpoints, TLS and timeouts, read from the given mappings.

Imports no botocore: settings are also made where no call follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from rolehop.base.arn import default_region
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError

DEFAULT_ATTEMPTS = 3
GLOBAL_STS = "https://sts.amazonaws.com/"
GLOBAL_REGION = "aws-global"

# botocore/args.py, LEGACY_GLOBAL_STS_REGIONS: the regions AWS served from the global endpoint
# before July 2022. The list is closed: later regions never had a legacy endpoint.
LEGACY_GLOBAL_REGIONS = frozenset(
    [
        "aws-global",
        "ap-northeast-1",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ]
)


def means_global_sts(region: str, *, legacy: bool) -> bool:
    """True if STS is called at its global endpoint for ``region``; the only place that says so.

    ``legacy``: ``sts_regional_endpoints`` is ``legacy``.
    """
    return region in LEGACY_GLOBAL_REGIONS if legacy else region == GLOBAL_REGION


def is_global_sts(url: str) -> bool:
    """True if ``url`` is that of the global STS endpoint."""
    return urlsplit(url).hostname == urlsplit(GLOBAL_STS).hostname


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Everything that a call needs besides its content and its signer.

    Proxies are not part of it: botocore chooses one for each URL at the first call, from
    HTTPS_PROXY, HTTP_PROXY, NO_PROXY and the system's settings.
    """

    region: str
    """The region of the STS endpoint, for which calls are signed."""

    endpoint_url: str | None = None
    """Overrides the STS endpoint; wins over FIPS, dual-stack and the global endpoint."""

    iam_endpoint_url: str | None = None
    """Overrides the IAM endpoint."""

    organizations_endpoint_url: str | None = None
    """Overrides the endpoint of Organizations."""

    ec2_endpoint_url: str | None = None
    """Overrides the endpoint of EC2."""

    use_fips: bool = False
    use_dualstack: bool = False

    legacy_global_sts: bool = False
    """Call ``sts.amazonaws.com`` for the regions that it served before regional endpoints."""

    ca_bundle: str | None = None
    """A file of certificate authorities to trust; ``None``: botocore's own."""

    connect_timeout_seconds: float = 5
    """For each address of a host. Both timeouts together limit a whole exchange."""

    read_timeout_seconds: float = 15
    """For each part of an answer."""

    max_attempts: int = DEFAULT_ATTEMPTS
    """Of one call; a call that carries an MFA code is sent once in any case."""

    @property
    def session_endpoint(self) -> str | None:
        """The STS endpoint if its sessions differ from those of AWS's regional endpoints.

        An overridden one, or the global one, whose sessions are not valid in regions that an
        account has to enable (IAM user guide, "Manage AWS STS in an AWS Region").
        """
        is_global = means_global_sts(self.region, legacy=self.legacy_global_sts)
        return self.endpoint_url or (GLOBAL_STS if is_global else None)

    @property
    def regional(self) -> ClientSettings:
        """The same, but never for AWS's global STS endpoint, which lacks some calls.

        Raises:
            ConfigError: the global endpoint is what overrides the endpoint of STS.
        """
        if self.endpoint_url is not None and is_global_sts(self.endpoint_url):
            raise ConfigError(
                "the STS endpoint is AWS's global one, which cannot narrow a session",
                cause=f"{self.endpoint_url} is named by a variable or the AWS config",
                fix="take AWS_ENDPOINT_URL_STS or endpoint_url away: a regional one is then called",
            )
        region = default_region("aws") if self.region == GLOBAL_REGION else self.region
        return replace(self, region=region, legacy_global_sts=False)

    def override(self, service: str) -> str | None:
        """Return what overrides the endpoint of ``service``, or ``None``."""
        overrides = {
            "sts": self.endpoint_url,
            "iam": self.iam_endpoint_url,
            "organizations": self.organizations_endpoint_url,
            "ec2": self.ec2_endpoint_url,
        }
        return overrides.get(service)


def settings_from(
    environ: Mapping[str, str],
    profile_keys: Mapping[str, str],
    region: str | None,
    *,
    endpoint_url: str | None = None,
    iam_endpoint_url: str | None = None,
    organizations_endpoint_url: str | None = None,
    ec2_endpoint_url: str | None = None,
) -> ClientSettings:
    """Make settings the way botocore does: a variable wins over its key of the AWS profile.

    ``profile_keys`` are the keys of the AWS profile in use, as text. Empty values count as not
    set. Without a region, it is the default one of the commercial partition. ``retry_mode`` is
    ignored: rolehop retries like botocore's ``standard``.

    Raises:
        ConfigError: a value is not valid for its variable or key.
    """
    settings = _SettingReader(environ, profile_keys)
    regional = settings.choice(
        "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints", ("regional", "legacy")
    )
    attempts = settings.count("AWS_MAX_ATTEMPTS", "max_attempts")
    return ClientSettings(
        region=region or default_region("aws"),
        endpoint_url=endpoint_url or None,
        iam_endpoint_url=iam_endpoint_url or None,
        organizations_endpoint_url=organizations_endpoint_url or None,
        ec2_endpoint_url=ec2_endpoint_url or None,
        use_fips=settings.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
        use_dualstack=settings.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
        legacy_global_sts=regional == "legacy",
        # botocore's order: its own variable, the profile, then that of the requests library.
        ca_bundle=settings.text("AWS_CA_BUNDLE", "ca_bundle")
        or environ.get("REQUESTS_CA_BUNDLE", "").strip()
        or None,
        max_attempts=attempts or DEFAULT_ATTEMPTS,
    )


@dataclass(frozen=True, slots=True)
class _SettingReader:
    environ: Mapping[str, str]
    profile_keys: Mapping[str, str]

    def text(self, variable: str, key: str) -> str | None:
        """Return the value of the variable, else of the key, else ``None``."""
        return self._found(variable, key)[1]

    def flag(self, variable: str, key: str) -> bool:
        """True if the value is ``true``; as in botocore, anything else is false."""
        return (self.text(variable, key) or "").lower() == "true"

    def choice(self, variable: str, key: str, words: tuple[str, ...]) -> str | None:
        """Return one of ``words``, or ``None``."""
        name, value = self._found(variable, key)
        if value is None or value.lower() in words:
            return value and value.lower()
        raise ConfigError(
            f"{name} cannot be {value!r}", fix=f"set it to one of: {', '.join(words)}"
        )

    def count(self, variable: str, key: str) -> int | None:
        """Return a whole number of at least 1, or ``None``."""
        name, value = self._found(variable, key)
        if value is None:
            return None
        if value.isascii() and value.isdecimal() and len(value) <= 9 and int(value) > 0:
            return int(value)
        raise ConfigError(
            f"{name} cannot be {value!r}", fix="set it to a whole number of at least 1"
        )

    def _found(self, variable: str, key: str) -> tuple[str, str | None]:
        if value := self.environ.get(variable, "").strip():
            return variable, value
        return f"{key} of the AWS profile", self.profile_keys.get(key, "").strip() or None
