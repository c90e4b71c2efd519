"""A managed policy is changed only if nobody but the caller has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import EvaluationContext
from rolehop.policy.chain_verdict import judge_chain
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange
from tests.policy.helpers.chains import ALICE, HUB, NOW, healthy, may, records, scenario
from tests.support.policies import policy

Json = dict[str, Any]
TEAM = "arn:aws:iam::111111111111:policy/team"
OTHER = HUB.replace("Hub", "Other")
USER: Json = {
    "Arn": ALICE,
    "UserId": "AIDAALICE",
    "UserPolicyList": [],
    "AttachedManagedPolicies": [{"PolicyArn": TEAM, "PolicyName": "team"}],
    "GroupList": [],
}
BOB: Json = {**USER, "Arn": ALICE.replace("alice", "bob"), "UserId": "AIDABOB"}
ONCE = {"AttachmentCount": 1, "PermissionsBoundaryUsageCount": 0}


def fix_of_hop_1(details: Json, counts: Json, *statements: Json) -> tuple[PolicyChange, ...]:
    """Return the fix for alice, whose permissions are one managed policy of these statements."""
    version = {"Document": policy(*statements), "IsDefaultVersion": True, "VersionId": "v1"}
    managed = {"Arn": TEAM, "PolicyVersionList": [version], **counts}
    known = read_inventory(json.dumps({"UserDetailList": [USER], "Policies": [managed], **details}))
    case = healthy()
    setting = EvaluationContext(records(case).merged(known), NOW)
    verdict = judge_chain("chain", "me", replace(scenario(case), context=setting))
    (remedy,) = verdict.hops[0].remedies()
    assert all(isinstance(each, PolicyChange) for each in remedy.steps)
    return tuple(each for each in remedy.steps if isinstance(each, PolicyChange))


WHOLE: Json = {"GroupDetailList": [], "RoleDetailList": []}
OF_BOB_TOO = {"UserDetailList": [USER, BOB], **WHOLE}


@pytest.mark.parametrize(
    ("details", "counts", "joins"),
    [
        ({}, ONCE, True),
        (WHOLE, {}, True),
        ({}, {}, False),  # who else has it is not said
        ({}, {**ONCE, "AttachmentCount": 2}, False),
        ({}, {**ONCE, "PermissionsBoundaryUsageCount": 1}, False),
        (OF_BOB_TOO, {}, False),
        (OF_BOB_TOO, ONCE, False),
        ({**WHOLE, "IsTruncated": True}, {}, False),
    ],
)
def test_a_role_joins_the_statement_of_a_managed_policy_that_nobody_else_has(
    details: Json, counts: Json, joins: bool
) -> None:
    (change,) = fix_of_hop_1(details, counts, may(OTHER))
    if joins:
        assert (change.kind, change.document) == (ChangeKind.REPLACE, "policy team of user alice")
        assert change.statement["Resource"] == [OTHER, HUB]
    else:
        new = "a new inline policy of user alice"
        assert (change.kind, change.document) == (ChangeKind.ADD, new)


def test_a_statement_about_other_services_is_left_alone() -> None:
    (change,) = fix_of_hop_1({}, ONCE, may("*", "s3:*"))
    assert (change.kind, change.document) == (ChangeKind.ADD, "a new inline policy of user alice")


@pytest.mark.parametrize(("counts", "parts"), [(ONCE, 1), ({}, 2)])
def test_a_deny_of_a_managed_policy_keeps_others_out_if_there_are_others(
    counts: Json, parts: int
) -> None:
    deny = {**may("*"), "Effect": "Deny"}
    changes = fix_of_hop_1({}, counts, may("*"), deny)
    assert changes[0].statement["NotResource"] == HUB
    assert (changes[0].parts, len(changes)) == (parts, parts)
