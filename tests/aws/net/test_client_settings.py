from __future__ import annotations

import subprocess
import sys

import pytest

from rolehop.aws.net.client_settings import ClientSettings, settings_from
from rolehop.base.errors import ConfigError


@pytest.mark.parametrize(
    ("environ", "keys", "field", "value"),
    [
        pytest.param({}, {}, "use_fips", False, id="no-fips-unless-asked"),
        pytest.param({"AWS_USE_FIPS_ENDPOINT": "TRUE"}, {}, "use_fips", True, id="fips-variable"),
        pytest.param({}, {"use_fips_endpoint": "true"}, "use_fips", True, id="fips-key"),
        pytest.param(
            {"AWS_USE_FIPS_ENDPOINT": "false"},
            {"use_fips_endpoint": "true"},
            "use_fips",
            False,
            id="the-variable-beats-the-key",
        ),
        pytest.param(
            {"AWS_USE_FIPS_ENDPOINT": ""},
            {"use_fips_endpoint": "true"},
            "use_fips",
            True,
            id="an-empty-variable-counts-as-not-set",
        ),
        pytest.param(
            {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, {}, "use_dualstack", True, id="dualstack"
        ),
        pytest.param(
            {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, {}, "legacy_global_sts", True, id="legacy"
        ),
        pytest.param(
            {}, {"sts_regional_endpoints": "regional"}, "legacy_global_sts", False, id="regional"
        ),
        pytest.param({}, {}, "ca_bundle", None, id="no-bundle"),
        pytest.param(
            {"AWS_CA_BUNDLE": "/a", "REQUESTS_CA_BUNDLE": "/c"},
            {"ca_bundle": "/b"},
            "ca_bundle",
            "/a",
            id="botocores-variable-first",
        ),
        pytest.param(
            {"REQUESTS_CA_BUNDLE": "/c"}, {"ca_bundle": "/b"}, "ca_bundle", "/b", id="then-the-key"
        ),
        pytest.param({"REQUESTS_CA_BUNDLE": "/c"}, {}, "ca_bundle", "/c", id="then-requests"),
        pytest.param(
            {"AWS_CA_BUNDLE": " "}, {}, "ca_bundle", None, id="a-blank-bundle-never-turns-tls-off"
        ),
        pytest.param({}, {}, "max_attempts", 3, id="three-attempts"),
        pytest.param({"AWS_MAX_ATTEMPTS": "5"}, {}, "max_attempts", 5, id="attempts-variable"),
        pytest.param({}, {"max_attempts": "1"}, "max_attempts", 1, id="attempts-key"),
    ],
)
def test_settings_follow_botocore(
    environ: dict[str, str], keys: dict[str, str], field: str, value: object
) -> None:
    assert getattr(settings_from(environ, keys, "eu-west-1"), field) == value


@pytest.mark.parametrize(
    ("environ", "keys", "said"),
    [
        ({"AWS_MAX_ATTEMPTS": "many"}, {}, "AWS_MAX_ATTEMPTS cannot be 'many'"),
        ({"AWS_MAX_ATTEMPTS": "0"}, {}, "AWS_MAX_ATTEMPTS cannot be '0'"),
        ({}, {"max_attempts": "-1"}, "max_attempts of the AWS profile cannot be '-1'"),
        (
            {"AWS_STS_REGIONAL_ENDPOINTS": "global"},
            {},
            "AWS_STS_REGIONAL_ENDPOINTS cannot be 'global'",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(
    environ: dict[str, str], keys: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_from(environ, keys, "eu-west-1")
    assert caught.value.what == said
    assert caught.value.fix


def test_overrides_are_per_service_and_no_region_is_the_partitions_default() -> None:
    made = settings_from({}, {}, None, endpoint_url="http://a", iam_endpoint_url="")
    assert made == ClientSettings("us-east-1", endpoint_url="http://a")
    assert (made.override("sts"), made.override("iam")) == ("http://a", None)


def test_making_settings_and_a_client_loads_neither_botocore_nor_urllib3() -> None:
    program = (
        "import sys, rolehop.aws.net.client_settings, rolehop.aws.sts\n"
        "rolehop.aws.sts.StsClient(rolehop.aws.net.client_settings.settings_from({}, {}, None))\n"
        "print(*sorted({'botocore', 'urllib3', 'ssl', 'http'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
