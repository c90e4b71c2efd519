from __future__ import annotations

from functools import cache
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.aws.endpoint import Endpoint, find_endpoint
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.base.errors import ConfigError


@pytest.mark.parametrize(
    ("asked", "host", "signed_for"),
    [
        ({"region": "us-east-1"}, "sts.us-east-1.amazonaws.com", "us-east-1"),
        ({"region": "eu-west-1"}, "sts.eu-west-1.amazonaws.com", "eu-west-1"),
        ({"region": "ap-east-1"}, "sts.ap-east-1.amazonaws.com", "ap-east-1"),
        ({"region": "aws-global"}, "sts.amazonaws.com", "us-east-1"),
        ({"region": "eu-west-1", "legacy_global_sts": True}, "sts.amazonaws.com", "us-east-1"),
        (
            {"region": "ap-east-1", "legacy_global_sts": True},
            "sts.ap-east-1.amazonaws.com",
            "ap-east-1",
        ),
        ({"region": "cn-north-1"}, "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ({"region": "us-gov-west-1"}, "sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        (
            {"region": "us-gov-west-1", "use_fips": True},
            "sts.us-gov-west-1.amazonaws.com",
            "us-gov-west-1",
        ),
        ({"region": "us-iso-east-1"}, "sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        ({"region": "eusc-de-east-1"}, "sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        (
            {"region": "us-west-2", "use_fips": True},
            "sts-fips.us-west-2.amazonaws.com",
            "us-west-2",
        ),
        (
            {"region": "eu-west-1", "use_fips": True},
            "sts-fips.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        ({"region": "us-east-1", "use_dualstack": True}, "sts.us-east-1.api.aws", "us-east-1"),
        (
            {"region": "us-east-1", "use_dualstack": True, "use_fips": True},
            "sts-fips.us-east-1.api.aws",
            "us-east-1",
        ),
    ],
)
def test_sts_is_called_where_botocore_calls_it(
    asked: dict[str, Any], host: str, signed_for: str
) -> None:
    assert find_endpoint("sts", ClientSettings(**asked)) == Endpoint(f"https://{host}/", signed_for)


@pytest.mark.parametrize(
    ("region", "host", "signed_for"),
    [
        ("eu-west-1", "iam.amazonaws.com", "us-east-1"),
        ("cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("us-gov-east-1", "iam.us-gov.amazonaws.com", "us-gov-west-1"),
        ("us-iso-east-1", "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
    ],
)
def test_iam_has_one_endpoint_a_partition(region: str, host: str, signed_for: str) -> None:
    assert find_endpoint("iam", ClientSettings(region)) == Endpoint(f"https://{host}/", signed_for)


@pytest.mark.parametrize(
    ("override", "url", "host"),
    [
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566/", "127.0.0.1:4566"),
        ("https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", None, None),
        ("http://localhost:4566/sts/", "http://localhost:4566/sts/", "localhost:4566"),
        ("http://[::1]:4566", "http://[::1]:4566/", "[::1]:4566"),
        ("https://me:secret@proxy.example/", "https://me:secret@proxy.example/", "proxy.example"),
    ],
)
def test_an_override_beats_the_flags_and_is_signed_for_the_region(
    override: str, url: str | None, host: str | None
) -> None:
    asked = ClientSettings("eu-west-1", endpoint_url=override, use_fips=True, use_dualstack=True)
    found = find_endpoint("sts", asked)
    assert found == Endpoint(url or f"{override}/", "eu-west-1")
    assert found.host == (host or override.removeprefix("https://"))


@pytest.mark.parametrize(
    "asked",
    [
        {"region": "eu west 1"},
        {"region": "eu-west-1/../x"},
        {"region": "eu-west-1", "endpoint_url": "127.0.0.1:4566"},
        {"region": "eu-west-1", "endpoint_url": "ftp://127.0.0.1"},
        {"region": "eu-west-1", "endpoint_url": "http://a\nb/"},
        {"region": "us-isob-east-1", "use_dualstack": True, "use_fips": True, "endpoint_url": "x"},
    ],
)
def test_what_leads_nowhere_is_the_configs_mistake(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        find_endpoint("sts", ClientSettings(**asked))


@cache
def _regions() -> list[str]:
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    return ["aws-global"] + [
        region for each in partitions for region in session.get_available_regions("sts", each)
    ]


@cache
def _session(legacy: bool) -> Any:
    """A session reads the data of all services' endpoints once, whatever the number of clients."""
    session = botocore.session.get_session()
    session.set_config_variable("sts_regional_endpoints", "legacy" if legacy else "regional")
    return session


def _as_botocore_says(asked: ClientSettings) -> tuple[str, str]:
    """Return URL and signing region of the request that a real botocore client would send."""
    client: Any = _session(asked.legacy_global_sts).create_client(
        "sts",
        asked.region,
        aws_access_key_id="AKIASOURCE",
        aws_secret_access_key="x",
        config=Config(use_fips_endpoint=asked.use_fips, use_dualstack_endpoint=asked.use_dualstack),
    )
    sent: list[Any] = []

    def keep(request: Any, **_: object) -> Any:
        sent.append(request)
        raise InterruptedError

    client.meta.events.register("before-send.sts", keep)
    with pytest.raises(InterruptedError):
        client.get_caller_identity()
    scope = sent[0].headers["Authorization"]
    scope = scope.decode() if isinstance(scope, bytes) else scope
    return sent[0].url, scope.split("/")[2]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), fips=st.booleans(), dualstack=st.booleans(), legacy=st.booleans())
def test_any_region_and_flags_agree_with_a_real_client(
    data: st.DataObject, fips: bool, dualstack: bool, legacy: bool
) -> None:
    region = data.draw(st.sampled_from(_regions()))
    asked = ClientSettings(region, use_fips=fips, use_dualstack=dualstack, legacy_global_sts=legacy)
    try:
        found = find_endpoint("sts", asked)
    except ConfigError:
        with pytest.raises(botocore.exceptions.BotoCoreError):
            _as_botocore_says(asked)
        return
    try:
        theirs = _as_botocore_says(asked)
    except botocore.exceptions.EndpointVariantError:
        # The client also asks an older table, which lacks variants that the rules know.
        return
    assert (found.url, found.signing_region) == theirs


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("foo", "foo"),
        ("ftp://me:hidden-word@host/x", "ftp://host/x"),
        ("me:hidden-word@x", "x"),
        ("http://[", "http://["),
        ("http://[1]", "http://[1]"),
        ("http://x:99999", "http://x:99999"),
    ],
)
def test_an_override_that_is_no_address_is_shown_without_its_password(url: str, shown: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_endpoint("sts", ClientSettings("eu-west-1", endpoint_url=url))
    assert caught.value.cause == f'"{shown}" is not an http:// or https:// URL with a host'
    assert caught.value.fix
