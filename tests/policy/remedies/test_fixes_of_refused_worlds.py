"""Every fix of 300 refused worlds, applied, is allowed by the independent reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Any

from rolehop.base.dataclass import replace
from rolehop.policy import Context
from rolehop.policy.chain_model import EvaluationContext
from rolehop.policy.chain_verdict import judge_chain
from rolehop.policy.inventory import IamInventory
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange, apply_changes
from rolehop.policy.remedies.search import Remedy, Step
from rolehop.policy.requests import ChainScenario, ConfigLocation
from tests.policy.helpers.chains import NOBODY, NOW
from tests.policy.helpers.independent_reading import allowed
from tests.policy.helpers.wide_worlds import make_wide_world
from tests.policy.helpers.worlds import CALLERS, LANES, ROLE, as_request
from tests.support.policies import policy

Json = dict[str, Any]
WORLDS = 300
OF_CALLER = ("identity", "boundary", "session_policy")


def refused_worlds() -> Iterator[Json]:
    rng = Random(11)  # noqa: S311 - worlds, no secrets
    for number in count():
        world = make_wide_world(rng)
        if number % 8 == 0:
            _judge_by_tags(rng, world)
        elif number % 16 == 1:
            _deny_all_but(rng, world)
        # Without the key, AWS does not say what such a condition means, with a fix or without.
        if world.get("passes") or re.search("ForAnyValue:[A-Za-z]+IfExists", str(world)):
            continue
        world["scp"] = world["scp"][0] if world["scp"] else None
        world |= {"management": False, "unknown": []}
        who = world["caller_role"] or world["caller"]
        world["ctx"].pop("aws:principalarn", None)
        if who:
            world["ctx"]["aws:principalarn"] = [who]
        if allowed(world) is False:
            yield world


def _judge_by_tags(rng: Random, world: Json) -> None:
    """Let a session's tags decide, and nothing else: in an Allow, or in a Deny beside it."""
    role = _with_nothing_in_the_way(rng, world)
    variable = "${aws:PrincipalTag/team}"
    key, listed = rng.choice(
        [
            ("aws:ResourceTag/team", [variable]),
            ("aws:ResourceTag/team", ["other", variable]),
            ("sts:RoleSessionName", variable),
            ("aws:PrincipalTag/team", "${aws:ResourceTag/team}"),
            ("aws:PrincipalTag/team", ["red", "b*"]),
            ("aws:PrincipalTag/team", "team"),
        ]
    )
    operator = rng.choice(
        ["StringEquals", "StringLike", "StringNotEquals", "StringNotLikeIfExists"]
    )
    where, denied = rng.choice(["trust", "identity", "scp"]), rng.random() < 0.5
    allow: Json = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    by_tags = {"Effect": "Deny" if denied else "Allow", "Condition": {operator: {key: listed}}}
    of_trust = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": role}}
    world |= {"by_tags": True, "identity": [allow], "trust": [of_trust]}
    statement = {**(of_trust if where == "trust" else allow), **by_tags}
    allowing = [of_trust if where == "trust" else allow]
    world[where] = [*(allowing if denied else ()), statement]
    world["scp"] = None if world["scp"] is None else [world["scp"]]
    world["ctx"]["aws:principaltag/team"] = [rng.choice(["team", "blue", "red"])]
    world["ctx"]["aws:resourcetag/team"] = [rng.choice(["team", "blue", "red"])]


def _deny_all_but(rng: Random, world: Json) -> None:
    """Let a ``NotPrincipal`` decide, of which AWS says whom it denies for certain and whom it may."""
    _with_nothing_in_the_way(rng, world)
    listed = [role or caller for caller, role in CALLERS[:4]]
    listed += [f"{account}:root" for account in {each.rpartition(":")[0] for each in listed}]
    spared = {"AWS": rng.sample(sorted(listed), rng.randint(1, 3))}
    allow: Json = {"Effect": "Allow", "Action": "sts:*"}
    deny = {**allow, "Effect": "Deny", "NotPrincipal": spared}
    world |= {"identity": [{**allow, "Resource": "*"}]}
    world |= {"trust": [{**allow, "Principal": "*"}, deny]}


def _with_nothing_in_the_way(rng: Random, world: Json) -> str:
    """Let a role's session call, with no policy but its own and the trust policy; return its role."""
    caller, role = rng.choice([(caller, role) for caller, role in CALLERS if role])
    world |= {"boundary": None, "session_policy": None, "rcp": None, "scp": None}
    world |= {"caller": caller, "caller_role": role, "provider": None, "service": None}
    world |= {"actions": ["sts:AssumeRole"], "passes": False, "role": ROLE}
    return role


def remedies_of(world: Json) -> tuple[Remedy, ...]:
    request = replace(as_request(world), context=Context(world["ctx"], closed=True))
    scenario = ChainScenario(
        NOBODY,
        (),
        EvaluationContext(IamInventory(), NOW),
        source_requests=(request,),
        locations=(ConfigLocation("no config", {}),),
    )
    return judge_chain("chain", "me", scenario).hops[0].remedies()


def applied(world: Json, steps: Sequence[Step]) -> Json:
    changed = dict(world)
    for name, (policy_type, _) in LANES.items():
        made = [e for e in steps if isinstance(e, PolicyChange) and e.policy_type is policy_type]
        if made:
            changed[name] = apply_changes(policy(*(world[name] or [])), made)["Statement"]
    return changed


def test_every_fix_works_lets_in_no_one_else_and_few_have_a_needless_step() -> None:
    """Most worlds without a fix have a caller whom no policy can let in, e.g. the root user."""
    worlds = fixed = fixes = needless = 0
    for world in refused_worlds():
        worlds += 1
        remedies = remedies_of(world)
        fixed += bool(remedies)
        for remedy in remedies:
            fixes += 1
            changed = applied(world, remedy.steps)
            assert allowed(changed) is True, (world, remedy)
            for other in others(world):
                after = {
                    **other,
                    **{name: changed[name] for name in LANES if name not in OF_CALLER},
                }
                if goodness(other) == UNDOCUMENTED and spares(remedy, other):
                    continue  # AWS does not say if it was, and the fix says that it will be
                assert goodness(after) <= goodness(other), (world, remedy, other["caller"])
            for session in other_sessions(world):
                after = {**changed, "ctx": session["ctx"]}
                assert goodness(after) <= goodness(session), (world, remedy, session["ctx"])
            needless += any(
                goodness(applied(world, each)) == goodness(changed)
                for each in without_one(remedy.steps)
            )
        if fixed == WORLDS:
            break
    assert worlds <= WORLDS * 2.2
    assert needless <= fixes * 0.1


def without_one(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the steps without each of them.

    A Deny that is added keeps up what a narrowed one denied to others, so it goes with that one.
    """
    kept = [
        each
        for each in steps
        if isinstance(each, PolicyChange)
        and each.kind is ChangeKind.ADD
        and each.statement["Effect"] == "Deny"
    ]
    for left_out in steps:
        if left_out not in kept:
            yield [each for each in steps if each is not left_out]


def others(world: Json) -> Iterator[Json]:
    """Yield the world with each other caller; the caller's own policies are nobody else's."""
    for caller, role in CALLERS if world["caller"] is not None else ():
        if caller != world["caller"]:
            ctx = {**world["ctx"], "aws:principalarn": [role or caller]}
            yield {**world, "caller": caller, "caller_role": role, "ctx": ctx}


def other_sessions(world: Json) -> Iterator[Json]:
    """Yield the world with sessions of the same role that have another tag, or none."""
    own = world["ctx"].get("aws:principaltag/team")
    for tag in (["team"], ["blue"], ["red"], ["zz"], None) if world.get("by_tags") else ():
        if tag != own:
            ctx = {key: each for key, each in world["ctx"].items() if key != PRINCIPAL_TAG}
            yield {**world, "ctx": {**ctx, **({PRINCIPAL_TAG: tag} if tag else {})}}


PRINCIPAL_TAG = "aws:principaltag/team"


UNDOCUMENTED = 1


def spares(remedy: Remedy, world: Json) -> bool:
    """True if the fix says that it also lets this caller of a world pass a Deny."""
    changes = (each for each in remedy.steps if isinstance(each, PolicyChange))
    named = {each for change in changes for each in change.spares}
    return bool(named & {world["caller"], world["caller_role"]})


def goodness(world: Json) -> int:
    return [False, None, True].index(allowed(world))
