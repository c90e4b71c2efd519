"""Look up one setting in the AWS files and the environment: paths, region, endpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from rolehop.awsconfig.model import AwsConfig, Section, check_file, check_trust
from rolehop.errors import ConfigError
from rolehop.files import expand_home
from rolehop.startup.lazy_regex import Pattern

_VARIABLE = Pattern(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)


def aws_config_paths(environ: Mapping[str, str], home: Path) -> tuple[Path, Path]:
    """Return the paths of the config and the credentials file, whether or not they exist."""
    return (
        _path(environ, "AWS_CONFIG_FILE", home / ".aws" / "config", home),
        _path(environ, "AWS_SHARED_CREDENTIALS_FILE", home / ".aws" / "credentials", home),
    )


def _path(environ: Mapping[str, str], variable: str, default: Path, home: Path) -> Path:
    """Return the path in ``variable``, with ``$VAR`` and then ``~`` expanded as botocore does."""
    named = environ.get(variable)
    if named is None:
        return default
    filled = _VARIABLE.sub(
        lambda found: environ.get(found[1] or found[2], found[0]),
        named,
    )
    # To botocore, a variable that is set but empty means that there is no file.
    return expand_home(filled or os.devnull, home)


def current_profile(environ: Mapping[str, str]) -> str | None:
    """Return the profile named by the environment, or ``None``.

    AWS_PROFILE wins over AWS_DEFAULT_PROFILE, as in the AWS CLI v2 and every SDK except botocore:
    somebody who types ``AWS_PROFILE=x rolehop …`` expects it to.
    """
    return environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or None


def profile_setting(aws: AwsConfig, profile: str | None, key: str) -> str | None:
    """Return the plain-text setting ``key`` of ``profile`` (``None`` means ``default``), if any."""
    value = _scoped(aws, profile).get(key)
    return value if isinstance(value, str) else None


def region_of(aws: AwsConfig, profile: str | None) -> str | None:
    """Return the region of ``profile``, or ``None`` if it has none."""
    return profile_setting(aws, profile, "region") or None


def endpoint_override(
    aws: AwsConfig, profile: str | None, environ: Mapping[str, str], service: str = "sts"
) -> str | None:
    """Return the endpoint URL that replaces AWS's own for ``service``, or ``None``.

    The order is botocore's (``ConfiguredEndpointProvider``): AWS_ENDPOINT_URL_<SERVICE>,
    AWS_ENDPOINT_URL, the profile's ``services`` section, the profile's ``endpoint_url``.

    Raises:
        ConfigError: the profile names a ``services`` section that does not exist.
        SourceError: others can write the file that names it.
    """
    scoped = _scoped(aws, profile)
    if _overrides_are_ignored(scoped, environ):
        return None
    variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    named = environ.get(variable) or environ.get("AWS_ENDPOINT_URL")
    if named:
        return named
    in_services = _endpoint_in_services(aws, scoped, service)
    if in_services:
        check_trust(aws, profile, "services")
        check_file(aws, aws.config_file, "the services sections of the AWS config are not followed")
        return in_services
    own = scoped.get("endpoint_url")
    if not isinstance(own, str) or not own:
        return None
    check_trust(aws, profile, "endpoint_url")
    return own


def client_keys(aws: AwsConfig, profile: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the plain-text keys of ``profile`` for clients of AWS; none without a profile.

    Raises:
        SourceError: others can write the file that names a CA bundle: whom to trust.
    """
    keys = aws.profiles.get(profile or "", {})
    if keys.get("ca_bundle") and not environ.get("AWS_CA_BUNDLE"):
        check_trust(aws, profile, "ca_bundle")
    return {key: value for key, value in keys.items() if isinstance(value, str)}


def endpoint_overrides(
    aws: AwsConfig, profile: str | None, environ: Mapping[str, str], services: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Return name and endpoint URL of each of ``services`` whose endpoint is overridden.

    This belongs into the stamp of what is got through them, and into the name of a sign-in: what
    comes from one endpoint is never used as if it came from another.

    Raises:
        ConfigError: the profile names a ``services`` section that does not exist.
    """
    urls = ((service, endpoint_override(aws, profile, environ, service)) for service in services)
    return tuple((service, url) for service, url in urls if url)


def _scoped(aws: AwsConfig, profile: str | None) -> Section:
    return aws.profiles.get(profile or "default", {})


def _overrides_are_ignored(scoped: Section, environ: Mapping[str, str]) -> bool:
    """True if configured endpoints are switched off; the variable wins over the file."""
    value: object = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    if value is None:
        value = scoped.get("ignore_configured_endpoint_urls")
    return isinstance(value, str) and value.lower() == "true"


def _endpoint_in_services(aws: AwsConfig, scoped: Section, service: str) -> str | None:
    """Return the ``endpoint_url`` of ``service`` in the profile's ``[services NAME]``."""
    name = scoped.get("services")
    if name is None:
        return None
    section = aws.services.get(name) if isinstance(name, str) else None
    if not section:
        raise ConfigError(
            f"the AWS profile uses the services section '{name}', which does not exist",
            cause=f"{aws.config_file} has no [services {name}]",
            fix=f"add [services {name}] to {aws.config_file}",
        )
    block = section.get(service.lower().replace("-", "_"), {})
    return block.get("endpoint_url") if isinstance(block, Mapping) else None
