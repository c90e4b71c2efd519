"""Where the console and its sign-in are, in each partition."""

from __future__ import annotations

import pytest

from rolehop.base.errors import ConfigError, UsageError
from rolehop.commands.console.login import SERVICES, console_site, service_path


@pytest.mark.parametrize(
    ("partition", "region", "sign_in", "console"),
    [
        ("aws", None, "https://signin.aws.amazon.com", "https://console.aws.amazon.com"),
        (
            "aws",
            "eu-west-1",
            "https://eu-west-1.signin.aws.amazon.com",
            "https://eu-west-1.console.aws.amazon.com",
        ),
        ("aws-cn", None, "https://signin.amazonaws.cn", "https://console.amazonaws.cn"),
        (
            "aws-cn",
            "cn-north-1",
            "https://cn-north-1.signin.amazonaws.cn",
            "https://cn-north-1.console.amazonaws.cn",
        ),
        (
            "aws-us-gov",
            "us-gov-west-1",
            "https://us-gov-west-1.signin.amazonaws-us-gov.com",
            "https://us-gov-west-1.console.amazonaws-us-gov.com",
        ),
        # It has regional addresses only.
        (
            "aws-eusc",
            None,
            "https://eusc-de-east-1.signin.amazonaws-eusc.eu",
            "https://eusc-de-east-1.console.amazonaws-eusc.eu",
        ),
    ],
)
def test_the_hosts_of_a_partition(
    partition: str, region: str | None, sign_in: str, console: str
) -> None:
    site = console_site(partition, region, "eusc-de-east-1", None)
    assert (site.sign_in_url, site.console_url) == (sign_in, console)


def test_the_hosts_of_an_isolated_partition_are_not_public() -> None:
    with pytest.raises(ConfigError, match="aws-iso is not known"):
        console_site("aws-iso", "us-iso-east-1", "us-iso-east-1", None)


def test_an_overridden_sign_in_does_not_move_the_console() -> None:
    site = console_site("aws", "eu-west-1", "us-east-1", "http://127.0.0.1:4566/")
    assert site.sign_in_url == "http://127.0.0.1:4566"
    assert site.console_url == "https://eu-west-1.console.aws.amazon.com"


HERE = "https://eu-west-1.console.aws.amazon.com"


@pytest.mark.parametrize(
    ("wanted", "address"),
    [
        ("/", f"{HERE}/?region=eu-west-1"),
        ("/ec2/home", f"{HERE}/ec2/home?region=eu-west-1"),
        ("/s3/buckets?prefix=a b", f"{HERE}/s3/buckets?prefix=a b&region=eu-west-1"),
        ("/ec2/home?region=us-east-2", f"{HERE}/ec2/home?region=us-east-2"),
        (
            "/cloudwatch/home#logsV2:log-groups",
            f"{HERE}/cloudwatch/home?region=eu-west-1#logsV2:log-groups",
        ),
        (
            "https://s3.console.aws.amazon.com/s3/home",
            "https://s3.console.aws.amazon.com/s3/home?region=eu-west-1",
        ),
        ("https://health.aws.amazon.com", "https://health.aws.amazon.com/?region=eu-west-1"),
    ],
)
def test_a_destination_is_a_path_or_an_address_in_the_console(wanted: str, address: str) -> None:
    assert console_site("aws", "eu-west-1", "us-east-1", None).destination(wanted) == address


def test_without_a_region_none_is_added() -> None:
    site = console_site("aws", None, "us-east-1", None)
    assert site.destination("/iam/") == "https://console.aws.amazon.com/iam/"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "ec2",
        "//evil.example/ec2",
        "http://console.aws.amazon.com/",
        "https://evil.example/",
        "https://aws.amazon.com.evil.example/",
        "https://evilaws.amazon.com/",
        "https://console.aws.amazon.com@evil.example/",
        "https://evil.example\\@console.aws.amazon.com/",
        "https://console.amazonaws.cn/",
        "javascript:alert(1)//console.aws.amazon.com",
        "https://",
        "https://[",
        "//[",
        "/\udc80",
        "/s3\nx",
        "https://console.aws.amazon.com/\udc80",
        "https://console.aws.amazon.com/#\udc80",
    ],
)
def test_a_destination_elsewhere_is_refused(wanted: str) -> None:
    with pytest.raises(UsageError):
        console_site("aws", "eu-west-1", "us-east-1", None).destination(wanted)


def test_services_have_short_names() -> None:
    assert service_path("S3") == "/s3/"
    assert all(path.startswith("/") and "//" not in path for path in SERVICES.values())
    with pytest.raises(UsageError) as raised:
        service_path("dynamdb")
    assert raised.value.fix == "did you mean dynamodb?"
