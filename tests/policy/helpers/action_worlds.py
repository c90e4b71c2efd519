"""Generated worlds in which a session takes an action: of twelve services, on resources of all kinds."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from rolehop.base.arn import RoleArn, account_of
from rolehop.base.dataclass import replace
from rolehop.policy import NOT_VISIBLE, Outcome, Verdict, evaluate
from rolehop.policy.action_request import action_requests, resource_policy
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import (
    AssumeRoleRequest,
    EvaluationContext,
    ScopeRequest,
    StartingCredentials,
)
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.requests import ChainScenario
from tests.policy.helpers.cli_output import details
from tests.policy.helpers.requests import ALICE, NOW
from tests.policy.helpers.worlds import ROLE, World
from tests.support.policies import policy_text

OPS = "arn:aws:iam::222222222222:role/x/Ops"
HUB = "arn:aws:iam::111111111111:role/Hub"
_CALLERS = [
    ("arn:aws:sts::222222222222:assumed-role/Ops/s1", OPS),
    ("arn:aws:sts::111111111111:assumed-role/Hub/s1", HUB),
    ("arn:aws:iam::222222222222:user/bob", None),
    (ALICE, None),
]
KEY = "arn:aws:kms:eu-west-1:222222222222:key/1"
QUEUE = "arn:aws:sqs:eu-west-1:222222222222:jobs"
FUNCTION = "arn:aws:lambda:eu-west-1:222222222222:function:f"
GROUP = "arn:aws:autoscaling:eu-west-1:222222222222:autoScalingGroup:1:autoScalingGroupName/g"
THING = "arn:aws:newservice:eu-west-1:222222222222:thing/1"
OBJECT = "arn:aws:s3:::logs/a.gz"
BUCKET = "arn:aws:s3:::logs"
INSTANCE = "arn:aws:ec2:eu-west-1:222222222222:instance/i-1"
PARAMETER = "arn:aws:ssm:eu-west-1:222222222222:parameter/a"
SECRET = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:a-1"
TABLE = "arn:aws:dynamodb:eu-west-1:222222222222:table/t"
ALIAS = "arn:aws:kms:eu-west-1:222222222222:alias/a"
ALIAS_OF_AWS = "arn:aws:kms:eu-west-1:222222222222:alias/aws/s3"
POLICY_OF_AWS = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ROLE_OF_AWS = "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_a_1"
USER = "arn:aws:sts::222222222222:federated-user/bob"
# Actions with their resource, and how often each is drawn.
_CALLS = [
    *[("sts:AssumeRole", ROLE)] * 4,
    ("sts:TagSession", ROLE),
    ("iam:GetRole", ROLE),
    *[("kms:Decrypt", KEY)] * 3,
    *[("sqs:SendMessage", QUEUE)] * 2,
    ("kms:RetireGrant", KEY),
    ("lambda:InvokeFunction", FUNCTION),
    ("autoscaling:SetDesiredCapacity", GROUP),
    ("newservice:Use", THING),
    ("sts:GetFederationToken", USER),
    *[("s3:GetObject", OBJECT)] * 2,
    *[("s3:ListAllMyBuckets", BUCKET)] * 2,
    *[("ec2:StopInstances", INSTANCE)] * 2,
    ("ssm:GetParameter", PARAMETER),
    ("secretsmanager:GetSecretValue", SECRET),
    ("dynamodb:GetItem", TABLE),
    ("kms:CreateAlias", ALIAS),
    ("kms:DeleteAlias", ALIAS_OF_AWS),
    ("iam:CreatePolicyVersion", POLICY_OF_AWS),
    ("iam:PutRolePolicy", ROLE_OF_AWS),
]
_CONDITIONS: list[dict[str, Any]] = [
    {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    {"StringEquals": {"sts:ExternalId": "x-1"}},
    {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
    {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}},
    {"Null": {"aws:RequestedRegion": "true"}},
    {"StringLike": {"aws:FederatedProvider": "*"}},
    {"Null": {"aws:PrincipalServiceName": "false"}},
    {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
    {"StringEquals": {"aws:ResourceAccount": ["222222222222", "111111111111"]}},
    {"Null": {"aws:TokenIssueTime": "true"}},
    {"Null": {"aws:TokenIssueTime": "false"}},
    {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
    {"Null": {"aws:MultiFactorAuthPresent": "true"}},
    {"Null": {"aws:MultiFactorAuthAge": "false"}},
    {"NumericLessThan": {"aws:MultiFactorAuthAge": "999999"}},
    {"DateLessThan": {"aws:TokenIssueTime": "2099-01-01T00:00:00Z"}},
]
_VALUES: dict[str, list[list[str]]] = {
    "aws:sourceip": [["203.0.113.9"], ["1.2.3.4"]],
    "sts:externalid": [["x-1"], ["zz"]],
    "aws:principalorgid": [["o-1"], ["o-9"]],
}


_ALWAYS: dict[str, list[list[str] | None]] = {"aws:requestedregion": [["eu-west-1"], ["us-east-1"]]}
"""Of keys that every call has: the values that they may have."""


def make_action_world(rng: Random) -> World:
    """Draw one: a caller, an action, and every policy; at times nobody sees the resource's own."""
    caller, role = rng.choice(_CALLERS)
    action, resource = rng.choice(_CALLS)
    names = [caller, role or caller, account_of(caller), "*", "333333333333"]

    def statements(*, own: bool = False) -> list[dict[str, Any]]:
        return [_statement(rng, action, resource, names if own else None) for _ in range(2)]

    identity = statements()[: rng.randint(0, 2)]
    own = [] if rng.random() < 0.1 else statements(own=True)
    possible = {
        key: each
        for key, each in _VALUES.items()
        if key != "sts:externalid" or action.startswith("sts:")
    }
    known = {key: rng.choice(each) for key, each in possible.items() if rng.random() < 0.6}
    mfa = role is None and rng.random() < 0.5
    world: World = {
        "acts": True,
        "role": resource,
        "caller": caller,
        "caller_role": role,
        "provider": None,
        "service": None,
        "actions": [action],
        "trust": own,
        "identity": identity,
        "spread": ["inline"] * len(identity),
        "boundary": statements() if rng.random() < 0.2 else None,
        "session_policy": statements() if role and rng.random() < 0.2 else None,
        "scp": [statements()] if rng.random() < 0.15 else None,
        "rcp": [_rcp(rng, action)] if rng.random() < 0.2 else None,
        "management": False,
        "mfa": mfa,
        "ctx": {**known, "aws:principalarn": [role or caller], **_of_session(mfa=mfa)},
        "unknown": [key for key in possible if key not in known],
    }
    region = resource.split(":")[3]
    if region:
        world["ctx"]["aws:requestedregion"] = [region]  # a regional resource is called there
    else:
        world["unknown"].append("aws:requestedregion")
    if action.startswith("newservice:"):
        world["coverage"] = [True, False]
    if resource == OBJECT:
        world["owners"] = [account_of(caller), "444444444444"]
    if action == "s3:ListAllMyBuckets":
        world["all"] = True
    near = resource in (INSTANCE, GROUP) and account_of(caller) == account_of(resource)
    if near or resource in (BUCKET, ALIAS, ALIAS_OF_AWS):
        world["hidden"] = [[]]  # there is none
    elif rng.random() < 0.3:
        world["hidden"] = _candidates(world)
        world.pop("owners", None)  # that it is the caller's own is said to be assumed
    return world


def make_scope_world(rng: Random) -> World:
    """Draw one in which the session is narrowed by a scope, besides all else."""
    world = make_action_world(rng)
    (action,) = world["actions"]
    drawn = [_statement(rng, action, world["role"], None) for _ in range(rng.randint(1, 2))]
    # A trust policy has no resource, a scope's policy must have one.
    world["scope"] = [{"Resource": "*", **each} for each in drawn]
    return world


def _of_session(*, mfa: bool) -> dict[str, list[str]]:
    """Return what every temporary credentials carry, of a role or of GetSessionToken."""
    of_mfa = {"aws:multifactorauthage": ["300"]} if mfa else {}
    return {
        "aws:tokenissuetime": [f"{NOW:%Y-%m-%dT%H:%M:%SZ}"],
        "aws:multifactorauthpresent": ["true" if mfa else "false"],
        **of_mfa,
    }


def _rcp(rng: Random, action: str) -> dict[str, Any]:
    denied = {**_statement(rng, action, "*", None), "Effect": "Deny", "Principal": "*"}
    return {**denied, "Resource": "*"}


def _statement(rng: Random, action: str, resource: str, names: list[Any] | None) -> dict[str, Any]:
    service = action.partition(":")[0]
    found: dict[str, Any] = {
        "Effect": "Allow" if rng.random() < 0.85 else "Deny",
        "Action": rng.choice([action, f"{service}:*", "*", "s3:*"]),
    }
    if names is not None:
        found["Principal"] = {"AWS": rng.choice(names)}
    if names is None or not resource.endswith(ROLE):
        found["Resource"] = rng.choice(
            ["*", resource, resource, f"{resource[:-1]}*", f"{resource}x", *_wide(resource)]
        )
    return {**found, "Condition": rng.choice(_CONDITIONS)} if rng.random() < 0.3 else found


def _wide(resource: str) -> list[str]:
    """Return ARNs without their last parts, and such in which a star may stand for several."""
    if resource == "*":
        return []
    parts = resource.split(":")
    of_all = f"arn:aws:{parts[2]}:::*" if parts[2] == "s3" else ":".join([*parts[:5], "*"])
    return [":".join(parts[:3]), f"{':'.join(parts[:3])}:*", of_all]


def _candidates(world: World) -> list[list[dict[str, Any]]]:
    """Return what the hidden policy may say; rolehop says that it assumes no Deny where none must exist."""

    def says(effect: str, principal: str | None) -> list[dict[str, Any]]:
        listed = {"Effect": effect, "Principal": {"AWS": principal}, "Action": "*"}
        return [listed if world["role"] == ROLE else {**listed, "Resource": "*"}]

    names = (world["caller"], account_of(world["caller"]))
    may_deny = world["role"] not in (ROLE, KEY)
    return [
        [],
        *(says("Allow", each) for each in names),
        *([] if may_deny else [says("Deny", "*")]),
    ]


# ---- as rolehop sees it


def judged_action(world: World) -> Verdict:
    """Return rolehop's verdict; a trust policy is read from IAM's output or given as a file."""
    (request,) = action_requests(
        scenario_of(world), world["actions"], world["role"], own_policy_of(world)
    )
    return evaluate(request)


def own_policy_of(world: World) -> Any:
    of_role = world["role"] == ROLE and len(world["identity"]) != 1
    if "hidden" in world or of_role:
        return NOT_VISIBLE
    return resource_policy(policy_text(*world["trust"]))


def scenario_of(world: World) -> ChainScenario:
    caller, role, session = (world[each] for each in ("caller", "caller_role", "session_policy"))
    text = None if session is None else policy_text(*session)
    hops = () if role is None else (AssumeRoleRequest(RoleArn.parse(role), "s1", policy=text),)
    start = StartingCredentials(
        caller if role is None else ALICE,
        long_lived=True,
        mfa=world["mfa"],
        token_seconds=None if hops else 43_200,  # what a chain without hops hands out
    )
    supplied = {key: each for key, each in world["ctx"].items() if key in _VALUES}
    scope = ScopeRequest(policy_text(*world["scope"])) if "scope" in world else None
    context = EvaluationContext(_inventory(world), NOW, None, supplied)
    return ChainScenario(start, hops, context, scope=scope)


def _inventory(world: World) -> IamInventory:
    of_role = world["role"] == ROLE
    shown = {**world, "role": ROLE, "trust": world["trust"] if of_role else []}
    records = read_inventory(json.dumps(details(shown)))
    if "hidden" in world:
        records = replace(records, entities={**records.entities, ROLE: Entity(ROLE)})
    scps = {} if world["scp"] is None else {"*": (policy_text(*world["scp"][0]),)}
    rcps = {} if world["rcp"] is None else {"*": (policy_text(*world["rcp"]),)}
    return replace(records, scps=scps, rcps=rcps)


def unknown_of_action(world: World) -> dict[str, list[list[str] | None]]:
    """Return for each unknown key the values that it may have; ``None``: it is absent."""
    return {key: _ALWAYS.get(key) or [None, *_VALUES[key]] for key in world["unknown"]}


def outcome_of_action(world: World) -> Outcome:
    """Return the outcome of `judged_action`."""
    return judged_action(world).outcome
