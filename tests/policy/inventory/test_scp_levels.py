"""SCPs whose levels are not known: all of them, none of them, or it depends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.policy import Outcome, PolicyType, Reason, evaluate
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.finding_text import sentence
from rolehop.policy.requests import build_requests
from tests.policy.helpers.account_details import A_ROLE, A_USER, ANY, ROLE, TRUST
from tests.support.policies import policy


def guarded(*scps: Any) -> Any:
    """Judge a hop of two accounts under these SCPs of the caller's."""
    alice, role = "arn:aws:iam::111111111111:user/alice", RoleArn.parse(ROLE)
    user = {**A_USER, "Arn": alice}
    user["UserPolicyList"] = [{"PolicyName": "p", "PolicyDocument": ANY}]
    files = {
        "UserDetailList": [user],
        "RoleDetailList": [{**A_ROLE, "AssumeRolePolicyDocument": TRUST}],
    }
    known = replace(read_inventory(json.dumps(files)), scps={"*": tuple(map(json.dumps, scps))})
    setting = EvaluationContext(known, datetime(2026, 6, 1, tzinfo=UTC))
    (request,) = build_requests(
        StartingCredentials(alice, long_lived=True, mfa=False),
        [AssumeRoleRequest(role, "s")],
        setting,
    )
    return evaluate(request)


def may(action: str, effect: str = "Allow", **more: Any) -> Any:
    statement = {"Effect": effect, "Action": action, "Resource": "*", **more}
    return policy(statement)


HOME = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}


@pytest.mark.parametrize(
    ("scps", "outcome", "reason"),
    [
        ([may("*")], Outcome.ALLOWED, None),
        ([may("*"), may("sts:*")], Outcome.ALLOWED, None),
        ([may("*"), may("s3:*")], Outcome.UNKNOWN, Reason.LEVELS_UNKNOWN),
        ([may("s3:*"), may("*"), may("sts:*")], Outcome.UNKNOWN, Reason.LEVELS_UNKNOWN),
        ([may("s3:*"), may("ec2:*")], Outcome.REFUSED, Reason.ACTION_NOT_LISTED),
        ([may("*"), may("s3:*"), may("sts:*", "Deny")], Outcome.REFUSED, Reason.EXPLICIT_DENY),
        ([may("*"), may("sts:*", Condition=HOME)], Outcome.UNKNOWN, Reason.KEY_UNKNOWN),
        ([may("s3:*"), may("sts:*", Condition=HOME)], Outcome.UNKNOWN, Reason.KEY_UNKNOWN),
        # One that only denies hangs beside one that allows.
        ([may("*"), may("s3:*", "Deny")], Outcome.ALLOWED, None),
        ([may("s3:*", "Deny")], Outcome.REFUSED, Reason.NO_ALLOW),
        ([may("*"), {"Statement": 5}], Outcome.UNKNOWN, Reason.MALFORMED_DOCUMENT),
    ],
)
def test_scps_of_unknown_levels_must_all_allow(
    scps: list[Any], outcome: Outcome, reason: Reason | None
) -> None:
    for given in (scps, scps[::-1]):
        verdict = guarded(*given)
        (policy,) = (each for each in verdict.policies if each.name is PolicyType.SCP)
        assert (verdict.outcome, policy.outcome) == (outcome, outcome)
        if reason is not None:
            assert policy.findings[0].reason is reason


def test_the_scps_that_allow_and_that_do_not_are_named() -> None:
    (policy,) = (
        each for each in guarded(may("*"), may("s3:*")).policies if each.name is PolicyType.SCP
    )
    said = sentence(policy.findings[0])
    assert "service control policy 1 would allow it, and service control policy 2 would not" in said
    assert "at each level (root, OU, account), and each must have one" in said
    assert guarded(may("*"), may("s3:*")).unknowns == ("scp",)
