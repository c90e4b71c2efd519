"""What a fix may do: let this call through, and no one else, and no other call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from rolehop.base.dataclass import replace
from rolehop.commands.explain.remedies_view import warnings
from rolehop.commands.explain.view import verdict_view
from rolehop.policy import Outcome
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.chain_model import EvaluationContext
from rolehop.policy.chain_verdict import judge_chain
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange
from rolehop.policy.requests import ChainScenario, FederatedCall, federated_request
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.broken_chains import BROKEN, WITHOUT_MFA, also, broken, only, sets
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    NOBODY,
    NOW,
    explained,
    healthy,
    judged,
    made,
    may,
    records,
    remedies_at,
    scenario,
    trusts,
)
from tests.policy.helpers.worlds import LANES
from tests.support.policies import policy

Json = dict[str, Any]
SEEDS = st.integers(min_value=0, max_value=2**63)
KEYS = {policy: name for name, (policy, _) in LANES.items()}
OF_CALLER = ("identity", "boundary", "session_policy")


def test_an_unknown_condition_is_copied() -> None:
    asked = {
        "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    change = only(sets("trust-admin", trusts("444444444444", **asked)))
    assert change.statement["Condition"] == asked
    assert (change.sent, change.without, change.waived) == ((), (), ())


def test_the_conditions_for_services_are_not_asked_of_a_person() -> None:
    service = {
        **trusts("*", StringEquals={"aws:SourceAccount": "333333333333"}),
        "Principal": {"Service": "ec2.amazonaws.com"},
    }
    assert "Condition" not in only(sets("trust-admin", service)).statement


def test_an_end_in_time_is_put_off_by_a_day_and_never_dropped() -> None:
    until = trusts(HUB, DateLessThan={"aws:CurrentTime": "2026-05-31T00:00:00Z"})
    change = only(sets("trust-admin", until))
    assert change.statement["Condition"] == {
        "DateLessThanEquals": {"aws:CurrentTime": "2026-06-02T12:00:00Z"}
    }
    assert change.sent == ("aws:CurrentTime",)


def test_an_action_joins_the_statement_for_this_caller_and_tags_are_pinned_only_if_asked() -> None:
    case = broken(BROKEN["tags travel on and the role does not allow sts:TagSession"][0])
    (step,) = remedies_at(case, 2)[0].steps
    assert isinstance(step, PolicyChange)
    assert step.statement == trusts(HUB, "sts:AssumeRole", "sts:TagSession")
    asked = scenario(case)
    pinning = replace(asked, context=replace(asked.context, pin_tags=True))
    (step,) = judge_chain("chain", "me", pinning).hops[1].remedies()[0].steps
    assert isinstance(step, PolicyChange)
    assert step.statement["Condition"] == {"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}


def test_a_caller_joins_the_exceptions_of_a_deny() -> None:
    other = "arn:aws:iam::222222222222:role/Other"
    deny = {
        **trusts("*", "sts:AssumeRole", ArnNotLike={"aws:PrincipalArn": [other]}),
        "Effect": "Deny",
    }
    (step,) = remedies_at(broken(sets("trust-admin", trusts(HUB), deny)), 2)[0].steps
    assert isinstance(step, PolicyChange)
    assert (step.kind, step.index, step.exempts) == (ChangeKind.REPLACE, 2, True)
    assert step.statement["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": [other, HUB]}}


SCP = "scp-222222222222"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("operator", "key", "listed", "joins"),
    [
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/Other", HUB),
        ("StringNotEqualsIfExists", "aws:principalarn", "arn:aws:iam::1:role/Other", HUB),
        ("ForAnyValue:StringNotLike", "aws:PrincipalArn", "arn:aws:iam::1:role/*", HUB),
        ("StringNotLike", "aws:userid", "AROAOTHER:*", "AROAHUB:*"),
    ],
)
def test_every_list_of_exceptions_takes_the_caller(
    operator: str, key: str, listed: str, joins: str
) -> None:
    deny = {**EVERYTHING, "Effect": "Deny", "Condition": {operator: {key: listed}}}
    (step,) = remedies_at(broken(sets(SCP, EVERYTHING, deny)), 2)[0].steps
    assert isinstance(step, PolicyChange)
    assert step.statement == {**deny, "Condition": {operator: {key: [listed, joins]}}}


TAG = {"team": "blue"}
SENT = {"hop1": {"tags": tuple(TAG.items())}}
TAGGED = also(
    sets("alice", may(HUB, "sts:AssumeRole", "sts:TagSession"), **SENT),
    sets("trust-hub", trusts(ALICE, "sts:AssumeRole", "sts:TagSession")),
)


def test_a_condition_that_compares_is_not_answered_with_a_value_that_is_always_there() -> None:
    equals = {"aws:PrincipalTag/team": "${aws:ResourceTag/team}"}
    deny = {**may("*"), "Condition": {"StringEquals": equals}}
    (step,) = remedies_at(broken(also(TAGGED, sets("hub", deny))), 2)[0].steps
    assert isinstance(step, PolicyChange)
    assert (step.kind, step.statement["Resource"]) == (ChangeKind.ADD, ADMIN)
    assert step.sent == ("aws:PrincipalTag/team",)
    for key in ("aws:ResourceTag/team", "iam:ResourceTag/team"):
        equals = {key: "${aws:PrincipalTag/team}"}
        case = broken(also(TAGGED, sets("trust-admin", trusts(HUB, StringEquals=equals))))
        # Without the condition, sessions with other tags got in as well.
        assert remedies_at(case, 2) == ()
        text = " ".join(as_text(verdict_view(judged(case), verbose=False)).split())
        assert "account 333333333333 gives role Admin the tag 'team': blue (the tag" in text
        fixed = {key: "red"}
        case = broken(also(TAGGED, sets("trust-admin", trusts(HUB, StringEquals=fixed))))
        (step,) = remedies_at(case, 2)[0].steps
        assert isinstance(step, PolicyChange)
        # A tag of the only role that is named asks nothing: the condition goes, and that is said.
        assert step.statement == trusts(HUB)
        assert (step.kind, step.waived) == (ChangeKind.REPLACE, (key,))
        assert warnings(step) == (
            "warning: for this caller the policy then no longer checks the tag 'team' of the role",
        )


def test_an_action_never_joins_a_statement_on_other_roles_unnoticed() -> None:
    (step,) = remedies_at(broken(sets("hub", may("*", "sts:GetCallerIdentity"))), 2)[0].steps
    assert isinstance(step, PolicyChange)
    assert (step.kind, step.statement) == (
        ChangeKind.ADD,
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ADMIN},
    )
    case = broken(also(sets("hub", may("*"), hop2={"tags": tuple(TAG.items())})))
    case.documents["trust-admin"] = policy(trusts(HUB, "sts:AssumeRole", "sts:TagSession"))
    (step,) = remedies_at(case, 2)[0].steps
    assert warnings(step) == ("warning: it then also allows sts:TagSession on all resources",)


def test_a_key_with_many_values_is_asked_for_with_a_quantifier() -> None:
    case = broken(
        also(
            sets("hub", may(ADMIN, "sts:*"), hop2={"tags": (("team", "blue"),)}),
            sets("trust-admin", trusts(HUB, "sts:*", Null={"aws:TagKeys": "true"})),
        )
    )
    steps = [each for remedy in remedies_at(case, 2) for each in remedy.steps]
    (change,) = (each for each in steps if isinstance(each, PolicyChange))
    assert change.statement["Condition"] == {
        "ForAnyValue:StringEquals": {"aws:TagKeys": "team"},
        "ForAllValues:StringEquals": {"aws:TagKeys": "team"},
    }


def test_several_conditions_are_met_by_one_change_of_the_config() -> None:
    both = {"sts:ExternalId": "x-42", "sts:RoleSessionName": "${aws:PrincipalAccount}-robot"}
    (chain,) = remedies_at(broken(sets("trust-admin", trusts(HUB, StringEquals=both))), 2)
    (step,) = chain.steps
    assert isinstance(step, ConfigChange)
    assert step.keys == {"external_id": "x-42", "session_name": "222222222222-robot"}


def test_of_two_conditions_the_one_that_can_be_met_is_and_the_other_is_named() -> None:
    both = {
        "StringEquals": {"sts:ExternalId": "x-42"},
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
    }
    case = broken(sets("trust-admin", trusts(HUB, **both)))
    edit, change = remedies_at(case, 2)[0].steps
    assert isinstance(edit, ConfigChange)
    assert isinstance(change, PolicyChange)
    assert edit.keys == {"external_id": "x-42"}
    assert change.statement["Condition"] == {"StringEquals": {"sts:ExternalId": "x-42"}}
    assert change.waived == ("aws:MultiFactorAuthPresent",)
    text = as_text(verdict_view(judge_chain("chain", "me", scenario(case)), verbose=False))
    assert "warning: for this caller the policy then no longer checks MFA" in text
    assert "a role session never carries MFA" in text
    assert "or send what it asks for" not in text


BESIDE = [
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
]


@pytest.mark.parametrize(
    ("deny", "kind", "left"),
    [
        (
            {"Action": ["iam:*", "sts:AssumeRole"], "Resource": ADMIN},
            ChangeKind.REPLACE,
            [{"Action": "iam:*", "Resource": ADMIN}],
        ),
        (
            {"Action": "sts:*", "Resource": [ADMIN, HUB]},
            ChangeKind.REPLACE,
            [
                {"Action": "sts:*", "Resource": HUB},
                {"Action": BESIDE, "Resource": ADMIN},
            ],
        ),
        (
            {"Action": "sts:*", "NotResource": HUB},
            ChangeKind.REPLACE,
            [
                {"Action": "sts:*", "NotResource": [HUB, ADMIN]},
                {"Action": BESIDE, "Resource": ADMIN},
            ],
        ),
        (
            {"Action": "sts:AssumeRole", "Resource": ADMIN},
            ChangeKind.REMOVE,
            [{"Action": "sts:AssumeRole", "Resource": ADMIN}],
        ),
    ],
)
def test_a_deny_of_the_callers_own_loses_what_this_call_is_about(
    deny: Json, kind: ChangeKind, left: list[Json]
) -> None:
    case = broken(sets("hub", may("*"), {"Effect": "Deny", **deny}))
    (remedy,) = remedies_at(case, 2)
    steps = [each for each in remedy.steps if isinstance(each, PolicyChange)]
    assert (steps[0].kind, steps[0].index) == (kind, 2)
    assert {each.kind for each in steps[1:]} <= {ChangeKind.ADD}
    assert [each.statement for each in steps] == [{"Effect": "Deny", **each} for each in left]


def test_what_a_deny_no_longer_covers_is_shown() -> None:
    team = ADMIN.replace("Admin", "*")
    deny = {**may(team), "Effect": "Deny", "Condition": WITHOUT_MFA["Condition"]}
    case = broken(sets("hub", may("*"), deny))
    text = " ".join(as_text(verdict_view(judged(case), verbose=False)).split())
    assert "warning: this one call is then allowed regardless of MFA" in text
    assert f"warning: this call is then no longer denied on the other roles of {team}" in text


def test_a_condition_on_services_alone_is_not_shown_as_lost() -> None:
    condition = {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-mine"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    deny = {**trusts("*"), "Effect": "Deny", "Resource": "*", "Condition": condition}
    case = broken(sets("rcp-333333333333", deny))
    known = replace(scenario(case).context, supplied={"aws:principalorgid": ("o-other",)})
    verdict = judge_chain("chain", "me", replace(scenario(case), context=known))
    text = " ".join(as_text(verdict_view(verdict, verbose=False)).split())
    assert "allowed regardless of the caller's organization" in text
    assert "regard to the caller's organization," not in text


def test_no_remedy_makes_another_hop_worse() -> None:
    """Hop 1 takes no session but s1: what names another is not proposed for hop 2 alone."""
    named = trusts(ALICE, StringEquals={"sts:RoleSessionName": "s1"})
    case = broken(
        also(
            sets("trust-hub", named),
            sets("trust-admin", trusts("arn:aws:sts::222222222222:assumed-role/Hub/s2")),
        )
    )
    for remedy in remedies_at(case, 2):
        assert [each.verdict.outcome for each in explained(made(case, remedy))] == [
            Outcome.ALLOWED
        ] * 2


def test_without_a_subject_no_statement_lets_in_all_tokens_of_a_provider() -> None:
    role = "arn:aws:iam::222222222222:role/Web"
    trust = json.dumps({"Role": {"Arn": role, "AssumeRolePolicyDocument": policy()}})
    setting = EvaluationContext(read_inventory(trust), NOW)
    for known, found in (({}, 0), ({f"{HOST}:sub": ("repo:me/x",)}, 1)):
        call = FederatedCall(
            role,
            "sts:AssumeRoleWithWebIdentity",
            provider=f"arn:aws:iam::222222222222:oidc-provider/{HOST}",
            known=known,
        )
        own = ChainScenario(
            NOBODY, (), setting, source_requests=(federated_request(call, setting),)
        )
        verdict = judge_chain("chain", "me", own)
        assert len(verdict.hops[0].remedies()) == found
        text = as_text(verdict_view(verdict, verbose=False))
        assert (f"--context {HOST}:sub=VALUE" in " ".join(text.split())) is (found == 0)


HOST = "token.actions.githubusercontent.com"


def test_a_deny_that_aws_wrote_is_shown_as_a_policy_to_detach() -> None:
    case = healthy()
    quarantine = "arn:aws:iam::aws:policy/AWSDenyAll"
    hub = {
        "Arn": HUB,
        "RoleId": "AROAHUB",
        "AttachedManagedPolicies": [{"PolicyArn": quarantine, "PolicyName": "AWSDenyAll"}],
    }
    version = {
        "Document": policy({"Effect": "Deny", "Action": "*", "Resource": "*"}),
        "IsDefaultVersion": True,
        "VersionId": "v1",
    }
    managed = {"Arn": quarantine, "PolicyVersionList": [version]}
    known = read_inventory(json.dumps({"RoleDetailList": [hub], "Policies": [managed]}))
    setting = EvaluationContext(records(case).merged(known), NOW)
    verdict = judge_chain("chain", "me", replace(scenario(case), context=setting))
    assert verdict.hops[1].remedies() == ()
    text = " ".join(as_text(verdict_view(verdict, verbose=False)).split())
    assert "to fix it, detach policy AWSDenyAll of role Hub: it is an AWS managed policy" in text
