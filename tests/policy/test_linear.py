"""Time is bounded by what is read: steps are counted, no clock is asked."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
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
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.chain_verdict import Memo, judge_chain
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.operators import matches_text
from rolehop.policy.requests import build_request, initial_state, next_state
from rolehop.policy.routes import Found, RouteStart, search
from tests.policy.helpers.chains import healthy, scenario
from tests.policy.helpers.independent_conditions import as_regex
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


def search_without_documents(accounts: int, *, trusted: bool) -> Found:
    """Search a role among five of each account, of which no document says anything.

    Without ``trusted`` the wanted role refuses everybody by a condition, so that all is searched.
    """
    alice, wanted = "arn:aws:iam::111111111111:user/alice", "arn:aws:iam::222222222222:role/Wanted"
    asked = {"StringEquals": {"sts:ExternalId": "never sent"}}
    trust = policy_text(
        {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": asked}
    )
    records = IamInventory({} if trusted else {wanted: Entity(wanted, "AROA", trust)})
    roles = [f"arn:aws:iam::{at // 5 + 300000000000}:role/R{at % 5}" for at in range(5 * accounts)]
    setting = EvaluationContext(records, datetime(2026, 6, 1, tzinfo=UTC))
    start = initial_state(StartingCredentials(alice, long_lived=True, mfa=False), setting)
    hops = [AssumeRoleRequest(RoleArn.parse(each), "s") for each in (*roles, wanted)]
    return search([RouteStart("me", start)], hops, wanted.__eq__, setting, most=9)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_search_over_roles_without_documents_is_linear(trusted: bool) -> None:
    search_without_documents(1, trusted=trusted)
    few, many = (
        steps(partial(search_without_documents, each, trusted=trusted)) for each in (10, 40)
    )
    assert search_without_documents(10, trusted=trusted).complete
    assert bool(search_without_documents(10, trusted=trusted).routes) is trusted
    assert many < 5 * few


def test_a_search_over_layers_of_roles_without_documents_is_linear() -> None:
    """The first layer is all that the user may reach, and each of it may reach all the others."""

    def work(size: int) -> Found:
        alice = "arn:aws:iam::111111111111:user/alice"
        first = [f"arn:aws:iam::222222222222:role/A{at}" for at in range(size)]
        second = [f"arn:aws:iam::333333333333:role/B{at}" for at in range(size)]
        go = policy_text({"Effect": "Allow", "Action": "sts:*", "Resource": first})
        records = IamInventory({alice: Entity(alice, "AIDA", None, {"go": go}, tags=())})
        setting = EvaluationContext(records, datetime(2026, 6, 1, tzinfo=UTC))
        start = initial_state(StartingCredentials(alice, long_lived=True, mfa=False), setting)
        hops = [AssumeRoleRequest(RoleArn.parse(each), "s") for each in (*first, *second)]
        wanted = second[-1]
        return search([RouteStart("me", start)], hops, wanted.__eq__, setting, most=2)

    work(2)
    assert len(work(10).routes) == 2
    assert steps(partial(work, 80)) < 5 * steps(partial(work, 20))


def test_of_a_chain_that_shares_a_hub_only_the_last_hop_is_judged() -> None:
    whole, memo = scenario(healthy()), Memo()
    judge_chain("first", "me", whole, memo)
    hub, last = whole.hops
    held = next_state(initial_state(whole.start, whole.context), hub, 1, whole.context.inventory)
    other = whole.with_hop(2, replace(last, session_name="other"))
    alone = steps(lambda: evaluate(build_request(held, other.hops[1], whole.context)))
    assert steps(lambda: judge_chain("other", "me", other, memo)) < alone + 100
