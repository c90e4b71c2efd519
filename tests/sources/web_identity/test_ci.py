"""The tokens that CI services give to their jobs."""

from __future__ import annotations

import sys

import pytest

from rolehop.aws.net.http import HttpClient
from rolehop.base.credentials import Secret
from rolehop.base.errors import ServiceError
from rolehop.sources.web_tokens import github_token
from tests.doubles.web import Reply
from tests.sources.web_identity.federated import (
    AUDIENCE,
    IMPATIENT,
    SUBJECT,
    Federated,
    planned_problem,
)


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
def test_a_job_without_the_program_that_must_be_asked_says_what_to_do(
    federated: Federated, ci: str
) -> None:
    federated.world.more |= {
        "BUILDKITE_JOB_ID": "7",
        "CIRCLE_OIDC_TOKEN_V2": "x",
        "PATH": str(federated.world.folder),
    }
    federated.source(f'ci = "{ci}"', f'audience = "{AUDIENCE}"')
    assert "here, which gives the token of " in planned_problem(federated)
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


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (None, "no answer within 0.2 s"),
        (Reply(text="<xml>"), "it is not a JSON object"),
        (Reply(json={"count": 1}), "value is missing"),
        (Reply(503), "HTTP 503"),
    ],
)
def test_a_github_that_hangs_or_is_invalid_is_reported(
    federated: Federated, reply: Reply | None, cause: str
) -> None:
    federated.issuer.say("/request", reply, 3)
    url = f"{federated.issuer.url}/request"
    with pytest.raises(ServiceError) as caught, HttpClient(IMPATIENT) as http:
        github_token(http, url, Secret("made-up-bearer-token"), AUDIENCE)
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


def test_a_request_url_that_is_invalid_is_named(federated: Federated) -> None:
    federated.source('ci = "github"')
    done = federated.export(
        ACTIONS_ID_TOKEN_REQUEST_URL="nonsense", ACTIONS_ID_TOKEN_REQUEST_TOKEN="t"
    )
    assert done.code == 3
    assert "the address in ACTIONS_ID_TOKEN_REQUEST_URL cannot be called" in done.err


GITHUB = {
    "GITHUB_REPOSITORY": "corp/app",
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_JOB": "deploy",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "token-of-dev",
}


@pytest.mark.parametrize(
    ("path", "token"),
    [
        pytest.param("/jobs/2/idtoken", GITHUB["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], id="request-url"),
        pytest.param("/jobs/1/idtoken", "token-of-prod", id="request-token"),
    ],
)
def test_jobs_of_a_matrix_never_share_a_session(
    federated: Federated, path: str, token: str
) -> None:
    """Nor do two calls of a reusable workflow: all of them have the same names and numbers."""
    federated.source('ci = "github"')

    def key_id(path: str, **env: str) -> str:
        url = f"{federated.issuer.url}{path}?api-version=2"
        job = {**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": url, **env}
        done = federated.world.rolehop("credential-process", "own", env=job)
        assert done.code == 0, done.err
        return str(done.json["AccessKeyId"])

    dev = Reply(json={"value": federated.issuer.token("dev", AUDIENCE)})
    federated.issuer.say("/jobs/1/idtoken", dev)
    first = key_id("/jobs/1/idtoken")
    assert [key_id("/jobs/1/idtoken") for _ in range(2)] == [first, first]
    assert len(federated.issuer.asked) == 1  # the same job asks once
    prod = Reply(json={"value": federated.issuer.token("prod", AUDIENCE)})
    federated.issuer.say(path, prod)
    assert key_id(path, ACTIONS_ID_TOKEN_REQUEST_TOKEN=token) != first
    assert len(federated.issuer.asked) == 2
    assert key_id("/jobs/1/idtoken") == first


@pytest.mark.parametrize(
    ("ci", "program", "one", "other"),
    [
        ("buildkite", "buildkite-agent", {"BUILDKITE_JOB_ID": "1"}, {"BUILDKITE_JOB_ID": "2"}),
        (
            "circleci",
            "circleci",
            {"CIRCLE_WORKFLOW_JOB_ID": "1", "CIRCLE_NODE_INDEX": "0"},
            {"CIRCLE_WORKFLOW_JOB_ID": "1", "CIRCLE_NODE_INDEX": "1"},
        ),
        (
            "circleci",
            "circleci",
            {"CIRCLE_WORKFLOW_JOB_ID": "1", "CIRCLE_NODE_INDEX": "0"},
            {"CIRCLE_WORKFLOW_JOB_ID": "1", "CIRCLE_OIDC_TOKEN_V2": "of another context"},
        ),
    ],
)
def test_jobs_of_other_ci_services_never_share_a_session(
    federated: Federated, ci: str, program: str, one: dict[str, str], other: dict[str, str]
) -> None:
    tool = federated.world.folder / program
    tool.write_text(f'#!/bin/sh\ncat "{federated.token_file}"\n')
    tool.chmod(0o700)
    federated.source(f'ci = "{ci}"', f'audience = "{AUDIENCE}"')
    path = f"{federated.world.folder}:{federated.world.environ['PATH']}"

    def arn(subject: str, env: dict[str, str]) -> str:
        federated.token_file.write_text(federated.issuer.token(subject, AUDIENCE))
        variables = {"PATH": path, "CIRCLE_OIDC_TOKEN_V2": "of the job", **env}
        done = federated.world.rolehop("whoami", "own", "--format", "json", env=variables)
        assert done.code == 0, done.err
        return str(done.json["arn"]).rpartition("/")[2]

    assert arn("dev", one) == "dev"
    assert arn("unasked", one) == "dev"
    assert arn("prod", other) == "prod"
