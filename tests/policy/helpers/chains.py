"""A chain alice -> Hub -> Admin over three accounts: its documents, its verdicts, and the double.

The strict double walks the chain by the same documents.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rolehop.base.arn import RoleArn
from rolehop.policy import PolicyType
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict, judge_chain
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.request_context import Unknown
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange, apply_changes
from rolehop.policy.remedies.search import Remedy
from rolehop.policy.requests import ChainScenario, ConfigLocation
from tests.doubles.sts_params import Refused
from tests.doubles.sts_params import Request as StsRequest
from tests.doubles.sts_rules import assume_role
from tests.doubles.sts_trust import Who, judge_permissions, judge_trust
from tests.doubles.sts_world import Key, World
from tests.support.policies import policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = "arn:aws:iam::111111111111:user/alice"
HUB = "arn:aws:iam::222222222222:role/team/Hub"
ADMIN = "arn:aws:iam::333333333333:role/Admin"
Json = dict[str, Any]
NOBODY = StartingCredentials(ALICE, long_lived=True, mfa=False)


def may(resource: str, *actions: str) -> Json:
    return {"Effect": "Allow", "Action": list(actions or ("sts:AssumeRole",)), "Resource": resource}


def trusts(principal: Any, *actions: str, **condition: Json) -> Json:
    named = principal if principal == "*" else {"AWS": principal}
    statement: Json = {
        "Effect": "Allow",
        "Principal": named,
        "Action": list(actions or ("sts:AssumeRole",)),
    }
    return {**statement, "Condition": condition} if condition else statement


@dataclass
class Case:
    """A chain alice -> Hub -> Admin with every document that judges it."""

    documents: dict[str, Json]
    """``alice``, ``hub``, ``admin`` permissions; ``trust-hub``, ``trust-admin``; ``boundary-hub``;
    ``scp-222222222222``; ``rcp-333333333333``."""

    hops: list[Json]
    mfa: bool = False
    """Whether the source has its mfa_serial."""

    tags: Json = field(default_factory=dict)
    """Of role Admin."""

    region_in_config: bool = False

    def asked(self) -> list[AssumeRoleRequest]:
        return [
            AssumeRoleRequest(RoleArn.parse(role), **{"session_name": "s1", **hop})
            for role, hop in zip((HUB, ADMIN), self.hops, strict=True)
        ]


def healthy() -> Case:
    return Case(
        {
            "alice": policy(may(HUB)),
            "hub": policy(may(ADMIN)),
            "admin": policy(),
            "trust-hub": policy(trusts(ALICE)),
            "trust-admin": policy(trusts(HUB)),
        },
        [{}, {}],
    )


def records(case: Case) -> IamInventory:
    documents = case.documents

    def role(arn: str, name: str) -> Json:
        found = {
            "Arn": arn,
            "RoleId": "AROA" + name.upper(),
            "AssumeRolePolicyDocument": documents[f"trust-{name}"],
            "RolePolicyList": [{"PolicyName": name, "PolicyDocument": documents[name]}],
            "AttachedManagedPolicies": [],
            "Tags": [{"Key": k, "Value": v} for k, v in case.tags.items() if name == "admin"],
        }
        if f"boundary-{name}" in documents:
            arn = f"arn:aws:iam::222222222222:policy/boundary-{name}"
            found["PermissionsBoundary"] = {"PermissionsBoundaryArn": arn}
        return found

    user = {
        "Arn": ALICE,
        "UserId": "AIDAALICE",
        "UserPolicyList": [{"PolicyName": "alice", "PolicyDocument": documents["alice"]}],
        "AttachedManagedPolicies": [],
        "GroupList": [],
    }
    managed = [
        {
            "Arn": f"arn:aws:iam::222222222222:policy/{name}",
            "PolicyVersionList": [{"Document": document, "IsDefaultVersion": True}],
        }
        for name, document in documents.items()
        if name.startswith("boundary-")
    ]
    files = [
        {"UserDetailList": [user], "GroupDetailList": [], "RoleDetailList": [], "Policies": []},
        {"RoleDetailList": [role(HUB, "hub")], "Policies": managed},
        {"RoleDetailList": [role(ADMIN, "admin")]},
    ]
    together = IamInventory(
        scps={n[4:]: (json.dumps(d),) for n, d in documents.items() if n.startswith("scp-")},
        rcps={n[4:]: (json.dumps(d),) for n, d in documents.items() if n.startswith("rcp-")},
    )
    for file in files:
        together = together.merged(read_inventory(json.dumps(file)))
    return together


def scenario(case: Case) -> ChainScenario:
    start = StartingCredentials(ALICE, long_lived=True, mfa=case.mfa)
    setting = EvaluationContext(records(case), NOW, region="eu-west-1")
    place = ConfigLocation("chain 'c'", {"region": "region"}) if case.region_in_config else None
    return ChainScenario(start, tuple(case.asked()), setting, region_location=place)


def explained(case: Case) -> tuple[HopVerdict, ...]:
    return judge_chain("chain", "me", scenario(case)).hops


# ---- the strict double


def double_accepts(case: Case) -> bool:
    """Walk the chain against the double: its STS, and its judge for what its STS knows not."""
    world = World()
    alice = world.user("111111111111", "alice")
    device = world.mfa_device(alice)
    hub = world.role(HUB, policy=case.documents["trust-hub"])
    world.role(ADMIN, policy=case.documents["trust-admin"])
    signers: list[tuple[Key, str]] = [(alice.key, "alice")]
    for number, hop in enumerate(case.asked()):
        key, name = signers[-1]
        if not _guards_accept(case, hop, key, name):
            return False
        params = _params(hop)
        if case.mfa and number == 0:
            params |= {"SerialNumber": device.serial, "TokenCode": device.code(NOW)}
        try:
            assume_role(world, StsRequest(params, key, "eu-west-1", NOW, 400, 9999, True))
        except Refused:
            return False
        made = [each for each in world.keys.values() if each.token][-1]
        signers.append((made, ("hub", "admin")[number]))
    assert hub.name == "Hub"
    return True


def _guards_accept(case: Case, hop: AssumeRoleRequest, key: Key, name: str) -> bool:
    identity = hop.source_identity or key.source_identity
    actions = ["sts:AssumeRole"]
    actions += ["sts:TagSession"] if hop.tags or key.transitive else []
    actions += ["sts:SetSourceIdentity"] if identity else []
    assert not isinstance(identity, Unknown), "these chains know what they send"
    by_user = key.token is None
    found: dict[str, list[str]] = {
        "aws:principalarn": [key.role.arn if key.role else key.arn],
        "aws:multifactorauthpresent": (["true"] if case.mfa else []) if by_user else ["false"],
        "aws:sourceidentity": [key.source_identity] if key.source_identity else [],
        "aws:tagkeys": [tag for tag, _ in hop.tags],
        "sts:externalid": [hop.external_id] if hop.external_id else [],
        "sts:rolesessionname": [hop.session_name],
        "sts:sourceidentity": [identity] if identity else [],
        "sts:transitivetagkeys": list(hop.transitive_tags),
        **{f"aws:requesttag/{tag.lower()}": [value] for tag, value in hop.tags},
        **{f"aws:principaltag/{tag.lower()}": [value] for tag, value in key.tags.items()},
    }
    context = {name: values for name, values in found.items() if values}
    needed = [case.documents[name]]
    for guard in (f"boundary-{name}", f"scp-{key.account}"):
        needed += [case.documents[guard]] if guard in case.documents else []
    who = Who(key.account, frozenset({key.arn, key.role.arn if key.role else key.arn}))
    rcp = _on(str(hop.role), case.documents.get(f"rcp-{hop.role.account}"))
    return all(
        judge_permissions([json.dumps(document)], action, str(hop.role), context)
        for action in actions
        for document in needed
    ) and not (
        rcp and any(judge_trust(json.dumps(rcp), each, who, context).denied for each in actions)
    )


def _on(role: str, document: Json | None) -> Json | None:
    """Return the statements that mean the role: the double's judge of trust knows no Resource."""
    if document is None:
        return None
    meant = []
    for each in document["Statement"]:
        named = "Resource" if "Resource" in each else "NotResource"
        hits = each.get(named, "*") in (role, "*")
        meant += [each] if hits is (named == "Resource") else []
    return policy(*meant)


def _params(hop: AssumeRoleRequest) -> dict[str, str]:
    assert not isinstance(hop.source_identity, Unknown), "these chains know what they send"
    found = {"RoleArn": str(hop.role), "RoleSessionName": hop.session_name}
    for name, value in (
        ("ExternalId", hop.external_id),
        ("Policy", hop.policy),
        ("SourceIdentity", hop.source_identity),
    ):
        found.update({name: value} if value else {})
    for number, (key, value) in enumerate(hop.tags, start=1):
        found[f"Tags.member.{number}.Key"] = key
        found[f"Tags.member.{number}.Value"] = value
    for number, key in enumerate(hop.transitive_tags, start=1):
        found[f"TransitiveTagKeys.member.{number}"] = key
    return found


# ---- making it right


def made(case: Case, remedy: Remedy) -> Case:
    """Return the case with every step of the way made, by whom it is for."""
    with_policy_changes = deepcopy(case)
    for step in remedy.steps:
        if isinstance(step, ConfigChange):
            _edit(with_policy_changes, step)
    for policy_type, hop in dict.fromkeys(
        (e.policy_type, e.hop) for e in remedy.steps if isinstance(e, PolicyChange)
    ):
        policy_changes = [
            each
            for each in remedy.steps
            if isinstance(each, PolicyChange) and (each.policy_type, each.hop) == (policy_type, hop)
        ]
        _policy_change(with_policy_changes, policy_type, hop, policy_changes)
    return with_policy_changes


def _edit(case: Case, step: ConfigChange) -> None:
    """Write the keys of the config as a person would; there, lists and tables become tuples."""
    if "mfa_serial" in step.keys:
        assert step.hop in (0, 1)
        case.mfa = True
        return
    for key, value in step.keys.items():
        if step.kind is ChangeKind.REMOVE:
            del case.hops[step.hop - 1][key]
        elif isinstance(value, str):
            case.hops[step.hop - 1][key] = value
        else:
            pairs = value.items() if isinstance(value, dict) else value
            case.hops[step.hop - 1][key] = tuple(pairs)


def _policy_change(
    case: Case, policy: PolicyType, hop: int, policy_changes: list[PolicyChange]
) -> None:
    caller, role = {1: ("alice", "hub"), 2: ("hub", "admin")}[hop]
    if policy is PolicyType.SESSION:
        before = json.loads(case.hops[hop - 2]["policy"])
        case.hops[hop - 2]["policy"] = json.dumps(apply_changes(before, policy_changes))
        return
    name = {
        PolicyType.TRUST: f"trust-{role}",
        PolicyType.PERMISSIONS: caller,
        PolicyType.BOUNDARY: f"boundary-{caller}",
        PolicyType.SCP: f"scp-{policy_changes[0].member}",
        PolicyType.RCP: f"rcp-{policy_changes[0].member}",
    }[policy]
    case.documents[name] = apply_changes(case.documents[name], policy_changes)


def remedies_at(case: Case, hop: int) -> tuple[Remedy, ...]:
    return explained(case)[hop - 1].remedies()


def judged(case: Case) -> ChainVerdict:
    return judge_chain("chain", "me", scenario(case))
