"""Which actions an action of a statement covers, as a table."""

from __future__ import annotations

import pytest

from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.statements import acts_on

TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "action", "truth"),
    [
        ("*", "sts:AssumeRole", TRUE),
        ("sts:*", "sts:AssumeRole", TRUE),
        ("STS:assumerole", "sts:AssumeRole", TRUE),
        ("sts:Assume????", "sts:AssumeRole", TRUE),
        ("sts:Assume???", "sts:AssumeRole", FALSE),
        ("*:*", "sts:AssumeRole", UNKNOWN),
        ("*:AssumeRole", "sts:AssumeRole", FALSE),  # a service has no wildcard
        ("st?:AssumeRole", "sts:AssumeRole", FALSE),
        ("st*:AssumeRole", "sts:AssumeRole", FALSE),
        ("st*", "sts:AssumeRole", FALSE),
        ("sts:*", "sts:Assume*", TRUE),
        ("sts:AssumeRole", "sts:Assume*", UNKNOWN),
        ("sts:AssumeRole", "sts:AssumeRol?", UNKNOWN),
        ("s3:*", "sts:Assume*", FALSE),
    ],
)
def test_an_action_covers(pattern: str, action: str, truth: Truth) -> None:
    assert acts_on(pattern, action) is truth
