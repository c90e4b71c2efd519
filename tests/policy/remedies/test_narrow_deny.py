"""A Deny without one call: that call passes it, and every other is denied as before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.policy import Kind, parse_policy
from rolehop.policy.language.operators import matches_text
from rolehop.policy.remedies.narrow_deny import NarrowedDeny, exclude_request
from tests.policy.helpers.independent_reading import _applies
from tests.policy.helpers.worlds import CALLERS, LANES, ROLE, as_request, make_deny, make_world
from tests.support.policies import policy_text

Json = dict[str, Any]
OTHER_ROLES = [
    "arn:aws:iam::222222222222:role/team/U",
    "arn:aws:iam::222222222222:role/x",
    "arn:aws:iam::333333333333:role/team/T",
]
ON_ROLES = [
    "sts:AssumeRole",
    "sts:TagSession",
    "sts:SetSourceIdentity",
    "sts:SetContext",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "iam:DeleteRole",
    "iam:PassRole",
]
ELSEWHERE = ["s3:GetObject", "sts:GetCallerIdentity"]


def world_of(seed: int) -> tuple[Json, str, Json]:
    """Draw a call, a lane, and a Deny in it that applies to the call."""
    rng = Random(seed)  # noqa: S311 - worlds, no secrets
    while True:
        world = make_world(rng)
        who = world["caller_role"] or world["caller"]
        if who is None:
            continue
        world |= {"role": ROLE, "kind": True, "boundary": None}
        world["ctx"]["aws:principalarn"] = [who]
        policy = rng.choice(["trust", "identity", "boundary", "session_policy", "scp", "rcp"])
        deny = make_deny(rng, policy)
        if "NotPrincipal" in deny:
            continue  # whom it spares is vague
        if any(_applies(deny, world, action) for action in world["actions"]):
            return world, policy, {"Sid": "Keep", **deny}


def narrowed(world: Json, policy: str, deny: Json, *, shared: bool) -> NarrowedDeny | None:
    kind = LANES[policy][1]
    text = policy_text(deny)
    (statement,) = parse_policy(text, kind).statements
    has_roles = kind is not Kind.TRUST
    return exclude_request(deny, statement, as_request(world), has_roles=has_roles, shared=shared)


def others(world: Json) -> Iterator[tuple[Json, str]]:
    """Give the calls of others, and this caller's on other roles, with every action."""
    calls = [*product([ROLE, *OTHER_ROLES], ON_ROLES), *product(["*"], ELSEWHERE)]
    for (caller, role), (resource, action) in product(CALLERS, calls):
        ctx = {**world["ctx"], "aws:principalarn": [role or caller]}
        yield (
            {**world, "caller": caller, "caller_role": role, "role": resource, "ctx": ctx},
            action,
        )


@settings(max_examples=80, deadline=None)
@given(st.integers(min_value=0, max_value=2**63))
def test_all_that_a_deny_refused_but_the_call_it_refuses_still(seed: int) -> None:
    world, policy, deny = world_of(seed)
    shared = policy not in ("identity", "session_policy")
    made = narrowed(world, policy, deny, shared=shared)
    assert made is not None
    assert sum("Sid" in each for each in made.left) <= 1
    for each in made.left:
        text = policy_text(each)
        parse_policy(text, LANES[policy][1])
    for other, action in others(world):
        if policy == "trust" and other["role"] == "*":
            continue  # a trust policy judges what is done with its role, and nothing else
        its_own = other["caller"] == world["caller"] or not shared
        here = other["role"] == ROLE or (policy == "trust" and other["role"] in OTHER_ROLES)
        before = _applies(deny, other, action)
        after = any(_applies(each, other, action) for each in made.left)
        said = (deny, made, other["caller"], other["role"], action)
        if made.exempts:
            assert after <= before, said  # the caller joins a list, and nobody else
        elif its_own and here and action in world["actions"]:
            assert not after, said
        elif its_own and action in world["actions"] and _is_opened(made, other["role"]):
            assert after <= before, said
        else:
            assert after is before, said


def _is_opened(made: NarrowedDeny, role: str) -> bool:
    """True if the role is one of those that are said to be no longer denied."""
    return any("$" in each or matches_text(role, each) for each in made.opened)


BOB = "arn:aws:iam::222222222222:user/bob"
WITHOUT_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


def call() -> Json:
    return {
        "role": ROLE,
        "caller": BOB,
        "caller_role": None,
        "provider": None,
        "service": None,
        "actions": ["sts:AssumeRole"],
        "ctx": {"aws:principalarn": [BOB]},
        **dict.fromkeys(LANES),
    }


@pytest.mark.parametrize(
    ("deny", "left"),
    [
        (
            {"NotAction": ["s3:*"], "Resource": "*"},
            [
                {"NotAction": ["s3:*", "sts:AssumeRole"], "Resource": "*"},
                {"Action": "sts:AssumeRole", "NotResource": ROLE},
            ],
        ),
        (
            {"Action": "*", "Resource": "*", "Condition": WITHOUT_MFA},
            [
                {"NotAction": "sts:AssumeRole", "Resource": "*", "Condition": WITHOUT_MFA},
                {"Action": "sts:AssumeRole", "NotResource": ROLE, "Condition": WITHOUT_MFA},
            ],
        ),
        ({"Action": "sts:AssumeRole", "Resource": ROLE}, []),
        (
            {"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/*"},
            [{"Action": "sts:AssumeRole", "NotResource": ROLE}],
        ),
    ],
)
def test_a_deny_of_the_callers_own(deny: Json, left: list[Json]) -> None:
    made = narrowed(call(), "identity", {"Effect": "Deny", **deny}, shared=False)
    assert made == NarrowedDeny(tuple({"Effect": "Deny", **each} for each in left))


def test_a_region_lock_of_the_organization_holds_for_all_else_that_the_caller_does() -> None:
    lock = {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}
    deny = {"Sid": "Lock", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": lock}
    made = narrowed(call(), "scp", deny, shared=True)
    spared = {**lock, "ArnNotEquals": {"aws:PrincipalArn": BOB}}
    role = {"Effect": "Deny", "Action": "sts:AssumeRole"}
    assert made == NarrowedDeny(
        (
            {
                "Sid": "Lock",
                "Effect": "Deny",
                "NotAction": "sts:AssumeRole",
                "Resource": "*",
                "Condition": lock,
            },
            {**role, "NotResource": ROLE, "Condition": lock},
            {**role, "Resource": ROLE, "Condition": spared},
        )
    )


def test_what_no_statement_can_preserve_is_reported() -> None:
    team = "arn:aws:iam::222222222222:role/team/*"
    deny = {
        "Effect": "Deny",
        "Action": "sts:AssumeRole",
        "Resource": [team, "arn:aws:iam::1:role/x"],
    }
    made = narrowed(call(), "identity", deny, shared=False)
    assert made == NarrowedDeny(({**deny, "Resource": "arn:aws:iam::1:role/x"},), opened=(team,))


@pytest.mark.parametrize(
    ("actions", "exempted", "rest"),
    [
        (["kms:*", "sts:*"], "sts:*", "kms:*"),
        (["iam:*", "sts:AssumeRole", "kms:*"], "sts:AssumeRole", ["iam:*", "kms:*"]),
        (["sts:AssumeRole", "sts:TagSession"], ["sts:AssumeRole", "sts:TagSession"], None),
        ("*", "*", None),
    ],
)
def test_a_caller_is_exempted_from_no_other_services_actions(
    actions: Any, exempted: Any, rest: Any
) -> None:
    listed = {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Ops"}}
    with_bob = {"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/Ops", BOB]}}
    deny = {"Effect": "Deny", "Resource": "*"}
    asked = {"Sid": "X", **deny, "Action": actions, "Condition": listed}
    made = narrowed(call(), "scp", asked, shared=True)
    left = [{"Sid": "X", **deny, "Action": exempted, "Condition": with_bob}]
    left += [] if rest is None else [{**deny, "Action": rest, "Condition": listed}]
    assert made == NarrowedDeny(tuple(left), exempts=True)


OPS = "arn:aws:iam::222222222222:role/Ops"
ROOT = "arn:aws:iam::222222222222:root"


@pytest.mark.parametrize(
    ("spared", "left"),
    [
        ({"AWS": OPS}, [OPS, BOB]),
        ({"AWS": [OPS, ROOT]}, [OPS, ROOT, BOB]),
        ({"AWS": [BOB, ROOT]}, [BOB, ROOT]),
        ({"AWS": [OPS, "arn:aws:sts::222222222222:assumed-role/Ops/s"]}, None),
        ({"AWS": "222222222222"}, None),
        ({"AWS": OPS, "Service": "ec2.amazonaws.com"}, None),
    ],
)
def test_not_principal_of_a_trust_policy_becomes_the_condition_that_aws_takes(
    spared: Json, left: list[str] | None
) -> None:
    deny = {"Sid": "Only", "Effect": "Deny", "NotPrincipal": spared, "Action": "sts:*"}
    made = narrowed(call(), "trust", {**deny, "Condition": WITHOUT_MFA}, shared=True)
    if left is None:
        assert made is None
        return
    condition = {**WITHOUT_MFA, "ArnNotEquals": {"aws:PrincipalArn": left}}
    fixed = {"Sid": "Only", "Effect": "Deny", "Principal": "*", "Action": "sts:*"}
    # AWS may ask for the ARN of a role's session, too, which no such list has.
    spares = tuple(each for each in left if each not in (ROOT, BOB))
    assert made == NarrowedDeny(({**fixed, "Condition": condition},), exempts=True, spares=spares)
