"""One STS client for each region and AWS profile; each keeps its connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from rolehop.aws.net.client_settings import GLOBAL_STS, means_global_sts
from rolehop.awsconfig import AwsConfig, client_keys, endpoint_override, profile_setting
from rolehop.base.dataclass import dataclass, field
from rolehop.walk.ports import OnCall, ignore_call

if TYPE_CHECKING:
    from rolehop.aws.net.client_settings import ClientSettings
    from rolehop.aws.net.http import HttpClient
    from rolehop.aws.sts import StsClient

_Key = tuple[str, str | None]


@dataclass(slots=True)
class StsClients:
    """Make each client when it is first needed; safe to use from many threads."""

    environ: Mapping[str, str]
    aws_config: AwsConfig
    now: Callable[[], datetime]
    notify: Callable[[str], None]
    on_call: OnCall = ignore_call
    """Is told each call."""

    connections: int = 10
    """How many calls one client may have in flight at once."""

    _made: dict[_Key, StsClient] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def endpoint_url(self, profile: str | None, service: str = "sts") -> str | None:
        """Return the endpoint of ``service`` if variables or the AWS profile override it."""
        return endpoint_override(self.aws_config, profile, self.environ, service)

    def session_endpoint(self, profile: str | None, region: str, own_region: str) -> str | None:
        """Return the STS endpoint if its sessions differ from those of AWS's regional endpoints.

        An overridden one, or the global one, whose sessions are not valid in regions that an
        account has to enable (IAM user guide, "Manage AWS STS in an AWS Region"). The calls
        of the hops are made in ``region``, those of the source in ``own_region``: if only one of
        them means the global endpoint, which one is appended.
        """
        url = self.endpoint_url(profile)
        if url:
            return url
        key = profile_setting(self.aws_config, profile, "sts_regional_endpoints") if profile else ""
        mode = self.environ.get("AWS_STS_REGIONAL_ENDPOINTS", "").strip() or (key or "").strip()
        legacy = mode.lower() == "legacy"
        of_hops, of_source = (
            means_global_sts(each, legacy=legacy) for each in (region, own_region)
        )
        if of_hops:
            return GLOBAL_STS if of_source else f"{GLOBAL_STS}#hops"
        return f"{GLOBAL_STS}#source" if of_source else None

    def get(self, region: str, profile: str | None) -> StsClient:
        """Return the client for ``region`` with the settings of AWS profile ``profile``.

        botocore is imported at the first call, not here.
        """
        with self._lock:
            key = (region, profile)
            if key not in self._made:
                self._made[key] = self._make(region, profile)
            return self._made[key]

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        with self._lock:
            for each in self._made.values():
                each.close()

    def http_client(self, region: str, profile: str | None, *, overridden: bool) -> HttpClient:
        """Return a new client for calls that are not signed, with the same settings.

        ``overridden``: its address comes from a variable or the AWS profile, for messages.
        """
        from rolehop.aws.net.http import HttpClient

        settings = self._settings(region, profile)
        return HttpClient(settings, overridden=overridden, notify=self.notify)

    def _settings(self, region: str, profile: str | None) -> ClientSettings:
        from rolehop.aws.net.client_settings import settings_from

        return settings_from(
            self.environ,
            client_keys(self.aws_config, profile, self.environ),
            region,
            endpoint_url=self.endpoint_url(profile),
            iam_endpoint_url=self.endpoint_url(profile, "iam"),
            organizations_endpoint_url=self.endpoint_url(profile, "organizations"),
            ec2_endpoint_url=self.endpoint_url(profile, "ec2"),
        )

    def _make(self, region: str, profile: str | None) -> StsClient:
        from rolehop.aws.sts import StsClient

        return StsClient(
            self._settings(region, profile),
            now=self.now,
            pool_size=self.connections,
            notify=self.notify,
            on_call=self.on_call,
        )
