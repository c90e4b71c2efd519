"""Which addresses may reach a browser."""

from __future__ import annotations

import pytest

from rolehop.aws.net.addresses import (
    host_of,
    is_exposed,
    is_web_address,
    may_lead_here,
)
from rolehop.aws.net.loopback_pages import redirect
from tests.doubles.addresses import HOSTILE


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example/device?user_code=ABCD-EFGH",
        "https://idp.example:8443/#/device",
        "https://[2001:db8::1]/",
        "http://127.0.0.1:8080/authorize?a=b&c=%20d",
        "http://localhost/",
        "http://[::1]:1/",
    ],
)
def test_web_addresses(url: str) -> None:
    assert is_web_address(url)


@pytest.mark.parametrize("url", [*HOSTILE, "", " https://idp.example/", "https://idp.example/\n"])
def test_other_addresses(url: str) -> None:
    assert not is_web_address(url)


def test_a_host_is_shown_without_what_is_secret_and_an_odd_address_is_none() -> None:
    """Also the address of a redirect, which any server sends."""
    assert [host_of(each) for each in ("https://me:pw@x.example:1/y", "http://[", "x")] == [
        "x.example:1",
        "",
        "",
    ]


@pytest.mark.parametrize("url", HOSTILE)
def test_no_page_leads_a_browser_elsewhere(url: str) -> None:
    with pytest.raises(ValueError, match="not a web address"):
        redirect(url)


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://169.254.169.254/latest", False),
        ("http://[fd00:ec2::254]/", False),
        ("http://[fd00:ec2:0::254]/", False),
        ("http://127.0.0.1:4566", False),
        ("http://user:password@localhost:4566", False),
        ("HTTPS://sts.example", False),
        ("http://169.254.169.254.evil.example/", True),
        ("http://169.254.43518/", True),
        ("http://evil.example\\@localhost/", True),
        ("http://localhost@evil.example/", True),
        ("http://127.1/", True),
        ("http://localhost.evil.example/", True),
    ],
)
def test_what_crosses_a_network_unencrypted(url: str, exposed: bool) -> None:
    assert is_exposed(url) is exposed


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://idp.example/", False),
        ("https://127.0.0.1.idp.example/", False),
        ("https://localhost./", True),
        ("https://a.localhost/", True),
        ("http://0.0.0.0/", True),
        ("https://[::]/", True),
        ("https://[::ffff:127.0.0.1]/", True),
        ("https://ip6-localhost/", True),
        ("https://127.1/", True),  # not certain
        ("https://169.254.169.254/", False),
    ],
)
def test_addresses_that_may_lead_to_this_machine(url: str, here: bool) -> None:
    assert may_lead_here(url) is here
