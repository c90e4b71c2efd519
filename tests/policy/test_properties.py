"""What holds in every world: the evaluator and an independent reading of the rules agree."""

from __future__ import annotations

from copy import deepcopy
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.policy import Outcome, evaluate
from tests.policy.helpers.independent_reading import allowed
from tests.policy.helpers.worlds import OUTSIDERS, VALUES, as_request, make_deny, make_world

SEEDS = st.integers(min_value=0, max_value=2**63)
many = settings(max_examples=60, deadline=None)
WORLDS_A_SEED = 20
PROVIDERS = [provider for provider, _, _ in OUTSIDERS if provider is not None]
GOODNESS = [Outcome.REFUSED, Outcome.UNKNOWN, Outcome.ALLOWED]
WANTED = {True: Outcome.ALLOWED, False: Outcome.REFUSED, None: Outcome.UNKNOWN}


def worlds(seed: int) -> list[dict[str, object]]:
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    return [make_world(rng) for _ in range(WORLDS_A_SEED)]


@many
@given(SEEDS)
def test_the_evaluator_agrees_with_an_independent_reading(seed: int) -> None:
    for world in worlds(seed):
        assert evaluate(as_request(world)).outcome is WANTED[allowed(world)], world


@many
@given(SEEDS)
def test_a_verdict_on_partial_knowledge_holds_in_every_possible_world(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    for world in worlds(seed):
        unknown = frozenset(key for key in VALUES if rng.random() < 0.3) | frozenset(
            policy
            for policy in ("trust", "identity", "boundary", "provider")
            if rng.random() < 0.15
        )
        said = evaluate(as_request(world, unknown)).outcome
        if said is Outcome.UNKNOWN:
            continue
        for _ in range(8):
            other = deepcopy(world)
            fresh = make_world(rng)
            for key in unknown & set(VALUES):
                other["ctx"].pop(key, None)  # type: ignore[attr-defined]
                if rng.random() < 0.7:
                    other["ctx"][key] = rng.choice(VALUES[key])  # type: ignore[index]
            for policy in unknown & {"trust", "identity", "boundary"}:
                other[policy] = fresh[policy]
            if "provider" in unknown and world["provider"] is not None:
                other["provider"] = rng.choice(PROVIDERS)
            assert allowed(other) is (said is Outcome.ALLOWED), (other, unknown)


@many
@given(SEEDS)
def test_one_more_deny_never_turns_refused_into_allowed(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    for world in worlds(seed):
        before = evaluate(as_request(world)).outcome
        policy = rng.choice(["trust", "identity", "boundary", "session_policy", "scp", "rcp"])
        if world[policy] is None:
            continue
        statements: list[object] = list(world[policy])  # type: ignore[call-overload]
        statements.insert(rng.randint(0, len(statements)), make_deny(rng, policy))
        after = evaluate(as_request({**world, policy: statements})).outcome
        assert GOODNESS.index(after) <= GOODNESS.index(before)


@many
@given(SEEDS)
def test_a_boundary_or_a_session_policy_never_grants(seed: int) -> None:
    for world in worlds(seed):
        having = evaluate(as_request(world)).outcome
        for policy in ("boundary", "session_policy", "scp", "rcp"):
            without = evaluate(as_request({**world, policy: None})).outcome
            assert GOODNESS.index(having) <= GOODNESS.index(without)
