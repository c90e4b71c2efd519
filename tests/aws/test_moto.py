"""The same client against a server that is not ours: moto's, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.sts import StsClient
from rolehop.base.credentials import Credentials, Secret
from rolehop.plan.model import Hop
from tests.support.moto_server import moto_server

SOURCE = Credentials("AKIASOURCE0000000000", Secret("made-up-secret"))


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


def test_three_hops_through_three_accounts(moto_url: str, hop_to: Callable[..., Hop]) -> None:
    roles = [f"arn:aws:iam::{n}:role/team/Role" for n in ("222222222222", "333333333333", "4" * 12)]
    asked = ClientSettings("eu-west-1", endpoint_url=moto_url)
    with StsClient(asked) as client:
        credentials, arn = SOURCE, ""
        for role in roles:
            session = client.assume_role(hop_to(role), credentials, None)
            credentials, arn = session.credentials, session.arn
            assert client.caller(credentials).account == session.account
    assert arn == f"arn:aws:sts::{'4' * 12}:assumed-role/Role/me@host"


def test_other_partitions(moto_url: str, hop_to: Callable[..., Hop]) -> None:
    asked = ClientSettings("us-gov-west-1", endpoint_url=moto_url)
    with StsClient(asked) as client:
        role = "arn:aws-us-gov:iam::222222222222:role/Hub"
        session = client.assume_role(hop_to(role), SOURCE, None)
    assert session.arn == "arn:aws-us-gov:sts::222222222222:assumed-role/Hub/me@host"


def test_a_token_session(moto_url: str) -> None:
    with StsClient(ClientSettings("eu-west-1", endpoint_url=moto_url)) as client:
        session = client.session_token(SOURCE, 3600, None)
    assert session.credentials.session_token
