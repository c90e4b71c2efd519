"""Links that are no secret: the access portal's to a console, and the console's to another role."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from rolehop.base.errors import ConfigError
from rolehop.commands.console.login import console_site
from rolehop.commands.console.sign_in import portal_link, switch_role_link

ACCOUNT = "111111111111"
CONSOLE = "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logs:a b"


@pytest.mark.parametrize(
    "start_url",
    ["https://corp.awsapps.com/start", "https://corp.awsapps.com/start/#/"],
)
def test_the_portal_opens_a_role_at_an_address_of_its_console(start_url: str) -> None:
    link = portal_link(start_url, ACCOUNT, "Power User", None)
    begin = f"https://corp.awsapps.com/start/#/console?account_id={ACCOUNT}&role_name=Power%20User"
    assert link == begin
    encoded = "https%3A%2F%2Fconsole.aws.amazon.com%2Fcloudwatch%2Fhome%3Fregion%3Deu-west-1%23logs%3Aa%20b"
    assert (
        portal_link(start_url, ACCOUNT, "Power User", CONSOLE) == f"{begin}&destination={encoded}"
    )


@pytest.mark.parametrize("start_url", ["http://corp.example/start", "file:///etc", "", "https://["])
def test_a_portal_that_is_no_web_address_reaches_no_browser(start_url: str) -> None:
    with pytest.raises(ConfigError, match="not opened in a browser"):
        portal_link(start_url, ACCOUNT, "Admin", None)


@pytest.mark.parametrize(
    ("partition", "region", "page"),
    [
        ("aws", "eu-west-1", "https://signin.aws.amazon.com/switchrole"),
        ("aws-cn", "cn-north-1", "https://signin.amazonaws.cn/switchrole"),
        ("aws-us-gov", "us-gov-west-1", "https://signin.amazonaws-us-gov.com/switchrole"),
        # It has regional addresses only.
        ("aws-eusc", None, "https://eusc-de-east-1.signin.amazonaws-eusc.eu/switchrole"),
    ],
)
@pytest.mark.parametrize(
    ("name", "color", "shown"),
    [
        ("prod-admin", "red", {"displayName": ["prod-admin"], "color": ["f2b0a9"]}),
        ("spokes/4", "bright_green", {"displayName": ["spokes/4"], "color": ["b7ca9d"]}),
        ('my "prod" & \U0001f512', "magenta", {"displayName": ['my "prod" & \U0001f512']}),
        ("x" * 70, None, {"displayName": ["x" * 64]}),
    ],
)
def test_the_console_switches_to_a_role_under_a_name_and_a_color(
    partition: str,
    region: str | None,
    page: str,
    name: str,
    color: str | None,
    shown: dict[str, list[str]],
) -> None:
    site = console_site(partition, region, "eusc-de-east-1", None)
    link = switch_role_link(site.switch_role_url, ACCOUNT, "team/Admin", name=name, color=color)
    begin, _, query = link.partition("?")
    assert begin == page
    assert parse_qs(query) == {"account": [ACCOUNT], "roleName": ["team/Admin"], **shown}
    assert link.isascii()
    # A sign-in may lead there: it is an address of the same partition.
    assert urlsplit(link).netloc.endswith(f".{site.domain}")
    assert site.sign_out_url == f"{site.sign_in_url}/oauth?Action=logout"
