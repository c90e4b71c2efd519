"""Chains with one thing wrong each, and the reason that is shown first: a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rolehop.policy import PolicyType, Reason
from rolehop.policy.remedies.policy_change import PolicyChange
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    Case,
    Json,
    healthy,
    may,
    remedies_at,
    trusts,
)
from tests.support.policies import policy, policy_text

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
ID = {"external_id": "x-41"}
WITHOUT_MFA = {
    **trusts("*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}),
    "Effect": "Deny",
}
DENY_TAGS = {**trusts("*", "sts:TagSession"), "Effect": "Deny"}
L, R = PolicyType, Reason
Row = tuple[Breaks, int, PolicyType, Reason, tuple[Any, ...]]
"""What breaks it, at which hop; the lane and the reason to name; how each way out begins: a change
of a policy, or the keys of the config."""

BROKEN: dict[str, Row] = {
    "another user is trusted": (
        sets("trust-hub", trusts("arn:aws:iam::111111111111:user/bob")),
        1, L.TRUST, R.NOT_NAMED, ("replace",),
    ),
    "another account is trusted": (
        sets("trust-admin", trusts("444444444444")), 2, L.TRUST, R.OTHER_ACCOUNT, ("replace",)
    ),
    "another session is trusted": (
        sets("trust-admin", trusts("arn:aws:sts::222222222222:assumed-role/Hub/s2")),
        2, L.TRUST, R.OTHER_SESSION, ({"session_name": "s2"},),
    ),
    "the role's path is forgotten": (
        sets("trust-admin", trusts("arn:aws:iam::222222222222:role/Hub")),
        2, L.TRUST, R.NOT_NAMED, ("replace",),
    ),
    "a deleted role is trusted": (
        sets("trust-admin", trusts("AROAGONE")), 2, L.TRUST, R.DELETED_PRINCIPAL, ("replace",)
    ),
    "a deleted user is trusted": (
        sets("trust-hub", trusts(["AIDAGONE", "arn:aws:iam::111111111111:user/bob"])),
        1, L.TRUST, R.DELETED_PRINCIPAL, ("replace",),
    ),
    "the principal is of another partition": (
        sets("trust-admin", trusts(HUB.replace("aws", "aws-cn", 1))),
        2, L.TRUST, R.OTHER_PARTITION, ("replace",),
    ),
    "a pattern stands where a principal should": (
        sets("trust-admin", trusts("arn:aws:iam::222222222222:role/team/*")),
        2, L.TRUST, R.NOT_A_PRINCIPAL, ("add",),
    ),
    "the external ID is another": (
        sets("trust-admin", trusts(HUB, StringEquals={"sts:ExternalId": "x-42"}), hop2=ID),
        2, L.TRUST, R.VALUE_DIFFERS, ({"external_id": "x-42"},),
    ),
    "the external ID is missing": (
        sets("trust-admin", trusts(HUB, StringEquals={"sts:ExternalId": "x-42"})),
        2, L.TRUST, R.KEY_ABSENT, ({"external_id": "x-42"},),
    ),
    "the caller's own policy wants an external ID": (
        sets("hub", {**may(ADMIN), "Condition": {"StringEquals": {"sts:ExternalId": "x-42"}}}),
        2, L.PERMISSIONS, R.KEY_ABSENT, ({"external_id": "x-42"},),
    ),
    "whoever sends another external ID is denied": (
        sets(
            "trust-admin",
            trusts(HUB),
            {**trusts("*", StringNotEquals={"sts:ExternalId": "x-42"}), "Effect": "Deny"},
            hop2=ID,
        ),
        2, L.TRUST, R.EXPLICIT_DENY, ({"external_id": "x-42"},),
    ),
    "MFA is wanted on hop 1 and there is none": (
        sets("trust-hub", trusts(ALICE, Bool={"aws:MultiFactorAuthPresent": "true"})),
        1, L.TRUST, R.KEY_ABSENT, ({"mfa_serial": "auto"},),
    ),
    "MFA is wanted on hop 2, where it never is": (
        sets("trust-admin", trusts(HUB, Bool={"aws:MultiFactorAuthPresent": "true"})),
        2, L.TRUST, R.VALUE_DIFFERS, ("add",),
    ),
    "the role session name is another": (
        sets("trust-admin", trusts(HUB, StringLike={"sts:RoleSessionName": "ci-*"})),
        2, L.TRUST, R.VALUE_DIFFERS, ({"session_name": "ci-s1"},),
    ),
    "a source identity is wanted": (
        sets("trust-admin", trusts(HUB, Null={"sts:SourceIdentity": "false"})),
        2, L.TRUST, R.KEY_ABSENT, ({"source_identity": "s1"}, "add"),
    ),
    "the source identity is another": (
        also(
            IDENTITY_BEFORE,
            sets("hub", may(ADMIN, "sts:AssumeRole", "sts:SetSourceIdentity")),
            sets("trust-admin", trusts(HUB, "sts:*", StringEquals={"sts:SourceIdentity": "bob"})),
        ),
        2, L.TRUST, R.VALUE_DIFFERS, ({"source_identity": "bob"}, "replace"),
    ),
    "the source identity is changed on the way": (
        also(
            IDENTITY_BEFORE,
            sets("hub", may(ADMIN, "sts:*"), hop2={"source_identity": "bob"}),
            sets("trust-admin", trusts(HUB, "sts:*")),
        ),
        2, L.TRUST, R.IDENTITY_CHANGED, ({"source_identity": "bob"},),
    ),
    "a tag is missing": (
        also(
            sets("hub", may(ADMIN, "sts:AssumeRole", "sts:TagSession")),
            sets("trust-admin", trusts(HUB, "sts:*", StringEquals={"aws:RequestTag/team": "red"})),
        ),
        2, L.TRUST, R.KEY_ABSENT, ({"tags": {"team": "red"}}, "add"),
    ),
    "a tag that is sent has the wrong value": (
        also(
            sets("hub", may(ADMIN, "sts:*"), hop2={"tags": (("Team", "blue"), ("cost", "1"))}),
            sets("trust-admin", trusts(HUB, "sts:*", StringEquals={"aws:RequestTag/team": "red"})),
        ),
        2, L.TRUST, R.VALUE_DIFFERS, ({"tags": {"Team": "red", "cost": "1"}}, "replace"),
    ),
    "a tag is sent that must not be": (
        also(
            sets("hub", may(ADMIN, "sts:*"), hop2={"tags": (("team", "blue"), ("cost", "1"))}),
            sets(
                "trust-admin",
                trusts(HUB, "sts:*", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
            ),
        ),
        2, L.TRUST, R.VALUE_DIFFERS, ({"tags": {"team": "blue"}}, "add"),
    ),
    "a tag that travels is sent again": (
        also(
            TAGS_BEFORE,
            sets("hub", may(ADMIN, "sts:*"), hop2={"tags": (("team", "blue"),)}),
            sets("trust-admin", trusts(HUB, "sts:*")),
        ),
        2, L.TRUST, R.TAG_REPEATED, ({"tags": {"team": "blue"}},),
    ),
    "the caller's tag has the wrong value": (
        also(
            TAGS_BEFORE,
            sets("hub", may(ADMIN, "sts:AssumeRole", "sts:TagSession")),
            sets(
                "trust-admin",
                trusts(HUB, "sts:*", StringEquals={"aws:PrincipalTag/team": "red"}),
            ),
        ),
        2, L.TRUST, R.VALUE_DIFFERS, ({"tags": {"team": "red"}}, "replace"),
    ),
    "the caller's tag is missing": (
        sets("trust-admin", trusts(HUB, StringEquals={"aws:PrincipalTag/team": "red"})),
        2, L.TRUST, R.KEY_ABSENT, ({"tags": {"team": "red"}}, "add"),
    ),
    "tags travel on and the role does not allow sts:TagSession": (
        also(TAGS_BEFORE, sets("hub", may(ADMIN, "sts:AssumeRole", "sts:TagSession"))),
        2, L.TRUST, R.ACTION_NOT_LISTED, ("replace", {"transitive_tags": ["team"]}),
    ),
    "tags travel on and the caller may not pass them": (
        also(TAGS_BEFORE, sets("trust-admin", trusts(HUB, "sts:AssumeRole", "sts:TagSession"))),
        2, L.PERMISSIONS, R.ACTION_NOT_LISTED, ("replace", {"transitive_tags": ["team"]}),
    ),
    "whoever sends tags is denied": (
        also(
            sets("hub", may(ADMIN, "sts:*"), hop2={"tags": (("team", "blue"),)}),
            sets("trust-admin", trusts(HUB, "sts:*"), DENY_TAGS),
        ),
        2, L.TRUST, R.EXPLICIT_DENY, ({"tags": {"team": "blue"}}, "replace"),
    ),
    "tags travel on and whoever sends them is denied": (
        also(
            TAGS_BEFORE,
            sets("hub", may(ADMIN, "sts:*")),
            sets("trust-admin", trusts(HUB, "sts:*"), DENY_TAGS),
        ),
        2, L.TRUST, R.EXPLICIT_DENY, ({"transitive_tags": ["team"]}, "replace"),
    ),
    "the source identity travels on and the role does not allow it": (
        also(IDENTITY_BEFORE, sets("hub", may(ADMIN, "sts:AssumeRole", "sts:SetSourceIdentity"))),
        2, L.TRUST, R.ACTION_NOT_LISTED, ("replace", {"source_identity": "alice"}),
    ),
    "the caller's permissions name another role": (
        sets("hub", may(ADMIN + "s")), 2, L.PERMISSIONS, R.RESOURCE_NOT_LISTED, ("replace",)
    ),
    "the caller has no policy for it": (sets("hub"), 2, L.PERMISSIONS, R.NO_ALLOW, ("add",)),
    "the caller's own policy denies it": (
        sets("hub", may(ADMIN), DENY), 2, L.PERMISSIONS, R.EXPLICIT_DENY, ("replace",)
    ),
    "the caller's own policy denies this very role": (
        sets("alice", may("*"), {**DENY, "Action": "sts:AssumeRole", "Resource": HUB}),
        1, L.PERMISSIONS, R.EXPLICIT_DENY, ("remove",),
    ),
    "two statements deny it, and none allows it": (
        sets("hub", DENY, {**DENY, "Resource": ADMIN}, may("*", "s3:*")),
        2, L.PERMISSIONS, R.EXPLICIT_DENY, ("replace",),
    ),
    "the trust policy denies whoever has no MFA, on hop 1": (
        sets("trust-hub", trusts(ALICE), WITHOUT_MFA),
        1, L.TRUST, R.EXPLICIT_DENY, ({"mfa_serial": "auto"},),
    ),
    "the caller's own policy denies whoever has no MFA": (
        sets("alice", may(HUB), {**DENY, "Condition": WITHOUT_MFA["Condition"]}),
        1, L.PERMISSIONS, R.EXPLICIT_DENY, ({"mfa_serial": "auto"},),
    ),
    "the trust policy denies whoever has no MFA, on hop 2": (
        sets("trust-admin", trusts(HUB), WITHOUT_MFA),
        2, L.TRUST, R.EXPLICIT_DENY, ("replace",),
    ),
    "the trust policy denies the caller by name": (
        sets("trust-admin", trusts(HUB), {**trusts(HUB), "Effect": "Deny"}),
        2, L.TRUST, R.EXPLICIT_DENY, ("remove",),
    ),
    "the boundary leaves it out": (
        sets("boundary-hub", may("*", "s3:*")), 2, L.BOUNDARY, R.ACTION_NOT_LISTED, ("add",)
    ),
    "the session policy leaves it out": (
        sets("admin", hop1={"policy": policy_text(may("*", "s3:*"))}),
        2, L.SESSION, R.ACTION_NOT_LISTED, ("add",),
    ),
    "the session policy denies it": (
        sets("admin", hop1={"policy": policy_text(may("*", "*"), DENY)}),
        2, L.SESSION, R.EXPLICIT_DENY, ("replace",),
    ),
    "the organization allows something else": (
        sets("scp-222222222222", may("*", "s3:*")), 2, L.SCP, R.ACTION_NOT_LISTED, ("add",)
    ),
    "the organization denies it": (
        sets("scp-222222222222", may("*", "*"), {**DENY, "Action": "sts:AssumeRole"}),
        2, L.SCP, R.EXPLICIT_DENY, ("replace",),
    ),
    "the role's organization keeps others out": (
        sets("rcp-333333333333", {"Effect": "Deny", "Principal": "*", "Action": "sts:*",
                                  "Resource": "*"}),
        2, L.RCP, R.EXPLICIT_DENY, ("replace",),
    ),
}  # fmt: skip


def broken(breaks: Breaks) -> Case:
    case = healthy()
    breaks(case)
    return case


def only(*breaks: Breaks, hop: int = 2) -> PolicyChange:
    """Return the one change of the one way out, which is a policy's."""
    (remedy,) = remedies_at(broken(also(*breaks)), hop)
    (step,) = remedy.steps
    assert isinstance(step, PolicyChange)
    return step
