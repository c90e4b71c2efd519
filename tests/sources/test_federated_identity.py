"""What federated sources tell of their own role's session without a call, for hop 0."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from rolehop.config.model import SourceConfig
from rolehop.sources import federated_identity
from rolehop.sources.context import FederatedIdentity
from tests.doubles.saml import IdentityProvider
from tests.sources import pki
from tests.sources.conftest import Home

ROLE = "arn:aws:iam::111111111111:role/Deploy"
OTHER = "arn:aws:iam::111111111111:role/Other"
PROVIDER = "arn:aws:iam::111111111111:saml-provider/Corp"
AT = "arn:aws:rolesanywhere:eu-west-1:111111111111"
FOR_AWS = "https://aws.amazon.com/"


def token(**claims: Any) -> str:
    payload = {"iss": "https://idp.example.com/", "sub": "me", "aud": "rolehop", **claims}
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"e30.{body}.c2ln"


def facts(home: Home, kind: str, **settings: Any) -> FederatedIdentity:
    found = federated_identity(SourceConfig("s", kind, settings), home.context())
    assert found is not None
    return found


def of_token(home: Home, **claims: Any) -> FederatedIdentity:
    home.environ["TOKEN"] = token(**claims)
    return facts(home, "web-identity", role=ROLE, token_env="TOKEN")


def test_a_token_in_a_variable_or_a_file_is_read(home: Home) -> None:
    found = of_token(home)
    (home.path / "token").write_text(token())
    assert facts(home, "web-identity", role=ROLE, token_file=str(home.path / "token")) == found
    assert (found.role, found.issuer, found.session_name) == (ROLE, "idp.example.com", "me")
    assert found.keys == {"idp.example.com:sub": ("me",), "idp.example.com:aud": ("rolehop",)}
    assert (found.tags, found.transitive, found.source_identity) == ({}, (), None)


@pytest.mark.parametrize(
    ("claims", "tags", "transitive", "identity"),
    [
        (
            {
                f"{FOR_AWS}tags": {
                    "principal_tags": {"team": ["blue"], "x": ["y"]},
                    "transitive_tag_keys": ["team"],
                }
            },
            {"team": "blue", "x": "y"},
            ("team",),
            None,
        ),
        ({f"{FOR_AWS}source_identity": "ann"}, {}, (), "ann"),
        (
            {
                f"{FOR_AWS}tags/principal_tags/team": "blue",
                f"{FOR_AWS}tags/principal_tags/x/y": ["z"],
                f"{FOR_AWS}tags/transitive_tag_keys": ["team"],
            },
            {"team": "blue", "x/y": "z"},
            ("team",),
            None,
        ),
        # Forms that are not known here: then the tags are not known.
        ({f"{FOR_AWS}tags": {"principal_tags": {"team": "blue"}}}, None, (), None),
        ({f"{FOR_AWS}tags": {"principal_tags": {"team": ["a", "b"]}}}, None, (), None),
        ({f"{FOR_AWS}tags": {"principal_tags": {"team": "b"}}}, None, (), None),
        ({f"{FOR_AWS}tags": {"principal_tags": {"team": [5]}}}, None, (), None),
        ({f"{FOR_AWS}tags": "x"}, None, (), None),
        ({f"{FOR_AWS}tags": [{"principal_tags": {"team": ["b"]}}]}, None, (), None),
        ({f"{FOR_AWS}tags/principal_tags/team": ["a", "b"]}, None, (), None),
        ({f"{FOR_AWS}tags/principal_tags/team": {"a": "b"}}, None, (), None),
        ({f"{FOR_AWS}tags/transitive_tag_keys": "team"}, None, (), None),
        ({f"{FOR_AWS}tags/other": "x"}, None, (), None),
        ({f"{FOR_AWS}more": "x"}, None, (), None),
        ({f"{FOR_AWS}source_identity": ["a", "b"]}, None, (), None),
        ({f"{FOR_AWS}source_identity": ""}, None, (), None),
    ],
)
def test_what_sts_reads_from_a_token_is_reported(
    home: Home,
    claims: dict[str, Any],
    tags: dict[str, str] | None,
    transitive: tuple[str, ...],
    identity: str | None,
) -> None:
    found = of_token(home, **claims)
    assert (found.tags, found.transitive, found.source_identity) == (tags, transitive, identity)
    assert (found.unread is None) is (tags is not None)


@pytest.mark.parametrize(
    "settings",
    [
        {"token_command": ("false",)},
        {"token_env": "NONE"},
        {"token_file": "/none"},
        {"ci": "github"},
        {"issuer": "https://idp.example.com", "client_id": "x"},
    ],
)
def test_a_token_that_must_be_asked_for_is_not_read(home: Home, settings: dict[str, Any]) -> None:
    found = facts(home, "web-identity", role=ROLE, session_name="me", **settings)
    assert found == FederatedIdentity(ROLE, session_name="me")


def test_the_token_of_a_ci_job_is_read_from_a_variable(home: Home) -> None:
    home.environ["CIRCLE_OIDC_TOKEN_V2"] = token()
    assert facts(home, "web-identity", role=ROLE, ci="circleci").issuer == "idp.example.com"
    # For another audience a program must be asked.
    asked = facts(home, "web-identity", role=ROLE, ci="circleci", audience="other")
    assert asked.issuer is None


def test_a_local_assertion_gives_the_role_that_the_config_does_not(home: Home) -> None:
    idp = IdentityProvider(PROVIDER)
    home.environ["SAML"] = idp.assertion([ROLE])
    assert facts(home, "saml", assertion_env="SAML") == FederatedIdentity(ROLE, PROVIDER)
    home.environ["SAML"] = idp.assertion([ROLE, OTHER])
    assert facts(home, "saml", assertion_env="SAML") == FederatedIdentity()
    assert facts(home, "saml", assertion_env="SAML", role=OTHER) == FederatedIdentity(
        OTHER, PROVIDER
    )
    assert facts(home, "saml", assertion_env="NONE") == FederatedIdentity()
    named = {"role": ROLE, "provider": PROVIDER}
    assert facts(home, "saml", assertion_command=("false",), **named) == FederatedIdentity(
        ROLE, PROVIDER
    )


def by_certificate(home: Home, file: Path) -> FederatedIdentity:
    return facts(
        home,
        "roles-anywhere",
        trust_anchor=f"{AT}:trust-anchor/66666666-7777-8888-9999-000000000000",
        profile=f"{AT}:profile/11111111-2222-3333-4444-555555555555",
        role="111111111111:role/Deploy",
        certificate=str(file),
    )


def test_a_certificate_in_a_file_is_read(home: Home) -> None:
    issued = pki.issue("host1", pki.issue("CA", authority=True))
    file = home.path / "host.pem"
    file.write_bytes(pki.pem(issued.certificate))
    found = by_certificate(home, file)
    assert (found.role, found.source_identity, found.tags) == (ROLE, "host1", None)
    assert found.keys["aws:PrincipalTag/x509Subject/CN"] == ("host1",)
    assert found.keys["aws:PrincipalTag/x509Issuer/CN"] == ("CA",)
    assert found.keys["aws:PrincipalTag/x509SAN/DNS"] == ()


@pytest.mark.parametrize("name", ["a host", "äb", "x"])
def test_a_name_that_is_not_a_source_identity_is_not_reported_as_one(home: Home, name: str) -> None:
    file = home.path / "host.pem"
    file.write_bytes(pki.pem(pki.issue(name).certificate))
    found = by_certificate(home, file)
    assert found.source_identity is None
    assert found.keys["aws:PrincipalTag/x509Subject/CN"] == (name,)


def test_without_its_file_a_certificate_adds_nothing(home: Home) -> None:
    assert by_certificate(home, home.path / "none.pem") == FederatedIdentity(ROLE)


def test_other_sources_have_no_role_of_their_own(home: Home) -> None:
    assert federated_identity(SourceConfig("s", "environment", {}), home.context()) is None
