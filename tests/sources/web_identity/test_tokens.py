"""Tokens from files, variables and programs, exchanged at the STS double and used for one more hop."""

from __future__ import annotations

import pytest

from rolehop.base.files import read_trusted
from rolehop.config.loader import load_config
from rolehop.sources import SOURCE_TABLES, build_source
from rolehop.sources.context import SourceChanged
from tests.sources.machines import context_of
from tests.sources.web_identity.federated import (
    AUDIENCE,
    DEPLOY,
    HUB,
    SUBJECT,
    Federated,
)


def test_a_token_file_leads_through_one_more_hop_of_an_hour_at_most(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE) + "\n")
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.export()
    assert done.code == 0, done.err
    first, second = federated.world.sts.calls
    assert (first.action, first.signer, first.role) == ("AssumeRoleWithWebIdentity", "", DEPLOY)
    assert (second.role, second.params["DurationSeconds"]) == (HUB, "3600")
    assert "Deploy" in second.signer


def test_the_roles_own_session_is_stored_and_used_again(federated: Federated) -> None:
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


def test_source_test_shows_the_claims_of_the_token(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    done = federated.world.rolehop("source", "test", "ci", "--format", "json")
    assert done.code == 0, done.err
    found = {each["looked_for"]: each["found"] for each in done.json["findings"]}
    shown = next(text for name, text in found.items() if "token_file" in name)
    assert SUBJECT in shown
    assert AUDIENCE in shown
    assert done.json["next_hop_ceiling"] == 3600
    assert "assumed-role/Deploy" in done.json["arn"]


def test_a_session_that_still_holds_needs_no_token(federated: Federated) -> None:
    federated.token_file.write_text(federated.issuer.token(SUBJECT, AUDIENCE))
    federated.source(f'token_file = "{federated.token_file}"')
    assert federated.export().code == 0
    federated.token_file.write_text(federated.issuer.expired(SUBJECT, AUDIENCE))
    done = federated.world.rolehop("plan", "hub", "--format", "json")
    assert [hop["will_fail"] for hop in done.json["hops"]] == [None]
    assert federated.export().code == 0


def test_a_token_that_changes_under_a_walk_is_planned_again(federated: Federated) -> None:
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
