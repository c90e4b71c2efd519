"""What a fix never does: waive an external ID, let in other sessions, ask twice for one thing."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.commands.explain.view import verdict_view
from rolehop.policy import Outcome
from rolehop.policy.chain_verdict import judge_chain
from rolehop.policy.denied_text import read_access_denied
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import PolicyChange
from rolehop.terminal.drawing import as_text
from rolehop.walk.sts_errors import denial_fix
from tests.policy.helpers.broken_chains import TAGS_BEFORE, Breaks, also, broken, only, sets
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    explained,
    made,
    may,
    remedies_at,
    scenario,
    trusts,
)
from tests.policy.helpers.reading import said, shown

Json = dict[str, Any]


def denies(where: str, **condition: Json) -> Breaks:
    """Deny hop 2 by a trust policy or an SCP."""
    if where == "trust-admin":
        return sets(where, trusts(HUB), {**trusts("*", **condition), "Effect": "Deny"})
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return sets(where, everything, {**everything, "Effect": "Deny", "Condition": condition})


@pytest.mark.parametrize("where", ["trust-admin", "scp-222222222222"])
@pytest.mark.parametrize(
    "asked",
    [
        {"StringNotEquals": {"sts:ExternalId": "x-1"}},
        {"StringNotLikeIfExists": {"sts:externalid": ["x-1", "y-1"]}},
        {"Null": {"sts:ExternalId": "true"}},
        {
            "StringNotEquals": {"sts:ExternalId": "x-1"},
            "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Other"},
        },
    ],
)
def test_no_form_of_a_deny_is_waived_for_an_external_id(where: str, asked: Json) -> None:
    case = broken(also(denies(where, **asked)))
    case.hops[1]["external_id"] = "mine"
    if "Null" in asked:
        case.hops[1].clear()
    (remedy,) = remedies_at(case, 2)
    (step,) = remedy.steps
    assert isinstance(step, ConfigChange)
    assert list(step.keys) == ["external_id"]


@pytest.mark.parametrize(
    "asked",
    [
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}},
        {"Null": {"aws:MultiFactorAuthAge": "false"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    ],
)
def test_mfa_is_never_promised_to_a_session(asked: Json) -> None:
    text = shown(broken(sets("trust-admin", trusts(HUB, **asked))))
    assert "bring MFA" not in text
    assert "a role session never carries MFA" in text


ACCOUNT = "222222222222"


@pytest.mark.parametrize(
    ("operator", "key", "listed", "joins"),
    [
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/Ops*", HUB),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/Ops", HUB),
        ("StringLike", "aws:userid", "AROAOTHER:*", "AROAHUB:*"),
    ],
)
def test_a_caller_joins_the_list_of_callers_in_a_condition(
    operator: str, key: str, listed: str, joins: str
) -> None:
    change = only(sets("trust-admin", trusts(ACCOUNT, **{operator: {key: listed}})))
    assert change.statement["Condition"] == {operator: {key: [listed, joins]}}
    assert (change.index, change.sent, change.waived) == (1, (), ())


def test_no_condition_repeats_the_principal_of_a_new_statement() -> None:
    asked = {"aws:PrincipalAccount": "444444444444"}
    change = only(sets("trust-admin", trusts("*", StringEquals=asked)))
    assert change.statement == {
        "Effect": "Allow",
        "Principal": {"AWS": HUB},
        "Action": "sts:AssumeRole",
    }


TAG = "aws:PrincipalTag/team"
SEND_TAGS = sets("hub", may(ADMIN, "sts:AssumeRole", "sts:TagSession"))
LIKE_ROLE = {"aws:ResourceTag/team": f"${{{TAG}}}"}


@pytest.mark.parametrize("denied", [False, True])
def test_a_tag_that_is_compared_with_the_roles_is_sent_as_the_role_has_it(denied: bool) -> None:
    """Nothing else is offered: without the condition, sessions with other tags got in."""
    trust = [trusts(HUB, "sts:*", **({} if denied else {"StringEquals": LIKE_ROLE}))]
    if denied:
        trust.append({**trusts("*", StringNotEquals=LIKE_ROLE), "Effect": "Deny"})
    case = broken(also(TAGS_BEFORE, sets("trust-admin", *trust)))
    del case.hops[0]["transitive_tags"]  # such a tag counts as the role's own
    case.tags = {"team": "red"}
    (remedy,) = remedies_at(case, 2)
    assert [each.keys for each in remedy.steps if isinstance(each, ConfigChange)] == [
        {"tags": {"team": "red"}}
    ]
    assert [each.verdict.outcome for each in explained(made(case, remedy))] == [Outcome.ALLOWED] * 2


@pytest.mark.parametrize(
    ("operator", "value", "offered"),
    [("StringNotEquals", "red", False), ("StringEquals", "blue", True), ("Null", "false", False)],
)
def test_a_deny_that_tells_sessions_apart_is_narrowed_only_if_it_means_this_one_alone(
    operator: str, value: str, offered: bool
) -> None:
    case = broken(
        also(
            TAGS_BEFORE,
            SEND_TAGS,
            sets(
                "trust-admin",
                trusts(HUB, "sts:*"),
                {**trusts("*", **{operator: {TAG: value}}), "Effect": "Deny"},
            ),
        )
    )
    steps = [step for remedy in remedies_at(case, 2) for step in remedy.steps]
    assert any(isinstance(each, PolicyChange) for each in steps) is offered


@pytest.mark.parametrize(
    "asked",
    [
        trusts(HUB, StringLike={"aws:RequestedRegion": "us-*"}),
        {**trusts("*", StringNotLike={"aws:RequestedRegion": "us-*"}), "Effect": "Deny"},
    ],
)
def test_a_region_that_a_pattern_takes_is_proposed(asked: Json) -> None:
    trust = [asked] if asked["Effect"] == "Allow" else [trusts(HUB), asked]
    case = broken(sets("trust-admin", *trust))
    case.region_in_config = True
    (step,) = remedies_at(case, 2)[0].steps
    assert isinstance(step, ConfigChange)
    assert dict(step.keys) == {"region": "us-east-1"}


def test_keys_that_leaked_are_replaced_and_their_guard_stays() -> None:
    name = "AWSCompromisedKeyQuarantineV3"
    text = (
        "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:ListBuckets"
        f" with an explicit deny in an identity-based policy: arn:aws:iam::aws:policy/{name}"
    )
    denied = read_access_denied(text)
    assert denied is not None
    assert denial_fix(denied).startswith(
        f"keep {name}: AWS attaches it when access keys have leaked"
    )


def test_an_unsigned_call_is_to_be_signed_and_nothing_to_be_opened() -> None:
    text = (
        "User: anonymous is not authorized to perform: s3:GetObject on resource:"
        ' "arn:aws:s3:::b/k" because no resource-based policy allows the s3:GetObject action'
    )
    for each in (text, text.partition(" because")[0]):
        denied = read_access_denied(each)
        assert denied is not None
        assert denial_fix(denied).startswith("sign the call, which carried no credentials")


def test_of_two_wrong_things_neither_is_called_enough() -> None:
    asked = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    case = broken(sets("trust-hub", trusts("arn:aws:iam::111111111111:user/bob", **asked)))
    assert "or bring MFA" not in shown(case)


def test_a_caller_joins_the_users_and_roles_beside_the_services_of_a_statement() -> None:
    other = "arn:aws:iam::222222222222:role/Ops"
    both: Json = {"Service": "lambda.amazonaws.com", "AWS": other}
    change = only(sets("trust-admin", {**trusts("*"), "Principal": both}))
    assert change.statement["Principal"] == {**both, "AWS": [other, HUB]}
    assert change.listed == ("add", "Principal AWS", (HUB,))


def test_a_tag_that_has_to_be_sent_is_one_that_the_statement_lists() -> None:
    asked: dict[str, Json] = {
        "Null": {"aws:TagKeys": "false"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]},
    }
    case = broken(also(SEND_TAGS, sets("trust-admin", trusts(HUB, "sts:*", **asked))))
    (step,) = remedies_at(case, 2)[0].steps
    assert isinstance(step, ConfigChange)
    assert step.keys["tags"] == {"team": "any-value"}


@pytest.mark.parametrize("denied", [False, True])
def test_whence_to_call_is_said(denied: bool) -> None:
    ranges = {"aws:SourceIp": ["203.0.113.0/24"]}
    trust = [trusts(HUB, **({} if denied else {"IpAddress": ranges}))]
    if denied:
        trust.append({**trusts("*", NotIpAddress=ranges), "Effect": "Deny"})
    case = broken(sets("trust-admin", *trust))
    setting = replace(scenario(case).context, supplied={"aws:sourceip": ("192.0.2.1",)})
    verdict = judge_chain("chain", "me", replace(scenario(case), context=setting))
    assert "  or call from 203.0.113.0/24" in as_text(verdict_view(verdict, verbose=False))


@pytest.mark.parametrize("denied", [False, True])
def test_a_user_gets_a_tag_from_their_account_and_no_statement_asks_for_its_absence(
    denied: bool,
) -> None:
    key = "aws:PrincipalTag/team"
    trust = [trusts(ALICE, **({} if denied else {"StringEquals": {key: "red"}}))]
    if denied:
        trust.append({**trusts("*", StringNotEquals={key: "red"}), "Effect": "Deny"})
    case = broken(sets("trust-hub", *trust))
    (step,) = remedies_at(case, 1)[0].steps
    assert isinstance(step, PolicyChange)
    assert step.waived == (key,)
    assert denied or "Condition" not in step.statement
    assert "or account 111111111111 gives user alice the tag 'team': red" in shown(case)


def test_a_fix_says_whom_else_a_deny_surely_spares() -> None:
    deny = {"Effect": "Deny", "NotPrincipal": {"AWS": ALICE}, "Action": "sts:AssumeRole"}
    text = said(shown(broken(sets("trust-admin", trusts(HUB), deny)), verbose=True))
    assert f"warning: it then surely spares {ALICE}, too" in text


def test_the_parts_of_a_split_deny_are_said_to_belong_together() -> None:
    text = shown(broken(sets("hub", may("*"), {**may("*", "sts:*"), "Effect": "Deny"})))
    assert "warning: part 1 of 2; only together do they deny what it denied" in text
