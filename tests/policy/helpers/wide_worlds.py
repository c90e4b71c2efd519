"""Wider generated worlds: every type of policy, as AWS CLI output, with some keys left unknown."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from rolehop.base.arn import account_of
from rolehop.base.dataclass import replace
from rolehop.policy import (
    NO_POLICY,
    Caller,
    Context,
    Outcome,
    PolicyType,
    Request,
    caller_from_arn,
    evaluate,
)
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.role_report import find_passers
from tests.policy.helpers.cli_output import details
from tests.policy.helpers.worlds import (
    ACTIONS,
    CONDITIONS,
    PRINCIPALS,
    RESOURCES,
    ROLE,
    VALUES,
    World,
    make_world,
)
from tests.support.policies import policy_text

WIDE_VALUES: dict[str, list[list[str]]] = {
    **VALUES,
    "aws:resourcetag/team": [["team"], ["blue"], [""]],
    "aws:requesttag/team": [["team"], [""]],
    "aws:sourcearn": [["arn:aws:ec2:eu-west-1:222222222222:instance/i-1"], ["arn:aws:s3:::b"]],
    "aws:sourceaccount": [["222222222222"], ["333333333333"]],
    "accounts.google.com:sub": [["1234"], ["repo:me/x"]],
    "saml:aud": [["https://signin.aws.amazon.com/saml"], ["other"]],
    "iam:passedtoservice": [["ec2.amazonaws.com"], ["lambda.amazonaws.com"]],
    "aws:principalorgid": [["o-1"], ["o-2"]],
}
# Beside the values that policies name: one that no policy names.
OTHERS: dict[str, list[list[str]]] = {
    "sts:externalid": [["zz-9"], ["team"], ["alice"], ["blue"]],
    "aws:multifactorauthage": [["1"], ["20"], ["3600"], ["5000"], ["15"]],
    "aws:principaltag/team": [["zz"], ["x-1"], ["alice"], ["ALICE"], ["x-q"]],
    "aws:username": [["ALICE"], ["team"], ["zz"], ["x-1"], ["x-q"], ["blue"]],
    "aws:sourceip": [["1.2.3.4"], ["9.9.9.9"], ["2001:db9::1"]],
    "aws:currenttime": [["1000"], ["2026-01-01T00:00:00Z"], ["1700000001"], ["1900000000"]],
    "aws:principalarn": [["arn:aws:iam::111111111111:user/alice"], ["arn:aws:iam::9:role/Z"]],
    "app:blob": [["aGh6"]],
    "aws:resourcetag/team": [["zz"], ["x-1"]],
    "aws:requesttag/team": [["zz"], ["blue"]],
    "aws:sourcearn": [["arn:aws:ec2:us-east-1:333333333333:instance/i-2"]],
    "aws:sourceaccount": [["999999999999"]],
    "accounts.google.com:sub": [["zz"]],
    "saml:aud": [["zz"]],
    "aws:principalorgid": [["o-9"]],
    "aws:none": [["zz"], ["team"], ["ec2.amazonaws.com"], ["lambda.amazonaws.com"]],
    "aws:principaltag/none": [["T"], ["team/T"]],
}
WIDE_RESOURCES: list[Any] = [
    *RESOURCES,
    [ROLE, "arn:aws:iam::222222222222:role/${aws:PrincipalTag/none}"],
    ["arn:aws:iam::222222222222:role/${aws:none}/T", "arn:aws:iam::222222222222:role/x"],
    "arn:aws:iam::${aws:PrincipalAccount}:role/team/T",
    ["arn:${aws:none}:iam::222222222222:role/team/T", "arn:aws:iam::222222222222:role/team/?"],
    "arn:aws:iam::222222222222",
    "arn:aws:iam::222222222222:r*/team/T",
    "arn:aws:*::222222222222:role/team/T",
    "arn:aws:iam::222222222222:*",
    "arn:aws:iam::222222222222:role/${aws:username}/T",
]
WIDE_ACTIONS: list[Any] = [
    *ACTIONS,
    "*:AssumeRole",
    ["s*:AssumeRole", "sts:TagSession"],
    "*:*",
    "sts:SetSourceIdentity",
    ["sts:*", "iam:PassRole"],
]
WIDE_CONDITIONS: list[tuple[list[str], list[str], list[Any]]] = [
    *CONDITIONS,
    (
        ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"],
        ["aws:ResourceTag/team", "aws:RequestTag/team", "aws:PrincipalTag/team"],
        [
            "${aws:PrincipalTag/team}",
            ["${aws:none}", "team"],
            ["${aws:PrincipalTag/none}"],
            ["blue", "${aws:username}"],
            "*",
        ],
    ),
    (
        ["ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringLike"],
        ["aws:RequestTag/team", "aws:TagKeys"],
        ["team", ["${aws:none}", "env"], ["t*", "c*"]],
    ),
    (
        ["NumericNotEquals", "NumericLessThanEquals", "NumericGreaterThan"],
        ["aws:MultiFactorAuthAge"],
        ["10", ["3600", "3601.5"]],
    ),
    (
        ["DateEquals", "DateLessThanEquals", "DateGreaterThan"],
        ["aws:CurrentTime"],
        ["2026-06-01T00:00:00Z", ["1700000000", "2026-01-01T00:00:00Z"]],
    ),
    (
        ["ArnEquals", "ArnNotEquals", "ArnLike", "StringEquals", "StringNotLike"],
        ["aws:PrincipalArn", "aws:SourceArn"],
        [
            "arn:aws:iam::111111111111:role/Hub",
            ["arn:aws:iam::*:user/${aws:username}", "arn:aws:ec2:*:222222222222:*"],
            ["arn:aws:iam::${aws:none}:user/*", "arn:aws:s3:::*"],
        ],
    ),
    (["StringEquals", "StringNotEquals"], ["aws:SourceAccount"], ["222222222222"]),
    (["StringEquals", "StringLike"], ["accounts.google.com:sub", "saml:aud"], ["1234", "repo:*"]),
    (["StringEquals", "StringNotEquals"], ["aws:PrincipalOrgID"], ["o-1", ["o-1", "o-2"]]),
    (["Null"], ["aws:PrincipalTag/team", "aws:SourceArn", "aws:ResourceTag/team"], ["true", False]),
    (["Bool", "BoolIfExists"], ["aws:MultiFactorAuthPresent"], ["${aws:none}", "true"]),
]
_ARN_CONDITION = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}
_PASS_CONDITIONS = [
    {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    {"StringLike": {"iam:PassedToService": ["lambda.*", "${aws:none}"]}},
    {"StringNotEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}},
    {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
]


def make_wide_world(rng: Random) -> World:
    """Draw one wide world: a narrow one with statements of wider pools, spread over documents."""
    world = make_world(rng)
    if rng.random() < 0.1:
        return _passing(rng, world)
    for name in ("trust", "identity", "boundary", "session_policy", "rcp"):
        for statement in world[name] or ():
            _widen(rng, statement, resources=name not in ("trust", "rcp"))
    if world["rcp"] is not None:
        for statement in world["rcp"]:
            statement["Effect"] = "Deny"
    if world["scp"] is not None:
        second = make_world(rng)["scp"]
        world["scp"] = [world["scp"], *([second] if second is not None else [])]
        for statement in (each for document in world["scp"] for each in document):
            _widen(rng, statement, resources=True)
    world["management"] = world["scp"] is not None and rng.random() < 0.15
    if world["caller"] is not None and world["caller"].split(":")[4] == "222222222222":
        for statement in world["trust"]:
            if rng.random() < 0.25:
                statement.pop("NotPrincipal", None)
                statement["Principal"] = rng.choice(["*", {"AWS": "*"}])
                if rng.random() < 0.5:
                    statement["Condition"] = _ARN_CONDITION
    world["ctx"] |= {
        key: rng.choice(found)
        for key, found in WIDE_VALUES.items()
        if key not in VALUES and rng.random() < 0.4
    }
    if rng.random() < 0.7:
        _favour(rng, world)
    return _described(rng, world)


def _favour(rng: Random, world: World) -> None:
    """Let most policies allow the call, under the conditions that were drawn."""
    caller, role = world["caller"], world["caller_role"]
    named: Any = {"Federated": world["provider"]} if world["provider"] else None
    if caller is not None:
        account = caller.split(":")[4]
        named = {"AWS": rng.choice([caller, role or caller, account, "*"])}
    elif named is None:
        named = {"Service": world["service"]}
    for name in ("trust", "identity", "boundary", "session_policy"):
        statement = next((each for each in world[name] or () if each["Effect"] == "Allow"), None)
        if statement is None or rng.random() < 0.15:
            continue
        for twin in ("NotAction", "NotPrincipal", "NotResource"):
            if twin in statement and rng.random() < 0.8:
                statement[twin.removeprefix("Not")] = statement.pop(twin)
        if "Action" in statement:
            statement["Action"] = rng.choice([world["actions"], "sts:*"])
        if "Principal" in statement:
            statement["Principal"] = named
        if "Resource" in statement and rng.random() < 0.7:
            statement["Resource"] = rng.choice(["*", world["role"], [world["role"], "*"]])


def _widen(rng: Random, statement: dict[str, Any], *, resources: bool) -> None:
    """Draw some elements of ``statement`` from the wide pools."""
    if rng.random() < 0.2 and "Action" in statement:
        statement["Action"] = rng.choice(WIDE_ACTIONS)
    if resources and rng.random() < 0.4:
        name = "NotResource" if "NotResource" in statement else "Resource"
        statement[name] = rng.choice(WIDE_RESOURCES)
    if rng.random() < 0.35:
        operators, keys, values = rng.choice(WIDE_CONDITIONS)
        operator = rng.choice(operators)
        if operator != "Null" and "IfExists" not in operator and rng.random() < 0.25:
            operator += "IfExists"
        statement["Condition"] = {
            **statement.get("Condition", {}),
            operator: {rng.choice(keys): rng.choice(values)},
        }
    if "Principal" in statement and rng.random() < 0.1:
        statement["Principal"] = rng.choice(PRINCIPALS)


def _passing(rng: Random, world: World) -> World:
    """Turn ``world`` into one in which a user or role of the role's account passes the role."""
    caller = rng.choice(
        [
            ("arn:aws:iam::222222222222:user/bob", None),
            (
                "arn:aws:sts::222222222222:assumed-role/Ops/*",
                "arn:aws:iam::222222222222:role/x/Ops",
            ),
        ]
    )

    def statement() -> dict[str, Any]:
        found = {
            "Effect": "Allow" if rng.random() < 0.8 else "Deny",
            "Action": rng.choice(["iam:PassRole", "iam:*", "*", "*:PassRole", "iam:Pass*"]),
            "Resource": rng.choice(WIDE_RESOURCES[:12]),
        }
        return {**found, "Condition": rng.choice(_PASS_CONDITIONS)} if rng.random() < 0.6 else found

    world |= {
        "role": ROLE,
        "caller": caller[0],
        "caller_role": caller[1],
        "provider": None,
        "service": None,
        "actions": ["iam:PassRole"],
        "passes": True,
        "management": False,
        "identity": [statement() for _ in range(rng.randint(1, 3))],
        "boundary": [statement() for _ in range(2)] if rng.random() < 0.3 else None,
        "session_policy": None,
        "scp": [[statement() for _ in range(2)]] if rng.random() < 0.2 else None,
        "rcp": None,
        "ctx": {
            "iam:passedtoservice": rng.choice(WIDE_VALUES["iam:passedtoservice"]),
            "aws:principalarn": [caller[1] or caller[0]],
            "aws:principalaccount": ["222222222222"],
        },
    }
    if not caller[1]:
        world["ctx"]["aws:username"] = ["bob"]
    return _described(rng, world)


def _described(rng: Random, world: World) -> World:
    """Decide in which documents the identity statements are, and which keys are unknown."""
    is_user = ":user/" in (world["caller"] or "")
    places = ["inline", "managed", *(["group", "group-managed"] if is_user else [])]
    world["spread"] = [rng.choice(places) for _ in world["identity"]]
    if world.get("passes"):
        # Nobody sees the tags of a role's session.
        tags = ["aws:principaltag/team", "aws:principaltag/none"] if world["caller_role"] else []
        world["unknown"] = ["aws:sourceip", "aws:none", *tags]
        return world
    asked = _keys_of(world)
    names = [key for key in WIDE_VALUES if key in asked and rng.random() < 0.25]
    world["unknown"] = names[:3]
    return world


def _keys_of(world: World) -> set[str]:
    text = json.dumps(world).lower()
    return {key for key in WIDE_VALUES if key in text}


def unknown_values(world: World) -> dict[str, list[list[str] | None]]:
    """Return for each unknown key the values that it may have; ``None``: it is absent."""
    return {
        key: [None, *WIDE_VALUES.get(key, []), *OTHERS.get(key, [])] for key in world["unknown"]
    }


# ---- as rolehop sees it


def judged(world: World) -> Outcome:
    """Return rolehop's outcome, read from documents as the AWS CLI writes them."""
    records = inventory(world)
    if world.get("passes"):
        (service,) = world["ctx"]["iam:passedtoservice"]
        role = records.find(ROLE) or Entity(ROLE)
        found = find_passers(records, role, [service]).passers
        arn = world["caller_role"] or world["caller"]
        return next((each.outcome for each in found if each.arn == arn), Outcome.REFUSED)
    return evaluate(request_of(world, records)).outcome


def request_of(world: World, records: IamInventory) -> Request:
    """Return the request of a world that is no PassRole."""
    caller = _caller(world)
    session = world["session_policy"]
    text = None if session is None else policy_text(*session)
    known = {k: v for k, v in world["ctx"].items() if k not in world["unknown"]}
    absent = [key for key in ALL_KEYS if key not in known and key not in world["unknown"]]
    return Request(
        role=world["role"],
        caller=caller,
        context=Context(known, absent),
        actions=tuple(world["actions"]),
        policies={
            PolicyType.TRUST: records.trust(world["role"]),
            PolicyType.PERMISSIONS: records.permissions(caller.named),
            PolicyType.BOUNDARY: records.boundary(caller.named) if caller.named else NO_POLICY,
            PolicyType.SESSION: records.session(text, (), "the hop"),
            PolicyType.SCP: records.scp(caller.account),
            PolicyType.RCP: records.rcp(account_of(world["role"])),
        },
    )


ALL_KEYS = (*WIDE_VALUES, "aws:none", "aws:principaltag/none", "aws:principalaccount")


def _caller(world: World) -> Caller:
    if world["caller"] is not None:
        return caller_from_arn(world["caller"], role=world["caller_role"])
    token = world["service"] is None
    return Caller(None, None, provider=world["provider"], federated=token, service=world["service"])


def inventory(world: World) -> IamInventory:
    """Return the world's documents, read from the output of the AWS CLI."""
    records = read_inventory(json.dumps(details(world)))
    scps = {} if world["scp"] is None else {"*": tuple(policy_text(*each) for each in world["scp"])}
    rcps = {} if world["rcp"] is None else {"*": (policy_text(*world["rcp"]),)}
    account = account_of(world["caller"]) if world["caller"] else None
    management = frozenset({account} if world.get("management") and account else ())
    return replace(records, scps=scps, rcps=rcps, management_accounts=management)
