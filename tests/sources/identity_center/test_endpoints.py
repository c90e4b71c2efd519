"""Sign-ins and sessions got through an overridden endpoint are never used without it, or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from tests.doubles.sso import Center
from tests.sources.identity_center.corp import BY_SESSION, HOME, SESSION, Corp

# AWS's own endpoints, which no test reaches.
PUBLIC = {
    "AWS_ENDPOINT_URL_SSO": "",
    "AWS_ENDPOINT_URL_SSO_OIDC": "",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
}


@pytest.fixture
def other(corp: Corp) -> Iterator[Center]:
    """Another Identity Center, which knows neither the sign-ins nor the clients of the first."""
    with Center(corp.world.sts) as center:
        center.assign("alice", HOME, "Developer")
        yield center


def own(corp: Corp, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return the exit code of the source's own session, and its access key ID."""
    done = corp.world.rolehop("credential-process", "own", env=env)
    return done.code, done.json["AccessKeyId"] if done.code == 0 else done.err


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"])
def test_a_sign_in_is_not_sent_to_another_endpoint(corp: Corp, other: Center, name: str) -> None:
    corp.login()
    first = own(corp)
    assert first[0] == 0
    code, message = own(corp, {name: other.url})
    assert code == 4
    assert "nobody is signed in" in message
    assert other.asked == []
    assert own(corp) == first


def test_without_the_variables_there_is_no_sign_in_and_nothing_is_sent(corp: Corp) -> None:
    corp.login()
    first = own(corp)
    assert first[0] == 0
    code, message = own(corp, PUBLIC)
    assert code == 4
    assert "nobody is signed in" in message
    assert own(corp) == first


def test_an_endpoint_of_the_aws_config_counts_like_a_variable(corp: Corp, other: Center) -> None:
    corp.login()
    assert own(corp)[0] == 0
    corp.world.aws_config(
        f"[default]\nservices = emulator\n[services emulator]\nsso =\n  endpoint_url = {other.url}\n"
        f"sso_oidc =\n  endpoint_url = {other.url}\n"
    )
    unset = {"AWS_ENDPOINT_URL_SSO": "", "AWS_ENDPOINT_URL_SSO_OIDC": ""}
    code, message = own(corp, unset)
    assert code == 4
    assert "nobody is signed in" in message
    assert other.asked == []
    done = corp.world.rolehop("source", "login", "corp", env=unset)
    assert done.code == 0, done.err
    assert own(corp, unset)[0] == 0
    assert own(corp, PUBLIC | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})[0] == 4


def test_a_session_by_the_aws_clis_sign_in_is_found_at_its_own_endpoint_only(
    corp: Corp, other: Center
) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    corp.cli_signs_in(lasts=timedelta(hours=1))
    first = own(corp)
    assert first[0] == 0
    assert own(corp) == first
    for env in ({"AWS_ENDPOINT_URL_SSO": other.url}, PUBLIC):
        code, message = own(corp, env)
        assert code == 4
        assert "made against other endpoints" in message
    assert other.asked == []
    assert own(corp) == first


def test_a_sign_in_that_the_aws_cli_made_is_taken_for_one_at_awss_own_endpoints(
    corp: Corp,
) -> None:
    """It does not note where it signed in, so it is sent nowhere else."""
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = corp.cli_signs_in(lasts=timedelta(hours=1), marked=False)
    before = len(corp.center.asked)
    for env in (None, {"AWS_ENDPOINT_URL_SSO": ""}, {"AWS_ENDPOINT_URL_SSO_OIDC": ""}):
        code, message = own(corp, env)
        assert code == 4
        assert f"the AWS CLI's sign-in, {path}: made against other endpoints" in message
    assert len(corp.center.asked) == before
    assert own(corp, PUBLIC)[0] == 6  # it was sent to AWS, which no test reaches


def test_a_sign_in_that_rolehop_shares_is_not_read_back_without_its_endpoint(
    corp: Corp, other: Center
) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(
        BY_SESSION.replace('role = "Developer"', 'role = "Developer"\nshare_cli_cache = true')
    )
    corp.login()
    assert own(corp)[0] == 0
    for env in (PUBLIC, other.environ):
        code, message = own(corp, env)
        assert code == 4
        assert "made against other endpoints" in message
    assert other.asked == []
