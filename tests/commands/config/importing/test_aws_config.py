"""``config import aws-config``: AWS profiles as the AWS CLI reads them."""

from __future__ import annotations

import pytest

from rolehop.awsconfig import parse_aws_config
from rolehop.base.errors import ConfigError
from rolehop.commands.config.importing.proposal import NotCarried, report_lines
from tests.commands.config.importing.imported import imported

KEYS = """
[me]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
[saml]
aws_access_key_id = ASIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
aws_session_token = FwoGZXIvYXdzEXAMPLE
"""
MFA = "arn:aws:iam::111111111111:mfa/me"


def test_roles_continue_the_chain_of_their_source_profile_and_keys_stay_where_they_are() -> None:
    found = imported(
        "aws-config",
        f"""
[profile hub]
role_arn = arn:aws:iam::222222222222:role/Hub
source_profile = me
mfa_serial = {MFA}
region = eu-west-1
output = json
[profile prod admin]
role_arn = arn:aws:iam::333333333333:role/Ignored
[profile "prod/admin"]
role_arn = arn:aws:iam::333333333333:role/Admin
source_profile = hub
external_id = x-42
role_session_name = me
duration_seconds = 3600
[profile prod-admin]
role_arn = arn:aws:iam::333333333333:role/Audit
source_profile = hub
""",
        KEYS,
    )
    assert found.sources == {
        "me": {"type": "keys", "mfa_serial": MFA},
        "saml": {"type": "profile", "profile": "saml"},  # whose keys are temporary
    }
    admin = {
        "role": "arn:aws:iam::333333333333:role/Admin",
        "external_id": "x-42",
        "session_name": "me",
        "duration": "1h",
    }
    hub = {"role": "arn:aws:iam::222222222222:role/Hub"}
    audit = {"role": "arn:aws:iam::333333333333:role/Audit"}
    assert found.chains == {
        "hub": {"source": "me", "region": "eu-west-1", "hops": [hub]},
        "prod-admin-2": {"from": "hub", "hops": [admin]},
        "prod-admin": {"from": "hub", "hops": [audit]},
        "me": {"source": "me"},
        "saml": {"source": "saml"},
    }
    assert found.keys == {"me": "profile me"}
    assert found.lost == [
        "[profile prod admin]: AWS's tools do not read its name",
        "output of hub: a chain has no such setting; it stays in the profile",
    ]


def test_every_way_to_start_becomes_a_source() -> None:
    found = imported(
        "aws-config",
        """
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
[profile dev]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[profile legacy]
sso_start_url = https://old.awsapps.com/start
sso_region = us-east-1
sso_account_id = 222222222222
sso_role_name = Audit
[profile ec2]
role_arn = arn:aws:iam::111111111111:role/A
credential_source = Ec2InstanceMetadata
[profile ec2-b]
role_arn = arn:aws:iam::111111111111:role/B
credential_source = Ec2InstanceMetadata
[profile task]
role_arn = arn:aws:iam::111111111111:role/A
credential_source = EcsContainer
[profile variables]
role_arn = arn:aws:iam::111111111111:role/A
credential_source = Environment
[profile pod]
role_arn = arn:aws:iam::111111111111:role/Pod
web_identity_token_file = /var/run/token
role_session_name = pod
[profile tool]
credential_process = /opt/tool --account 'a b'
[profile tool-with-secret]
credential_process = /opt/tool --password hunter2
[profile login]
login_session = arn:aws:iam::111111111111:user/me
[profile own]
credential_process = rolehop credential-process hub
""",
    )
    corp = {"type": "identity-center", "start_url": "https://corp.awsapps.com/start"}
    assert found.sources == {
        "dev": {**corp, "sso_region": "eu-central-1", "account": "111111111111", "role": "Admin"},
        "legacy": {
            "type": "identity-center",
            "start_url": "https://old.awsapps.com/start",
            "sso_region": "us-east-1",
            "account": "222222222222",
            "role": "Audit",
        },
        "instance": {"type": "instance"},
        "container": {"type": "container"},
        "environment": {"type": "environment"},
        "pod": {
            "type": "web-identity",
            "role": "arn:aws:iam::111111111111:role/Pod",
            "token_file": "/var/run/token",
            "session_name": "pod",
        },
        "tool": {"type": "process", "command": ["/opt/tool", "--account", "a b"]},
        "tool-with-secret": {"type": "profile", "profile": "tool-with-secret"},
        "login": {"type": "profile", "profile": "login"},
    }
    assert found.chains["ec2-b"]["source"] == "instance"
    assert len(found.chains) == 10
    assert found.lost == ["profile own: it runs rolehop already"]


def test_a_role_that_alone_asks_for_mfa_asks_itself() -> None:
    role = "role_arn = arn:aws:iam::222222222222:role/{}\nsource_profile = me\n"
    found = imported(
        "aws-config",
        f"[profile cron]\n{role.format('Cron')}"
        f"[profile admin]\n{role.format('Admin')}mfa_serial = {MFA}\n",
        KEYS,
    )
    assert found.sources["me"] == {"type": "keys"}
    assert found.chains["admin"]["hops"][0]["mfa_serial"] == MFA
    assert "mfa_serial" not in found.chains["cron"]["hops"][0]


def test_what_is_wrong_in_a_profile_leaves_out_that_profile() -> None:
    role = "role_arn = arn:aws:iam::222222222222:role/A\n"
    found = imported(
        "aws-config",
        f"""
[prod]
region = eu-west-1
[profile a]
{role}source_profile = b
[profile b]
{role}source_profile = a
[profile nobody]
{role}source_profile = gone
[profile typo]
role_arn = arn:aws:iam::22222222222:role/A
source_profile = me
[profile empty]
region = eu-west-1
[profile no-session]
sso_session = gone
sso_account_id = 111111111111
sso_role_name = Admin
[profile on-saml]
{role}source_profile = saml
""",
        KEYS,
    )
    assert set(found.chains) == {"me", "on-saml", "saml"}
    assert found.lost == [
        "profile a: its source profiles form a loop: a -> b -> a",
        "profile b: its source profiles form a loop: b -> a -> b",
        "profile nobody: its source_profile 'gone' does not exist",
        "profile typo: role_arn 'arn:aws:iam::22222222222:role/A' is not the ARN of a role",
        "[prod]: it is no profile: 'profile' is missing before it",
        "profile empty: it has no keys, no sign-in and no process",
        "profile no-session: there is no [sso-session gone]",
    ]


def test_sections_that_are_no_profile_are_named_each_for_its_reason() -> None:
    found = imported(
        "aws-config",
        """
[plugins]
foo = bar
[profile a"]
region = eu-west-1
[sso-session unused]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
""",
    )
    assert found.lost == [
        "[plugins]: a setting of the AWS CLI",
        "[profile a\"]: AWS's tools do not read its name",
        "[sso-session unused]: no profile signs in to it",
    ]


def test_what_only_this_machine_can_read_in_a_profile_is_left_to_the_profile() -> None:
    found = imported(
        "aws-config",
        """
[profile windows]
credential_process = C:\\Tools\\tool.exe --account a
[profile home]
role_arn = arn:aws:iam::111111111111:role/Pod
web_identity_token_file = ~/token
""",
    )
    assert found.sources == {
        name: {"type": "profile", "profile": name} for name in ("windows", "home")
    }


@pytest.mark.parametrize(
    "secret",
    [
        "--pin 1234",
        "-b jbswy3dpehpk3pxp",
        "-b JBSW Y3DP EHPK 3PXP",
        "3132333435363738393031323334353637383930",
        "-H 'Authorization: Bearer x'",
        "https://token@example.com",
    ],
)
def test_a_command_with_what_may_be_a_secret_is_not_copied(secret: str) -> None:
    found = imported("aws-config", f"[profile a]\ncredential_process = /opt/tool {secret}\n")
    assert found.sources == {"a": {"type": "profile", "profile": "a"}}
    plain = "pass otp aws, or 'tool read from file' 0f3b9a52-8d5a-4c0a-9a0e-6f5e0f1b2c3d"
    found = imported("aws-config", f"[profile a]\ncredential_process = {plain}\n")
    assert found.sources["a"]["type"] == "process"


def test_a_file_that_botocore_refuses_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_aws_config("[profile a]\nregion = x\n[profile a]\n", None)
    assert [str(each) for each in caught.value.complaints] == [
        "~/.aws/config:3: the section [profile a] occurs twice"
    ]


def test_the_report_names_each_thing_once_under_its_reason() -> None:
    lost = (
        NotCarried("output", "stays", "a"),
        NotCarried("output", "stays", "b"),
        NotCarried("profile c", "broken"),
        NotCarried("profile c", "broken"),
    )
    assert report_lines(lost) == ["output of a, b: stays", "profile c: broken"]
