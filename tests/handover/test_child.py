from __future__ import annotations

import pytest

from rolehop.base.credentials import Session
from rolehop.handover.environment import assumed, child_environment

HOME = {"HOME": "/home/me", "LANG": "C.UTF-8"}


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_EXPIRATION",
        "AWS_CREDENTIAL_SCOPE",
        "AWS_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AMAZON_ACCESS_KEY_ID",
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_ACCOUNT_ID",
    ],
)
def test_another_session_leaves_nothing_behind(name: str) -> None:
    assert child_environment(HOME | {name: "stale"}, ()) == HOME


@pytest.mark.parametrize(
    "name",
    [
        "ROLEHOP_MFA_CODE",
        "ROLEHOP_PASSPHRASE",
        "ROLEHOP_CORP_PASSPHRASE",
        "ROLEHOP_PASSWORD",
        "ROLEHOP_PIN",
        "ROLEHOP_PKCS11_PIN",
        "ROLEHOP_CLIENT_SECRET",
        "ROLEHOP_TOKEN",
        "ROLEHOP_OTP",
        "ROLEHOP_SIGNING_PRIVATE_KEY",
    ],
)
def test_a_secret_given_to_rolehop_does_not_reach_the_child(name: str) -> None:
    assert child_environment(HOME | {name: "hush"}, ()) == HOME


@pytest.mark.parametrize(
    "name",
    [
        "ROLEHOP_CONFIG",
        "ROLEHOP_CHAIN",
        "ROLEHOP_SAVED_AWS_PROFILE",
        "MY_TOKEN",
        "AWS_REGION",
        "AWS_CONFIG_FILE",
        "AWS_CA_BUNDLE",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
    ],
)
def test_all_else_reaches_the_child(name: str) -> None:
    assert child_environment(HOME | {name: "x"}, ()) == HOME | {name: "x"}


def test_the_child_has_the_session_and_can_leave_it(session: Session) -> None:
    environ = HOME | {"AWS_PROFILE": "dev", "AWS_SESSION_TOKEN": "stale"}
    changes = assumed(session, chain="hub", region="eu-west-1", before=environ)
    child = child_environment(environ, changes)
    assert child["AWS_SESSION_TOKEN"] == "IQoJ/token+hub=="
    assert child["ROLEHOP_SAVED_AWS_PROFILE"] == "dev"
    assert "AWS_PROFILE" not in child
    assert environ["AWS_PROFILE"] == "dev"


def test_a_change_without_a_value_takes_the_variable_away() -> None:
    assert child_environment(HOME | {"AWS_REGION": "x"}, [("AWS_REGION", None)]) == HOME
    assert child_environment(HOME, [("AWS_REGION", None)]) == HOME
