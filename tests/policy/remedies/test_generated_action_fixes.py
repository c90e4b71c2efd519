"""The fixes of generated refused calls, written in: the independent reading allows what rolehop allows."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from rolehop.policy import NOT_VISIBLE, Outcome, PolicyType, Request, evaluate
from rolehop.policy.action_request import action_requests
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange, with_policy_changes
from rolehop.policy.remedies.search import find_action_remedies
from tests.policy.helpers.action_worlds import (
    make_action_world,
    own_policy_of,
    scenario_of,
    unknown_of_action,
)
from tests.policy.helpers.independent_reading import allowed, completions

FIXED = 40
LANES = {
    PolicyType.TRUST: "trust",
    PolicyType.PERMISSIONS: "identity",
    PolicyType.BOUNDARY: "boundary",
    PolicyType.SESSION: "session_policy",
}


def statements_of(request: Request, policy_type: PolicyType) -> list[list[Any]]:
    """Return the statements of each document, as JSON; removed ones are not there."""
    found = []
    for document in request.policy_set(policy_type).documents:
        listed = json.loads(document.text)["Statement"] if document.text else []
        listed = listed if isinstance(listed, list) else [listed]
        found.append([listed[each.index - 1] for each in document.policy.statements])
    return found


def fixed(world: Any, request: Request) -> Any:
    """Return ``world`` with the documents of ``request``."""
    changed = dict(world)
    for policy_type, name in LANES.items():
        if world[name] is not None or request.policy_set(policy_type).documents:
            changed[name] = [e for each in statements_of(request, policy_type) for e in each]
    if world["scp"] is not None:
        changed["scp"] = statements_of(request, PolicyType.SCP)
    if world["rcp"] is not None:
        changed["rcp"] = [e for each in statements_of(request, PolicyType.RCP) for e in each]
    return changed


def test_what_a_fix_allows_the_independent_reading_allows() -> None:
    rng = Random(21)  # noqa: S311 - worlds, no secrets
    settled = tried = 0
    while settled < FIXED:
        world = make_action_world(rng)
        if "hidden" in world or "coverage" in world or own_policy_of(world) == NOT_VISIBLE:
            continue
        scenario = scenario_of(world)
        (request,) = action_requests(
            scenario, world["actions"], world["role"], own_policy_of(world)
        )
        verdict = evaluate(request)
        remedies = find_action_remedies(scenario, len(scenario.hops) + 1, verdict)
        if verdict.outcome is not Outcome.REFUSED or not remedies:
            continue
        tried += 1
        changes = [step for step in remedies[0].steps if isinstance(step, PolicyChange)]
        for lane in PolicyType:
            of_lane = [e for e in changes if e.policy_type is lane and e.kind is ChangeKind.ADD]
            assert len(of_lane) <= 2, json.dumps(world)
        after = with_policy_changes(request, changes)
        said = evaluate(after).outcome
        assert said is not Outcome.REFUSED, json.dumps(world)
        changed = fixed(world, after)
        right = {allowed(each) for each in completions(changed, unknown_of_action(changed))}
        if said is Outcome.ALLOWED:
            settled += 1
            assert right == {True}, json.dumps([world, changed])
        else:
            assert right != {False}, json.dumps([world, changed])
    assert settled >= tried * 0.3
