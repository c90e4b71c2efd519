"""Region, endpoint and clients for the sources' own calls, by the same rules as for the walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.aws.net.client_settings import ClientSettings, settings_from
from rolehop.aws.sts import StsClient
from rolehop.awsconfig import client_keys, current_profile, endpoint_override, region_of
from rolehop.base.arn import default_region
from rolehop.base.errors import HopRefused, RolehopError, ServiceError, SignInExpired
from rolehop.config.regions import Regions, regions_in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.aws.net.http import HttpClient
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import StsRefusal


def region_for(source: SourceConfig, context: SourceContext, partition: str = "aws") -> str:
    """Return where the source's own AWS calls go.

    ``partition`` is that of the role, if it is known: its default region comes last.

    Raises:
        ConfigError: a region variable and the config name regions of different partitions.
    """
    regions = own_regions(source, context, current_profile(context.environ))
    regions.decided_partition()
    return regions.first.region if regions.first else default_region(partition)


def own_regions(source: SourceConfig, context: SourceContext, profile: str | None) -> Regions:
    """Return the regions that are named for the source's own calls, with those of ``profile``."""
    return regions_in_order(
        context.environ,
        own=source.region,
        defaults=context.default_region,
        profile=region_of(context.aws, profile),
    )


def endpoint_of(context: SourceContext, service: str) -> str | None:
    """Return the URL that overrides AWS's own for ``service`` (``sts``, ``sso-oidc`` …), if any."""
    return endpoint_override(
        context.aws, current_profile(context.environ), context.environ, service
    )


def settings_for(context: SourceContext, region: str) -> ClientSettings:
    """Return the client settings of the variables and of the AWS profile in use.

    Raises:
        ConfigError: a value is invalid.
    """
    return settings_from(
        context.environ,
        client_keys(context.aws, current_profile(context.environ), context.environ),
        region,
        endpoint_url=endpoint_of(context, "sts"),
        iam_endpoint_url=endpoint_of(context, "iam"),
    )


def sts_client(context: SourceContext, region: str) -> StsClient:
    """Return the walk's own STS client for ``region``, or a new one outside of a walk."""
    if context.sts is not None:
        return context.sts(region)
    return StsClient(
        settings_for(context, region),
        now=context.now,
        sleep=context.sleep,
        notify=context.note,
        on_call=context.on_call,
    )


def http_client(
    context: SourceContext,
    region: str,
    *,
    overridden: bool = False,
    advice: str | None = None,
    set_by: str | None = None,
) -> HttpClient:
    """Return a client for plain HTTP, with the environment's proxies. This imports botocore."""
    from rolehop.aws.net.http import HttpClient

    return HttpClient(
        settings_for(context, region),
        overridden=overridden,
        advice=advice,
        set_by=set_by,
        sleep=context.sleep,
        notify=context.note,
    )


def token_rejected(
    what: str, refusal: StsRefusal, fixes: Mapping[str, str], *, sign_in: str, whose: str = ""
) -> RolehopError:
    """Return the error for a token or an assertion that STS did not accept.

    ``fixes`` are by AWS's error code, with the fix for all other codes under ``""``. ``sign_in``
    says how to get a new token: an expired one is not a refusal of the role. ``whose`` is appended
    to AWS's message.
    """
    cause = f"{refusal.code}: {refusal.message}{whose}"
    if refusal.code == "ExpiredTokenException":
        return SignInExpired(what, cause=cause, fix=sign_in)
    if refusal.code == "IDPCommunicationError":
        # After retries (STS API reference, errors of both operations).
        return ServiceError(
            "AWS could not reach the identity provider", cause=cause, fix="try again in a moment"
        )
    return HopRefused(what, code=refusal.code, cause=cause, fix=fixes.get(refusal.code, fixes[""]))
