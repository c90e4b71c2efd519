from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import InvalidConfigError

from rolehop.awsconfig import (
    aws_config_paths,
    current_profile,
    endpoint_override,
    parse_aws_config,
    profile_setting,
    region_of,
)
from rolehop.base.errors import ConfigError

Boto = Callable[..., botocore.session.Session]
HOME = Path("/home/alice")
SERVICES = (
    "[services s]\nsts =\n  endpoint_url = http://services\niam =\n  endpoint_url = http://iam\n"
)
PROFILE = "[profile p]\nregion = eu-west-1\n"


@pytest.mark.parametrize(
    ("config", "environ", "expected"),
    [
        pytest.param(PROFILE, {}, None, id="none"),
        pytest.param(PROFILE, {"AWS_ENDPOINT_URL": "http://all"}, "http://all", id="for-all"),
        pytest.param(
            PROFILE,
            {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_STS": "http://sts"},
            "http://sts",
            id="the-service-first",
        ),
        pytest.param(
            PROFILE + "endpoint_url = http://profile\n",
            {"AWS_ENDPOINT_URL": "http://all"},
            "http://all",
            id="variable-before-file",
        ),
        pytest.param(PROFILE + "endpoint_url = http://profile\n", {}, "http://profile", id="profile"),
        pytest.param(
            PROFILE + "endpoint_url = http://profile\n",
            {"AWS_ENDPOINT_URL": ""},
            "http://profile",
            id="an-empty-variable-is-none",
        ),
        pytest.param(
            PROFILE + "services = s\nendpoint_url = http://profile\n" + SERVICES,
            {},
            "http://services",
            id="services-before-profile",
        ),
        pytest.param(
            PROFILE + "services = s\nendpoint_url = http://profile\n[services s]\niam =\n  endpoint_url = http://iam\n",
            {},
            "http://profile",
            id="services-without-sts",
        ),
        pytest.param(
            PROFILE,
            {"AWS_ENDPOINT_URL": "http://all", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"},
            None,
            id="ignored-by-variable",
        ),
        pytest.param(
            PROFILE + "ignore_configured_endpoint_urls = true\n",
            {"AWS_ENDPOINT_URL": "http://all"},
            None,
            id="ignored-by-profile",
        ),
        pytest.param(
            PROFILE + "ignore_configured_endpoint_urls = true\n",
            {"AWS_ENDPOINT_URL": "http://all", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"},
            "http://all",
            id="the-variable-decides-whether-to-ignore",
        ),
        pytest.param(
            PROFILE + "services = missing\n",
            {"AWS_ENDPOINT_URL_STS": "http://sts"},
            "http://sts",
            id="a-missing-section-not-reached",
        ),
    ],
)  # fmt: skip
def test_the_sts_endpoint_is_the_one_botocore_would_call(
    config: str,
    environ: dict[str, str],
    expected: str | None,
    boto: Boto,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws = parse_aws_config(config, None)
    assert endpoint_override(aws, "p", environ) == expected
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    client = boto(config, profile="p").create_client(
        "sts", aws_access_key_id="AKIA", aws_secret_access_key="x"
    )
    assert client.meta.endpoint_url == (expected or "https://sts.eu-west-1.amazonaws.com")


def test_a_services_section_that_is_not_there_is_refused_as_in_botocore(boto: Boto) -> None:
    config = PROFILE + "services = missing\n"
    with pytest.raises(InvalidConfigError):
        boto(config, profile="p").create_client("sts")
    with pytest.raises(ConfigError, match="services section 'missing'"):
        endpoint_override(parse_aws_config(config, None), "p", {})


def test_other_services_have_their_own_variable() -> None:
    aws = parse_aws_config(PROFILE + "services = s\n" + SERVICES, None)
    assert endpoint_override(aws, "p", {}, "iam") == "http://iam"
    assert endpoint_override(aws, "p", {"AWS_ENDPOINT_URL_SSO_OIDC": "http://o"}, "sso-oidc") == (
        "http://o"
    )


@pytest.mark.parametrize(
    ("environ", "config", "credentials"),
    [
        pytest.param({}, "/home/alice/.aws/config", "/home/alice/.aws/credentials", id="default"),
        pytest.param(
            {"AWS_CONFIG_FILE": "~/c", "AWS_SHARED_CREDENTIALS_FILE": "$X/k", "X": "/x"},
            "/home/alice/c", "/x/k", id="home-and-variable",
        ),
        pytest.param(
            {"AWS_CONFIG_FILE": "${X}/c", "AWS_SHARED_CREDENTIALS_FILE": "$Y/k", "X": "~/z"},
            "/home/alice/z/c", "$Y/k", id="variables-first-and-unknown-ones-stay",
        ),
        pytest.param(
            {"AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": "~"},
            os.devnull, "/home/alice", id="empty-is-no-file",
        ),
    ],
)  # fmt: skip
def test_where_the_files_are(environ: dict[str, str], config: str, credentials: str) -> None:
    assert aws_config_paths(environ, HOME) == (Path(config), Path(credentials))


@pytest.mark.parametrize(
    ("environ", "profile"),
    [
        ({}, None),
        ({"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"}, "a"),
        ({"AWS_DEFAULT_PROFILE": "b"}, "b"),
        ({"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "b"}, "b"),
        ({"AWS_PROFILE": ""}, None),
    ],
)
def test_the_profile_of_the_environment(environ: dict[str, str], profile: str | None) -> None:
    assert current_profile(environ) == profile


def test_settings_of_a_profile_and_of_the_default_one() -> None:
    aws = parse_aws_config("[default]\nregion = eu-west-1\n[profile a]\nregion =\n", None)
    assert region_of(aws, None) == "eu-west-1"
    assert region_of(aws, "a") is None
    assert region_of(aws, "missing") is None
    assert profile_setting(aws, "a", "output") is None
