"""A session is found again only with a token of the same principal and the same content."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.sources.web_identity.federated import AUDIENCE, DEPLOY, HOME, SUBJECT, Federated
from tests.support.world import Done

LONG = "project_path:corp/app:ref_type:branch:ref:" + "x" * 255
FOR_AWS = "https://aws.amazon.com/"


def tags(**more: object) -> Mapping[str, object]:
    nested = {"principal_tags": {"team": ["blue"], "cost": ["7"]}, "transitive_tag_keys": ["team"]}
    return {f"{FOR_AWS}tags": {**nested, **more}}


def key_id(federated: Federated, claims: Mapping[str, object]) -> str:
    """Return the access key ID that is handed out for a token with ``claims``."""
    token = federated.issuer.token(SUBJECT, AUDIENCE, **claims)
    federated.token_file.write_text(token)
    done = federated.world.rolehop("credential-process", "own")
    assert done.code == 0, done.err
    return str(done.json["AccessKeyId"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"sub": LONG + "a"}, {"sub": LONG + "b"}, id="after-255-characters"),
        pytest.param({"sub": "corp/a b"}, {"sub": "corp/a  b"}, id="a-double-blank"),
        pytest.param({"sub": "corp/ab"}, {"sub": "corp/a\u200bb"}, id="zero-width-space"),
        pytest.param({"sub": "corp/ab"}, {"sub": "corp/a\u00adb"}, id="soft-hyphen"),
        pytest.param({"sub": "corp/ab"}, {"sub": "corp/ab "}, id="a-blank-at-the-end"),
        pytest.param({"aud": AUDIENCE}, {"aud": [AUDIENCE, "other"]}, id="audience"),
        pytest.param({}, {"azp": "another-client"}, id="authorized-party"),
        pytest.param({}, {"amr": ["mfa"]}, id="a-claim-that-trust-policies-evaluate"),
        pytest.param({"environment": "dev"}, {"environment": "prod"}, id="any-other-claim"),
        pytest.param({}, tags(), id="tags"),
        pytest.param(
            tags(), tags(principal_tags={"team": ["red"], "cost": ["7"]}), id="value-of-a-tag"
        ),
        pytest.param(tags(), tags(transitive_tag_keys=[]), id="transitive-tags"),
        pytest.param(
            {f"{FOR_AWS}tags/principal_tags/team": "blue"},
            {f"{FOR_AWS}tags/principal_tags/team": "red"},
            id="flattened-tag",
        ),
        pytest.param(
            {f"{FOR_AWS}source_identity": "jane"},
            {f"{FOR_AWS}source_identity": "joe"},
            id="source-identity",
        ),
        pytest.param(
            {f"{FOR_AWS}source_identity": "jane" * 70 + "a"},
            {f"{FOR_AWS}source_identity": "jane" * 70 + "b"},
            id="source-identity-after-255-characters",
        ),
    ],
)
def test_two_tokens_that_differ_never_share_a_session(
    federated: Federated, one: Mapping[str, object], other: Mapping[str, object]
) -> None:
    federated.source(f'token_file = "{federated.token_file}"', 'session_name = "me"')
    first = key_id(federated, one)
    assert key_id(federated, one) == first
    second = key_id(federated, other)
    assert second != first
    assert key_id(federated, other) == second
    assert key_id(federated, one) == first


def test_a_role_in_short_form_is_another_one_in_another_partition(federated: Federated) -> None:
    """The region alone says in which: its sessions are never shared."""
    china = DEPLOY.replace("arn:aws:", "arn:aws-cn:")
    aws, provider = federated.world.sts.world, federated.provider.replace("arn:aws:", "arn:aws-cn:")
    aws.oidc_providers[provider] = aws.oidc_providers[federated.provider]
    aws.web_role(china, provider)
    federated.source(
        f'token_file = "{federated.token_file}"',
        'session_name = "me"',
        role="111111111111:role/Deploy",
    )
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    found = [
        federated.world.rolehop("whoami", "own", "--format", "json", env={"AWS_REGION": region})
        for region in ("eu-west-1", "cn-north-1", "eu-west-1", "cn-north-1")
    ]
    assert [done.code for done in found] == [0] * 4, found
    assert [done.json["arn"].split(":")[1] for done in found] == ["aws", "aws-cn", "aws", "aws-cn"]
    assert federated.actions().count("AssumeRoleWithWebIdentity") == 2


def test_tokens_that_differ_in_when_they_were_issued_share_a_session(federated: Federated) -> None:
    federated.source(f'token_file = "{federated.token_file}"')
    issued = int(federated.world.sts.now.timestamp())
    common = {**tags(), "environment": "prod"}
    first = key_id(federated, {**common, "jti": "1", "iat": issued - 9, "exp": issued + 500})
    second = key_id(federated, {**common, "jti": "2", "nonce": "x", "nbf": issued - 5})
    assert second == first


def test_no_blank_moves_between_issuer_and_subject(federated: Federated) -> None:
    world = federated.world.sts.world
    public = federated.issuer.key.public_key()
    providers = [
        world.oidc_provider(HOME, issuer, public, [AUDIENCE])
        for issuer in ("https://i", "https://i a")
    ]
    trusts = {"Federated": providers}
    statement = {"Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRoleWithWebIdentity"}
    world.role(DEPLOY, policy={"Version": "2012-10-17", "Statement": [statement]})
    federated.source(f'token_file = "{federated.token_file}"', 'session_name = "me"')
    first = key_id(federated, {"iss": "https://i", "sub": "a b"})
    assert key_id(federated, {"iss": "https://i a", "sub": "b"}) != first


@pytest.mark.parametrize("name", ["AWS_ROLE_SESSION_NAME", "AWS_ROLE_ARN"])
def test_a_variable_of_eks_is_part_of_the_session(federated: Federated, name: str) -> None:
    other = DEPLOY.replace("Deploy", "Other")
    federated.world.sts.world.web_role(other, federated.provider)
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(role=None)

    def whoami(**env: str) -> str:
        variables = {
            "AWS_ROLE_ARN": DEPLOY,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(federated.token_file),
        }
        done = federated.world.rolehop(
            "whoami", "own", "--format", "json", env={**variables, **env}
        )
        assert done.code == 0, done.err
        return str(done.json["arn"])

    values = {"AWS_ROLE_SESSION_NAME": ("pod-1", "pod-2"), "AWS_ROLE_ARN": (DEPLOY, other)}[name]
    ends = [value.rpartition("/")[2] for value in values]
    assert [end in whoami(**{name: value}) for end, value in zip(ends, values, strict=True)] == [
        True,
        True,
    ]


def test_a_refreshed_token_with_other_tags_gets_sessions_of_its_own(federated: Federated) -> None:
    federated.issuer.seconds = 60  # so each use refreshes it
    federated.issuer.claims = dict(tags())
    client = f'client_id = "{federated.issuer.client_id}"'
    federated.source(f'issuer = "{federated.issuer.url}"', client)
    assert federated.world.rolehop("source", "login", "ci").code == 0

    def exported() -> Done:
        return federated.world.rolehop("export", "own", "--format", "json")

    first = exported().json["AccessKeyId"]
    assert federated.world.rolehop("source", "test", "ci").code == 0  # refreshes, with the same
    assert exported().json["AccessKeyId"] == first
    federated.issuer.claims = dict(tags(principal_tags={"team": ["red"]}))
    federated.issuer.seconds = 3600
    assert federated.world.rolehop("source", "test", "ci").code == 0
    assert exported().json["AccessKeyId"] != first
