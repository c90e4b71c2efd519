"""Profiles with a sign-in to Identity Center, which botocore takes from the AWS CLI's cache."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.doubles.sso import Center
from tests.sources.identity_center.corp import HOME, SESSION, Corp

LASTS = timedelta(hours=1)


@pytest.fixture(autouse=True)
def profile(corp: Corp) -> None:
    corp.world.aws_config(
        f"{SESSION}[profile dev]\nregion = eu-west-1\nsso_session = my-sso\n"
        f"sso_account_id = {HOME}\nsso_role_name = Developer\n"
    )


def whoami(corp: Corp, **env: str) -> tuple[int, str]:
    done = corp.world.rolehop("whoami", "dev", "--format", "json", env=env)
    return done.code, done.json["arn"].rpartition("/")[2] if done.code == 0 else done.err


def test_another_person_who_signs_in_never_gets_the_session_of_the_one_before(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS)
    assert whoami(corp) == (0, "alice")
    calls = corp.center.paths().count("/federation/credentials")
    assert whoami(corp) == (0, "alice")
    assert corp.center.paths().count("/federation/credentials") == calls
    corp.center.person = "bob"
    corp.center.assign("bob", HOME, "Developer")
    corp.cli_signs_in(lasts=LASTS)
    assert whoami(corp) == (0, "bob")


def test_another_sign_in_is_seen_by_the_hot_path_too(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS)
    found = [corp.world.rolehop("credential-process", "dev") for _ in range(2)]
    corp.center.person = "bob"
    corp.center.assign("bob", HOME, "Developer")
    corp.cli_signs_in(lasts=LASTS)
    found.append(corp.world.rolehop("credential-process", "dev"))
    first, second, third = (each.json["AccessKeyId"] for each in found)
    assert first == second != third


def test_a_session_is_found_at_its_own_endpoint_only(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS)
    assert whoami(corp) == (0, "alice")
    with Center(corp.world.sts) as other:
        other.assign("alice", HOME, "Developer")
        code, _ = whoami(corp, AWS_ENDPOINT_URL_SSO=other.url)
        assert code == 4  # it knows no such token
        assert other.paths() == ["/federation/credentials"]


def test_a_sign_in_to_another_start_url_is_never_sent(corp: Corp) -> None:
    path = corp.cli_signs_in(lasts=LASTS, url="https://other.awsapps.com/start")
    before = len(corp.center.asked)
    code, message = whoami(corp)
    assert code == 4
    reason = (
        f"the AWS CLI's sign-in, {path}: of another start URL (https://other.awsapps.com/start)"
    )
    assert reason in message
    assert "aws sso login --profile dev" in message
    assert len(corp.center.asked) == before
