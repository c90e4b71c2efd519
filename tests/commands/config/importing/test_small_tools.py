"""``config import`` of five files of each small tool: what is carried, and what is not, by name."""

from __future__ import annotations

import pytest

from tests.commands.config.importing.files_of_tools import FILES, KEYS, MFA, PROVIDER, ROLE
from tests.commands.config.importing.imported import Imported, imported

# By tool and file: the types of the sources, the chains, what is not carried (or the error).
EXPECTED: dict[tuple[str, str], tuple[dict[str, str], str, list[str]]] = {
    ("granted", "login"): (
        {"dev": "identity-center"},
        "dev",
        ["granted_icon of dev: a setting of Granted"],
    ),
    ("granted", "session"): ({"dev": "identity-center"}, "dev from-registry", []),
    ("granted", "keys"): ({"stored": "keys"}, "admin stored", []),
    ("granted", "broken: no account"): ({}, "", ["profile dev: its sign-in has no sso_account_id"]),
    ("granted", "broken: no address"): ({}, "", ["profile dev: there is no [sso-session gone]"]),
    ("awsume", "mfa of the source"): ({"me": "keys", "default": "keys"}, "default me myrole", []),
    ("awsume", "defaults"): (
        {"me": "keys", "default": "keys"},
        "default me myrole",
        ["console in awsume's config: a setting of awsume"],
    ),
    ("awsume", "saml"): (
        {"federated": "saml", "process-base": "process", "me": "keys", "default": "keys"},
        "default federated me process",
        [
            "profile autoawsume-x: temporary keys, written by awsume",
            "profile federated: who signs in for the SAML assertion is not in the file: add assertion_command",
            "[autoawsume-myrole]: it is no profile: 'profile' is missing before it",
        ],
    ),
    ("awsume", "broken: config"): ({}, "", ["!", "line 1: expected"]),
    ("awsume", "broken: role"): (
        {"me": "keys", "default": "keys"},
        "default me",
        ["profile myrole: its role_arn needs source_profile or credential_source"],
    ),
    ("aws-runas", "common mfa"): ({"default": "keys", "me": "keys"}, "default me my-role", []),
    ("aws-runas", "saml"): (
        {"dev-base": "saml", "me": "keys", "default": "keys"},
        "default dev me",
        [
            "saml_auth_url of base: rolehop takes an assertion: add assertion_command",
            "saml_username of base: rolehop takes an assertion: add assertion_command",
            "saml_provider of base: rolehop takes an assertion: add assertion_command",
            "profile base: it has no keys, no sign-in and no process",
        ],
    ),
    ("aws-runas", "oidc"): (
        {"dev": "web-identity", "me": "keys", "default": "keys"},
        "default dev me",
        ["web_identity_redirect_uri of dev: rolehop's own sign-in goes without it"],
    ),
    ("aws-runas", "broken: duration"): (
        {"me": "keys", "default": "keys"},
        "default dev me",
        ["credentials_duration of profile dev: it is not a duration such as 1h30m"],
    ),
    ("aws-runas", "broken: address"): (
        {"me": "keys", "default": "keys"},
        "default me",
        [
            'source dev: sources.dev.issuer: not an https address: "corp.okta.com"',
            "chain dev: what it starts from is not imported",
        ],
    ),
    ("saml2aws", "accounts"): ({"saml": "process"}, "saml second", []),
    ("saml2aws", "one profile for two"): ({"a": "process", "b": "process"}, "a b", []),
    ("saml2aws", "process"): ({"mybucket": "process"}, "mybucket", []),
    ("saml2aws", "broken: no role"): (
        {},
        "",
        [
            "account wolfeidau of saml2aws: it has no url, role_arn",
            "account test123 of saml2aws: it has no role_arn, so saml2aws would ask for the role",
        ],
    ),
    ("saml2aws", "broken: no INI"): ({}, "", ["!", "line 1 of saml2aws's config is no INI"]),
    ("leapp", "exported"): (
        {"dev": "process"},
        "dev",
        [
            "the session of profile dev: only Leapp knows the role, so the source asks Leapp; to go on without it, write the chain"
        ],
    ),
    ("leapp", "a role behind it"): (
        {"dev": "process"},
        "admin dev",
        [
            "the session of profile dev: only Leapp knows the role, so the source asks Leapp; to go on without it, write the chain"
        ],
    ),
    ("leapp", "default"): (
        {"default": "process"},
        "default",
        [
            "the session of profile default: only Leapp knows the role, so the source asks Leapp; to go on without it, write the chain"
        ],
    ),
    ("leapp", "broken: no ID"): (
        {},
        "",
        ["profile dev: it does not run 'leapp session generate ID'"],
    ),
    ("leapp", "broken: quotes"): (
        {},
        "",
        ["profile dev: its credential_process cannot be split into words"],
    ),
}


def of(tool: str, file: str) -> Imported:
    config, own = FILES[tool][file]
    return imported(tool, config, KEYS if tool in ("awsume", "aws-runas") else "", own)


@pytest.mark.parametrize(("tool", "file"), EXPECTED)
def test_a_file_of_a_tool(tool: str, file: str) -> None:
    types, chains, lost = EXPECTED[tool, file]
    if lost[:1] == ["!"]:
        with pytest.raises(ValueError, match=lost[1]):
            of(tool, file)
        return
    found = of(tool, file)
    assert {name: each["type"] for name, each in found.sources.items()} == types
    assert sorted(found.chains) == chains.split()
    assert found.lost == lost


def test_every_tool_has_five_files_of_which_two_are_broken() -> None:
    for tool, files in FILES.items():
        assert len(files) == 5, tool
        assert sum(name.startswith("broken") for name in files) == 2, tool
    assert {(tool, file) for tool, files in FILES.items() for file in files} == EXPECTED.keys()


def test_an_address_with_a_token_is_not_copied() -> None:
    sign_in = "web_identity_auth_url = https://corp.onelogin.com/oidc/2?token=Y2xpZW50X2lkOmM="
    found = imported("aws-runas", f"[profile dev]\nrole_arn = {ROLE}\n{sign_in}\n")
    assert found.chains == {}
    assert found.lost[0].startswith("web_identity_auth_url of dev: there may be a secret in it")


def test_the_line_that_moves_keys_runs_no_path_that_a_file_named() -> None:
    process = '"/tmp/x;rm -rf ~/granted" credential-process --profile=stored'
    found = imported("granted", f"[profile stored]\ncredential_process = {process}\n")
    assert found.keys == {"stored": "granted credential-process --profile stored"}


def test_sections_of_one_name_are_one_account_of_saml2aws() -> None:
    account = f"[a]\nurl = https://id.example.com\nprovider = Okta\nrole_arn = {ROLE}\n"
    found = imported("saml2aws", own=f"{account}[a]\naws_profile = mine\n")
    assert found.chains.keys() == {"mine"}


def test_values_are_those_of_the_files() -> None:
    assert of("granted", "login").sources["dev"] == {
        "type": "identity-center",
        "start_url": "https://corp.awsapps.com/start",
        "sso_region": "eu-central-1",
        "account": "222222222222",
        "role": "Dev",
    }
    assert of("granted", "login").chains["dev"]["color"] == "cyan"
    assert of("granted", "keys").keys == {"stored": "granted credential-process --profile stored"}
    awsume = of("awsume", "defaults").chains["myrole"]
    hop = {"role": ROLE, "duration": "12h", "session_name": "awsume-cli-session"}
    assert awsume == {"source": "me", "region": "us-west-2", "hops": [hop]}
    assert of("awsume", "mfa of the source").sources["me"]["mfa_serial"] == MFA
    saml = {"type": "saml", "role": ROLE, "provider": PROVIDER}
    assert of("awsume", "saml").sources["federated"] == saml
    runas = of("aws-runas", "common mfa")
    assert runas.sources["default"] == {"type": "keys", "mfa_serial": MFA, "mfa_duration": "20m"}
    assert runas.chains["my-role"]["hops"] == [{"role": ROLE, "duration": "1h30m"}]
    assert of("aws-runas", "oidc").sources["dev"]["issuer"] == "https://corp.okta.com/oauth2"
    jump = of("aws-runas", "saml")
    assert jump.sources["dev-base"]["role"] == "arn:aws:iam::111111111111:role/Jump"
    assert jump.chains["dev"] == {"source": "dev-base", "hops": [{"role": ROLE}]}
    command = of("saml2aws", "accounts").sources["saml"]["command"]
    assert command[3:] == ["--idp-account", "default", "--role", ROLE, "--profile", "saml"]
    leapp = of("leapp", "exported").sources["dev"]["command"]
    assert leapp[:3] == ["leapp", "session", "generate"]
