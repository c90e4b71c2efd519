"""Risks of trust policies, one line each; and what a report on a role says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.show.plain import as_text
from rolehop.show.role import role_view
from rolehop.trust.records import Records, read_records
from rolehop.trust.role import RiskKind, RoleReport, beyond_boundary, report_on

ROLE = "arn:aws:iam::222222222222:role/app/Task"
EC2 = {"Service": "ec2.amazonaws.com"}
GITHUB = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"


def statement(principal: Any, action: str = "sts:AssumeRole", **condition: Any) -> dict[str, Any]:
    made = {"Effect": "Allow", "Principal": principal, "Action": action}
    return {**made, "Condition": condition} if condition else made


def records(*statements: dict[str, Any], **extra: Any) -> Records:
    role = {
        "Arn": ROLE,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)},
        "MaxSessionDuration": 7200,
        **extra.pop("role", {}),
    }
    return read_records(json.dumps({"RoleDetailList": [role], **extra}))


def report(*statements: dict[str, Any], **extra: Any) -> RoleReport:
    found = report_on(records(*statements, **extra), ROLE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("made", "risk"),
    [
        (statement("*"), RiskKind.ANYBODY),
        (statement({"AWS": "*"}), RiskKind.ANYBODY),
        (statement("*", StringEquals={"aws:PrincipalOrgID": "o-1"}), None),
        (statement("*", StringNotEquals={"aws:PrincipalOrgID": "o-1"}), RiskKind.ANYBODY),
        (statement("*", StringEqualsIfExists={"aws:PrincipalOrgID": "o-1"}), RiskKind.ANYBODY),
        (statement({"AWS": "222222222222"}), RiskKind.WHOLE_ACCOUNT),
        (statement({"AWS": "arn:aws:iam::222222222222:root"}), RiskKind.WHOLE_ACCOUNT),
        (statement({"AWS": "arn:aws:iam::222222222222:user/ann"}), None),
        (statement({"AWS": "333333333333"}), RiskKind.NO_EXTERNAL_ID),
        (statement({"AWS": "333333333333"}, StringEquals={"sts:ExternalId": "x"}), None),
        (
            statement({"AWS": "333333333333"}, StringLike={"sts:ExternalId": "*"}),
            RiskKind.NO_EXTERNAL_ID,
        ),
        (statement(EC2), RiskKind.SERVICE_WITHOUT_SOURCE),
        (statement(EC2, StringEquals={"aws:SourceAccount": "222222222222"}), None),
        (statement({"Federated": GITHUB}), RiskKind.OIDC_WITHOUT_SUBJECT),
        (
            statement(
                {"Federated": GITHUB},
                StringLike={"token.actions.githubusercontent.com:sub": "repo:me/*"},
            ),
            None,
        ),
        (
            statement(
                {"Federated": GITHUB},
                StringEquals={"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
            ),
            RiskKind.OIDC_WITHOUT_SUBJECT,
        ),
        (statement({"Federated": "arn:aws:iam::222222222222:saml-provider/corp"}), None),
        (statement({"AWS": "AROAGONE"}), RiskKind.DELETED_PRINCIPAL),
        (statement({"AWS": "arn:aws:iam::222222222222:role/*"}), RiskKind.NOT_A_PRINCIPAL),
        ({**statement("*"), "Effect": "Deny"}, None),
    ],
)
def test_risks(made: dict[str, Any], risk: RiskKind | None) -> None:
    assert [each.kind for each in report(made).risks] == ([] if risk is None else [risk])


def test_who_may_pass_a_service_role() -> None:
    passes = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iam:Pass*",
                "Resource": "arn:aws:iam::222222222222:role/app/*",
                "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            }
        ],
    }
    user = {
        "Arn": "arn:aws:iam::222222222222:user/ann",
        "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": passes}],
    }
    (passer,) = report(statement(EC2), UserDetailList=[user]).passers
    assert (passer.arn.rpartition("/")[2], passer.service) == ("ann", "ec2.amazonaws.com")
    assert report(statement({"AWS": "222222222222"}), UserDetailList=[user]).passers == ()


def test_what_the_boundary_takes_away_and_every_line_fits() -> None:
    def policy(*actions: str) -> dict[str, Any]:
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [allow]}

    arn = "arn:aws:iam::222222222222:policy/limit"
    version = {"Document": policy("s3:Get*", "ec2:*"), "IsDefaultVersion": True}
    found = report(
        statement(EC2),
        role={
            "PermissionsBoundary": {"PermissionsBoundaryArn": arn},
            "RolePolicyList": [
                {"PolicyName": "p", "PolicyDocument": policy("s3:*", "ec2:Run*", "s3:GetObject")}
            ],
        },
        Policies=[{"Arn": arn, "PolicyVersionList": [version]}],
    )
    assert [each.action for each in beyond_boundary(found)] == ["s3:*"]
    text = as_text(role_view(found))
    assert "a session lasts at most 2 h" in text
    assert "the AWS service ec2.amazonaws.com may call sts:AssumeRole" in text
    assert max(map(len, text.splitlines())) <= 80
