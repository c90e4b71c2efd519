"""Who may pass a role to a service: what their own policies, boundary and SCPs come to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.commands.explain.role_view import role_document, role_view
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.inventory import IamInventory
from rolehop.policy.role_report import RoleReport, report_on
from rolehop.terminal.drawing import as_text
from tests.support.policies import policy, policy_text

ACCOUNT = "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app/Task"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/limit"
Json = dict[str, Any]


def passes(on: str = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": "iam:PassRole", "Resource": on, **more}


def user(*statements: Json, **more: Any) -> Json:
    return {
        "Arn": ANN,
        "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": policy(*statements)}],
        "AttachedManagedPolicies": [],
        "GroupList": [],
        **more,
    }


def records(
    *users: Json, services: tuple[str, ...] = ("ec2.amazonaws.com",), **more: Any
) -> IamInventory:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": "sts:AssumeRole",
    }
    role = {
        "Arn": ROLE,
        "AssumeRolePolicyDocument": policy(trust),
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
        "Tags": [{"Key": "team", "Value": "blue"}],
    }
    listed = {"RoleDetailList": [role], "UserDetailList": list(users), **more}
    return read_inventory(json.dumps(listed))


def report(known: IamInventory) -> RoleReport:
    found = report_on(known, ROLE)
    assert found is not None
    return found


def outcome(known: IamInventory) -> str:
    """Return ``allowed``, ``unknown: WHAT`` or ``no`` for ann."""
    passers = report(known).passing.passers
    if not passers:
        return "no"
    (passer,) = passers
    assert passer.arn == ANN
    return ": ".join(filter(None, (passer.outcome.value, ", ".join(passer.unknowns))))


BOUNDED = {"PermissionsBoundary": {"PermissionsBoundaryArn": LIMIT}}
EVERY_PASS = {"Effect": "Deny", "Action": "iam:Pass*", "Resource": "*"}


def when(operator: str, key: str, value: str) -> Json:
    return {"Condition": {operator: {key: value}}}


def boundary(*statements: Json) -> Json:
    version = {"Document": policy(*statements), "IsDefaultVersion": True}
    return {"Policies": [{"Arn": LIMIT, "PolicyVersionList": [version]}]}


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        (records(user(passes())), "allowed"),
        (records(user(passes(f"arn:aws:iam::{ACCOUNT}:role/app/*"))), "allowed"),
        (records(user(passes(f"arn:aws:iam::{ACCOUNT}:role/Task"))), "no"),
        (records(user({**passes(), "Action": "IAM:pass*"})), "allowed"),
        (records(user({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})), "allowed"),
        (records(user({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})), "no"),
        (records(user(passes("arn:aws:iam::*:role/app/${aws:username}"))), "no"),
        # a Deny of the passer's own
        (records(user(passes(), EVERY_PASS)), "no"),
        (records(user(passes(), {**EVERY_PASS, "Resource": ROLE + "s"})), "allowed"),
        # the passer's boundary
        (records(user(passes(), **BOUNDED), **boundary(passes())), "allowed"),
        (
            records(user(passes(), **BOUNDED), **boundary({**passes(), "Action": "s3:*"})),
            "no",
        ),
        (records(user(passes(), **BOUNDED), **boundary(passes(), EVERY_PASS)), "no"),
        (records(user(passes(), **BOUNDED)), "unknown: boundary"),
        # conditions
        (
            records(
                user(passes(**when("StringEquals", "iam:PassedToService", "ec2.amazonaws.com")))
            ),
            "allowed",
        ),
        (records(user(passes(**when("StringLike", "iam:PassedToService", "ecs*")))), "no"),
        (records(user(passes(**when("StringEquals", "iam:ResourceTag/team", "blue")))), "allowed"),
        (records(user(passes(**when("StringEquals", "aws:ResourceTag/team", "red")))), "no"),
        (
            records(user(passes(**when("IpAddress", "aws:SourceIp", "203.0.113.0/24")))),
            "unknown: aws:SourceIp",
        ),
        # SCPs of the account, where they are given
        (
            replace(
                records(user(passes())),
                scps={"*": (policy_text(EVERY_PASS),)},
            ),
            "no",
        ),
    ],
)
def test_the_passers_own_side_decides(known: IamInventory, wanted: str) -> None:
    assert outcome(known) == wanted


def test_a_group_counts_for_its_users() -> None:
    group = {
        "Arn": f"arn:aws:iam::{ACCOUNT}:group/ops",
        "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": policy(passes())}],
        "AttachedManagedPolicies": [],
    }
    member = user(GroupList=["ops"])
    assert outcome(records(member, GroupDetailList=[group])) == "allowed"
    assert outcome(records(user(), GroupDetailList=[group])) == "no"
    denied = user(EVERY_PASS, GroupList=["ops"])
    assert outcome(records(denied, GroupDetailList=[group])) == "no"


def test_each_service_is_judged() -> None:
    only = passes(**when("StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com"))
    known = records(user(only), services=("ec2.amazonaws.com", "ecs-tasks.amazonaws.com"))
    (passer,) = report(known).passing.passers
    assert passer.services == ("ecs-tasks.amazonaws.com",)


def test_whose_policies_cannot_be_seen_is_counted_and_not_left_out() -> None:
    hidden = user(AttachedManagedPolicies=[{"PolicyArn": LIMIT, "PolicyName": "limit"}])
    found = report(records(hidden))
    assert (found.passing.passers, found.passing.unseen) == ((), (ANN,))
    assert "not known for 1 user or role" in as_text(role_view(found))
    assert role_document(found)["passers_unseen"] == [ANN]


def test_no_role_is_passed_across_accounts_or_without_a_service() -> None:
    other = {**user(passes()), "Arn": "arn:aws:iam::333333333333:user/ann"}
    assert outcome(records(other)) == "no"
    assert outcome(records(user(passes()), services=())) == "no"


def test_people_and_programs_read_it() -> None:
    perhaps = passes(**when("IpAddress", "aws:SourceIp", "203.0.113.0/24"))
    found = report(records(user(perhaps)))
    text = " ".join(as_text(role_view(found)).split())
    assert f"possibly {ANN}, to ec2.amazonaws.com; that depends on the address" in text
    assert role_document(found)["passers"] == [
        {
            "arn": ANN,
            "services": ["ec2.amazonaws.com"],
            "verdict": "unknown",
            "unknowns": ["aws:SourceIp"],
        }
    ]
