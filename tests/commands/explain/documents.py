"""Policy documents and IAM exports that the tests of ``explain``, ``check`` and ``routes`` share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.policies import allow, policy, trust_for
from tests.support.world import ADMIN, HUB, Done, World, temporary_world

ALICE = "arn:aws:iam::111111111111:user/alice"
AS = ("--as", ALICE)


def role(arn: str, trusts: str, sid: Any = "Who", **condition: Any) -> Any:
    """Return a role of an IAM export; without ``sid`` the statement of its trust policy has none."""
    statement = trust_for({"AWS": trusts}, **condition)
    if sid:
        statement = {"Sid": sid, **statement}
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


@contextmanager
def world_with_documents() -> Iterator[World]:
    """Open a world whose home has files for ``files``."""
    with temporary_world() as world:
        files = {
            "one.json": {"UserDetailList": [USER]},
            "two.json": {"RoleDetailList": [role(HUB, ALICE)]},
            "good.json": {"RoleDetailList": [role(ADMIN, HUB)]},
            "bad.json": {
                "RoleDetailList": [role(ADMIN, HUB, StringEquals={"sts:ExternalId": "x-1"})]
            },
            "open.json": {
                "RoleDetailList": [role(ADMIN, HUB, IpAddress={"aws:SourceIp": "203.0.113.0/24"})]
            },
            "scp.json": policy({"Effect": "Deny", "Action": "sts:*", "Resource": "*"}),
        }
        for name, content in files.items():
            (world.home / name).write_text(json.dumps(content))
        yield world


def files(*names: str) -> list[str]:
    given = ("one.json", "two.json", *names)
    return [part for name in given for part in ("--policies", name)]


def write_roles(world: World, *roles: Any) -> None:
    """Write an IAM export with alice and ``roles`` to ``all.json``."""
    details = {"UserDetailList": [USER], "RoleDetailList": list(roles)}
    (world.home / "all.json").write_text(json.dumps(details), encoding="utf-8")


def explain_offline(world: World, chain: str, *more: str) -> Done:
    """Run ``explain`` with what `write_roles` wrote, as alice."""
    known = ("--as", ALICE, "--policies", "all.json")
    return world.rolehop("explain", chain, "--offline", *known, *more)
