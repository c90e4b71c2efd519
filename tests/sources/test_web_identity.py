"""Web identity from end to end: tokens of every origin, verified by the STS double, one more hop."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from rolehop.arn import RoleArn
from rolehop.aws.sts import StsClient, WebIdentity
from rolehop.config.loader import load_config
from rolehop.credentials import Secret
from rolehop.errors import ServiceError
from rolehop.files import read_trusted
from rolehop.net.client_settings import ClientSettings
from rolehop.net.http import HttpClient
from rolehop.oauth.oidc_provider import Issuer as OidcClient
from rolehop.sources import SOURCE_TABLES, build_source
from rolehop.sources.context import SourceChanged
from rolehop.sources.source_type import Login
from rolehop.sources.web_identity import oidc_login as oidc_signin
from rolehop.sources.web_identity import source as web_identity
from rolehop.sources.web_identity.github_actions import github_token
from rolehop.startup.dataclass import replace
from tests.doubles import browser
from tests.doubles.oidc import Issuer
from tests.doubles.web import Reply
from tests.sources.machines import MemoryTokens, context_of
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, Done, World

HOME = "111111111111"
DEPLOY = "arn:aws:iam::111111111111:role/Deploy"
HUB = "arn:aws:iam::222222222222:role/Hub"
SUBJECT = "repo:corp/app:ref:refs/heads/main"
AUDIENCE = "sts.amazonaws.com"


class Federated:
    """A world with one issuer that one account knows."""

    def __init__(self, world: World, issuer: Issuer) -> None:
        self.world = world
        self.issuer = issuer
        self.log = world.folder / "browser"
        self.token_file = world.home / "token"
        aws = world.sts.world
        known = [AUDIENCE, issuer.client_id]
        self.provider = aws.oidc_provider(HOME, issuer.url, issuer.key.public_key(), known)
        aws.web_role(DEPLOY, self.provider)
        aws.role(HUB, trusts=[DEPLOY], max_session=43200)
        world.more = {
            "BROWSER": browser.as_variable(self.log),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_REGION": "eu-west-1",
        }

    def source(self, *lines: str, role: str | None = DEPLOY) -> None:
        named = [] if role is None else [f'role = "{role}"']
        body = "\n".join(['[sources.ci]\ntype = "web-identity"', *named, *lines])
        self.world.config(
            f'version = 1\n{body}\n[chains.own]\nsource = "ci"\n'
            f'[chains.hub]\nsource = "ci"\nhops = [{{ role = "{HUB}", duration = "2h" }}]\n'
        )

    def export(self, chain: str = "hub", **env: str) -> Done:
        return self.world.rolehop("export", chain, "--format", "json", env=env)

    def actions(self) -> list[str]:
        return [each.action for each in self.world.sts.calls]


@pytest.fixture
def federated() -> Iterator[Federated]:
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
        Issuer() as issuer,
    ):
        yield Federated(world, issuer)


def test_a_token_file_leads_through_one_more_hop_of_an_hour_at_most(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE) + "\n")
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.export()
    assert done.code == 0, done.err
    first, second = federated.world.sts.calls
    assert (first.action, first.signer, first.role) == ("AssumeRoleWithWebIdentity", "", DEPLOY)
    assert (second.role, second.params["DurationSeconds"]) == (HUB, "3600")
    assert "Deploy" in second.signer


def test_the_roles_own_session_is_kept_and_used_again(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    assert federated.export("hub").code == 0
    assert federated.export("own").code == 0
    assert federated.actions().count("AssumeRoleWithWebIdentity") == 1


@pytest.mark.parametrize(
    "command", [("export", "hub", "--format", "json"), ("credential-process", "hub")]
)
def test_another_subject_in_the_file_never_gets_the_session_of_the_one_before(
    federated: Federated, command: tuple[str, ...]
) -> None:
    federated.source(f'token_file = "{federated.token_file}"')
    found = []
    for subject in (SUBJECT, SUBJECT, "repo:corp/other"):
        federated.token_file.write_text(federated.issuer.token(subject, AUDIENCE))
        found.append(federated.world.rolehop(*command).json["AccessKeyId"])
    assert found[0] == found[1] != found[2]


def test_a_token_in_a_variable_is_gitlabs_way(federated: Federated) -> None:
    federated.source('token_env = "AWS_ID_TOKEN"')
    done = federated.export(AWS_ID_TOKEN=federated.issuer.token(SUBJECT, AUDIENCE))
    assert done.code == 0, done.err


def test_a_command_may_print_the_token(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_command = ["cat", "{federated.token_file}"]')
    done = federated.export()
    assert done.code == 0, done.err


def test_the_variables_of_eks_are_picked_up(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(role=None)
    done = federated.export(
        AWS_ROLE_ARN=DEPLOY,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(federated.token_file),
        AWS_ROLE_SESSION_NAME="pod-7",
    )
    assert done.code == 0, done.err
    assert federated.world.sts.calls[0].params["RoleSessionName"] == "pod-7"


def test_session_name_duration_and_policies_reach_sts(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(
        f'token_file = "{federated.token_file}"',
        'session_name = "deploy-1"',
        'duration = "15m"',
        'policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]',
    )
    done = federated.export("own")
    assert done.code == 0, done.err
    params = federated.world.sts.calls[0].params
    assert params["RoleSessionName"] == "deploy-1"
    assert params["DurationSeconds"] == "900"
    assert params["PolicyArns.member.1.arn"] == "arn:aws:iam::aws:policy/ReadOnlyAccess"


# ---- CI services


def test_github_gives_its_job_a_token_for_the_audience(federated: Federated) -> None:
    token = federated.issuer.token(SUBJECT, AUDIENCE)
    federated.issuer.say("/request", Reply(json={"count": 1, "value": token}))
    federated.source('ci = "github"')
    done = federated.export(
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{federated.issuer.url}/request?api-version=2",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="request-token",
    )
    assert done.code == 0, done.err
    (asked,) = federated.issuer.asked
    assert asked.headers["authorization"] == "bearer request-token"
    assert asked.query == {"api-version": "2", "audience": AUDIENCE}


@pytest.mark.parametrize(
    ("ci", "variable"),
    [("circleci", "CIRCLE_OIDC_TOKEN_V2"), ("bitbucket", "BITBUCKET_STEP_OIDC_TOKEN")],
)
def test_other_ci_services_put_it_into_a_variable(
    federated: Federated, ci: str, variable: str
) -> None:
    federated.source(f'ci = "{ci}"')
    done = federated.export(**{variable: federated.issuer.token(SUBJECT, AUDIENCE)})
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("ci", "program", "arguments"),
    [
        ("buildkite", "buildkite-agent", ["oidc", "request-token", "--audience", AUDIENCE]),
        (
            "circleci",
            "circleci",
            ["run", "oidc", "get", "--claims", '{"aud": "sts.amazonaws.com"}'],
        ),
    ],
)
def test_some_are_asked_by_their_program(
    federated: Federated, ci: str, program: str, arguments: list[str]
) -> None:
    token = federated.issuer.token(SUBJECT, AUDIENCE)
    folder = federated.world.folder / "bin"
    folder.mkdir()
    script = folder / program
    script.write_text(
        f"#!{sys.executable} -I\nimport sys\nassert sys.argv[1:] == {arguments!r}\nprint({token!r})\n"
    )
    script.chmod(0o700)
    federated.source(f'ci = "{ci}"', f'audience = "{AUDIENCE}"')
    path = f"{folder}:{federated.world.environ['PATH']}"
    done = federated.export(PATH=path, BUILDKITE_JOB_ID="7", CIRCLE_OIDC_TOKEN_V2=token)
    assert done.code == 0, done.err


@pytest.mark.parametrize("ci", ["buildkite", "circleci"])
def test_a_job_without_the_program_that_must_be_asked_is_told_what_to_do(
    federated: Federated, ci: str
) -> None:
    federated.world.more |= {
        "BUILDKITE_JOB_ID": "7",
        "CIRCLE_OIDC_TOKEN_V2": "x",
        "PATH": str(federated.world.folder),
    }
    federated.source(f'ci = "{ci}"', f'audience = "{AUDIENCE}"')
    assert "here, which gives the token of " in _planned(federated)
    done = federated.export()
    assert (done.code, "it is not on PATH" in done.err) == (4, True)
    assert "install it where the job runs, on its PATH" in done.err


@pytest.mark.parametrize(
    ("ci", "words"),
    [
        ("github", "id-token: write"),
        ("circleci", "context"),
        ("buildkite", "buildkite-agent"),
        ("bitbucket", "oidc: true"),
    ],
)
def test_outside_of_its_jobs_each_says_what_was_looked_for(
    federated: Federated, ci: str, words: str
) -> None:
    federated.source(f'ci = "{ci}"')
    done = federated.export()
    assert done.code == 4
    assert "not set" in done.err
    assert words in done.err


def test_gitlab_is_sent_to_token_env(federated: Federated) -> None:
    federated.source('ci = "gitlab"')
    done = federated.export()
    assert done.code == 3
    assert "token_env" in done.err


# ---- failures


def _claims(**claims: object) -> str:
    parts = [{"alg": "RS256"}, claims]
    told = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return f"{told[0]}.{told[1]}.AAAA"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "is not there", id="absent"),
        pytest.param("", "holds no token", id="empty"),
        pytest.param("nonsense", "no JSON Web Token", id="no-token"),
        pytest.param("a.b.c", "claims cannot be read", id="broken-claims"),
        pytest.param("a.b!b.c", "claims cannot be read", id="not-base64"),
        pytest.param(
            f"{_claims(iss='i')}\n{_claims(iss='j')}",
            "it has 2 lines, and a token is one",
            id="two",
        ),
        pytest.param(f"token {_claims(iss='i')}", "it has blanks inside", id="blanks"),
        pytest.param("x" * 30_000, "longer than", id="too-long"),
        pytest.param(_claims(iss="i", sub="s", exp=1), "expired at 1970", id="expired"),
        pytest.param(
            _claims(iss="i", sub="s", nbf=4_000_000_000), "not valid before", id="not-yet-valid"
        ),
    ],
)
def test_absent_and_broken_tokens_are_told_apart_before_any_call(
    federated: Federated, text: str | None, words: str
) -> None:
    if text is not None:
        federated.token_file.write_text(text)
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.export()
    assert done.code == 4
    assert words in done.err
    assert federated.actions() == []


def test_a_command_that_prints_more_than_the_token_is_told(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE) + "\nhello\n")
    federated.source(f'token_command = ["cat", "{federated.token_file}"]')
    done = federated.export()
    assert done.code == 4
    assert "the output of cat holds no web identity token" in done.err
    assert "it has 2 lines" in done.err


def test_blanks_in_an_opaque_token_are_told_too(federated: Federated) -> None:
    federated.token_file.write_text("one two")
    federated.source(f'token_file = "{federated.token_file}"', 'provider_id = "www.amazon.com"')
    assert "it has blanks inside" in federated.export().err


def _planned(federated: Federated) -> str:
    """Return the problem that plan and source list tell; neither makes a call."""
    done = federated.world.rolehop("plan", "hub", "--format", "json")
    assert done.code == 0, done.err
    told = str(done.json["hops"][0]["will_fail"])
    listed = federated.world.rolehop("source", "list", "--format", "json").json["sources"]
    assert [(each["state"], each["problem"]) for each in listed] == [("not ready", told)]
    assert federated.actions() == []
    return told


def test_what_a_token_says_is_told_by_plan_and_source_list(federated: Federated) -> None:
    federated.source(f'token_file = "{federated.token_file}"', f'audience = "{AUDIENCE}"')
    assert "is not there" in _planned(federated)
    federated.token_file.write_text("nonsense")
    assert "holds no web identity token: it is no JSON Web Token" in _planned(federated)
    federated.token_file.write_text(federated.issuer.expired(SUBJECT))
    assert "the token of source 'ci' expired at " in _planned(federated)
    federated.token_file.write_text(federated.issuer.token(SUBJECT, "somebody-else"))
    assert "is for another audience: somebody-else" in _planned(federated)
    tested = federated.world.rolehop("source", "test", "ci", "--format", "json")
    assert [each["good"] for each in tested.json["findings"]] == [True, False]


def test_a_token_command_whose_program_is_missing_is_told_by_plan(federated: Federated) -> None:
    federated.source('token_command = ["/no/such/tool", "x"]')
    told = "the program of token_command, /no/such/tool: it is not there"
    assert _planned(federated) == told


def test_eks_variables_without_a_role_are_told_by_plan(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(role=None)
    federated.world.more["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(federated.token_file)
    assert "knows no role" in _planned(federated)
    federated.world.more["AWS_ROLE_ARN"] = "nonsense"
    assert "the role of source 'ci' is invalid" in _planned(federated)


def test_a_session_that_still_holds_needs_no_token(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    assert federated.export().code == 0
    federated.token_file.write_text(federated.issuer.expired(SUBJECT))
    done = federated.world.rolehop("plan", "hub", "--format", "json")
    assert [hop["will_fail"] for hop in done.json["hops"]] == [None]
    assert federated.export().code == 0


def test_a_plan_asks_no_program_for_a_ci_token(federated: Federated) -> None:
    folder = federated.world.folder / "bin"
    folder.mkdir()
    script = folder / "circleci"
    script.write_text(f"#!/bin/sh\ntouch {federated.world.folder}/asked\n")
    script.chmod(0o700)
    federated.source('ci = "circleci"', f'audience = "{AUDIENCE}"')
    token = federated.issuer.token(SUBJECT, "org")
    path = f"{folder}:{federated.world.environ['PATH']}"
    done = federated.world.rolehop("plan", "hub", env={"PATH": path, "CIRCLE_OIDC_TOKEN_V2": token})
    assert done.code == 0, done.err
    assert "will fail" not in done.out
    assert not (federated.world.folder / "asked").exists()


def test_a_token_that_changes_under_a_walk_is_planned_anew(federated: Federated) -> None:
    federated.source(f'token_file = "{federated.token_file}"')
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    config = federated.world.config_file
    found = load_config([config], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
    planned = build_source(found.sources["ci"], context_of(federated.world))
    federated.token_file.write_text(federated.issuer.token("somebody else", AUDIENCE))
    with pytest.raises(SourceChanged):
        planned.load()
    assert federated.actions() == []


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
def test_what_aws_answers_decides_whose_fault_it_is(
    federated: Federated, code: str, exit_code: int
) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    federated.world.sts.fail(9, status=400, code=code)
    done = federated.export(AWS_MAX_ATTEMPTS="1")
    assert done.code == exit_code, done.err
    told = json.loads(done.err)
    assert told["cause"].startswith(f"{code}: {code}")
    assert told["fix"]


def test_an_id_token_too_old_for_aws_names_the_sign_in(federated: Federated) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.world.sts.fail(status=400, code="ExpiredTokenException")
    done = federated.export()
    assert done.code == 4
    assert json.loads(done.err)["fix"] == "rolehop source login ci"


def test_keys_of_an_issuer_that_aws_cannot_fetch_are_told(federated: Federated) -> None:
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
def test_the_advice_fits_what_aws_says_of_the_token(
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
    told = json.loads(done.err)
    assert "InvalidIdentityToken" in told["cause"]
    assert fix in told["fix"]


@pytest.mark.parametrize("body", [b"<html>", b"<AssumeRoleWithWebIdentityResponse/>"])
def test_an_answer_of_sts_that_makes_no_sense_is_told(federated: Federated, body: bytes) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    federated.world.sts.say(body)
    done = federated.export()
    assert done.code == 6
    assert "something unexpected" in done.err


IMPATIENT = ClientSettings("eu-west-1", read_timeout_seconds=0.2, max_attempts=1)


def test_an_sts_that_hangs_is_given_up(federated: Federated) -> None:
    federated.world.sts.delay_seconds = 30
    settings = replace(IMPATIENT, endpoint_url=federated.world.sts.url)
    wish = WebIdentity(RoleArn.parse(DEPLOY), "me")
    with pytest.raises(ServiceError) as caught, StsClient(settings) as sts:
        sts.assume_role_with_web_identity(wish, Secret(federated.issuer.token(SUBJECT, AUDIENCE)))
    assert caught.value.cause == "no answer within 0.2 s"


def test_an_issuer_that_hangs_is_given_up(federated: Federated) -> None:
    issuer = federated.issuer
    with HttpClient(IMPATIENT) as http:
        client = OidcClient(http, issuer.url, issuer.client_id, lambda: datetime.now(UTC))
        endpoints = client.discover()
        issuer.say("/.well-known/openid-configuration", None)
        with pytest.raises(ServiceError) as caught:
            client.discover()
        assert caught.value.cause == "no answer within 0.2 s"
        issuer.say("/token", None)
        with pytest.raises(ServiceError) as caught:
            client.by_refresh(endpoints, Secret("refresh"), None)
        assert caught.value.cause == "no answer within 0.2 s"


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (None, "no answer within 0.2 s"),
        (Reply(text="<html>"), "it is no JSON object"),
        (Reply(json={"count": 1}), "value is missing"),
        (Reply(503), "HTTP 503"),
    ],
)
def test_a_github_that_hangs_or_makes_no_sense_is_told(
    federated: Federated, reply: Reply | None, cause: str
) -> None:
    federated.issuer.say("/request", reply, 3)
    url = f"{federated.issuer.url}/request"
    with pytest.raises(ServiceError) as caught, HttpClient(IMPATIENT) as http:
        github_token(http, url, Secret("bearer"), AUDIENCE)
    assert caught.value.cause == cause


def test_a_job_that_github_refuses_is_exit_4(federated: Federated) -> None:
    federated.issuer.say("/request", Reply(403, {"message": "no"}))
    federated.source('ci = "github"')
    done = federated.export(
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{federated.issuer.url}/request",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="request-token",
    )
    assert done.code == 4
    assert "HTTP 403: no" in done.err
    assert "id-token: write" in done.err


def test_a_request_url_that_is_none_is_named(federated: Federated) -> None:
    federated.source('ci = "github"')
    done = federated.export(
        ACTIONS_ID_TOKEN_REQUEST_URL="nonsense", ACTIONS_ID_TOKEN_REQUEST_TOKEN="t"
    )
    assert done.code == 3
    assert "the address in ACTIONS_ID_TOKEN_REQUEST_URL cannot be called" in done.err


def test_a_token_for_another_audience_is_refused_here_where_the_config_names_one(
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


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['token_file = "a"', 'token_env = "B"'], "keep one of"),
        (['issuer = "https://idp.example"'], "go together"),
        (['token_env = "B"', 'scopes = ["openid"]'], "goes with issuer"),
    ],
)
def test_the_config_wants_exactly_one_origin(
    federated: Federated, lines: list[str], words: str
) -> None:
    federated.source(*lines)
    done = federated.world.rolehop("config", "check")
    assert done.code == 3
    assert words in done.err


# ---- a sign-in at an issuer


def _issuer(federated: Federated, *more: str) -> None:
    client = f'client_id = "{federated.issuer.client_id}"'
    federated.source(f'issuer = "{federated.issuer.url}"', client, *more)


def test_a_person_signs_in_at_an_issuer_by_pkce(federated: Federated) -> None:
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 0, done.err
    assert "alice@corp" in done.err
    done = federated.export()
    assert done.code == 0, done.err
    assert federated.world.sts.calls[0].params["RoleSessionName"] == "alice@corp"


def test_an_id_token_that_ends_is_refreshed_and_the_new_refresh_token_kept(
    federated: Federated,
) -> None:
    federated.issuer.seconds = 60
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    for _ in range(2):
        done = federated.world.rolehop("source", "test", "ci")
        assert done.code == 0, done.err
    assert federated.issuer.paths().count("/authorize") == 1
    assert len(federated.issuer.refreshes) == 1


def test_a_sign_in_revoked_at_the_issuer_is_exit_4_with_the_command(federated: Federated) -> None:
    federated.issuer.seconds = 60
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.issuer.refreshes.clear()
    done = federated.export()
    assert done.code == 4
    assert "rolehop source login ci" in done.err


def test_a_walk_on_a_terminal_starts_the_sign_in_itself(federated: Federated) -> None:
    _issuer(federated)
    with OnTerminal(federated.world, SCRIPT, "export", "hub", "--format", "json") as person:
        person.expect("sign in to")
        done = person.ended()
    assert done.code == 0, done.err


def test_an_issuer_that_wants_a_client_secret_gets_it_asked_and_kept(federated: Federated) -> None:
    federated.issuer.client_secret = "the-client-secret"
    _issuer(federated)
    with OnTerminal(federated.world, SCRIPT, "source", "login", "ci") as person:
        person.expect("client secret")
        person.types("the-client-secret")
        done = person.ended()
    assert done.code == 0, done.err
    assert federated.export().code == 0
    texts = [path.read_bytes().decode("utf-8", "replace") for path in federated.world.files()]
    assert not any("the-client-secret" in text for text in texts)


def test_logout_revokes_the_refresh_token_and_forgets_it(federated: Federated) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    assert federated.world.rolehop("source", "logout", "ci").code == 0
    assert federated.issuer.refreshes == {}
    assert federated.world.items() == []


@pytest.mark.parametrize("person", ["alice@corp", "bob@corp"])
def test_signing_in_anew_ends_the_sign_in_before_at_the_issuer(
    federated: Federated, person: str
) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.issuer.person = person
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 0, done.err
    assert list(federated.issuer.refreshes.values()) == [person]
    assert federated.export().code == 0


@pytest.mark.parametrize("reply", [Reply(503), Reply(400, {"error": "unsupported_token_type"})])
def test_a_sign_in_does_not_fail_where_the_one_before_lives_on(
    federated: Federated, reply: Reply
) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.issuer.say("/revoke", reply)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 0, done.err
    assert "the issuer did not end the previous sign-in" in done.err
    assert federated.export().code == 0


def test_where_one_token_ends_all_the_same_person_s_is_left_alone(
    federated: Federated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_signin, "_REVOKES_ALL", ("127.0.0.1",))
    _issuer(federated)
    config = federated.world.config_file
    found = load_config([config], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
    tokens, source = MemoryTokens(), found.sources["ci"]
    context = context_of(federated.world, tokens=tokens, person=AtBrowser())
    for person in ("alice", "alice", "bob"):
        federated.issuer.person = person
        told = web_identity.login(source, context, Login())
        assert f"as {person}" in told
    assert sorted(federated.issuer.refreshes.values()) == ["alice", "bob"]


class AtBrowser:
    """Somebody whose browser goes where it is sent."""

    can_ask = has_browser = True

    def say(self, line: str) -> None:
        del line

    def open_browser(self, url: str) -> bool:
        threading.Thread(target=lambda: urlopen(url).close(), daemon=True).start()  # noqa: S310
        return True


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        pytest.param(Reply(text="<html>"), 6, "it is no JSON object", id="no-json"),
        pytest.param(Reply(json={"id_token": "x"}), 6, "access token is missing", id="half"),
        pytest.param(
            Reply(json={"access_token": "a", "id_token": "x"}), 4, "no JSON Web Token", id="no-jwt"
        ),
        pytest.param(Reply(json={"access_token": "a"}), 4, "gave no ID token", id="no-id-token"),
        pytest.param(Reply(400, {"error": "invalid_grant"}), 4, "invalid_grant", id="refused"),
        pytest.param(Reply(503), 6, "HTTP 503", id="fault"),
    ],
)
def test_what_the_token_endpoint_says_is_not_trusted_unread(
    federated: Federated, reply: Reply, code: int, words: str
) -> None:
    federated.issuer.say("/token", reply)
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == code, done.err
    assert words in done.err
    assert federated.world.items() == []


def test_an_id_token_of_another_sign_in_is_not_taken(federated: Federated) -> None:
    federated.issuer.nonce = "another"
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "its nonce is not the one that was sent" in done.err
    assert federated.world.items() == []


def test_a_refused_sign_in_is_exit_4(federated: Federated) -> None:
    federated.issuer.approves = False
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "access_denied" in done.err


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        pytest.param(Reply(text="<html>"), 6, "unexpected", id="no-json"),
        pytest.param(Reply(json={"issuer": "x"}), 6, "missing", id="half"),
        pytest.param(Reply(404, {}), 6, "unexpected", id="no-issuer"),
        pytest.param(
            Reply(
                json={
                    "issuer": "https://evil.example",
                    "authorization_endpoint": "https://evil.example/a",
                    "token_endpoint": "https://evil.example/t",
                }
            ),
            4,
            "calls itself https://evil.example",
            id="another-issuer",
        ),
    ],
)
def test_a_discovery_document_is_not_trusted_unread(
    federated: Federated, told: Reply, code: int, words: str
) -> None:
    federated.issuer.say("/.well-known/openid-configuration", told)
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == code, done.err
    assert words in done.err


def test_no_token_rests_outside_the_vault_or_is_shown(federated: Federated) -> None:
    _issuer(federated)
    outputs = []
    for arguments in (
        ("source", "login", "ci", "--debug"),
        ("source", "test", "ci", "--debug"),
        ("source", "list", "--format", "json"),
        ("export", "hub", "--format", "json", "--debug"),
    ):
        done = federated.world.rolehop(*arguments)
        assert done.code == 0, done.err
        outputs += ["" if arguments[0] == "export" else done.out, done.err]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in federated.world.files()]
    assert federated.issuer.given
    for secret in federated.issuer.given:
        assert not any(secret in text for text in (*texts, *outputs))


def test_nobody_signs_in_to_a_token_file(federated: Federated) -> None:
    federated.source('token_env = "T"')
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "rolehop source test ci" in done.err


def test_source_test_says_what_the_token_says_of_itself(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.world.rolehop("source", "test", "ci", "--format", "json")
    assert done.code == 0, done.err
    found = {each["looked_for"]: each["found"] for each in done.json["findings"]}
    told = next(text for name, text in found.items() if "token_file" in name)
    assert SUBJECT in told
    assert AUDIENCE in told
    assert done.json["next_hop_ceiling"] == 3600
    assert "assumed-role/Deploy" in done.json["arn"]
