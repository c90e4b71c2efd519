"""Outputs of the AWS CLI, read together; nothing is invented that is not in them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.policy import (
    NO_POLICY,
    NOT_VISIBLE,
    Context,
    Outcome,
    PolicyType,
    Request,
    caller_from_arn,
    evaluate,
)
from rolehop.policy.aws_cli_output import InvalidInventory, read_inventory
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.inventory import IamInventory, find_conflict
from rolehop.policy.remedies.change_builder import policy_changes
from rolehop.policy.requests import build_requests
from tests.policy.helpers.account_details import A_ROLE, A_USER, ANY, REAL, ROLE, TRUST, USER


def details(**lists: Any) -> IamInventory:
    return read_inventory(json.dumps(lists))


def names(shown: PolicySet) -> list[str]:
    return [document.name for document in shown.documents]


def test_get_role_gives_trust_and_boundary_but_no_permissions() -> None:
    records = read_inventory(json.dumps({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": TRUST}}))
    assert names(records.trust(ROLE)) == ["trust policy of role Hub"]
    assert records.boundary(ROLE) == NO_POLICY
    assert records.permissions(ROLE) == NOT_VISIBLE


def test_two_files_add_up() -> None:
    inline = [{"PolicyName": "p", "PolicyDocument": ANY}]
    whole = details(RoleDetailList=[{**A_ROLE, "RolePolicyList": inline}])
    role = {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": quote(json.dumps(TRUST))}}
    for records in (
        whole.merged(read_inventory(json.dumps(role))),
        read_inventory(json.dumps(role)).merged(whole),
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


def having(*arns: str, **policies: Any) -> IamInventory:
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
def test_what_aws_managed_policies_allow_on_a_hop_is_known(
    arn: str, sts: bool, whole: bool
) -> None:
    records = having(arn)
    shown = records.permissions(ROLE)
    assert shown.missing == ()
    caller = caller_from_arn("arn:aws:sts::222222222222:assumed-role/Hub/s", role=ROLE)
    request = Request(
        "arn:aws:iam::333333333333:role/Other",
        caller,
        Context({}),
        policies={PolicyType.PERMISSIONS: shown},
    )
    (policy,) = (each for each in evaluate(request).policies if each.name is PolicyType.PERMISSIONS)
    assert policy.outcome is (Outcome.ALLOWED if sts else Outcome.REFUSED)
    # What is known is a part, and no list of what a role may do.
    assert bool(replace(records, complete_only=True).permissions(ROLE).missing) is not whole


@pytest.mark.parametrize(
    "arn", [f"{AWS}AmazonS3FullAccess", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]
)
def test_no_other_policy_of_aws_is_made_up(arn: str) -> None:
    assert having(arn).permissions(ROLE).missing


def test_a_policy_of_aws_that_is_given_counts_the_newest_first() -> None:
    def version(number: int, action: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        version = {"Document": {"Statement": statement}, "IsDefaultVersion": True}
        policy = {"Arn": f"{AWS}ReadOnlyAccess"}
        return {**policy, "PolicyVersionList": [{**version, "VersionId": f"v{number}"}]}

    old, new = (having(f"{AWS}ReadOnlyAccess", Policies=[version(n, f"a:{n}")]) for n in (99, 100))
    assert find_conflict(old, new) is None
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
    assert find_conflict(one, two) == f"the {part} of {ROLE}"
    assert find_conflict(one, one) is None
    with pytest.raises(InvalidInventory, match="twice, and differently"):
        details(RoleDetailList=[role, {**role, **OTHERWISE[part]}])


def test_what_only_one_file_has_seen_is_no_contradiction() -> None:
    role = {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": quote(json.dumps(TRUST))}}
    whole = details(RoleDetailList=[{**A_ROLE, "AssumeRolePolicyDocument": TRUST}])
    assert find_conflict(read_inventory(json.dumps(role)), whole) is None
    again = read_inventory(json.dumps([role, role]))
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
    assert find_conflict(*found) == arn


def test_an_invalid_document_leaves_the_verdict_open_and_names_its_place() -> None:
    broken = {"Statement": [{"Effect": "Allow", "Action": "sts:*", "Action ": "x"}]}
    records = read_inventory(
        json.dumps({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": broken}})
    )
    shown = records.trust(ROLE)
    assert shown.malformed
    assert "line 1, column" in shown.missing[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("5", "the whole of it is a number, and {…} is expected there"),
        ("{}", "is no output of"),
        ("[]", "describes no user"),
        ('{"RoleDetailList": []}', "describes no user"),
        ('{"Role": {}}', "Role lacks Arn, which IAM always includes"),
        ('{"Role": {"Arn": NaN}}', "NaN is not a number"),
        ('{"RoleDetailList": [5]}', "RoleDetailList[0] is a number"),
        ("[" + "9" * 5000 + "]", "a number in it has 5000 digits"),
        ('{"Role": {"Arn": "a", "Arn": "b"}}', "occurs twice"),
        ("[" * 200_000, "nested too deep"),
        ("{" + "".join(f'"{n}": 0,' for n in range(30_000)) + '"29999": 0}', "occurs twice"),
    ],
)
def test_a_file_that_is_something_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInventory, match=re.escape(says)):
        read_inventory(text)


def test_an_export_may_list_nobody() -> None:
    """Of an account that has nobody yet, or with ``--filter``: it says nothing of any account."""
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    found = read_inventory(json.dumps({name: [] for name in lists}))
    assert found == IamInventory()


def test_no_fix_changes_an_aws_managed_policy() -> None:
    records = having(f"{AWS}ReadOnlyAccess").merged(
        read_inventory(
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
    start = StartingCredentials(
        "arn:aws:sts::222222222222:assumed-role/Hub/s", policy_arns=(f"{AWS}SecurityAudit",)
    )
    hop = AssumeRoleRequest(RoleArn.parse("arn:aws:iam::333333333333:role/T"), "s")
    (request,) = build_requests(
        start, [hop], EvaluationContext(records, datetime(2026, 6, 1, tzinfo=UTC))
    )
    verdict = evaluate(request)
    assert [policy.name for policy in verdict.refused] == [
        PolicyType.PERMISSIONS,
        PolicyType.SESSION,
    ]
    documents = [change.document for change in policy_changes(verdict)]
    assert documents == ["a new inline policy of role Hub", "session policy of the source"]


def test_list_roles_gives_trust_but_neither_permissions_nor_boundary() -> None:
    listed = {"Arn": ROLE, "RoleName": "Hub", "AssumeRolePolicyDocument": TRUST}
    other = {**listed, "Arn": f"{ROLE}2", "RoleName": "Hub2"}
    records = read_inventory(json.dumps({"Roles": [listed, other]}))
    assert names(records.trust(f"{ROLE}2")) == ["trust policy of role Hub2"]
    assert records.permissions(ROLE) == records.boundary(ROLE) == NOT_VISIBLE
    assert records.entities[ROLE].tags is None
    # What the details say of them is no contradiction, and counts.
    for both in (
        records.merged(read_inventory(json.dumps(REAL))),
        read_inventory(json.dumps(REAL)).merged(records),
    ):
        assert names(both.boundary(ROLE)) == ["boundary policy mine of role Hub"]
    assert find_conflict(records, read_inventory(json.dumps(REAL))) is None


def test_a_bare_role_is_read_and_what_list_roles_leaves_out_stays_open() -> None:
    listed = {"Arn": ROLE, "RoleName": "Hub", "AssumeRolePolicyDocument": TRUST}
    records = read_inventory(json.dumps(listed))
    assert names(records.trust(ROLE)) == ["trust policy of role Hub"]
    assert records.boundary(ROLE) == NOT_VISIBLE
    # get-role always says when the role was last used.
    whole = read_inventory(json.dumps({**listed, "RoleLastUsed": {}}))
    assert whole.boundary(ROLE) == NO_POLICY


def test_an_encoded_document_may_be_in_small_letters() -> None:
    encoded = re.sub("%..", lambda found: found[0].lower(), quote(json.dumps(TRUST)))
    records = read_inventory(
        json.dumps({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": encoded}})
    )
    assert not records.trust(ROLE).documents[0].text.startswith("%")


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, {"222222222222"}),
        ({"IsTruncated": False}, set()),  # perhaps the last of many pages
        ({"NextToken": "x"}, set()),
        ({"RoleDetailList": []}, set()),  # --filter User
    ],
)
def test_a_complete_export_is_distinguished_from_a_partial_one(
    changes: dict[str, Any], whole: set[str]
) -> None:
    user = {"Arn": "arn:aws:iam::222222222222:user/ann", "UserId": "AIDA"}
    role = {"Arn": "arn:aws:iam::222222222222:role/Hub", "RoleId": "AROA"}
    lists = {
        "UserDetailList": [user],
        "GroupDetailList": [],
        "RoleDetailList": [role],
        "Policies": [],
    }
    records = read_inventory(json.dumps({**lists, **changes}))
    assert records.complete_accounts == whole
    assert IamInventory().merged(records).complete_accounts == whole
