"""Compare rolehop's verdicts with the independent reading over generated worlds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random

from rolehop.policy import Outcome
from tests.policy.helpers.action_worlds import (
    make_action_world,
    make_scope_world,
    outcome_of_action,
    unknown_of_action,
)
from tests.policy.helpers.independent_reading import allowed, completions
from tests.policy.helpers.wide_worlds import judged, make_wide_world, unknown_values
from tests.policy.helpers.worlds import World


@dataclass
class Comparison:
    """The worlds in which rolehop is wrong, or less certain than it could be."""

    worlds: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    wrong_allowed: list[World] = field(default_factory=list)
    wrong_refused: list[World] = field(default_factory=list)
    unsound: list[World] = field(default_factory=list)
    """Certain, although the answer depends on an unknown key or AWS does not document it."""

    needless: list[World] = field(default_factory=list)
    """Unknown, although every completion of the unknown keys gives one verdict."""

    @property
    def summary(self) -> str:
        """The numbers, and one example of each kind."""
        lines = [f"{self.worlds} worlds: {self.outcomes}"]
        for name in ("wrong_allowed", "wrong_refused", "unsound", "needless"):
            found: list[World] = getattr(self, name)
            lines.append(f"{name}: {len(found)}")
            lines += [json.dumps(each) for each in found[:1]]
        return "\n".join(lines)


def compare(count: int, seed: int) -> Comparison:
    """Draw ``count`` worlds of hops, and a quarter as many of other actions; compare them."""
    found = Comparison()
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    for _ in range(count):
        _compare_one(make_wide_world(rng), found)
    for _ in range(count // 4):
        _compare_one(make_action_world(rng), found)
    return found


def compare_scopes(count: int, seed: int) -> Comparison:
    """Draw ``count`` worlds of actions by sessions that a scope narrows; compare them."""
    found = Comparison()
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    for _ in range(count):
        _compare_one(make_scope_world(rng), found)
    return found


def _compare_one(world: World, found: Comparison) -> None:
    acts = "acts" in world
    said = outcome_of_action(world) if acts else judged(world)
    unknown = unknown_of_action(world) if acts else unknown_values(world)
    right = {allowed(each) for each in completions(world, unknown)}
    found.worlds += 1
    found.outcomes[said.value] = found.outcomes.get(said.value, 0) + 1
    if said is Outcome.UNKNOWN:
        if len(right) == 1 and None not in right:
            found.needless.append(world)
    elif right == {said is not Outcome.ALLOWED}:
        (found.wrong_allowed if said is Outcome.ALLOWED else found.wrong_refused).append(world)
    elif right != {said is Outcome.ALLOWED}:
        found.unsound.append(world)
