"""Risks of trust policies, one line each; and what a report on a role says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.commands.explain.role_view import role_view
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.inventory import IamInventory
from rolehop.policy.role_report import RiskKind, RoleReport, report_on
from rolehop.terminal.drawing import as_text
from tests.support.policies import policy, trust_for

ROLE = "arn:aws:iam::222222222222:role/app/Task"
EC2 = {"Service": "ec2.amazonaws.com"}
GITHUB = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"


def records(*statements: dict[str, Any], **extra: Any) -> IamInventory:
    role = {
        "Arn": ROLE,
        "AssumeRolePolicyDocument": policy(*statements),
        "MaxSessionDuration": 7200,
        **extra.pop("role", {}),
    }
    return read_inventory(json.dumps({"RoleDetailList": [role], **extra}))


def report(*statements: dict[str, Any], **extra: Any) -> RoleReport:
    found = report_on(records(*statements, **extra), ROLE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("made", "risk"),
    [
        (trust_for("*"), RiskKind.ANYBODY),
        (trust_for({"AWS": "*"}), RiskKind.ANYBODY),
        (trust_for("*", StringEquals={"aws:PrincipalOrgID": "o-1"}), None),
        (trust_for("*", Bool={"aws:MultiFactorAuthPresent": "true"}), RiskKind.ANYBODY),
        (trust_for("*", StringEquals={"aws:PrincipalTag/team": "blue"}), RiskKind.ANYBODY),
        (trust_for("*", IpAddress={"aws:SourceIp": "203.0.113.0/24"}), None),
        (trust_for("*", IpAddress={"aws:SourceIp": "0.0.0.0/0"}), RiskKind.ANYBODY),
        (
            trust_for("*", ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:role/Hub"}),
            RiskKind.ANYBODY,
        ),
        (
            trust_for("*", ArnLike={"aws:PrincipalArn": "arn:aws:iam::222222222222:role/*"}),
            None,
        ),
        (trust_for("*", Null={"aws:PrincipalOrgID": "false"}), RiskKind.ANYBODY),
        (trust_for("*", StringNotEquals={"aws:PrincipalOrgID": "o-1"}), RiskKind.ANYBODY),
        (
            trust_for("*", StringEqualsIfExists={"aws:PrincipalOrgID": "o-1"}),
            RiskKind.ANYBODY,
        ),
        (trust_for({"AWS": "222222222222"}), RiskKind.WHOLE_ACCOUNT),
        (trust_for({"AWS": "arn:aws:iam::222222222222:root"}), RiskKind.WHOLE_ACCOUNT),
        (trust_for({"AWS": "arn:aws:iam::222222222222:user/ann"}), None),
        (trust_for({"AWS": "333333333333"}), RiskKind.NO_EXTERNAL_ID),
        (trust_for({"AWS": "333333333333"}, StringEquals={"sts:ExternalId": "x"}), None),
        (
            trust_for({"AWS": "333333333333"}, StringLike={"sts:ExternalId": "*"}),
            RiskKind.NO_EXTERNAL_ID,
        ),
        (trust_for(EC2), RiskKind.SERVICE_WITHOUT_SOURCE),
        (trust_for(EC2, StringEquals={"aws:SourceAccount": "222222222222"}), None),
        (trust_for({"Federated": GITHUB}), RiskKind.OIDC_WITHOUT_SUBJECT),
        (
            trust_for(
                {"Federated": GITHUB},
                StringLike={"token.actions.githubusercontent.com:sub": "repo:me/*"},
            ),
            None,
        ),
        (
            trust_for(
                {"Federated": GITHUB},
                StringEquals={"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
            ),
            RiskKind.OIDC_WITHOUT_SUBJECT,
        ),
        (
            trust_for(
                {"Federated": GITHUB},
                StringLike={"token.actions.githubusercontent.com:sub": "repo:*"},
            ),
            RiskKind.OIDC_WITHOUT_SUBJECT,
        ),
        (trust_for({"Federated": "arn:aws:iam::222222222222:saml-provider/corp"}), None),
        (trust_for({"AWS": "AROAGONE"}), RiskKind.DELETED_PRINCIPAL),
        (trust_for({"AWS": "arn:aws:iam::222222222222:role/*"}), RiskKind.NOT_A_PRINCIPAL),
        ({**trust_for("*"), "Effect": "Deny"}, None),
        (trust_for({"CanonicalUser": "79a59df900b949e5"}), RiskKind.NOT_A_PRINCIPAL),
        (
            {"Effect": "Allow", "NotPrincipal": {"AWS": ROLE}, "Action": "sts:AssumeRole"},
            RiskKind.NOT_PRINCIPAL,
        ),
        # Whatever an operator means that is not known here, it may restrict the callers.
        (trust_for("*", StringIs={"aws:PrincipalOrgID": "o-1"}), None),
    ],
)
def test_risks(made: dict[str, Any], risk: RiskKind | None) -> None:
    assert [each.kind for each in report(made).risks] == ([] if risk is None else [risk])


def test_a_role_in_plain_sentences() -> None:
    found = report(
        trust_for(EC2),
        {
            **trust_for("*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}),
            "Effect": "Deny",
        },
        trust_for(
            {"AWS": ["333333333333", "arn:aws:iam::222222222222:user/ann"]},
            StringEquals={"sts:ExternalId": ["x-1", "x-2"]},
            NumericLessThan={"aws:MultiFactorAuthAge": "3600"},
            NotIpAddress={"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]},
        ),
        trust_for(
            {"Federated": GITHUB},
            "sts:AssumeRoleWithWebIdentity",
            StringLike={"token.actions.githubusercontent.com:sub": "repo:me/*"},
            Null={"sts:SourceIdentity": "true"},
        ),
    )
    text = as_text(role_view(found))
    assert max(map(len, text.splitlines())) <= 80
    said = " ".join(text.split())
    for words in (
        "a session lasts at most 2 h; from another role's session, 1 h",
        "statement 1: the AWS service ec2.amazonaws.com may call sts:AssumeRole",
        "statement 2: no one may call sts:AssumeRole, if MFA was not used, or it is not known",
        "statement 3: anyone account 333333333333 allows or user ann of 222222222222 may call",
        (
            "if the external ID is one of x-1, x-2, the seconds since MFA are less than 3600 and the"
            " address the call comes from is not within any of 203.0.113.0/24, 2001:db8::/32"
        ),
        (
            f"statement 4: anyone with a token of {GITHUB} may call sts:AssumeRoleWithWebIdentity, if the"
            " token's subject is like repo:me/* and the source identity is absent"
        ),
    ):
        assert words in said


def test_a_long_arn_is_folded_and_no_line_overflows() -> None:
    long = f"arn:aws:iam::222222222222:role/{'x' * 510}/{'N' * 64}"
    known = records(trust_for({"AWS": long}), role={"Arn": long})
    found = report_on(known, long)
    assert found is not None
    text = as_text(role_view(found))
    assert max(map(len, text.splitlines())) <= 80
    assert long in "".join(text.split())
