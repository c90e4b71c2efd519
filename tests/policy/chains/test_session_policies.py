"""What is likely to be wrong in a session policy, by its text alone."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy.session_policy import doubts_about
from tests.support.policies import policy_text

FINE = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}


@pytest.mark.parametrize(
    ("statement", "doubts"),
    [
        (FINE, ()),
        ({**FINE, "Action": ["s3:*", "sts: AssumeRole"]}, ("action",)),
        ({"Effect": "Allow", "NotAction": "iam :*", "Resource": "*"}, ("action",)),
        # Null takes a truth, in any case (IAM user guide, "Condition operators").
        ({**FINE, "Condition": {"Null": {"aws:SourceIp": ["True", "false"]}}}, ()),
        ({**FINE, "Condition": {"Null": {"aws:SourceIp": "maybe"}}}, ("value",)),
        ({**FINE, "Condition": {"Null": {"aws:SourceIp": ""}}}, ("value",)),
    ],
)
def test_what_is_likely_wrong_is_said_with_its_statement(
    statement: Any, doubts: tuple[str, ...]
) -> None:
    found = doubts_about(policy_text(FINE, statement))
    assert tuple(each.split()[4] for each in found) == doubts
    assert all(each.startswith("statement 2 has the ") for each in found)


@pytest.mark.parametrize(
    ("operator", "said"),
    [
        ("StringEqual", "not known here: did you mean StringEquals?"),
        ("ForAnyValue:NumericLesThan", "not known here: did you mean NumericLessThan?"),
        ("Xyzzy", "not known here"),
    ],
)
def test_an_operator_that_is_not_known_is_said_with_what_may_be_meant(
    operator: str, said: str
) -> None:
    (doubt,) = doubts_about(policy_text({**FINE, "Condition": {operator: {"aws:SourceIp": "x"}}}))
    assert doubt.endswith(f'has the condition operator "{operator}", which is {said}')
