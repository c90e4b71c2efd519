"""What leads an SDK to an endpoint, what the endpoint answers, and what its token is compared by."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.handover.formats import (
    as_container,
    as_instance,
    as_process,
    digest_of_text,
    endpoint_changes,
    metadata_changes,
    past_proxies,
    token_check,
    token_digest,
    token_text,
)

URI = "http://127.0.0.1:4099/creds/prod"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
END = NOW.replace(hour=13)
KEYS = Credentials("ASIAKEY", Secret("s3cr3t-of-it"), Secret("t0ken-of-it"), END)
SESSION = Session(KEYS, "arn:aws:sts::333333333333:assumed-role/Admin/me", "333333333333", NOW, END)
REPLACED = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CREDENTIAL_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE",
}


def test_an_endpoint_takes_the_place_of_all_that_sdks_follow_first() -> None:
    changes = endpoint_changes(URI, Secret("w0rd-of-it"), "/run/token", "eu-west-1", {})
    assert len(dict(changes)) == len(changes)
    assert {name for name, value in changes if value is None} == REPLACED
    assert {name: value for name, value in changes if value is not None} == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": URI,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "w0rd-of-it",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/run/token",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def test_without_a_region_or_a_file_none_is_set() -> None:
    changes = dict(endpoint_changes(URI, Secret("w0rd-of-it"), None, None, {}))
    assert changes["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] is None
    assert "AWS_REGION" not in changes
    assert "AWS_DEFAULT_REGION" not in changes


@pytest.mark.parametrize(
    ("before", "upper", "lower"),
    [
        ({}, "h", "h"),
        ({"NO_PROXY": "", "no_proxy": ""}, "h", "h"),
        ({"NO_PROXY": "a"}, "a,h", "a,h"),
        ({"no_proxy": "a, b ,,"}, "a,b,h", "a,b,h"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "a,h", "b,h"),
        ({"NO_PROXY": "", "no_proxy": "b"}, "b,h", "b,h"),
        ({"NO_PROXY": "*"}, "*", "*"),
        ({"no_proxy": "a, h"}, "a, h", "a, h"),
        ({"NO_PROXY": "hh"}, "hh,h", "hh,h"),
    ],
)
def test_no_proxy_sees_what_is_sent_to_it(before: dict[str, str], upper: str, lower: str) -> None:
    assert past_proxies("h", before) == (("NO_PROXY", upper), ("no_proxy", lower))


def test_what_the_environment_has_is_kept_beside_an_endpoint() -> None:
    changes = dict(endpoint_changes(URI, Secret("w0rd-of-it"), None, None, {"no_proxy": "corp"}))
    assert changes["NO_PROXY"] == "corp,127.0.0.1"
    nameless = dict(endpoint_changes("/creds", Secret("w0rd-of-it"), None, None, {}))
    assert nameless["NO_PROXY"] == ""


def test_the_metadata_service_is_version_2_alone() -> None:
    assert metadata_changes("http://127.0.0.1:1") == (
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_EC2_METADATA_V1_DISABLED", "true"),
        ("AWS_EC2_METADATA_DISABLED", None),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", None),
    )


def test_the_three_answers_of_an_endpoint() -> None:
    members: dict[str, Any] = {
        "AccessKeyId": "ASIAKEY",
        "SecretAccessKey": "s3cr3t-of-it",
        "Token": "t0ken-of-it",
        "Expiration": "2026-06-01T13:00:00Z",
        "AccountId": "333333333333",
    }
    assert json.loads(as_container(SESSION)) == members
    assert json.loads(as_instance(SESSION)) == {
        "Code": "Success",
        "LastUpdated": "2026-06-01T12:00:00Z",
        "Type": "AWS-HMAC",
        **members,
    }
    line = as_process(SESSION)
    assert line.endswith("}\n")
    named = {"SessionToken" if name == "Token" else name: each for name, each in members.items()}
    assert json.loads(line) == {"Version": 1, **named}


def test_an_account_that_is_not_known_is_left_out() -> None:
    unknown = replace(SESSION, account="")
    assert "AccountId" not in json.loads(as_container(unknown))


def test_a_token_is_compared_by_its_digest() -> None:
    token = Secret("w0rd-of-it")
    assert token_text(token) == "w0rd-of-it"
    assert (
        token_digest(token)
        == hashlib.sha256(b"w0rd-of-it").hexdigest()
        == digest_of_text(b"w0rd-of-it")
    )
    is_token = token_check(token)
    assert (is_token(b"w0rd-of-it"), is_token(b"w0rd-of-it "), is_token(b"")) == (
        True,
        False,
        False,
    )
