"""Rolehop against the independent reading of IAM's rules, over generated worlds.

``python -m tests.policy`` compares 5,000 worlds.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from rolehop.policy import Outcome, evaluate
from tests.policy.helpers.cases import CASES
from tests.policy.helpers.comparison import compare, compare_scopes
from tests.policy.helpers.independent_reading import allowed
from tests.policy.helpers.wide_worlds import inventory, make_wide_world, request_of


# A few small ones: every change of the evaluator that tests.mutation tries is compared in them.
@pytest.mark.parametrize(("seed", "worlds"), [(6, 50), (3, 50), (4, 50), (5, 50), (1, 300)])
def test_rolehop_is_never_wrong_and_seldom_needlessly_unsure(seed: int, worlds: int) -> None:
    found = compare(worlds, seed)
    assert not found.wrong_allowed, found.summary
    assert not found.wrong_refused, found.summary
    assert not found.unsound, found.summary
    assert len(found.needless) <= worlds * 0.02, found.summary
    assert min(found.outcomes.values()) >= worlds * 0.05  # the worlds are not all alike
    assert len(found.outcomes) == 3


@pytest.mark.parametrize("seed", range(2))
def test_a_session_that_a_scope_narrows_is_judged_as_far_as_aws_says(seed: int) -> None:
    found = compare_scopes(250, seed)
    assert not found.wrong_allowed, found.summary
    assert not found.wrong_refused, found.summary
    assert not found.unsound, found.summary
    assert len(found.needless) <= 10, found.summary
    assert len(found.outcomes) == 3


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_reading_agrees_with_the_case_table(case: dict[str, Any]) -> None:
    caller = case["caller"]
    session = ":assumed-role/" in caller
    role = f"arn:aws:iam::{caller.split(':')[4]}:role/{caller.split('/')[1]}" if session else None
    world = {
        "role": "arn:aws:iam::222222222222:role/T",
        "caller": caller,
        "caller_role": role,
        "provider": None,
        "service": None,
        "actions": case.get("actions", ["sts:AssumeRole"]),
        "ctx": {
            key.lower(): value if isinstance(value, list) else [value]
            for key, value in case["ctx"].items()
        },
        "trust": case["trust"],
        "identity": case["identity"],
        "boundary": case.get("boundary"),
        "session_policy": case.get("session_policy"),
        "scp": case.get("scp_caller"),
        "rcp": case.get("rcp_target"),
    }
    assert allowed(world) is (case["expect"] == "ALLOW"), case["why"]


def test_an_unknown_verdict_names_what_would_settle_it() -> None:
    rng = Random(3)  # noqa: S311 - worlds, no secrets
    unknown = 0
    for _ in range(300):
        world = make_wide_world(rng)
        if world.get("passes"):
            continue
        verdict = evaluate(request_of(world, inventory(world)))
        if verdict.outcome is Outcome.UNKNOWN:
            unknown += 1
            assert verdict.unknowns, json.dumps(world)
    assert unknown
