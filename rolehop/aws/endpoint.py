"""The endpoint of a service and the region that its calls are signed for, by botocore's rules."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from botocore.exceptions import BotoCoreError, EndpointProviderError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url, validate_region_name

from rolehop.aws.net.addresses import certain_host
from rolehop.aws.net.client_settings import GLOBAL_REGION, LEGACY_GLOBAL_REGIONS, ClientSettings
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError
from rolehop.base.text import quoted

Service = Literal["sts", "iam", "ec2", "organizations", "rolesanywhere"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of one service."""

    url: str
    """With a path, at least ``/``."""

    signing_region: str

    @property
    def host(self) -> str:
        """Return host and port (if given), never a user name or password."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        return host if parts.port is None else f"{host}:{parts.port}"


def find_endpoint(service: Service, settings: ClientSettings) -> Endpoint:
    """Return the endpoint of ``service``; botocore's rules are loaded only without an override.

    Raises:
        ConfigError: the region, the flags or the override lead to no endpoint.
    """
    try:
        validate_region_name(settings.region)
    except BotoCoreError:
        raise ConfigError(
            f"{settings.region!r} is not a region", fix="a region looks like eu-west-1"
        ) from None
    override = settings.override(service)
    if override is not None:
        # As in botocore, calls to an overridden endpoint are signed for the client's region.
        return _checked(
            Endpoint(override, _signable(settings.region)), f"the overridden {service} endpoint"
        )
    return _checked(_by_rules(service, settings), f"region {settings.region!r}")


def public_url(service: str, settings: ClientSettings) -> str:
    """Return AWS's own URL of a service with unsigned calls (``sso``, ``sso-oidc``).

    Raises:
        ConfigError: the region or the flags lead to no endpoint.
    """
    try:
        validate_region_name(settings.region)
    except BotoCoreError:
        raise ConfigError(
            f"{settings.region!r} is not a region", fix="a region looks like eu-west-1"
        ) from None
    return _by_rules(service, settings).url


def _signable(region: str) -> str:
    return "us-east-1" if region == GLOBAL_REGION else region


def _by_rules(service: str, settings: ClientSettings) -> Endpoint:
    wanted: dict[str, object] = {
        "Region": settings.region,
        "UseFIPS": settings.use_fips,
        "UseDualStack": settings.use_dualstack,
    }
    if service == "sts":
        wanted["UseGlobalEndpoint"] = (
            settings.legacy_global_sts and settings.region in LEGACY_GLOBAL_REGIONS
        )
    try:
        found = _rules(service).resolve_endpoint(**wanted)
    except EndpointProviderError as error:
        raise ConfigError(
            f"{service} has no endpoint in region {settings.region!r}",
            cause=str(error),
            fix="check the region, and use_fips_endpoint and use_dualstack_endpoint",
        ) from None
    schemes = found.properties.get("authSchemes", ())
    regions = [each["signingRegion"] for each in schemes if each.get("signingRegion")]
    return Endpoint(found.url, regions[0] if regions else _signable(settings.region))


def _checked(endpoint: Endpoint, blamed: str) -> Endpoint:
    url = endpoint.url
    # In this order: botocore fails on a bracket that is not closed.
    if certain_host(url) is None or not (
        is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url)
    ):
        raise ConfigError(
            f"{blamed} leads to no address that can be called",
            cause=f"{quoted(_without_password(url))} is not an http:// or https:// URL with a host",
            fix="an endpoint is https://HOST, or http://HOST:PORT for an emulator",
        )
    parts = urlsplit(url)
    return Endpoint(
        urlunsplit(parts._replace(path=parts.path or "/", fragment="")), endpoint.signing_region
    )


def _without_password(url: str) -> str:
    """Return ``url`` without user name and password, for messages."""
    before, mark, rest = url.partition("://")
    return f"{before}{mark}{rest.rpartition('@')[2]}" if mark else url.rpartition("@")[2]


def own_data() -> Any:
    """Return what loads botocore's own data, and none of ``~/.aws/models`` or ``AWS_DATA_PATH``.

    Endpoints stand there, and whoever could write to that folder would be sent what is signed.
    """
    from botocore.loaders import Loader

    return Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


@cache
def _rules(service: str) -> Any:
    from botocore.endpoint_provider import EndpointProvider

    loader = own_data()
    return EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"),
        loader.load_data("partitions"),
    )
