"""Outputs of the AWS CLI, read together; what is not in them is not made up."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from rolehop.trust import NOT_THERE, NOT_VISIBLE
from rolehop.trust.evaluate import Shown
from rolehop.trust.records import NotRecords, Records, read_records

ROLE = "arn:aws:iam::222222222222:role/team/Hub"
USER = "arn:aws:iam::222222222222:user/ann"
ANY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}


def details(**lists: Any) -> Records:
    return read_records(json.dumps(lists))


def names(shown: Shown) -> list[str]:
    return [document.name for document in shown.documents]


def test_get_role_tells_trust_and_boundary_and_not_what_the_role_may_do() -> None:
    records = read_records(json.dumps({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": TRUST}}))
    assert names(records.trust(ROLE)) == ["trust policy of role Hub"]
    assert records.boundary(ROLE) == NOT_THERE
    assert records.permissions(ROLE) == NOT_VISIBLE


def test_two_files_add_up() -> None:
    whole = details(
        RoleDetailList=[
            {"Arn": ROLE, "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": ANY}]}
        ]
    )
    role = {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": quote(json.dumps(TRUST))}}
    for records in (
        whole.merged(read_records(json.dumps(role))),
        read_records(json.dumps(role)).merged(whole),
    ):
        assert names(records.trust(ROLE)) == ["trust policy of role Hub"]
        assert names(records.permissions(ROLE)) == ["inline policy p of role Hub"]


def test_a_users_groups_count() -> None:
    user = {"Arn": USER, "GroupList": ["ops"], "UserPolicyList": []}
    group = {
        "Arn": "arn:aws:iam::222222222222:group/x/ops",
        "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": ANY}],
    }
    assert details(UserDetailList=[user]).permissions(USER).missing == ("policies of group ops",)
    both = details(UserDetailList=[user], GroupDetailList=[group])
    assert names(both.permissions(USER)) == ["inline policy g of group ops"]


def test_an_attached_policy_that_was_not_given_is_missing() -> None:
    arn = "arn:aws:iam::222222222222:policy/mine"
    role = {"Arn": ROLE, "AttachedManagedPolicies": [{"PolicyName": "mine", "PolicyArn": arn}]}
    assert details(RoleDetailList=[role]).permissions(ROLE).missing == ("policy mine of role Hub",)
    versions = [
        {"Document": TRUST, "IsDefaultVersion": False},
        {"Document": ANY, "IsDefaultVersion": True},
    ]
    policies = [{"Arn": arn, "PolicyVersionList": versions}]
    given = details(RoleDetailList=[role], Policies=policies)
    assert names(given.permissions(ROLE)) == ["policy mine of role Hub"]


def test_administrator_access_is_known_without_its_text() -> None:
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    role = {"Arn": ROLE, "AttachedManagedPolicies": [{"PolicyName": "a", "PolicyArn": arn}]}
    assert details(RoleDetailList=[role]).permissions(ROLE).missing == ()


def test_a_document_that_is_no_policy_stays_open_and_says_where() -> None:
    broken = {"Statement": [{"Effect": "Allow", "Action": "sts:*", "Action ": "x"}]}
    records = read_records(json.dumps({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": broken}}))
    shown = records.trust(ROLE)
    assert shown.malformed
    assert "line 1, column" in shown.missing[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("5", "neither an object nor a list"),
        ("{}", "no output of"),
        ('{"Role": {}}', "lacks what IAM always says"),
        ('{"RoleDetailList": [5]}', "lacks what IAM always says"),
        ('{"Role": {"Arn": "a", "Arn": "b"}}', "stands twice"),
        ("[" * 200_000, "nested too deep"),
    ],
)
def test_a_file_that_is_something_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(NotRecords, match=says):
        read_records(text)
