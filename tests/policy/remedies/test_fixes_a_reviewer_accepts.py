"""Refused calls that real people have, each with the fix that was written down before it was run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.policy import Outcome
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import (
    AssumeRoleRequest,
    EvaluationContext,
    InheritedAttributes,
    StartingCredentials,
)
from rolehop.policy.chain_verdict import HopVerdict, judge_chain
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.search import Step
from rolehop.policy.requests import (
    ChainScenario,
    ConfigLocation,
    FederatedCall,
    default_location,
    federated_request,
)
from tests.policy.helpers.broken_chains import TAGS_BEFORE, Breaks, also, broken, sets
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    NOW,
    Case,
    explained,
    made,
    may,
    trusts,
)
from tests.support.policies import policy, policy_text

Json = dict[str, Any]
ALL = may("*", "*")
OPS = "arn:aws:iam::222222222222:role/Ops"
SESSIONS = "arn:aws:sts::222222222222:assumed-role/Hub/"
MFA = "aws:MultiFactorAuthPresent"
HUB_ONLY = {"ArnEquals": {"aws:PrincipalArn": HUB}}
NEW = {"Action": "sts:AssumeRole"}
TRUST_HUB = {**NEW, "Principal": {"AWS": HUB}}
MAY_STS = sets("hub", may(ADMIN, "sts:*"))


def denies(principal: Any = "*", **condition: Json) -> Json:
    return {**trusts(principal, **condition), "Effect": "Deny"}


def own_tags(**tags: str) -> Breaks:
    def apply(case: Case) -> None:
        case.tags = tags

    return apply


def in_short(step: Step) -> str:
    """Return where a step changes something, and what it adds or writes there."""
    if isinstance(step, ConfigChange):
        return f"config {step.hop}: {json.dumps(step.shown)}"
    index = "" if step.index is None else f" {step.index}"
    where = f"{step.policy_type.value}{index}"
    if step.listed is not None:
        verb, place, values = step.listed
        return f"{where}: {verb} {place} {', '.join(values)}"
    statement = {key: each for key, each in step.statement.items() if key != "Effect"}
    return f"{where}: {json.dumps(statement, sort_keys=True)}"


def text(where: str, **statement: Any) -> str:
    return f"{where}: {json.dumps(statement, sort_keys=True)}"


SITUATIONS: dict[str, tuple[Breaks, int, list[str]]] = {
    "the account is trusted, and its role may not yet": (
        also(sets("trust-admin", trusts("222222222222")), sets("hub")),
        2, [text("permissions", **NEW, Resource=ADMIN)],
    ),
    "a resource in small letters": (
        sets("hub", may(ADMIN.lower())), 2, [f"permissions 1: add Resource {ADMIN}"],
    ),
    "an external ID in small letters": (
        sets("trust-admin", trusts(HUB, StringEquals={"sts:ExternalId": "X-42"}),
             hop2={"external_id": "x-42"}),
        2, ['config 2: {"external_id": "X-42"}'],
    ),
    "a boundary without STS": (
        sets("boundary-hub", may("*", "s3:*", "ec2:*")),
        2, [text("boundary", **NEW, Resource=ADMIN, Condition=HUB_ONLY)],
    ),
    "tags are sent that neither side allows": (
        sets("trust-admin", trusts(HUB), hop2={"tags": (("team", "red"),)}),
        2, ["trust 1: add Action sts:TagSession", "permissions 1: add Action sts:TagSession"],
    ),
    "any source identity is wanted of the caller": (
        also(MAY_STS, sets("trust-admin", trusts(HUB, "sts:*",
                                                 StringLike={"aws:SourceIdentity": "*"}))),
        2, ['config 1: {"source_identity": "s1"}', "trust 1: add Action sts:SetSourceIdentity",
            "permissions 1: add Action sts:SetSourceIdentity"],
    ),
    "a colleague is trusted": (
        sets("trust-hub", trusts(ALICE.replace("alice", "bob"))),
        1, [f"trust 1: add Principal AWS {ALICE}"],
    ),
    "the organization wants MFA": (
        sets("scp-111111111111", ALL,
             {**ALL, "Effect": "Deny", "Condition": {"BoolIfExists": {MFA: "false"}}}),
        1, ['config 0: {"mfa_serial": "auto"}'],
    ),
    "a Deny but for a list": (
        sets("trust-admin", trusts("222222222222"),
             denies(StringNotLike={"aws:PrincipalArn": [OPS, f"{OPS}*"]})),
        2, [f"trust 2: add Condition StringNotLike aws:PrincipalArn {HUB}"],
    ),
    "the role's tag differs from what the caller's own policy wants": (
        also(own_tags(env="Prod"),
             sets("hub", {**may(ADMIN),
                          "Condition": {"StringEquals": {"aws:ResourceTag/env": "prod"}}})),
        2, [text("permissions 1", Action=["sts:AssumeRole"], Resource=ADMIN)],
    ),
    "a tag that travels is sent again": (
        also(TAGS_BEFORE, MAY_STS,
             sets("trust-admin", trusts(HUB, "sts:*"), hop2={"tags": (("team", "blue"),)})),
        2, ['config 2: {"tags": {"team": "blue"}}'],
    ),
    "an SCP allows some services only": (
        sets("scp-222222222222", may("*", "s3:*", "ec2:*")),
        2, [text("scp", **NEW, Resource=ADMIN, Condition=HUB_ONLY)],
    ),
    "a pattern of ARNs without the path": (
        sets("trust-admin", trusts("*", ArnLike={"aws:PrincipalArn": HUB.replace("team/", "")})),
        2, [f"trust 1: add Condition ArnLike aws:PrincipalArn {HUB}"],
    ),
    "the caller's own Deny of all but some roles": (
        sets("hub", may("*"), {**NEW, "Effect": "Deny", "NotResource": [HUB]}),
        2, [f"permissions 2: add NotResource {ADMIN}"],
    ),
    "no external ID may be sent": (
        sets("trust-admin", trusts(HUB, Null={"sts:ExternalId": "true"}),
             hop2={"external_id": "x-42"}),
        2, ['config 2: {"external_id": "x-42"}'],
    ),
    "the user's name has to be the source identity": (
        sets("trust-hub", trusts(ALICE, StringEquals={"sts:SourceIdentity": "${aws:username}"})),
        1, ['config 1: {"source_identity": "alice"}', "trust 1: add Action sts:SetSourceIdentity",
            "permissions 1: add Action sts:SetSourceIdentity",
            # It goes on to hop 2.
            "trust 1: add Action sts:SetSourceIdentity",
            "permissions 1: add Action sts:SetSourceIdentity"],
    ),
    "everyone of other accounts is trusted": (
        sets("trust-admin", trusts("*", StringEquals={"aws:PrincipalAccount": ["444444444444"]})),
        2, [text("trust", **TRUST_HUB)],
    ),
    "a session's ARN stands where a role's is compared": (
        sets("trust-admin", trusts("222222222222",
                                   StringLike={"aws:PrincipalArn": f"{SESSIONS}*"})),
        2, [f"trust 1: add Condition StringLike aws:PrincipalArn {HUB}"],
    ),
    "a session's ARN stands where a role is meant": (
        sets("hub", may("arn:aws:sts::333333333333:assumed-role/Admin/*")),
        2, [f"permissions 1: add Resource {ADMIN}"],
    ),
    "a tag too many": (
        also(MAY_STS, sets(
            "trust-admin",
            trusts(HUB, "sts:*", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
            hop2={"tags": (("team", "red"), ("cost", "7"))})),
        2, ['config 2: {"tags": {"team": "red"}}'],
    ),
    "a tag with another value": (
        also(MAY_STS, sets(
            "trust-admin",
            trusts(HUB, "sts:*", StringEquals={"aws:RequestTag/team": ["red", "green"]}),
            hop2={"tags": (("team", "blue"),)})),
        2, ['config 2: {"tags": {"team": "red"}}'],
    ),
    "the caller needs the role's own tag": (
        also(own_tags(env="Prod"),
             sets("trust-admin", trusts(HUB, StringEquals={
                 "aws:PrincipalTag/env": "${aws:ResourceTag/env}"}))),
        2, ['config 1: {"tags": {"env": "Prod"}}', "trust 1: add Action sts:TagSession",
            "permissions 1: add Action sts:TagSession"],
    ),
    "whoever sets no source identity is denied": (
        also(MAY_STS, sets("trust-admin", trusts(HUB, "sts:*"),
                           denies(Null={"sts:SourceIdentity": "true"}))),
        2, ['config 2: {"source_identity": "s1"}'],
    ),
    "the caller's whole account is denied": (
        sets("trust-admin", trusts(HUB), denies("222222222222")),
        2, [text("trust 2", **NEW, Principal={"AWS": "222222222222"},
                 Condition={"ArnNotEquals": {"aws:PrincipalArn": HUB}})],
    ),
    "two policies want MFA": (
        also(sets("trust-hub", trusts(ALICE), denies(BoolIfExists={MFA: "false"})),
             sets("alice", may(HUB), {"Effect": "Deny", "NotAction": ["iam:*"], "Resource": "*",
                                      "Condition": {"BoolIfExists": {MFA: "false"}}})),
        1, ['config 0: {"mfa_serial": "auto"}'],
    ),
    "MFA and an external ID": (
        sets("trust-hub", trusts(ALICE, Bool={MFA: "true"},
                                 StringEquals={"sts:ExternalId": "x-1"})),
        1, ['config 0: {"mfa_serial": "auto"}', 'config 1: {"external_id": "x-1"}'],
    ),
    "two external IDs, one of which the caller may send": (
        also(sets("trust-admin", trusts(HUB, StringEquals={"sts:ExternalId": ["a-1", "b-2"]})),
             sets("hub", {**may(ADMIN),
                          "Condition": {"StringLike": {"sts:ExternalId": "b-*"}}})),
        2, ['config 2: {"external_id": "b-2"}'],
    ),
    "a deleted role in a list": (
        sets("trust-admin", trusts(["AROAGONE", OPS])),
        2, [text("trust 1", Action=["sts:AssumeRole"], Principal={"AWS": [OPS, HUB]})],
    ),
    "everything but STS is allowed": (
        sets("hub", {"Effect": "Allow", "NotAction": ["sts:*", "iam:*"], "Resource": "*"}),
        2, [text("permissions", **NEW, Resource=ADMIN)],
    ),
    "only sign-in with SAML is allowed, to others too": (
        sets("trust-admin", trusts([HUB, OPS], "sts:AssumeRoleWithSAML")),
        2, [text("trust", **TRUST_HUB)],
    ),
    "an action with a typo": (
        sets("hub", may(ADMIN, "sts:AssumedRole")),
        2, ["permissions 1: add Action sts:AssumeRole"],
    ),
    "a list of roles by their IDs": (
        sets("trust-admin", trusts("222222222222",
                                   StringLike={"aws:userid": ["AROAOPS:*", "AROACI:*"]})),
        2, ["trust 1: add Condition StringLike aws:userid AROAHUB:*"],
    ),
    "tags that have to travel": (
        also(MAY_STS, sets("trust-admin", trusts(
            HUB, "sts:*", **{"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "team"}}))),
        2, ['config 2: {"tags": {"team": "any-value"}, "transitive_tags": ["team"]}'],
    ),
    "a session policy for reading": (
        sets("admin", hop1={"policy": policy_text(may("*", "s3:*"))}),
        2, [text("session", **NEW, Resource=ADMIN)],
    ),
    "a window of time that is over": (
        sets("trust-admin", trusts(HUB, DateLessThan={
            "aws:CurrentTime": "2026-05-31T00:00:00Z"})),
        2, [text("trust", **TRUST_HUB, Condition={"DateLessThanEquals": {
            "aws:CurrentTime": "2026-06-02T12:00:00Z"}})],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("breaks", "hop", "wanted"), SITUATIONS.values(), ids=SITUATIONS)
def test_the_fix_is_the_one_that_a_reviewer_would_accept(
    breaks: Breaks, hop: int, wanted: list[str]
) -> None:
    case = broken(breaks)
    remedies = explained(case)[hop - 1].remedies()
    assert [in_short(step) for step in remedies[0].steps] == wanted
    for each in remedies:
        fixed = made(case, each)
        assert [e.verdict.outcome for e in explained(fixed)] == [Outcome.ALLOWED] * 2


# ---- a federated source's own role, and the role after it

OWN = "arn:aws:iam::222222222222:role/Own"
HOST = "token.actions.githubusercontent.com"
ANCHOR = "arn:aws:rolesanywhere:eu-west-1:222222222222:trust-anchor/"
SAML = "arn:aws:iam::222222222222:saml-provider/"
SUBJECT = "repo:org/app:environment:prod"


def by_token(**asked: Json) -> Json:
    provider = f"arn:aws:iam::222222222222:oidc-provider/{HOST}"
    statement = {**trusts("*", "sts:AssumeRoleWithWebIdentity", **asked)}
    return {**statement, "Principal": {"Federated": provider}}


def by_saml(provider: str) -> Json:
    return {
        **trusts("*", "sts:AssumeRoleWithSAML"),
        "Principal": {"Federated": f"{SAML}{provider}"},
    }


def by_certificate(anchor: str) -> Json:
    actions = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    statement = trusts("*", *actions, ArnEquals={"aws:SourceArn": f"{ANCHOR}{anchor}"})
    return {**statement, "Principal": {"Service": "rolesanywhere.amazonaws.com"}}


def federated(own: Json, next_trust: Json) -> tuple[HopVerdict, ...]:
    """Judge a source whose own role has the first trust policy, and a hop to Admin after it."""
    everything = {"PolicyName": "all", "PolicyDocument": policy(ALL)}
    roles = [
        {"Arn": arn, "AssumeRolePolicyDocument": policy(trust), "RolePolicyList": [everything],
         "AttachedManagedPolicies": [], "RoleId": "AROA" + arn[-3:].upper()}
        for arn, trust in ((OWN, own), (ADMIN, next_trust))
    ]  # fmt: skip
    setting = EvaluationContext(read_inventory(json.dumps({"RoleDetailList": roles})), NOW)
    action = own["Action"][0]
    known: dict[str, list[str]] = {f"{HOST}:sub": [SUBJECT], f"{HOST}:aud": ["sts.amazonaws.com"]}
    service = "rolesanywhere.amazonaws.com" if action == "sts:AssumeRole" else None
    provider = f"{SAML}okta" if action.endswith("SAML") else own["Principal"].get("Federated")
    call = FederatedCall(
        OWN,
        action,
        provider,
        service,
        session_name="ci",
        known={"aws:SourceArn": [f"{ANCHOR}new"]} if service else known,
        carried=InheritedAttributes({}),
    )
    start = StartingCredentials(f"{SESSIONS[:-4]}Own/ci", role=OWN, carried=call.carried)
    hops = (AssumeRoleRequest(RoleArn.parse(ADMIN), "s1"),)
    requests = (federated_request(call, setting),)
    keys = {"audience": "audience", "session_name": "session_name"}
    places = (ConfigLocation("source 'ci'", keys), default_location(1))
    scenario = ChainScenario(start, hops, setting, requests, locations=places)
    return judge_chain("chain", "source", scenario).hops


TOKEN = by_token(StringEquals={f"{HOST}:sub": SUBJECT})


@pytest.mark.parametrize(
    ("own", "next_trust", "hop", "wanted"),
    [
        (
            by_token(StringEquals={f"{HOST}:sub": ["repo:org/app:ref:refs/heads/main"]}),
            trusts(OWN),
            0,
            f"trust 1: add Condition StringEquals {HOST}:sub {SUBJECT}",
        ),
        (
            by_token(StringEquals={f"{HOST}:aud": "https://github.com/org"}),
            trusts(OWN),
            0,
            'config 0: {"audience": "https://github.com/org"}',
        ),
        (
            by_token(StringLike={"sts:RoleSessionName": "deploy-*"}),
            trusts(OWN),
            0,
            'config 0: {"session_name": "deploy-ci"}',
        ),
        (TOKEN, trusts(f"{SESSIONS[:-4]}Own/deploy"), 1, 'config 0: {"session_name": "deploy"}'),
        (
            TOKEN,
            trusts(OWN, StringEquals={"aws:userid": "AROAOWN:deploy"}),
            1,
            'config 0: {"session_name": "deploy"}',
        ),
        (by_saml("old"), trusts(OWN), 0, f"trust 1: add Principal Federated {SAML}okta"),
        (
            by_certificate("old"),
            trusts(OWN),
            0,
            f"trust 1: add Condition ArnEquals aws:SourceArn {ANCHOR}new",
        ),
    ],
)
def test_the_fix_of_a_federated_sources_call_is_one_value(
    own: Json, next_trust: Json, hop: int, wanted: str
) -> None:
    verdicts = federated(own, next_trust)
    (remedy,) = verdicts[hop].remedies()
    assert [in_short(step) for step in remedy.steps] == [wanted]
