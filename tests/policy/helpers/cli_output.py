"""A generated world as the AWS CLI writes it: groups, and managed policies with versions."""

from __future__ import annotations

from typing import Any

from tests.policy.helpers.worlds import (
    World,
)
from tests.support.policies import policy


def details(world: World) -> dict[str, Any]:
    """Return ``get-account-authorization-details``: groups, and managed policies with versions."""
    parts: dict[str, list[Any]] = {"inline": [], "managed": [], "group": [], "group-managed": []}
    for place, statement in zip(world["spread"], world["identity"], strict=True):
        parts[place].append(statement)
    named = world["caller_role"] or world["caller"] or ""
    boundary = (
        {}
        if world["boundary"] is None
        else {"PermissionsBoundary": {"PermissionsBoundaryArn": _policy_arn("limit")}}
    )
    entity = {
        "Arn": named,
        "AttachedManagedPolicies": [{"PolicyName": "own", "PolicyArn": _policy_arn("own")}],
        **boundary,
    }
    inline = [{"PolicyName": "p", "PolicyDocument": policy(*parts["inline"])}]
    roles: list[dict[str, Any]] = [
        {
            "Arn": world["role"],
            "AssumeRolePolicyDocument": policy(*world["trust"]),
            "RolePolicyList": [],
            "AttachedManagedPolicies": [],
        }
    ]
    users, groups = [], []
    if ":role/" in named:
        roles.append({**entity, "RolePolicyList": inline})
    elif ":user/" in named and named.startswith("arn:aws:"):
        users.append({**entity, "UserPolicyList": inline, "GroupList": ["team"]})
        groups.append(
            {
                "Arn": f"{named.partition(':user/')[0]}:group/team",
                "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": policy(*parts["group"])}],
                "AttachedManagedPolicies": [
                    {"PolicyName": "shared", "PolicyArn": _policy_arn("shared")}
                ],
            }
        )
    return {
        "UserDetailList": users,
        "GroupDetailList": groups,
        "RoleDetailList": roles,
        "Policies": [
            _managed("own", parts["managed"]),
            _managed("shared", parts["group-managed"]),
            _managed("limit", world["boundary"] or []),
            _managed("nobodys", [{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        ],
    }


def _managed(name: str, statements: list[Any]) -> dict[str, Any]:
    """Return a managed policy; versions that are not the default say something else."""
    everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    nothing = [{"Effect": "Deny", "Action": "*", "Resource": "*"}]
    return {
        "Arn": _policy_arn(name),
        "PolicyVersionList": [
            {"VersionId": "v3", "IsDefaultVersion": False, "Document": policy(*everything)},
            {"VersionId": "v2", "IsDefaultVersion": True, "Document": policy(*statements)},
            {"VersionId": "v1", "IsDefaultVersion": False, "Document": policy(*nothing)},
        ],
    }


def _policy_arn(name: str) -> str:
    return f"arn:aws:iam::222222222222:policy/{name}"
