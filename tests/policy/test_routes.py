"""Ways to a role: shortest first, sure before unsure, and no hop judged that cannot be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.base.arn import RoleArn
from rolehop.commands.explain.routes import routes_view
from rolehop.policy import Outcome, PolicyType, Request, Verdict, evaluate
from rolehop.policy import routes as room
from rolehop.policy.chain_model import (
    SOURCE_SESSION,
    AssumeRoleRequest,
    EvaluationContext,
    StartingCredentials,
)
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.requests import build_request, build_requests, initial_state, next_state
from rolehop.policy.routes import Found, RouteStart, search
from rolehop.terminal.drawing import as_text
from tests.support.policies import allow_text

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = "arn:aws:iam::111111111111:user/alice"
ME = StartingCredentials(ALICE, long_lived=True, mfa=False)
ACCOUNT = "222222222222"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def entity(name: str, trusts: Sequence[str], may: Sequence[str] = (), **condition: Any) -> Entity:
    more = {"Condition": condition} if condition else {}
    trust = (
        allow_text(Principal={"AWS": list(trusts)}, **more)
        if trusts
        else allow_text(Principal={"Service": "ec2.amazonaws.com"})
    )
    inline = {"go": allow_text(Resource=list(may))} if may else {}
    return Entity(arn(name), f"AROA{name}", trust, inline, tags=())


USER = Entity(ALICE, "AIDA", None, {"go": allow_text(Resource="*")}, tags=())


def find(
    entities: Sequence[Entity],
    to: str,
    *,
    most: int = 9,
    hops: Sequence[AssumeRoleRequest] = (),
    asked: list[Request] | None = None,
) -> Found:
    def judge(request: Request) -> Verdict:
        if asked is not None:
            asked.append(request)
        return evaluate(request)

    records = IamInventory({each.arn: each for each in (USER, *entities)})
    every = [*(AssumeRoleRequest(RoleArn.parse(each.arn), "s") for each in entities), *hops]
    wanted = arn(to)
    setting = EvaluationContext(records, NOW)
    me = RouteStart("me", initial_state(ME, setting))
    return search([me], every, wanted.__eq__, setting, most=most, judge=judge)


def names(found: Found) -> list[tuple[str, str]]:
    return [
        ("-".join(hop.role.name for hop in route.hops), route.outcome.value)
        for route in found.routes
    ]


def test_what_is_assumed_of_one_source_is_not_shown_of_another() -> None:
    """Both reach Hub; its session policy is named by the hop's number on each route."""
    login = "arn:aws:sts::111111111111:assumed-role/Login/me"
    role = Entity(
        "arn:aws:iam::111111111111:role/Login",
        "AROALOGIN",
        allow_text(Principal={"AWS": login}),
        {"go": allow_text(Resource="*")},
        tags=(),
    )
    first = entity("First", [ALICE], may=[arn("Hub")])
    hub = entity("Hub", [login, arn("First")], may=[arn("T")])
    target = entity("T", [ROOT])
    records = IamInventory({each.arn: each for each in (USER, role, first, hub, target)})
    setting = EvaluationContext(records, NOW, assumptions=frozenset({SOURCE_SESSION}))
    limit = allow_text(Resource="*")
    hops = [
        AssumeRoleRequest(RoleArn.parse(arn(name)), "s", policy=limit if name == "Hub" else None)
        for name in ("First", "Hub", "T")
    ]
    starts = [
        RouteStart("login", initial_state(StartingCredentials(login), setting)),
        RouteStart("keys", initial_state(ME, setting)),
    ]
    for order in (starts, starts[::-1]):
        found = search(order, hops, arn("T").__eq__, setting, most=9)
        last = {each.source: each.route_hops[-1].verdict for each in found.routes}
        assert "source-session" in last["login"].assuming
        assert "source-session" not in last["keys"].assuming
        names = {
            source: verdict.request.policy_set(PolicyType.SESSION).documents[0].name
            for source, verdict in last.items()
        }
        assert names == {
            "login": "session policy of hop 1",
            "keys": "session policy of hop 2",
        }


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
        "a shorter route with an unknown verdict comes second",
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
    ("entities", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_routes_found(entities: list[Entity], expected: list[tuple[str, str]]) -> None:
    found = find(entities, "T")
    assert (names(found), found.more, found.complete) == (expected, False, True)


def test_fewer_are_shown_if_fewer_are_wanted_and_a_note_says_so() -> None:
    middle = [entity(f"M{n}", [ALICE]) for n in range(5)]
    found = find([*middle, entity("T", [each.arn for each in middle])], "T", most=2)
    assert (len(found.routes), found.more) == (2, True)


def test_a_configured_hop_brings_its_external_id() -> None:
    target = entity("T", [ALICE], StringEquals={"sts:ExternalId": "x-42"})
    assert names(find([target], "T")) == []
    asked = AssumeRoleRequest(RoleArn.parse(arn("T")), "s", external_id="x-42")
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


def test_of_countless_routes_only_those_shown_are_evaluated() -> None:
    layers = [[f"L{layer}-{n}" for n in range(20)] for layer in range(10)]
    roles = [entity(name, [ALICE]) for name in layers[0]]
    for before, layer in itertools.pairwise(layers):
        roles += [entity(name, [arn(each) for each in before]) for name in layer]
    asked: list[Request] = []
    found = find(roles, "L9-19", most=3, asked=asked)
    assert [len(route.hops) for route in found.routes] == [10, 10, 10]
    assert found.more
    # Every role once, and then one hop more for each way that is shown.
    assert len(asked) <= len(roles) + 10


def start_of(role: str, setting: EvaluationContext, *before: AssumeRoleRequest) -> RouteStart:
    """Return a source that is a session of ``role``, behind the calls that its profile makes."""
    held = initial_state(
        StartingCredentials(f"{arn(role).replace('iam', 'sts').replace('role', 'assumed-role')}/s"),
        setting,
    )
    own = []
    for number, hop in enumerate(before, start=1):
        own.append(build_request(held, hop, setting))
        held = next_state(held, hop, number, setting.inventory)
    return RouteStart("own", held, tuple(own))


ASSUMPTIONS = frozenset({SOURCE_SESSION})


def test_a_source_whose_own_role_is_wanted_is_a_route_without_hops() -> None:
    known = IamInventory(
        {each.arn: each for each in (entity("T", [ALICE]), entity("B", [arn("T")]))}
    )
    setting = EvaluationContext(known, NOW, assumptions=ASSUMPTIONS)
    hops = [AssumeRoleRequest(RoleArn.parse(each), "s") for each in known.entities]
    found = search([start_of("T", setting)], hops, arn("T").__eq__, setting, most=9)
    assert [(route.source, route.route_hops) for route in found.routes] == [("own", ())]
    # The whole account: its own role is nearest, and the other is a route, too.
    account = search([start_of("T", setting)], hops, lambda role: ACCOUNT in role, setting, most=9)
    assert names(account) == [("", "allowed"), ("B", "allowed")]


@pytest.mark.parametrize(
    ("trusts", "expected"),
    [(arn("A"), [("T", "allowed")]), (ALICE, [])],
    ids=["allowed", "refused"],
)
def test_the_roles_of_a_sources_profile_are_judged_with_every_route(
    trusts: str, expected: list[tuple[str, str]]
) -> None:
    roles = [entity("A", []), entity("B", [trusts]), entity("T", [arn("B")])]
    setting = EvaluationContext(
        IamInventory({each.arn: each for each in roles}), NOW, assumptions=ASSUMPTIONS
    )
    hops = [AssumeRoleRequest(RoleArn.parse(each.arn), "s") for each in roles]
    own = start_of("A", setting, AssumeRoleRequest(RoleArn.parse(arn("B")), "s"))
    found = search([own], hops, arn("T").__eq__, setting, most=9)
    assert names(found) == expected
    assert [len(route.route_hops) for route in found.routes] == [2 for _ in expected]


def test_a_search_that_ended_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [entity("A", [ALICE]), entity("B", [arn("A")]), entity("T", [arn("B")])]
    assert find(chain, "T").complete
    monkeypatch.setattr(room, "MOST_EVALUATIONS", 2)
    found = find(chain, "T")
    assert (found.routes, found.complete) == ((), False)
    text = " ".join(as_text(routes_view(found, "T", [], [])).split())
    assert "no route to T: none was found so far" in text
    assert "the search stopped after 200,000 hops: other routes" in text


def test_a_note_says_if_there_are_more_than_are_shown() -> None:
    one = find([entity("T", [ALICE])], "T").routes[0]
    for count, words in ((1, "(--most N, or --all)"), (1_000, "than these 1,000")):
        found = Found((one,) * count, True, True)
        assert f"there are more {words}" in as_text(routes_view(found, "T", [""] * count, []))


def test_long_arns_fold() -> None:
    long = f"{'x' * 64}/" * 7 + "N" * 64
    found = find([entity(long, [ALICE], IpAddress=HERE)], long)
    text = as_text(routes_view(found, arn(long), ["[chains.x]"], []))
    assert max(map(len, text.splitlines())) <= 80
    assert arn(long) in "".join(text.split())


NODES = "ABCDT"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*NODES, "me"]), st.sampled_from(NODES)), max_size=14))
def test_it_finds_what_trying_everything_finds(edges: list[tuple[str, str]]) -> None:
    entities = [
        entity(name, sorted({ALICE if a == "me" else arn(a) for a, b in edges if b == name}))
        for name in NODES
    ]
    records = IamInventory({each.arn: each for each in (USER, *entities)})
    setting = EvaluationContext(records, NOW)
    best: list[str] = []
    for before in range(len(NODES)):
        for remedy in itertools.permutations(NODES.replace("T", ""), before):
            hops = [AssumeRoleRequest(RoleArn.parse(arn(each)), "s") for each in (*remedy, "T")]
            judged = (evaluate(each).outcome for each in build_requests(ME, hops, setting))
            if all(outcome is Outcome.ALLOWED for outcome in judged):
                best.append("-".join((*remedy, "T")))
        if best:
            break
    found = find(entities, "T", most=99)
    assert sorted(names(found)) == sorted((each, "allowed") for each in best)
