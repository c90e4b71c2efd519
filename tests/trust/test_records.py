"""Outputs of the AWS CLI, read together; what is not in them is not made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from rolehop.arn import RoleArn
from rolehop.trust import (
    NOT_THERE,
    NOT_VISIBLE,
    Context,
    LaneName,
    Outcome,
    Request,
    evaluate,
    signer,
)
from rolehop.trust.contradiction import contradiction
from rolehop.trust.evaluate import Shown
from rolehop.trust.hops import HopAsked, Setting, Start, requests
from rolehop.trust.mend import mends
from rolehop.trust.records import NotRecords, Records, read_records

ROLE = "arn:aws:iam::222222222222:role/team/Hub"
USER = "arn:aws:iam::222222222222:user/ann"
ANY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
A_ROLE: dict[str, Any] = {"Arn": ROLE, "RolePolicyList": [], "AttachedManagedPolicies": []}
A_USER: dict[str, Any] = {"Arn": USER, "GroupList": [], "AttachedManagedPolicies": []}
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
    inline = [{"PolicyName": "p", "PolicyDocument": ANY}]
    whole = details(RoleDetailList=[{**A_ROLE, "RolePolicyList": inline}])
    role = {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": quote(json.dumps(TRUST))}}
    for records in (
        whole.merged(read_records(json.dumps(role))),
        read_records(json.dumps(role)).merged(whole),
    ):
        assert names(records.trust(ROLE)) == ["trust policy of role Hub"]
        assert names(records.permissions(ROLE)) == ["inline policy p of role Hub"]


def test_a_users_groups_count() -> None:
    user = {**A_USER, "GroupList": ["ops"]}
    group = {
        "Arn": "arn:aws:iam::222222222222:group/x/ops",
        "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": ANY}],
        "AttachedManagedPolicies": [],
    }
    assert details(UserDetailList=[user]).permissions(USER).missing == ("policies of group ops",)
    both = details(UserDetailList=[user], GroupDetailList=[group])
    assert names(both.permissions(USER)) == ["inline policy g of group ops"]


def test_an_attached_policy_that_was_not_given_is_missing() -> None:
    arn = "arn:aws:iam::222222222222:policy/mine"
    role = {**A_ROLE, "AttachedManagedPolicies": [{"PolicyName": "mine", "PolicyArn": arn}]}
    assert details(RoleDetailList=[role]).permissions(ROLE).missing == ("policy mine of role Hub",)
    versions = [
        {"Document": TRUST, "IsDefaultVersion": False},
        {"Document": ANY, "IsDefaultVersion": True},
    ]
    policies = [{"Arn": arn, "PolicyVersionList": versions}]
    given = details(RoleDetailList=[role], Policies=policies)
    assert names(given.permissions(ROLE)) == ["policy mine of role Hub"]


@pytest.mark.parametrize(
    ("detail", "missing"),
    [
        ({"AttachedManagedPolicies": None}, ("managed policies of role Hub",)),
        ({"RolePolicyList": None}, ("all",)),
        ({"RolePolicyList": None, "AttachedManagedPolicies": None}, ("all",)),
    ],
)
def test_a_list_that_a_role_lacks_was_not_seen(
    detail: dict[str, Any], missing: tuple[str, ...]
) -> None:
    role = {key: each for key, each in {**A_ROLE, **detail}.items() if each is not None}
    assert details(RoleDetailList=[role]).permissions(ROLE).missing == missing


def test_what_is_seen_of_a_role_counts_though_a_list_is_missing() -> None:
    inline = [{"PolicyName": "p", "PolicyDocument": ANY}]
    role = {"Arn": ROLE, "RolePolicyList": inline}
    shown = details(RoleDetailList=[role]).permissions(ROLE)
    assert names(shown) == ["inline policy p of role Hub"]
    assert shown.missing == ("managed policies of role Hub",)


@pytest.mark.parametrize(
    ("lacks", "missing"),
    [
        # IAM itself leaves this one out where a user has no inline policy.
        ("UserPolicyList", ()),
        ("AttachedManagedPolicies", ("managed policies of user ann",)),
        ("GroupList", ("policies of the groups of user ann",)),
    ],
)
def test_a_list_that_a_user_lacks_was_not_seen(lacks: str, missing: tuple[str, ...]) -> None:
    user = {key: each for key, each in {**A_USER, "UserPolicyList": []}.items() if key != lacks}
    assert details(UserDetailList=[user]).permissions(USER).missing == missing


AWS = "arn:aws:iam::aws:policy/"


def having(*arns: str, **policies: Any) -> Records:
    attached = [{"PolicyName": "p", "PolicyArn": arn} for arn in arns]
    return details(RoleDetailList=[{**A_ROLE, "AttachedManagedPolicies": attached}], **policies)


@pytest.mark.parametrize(
    ("arn", "sts", "whole"),
    [
        (f"{AWS}AdministratorAccess", True, True),
        ("arn:aws-cn:iam::aws:policy/AdministratorAccess", True, True),
        (f"{AWS}PowerUserAccess", True, False),
        (f"{AWS}ReadOnlyAccess", False, False),
        (f"{AWS}SecurityAudit", False, False),
        (f"{AWS}job-function/ViewOnlyAccess", False, False),
    ],
)
def test_what_awss_own_policies_say_of_a_hop_is_known(arn: str, sts: bool, whole: bool) -> None:
    records = having(arn)
    shown = records.permissions(ROLE)
    assert shown.missing == ()
    caller = signer("arn:aws:sts::222222222222:assumed-role/Hub/s", role=ROLE)
    request = Request(
        "arn:aws:iam::333333333333:role/Other",
        caller,
        Context({}),
        lanes={LaneName.PERMISSIONS: shown},
    )
    (lane,) = (each for each in evaluate(request).lanes if each.name is LaneName.PERMISSIONS)
    assert lane.outcome is (Outcome.ALLOWED if sts else Outcome.REFUSED)
    # What is known is a part, and no list of what a role may do.
    assert bool(records.permissions(ROLE, whole=True).missing) is not whole


@pytest.mark.parametrize(
    "arn", [f"{AWS}AmazonS3FullAccess", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]
)
def test_no_other_policy_of_aws_is_made_up(arn: str) -> None:
    assert having(arn).permissions(ROLE).missing


def test_a_policy_of_aws_that_is_given_counts_the_newest_first() -> None:
    def version(number: int, action: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        told = {"Document": {"Statement": statement}, "IsDefaultVersion": True}
        policy = {"Arn": f"{AWS}ReadOnlyAccess"}
        return {**policy, "PolicyVersionList": [{**told, "VersionId": f"v{number}"}]}

    old, new = (having(f"{AWS}ReadOnlyAccess", Policies=[version(n, f"a:{n}")]) for n in (99, 100))
    assert contradiction(old, new) is None
    for both in (old.merged(new), new.merged(old)):
        (document,) = both.permissions(ROLE).documents
        assert document.policy.statements[0].actions == ("a:100",)


OTHERWISE: dict[str, dict[str, Any]] = {
    "trust policy": {"AssumeRolePolicyDocument": TRUST},
    "inline policies": {"RolePolicyList": [{"PolicyName": "p", "PolicyDocument": ANY}]},
    "managed policies": {"AttachedManagedPolicies": [{"PolicyArn": f"{AWS}ReadOnlyAccess"}]},
    "permissions boundary": {
        "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::222222222222:policy/b"}
    },
    "tags": {"Tags": [{"Key": "k", "Value": "v"}]},
    "unique ID": {"RoleId": "AROA2"},
}


@pytest.mark.parametrize("part", OTHERWISE)
def test_two_files_that_differ_contradict_each_other(part: str) -> None:
    role = {**A_ROLE, "RoleId": "AROA1", "AssumeRolePolicyDocument": ANY}
    one, two = (details(RoleDetailList=[each]) for each in (role, {**role, **OTHERWISE[part]}))
    assert contradiction(one, two) == f"the {part} of {ROLE}"
    assert contradiction(one, one) is None
    with pytest.raises(NotRecords, match="twice, and differently"):
        details(RoleDetailList=[role, {**role, **OTHERWISE[part]}])


def test_what_only_one_file_has_seen_is_no_contradiction() -> None:
    role = {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": quote(json.dumps(TRUST))}}
    whole = details(RoleDetailList=[{**A_ROLE, "AssumeRolePolicyDocument": TRUST}])
    assert contradiction(read_records(json.dumps(role)), whole) is None
    again = read_records(json.dumps([role, role]))
    assert names(again.trust(ROLE)) == ["trust policy of role Hub"]


def test_two_texts_of_ones_own_policy_contradict_each_other() -> None:
    arn = "arn:aws:iam::222222222222:policy/mine"
    found = [
        having(
            arn,
            Policies=[
                {
                    "Arn": arn,
                    "PolicyVersionList": [{"Document": document, "IsDefaultVersion": True}],
                }
            ],
        )
        for document in (ANY, TRUST)
    ]
    assert contradiction(*found) == arn


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
        ("[]", "tells of no user"),
        ('{"RoleDetailList": []}', "tells of no user"),
        ('{"Role": {}}', "it lacks Arn, which IAM always says"),
        ('{"RoleDetailList": [5]}', "a part of it is not what IAM writes there"),
        ('{"Role": {"Arn": "a", "Arn": "b"}}', "stands twice"),
        ("[" * 200_000, "nested too deep"),
    ],
)
def test_a_file_that_is_something_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(NotRecords, match=says):
        read_records(text)


def test_nobody_is_told_to_change_a_policy_of_awss_own() -> None:
    records = having(f"{AWS}ReadOnlyAccess").merged(
        read_records(
            json.dumps(
                {
                    "Role": {
                        "Arn": "arn:aws:iam::333333333333:role/T",
                        "AssumeRolePolicyDocument": TRUST,
                    }
                }
            )
        )
    )
    start = Start(
        "arn:aws:sts::222222222222:assumed-role/Hub/s", policy_arns=(f"{AWS}SecurityAudit",)
    )
    hop = HopAsked(RoleArn.parse("arn:aws:iam::333333333333:role/T"), "s")
    (request,) = requests(start, [hop], Setting(records, datetime(2026, 6, 1, tzinfo=UTC)))
    verdict = evaluate(request)
    assert [lane.name for lane in verdict.refused] == [LaneName.PERMISSIONS, LaneName.SESSION]
    documents = [mend.document for mend in mends(verdict)]
    assert documents == ["a new inline policy of role Hub", "session policy of the source"]
