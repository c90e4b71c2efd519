"""How AWS is called: region, endpoints, TLS and patience, read from given mappings.

Imports no botocore: settings are made on paths that may end without a call.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.arn import default_region
from rolehop.errors import ConfigError
from rolehop.startup.dataclass import dataclass

DEFAULT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """All that a call needs to know besides what it says and who signs it.

    Proxies are not here: botocore decides for each URL, from HTTPS_PROXY, HTTP_PROXY, NO_PROXY
    and the system's own settings, at the time of the first call.
    """

    region: str
    """Where STS is called and what calls are signed for."""

    endpoint_url: str | None = None
    """The STS endpoint where it is overridden; beats FIPS, dual-stack and the global endpoint."""

    iam_endpoint_url: str | None = None
    """The same for IAM."""

    use_fips: bool = False
    use_dualstack: bool = False

    legacy_global_sts: bool = False
    """Call ``sts.amazonaws.com`` for the regions that AWS served there before regional ones."""

    ca_bundle: str | None = None
    """A file of certificate authorities to trust instead of botocore's own; ``None``: those."""

    connect_timeout_seconds: float = 5
    read_timeout_seconds: float = 15

    max_attempts: int = DEFAULT_ATTEMPTS
    """All attempts of one call together; a call that carries an MFA code has one anyway."""

    def override(self, service: str) -> str | None:
        """Return the overridden endpoint of ``service`` (``sts`` or ``iam``), if there is one."""
        return {"sts": self.endpoint_url, "iam": self.iam_endpoint_url}.get(service)


def settings_from(
    environ: Mapping[str, str],
    profile_keys: Mapping[str, str],
    region: str | None,
    *,
    endpoint_url: str | None = None,
    iam_endpoint_url: str | None = None,
) -> ClientSettings:
    """Make settings the way botocore does: a variable beats its key of the AWS profile.

    ``profile_keys`` are the keys of the AWS profile in use, as text. Empty values count as not
    set. No region at all is the commercial partition's default. ``retry_mode`` is not followed:
    rolehop's retries are what botocore calls ``standard``.

    Raises:
        ConfigError: a value is none that its variable or key can have.
    """
    settings = _Reader(environ, profile_keys)
    regional = settings.choice(
        "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints", ("regional", "legacy")
    )
    attempts = settings.count("AWS_MAX_ATTEMPTS", "max_attempts")
    return ClientSettings(
        region=region or default_region("aws"),
        endpoint_url=endpoint_url or None,
        iam_endpoint_url=iam_endpoint_url or None,
        use_fips=settings.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
        use_dualstack=settings.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
        legacy_global_sts=regional == "legacy",
        # botocore's order: its own variable, the profile, then the one of the requests library.
        ca_bundle=settings.text("AWS_CA_BUNDLE", "ca_bundle")
        or environ.get("REQUESTS_CA_BUNDLE", "").strip()
        or None,
        max_attempts=attempts or DEFAULT_ATTEMPTS,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    environ: Mapping[str, str]
    profile_keys: Mapping[str, str]

    def text(self, variable: str, key: str) -> str | None:
        """Return the value of the variable, else of the key, else ``None``."""
        return self._found(variable, key)[1]

    def flag(self, variable: str, key: str) -> bool:
        """Tell whether the value is ``true``; like botocore, anything else is false."""
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
        """Return a whole number from 1, or ``None``."""
        name, value = self._found(variable, key)
        if value is None:
            return None
        if value.isascii() and value.isdecimal() and int(value) > 0:
            return int(value)
        raise ConfigError(f"{name} cannot be {value!r}", fix="set it to a whole number from 1")

    def _found(self, variable: str, key: str) -> tuple[str, str | None]:
        if value := self.environ.get(variable, "").strip():
            return variable, value
        return f"{key} of the AWS profile", self.profile_keys.get(key, "").strip() or None
