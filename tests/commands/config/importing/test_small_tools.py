"""``config import`` of five files of each small tool: what is carried, and what is not, by name."""

from __future__ import annotations

import pytest

from tests.commands.config.importing.files_of_tools import FILES, KEYS, MFA, PROVIDER, ROLE
from tests.commands.config.importing.imported import Imported, imported

_WITH_KEYS = ("awsume", "aws-runas", "steampipe", "aws-extend-switch-roles")
_LOGINS = {
    "azure_…": ("aws-azure-login", "aws-azure-login --profile"),
    "google_config.…": ("aws-google-auth", "aws-google-auth -p"),
}


def _left(name: str, keys: str) -> tuple[str, str]:
    """Return what is said of a profile in which a tool leaves its session."""
    tool, login = _LOGINS[keys]
    return (
        f"profile {name}: its keys are temporary; this renews them: {login} {name}",
        f"{keys} of {name}: settings of {tool}; they stay in the profile",
    )


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
        {"saml": "profile"},
        "saml",
        [
            "account wolfeidau of saml2aws: it has no url",
            (
                "profile saml: it has no role_arn, so saml2aws asks for the role and leaves its session"
                " there: saml2aws login --idp-account test123"
            ),
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
    ("okta-awscli", "profiles"): (
        {"okta-dev": "profile"},
        "admin okta-dev",
        [
            "profile okta-dev: its keys are temporary; this renews them: okta-awscli --okta-profile default"
        ],
    ),
    ("okta-awscli", "section of the profile's name"): (
        {"dev": "profile"},
        "dev",
        ["profile dev: its keys are temporary; this renews them: okta-awscli --okta-profile dev"],
    ),
    ("okta-awscli", "credentials of its own"): (
        {"dev": "process"},
        "dev",
        ["profile dev: it has other credentials than those that okta-awscli leaves"],
    ),
    ("okta-awscli", "broken: no profile"): (
        {},
        "",
        ["profile work of okta-awscli: it does not say which AWS profile the session is left in"],
    ),
    ("okta-awscli", "broken: no INI"): ({}, "", ["!", "line 1 of okta-awscli's config is no INI"]),
    ("gimme-aws-creds", "name of the profile"): (
        {"okta": "profile", "okta-prod": "profile"},
        "okta okta-prod",
        [
            "profile okta: its keys are temporary; this renews them: gimme-aws-creds --profile DEFAULT",
            "profile okta-prod: its keys are temporary; this renews them: gimme-aws-creds --profile prod",
        ],
    ),
    ("gimme-aws-creds", "called as the role"): (
        {"Dev": "profile", "222222222222-Dev": "profile"},
        "222222222222-Dev Dev",
        [
            "profile Dev: its keys are temporary; this renews them: gimme-aws-creds --profile dev",
            (
                "profile 222222222222-Dev: its keys are temporary; this renews them:"
                " gimme-aws-creds --profile both"
            ),
        ],
    ),
    ("gimme-aws-creds", "a role behind it"): (
        {"okta": "profile"},
        "admin okta",
        ["profile okta: its keys are temporary; this renews them: gimme-aws-creds --profile a"],
    ),
    ("gimme-aws-creds", "broken: prints only"): (
        {},
        "",
        [
            (
                "profile a of gimme-aws-creds: it writes no AWS profile: rolehop guide programs has the"
                " line that asks it"
            )
        ],
    ),
    ("gimme-aws-creds", "broken: no INI"): (
        {},
        "",
        ["!", "line 1 of gimme-aws-creds's config is no INI"],
    ),
    ("aws-azure-login", "settings"): ({"azure": "profile"}, "azure", [*_left("azure", "azure_…")]),
    ("aws-azure-login", "a role behind it"): (
        {"azure": "profile"},
        "admin azure",
        [*_left("azure", "azure_…")],
    ),
    ("aws-azure-login", "asked by the profile"): (
        {"azure": "process"},
        "azure",
        [
            "profile azure: it has other credentials than those that aws-azure-login leaves",
            _left("azure", "azure_…")[1],
        ],
    ),
    ("aws-azure-login", "broken: password"): (
        {"azure": "profile"},
        "azure",
        [*_left("azure", "azure_…")],
    ),
    ("aws-azure-login", "broken: role of nothing"): (
        {},
        "",
        [
            "profile azure: it has other credentials than those that aws-azure-login leaves",
            _left("azure", "azure_…")[1],
            "profile azure: its role_arn needs source_profile or credential_source",
        ],
    ),
    ("aws-google-auth", "settings"): ({"g": "profile"}, "g", [*_left("g", "google_config.…")]),
    ("aws-google-auth", "a role behind it"): (
        {"g": "profile"},
        "admin g",
        [*_left("g", "google_config.…")],
    ),
    ("aws-google-auth", "default"): (
        {"default": "profile"},
        "default",
        [*_left("default", "google_config.…")],
    ),
    ("aws-google-auth", "broken: role of nothing"): (
        {},
        "",
        [
            "profile g: it has other credentials than those that aws-google-auth leaves",
            _left("g", "google_config.…")[1],
            "profile g: its role_arn needs source_profile or credential_source",
        ],
    ),
    ("aws-google-auth", "broken: sign-in"): (
        {},
        "",
        [
            "profile g: it has other credentials than those that aws-google-auth leaves",
            _left("g", "google_config.…")[1],
            "profile g: it has only sso_session",
        ],
    ),
    ("aws-signing-helper", "files"): ({"cert": "roles-anywhere"}, "cert", []),
    ("aws-signing-helper", "PKCS 12"): ({"p12": "roles-anywhere"}, "p12", []),
    ("aws-signing-helper", "token"): (
        {"token": "process"},
        "token",
        ["profile token: it goes on to ask aws_signing_helper, as a process"],
    ),
    ("aws-signing-helper", "broken: ARN"): (
        {},
        "",
        [
            'source cert: sources.cert.trust_anchor: not the ARN of a trust anchor: "x"',
            "chain cert: what it starts from is not imported",
        ],
    ),
    ("aws-signing-helper", "broken: no value"): (
        {"cert": "process"},
        "cert",
        ["profile cert: it goes on to ask aws_signing_helper, as a process"],
    ),
    ("steampipe", "profiles"): (
        {"me": "keys"},
        "me prod",
        ["connection aws_prod of steampipe: it uses an AWS profile"],
    ),
    ("steampipe", "gone"): (
        {},
        "",
        ["connection aws of steampipe: there is no AWS profile gone"],
    ),
    ("steampipe", "default"): (
        {},
        "",
        ["connection aws of steampipe: it takes the credentials that AWS's tools find"],
    ),
    ("steampipe", "broken: keys"): (
        {},
        "",
        ["connection aws of steampipe: its keys stand in the file: rolehop keys add aws"],
    ),
    ("steampipe", "broken: no end"): (
        {},
        "",
        ["!", "line 1: the block that begins here has no end"],
    ),
    ("aws-extend-switch-roles", "roles"): (
        {"default": "keys"},
        "another default marketing",
        ["image of another: a setting of the browser extension"],
    ),
    ("aws-extend-switch-roles", "base accounts"): (
        {},
        "",
        [
            "profile org: a base account, where the browser is signed in",
            (
                "profile org-role, profile alone: it starts where the browser is signed in: write"
                " source_profile, an AWS profile"
            ),
        ],
    ),
    ("aws-extend-switch-roles", "in the AWS config"): ({"dev": "process"}, "dev x", []),
    ("aws-extend-switch-roles", "broken: alias"): (
        {},
        "",
        [
            "color of x: a setting of the browser extension",
            "profile x: it needs the number of its account, where its alias is",
        ],
    ),
    ("aws-extend-switch-roles", "broken: no INI"): (
        {},
        "",
        ["!", "line 1 of aws-extend-switch-roles's config is no INI"],
    ),
}


def of(tool: str, file: str) -> Imported:
    config, own = FILES[tool][file]
    return imported(tool, config, KEYS if tool in _WITH_KEYS else "", own)


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


def test_a_certificate_of_the_helper_is_one_of_rolehop() -> None:
    found = of("aws-signing-helper", "files").sources["cert"]
    assert (found["certificate"], found["private_key"], found["duration"]) == (
        *("/etc/pki/me.pem", "/etc/pki/me.key"),
        "1h",
    )
    assert of("aws-signing-helper", "PKCS 12").sources["p12"]["pkcs12"] == "/etc/me.p12"


@pytest.mark.parametrize(
    "more",
    [
        "--certificate me.pem --private-key /me.key",
        "--certificate /me.pem --private-key pkcs11:token=x",
        "--certificate /me.pem --private-key /me.key --endpoint https://x",
        "--certificate /me.pem --private-key /me.key --region us-east-1",
        "--certificate /me.pem --private-key /me.key --no-verify-ssl",
    ],
)
def test_what_only_the_helper_knows_is_left_to_it(more: str) -> None:
    config, _ = FILES["aws-signing-helper"]["files"]
    begin, end = config.index("--certificate"), config.index(" --trust")
    changed = config[:begin] + more + config[end:].replace(" --region eu-west-1", "")
    found = imported("aws-signing-helper", changed)
    assert found.sources["cert"]["type"] in ("process", "profile")


def test_colors_of_the_browser_become_those_of_a_terminal() -> None:
    chains = of("aws-extend-switch-roles", "roles").chains
    assert (chains["marketing"]["color"], chains["another"]["color"]) == ("bright_magenta", "red")
    hop = {"role": "arn:aws:iam::333333333333:role/Admin"}
    assert chains["another"]["hops"] == [hop]


def test_comments_behind_values_are_no_part_of_them() -> None:
    found = imported(
        "aws-config",
        "[profile dev]\nregion = eu-west-1 # Ireland\nsource_profile = me ; mine\n"
        f"role_arn = {ROLE}  # the usual one\n"
        "[profile tool]\ncredential_process = /opt/tool '#1' a#b\n",
        KEYS,
    )
    chain = {"source": "me", "region": "eu-west-1", "hops": [{"role": ROLE}]}
    assert found.chains["dev"] == chain
    assert found.sources["tool"]["command"] == ["/opt/tool", "#1", "a#b"]
