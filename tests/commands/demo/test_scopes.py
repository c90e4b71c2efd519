"""The demo's AWS narrows sessions, as the STS model has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.sts import StsClient
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.commands.demo.world import HOME, world
from rolehop.plan.model import Hop, Scope
from rolehop.walk.ports import StsRefusal

READS = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}'
USER = Credentials("AKIAIOSFODNN7EXAMPLE", Secret("a-secret-of-the-demo"))


@pytest.fixture(scope="module")
def client() -> Iterator[StsClient]:
    with world() as aws, StsClient(ClientSettings("eu-west-1", endpoint_url=aws.endpoint)) as made:
        yield made


@pytest.fixture
def whole(client: StsClient) -> Session:
    hop = Hop(RoleArn.parse(f"arn:aws:iam::{HOME}:role/Developer"), "alice", 900)
    return client.assume_role(hop, USER, None)


def test_a_session_is_narrowed_and_stays_who_it_is(client: StsClient, whole: Session) -> None:
    narrow = client.scoped_session(Scope(READS, 600), 600, whole.credentials)
    assert narrow.credentials.access_key_id != whole.credentials.access_key_id
    assert client.caller(narrow.credentials).arn == whole.arn == narrow.arn
    assert narrow.expires_at < whole.expires_at


def test_it_takes_three_policies(client: StsClient, whole: Session) -> None:
    held = whole
    for scope in (Scope(READS), Scope(READS), Scope(None, 300), Scope(READS)):
        held = client.scoped_session(scope, scope.duration_seconds, held.credentials)
    with pytest.raises(StsRefusal, match="3 scoped policies"):
        client.scoped_session(Scope(READS), None, held.credentials)


@pytest.mark.parametrize(
    ("scope", "seconds", "code"),
    [
        (Scope(None, 7200), 7200, "InsufficientSessionLifetime"),
        (Scope("{}"), None, "MalformedPolicyDocument"),
        (Scope(READS + " " * 4096), None, "PackedPolicyTooLarge"),
        (Scope(), None, "ValidationError"),
    ],
)
def test_what_it_refuses(
    client: StsClient, whole: Session, scope: Scope, seconds: int | None, code: str
) -> None:
    with pytest.raises(StsRefusal) as caught:
        client.scoped_session(scope, seconds, whole.credentials)
    assert caught.value.code == code


def test_user_keys_are_no_session(client: StsClient) -> None:
    with pytest.raises(StsRefusal, match="InvalidSubjectCredentials"):
        client.scoped_session(Scope(READS), None, USER)
