"""How sources call out: region, endpoint and client settings, by the rules the walk follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.arn import default_region
from rolehop.aws.settings import ClientSettings, settings_from
from rolehop.aws.sts import StsClient
from rolehop.awsconfig import current_profile, endpoint_override, region_of

if TYPE_CHECKING:
    from rolehop.aws.http import HttpClient
    from rolehop.config.model import SourceConfig
    from rolehop.sources.inputs import Inputs


def region_for(source: SourceConfig, inputs: Inputs, partition: str = "aws") -> str:
    """Return where the source's own AWS calls go, in the order of the design.

    ``partition`` is that of the role, where there is one; its default region comes last.
    """
    environ = inputs.environ
    return (
        source.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or region_of(inputs.aws, current_profile(environ))
        or default_region(partition)
    )


def endpoint_of(inputs: Inputs, service: str) -> str | None:
    """Return the address that replaces AWS's own for ``service`` (``sts``, ``sso-oidc`` …)."""
    return endpoint_override(inputs.aws, current_profile(inputs.environ), inputs.environ, service)


def settings_for(inputs: Inputs, region: str) -> ClientSettings:
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


def sts_of(inputs: Inputs, region: str) -> StsClient:
    """Return the walk's own STS client for ``region`` where there is a walk, else a new one."""
    if inputs.sts is not None:
        return inputs.sts(region)
    return StsClient(settings_for(inputs, region), now=inputs.now, sleep=inputs.sleep)


def http_of(
    inputs: Inputs, region: str, *, overridden: bool = False, advice: str | None = None
) -> HttpClient:
    """Return a client for plain HTTP, proxies by the environment. This loads botocore."""
    from rolehop.aws.http import HttpClient

    return HttpClient(
        settings_for(inputs, region), overridden=overridden, advice=advice, sleep=inputs.sleep
    )
