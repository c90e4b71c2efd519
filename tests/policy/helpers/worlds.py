"""Generated worlds: a caller, a call, and documents of every kind, drawn from small pools."""

from __future__ import annotations

from random import Random
from typing import Any

from rolehop.policy import (
    NO_POLICY,
    Attached,
    Caller,
    Context,
    Kind,
    PolicySet,
    PolicyType,
    Request,
    caller_from_arn,
    parse_policy,
)
from tests.support.policies import policy_text

ROLE = "arn:aws:iam::222222222222:role/team/T"
LINKED = "arn:aws:iam::222222222222:role/aws-service-role/ec2.amazonaws.com/T"
CALLERS = [
    ("arn:aws:iam::111111111111:user/alice", None),
    ("arn:aws:iam::222222222222:user/bob", None),
    ("arn:aws:sts::111111111111:assumed-role/Hub/s1", "arn:aws:iam::111111111111:role/Hub"),
    ("arn:aws:sts::222222222222:assumed-role/Ops/s1", "arn:aws:iam::222222222222:role/x/Ops"),
    ("arn:aws:iam::111111111111:root", None),
    ("arn:aws-cn:iam::111111111111:user/alice", None),
    ("arn:aws:sts::222222222222:federated-user/bob", None),
]
GITHUB = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"
ANYWHERE = "rolesanywhere.amazonaws.com"
# Those who have no permissions of their own: provider, service, and what they ask for.
OUTSIDERS = [
    (GITHUB, None, ["sts:AssumeRoleWithWebIdentity"]),
    ("accounts.google.com", None, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]),
    (
        "arn:aws:iam::222222222222:saml-provider/idp",
        None,
        ["sts:AssumeRoleWithSAML", "sts:SetSourceIdentity"],
    ),
    (None, ANYWHERE, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]),
    (None, "ec2.amazonaws.com", ["sts:AssumeRole"]),
]
PRINCIPALS: list[Any] = [
    "*",
    {"AWS": "*"},
    {"AWS": "111111111111"},
    {"AWS": ["arn:aws:iam::222222222222:root", "333333333333"]},
    {"AWS": "arn:aws:iam::111111111111:user/alice"},
    {"AWS": ["arn:aws:iam::222222222222:user/bob", "arn:aws:iam::111111111111:role/Hub"]},
    {"AWS": "arn:aws:iam::222222222222:role/x/Ops"},
    {"AWS": "arn:aws:sts::222222222222:assumed-role/Ops/s1"},
    {"AWS": "arn:aws:sts::111111111111:assumed-role/Hub/s2"},
    {"AWS": "AROAEXAMPLEDELETED"},
    {"Service": "ec2.amazonaws.com"},
    {"Federated": "accounts.google.com"},
    {"Federated": [GITHUB, "arn:aws:iam::222222222222:saml-provider/idp"]},
    {"Service": [ANYWHERE, "ec2.amazonaws.com"]},
    {"Federated": "*"},
    {"Service": "*", "AWS": "222222222222"},
    {"AWS": ["111111111111", "arn:aws:iam::111111111111:user/alice"]},
    {
        "AWS": [
            "arn:aws:iam::222222222222:root",
            "arn:aws:iam::222222222222:role/x/Ops",
            "arn:aws:sts::222222222222:assumed-role/Ops/s1",
        ]
    },
]
ACTIONS: list[Any] = [
    "sts:AssumeRole",
    "sts:*",
    "*",
    "STS:Assume*",
    ["sts:AssumeRole", "sts:TagSession"],
    "s3:*",
    "sts:TagSession",
    "sts:?ssumeRole",
    ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"],
    ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
]
RESOURCES: list[Any] = [
    "*",
    ROLE,
    "arn:aws:iam::*:role/team/*",
    "arn:aws:iam::222222222222:role/t*",
    ["arn:aws:iam::222222222222:role/x", "arn:aws:iam::??????222222:role/*T"],
    "arn:aws:iam::222222222222:role/${aws:PrincipalTag/team}/T",
    "arn:aws:iam::222222222222:role/${aws:PrincipalTag/none, 'team'}/T",
]
VALUES: dict[str, list[list[str]]] = {
    "sts:externalid": [["x-1"], ["X-1"], ["x-*"]],
    "aws:multifactorauthpresent": [["true"], ["false"]],
    "aws:multifactorauthage": [["10"], ["3601.5"]],
    "aws:principaltag/team": [["team"], ["blue"]],
    "aws:tagkeys": [["team"], ["team", "cost"], ["env"]],
    "aws:sourceip": [["203.0.113.9"], ["2001:db8::5"]],
    "aws:currenttime": [["2026-06-01T00:00:00Z"], ["1700000000"]],
    "aws:principalarn": [["arn:aws:iam::111111111111:role/Hub"], ["arn:aws:iam::1:user/a:b"]],
    "aws:username": [["alice"], ["a*"]],
    "app:blob": [["aGk="], ["aG8="]],
}
CONDITIONS: list[tuple[list[str], list[str], list[Any]]] = [
    (
        ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"],
        ["sts:ExternalId", "aws:PrincipalTag/Team", "aws:username"],
        ["x-1", "x-*", ["team", "blue"], "${aws:username}", "${aws:none, 'x-1'}", "x-${*}", "?-?"],
    ),
    (
        ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
        ["sts:ExternalId", "aws:username"],
        ["X-1", ["ALICE", "team"]],
    ),
    (["Bool"], ["aws:MultiFactorAuthPresent"], ["true", "false", True, ["true", "false"]]),
    (["Null"], ["aws:MultiFactorAuthPresent", "sts:ExternalId", "aws:TagKeys"], ["true", False]),
    (
        ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"],
        ["aws:MultiFactorAuthAge"],
        ["3600", 10, ["10", "20"]],
    ),
    (
        ["IpAddress", "NotIpAddress"],
        ["aws:SourceIp"],
        ["203.0.113.0/24", ["2001:db8::/32", "1.2.3.4"]],
    ),
    (
        ["DateLessThan", "DateGreaterThanEquals", "DateNotEquals"],
        ["aws:CurrentTime"],
        ["2026-01-01T00:00:00Z", "1700000000"],
    ),
    (
        ["ArnLike", "ArnEquals", "ArnNotLike"],
        ["aws:PrincipalArn"],
        ["arn:aws:iam::*:role/H*", "arn:aws:iam::111111111111:*", "arn:*:*:*:*:user/*"],
    ),
    (["BinaryEquals"], ["app:blob"], ["aGk="]),
    (
        [
            f"{how}:{base}"
            for how in ("ForAllValues", "ForAnyValue")
            for base in ("StringEquals", "StringNotEquals", "StringLike")
        ],
        ["aws:TagKeys"],
        ["team", ["team", "env"], "t*"],
    ),
]

ACTIONS_OF_PEOPLE = [["sts:AssumeRole"], ["sts:AssumeRole", "sts:TagSession"]]
World = dict[str, Any]


def make_world(rng: Random) -> World:
    """Draw one world, as plain JSON values."""
    who: tuple[str | None, str | None] = rng.choice(CALLERS)
    outside: tuple[str | None, str | None, list[str]] = (None, None, rng.choice(ACTIONS_OF_PEOPLE))
    if rng.random() < 0.3:
        who, outside = (None, None), rng.choice(OUTSIDERS)
    return {
        "role": LINKED if rng.random() < 0.05 else ROLE,
        "caller": who[0],
        "caller_role": who[1],
        "provider": outside[0],
        "service": outside[1],
        "actions": outside[2],
        "ctx": {key: rng.choice(found) for key, found in VALUES.items() if rng.random() < 0.6},
        "trust": _statements(rng, principals=True, resources=False),
        "identity": _statements(rng),
        "boundary": _statements(rng) if rng.random() < 0.3 else None,
        "session_policy": _statements(rng) if who[1] and rng.random() < 0.3 else None,
        "scp": _statements(rng) if rng.random() < 0.2 else None,
        "rcp": _denies(rng) if rng.random() < 0.2 else None,
    }


def make_deny(rng: Random, policy: str) -> dict[str, Any]:
    """Draw one Deny statement that lane ``lane`` may hold."""
    found = _statement(
        rng, principals=policy in ("trust", "rcp"), resources=policy not in ("trust", "rcp")
    )
    return {**found, "Effect": "Deny"}


def _statements(
    rng: Random, *, principals: bool = False, resources: bool = True
) -> list[dict[str, Any]]:
    return [
        _statement(rng, principals=principals, resources=resources)
        for _ in range(rng.randint(0, 3))
    ]


def _denies(rng: Random) -> list[dict[str, Any]]:
    return [make_deny(rng, "rcp") for _ in range(rng.randint(0, 2))]


def _statement(rng: Random, *, principals: bool, resources: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow" if rng.random() < 0.8 else "Deny"}
    if principals:
        found["NotPrincipal" if rng.random() < 0.1 else "Principal"] = rng.choice(PRINCIPALS)
    found["NotAction" if rng.random() < 0.1 else "Action"] = rng.choice(ACTIONS)
    if resources:
        found["NotResource" if rng.random() < 0.1 else "Resource"] = rng.choice(RESOURCES)
    conditions: dict[str, dict[str, Any]] = {}
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        operators, keys, values = rng.choice(CONDITIONS)
        operator = rng.choice(operators)
        if operator != "Null" and rng.random() < 0.2:
            operator += "IfExists"
        conditions.setdefault(operator, {})[rng.choice(keys)] = rng.choice(values)
    return {**found, "Condition": conditions} if conditions else found


LANES = {
    "trust": (PolicyType.TRUST, Kind.TRUST),
    "identity": (PolicyType.PERMISSIONS, Kind.PERMISSIONS),
    "boundary": (PolicyType.BOUNDARY, Kind.BOUNDARY),
    "session_policy": (PolicyType.SESSION, Kind.SESSION),
    "scp": (PolicyType.SCP, Kind.SCP),
    "rcp": (PolicyType.RCP, Kind.RCP),
}


def as_request(world: World, unknown: frozenset[str] = frozenset()) -> Request:
    """Make the evaluator's request; what is ``unknown`` (keys, lanes) is hidden from it."""
    policies = {}
    for name, (policy, kind) in LANES.items():
        if name in unknown:
            continue
        statements = world[name]
        text = policy_text(*(statements or []))
        policies[policy] = (
            NO_POLICY
            if statements is None
            else PolicySet((Attached(name, parse_policy(text, kind), text),))
        )
    known = {key: found for key, found in world["ctx"].items() if key not in unknown}
    return Request(
        role=world["role"],
        caller=_caller(world, unknown),
        context=Context(known, [key for key in ALL_KEYS if key not in (*known, *unknown)]),
        actions=tuple(world["actions"]),
        policies=policies,
    )


def _caller(world: World, unknown: frozenset[str]) -> Caller:
    if world["caller"] is not None:
        return caller_from_arn(world["caller"], role=world["caller_role"])
    provider = None if "provider" in unknown else world["provider"]
    token = world["service"] is None
    return Caller(None, None, provider=provider, federated=token, service=world["service"])


ALL_KEYS = (*VALUES, "aws:none", "aws:principaltag/none")
