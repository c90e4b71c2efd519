"""Chains with one wrong thing each: it is named first, and its mend convinces the strict double."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from rolehop.arn import RoleArn
from rolehop.trust import LaneName, Outcome, Reason, Verdict, evaluate
from rolehop.trust.hops import HopAsked, Setting, Start, requests
from rolehop.trust.mend import Change, Mend, apply_mend, mends
from rolehop.trust.records import Records, read_records
from tests.doubles.sts_rules import Refused, assume_role
from tests.doubles.sts_rules import Request as StsRequest
from tests.doubles.sts_trust import Who, judge_permissions, judge_trust
from tests.doubles.sts_world import Key, World

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = "arn:aws:iam::111111111111:user/alice"
HUB = "arn:aws:iam::222222222222:role/team/Hub"
ADMIN = "arn:aws:iam::333333333333:role/Admin"
Json = dict[str, Any]


def policy(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


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

    def asked(self) -> list[HopAsked]:
        return [
            HopAsked(RoleArn.parse(role), "s1", **hop)
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


def records(case: Case) -> Records:
    documents = case.documents

    def role(arn: str, name: str) -> Json:
        found = {
            "Arn": arn,
            "RoleId": "AROA" + name.upper(),
            "AssumeRolePolicyDocument": documents[f"trust-{name}"],
            "RolePolicyList": [{"PolicyName": name, "PolicyDocument": documents[name]}],
            "AttachedManagedPolicies": [],
            "Tags": [],
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
    together = Records(
        scps={n[4:]: (json.dumps(d),) for n, d in documents.items() if n.startswith("scp-")},
        rcps={n[4:]: (json.dumps(d),) for n, d in documents.items() if n.startswith("rcp-")},
    )
    for file in files:
        together = together.merged(read_records(json.dumps(file)))
    return together


def explained(case: Case) -> list[Verdict]:
    start = Start(ALICE, long_lived=True, mfa=False)
    setting = Setting(records(case), NOW, region="eu-west-1")
    return [evaluate(request) for request in requests(start, case.asked(), setting)]


# ---- the strict double


def double_accepts(case: Case) -> bool:
    """Walk the chain against the double: its STS, and its judge for what its STS knows not."""
    world = World()
    alice = world.user("111111111111", "alice")
    hub = world.role(HUB, policy=case.documents["trust-hub"])
    world.role(ADMIN, policy=case.documents["trust-admin"])
    signers: list[tuple[Key, str]] = [(alice.key, "alice")]
    for number, hop in enumerate(case.asked()):
        key, name = signers[-1]
        if not _guards_accept(case, hop, key, name):
            return False
        try:
            assume_role(world, StsRequest(_params(hop), key, "eu-west-1", NOW, 400, 9999, True))
        except Refused:
            return False
        made = [each for each in world.keys.values() if each.token][-1]
        signers.append((made, ("hub", "admin")[number]))
    assert hub.name == "Hub"
    return True


def _guards_accept(case: Case, hop: HopAsked, key: Key, name: str) -> bool:
    identity = hop.source_identity or key.source_identity
    actions = ["sts:AssumeRole"]
    actions += ["sts:TagSession"] if hop.tags or key.transitive else []
    actions += ["sts:SetSourceIdentity"] if identity else []
    context = {"aws:principalarn": [key.role.arn if key.role else key.arn]}
    needed = [case.documents[name]]
    for guard in (f"boundary-{name}", f"scp-{key.account}"):
        needed += [case.documents[guard]] if guard in case.documents else []
    who = Who(key.account, frozenset({key.arn, key.role.arn if key.role else key.arn}))
    rcp = case.documents.get(f"rcp-{hop.role.account}")
    return all(
        judge_permissions([json.dumps(document)], action, str(hop.role), context)
        for action in actions
        for document in needed
    ) and not (
        rcp and any(judge_trust(json.dumps(rcp), each, who, context).denied for each in actions)
    )


def _params(hop: HopAsked) -> dict[str, str]:
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


# ---- what is wrong

Breaks = Callable[[Case], None]


def sets(name: str, *statements: Json, **hops: Json) -> Breaks:
    """Replace document ``name``; ``hop1`` and ``hop2`` change what the hops send."""

    def apply(case: Case) -> None:
        case.documents[name] = policy(*statements)
        for hop, values in hops.items():
            case.hops[int(hop[-1]) - 1].update(values)

    return apply


def also(*breaks: Breaks) -> Breaks:
    def apply(case: Case) -> None:
        for each in breaks:
            each(case)

    return apply


TAGGED = {"hop1": {"tags": (("team", "blue"),), "transitive_tags": ("team",)}}
TAGS_BEFORE = also(
    sets("alice", may(HUB, "sts:AssumeRole", "sts:TagSession"), **TAGGED),
    sets("trust-hub", trusts(ALICE, "sts:AssumeRole", "sts:TagSession")),
)
NAMED = {"hop1": {"source_identity": "alice"}}
IDENTITY_BEFORE = also(
    sets("alice", may(HUB, "sts:AssumeRole", "sts:SetSourceIdentity"), **NAMED),
    sets("trust-hub", trusts(ALICE, "sts:AssumeRole", "sts:SetSourceIdentity")),
)
DENY = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
ID = {"external_id": "sent"}
L, R = LaneName, Reason
BROKEN: dict[str, tuple[Breaks, int, LaneName, Reason]] = {
    "another user is trusted": (
        sets("trust-hub", trusts("arn:aws:iam::111111111111:user/bob")), 1, L.TRUST, R.NOT_NAMED
    ),
    "another account is trusted": (
        sets("trust-admin", trusts("444444444444")), 2, L.TRUST, R.OTHER_ACCOUNT
    ),
    "another session is trusted": (
        sets("trust-admin", trusts("arn:aws:sts::222222222222:assumed-role/Hub/s2")),
        2, L.TRUST, R.OTHER_SESSION,
    ),
    "the role's path is forgotten": (
        sets("trust-admin", trusts("arn:aws:iam::222222222222:role/Hub")), 2, L.TRUST, R.NOT_NAMED
    ),
    "a deleted role is trusted": (
        sets("trust-admin", trusts("AROAGONE")), 2, L.TRUST, R.DELETED_PRINCIPAL
    ),
    "a deleted user is trusted": (
        sets("trust-hub", trusts(["AIDAGONE", "arn:aws:iam::111111111111:user/bob"])),
        1, L.TRUST, R.DELETED_PRINCIPAL,
    ),
    "the principal is of another partition": (
        sets("trust-admin", trusts(HUB.replace("aws", "aws-cn", 1))), 2, L.TRUST, R.OTHER_PARTITION
    ),
    "a pattern stands where a principal should": (
        sets("trust-admin", trusts("arn:aws:iam::222222222222:role/team/*")),
        2, L.TRUST, R.NOT_A_PRINCIPAL,
    ),
    "the external ID is another": (
        sets("trust-admin", trusts(HUB, StringEquals={"sts:ExternalId": "x"}), hop2=ID),
        2, L.TRUST, R.VALUE_DIFFERS,
    ),
    "the external ID is missing": (
        sets("trust-admin", trusts(HUB, StringEquals={"sts:ExternalId": "x"})),
        2, L.TRUST, R.KEY_ABSENT,
    ),
    "MFA is wanted on hop 1 and there is none": (
        sets("trust-hub", trusts(ALICE, Bool={"aws:MultiFactorAuthPresent": "true"})),
        1, L.TRUST, R.KEY_ABSENT,
    ),
    "MFA is wanted on hop 2, where it never is": (
        sets("trust-admin", trusts(HUB, Bool={"aws:MultiFactorAuthPresent": "true"})),
        2, L.TRUST, R.VALUE_DIFFERS,
    ),
    "the role session name is another": (
        sets("trust-admin", trusts(HUB, StringLike={"sts:RoleSessionName": "ci-*"})),
        2, L.TRUST, R.VALUE_DIFFERS,
    ),
    "a source identity is wanted": (
        sets("trust-admin", trusts(HUB, Null={"sts:SourceIdentity": "false"})),
        2, L.TRUST, R.KEY_ABSENT,
    ),
    "a tag has the wrong value": (
        also(
            TAGS_BEFORE,
            sets("hub", may(ADMIN, "sts:AssumeRole", "sts:TagSession")),
            sets(
                "trust-admin",
                trusts(HUB, "sts:*", StringEquals={"aws:PrincipalTag/team": "red"}),
            ),
        ),
        2, L.TRUST, R.VALUE_DIFFERS,
    ),
    "tags travel on and the role does not allow sts:TagSession": (
        also(TAGS_BEFORE, sets("hub", may(ADMIN, "sts:AssumeRole", "sts:TagSession"))),
        2, L.TRUST, R.ACTION_NOT_LISTED,
    ),
    "tags travel on and the caller may not pass them": (
        also(TAGS_BEFORE, sets("trust-admin", trusts(HUB, "sts:AssumeRole", "sts:TagSession"))),
        2, L.PERMISSIONS, R.ACTION_NOT_LISTED,
    ),
    "the source identity travels on and the role does not allow it": (
        also(IDENTITY_BEFORE, sets("hub", may(ADMIN, "sts:AssumeRole", "sts:SetSourceIdentity"))),
        2, L.TRUST, R.ACTION_NOT_LISTED,
    ),
    "the caller's permissions name another role": (
        sets("hub", may(ADMIN + "s")), 2, L.PERMISSIONS, R.RESOURCE_NOT_LISTED
    ),
    "the caller has no policy for it": (sets("hub"), 2, L.PERMISSIONS, R.NO_ALLOW),
    "the caller's own policy denies it": (
        sets("hub", may(ADMIN), DENY), 2, L.PERMISSIONS, R.EXPLICIT_DENY
    ),
    "the caller's own policy denies this very role": (
        sets("alice", may("*"), {**DENY, "Resource": HUB}), 1, L.PERMISSIONS, R.EXPLICIT_DENY
    ),
    "the trust policy denies whoever has no MFA": (
        sets(
            "trust-admin",
            trusts(HUB),
            {**trusts("*"), "Effect": "Deny",
             "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
        ),
        2, L.TRUST, R.EXPLICIT_DENY,
    ),
    "the trust policy denies the caller by name": (
        sets("trust-admin", trusts(HUB), {**trusts(HUB), "Effect": "Deny"}),
        2, L.TRUST, R.EXPLICIT_DENY,
    ),
    "the boundary leaves it out": (
        sets("boundary-hub", may("*", "s3:*")), 2, L.BOUNDARY, R.ACTION_NOT_LISTED
    ),
    "the session policy leaves it out": (
        sets("admin", hop1={"policy": json.dumps(policy(may("*", "s3:*")))}),
        2, L.SESSION, R.ACTION_NOT_LISTED,
    ),
    "the organization allows something else": (
        sets("scp-222222222222", may("*", "s3:*")), 2, L.SCP, R.ACTION_NOT_LISTED
    ),
    "the organization denies it": (
        sets("scp-222222222222", may("*", "*"), {**DENY, "Action": "sts:AssumeRole"}),
        2, L.SCP, R.EXPLICIT_DENY,
    ),
    "the role's organization keeps others out": (
        sets("rcp-333333333333", {"Effect": "Deny", "Principal": "*", "Action": "sts:*",
                                  "Resource": "*"}),
        2, L.RCP, R.EXPLICIT_DENY,
    ),
}  # fmt: skip

every_broken_chain = pytest.mark.parametrize(
    ("breaks", "hop", "lane", "reason"), BROKEN.values(), ids=BROKEN
)


def broken(breaks: Breaks) -> Case:
    case = healthy()
    breaks(case)
    return case


def test_the_healthy_chain_is_allowed_and_accepted() -> None:
    assert [verdict.outcome for verdict in explained(healthy())] == [Outcome.ALLOWED] * 2
    assert {verdict.assuming for verdict in explained(healthy())} == {("scp", "rcp")}
    assert double_accepts(healthy())


@every_broken_chain
def test_the_wrong_thing_is_named_first(
    breaks: Breaks, hop: int, lane: LaneName, reason: Reason
) -> None:
    outcomes = [verdict.outcome for verdict in explained(broken(breaks))]
    assert outcomes[hop - 1] is Outcome.REFUSED
    assert outcomes[: hop - 1] == [Outcome.ALLOWED] * (hop - 1)
    verdict = explained(broken(breaks))[hop - 1]
    assert [each.name for each in verdict.refused] == [lane]
    assert verdict.first_wrong is not None
    assert verdict.first_wrong.reason is reason


@every_broken_chain
def test_its_mend_makes_evaluator_and_double_accept(
    breaks: Breaks, hop: int, lane: LaneName, reason: Reason
) -> None:
    case = broken(breaks)
    assert not double_accepts(case)
    (mend,) = mends(explained(case)[hop - 1])
    mended = made(case, mend, hop)
    assert [verdict.outcome for verdict in explained(mended)] == [Outcome.ALLOWED] * 2
    assert double_accepts(mended)


@every_broken_chain
def test_a_deny_is_never_answered_by_adding(
    breaks: Breaks, hop: int, lane: LaneName, reason: Reason
) -> None:
    (mend,) = mends(explained(broken(breaks))[hop - 1])
    assert (mend.change is Change.ADD) <= (reason is not Reason.EXPLICIT_DENY)
    owner = {1: ("111111111111", "222222222222"), 2: ("222222222222", "333333333333")}[hop]
    assert mend.account == owner[lane in (LaneName.TRUST, LaneName.RCP)]


def made(case: Case, mend: Mend, hop: int) -> Case:
    """Return the case with the mend made by the account it names."""
    mended = copy.deepcopy(case)
    caller, role = {1: ("alice", "hub"), 2: ("hub", "admin")}[hop]
    if mend.lane is LaneName.SESSION:
        before = json.loads(mended.hops[hop - 2]["policy"])
        mended.hops[hop - 2]["policy"] = json.dumps(apply_mend(before, mend))
        return mended
    name = {
        LaneName.TRUST: f"trust-{role}",
        LaneName.PERMISSIONS: caller,
        LaneName.BOUNDARY: f"boundary-{caller}",
        LaneName.SCP: f"scp-{mend.account}",
        LaneName.RCP: f"rcp-{mend.account}",
    }[mend.lane]
    mended.documents[name] = apply_mend(mended.documents[name], mend)
    return mended
