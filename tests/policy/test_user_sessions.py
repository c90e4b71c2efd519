"""What the credentials of an IAM user may call that a chain without hops hands out."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import evaluate
from rolehop.policy.action_request import action_requests, resource_policy
from rolehop.policy.chain_model import EvaluationContext, StartingCredentials
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.requests import ChainScenario
from tests.policy.helpers.chains import NOW
from tests.support.policies import policy_text

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def by_user(action: str, policy: Any, **start: Any) -> Any:
    """Judge an action of the user alice, without a hop."""
    user = "arn:aws:iam::111111111111:user/alice"
    known = Entity(user, inline={"p": policy_text(policy)}, tags=())
    setting = EvaluationContext(IamInventory({user: known}), NOW)
    begin = StartingCredentials(user, long_lived=True, **start)
    scenario = ChainScenario(begin, (), setting)
    (request,) = action_requests(scenario, [action], "*", resource_policy(None))
    return evaluate(request)


def test_no_policy_keeps_a_user_from_a_session_token() -> None:
    for action, expected in (("GetSessionToken", "allowed"), ("GetFederationToken", "refused")):
        denied = {**EVERYTHING, "Effect": "Deny"}
        assert by_user(f"sts:{action}", denied).outcome.value == expected


@pytest.mark.parametrize(
    ("action", "mfa", "expected"),
    [
        ("ec2:DescribeInstances", False, "allowed"),
        ("iam:ListUsers", False, "refused"),
        ("iam:ListUsers", True, "allowed"),
        ("iam:ListUsers", None, "unknown"),
        ("iam:PassRole", False, "allowed"),  # a permission of other services' calls
        ("sts:GetSessionToken", True, "refused"),
        ("sts:GetAccessKeyInfo", True, "refused"),
        ("sts:AssumeRoot", True, "refused"),
        ("sts:GetCallerIdentity", False, "allowed"),
        ("sts:GetScopedCredentials", False, "allowed"),
    ],
)
def test_a_session_of_getsessiontoken_cannot_call_everything(
    action: str, mfa: bool | None, expected: str
) -> None:
    verdict = by_user(action, EVERYTHING, mfa=mfa, token_seconds=3600)
    assert verdict.outcome.value == expected
    if expected == "unknown":
        assert verdict.unknowns == ("aws:MultiFactorAuthPresent",)


@pytest.mark.parametrize(("kind", "known"), [("user/alice", True), ("root", False)])
def test_whether_root_was_assumed_is_open_for_root_alone(kind: str, known: bool) -> None:
    start = StartingCredentials(f"arn:aws:iam::111111111111:{kind}", long_lived=True)
    scenario = ChainScenario(start, (), EvaluationContext(IamInventory(), NOW))
    (request,) = action_requests(scenario, ["ec2:StartInstances"], "*", resource_policy(None))
    assert (request.context.lookup("aws:AssumedRoot") is None) is known
