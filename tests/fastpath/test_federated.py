"""Sources whose state is a secret, or is beyond any record: the hot path steps aside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rolehop.app.dependency_tracker import DependencyTracker, TrackedEnvironment
from tests.doubles.oidc import Issuer
from tests.doubles.saml import IdentityProvider
from tests.fastpath.paths import (
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
def issuer(kept: World) -> Iterator[Issuer]:
    with Issuer() as issuer:
        aws = kept.sts.world
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


def test_a_token_in_a_variable_gets_into_no_record(kept: World, issuer: Issuer) -> None:
    use(kept, 'type = "web-identity"\ntoken_env = "ID"')
    tokens = [issuer.token(subject, AUDIENCE) for subject in ("repo:a", "repo:a", "repo:b")]
    found = [asked(kept, "own", {"ID": token}).json["AccessKeyId"] for token in tokens]
    assert found[0] == found[1] != found[2]
    assert not record_file(kept, "own").exists()
    assert all(is_nowhere(kept, token) for token in tokens)


def test_an_assertion_in_a_variable_gets_into_no_record(kept: World) -> None:
    idp = IdentityProvider(PROVIDER)
    kept.sts.world.saml_providers[PROVIDER] = idp
    allow = {"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML"}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{**allow, "Principal": {"Federated": PROVIDER}}],
    }
    kept.sts.world.role(DEPLOY, policy=trust)
    use(kept, 'type = "saml"\nassertion_env = "SAML"')
    texts = [idp.assertion([DEPLOY], who=who) for who in ("jane", "jane", "joe")]
    found = [asked(kept, "own", {"SAML": text}).json["AccessKeyId"] for text in texts]
    assert found[0] == found[1] != found[2]
    assert not record_file(kept, "own").exists()
    assert all(is_nowhere(kept, text) for text in texts)


def test_the_request_token_of_a_job_gets_into_no_record(kept: World, issuer: Issuer) -> None:
    from tests.doubles.web import Reply

    use(kept, 'type = "web-identity"\nci = "github"')
    issuer.say("/request", Reply(json={"value": issuer.token("repo:a", AUDIENCE)}))
    job: dict[str, str | None] = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/request",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the-request-token",
        "GITHUB_RUN_ID": "1",
    }
    done = full(kept, "own", job)
    assert done.code == 0, done.err
    assert hot(kept, "own", job) == done.out
    assert hot(kept, "own", {**job, "GITHUB_RUN_ID": "2"}) is None
    never_wrong_where_a_variable_changes(kept, "own", job)
    assert is_nowhere(kept, "the-request-token")


def test_a_token_file_is_watched(kept: World, issuer: Issuer) -> None:
    file = kept.home / "token"
    file.write_text(issuer.token("repo:a", AUDIENCE))
    use(kept, f'type = "web-identity"\ntoken_file = "{file}"')
    done = full(kept, "own")
    assert hot(kept, "own") == done.out
    never_wrong_where_a_variable_changes(kept, "own")
    file.write_text(issuer.token("repo:b", AUDIENCE))
    assert hot(kept, "own") is None
    assert asked(kept, "own").json["AccessKeyId"] != done.json["AccessKeyId"]


def test_an_uncacheable_answer_writes_no_record() -> None:
    tracker = DependencyTracker({"A": "1"})
    assert TrackedEnvironment({"A": "1"}, tracker)["A"] == "1"
    assert not tracker.uncacheable
    tracker.mark_uncacheable()
    assert tracker.uncacheable
