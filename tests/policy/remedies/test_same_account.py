"""Remedies within one account, where the trust policy alone may be enough."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from rolehop.base.arn import RoleArn
from rolehop.commands.explain.view import verdict_view
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext
from rolehop.policy.chain_verdict import ChainVerdict, judge_chain
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.requests import ChainScenario
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.chains import (
    ALICE,
    NOBODY,
    NOW,
    may,
    trusts,
)
from tests.support.policies import policy

Json = dict[str, Any]
SEEDS = st.integers(min_value=0, max_value=2**63)

LOCAL = "arn:aws:iam::111111111111:role/Local"
BOB = "arn:aws:iam::111111111111:user/bob"


def at_home(trust: Json, *statements: Json, **hop: Any) -> ChainVerdict:
    """Judge alice's call of a role of her own account."""
    user = {
        "Arn": ALICE,
        "UserId": "AIDAALICE",
        "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": policy(*statements)}],
        "AttachedManagedPolicies": [],
        "GroupList": [],
    }
    role = {
        "Arn": LOCAL,
        "RoleId": "AROALOCAL",
        "AssumeRolePolicyDocument": policy(trust),
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
    }
    known = read_inventory(json.dumps({"UserDetailList": [user], "RoleDetailList": [role]}))
    asked = AssumeRoleRequest(RoleArn.parse(LOCAL), "s1", **hop)
    return judge_chain(
        "chain", "me", ChainScenario(NOBODY, (asked,), EvaluationContext(known, NOW))
    )


EXTERNAL = {"StringEquals": {"sts:ExternalId": "x-42"}}


@pytest.mark.parametrize(
    ("trust", "statements", "found"),
    [
        (trusts(BOB), [], [["trust"]]),
        (trusts(ALICE, **EXTERNAL), [], [["external_id"]]),
        (trusts("111111111111"), [], [["permissions"]]),
        (trusts("111111111111", **EXTERNAL), [], [["external_id", "permissions"]]),
        (trusts(BOB), [{**may(LOCAL), "Condition": EXTERNAL}], [["trust"]]),
        (trusts(BOB), [{**may(LOCAL), "Effect": "Deny"}], [["trust", "permissions"]]),
    ],
    ids=["bob", "named", "account", "account and condition", "own condition", "own Deny"],
)
def test_whom_the_trust_policy_names_needs_no_policy_of_their_own(
    trust: Json, statements: list[Json], found: list[list[str]]
) -> None:
    verdict = at_home(trust, *statements)
    remedies = verdict.hops[0].remedies()
    changed = [
        [
            next(iter(e.keys)) if isinstance(e, ConfigChange) else e.policy_type.value
            for e in remedy.steps
        ]
        for remedy in remedies
    ]
    assert changed == found
    text = as_text(verdict_view(verdict, verbose=False))
    idle = "caller's permissions  does not matter once the trust policy names the caller"
    assert (idle in text) is not any("permissions" in each for each in found)
