"""The names under which earlier versions stored sign-ins: they must be found after an update."""

from __future__ import annotations

import pytest

from rolehop.sources.center_client import Center
from rolehop.sources.oidc_login import Provider


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (
            Provider("https://idp.example/", "client", ("openid", "email"), 0),
            "oidc/927ee6ef634d5b9771486f74",
        ),
        (Provider("https://idp.example", "client", (), 0), "oidc/fe17d0a116a9639c5361167f"),
    ],
)
def test_at_an_issuer(provider: Provider, name: str) -> None:
    assert provider.token_name == name


@pytest.mark.parametrize(
    ("center", "name"),
    [
        (
            Center("https://corp.awsapps.com/start", "eu-west-1", ("sso:account:access",), None),
            "identity-center/55c8c2698a4b9ba0b6e7e933",
        ),
        (
            Center(
                "https://corp.awsapps.com/start/#/", "eu-west-1", ("sso:account:access", "x:y"), "s"
            ),
            "identity-center/747ec8dfbf8b76d827ef5427",
        ),
    ],
)
def test_at_an_identity_center(center: Center, name: str) -> None:
    assert center.token_name == name


def test_no_line_end_moves_between_the_parts_of_a_name() -> None:
    one = Provider("https://idp.example", "a\nb", ("c",), 0)
    other = Provider("https://idp.example", "a", ("b\nc",), 0)
    assert one.token_name != other.token_name
