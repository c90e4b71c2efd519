"""Time is bounded by what is read: steps are counted, no clock is asked."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.policy import (
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
from rolehop.policy.language.wildcards import matches_text
from tests.policy.helpers.independent_reading import as_regex
from tests.support.policies import policy_text


def steps(work: Callable[[], object]) -> int:
    """Return how many lines of rolehop run for ``work``."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if "rolehop" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_wildcards_match_what_they_should(pattern: str, text: str) -> None:
    wanted = re.fullmatch(as_regex(pattern), text, re.DOTALL) is not None
    assert matches_text(text, pattern) is wanted


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a", "a"),
        ("*a*b", "ab"),
        ("*?a", "ba"),
        ("*a?b*c", "axb"),
        ("?*", "ab"),
        ("a?" * 3 + "*", "ab"),
    ],
)
def test_hostile_wildcards_take_steps_in_proportion(pattern: str, text: str) -> None:
    def cost(n: int) -> int:
        return steps(lambda: matches_text(text * n + "!", pattern * n))

    small, large = cost(100), cost(1600)
    assert large <= 16 * small * 1.25 + 500


def policy_of(statements: int) -> str:
    listed = [
        {"Effect": "Allow", "Action": "sts:*", "Resource": f"arn:aws:iam::*:role/r{n:03}*"}
        for n in range(statements)
    ]
    return policy_text(*listed)


def test_five_hundred_statements_take_ten_times_the_steps_of_fifty() -> None:
    def cost(n: int) -> int:
        text = policy_of(n)
        return steps(lambda: judge(text))

    assert cost(500) <= 10 * cost(50) * 1.2
    assert cost(500) < 450_000  # some ten milliseconds' worth, reading included


def judge(text: str) -> Outcome:
    parse_policy.cache_clear()
    shown = PolicySet((Attached("policy", parse_policy(text, Kind.PERMISSIONS)),))
    return evaluate(
        Request(
            role="arn:aws:iam::222222222222:role/x",
            caller=caller_from_arn("arn:aws:iam::111111111111:user/alice"),
            context=Context({}),
            policies={PolicyType.PERMISSIONS: shown},
        )
    ).outcome
