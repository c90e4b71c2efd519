"""Ways to a role: shortest first, sure before unsure, and no hop judged that cannot be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.arn import RoleArn
from rolehop.trust import Outcome, Request, Verdict, evaluate
from rolehop.trust.hops import HopAsked, Setting, Start, requests
from rolehop.trust.records import Entity, Records
from rolehop.trust.routes import Beginning, Found, search

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = "arn:aws:iam::111111111111:user/alice"
ME = Beginning("me", Start(ALICE, long_lived=True, mfa=False))
ACCOUNT = "222222222222"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def policy(**elements: Any) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **elements}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def entity(name: str, trusts: Sequence[str], may: Sequence[str] = (), **condition: Any) -> Entity:
    more = {"Condition": condition} if condition else {}
    trust = (
        policy(Principal={"AWS": list(trusts)}, **more)
        if trusts
        else policy(Principal={"Service": "ec2.amazonaws.com"})
    )
    inline = {"go": policy(Resource=list(may))} if may else {}
    return Entity(arn(name), f"AROA{name}", trust, inline, tags=())


USER = Entity(ALICE, "AIDA", None, {"go": policy(Resource="*")}, tags=())


def find(
    entities: Sequence[Entity],
    to: str,
    *,
    most: int = 9,
    hops: Sequence[HopAsked] = (),
    asked: list[Request] | None = None,
) -> Found:
    def judge(request: Request) -> Verdict:
        if asked is not None:
            asked.append(request)
        return evaluate(request)

    records = Records({each.arn: each for each in (USER, *entities)})
    every = [*(HopAsked(RoleArn.parse(each.arn), "s") for each in entities), *hops]
    wanted = arn(to)
    setting = Setting(records, NOW)
    return search([ME], every, wanted.__eq__, setting, most=most, judge=judge)


def names(found: Found) -> list[tuple[str, str]]:
    return [
        ("-".join(hop.role.name for hop in route.hops), route.outcome.value)
        for route in found.routes
    ]


HERE = {"aws:SourceIp": "203.0.113.0/24"}
CASES: list[tuple[str, list[Entity], list[tuple[str, str]]]] = [
    ("one hop", [entity("T", [ALICE])], [("T", "allowed")]),
    ("two hops", [entity("A", [ALICE]), entity("T", [arn("A")])], [("A-T", "allowed")]),
    ("none", [entity("A", [ALICE]), entity("T", [])], []),
    (
        "the short one alone",
        [entity("A", [ALICE]), entity("T", [ALICE, arn("A")])],
        [("T", "allowed")],
    ),
    (
        "two of one length",
        [entity("A", [ALICE]), entity("B", [ALICE]), entity("T", [arn("A"), arn("B")])],
        [("A-T", "allowed"), ("B-T", "allowed")],
    ),
    (
        "a shorter way that can't be told comes second",
        [
            entity("A", [ALICE], IpAddress=HERE),
            entity("B", [ALICE]),
            entity("C", [arn("B")]),
            entity("T", [arn("A"), arn("C")]),
        ],
        [("B-C-T", "allowed"), ("A-T", "unknown")],
    ),
    ("who can't be seen", [Entity(arn("T"))], [("T", "unknown")]),
    (
        "an account leaves it to permissions",
        [
            entity("A", [ALICE], may=[arn("T")]),
            entity("B", [ALICE], may=[arn("A")]),
            entity("T", [ROOT]),
        ],
        [("A-T", "allowed")],
    ),
    (
        "an account by its number, permissions with a wildcard",
        [entity("A", [ALICE], may=[arn("*")]), entity("T", [ACCOUNT])],
        [("A-T", "allowed")],
    ),
]


@pytest.mark.parametrize(
    ("entities", "ways"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_ways(entities: list[Entity], ways: list[tuple[str, str]]) -> None:
    found = find(entities, "T")
    assert (names(found), found.more, found.complete) == (ways, False, True)


def test_fewer_are_shown_where_fewer_are_asked_for_and_it_says_so() -> None:
    middle = [entity(f"M{n}", [ALICE]) for n in range(5)]
    found = find([*middle, entity("T", [each.arn for each in middle])], "T", most=2)
    assert (len(found.routes), found.more) == (2, True)


def test_a_configured_hop_brings_its_external_id() -> None:
    target = entity("T", [ALICE], StringEquals={"sts:ExternalId": "x-42"})
    assert names(find([target], "T")) == []
    asked = HopAsked(RoleArn.parse(arn("T")), "s", external_id="x-42")
    (route,) = find([target], "T", hops=[asked]).routes
    assert (route.hops, route.outcome) == ((asked,), Outcome.ALLOWED)


def test_of_a_thousand_roles_only_hops_that_may_be_are_judged() -> None:
    chain = [entity("R0", [ALICE])]
    chain += [entity(f"R{n}", [arn(f"R{n - 1}")]) for n in range(1, 500)]
    beside = [entity(f"S{n}", [ROOT], may=[arn(f"S{n + 1}")]) for n in range(500)]
    asked: list[Request] = []
    (route,) = find([*chain, *beside], "R499", asked=asked).routes
    assert len(route.hops) == 500
    assert len(asked) <= 1_000


NODES = "ABCDT"


@given(st.lists(st.tuples(st.sampled_from([*NODES, "me"]), st.sampled_from(NODES)), max_size=14))
def test_it_finds_what_trying_everything_finds(edges: list[tuple[str, str]]) -> None:
    entities = [
        entity(name, sorted({ALICE if a == "me" else arn(a) for a, b in edges if b == name}))
        for name in NODES
    ]
    records = Records({each.arn: each for each in (USER, *entities)})
    setting = Setting(records, NOW)
    best: list[str] = []
    for before in range(len(NODES)):
        for way in itertools.permutations(NODES.replace("T", ""), before):
            hops = [HopAsked(RoleArn.parse(arn(each)), "s") for each in (*way, "T")]
            judged = (evaluate(each).outcome for each in requests(ME.start, hops, setting))
            if all(outcome is Outcome.ALLOWED for outcome in judged):
                best.append("-".join((*way, "T")))
        if best:
            break
    found = find(entities, "T", most=99)
    assert sorted(names(found)) == sorted((each, "allowed") for each in best)
