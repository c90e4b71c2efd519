"""Policy documents and IAM exports that the tests of ``explain``, ``check`` and ``routes`` share."""

from __future__ import annotations

from typing import Any

from tests.support.world import HUB

ALICE = "arn:aws:iam::111111111111:user/alice"
AS = ("--as", ALICE)


def policy(*statements: Any) -> Any:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**elements: Any) -> Any:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", **elements}


def role(arn: str, trusts: str, **condition: Any) -> Any:
    statement = allow(Sid="Who", Principal={"AWS": trusts})
    if condition:
        statement["Condition"] = condition
    return {
        "Arn": arn,
        "RoleId": "AROAEXAMPLE",
        "AssumeRolePolicyDocument": policy(statement),
        "RolePolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource="*"))}],
        "AttachedManagedPolicies": [],
    }


USER = {
    "Arn": ALICE,
    "UserId": "AIDAEXAMPLE",
    "UserPolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource=HUB))}],
    "AttachedManagedPolicies": [],
    "GroupList": [],
}
