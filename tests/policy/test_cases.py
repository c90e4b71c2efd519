"""The case table of the rules: one request a line, each with what AWS says and why."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import (
    NO_POLICY,
    Attached,
    Context,
    Kind,
    Outcome,
    PolicySet,
    PolicyType,
    Request,
    caller_from_arn,
    evaluate,
    parse_policy,
)
from tests.policy.helpers.cases import CASES
from tests.support.policies import policy_text

ROLE = "arn:aws:iam::222222222222:role/T"


def shown(case: dict[str, Any], key: str, kind: Kind) -> PolicySet:
    if key not in case:
        return NO_POLICY
    return PolicySet((Attached(key, parse_policy(policy_text(*case[key]), kind)),))


def request(case: dict[str, Any]) -> Request:
    values = {
        key: value if isinstance(value, list) else [value] for key, value in case["ctx"].items()
    }
    return Request(
        role=ROLE,
        caller=caller_from_arn(case["caller"]),
        context=Context(values, closed=True),
        actions=tuple(case.get("actions", ["sts:AssumeRole"])),
        policies={
            PolicyType.TRUST: shown(case, "trust", Kind.TRUST),
            PolicyType.PERMISSIONS: shown(case, "identity", Kind.PERMISSIONS),
            PolicyType.BOUNDARY: shown(case, "boundary", Kind.BOUNDARY),
            PolicyType.SESSION: shown(case, "session_policy", Kind.SESSION),
            PolicyType.SCP: shown(case, "scp_caller", Kind.SCP),
            PolicyType.RCP: shown(case, "rcp_target", Kind.RCP),
        },
    )


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_evaluator_says_what_aws_says(case: dict[str, Any]) -> None:
    wanted = {"ALLOW": Outcome.ALLOWED, "DENY": Outcome.REFUSED}[case["expect"]]
    assert evaluate(request(case)).outcome is wanted, case["why"]


def test_the_table_is_whole() -> None:
    assert len(CASES) == 47
