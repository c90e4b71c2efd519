"""Tokens that cannot be used, and what STS says about them."""

from __future__ import annotations

import base64
import json

import pytest

from rolehop.aws.sts import StsClient, WebIdentity
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import replace
from rolehop.base.errors import ServiceError
from tests.sources.web_identity.federated import (
    AUDIENCE,
    DEPLOY,
    HUB,
    IMPATIENT,
    SUBJECT,
    Federated,
    planned_problem,
)


def _claims(**claims: object) -> str:
    parts = [{"alg": "RS256"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return f"{encoded[0]}.{encoded[1]}.AAAA"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "is not there", id="absent"),
        pytest.param("", "holds no token", id="empty"),
        pytest.param("nonsense", "not a JSON Web Token", id="no-token"),
        pytest.param("a.b.c", "claims cannot be read", id="broken-claims"),
        pytest.param("a.b!b.c", "claims cannot be read", id="not-base64"),
        pytest.param(
            f"{_claims(iss='i')}\n{_claims(iss='j')}",
            "it has 2 lines, and a token is one",
            id="two",
        ),
        pytest.param(f"token {_claims(iss='i')}", "it contains whitespace", id="blanks"),
        pytest.param("x" * 30_000, "longer than", id="too-long"),
        pytest.param(_claims(iss="i", sub="s", exp=1), "expired at 1970", id="expired"),
        pytest.param(
            _claims(iss="i", sub="s", nbf=4_000_000_000), "not valid before", id="not-yet-valid"
        ),
    ],
)
def test_absent_and_broken_tokens_are_distinguished_before_any_call(
    federated: Federated, text: str | None, words: str
) -> None:
    if text is not None:
        federated.token_file.write_text(text)
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.export()
    assert done.code == 4
    assert words in done.err
    assert federated.actions() == []


def test_a_command_that_prints_more_than_the_token_is_reported(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE) + "\nhello\n")
    federated.source(f'token_command = ["cat", "{federated.token_file}"]')
    done = federated.export()
    assert done.code == 4
    assert "the output of cat holds no web identity token" in done.err
    assert "it has 2 lines" in done.err


def test_blanks_in_an_opaque_token_are_reported_too(federated: Federated) -> None:
    federated.token_file.write_text("one two")
    federated.source(f'token_file = "{federated.token_file}"', 'provider_id = "www.amazon.com"')
    assert "it contains whitespace" in federated.export().err


def test_problems_of_a_token_are_reported_by_plan_and_source_list(federated: Federated) -> None:
    federated.source(f'token_file = "{federated.token_file}"', f'audience = "{AUDIENCE}"')
    assert "is not there" in planned_problem(federated)
    federated.token_file.write_text("nonsense")
    assert "holds no web identity token: it is not a JSON Web Token" in planned_problem(federated)
    federated.token_file.write_text(federated.issuer.expired(SUBJECT))
    assert "the token of source 'ci' expired at " in planned_problem(federated)
    federated.token_file.write_text(federated.issuer.token(SUBJECT, "somebody-else"))
    assert "is for another audience: somebody-else" in planned_problem(federated)
    tested = federated.world.rolehop("source", "test", "ci", "--format", "json")
    assert [each["good"] for each in tested.json["findings"]] == [True, False]


def test_a_token_command_whose_program_is_missing_is_reported_by_plan(federated: Federated) -> None:
    federated.source('token_command = ["/no/such/tool", "x"]')
    problem = "the program of token_command, /no/such/tool: it is not there"
    assert planned_problem(federated) == problem


def test_eks_variables_without_a_role_are_reported_by_plan(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(role=None)
    federated.world.more["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(federated.token_file)
    assert "knows no role" in planned_problem(federated)
    federated.world.more["AWS_ROLE_ARN"] = "nonsense"
    assert "the role of source 'ci' is invalid" in planned_problem(federated)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("ValidationError", 5),
        ("IDPRejectedClaim", 5),
        ("RegionDisabledException", 5),
        ("InvalidIdentityToken", 5),
        ("ExpiredTokenException", 4),
        ("IDPCommunicationError", 6),
        ("Throttling", 6),
    ],
)
def test_what_aws_answers_decides_the_exit_code(
    federated: Federated, code: str, exit_code: int
) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    federated.world.sts.fail(9, status=400, code=code)
    done = federated.export(AWS_MAX_ATTEMPTS="1")
    assert done.code == exit_code, done.err
    error = json.loads(done.err)
    assert error["cause"].startswith(f"{code}: {code}")
    assert error["fix"]


def test_keys_of_an_issuer_that_aws_cannot_fetch_are_reported(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    text = "Couldn't retrieve verification key from your identity provider"
    federated.world.sts.fail(9, status=400, code="InvalidIdentityToken", text=text)
    done = federated.export()
    assert done.code == 5
    assert "jwks_uri" in done.err


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ("signature", "get a new token"),
        ("audience", "add that audience"),
        ("provider", "needs an OIDC provider"),
    ],
)
def test_the_advice_fits_the_refusal_of_the_token(
    federated: Federated, change: str, fix: str
) -> None:
    audience = "somebody-else" if change == "audience" else AUDIENCE
    token = federated.issuer.token(SUBJECT, audience)
    if change == "signature":
        other = federated.issuer.token("repo:corp/other", AUDIENCE)
        token = f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    federated.token_file.write_text(token)
    role = HUB if change == "provider" else DEPLOY
    federated.source(f'token_file = "{federated.token_file}"', role=role)
    done = federated.export("own")
    assert done.code == 5
    error = json.loads(done.err)
    assert "InvalidIdentityToken" in error["cause"]
    assert fix in error["fix"]


@pytest.mark.parametrize("body", [b"<xml>", b"<AssumeRoleWithWebIdentityResponse/>"])
def test_an_answer_of_sts_that_is_invalid_is_reported(federated: Federated, body: bytes) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    federated.world.sts.say(body)
    done = federated.export()
    assert done.code == 6
    assert "something unexpected" in done.err


def test_an_sts_that_hangs_is_given_up(federated: Federated) -> None:
    federated.world.sts.delay_seconds = 30
    settings = replace(IMPATIENT, endpoint_url=federated.world.sts.url)
    wish = WebIdentity(RoleArn.parse(DEPLOY), "me")
    with pytest.raises(ServiceError) as caught, StsClient(settings) as sts:
        sts.assume_role_with_web_identity(wish, Secret(federated.issuer.token(SUBJECT, AUDIENCE)))
    assert caught.value.cause == "no answer within 0.2 s"


def test_a_token_for_another_audience_is_refused_locally_if_the_config_names_one(
    federated: Federated,
) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, "somebody-else"))
    federated.source(f'token_file = "{federated.token_file}"', f'audience = "{AUDIENCE}"')
    done = federated.export()
    assert done.code == 4
    assert "another audience: somebody-else" in done.err
    assert federated.actions() == []


@pytest.mark.parametrize(
    ("audience", "role", "code"),
    [
        pytest.param("somebody-else", DEPLOY, "InvalidIdentityToken", id="wrong-audience"),
        pytest.param(AUDIENCE, HUB, "InvalidIdentityToken", id="issuer-unknown-there"),
        pytest.param(
            AUDIENCE, "arn:aws:iam::111111111111:role/None", "AccessDenied", id="wrong-role"
        ),
    ],
)
def test_what_sts_refuses_is_exit_5_with_whose_token_it_was(
    federated: Federated, audience: str, role: str, code: str
) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, audience))
    federated.source(f'token_file = "{federated.token_file}"', role=role)
    done = federated.export()
    assert done.code == 5
    assert code in done.err
    assert SUBJECT in done.err


def test_a_forged_signature_is_refused_by_sts(federated: Federated) -> None:
    head, claims, _ = federated.issuer.token(SUBJECT, AUDIENCE).split(".")
    federated.token_file.write_text(f"{head}.{claims}.{'A' * 342}")
    federated.source(f'token_file = "{federated.token_file}"')
    assert federated.export().code == 5


def test_the_trust_policy_may_ask_for_the_subject(federated: Federated) -> None:
    federated.world.sts.world.web_role(DEPLOY, federated.provider, sub="somebody-else")
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.export()
    assert done.code == 5
    assert "trust policy" in done.err
