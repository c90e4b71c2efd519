"""Every remedy of a generated world or chain lets this call through, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.policy import Outcome
from rolehop.policy.chain_model import EvaluationContext
from rolehop.policy.chain_verdict import judge_chain
from rolehop.policy.inventory import IamInventory
from rolehop.policy.remedies.policy_change import PolicyChange, apply_changes
from rolehop.policy.remedies.search import Remedy
from rolehop.policy.requests import ChainScenario, ConfigLocation
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    NOBODY,
    NOW,
    Case,
    double_accepts,
    explained,
    healthy,
    made,
    may,
    remedies_at,
    trusts,
)
from tests.policy.helpers.independent_reading import allowed
from tests.policy.helpers.worlds import CALLERS, CONDITIONS, LANES, VALUES, as_request, make_world
from tests.support.policies import policy

Json = dict[str, Any]
SEEDS = st.integers(min_value=0, max_value=2**63)
KEYS = {policy: name for name, (policy, _) in LANES.items()}
OF_CALLER = ("identity", "boundary", "session_policy")


# ---- generated worlds


def drawn(seed: int) -> list[Json]:
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    worlds = [make_world(rng) for _ in range(10)]
    for world in worlds:
        who = world["caller_role"] or world["caller"]
        world["ctx"]["aws:principalarn"] = [who] if who else []
        if not who:
            del world["ctx"]["aws:principalarn"]
    return worlds


def remedies_of(world: Json) -> tuple[Remedy, ...]:
    """Return the ways out for a world's call, which no chain makes: by policies alone."""
    own = ChainScenario(
        NOBODY,
        (),
        EvaluationContext(IamInventory(), NOW),
        source_requests=(as_request(world),),
        locations=(ConfigLocation("no config", {}),),
    )
    return judge_chain("chain", "me", own).hops[0].remedies()


def with_policy_changes(world: Json, remedy: Remedy) -> Json:
    changed = deepcopy(world)
    for policy_type, name in KEYS.items():
        policy_changes = [
            each
            for each in remedy.steps
            if isinstance(each, PolicyChange) and each.policy_type is policy_type
        ]
        if policy_changes:
            changed[name] = apply_changes(policy(*(world[name] or [])), policy_changes)["Statement"]
    return changed


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_a_remedy_allows_the_call_and_no_other_caller(seed: int) -> None:
    for world in drawn(seed):
        for remedy in remedies_of(world):
            changed = with_policy_changes(world, remedy)
            assert allowed(world) is False
            assert allowed(changed) is not False, (world, remedy)
            for caller, role in CALLERS:
                if world["caller"] is None or caller == world["caller"]:
                    continue
                if (role or caller) in _spared(remedy):
                    continue  # the remedy says so
                # Documents of the caller's own say nothing of anyone else.
                other = {
                    **changed,
                    **{name: world[name] for name in OF_CALLER},
                    "caller": caller,
                    "caller_role": role,
                    "ctx": {**world["ctx"], "aws:principalarn": [role or caller]},
                }
                before = {**other, **{name: world[name] for name in LANES}}
                assert _goodness(other) <= _goodness(before), (world, remedy, caller)


def _spared(remedy: Remedy) -> set[str]:
    return {arn for step in remedy.steps if isinstance(step, PolicyChange) for arn in step.spares}


def _goodness(world: Json) -> int:
    return [False, None, True].index(allowed(world))


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_a_condition_is_kept_and_asked_with_what_the_call_sends(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    for world in drawn(seed):
        if world["caller"] is None:
            continue
        named = {"AWS": world["caller_role"] or world["caller"]}
        operators, keys, values = rng.choice(CONDITIONS)
        operator, key = rng.choice(operators), rng.choice(keys)
        condition = {operator: {key: rng.choice(values)}}
        world |= {
            "trust": [{**trusts("*", "sts:*"), "Principal": named, "Condition": condition}],
            "identity": [may("*", "*")],
            **dict.fromkeys(("boundary", "session_policy", "scp", "rcp")),
        }
        for remedy in remedies_of(world):
            (step,) = remedy.steps
            assert isinstance(step, PolicyChange)
            supplied = (*step.sent, *step.without, *step.waived)
            # A condition on who calls says no more than the principal of the new statement.
            repeats = key.lower() in ("aws:principalarn", "aws:username")
            assert supplied in [(key,), () if repeats else (key,)], "given up in silence"
            # What no value can meet; what the named caller or role would always meet.
            of_user = world["caller_role"] is None and key.lower().startswith("aws:principal")
            always = key.lower().startswith("aws:resource") or "${" in str(condition) or of_user
            assert not step.waived or always or key.lower().startswith("aws:multifactorauth")
            for other in _others(world, key):
                if supplied and key not in step.waived:
                    assert _goodness(
                        {**with_policy_changes(world, remedy), "ctx": other}
                    ) <= _goodness({**world, "ctx": other}), (condition, world["ctx"], other)


def _others(world: Json, key: str) -> Iterator[Json]:
    """Give the contexts of other calls: without the key, or with another value than is sent."""
    lowered, found = key.lower(), world["ctx"].get(key.lower())
    # A range takes all that lies in it; and whoever sends fewer tags sends no other.
    if lowered == "aws:currenttime":
        return
    if found is not None and lowered != "aws:tagkeys":
        yield {each: values for each, values in world["ctx"].items() if each != lowered}
    for values in (*VALUES[lowered], ["another"]):
        fewer = lowered == "aws:tagkeys" and set(values) <= set(found or ())
        if values != found and not fewer and (values != ["another"] or lowered in _TEXTS):
            yield {**world["ctx"], lowered: values}


_TEXTS = ("sts:externalid", "aws:principaltag/team", "aws:tagkeys", "aws:username")


# ---- generated chains

ASKED: list[tuple[list[str], str, list[Any]]] = [
    (["StringEquals", "StringLike", "StringNotEquals"], "sts:ExternalId", ["x-42", "sent", "x-*"]),
    (["StringEquals", "StringLike"], "sts:RoleSessionName", ["robot", "ci-*", "s1", "?1"]),
    (["StringEquals", "StringNotLike"], "sts:SourceIdentity", ["alice", "b*", ["bob", "eve"]]),
    (["StringEquals", "StringNotEqualsIfExists"], "aws:SourceIdentity", ["alice", "bob"]),
    (["StringEquals", "StringLike"], "aws:RequestTag/team", ["red", ["blue", "red"], "b*"]),
    (["StringEquals", "StringNotEquals"], "aws:PrincipalTag/team", ["red", "blue"]),
    (
        ["ForAllValues:StringEquals", "ForAnyValue:StringEquals"],
        "aws:TagKeys",
        ["team", ["cost", "team"]],
    ),
    (["ForAnyValue:StringEquals"], "sts:TransitiveTagKeys", ["team", "cost"]),
    (["Bool", "BoolIfExists"], "aws:MultiFactorAuthPresent", ["true", "false"]),
    (["Null"], "sts:ExternalId", ["true", "false"]),
    (["Null"], "sts:SourceIdentity", ["true", "false"]),
    (["Null"], "aws:TagKeys", ["true", "false"]),
]
HOPS: dict[str, list[Any]] = {
    "external_id": ["x-42", "sent"],
    "source_identity": ["alice", "bob"],
    "tags": [(("team", "blue"),), (("Team", "red"), ("cost", "1"))],
}


def drawn_case(rng: Random) -> Case:
    """Draw a chain: what each hop sends, and what is asked of it on both sides."""
    case = healthy()
    for hop in case.hops:
        hop |= {key: rng.choice(found) for key, found in HOPS.items() if rng.random() < 0.3}
        if hop.get("tags") and rng.random() < 0.5:
            hop["transitive_tags"] = (hop["tags"][0][0],)
    case.documents = {
        **case.documents,
        "alice": policy(*_drawn(rng, may(HUB, "sts:*"))),
        "hub": policy(*_drawn(rng, may(ADMIN, "sts:*"))),
        "trust-hub": policy(*_drawn(rng, trusts(ALICE, "sts:*"))),
        "trust-admin": policy(*_drawn(rng, trusts(HUB, "sts:*"))),
    }
    return case


def _drawn(rng: Random, statement: Json) -> Iterator[Json]:
    yield {**statement, "Condition": _condition(rng)} if rng.random() < 0.4 else statement
    if rng.random() < 0.15:
        yield {**statement, "Effect": "Deny", "Condition": _condition(rng)}


def _condition(rng: Random) -> Json:
    conditions: Json = {}
    for _ in range(rng.choice([1, 1, 2])):
        operators, key, values = rng.choice(ASKED)
        conditions.setdefault(rng.choice(operators), {})[key] = rng.choice(values)
    return conditions


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_every_remedy_of_a_chain_satisfies_the_double(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - chains, no secrets
    for _ in range(5):
        case = drawn_case(rng)
        before = [each.verdict.outcome for each in explained(case)]
        for hop in (1, 2):
            for remedy in remedies_at(case, hop):
                with_policy_changes = made(case, remedy)
                after = [each.verdict.outcome for each in explained(with_policy_changes)]
                assert after[hop - 1] is not Outcome.REFUSED, (case, remedy)
                other = 2 - hop
                assert after[other] is not Outcome.REFUSED or before[other] is Outcome.REFUSED
                if after == [Outcome.ALLOWED] * 2:
                    assert double_accepts(with_policy_changes), (case, remedy)
