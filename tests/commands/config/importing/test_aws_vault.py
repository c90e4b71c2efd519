"""``config import aws-vault``: its keys in AWS profiles, and the keys in its keyring.

The texts are those of its USAGE.md, with account IDs of twelve digits.
"""

from __future__ import annotations

from tests.commands.config.importing.imported import imported

MFA = "arn:aws:iam::123456789012:mfa/johnsmith"
DEV, ADMIN = (f"arn:aws:iam::123456789012:role/{name}" for name in ("developers", "administrators"))


def test_a_profile_that_others_include_is_a_fragment_and_root_has_keys_in_aws_vault() -> None:
    found = imported(
        "aws-vault",
        f"""
[profile common]
region=eu-west-1
mfa_serial={MFA}
source_profile = root
[profile root]
include_profile = common
[profile order-dev]
include_profile = common
role_arn={DEV}
[profile order-staging-admin]
include_profile = common
role_arn={ADMIN}
""",
    )
    at = {"source": "root", "region": "eu-west-1"}
    assert found.sources == {"root": {"type": "keys", "mfa_serial": MFA}}
    assert found.chains == {
        "root": at,
        "order-dev": {**at, "hops": [{"role": DEV}]},
        "order-staging-admin": {**at, "hops": [{"role": ADMIN}]},
    }
    assert found.keys == {"root": "aws-vault export --format=json --no-session root"}
    assert found.lost == ["profile common: only other profiles include it"]


def test_tags_source_identity_mfa_process_and_defaults_are_carried() -> None:
    found = imported(
        "aws-vault",
        f"""
[default]
region=eu-west-1
[profile root]
mfa_serial={MFA}
mfa_process=pass otp my_aws_mfa
[profile order-dev]
source_profile = root
role_arn={DEV}
session_tags = key1=value1,key2=value2,key3=value3
transitive_session_tags = key1,key2
source_identity=your_user_name
""",
    )
    command = ["pass", "otp", "my_aws_mfa"]
    assert found.sources["root"] == {"type": "keys", "mfa_serial": MFA, "mfa_command": command}
    assert found.chains["order-dev"]["region"] == "eu-west-1"
    assert found.chains["order-dev"]["hops"] == [
        {
            "role": DEV,
            "source_identity": "your_user_name",
            "tags": {"key1": "value1", "key2": "value2", "key3": "value3"},
            "transitive_tags": ["key1", "key2"],
        }
    ]


def test_profiles_that_run_aws_vault_and_other_ways_to_start() -> None:
    found = imported(
        "aws-vault",
        f"""
[profile master]
mfa_serial={MFA}
credential_process = aws-vault export --format=json master
[profile role]
source_profile=master
mfa_serial={MFA}
role_arn={DEV}
[profile alias]
credential_process = /usr/local/bin/aws-vault exec role --json --prompt=osascript
[profile own-keys]
role_arn={ADMIN}
[profile sso]
sso_start_url = https://mycompany.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Admin
[profile token]
role_arn={DEV}
web_identity_token_process = gcloud auth print-identity-token
""",
    )
    assert found.sources == {
        "master": {"type": "keys", "mfa_serial": MFA},
        "own-keys-base": {"type": "keys"},
        "sso": {
            "type": "identity-center",
            "start_url": "https://mycompany.awsapps.com/start",
            "sso_region": "us-east-1",
            "account": "123456789012",
            "role": "Admin",
        },
        "token": {
            "type": "web-identity",
            "role": DEV,
            "token_command": "gcloud auth print-identity-token",
        },
    }
    assert found.chains["alias"]["hops"] == found.chains["role"]["hops"] == [{"role": DEV}]
    assert found.chains["own-keys"] == {"source": "own-keys-base", "hops": [{"role": ADMIN}]}
    assert found.keys["own-keys-base"] == "aws-vault"  # which would print the role's session
    assert found.lost == []


def test_keys_come_from_aws_vault_where_a_file_still_has_some_too() -> None:
    """The AWS CLI would run aws-vault, and print a session's."""
    found = imported(
        "aws-vault",
        "[profile work]\n[profile vaulted]\ncredential_process = aws-vault exec work --json\n",
        f"[work]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {'s' * 40}\n",
    )
    assert found.keys == {
        "work": "profile work",
        "vaulted": "aws-vault export --format=json --no-session work",
    }


def test_a_command_that_may_hold_a_secret_is_not_copied() -> None:
    found = imported(
        "aws-vault",
        f"[profile root]\nmfa_serial={MFA}\nmfa_process=oathtool --totp -b JBSWY3DPEHPK3PXPJBSWY3DP\n",
    )
    assert found.sources["root"] == {"type": "keys", "mfa_serial": MFA}
    assert found.lost == ["mfa_process of root: there may be a secret in it, so it is not copied"]
    token = "web_identity_token_process = oidc --token=x"
    found = imported("aws-vault", f"[profile a]\nrole_arn = {DEV}\n{token}\n")
    assert (found.chains, found.keys) == ({}, {})  # aws-vault has no keys of it
    why = "its web_identity_token_process may have a secret in it: it is not copied"
    assert found.lost == [f"profile a: {why}"]


def test_broken_profiles_that_include_each_other_or_one_that_is_not_there() -> None:
    found = imported(
        "aws-vault",
        f"""
[profile a]
include_profile = b
role_arn={DEV}
[profile b]
include_profile = a
[profile c]
include_profile = gone
role_arn={DEV}
source_profile = root
[profile root]
""",
    )
    assert found.chains["c"] == {"source": "root", "hops": [{"role": DEV}]}
    assert found.lost == [
        "profile a: its profiles include each other: a -> b -> a",
        "profile b: its profiles include each other: b -> a -> b",
        "include_profile of c: there is no profile gone",
    ]


def test_broken_values_are_named_and_what_the_loader_refuses_is_left_out() -> None:
    found = imported(
        "aws-vault",
        f"""
[profile root]
[profile tags]
source_profile = root
role_arn={DEV}
session_tags = key1,key2
[profile identity]
source_profile = root
role_arn={DEV}
source_identity = not allowed!
[profile below]
source_profile = identity
role_arn={ADMIN}
""",
    )
    assert found.chains.keys() == {"root", "tags"}
    assert found.lost[0] == "session_tags of tags: it is not a list of key=value"
    assert "chain identity: chains.identity.hops[0].source_identity: not a" in found.lost[1]
    assert found.lost[2] == "chain below: what it starts from is not imported"
