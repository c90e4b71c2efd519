"""Web identity from end to end: tokens of every origin, verified by the STS double, one more hop."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.on_terminal import OnTerminal
from tests.cli.world import SCRIPT, Done, World
from tests.doubles import browser
from tests.doubles.oidc import Issuer
from tests.doubles.web import Reply

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
