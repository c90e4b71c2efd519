"""How sources call out: region, endpoint and client settings, by the rules the walk follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.arn import default_region
from rolehop.aws.sts import StsClient
from rolehop.awsconfig import current_profile, endpoint_override, region_of
from rolehop.config.regions import Regions, regions_in_order
from rolehop.errors import HopRefused, RolehopError, ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings, settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.config.model import SourceConfig
    from rolehop.net.http import HttpClient
    from rolehop.ports import StsRefusal
    from rolehop.sources.context import SourceContext


def region_for(source: SourceConfig, inputs: SourceContext, partition: str = "aws") -> str:
    """Return where the source's own AWS calls go.

    ``partition`` is that of the role, if it is known: its default region comes last.

    Raises:
        ConfigError: a region variable and the config name regions of two partitions.
    """
    regions = own_regions(source, inputs, current_profile(inputs.environ))
    regions.decided_partition()
    return regions.first.region if regions.first else default_region(partition)


def own_regions(source: SourceConfig, inputs: SourceContext, profile: str | None) -> Regions:
    """Return the regions that are named for the source's own calls, with those of ``profile``."""
    return regions_in_order(
        inputs.environ,
        own=source.region,
        defaults=inputs.default_region,
        profile=region_of(inputs.aws, profile),
    )


def endpoint_of(inputs: SourceContext, service: str) -> str | None:
    """Return the address that replaces AWS's own for ``service`` (``sts``, ``sso-oidc`` …)."""
    return endpoint_override(inputs.aws, current_profile(inputs.environ), inputs.environ, service)


def settings_for(inputs: SourceContext, region: str) -> ClientSettings:
    """Return the client settings of the variables and of the AWS profile in use.

    Raises:
        ConfigError: a value makes no sense.
    """
    keys = inputs.aws.profiles.get(current_profile(inputs.environ) or "", {})
    return settings_from(
        inputs.environ,
        {key: value for key, value in keys.items() if isinstance(value, str)},
        region,
        endpoint_url=endpoint_of(inputs, "sts"),
        iam_endpoint_url=endpoint_of(inputs, "iam"),
    )


def sts_of(inputs: SourceContext, region: str) -> StsClient:
    """Return the walk's own STS client for ``region`` where there is a walk, else a new one."""
    if inputs.sts is not None:
        return inputs.sts(region)
    return StsClient(settings_for(inputs, region), now=inputs.now, sleep=inputs.sleep)


def http_of(
    inputs: SourceContext,
    region: str,
    *,
    overridden: bool = False,
    advice: str | None = None,
    set_by: str | None = None,
) -> HttpClient:
    """Return a client for plain HTTP, proxies by the environment. This loads botocore."""
    from rolehop.net.http import HttpClient

    return HttpClient(
        settings_for(inputs, region),
        overridden=overridden,
        advice=advice,
        set_by=set_by,
        sleep=inputs.sleep,
    )


def token_rejected(
    what: str, refusal: StsRefusal, fixes: Mapping[str, str], *, anew: str, whose: str = ""
) -> RolehopError:
    """Return the error for a token or an assertion that STS did not take.

    ``fixes`` are by AWS's code, the one under an empty code for all others. ``anew`` says how to
    sign in again: a token that is too old is no refusal of the role. ``whose`` follows AWS's words.
    """
    cause = f"{refusal.code}: {refusal.message}{whose}"
    if refusal.code == "ExpiredTokenException":
        return SourceError(what, cause=cause, fix=anew)
    if refusal.code == "IDPCommunicationError":
        # After retries (STS API reference, errors of both operations).
        return ServiceError(
            "AWS could not reach the identity provider", cause=cause, fix="try again in a moment"
        )
    return HopRefused(what, code=refusal.code, cause=cause, fix=fixes.get(refusal.code, fixes[""]))
