from __future__ import annotations

from collections.abc import Callable

import botocore.session
import pytest

from rolehop.awsconfig import (
    CredentialKind,
    credential_kind_of,
    parse_aws_config,
    profile_fingerprint,
    static_keys,
)
from rolehop.base.errors import SourceError

Boto = Callable[..., botocore.session.Session]
SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"
KEYS = f"aws_access_key_id = AKIACONFIG\naws_secret_access_key = {SECRET}\n"
CREDENTIALS = f"[a]\naws_access_key_id = AKIACRED\naws_secret_access_key = {SECRET}\n"
PROFILE = "[profile a]\n"


@pytest.mark.parametrize(
    ("config", "credentials", "kind"),
    [
        pytest.param(PROFILE, "", CredentialKind.NOTHING, id="nothing"),
        pytest.param(PROFILE + KEYS, "", CredentialKind.KEYS, id="config-keys"),
        pytest.param(PROFILE + "credential_process = p\n" + KEYS, "", CredentialKind.PROCESS, id="process-first"),
        pytest.param(PROFILE + "credential_process = p\n", CREDENTIALS, CredentialKind.KEYS, id="credentials-first"),
        pytest.param(PROFILE + "login_session = l\n", CREDENTIALS, CredentialKind.KEYS, id="before-login"),
        pytest.param(PROFILE + "login_session = l\n" + KEYS, "", CredentialKind.LOGIN, id="login-first"),
        pytest.param(PROFILE + "sso_account_id = 1\n", CREDENTIALS, CredentialKind.SSO, id="sso-first"),
        pytest.param(
            PROFILE + "web_identity_token_file = t\nsso_role_name = x\n", CREDENTIALS,
            CredentialKind.WEB_IDENTITY, id="web-identity-first",
        ),
        pytest.param(PROFILE + "web_identity_token_file =\n" + KEYS, "", CredentialKind.KEYS, id="empty-token-file"),
    ],
)  # fmt: skip
def test_what_a_profile_holds_follows_botocores_order(
    config: str, credentials: str, kind: CredentialKind
) -> None:
    assert credential_kind_of(parse_aws_config(config, credentials), "a") is kind


@pytest.mark.parametrize(
    ("config", "credentials"),
    [
        pytest.param(PROFILE + KEYS, "", id="config"),
        pytest.param(PROFILE + KEYS, CREDENTIALS, id="credentials-win"),
        pytest.param(PROFILE + KEYS, CREDENTIALS + "aws_session_token = tok-1\n", id="token"),
        pytest.param(
            PROFILE + KEYS + "aws_session_token = tok-1\n", CREDENTIALS, id="no-token-of-the-other-file"
        ),
        pytest.param(
            PROFILE + KEYS + "aws_session_token = tok-1\naws_security_token = tok-2\n", "", id="legacy-token"
        ),
    ],
)  # fmt: skip
def test_static_keys_are_those_botocore_finds(config: str, credentials: str, boto: Boto) -> None:
    ours = static_keys(parse_aws_config(config, credentials), "a")
    theirs = boto(config, credentials, "a").get_credentials()
    assert theirs is not None
    assert ours.access_key_id == theirs.access_key
    assert ours.secret_access_key.reveal() == theirs.secret_key
    assert (ours.session_token.reveal() if ours.session_token else None) == theirs.token


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ("aws_access_key_id = AKIA\n", "aws_secret_access_key"),
        ("aws_access_key_id = AKIA\naws_secret_access_key =\n", "aws_secret_access_key"),
        (f"aws_access_key_id =\naws_secret_access_key = {SECRET}\n", "aws_access_key_id"),
    ],
)
def test_half_a_key_is_reported(config: str, key: str) -> None:
    aws = parse_aws_config(PROFILE + config, None, config_file="config")
    with pytest.raises(SourceError) as caught:
        static_keys(aws, "a")
    assert caught.value.cause == f"{key} is missing or empty in config"
    assert SECRET not in repr(caught.value) + repr(caught.value.fix)


BASE = (
    PROFILE
    + "sso_session = s\nservices = v\n[sso-session s]\nx = 1\n[services v]\nsts =\n  e = 1\n"
)


@pytest.mark.parametrize(
    ("config", "credentials"),
    [
        pytest.param(BASE.replace("x = 1", "x = 2"), "", id="sso-session"),
        pytest.param(BASE.replace("e = 1", "e = 2"), "", id="services"),
        pytest.param(BASE.replace("[profile a]\n", "[profile a]\nregion = r\n"), "", id="own"),
        pytest.param(BASE, CREDENTIALS, id="credentials"),
        pytest.param(BASE, CREDENTIALS.replace("AKIACRED", "AKIAOTHER"), id="other-key"),
        pytest.param(BASE, CREDENTIALS + "aws_session_token = t\n", id="a-token"),
    ],
)
def test_the_digest_changes_with_each_section(config: str, credentials: str) -> None:
    digest = profile_fingerprint(parse_aws_config(config, credentials), "a")
    assert digest != profile_fingerprint(parse_aws_config(BASE, ""), "a")
    assert len(digest) == 64


def test_the_digest_does_not_change_with_other_profiles_or_order() -> None:
    changed = "[profile other]\nx = 1\n[services v]\nsts =\n  e = 1\n[sso-session s]\nx = 1\n"
    changed += PROFILE + "services = v\nsso_session = s\n"
    assert profile_fingerprint(parse_aws_config(BASE, ""), "a") == profile_fingerprint(
        parse_aws_config(changed, "[z]\ny = 1\n"), "a"
    )


def test_a_source_profile_is_part_of_the_digest() -> None:
    text = PROFILE + "source_profile = b\n[profile b]\nsource_profile = a\nregion = {}\n"
    first, second = (
        profile_fingerprint(parse_aws_config(text.format(region), None), "a")
        for region in ("r", "s")
    )
    assert first != second


def test_no_secret_is_hashed_into_the_digest() -> None:
    aws = parse_aws_config(PROFILE + KEYS, None)
    other = parse_aws_config(PROFILE + KEYS.replace(SECRET, "another"), None)
    assert profile_fingerprint(aws, "a") == profile_fingerprint(other, "a")
