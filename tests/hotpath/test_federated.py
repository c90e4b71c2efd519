"""Sources whose state is a secret, or is beyond any record: the hot path steps aside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rolehop.app.host import DependencyTracker, TrackedEnvironment
from tests.doubles.oidc import Issuer
from tests.doubles.saml import IdentityProvider
from tests.hotpath.paths import (
    asked,
    full,
    hot,
    never_wrong_where_a_variable_changes,
    record_file,
)
from tests.support.world import World

HOME = "111111111111"
DEPLOY = f"arn:aws:iam::{HOME}:role/Deploy"
PROVIDER = f"arn:aws:iam::{HOME}:saml-provider/Corp"
AUDIENCE = "sts.amazonaws.com"


@pytest.fixture
def issuer(hot_world: World) -> Iterator[Issuer]:
    with Issuer() as issuer:
        aws = hot_world.sts.world
        provider = aws.oidc_provider(HOME, issuer.url, issuer.key.public_key(), [AUDIENCE])
        aws.web_role(DEPLOY, provider)
        yield issuer


def use(world: World, settings: str) -> None:
    world.more |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "eu-west-1"}
    world.config(
        f'version = 1\n[sources.s]\nrole = "{DEPLOY}"\n{settings}\n[chains.own]\nsource = "s"\n'
    )


def is_nowhere(world: World, secret: str) -> bool:
    return not any(secret.encode() in path.read_bytes() for path in world.files())


def test_a_token_in_a_variable_gets_into_no_record(hot_world: World, issuer: Issuer) -> None:
    use(hot_world, 'type = "web-identity"\ntoken_env = "ID"')
    tokens = [issuer.token(subject, AUDIENCE) for subject in ("repo:a", "repo:a", "repo:b")]
    found = [asked(hot_world, "own", {"ID": token}).json["AccessKeyId"] for token in tokens]
    assert found[0] == found[1] != found[2]
    assert not record_file(hot_world, "own").exists()
    assert all(is_nowhere(hot_world, token) for token in tokens)


def test_an_assertion_in_a_variable_gets_into_no_record(hot_world: World) -> None:
    idp = IdentityProvider(PROVIDER)
    hot_world.sts.world.saml_providers[PROVIDER] = idp
    allow = {"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML"}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{**allow, "Principal": {"Federated": PROVIDER}}],
    }
    hot_world.sts.world.role(DEPLOY, policy=trust)
    use(hot_world, 'type = "saml"\nassertion_env = "SAML"')
    texts = [idp.assertion([DEPLOY], who=who) for who in ("jane", "jane", "joe")]
    found = [asked(hot_world, "own", {"SAML": text}).json["AccessKeyId"] for text in texts]
    assert found[0] == found[1] != found[2]
    assert not record_file(hot_world, "own").exists()
    assert all(is_nowhere(hot_world, text) for text in texts)


def test_the_request_token_of_a_job_gets_into_no_record(hot_world: World, issuer: Issuer) -> None:
    from tests.doubles.web import Reply

    use(hot_world, 'type = "web-identity"\nci = "github"')
    issuer.say("/request", Reply(json={"value": issuer.token("repo:a", AUDIENCE)}))
    job: dict[str, str | None] = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/request",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the-request-token",
        "GITHUB_RUN_ID": "1",
    }
    done = full(hot_world, "own", job)
    assert done.code == 0, done.err
    assert hot(hot_world, "own", job) == done.out
    assert hot(hot_world, "own", {**job, "GITHUB_RUN_ID": "2"}) is None
    never_wrong_where_a_variable_changes(hot_world, "own", job)
    assert is_nowhere(hot_world, "the-request-token")


def test_a_token_file_is_watched(hot_world: World, issuer: Issuer) -> None:
    file = hot_world.home / "token"
    file.write_text(issuer.token("repo:a", AUDIENCE))
    use(hot_world, f'type = "web-identity"\ntoken_file = "{file}"')
    done = full(hot_world, "own")
    assert hot(hot_world, "own") == done.out
    never_wrong_where_a_variable_changes(hot_world, "own")
    file.write_text(issuer.token("repo:b", AUDIENCE))
    assert hot(hot_world, "own") is None
    assert asked(hot_world, "own").json["AccessKeyId"] != done.json["AccessKeyId"]


def test_an_uncacheable_answer_writes_no_record() -> None:
    tracker = DependencyTracker({"A": "1"})
    assert TrackedEnvironment({"A": "1"}, tracker)["A"] == "1"
    assert not tracker.uncacheable
    tracker.mark_uncacheable()
    assert tracker.uncacheable
