"""The rules of AWS's sign-in, in each partition, as the strict double has them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from rolehop.aws.console_sign_in import ConsoleSignIn, login_fields
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.http import HttpClient
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import HopRefused
from rolehop.commands.console.login import ConsoleSite, console_site
from tests.doubles.console import ConsoleDouble
from tests.doubles.sts import StrictSts
from tests.doubles.sts_world import Key

PARTITIONS = {
    "aws": ("eu-west-1", "aws.amazon.com"),
    "aws-cn": ("cn-north-1", "amazonaws.cn"),
    "aws-us-gov": ("us-gov-west-1", "amazonaws-us-gov.com"),
    "aws-eusc": ("eusc-de-east-1", "amazonaws-eusc.eu"),
}


@dataclass(frozen=True)
class Rules:
    console: ConsoleDouble
    site: ConsoleSite
    service: ConsoleSignIn
    elsewhere: str
    """An address in another partition's console."""

    def key(self, *, by_user_keys: bool = False, hours: int = 1) -> Key:
        role = self.console.sts.world.role("arn:aws:iam::222222222222:role/Hub")
        return self.console.sts.world.issue(
            600,
            account=role.account,
            arn=role.arn,
            user_id="x",
            role=role,
            expires_at=self.console.sts.now + timedelta(hours=hours),
            by_user_keys=by_user_keys,
        )

    def login(self, token: Secret, destination: str) -> int:
        fields = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in login_fields(token, destination).items()
        }
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.service.url, urlencode(fields).encode(), timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture(params=PARTITIONS)
def rules(request: pytest.FixtureRequest) -> Iterator[Rules]:
    region, domain = PARTITIONS[request.param]
    elsewhere = next(other for _, other in PARTITIONS.values() if other != domain)
    with (
        ConsoleDouble(StrictSts(), domain) as console,
        HttpClient(ClientSettings(region), proxies=False) as http,
    ):
        site = console_site(request.param, region, region, console.url)
        service = ConsoleSignIn(http, site.sign_in_url, lambda call: None)
        yield Rules(console, site, service, f"https://console.{elsewhere}/")


def test_a_token_signs_in_once_at_an_address_of_its_partition(rules: Rules) -> None:
    token = rules.service.token(rules.key().credentials)
    assert rules.login(token, rules.elsewhere) == 400
    assert rules.login(token, rules.site.destination("/s3/")) == 200
    assert rules.login(token, rules.site.destination("/s3/")) == 400
    assert (
        rules.login(rules.service.token(rules.key().credentials), rules.site.switch_role_url) == 200
    )


def test_a_token_is_good_for_15_minutes(rules: Rules) -> None:
    token = rules.service.token(rules.key().credentials)
    rules.console.sts.now += timedelta(minutes=15, seconds=1)
    assert rules.login(token, rules.site.destination("/")) == 400
    assert rules.console.opened == []


def test_a_duration_is_for_a_role_that_user_keys_assumed(rules: Rules) -> None:
    rules.service.token(rules.key(by_user_keys=True).credentials, 28_800)
    rules.service.token(rules.key().credentials, 28_800)
    assert [each.seconds for each in rules.console.tokens.values()] == [28_800, None]
    assert len(rules.console.asked) == 3  # refused with a duration, it is asked once more without


def test_only_a_roles_living_session_gets_a_token(rules: Rules) -> None:
    known = rules.key().credentials
    unknown = Credentials(known.access_key_id, Secret("x"), known.session_token, known.expires_at)
    user = rules.console.sts.world.user("111111111111", "alice").key.credentials
    for refused in (unknown, user, rules.key(hours=-1).credentials):
        with pytest.raises(HopRefused, match="opens no console"):
            rules.service.token(refused)
    assert rules.console.tokens == {}
