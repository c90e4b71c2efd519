"""What is well-formed and may still be a mistake: named, and nothing is refused for it."""

from __future__ import annotations

import json
from pathlib import Path

import botocore

from rolehop.base.arn import is_known_region
from rolehop.commands.config.check import suspicious_values
from rolehop.config.loader import load_config
from rolehop.policy.session_policy import doubts_about
from rolehop.sources import SOURCE_TABLES
from tests.config.texts import MAIN, load, reader


def test_regions_and_serials_that_look_wrong_are_named_with_their_lines() -> None:
    text = """\
[defaults]
region = "aq-northeast-1"
[sources.me]
type = "keys"
region = "eu-west-1"
mfa_serial = "me-and-my-phone"
[chains.a]
source = "me"
region = "qq-north-7"
[fleets.f]
from = "a"
region = "eu-west-9"
accounts = ["444444444444", "555555555555"]
"""
    found = suspicious_values(load({"config.toml": text}), lambda file: text, doubts_about)
    assert [(each.line, each.key, each.text.partition(";")[2]) for each in found] == [
        (2, "defaults.region", ' unless it is new, did you mean "ap-northeast-1"?'),
        (
            6,
            "sources.me.mfa_serial",
            ' write mfa_serial = "arn:aws:iam::111111111111:mfa/NAME", or "auto"',
        ),
        (9, "chains.a.region", " unless it is new, correct it"),
        (
            12,
            "fleets.f.region",
            " unless it is new, write one of eu-west-1, eu-west-2, eu-west-3",
        ),
    ]


def test_a_fleet_that_leads_into_one_account_is_named() -> None:
    text = """\
[sources.me]
type = "keys"
[sources.each]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "{account}"
role = "Admin"
[chains.hub]
source = "me"
[chains.sign-in]
from = "hub"
[fleets.f]
from = "sign-in"
role = "222222222222:role/X"
accounts = ["333333333333", "444444444444"]
[fleets.arn]
source = "me"
role = "arn:aws:iam::222222222222:role/{user}"
accounts = ["333333333333"]
[fleets.listed]
from = "hub"
role = "222222222222:role/X"
accounts = { organization = "hub" }
[fleets.own]
source = "me"
role = "333333333333:role/X"
accounts = ["333333333333"]
[fleets.central]
source = "me"
role = "222222222222:role/Audit-{account_name}"
accounts = ["333333333333"]
[fleets.begins-there]
source = "each"
role = "222222222222:role/X"
accounts = ["333333333333", "444444444444"]
[fleets.sso]
role = "222222222222:role/X"
accounts = { identity_center = "each", role = "Admin" }
"""
    config = load_config(
        [MAIN], explicit=True, read=reader({MAIN.name: text}), source_types=SOURCE_TABLES
    )
    found = suspicious_values(config, lambda file: text, doubts_about)
    assert [(each.line, each.key, each.text.partition(";")[2]) for each in found] == [
        (15, "fleets.f.role", ' unless that is meant, write "{account}:role/X"'),
        (
            19,
            "fleets.arn.role",
            ' unless that is meant, write "arn:aws:iam::{account}:role/{user}"',
        ),
        (23, "fleets.listed.role", ' unless that is meant, write "{account}:role/X"'),
    ]


def test_what_is_likely_wrong_in_a_session_policy_is_named_with_its_line() -> None:
    statement = {"Effect": "Allow", "Action": "s3:Get Object", "Resource": "*"}
    condition = {
        "StringEqual": {"aws:PrincipalTag/team": "blue"},
        "ForAnyValue:Stringlike": {"aws:TagKeys": "*"},
        "DateLessThan": {"aws:CurrentTime": ["2026-06-01T00:00:00Z", "tomorrow"]},
        "NumericLessThanIfExists": {"aws:MultiFactorAuthAge": [300, "5m"]},
        "NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32", "home"]},
        "Bool": {"aws:SecureTransport": ["${aws:PrincipalTag/tls}", "yes"]},
        "Null": {"aws:TagKeys": "no"},
        "ArnLike": {"aws:PrincipalArn": "*"},
    }
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": {**statement, "Condition": condition}}
    )
    text = f"""\
[sources.me]
type = "keys"
[chains.a]
source = "me"
[[chains.a.hops]]
role = "444444444444:role/Audit"
policy = '''{policy}'''
[fleets.f]
source = "me"
role = "{{account}}:role/Audit"
policy = '''{policy}'''
accounts = ["444444444444", "555555555555"]
"""
    found = suspicious_values(load({"config.toml": text}), lambda file: text, doubts_about)
    told = [each.text.removeprefix("the session policy: statement 1 has the ") for each in found]
    assert [each.line for each in found] == [7] * 7 + [11] * 7
    assert told[:7] == told[7:]
    for each, says in zip(
        told,
        (
            'action "s3:Get Object"',
            'operator "StringEqual", which is not known here: did you mean StringEquals?',
            'value "tomorrow" for DateLessThan',
            'value "5m" for NumericLessThanIfExists',
            'value "home" for NotIpAddress',
            'value "yes" for Bool',
            'value "no" for Null',
        ),
        strict=False,
    ):
        assert says in each


def test_a_name_of_two_accounts_is_named_but_not_one_that_two_fleets_give() -> None:
    text = """\
[sources.me]
type = "keys"
[accounts]
billing = "444444444444"
[fleets.f]
source = "me"
role = "{account}:role/Audit"
accounts = { billing = "555555555555", web = "666666666666" }
[fleets.g]
source = "me"
role = "{account}:role/Audit"
accounts = { web = "777777777777" }
"""
    (found,) = suspicious_values(load({"config.toml": text}), lambda file: text, doubts_about)
    assert (found.line, found.key) == (4, "accounts.billing")
    assert found.text == '444444444444 and 555555555555 are both called "billing"'


def test_every_region_of_botocore_is_known() -> None:
    """New ones are listed in rolehop.base.arn when botocore's smallest version has them."""
    data = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())
    regions = [each for part in data["partitions"] for each in part["regions"]]
    assert sum(not is_known_region(each) for each in regions if "global" not in each) < 8
