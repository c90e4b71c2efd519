"""Account details as the AWS CLI writes them, shortened."""

import json
from typing import Any
from urllib.parse import quote

from tests.support.policies import policy

ROLE = "arn:aws:iam::222222222222:role/team/Hub"
USER = "arn:aws:iam::222222222222:user/ann"
ANY = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
TRUST = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
A_ROLE: dict[str, Any] = {"Arn": ROLE, "RolePolicyList": [], "AttachedManagedPolicies": []}
A_USER: dict[str, Any] = {"Arn": USER, "GroupList": [], "AttachedManagedPolicies": []}
A_POLICY = "arn:aws:iam::222222222222:policy/mine"
REAL: dict[str, Any] = {
    "UserDetailList": [
        {
            "Path": "/",
            "UserName": "ann",
            "UserId": "AIDAEXAMPLE",
            "Arn": USER,
            "CreateDate": "2024-01-01T00:00:00+00:00",
            "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": ANY}],
            "GroupList": ["ops"],
            "AttachedManagedPolicies": [{"PolicyName": "mine", "PolicyArn": A_POLICY}],
            "Tags": [{"Key": "team", "Value": "blue"}],
        }
    ],
    "GroupDetailList": [
        {
            "Path": "/",
            "GroupName": "ops",
            "GroupId": "AGPAEXAMPLE",
            "Arn": "arn:aws:iam::222222222222:group/ops",
            "CreateDate": "2024-01-01T00:00:00+00:00",
            "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": ANY}],
            "AttachedManagedPolicies": [],
        }
    ],
    "RoleDetailList": [
        {
            "Path": "/team/",
            "RoleName": "Hub",
            "RoleId": "AROAEXAMPLE",
            "Arn": ROLE,
            "CreateDate": "2024-01-01T00:00:00+00:00",
            "AssumeRolePolicyDocument": TRUST,
            "InstanceProfileList": [],
            "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": quote(json.dumps(ANY))}],
            "AttachedManagedPolicies": [],
            "PermissionsBoundary": {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": A_POLICY,
            },
            "MaxSessionDuration": 3600,
            "Description": "hub",
            "Tags": [],
            "RoleLastUsed": {},
        }
    ],
    "Policies": [
        {
            "PolicyName": "mine",
            "Arn": A_POLICY,
            "DefaultVersionId": "v2",
            "PolicyVersionList": [
                {"Document": ANY, "VersionId": "v2", "IsDefaultVersion": True},
            ],
        }
    ],
    "IsTruncated": False,
}
