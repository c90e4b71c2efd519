"""What a person may say of a call, and what is refused as a slip."""

from __future__ import annotations

import pytest

from rolehop.policy.context_keys import keys_of_claims, problem_with


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:SourceIp", "203.0.113.9"),
        ("AWS:sourceip", "2001:db8::1"),
        ("aws:SourceIp", ""),
        ("aws:MultiFactorAuthPresent", "True"),
        ("aws:MultiFactorAuthAge", "3600"),
        ("aws:CurrentTime", "2026-01-31T12:00:00Z"),
        ("aws:EpochTime", "1770000000"),
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:user/a"),
        ("aws:SourceAccount", "111111111111"),
        ("aws:RequestTag/Cost Center", "a=b"),
        ("aws:PrincipalTag/x509Subject/CN", "host1"),
        ("sts:ExternalId", "x-42"),
        ("token.actions.githubusercontent.com:sub", "repo:me/x:ref:refs/heads/main"),
        ("oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub", "system:serviceaccount:a:b"),
        ("localhost:8443/realms/x:aud", "rolehop"),
        ("saml:aud", "https://signin.aws.amazon.com/saml"),
    ],
)
def test_valid_values_are_accepted(key: str, value: str) -> None:
    assert problem_with(key, value) is None


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("SourceIp", "203.0.113.9", "a service and a name"),
        ("", "x", "a service and a name"),
        ("aws:", "x", "a service and a name"),
        (":sub", "x", "a service and a name"),
        ("aws sts:x", "x", "a service and a name"),
        ("aws:SourceIp", "203.0.113.0/24", "one IP address"),
        ("aws:SourceIp", "here", "one IP address"),
        ("aws:VpcSourceIp", "10.0.0.300", "one IP address"),
        ("aws:MultiFactorAuthPresent", "yes", "true or false"),
        ("aws:securetransport", "1", "true or false"),
        ("aws:MultiFactorAuthAge", "1h", "a number of seconds"),
        ("aws:CurrentTime", "tomorrow", "a time"),
        ("aws:TokenIssueTime", "2026-13-01", "a time"),
        ("aws:PrincipalArn", "alice", "an ARN"),
        ("aws:PrincipalAccount", "1111", "12 digits"),
    ],
)
def test_a_slip_is_refused(key: str, value: str, says: str) -> None:
    assert says in str(problem_with(key, value))


GITHUB = "token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("issuer", "claims", "found"),
    [
        (GITHUB, {"sub": "s", "repository": "o/r", "ref": "main", "iss": "x"},
         {"repository": ("o/r",), "ref": ("main",), "environment": (), "actor": ()}),
        (f"{GITHUB}/acme", {"repository": "o/r"}, {"repository": ("o/r",), "environment": ()}),
        ("token.actions.acme.ghe.com", {"actor": "me"}, {"actor": ("me",), "ref": ()}),
        ("gitlab.com", {"project_id": "7", "user_id": None},
         {"project_id": ("7",), "namespace_id": ()}),
        ("agent.buildkite.com", {"pipeline_slug": "p"}, {"pipeline_slug": ("p",)}),
        ("oidc.circleci.com/org/1", {"oidc.circleci.com/project-id": "9"},
         {"oidc.circleci.com/project-id": ("9",)}),
    ],
)  # fmt: skip
def test_claims_that_aws_lists_for_an_issuer_are_keys_of_the_call(
    issuer: str, claims: dict[str, str | None], found: dict[str, tuple[str, ...]]
) -> None:
    keys = keys_of_claims(issuer, claims)
    assert {f"{issuer}:{name}": each for name, each in found.items()}.items() <= keys.items()
    assert f"{issuer}:sub" not in keys  # it is a key of later calls, too, and kept apart


@pytest.mark.parametrize(
    ("issuer", "claims"),
    [
        (GITHUB, {}),  # no token is in hand
        ("gitlab.acme.com", {"project_id": "7"}),  # AWS lists no claims of this issuer
        ("evil-token.actions.githubusercontent.com", {"actor": "me"}),
    ],
)
def test_nothing_is_known_of_the_claims_of_other_issuers(
    issuer: str, claims: dict[str, str | None]
) -> None:
    assert keys_of_claims(issuer, claims) == {}


def test_a_claim_that_is_no_text_or_an_empty_one_stays_unknown() -> None:
    keys = keys_of_claims("gitlab.com", {"user_id": None, "user_login": ""})
    assert "gitlab.com:user_id" not in keys
    assert "gitlab.com:user_login" not in keys
