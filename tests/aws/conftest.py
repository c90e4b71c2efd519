"""One double a test, and a client that does not really wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.sts import StsClient
from rolehop.base.arn import RoleArn
from rolehop.plan.model import Hop
from tests.doubles.sts import StrictSts, User

HUB = "arn:aws:iam::222222222222:role/team/Hub"


@pytest.fixture
def sts() -> Iterator[StrictSts]:
    with StrictSts() as double:
        yield double


@pytest.fixture
def alice(sts: StrictSts) -> User:
    """An IAM user whom the role Hub trusts."""
    user = sts.world.user("111111111111", "alice")
    sts.world.role(HUB, trusts=[user.arn])
    return user


@pytest.fixture
def naps() -> list[float]:
    """How long the client would have slept, nap by nap."""
    return []


@pytest.fixture
def settings(sts: StrictSts) -> ClientSettings:
    return ClientSettings("eu-west-1", endpoint_url=sts.url, iam_endpoint_url=sts.url)


@pytest.fixture
def client(sts: StrictSts, settings: ClientSettings, naps: list[float]) -> Iterator[StsClient]:
    with StsClient(settings, sleep=naps.append, now=lambda: sts.now) as made:
        yield made


@pytest.fixture
def hop_to() -> Callable[..., Hop]:
    def make(role: str = HUB, **said: object) -> Hop:
        plain: dict[str, object] = {"session_name": "me@host", "duration_seconds": 3600}
        return Hop(RoleArn.parse(role), **{**plain, **said})  # type: ignore[arg-type]

    return make
