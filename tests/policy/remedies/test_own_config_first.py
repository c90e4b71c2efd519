"""What the user's own config can bring is never waived, and no session's name is pinned for it."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.commands.explain.view import verdict_view
from rolehop.policy import Outcome
from rolehop.policy.chain_model import StartingCredentials
from rolehop.policy.chain_verdict import judge_chain
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import PolicyChange
from rolehop.policy.requests import AWS_CONFIG, ConfigLocation
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.broken_chains import DENY, Breaks, also, broken, sets
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    double_accepts,
    explained,
    made,
    may,
    remedies_at,
    scenario,
    trusts,
)

Json = dict[str, Any]
PRESENT, AGE = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"
WITHOUT = {"BoolIfExists": {PRESENT: "false"}}
SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/"


def denies(principal: Any = "*", **condition: Json) -> Json:
    return {**trusts(principal, **condition), "Effect": "Deny"}


@pytest.mark.parametrize("said", [None, ("false",), ()])
@pytest.mark.parametrize("long_lived", [True, False])
@pytest.mark.parametrize(
    "breaks",
    [
        sets("trust-hub", trusts(ALICE, Bool={PRESENT: "true"})),
        sets("trust-hub", trusts(ALICE), denies(**WITHOUT)),
        sets("trust-hub", trusts(ALICE), denies(Null={AGE: "true"})),
        sets("trust-hub", trusts(ALICE, NumericLessThan={AGE: "3600"})),
        sets("alice", may("*", "*"), {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
                                      "Condition": WITHOUT}),
        sets("scp-111111111111", may("*", "*"), {**DENY, "Condition": WITHOUT}),
    ],
)  # fmt: skip
def test_mfa_that_the_source_can_bring_is_brought_whatever_is_said_of_it_now(
    breaks: Breaks, long_lived: bool, said: tuple[str, ...] | None
) -> None:
    asked = scenario(broken(breaks))
    supplied = {} if said is None else {PRESENT.lower(): said, AGE.lower(): ()}
    # Where it is not known whether a user's keys or a session of theirs call, neither is MFA.
    mfa = False if long_lived else None
    start = StartingCredentials(ALICE, long_lived=long_lived, mfa=mfa)
    asked = replace(asked, start=start, context=replace(asked.context, supplied=supplied))
    hop = judge_chain("chain", "me", asked).hops[0]
    if not long_lived and said is None:
        assert hop.verdict.outcome is Outcome.UNKNOWN
        return
    (remedy,) = hop.remedies()
    (step,) = remedy.steps
    assert isinstance(step, ConfigChange)
    assert step.keys == {"mfa_serial": "auto"}


def test_a_profile_gets_the_arn_of_a_device_and_a_session_gets_no_mfa() -> None:
    asked = scenario(broken(sets("trust-hub", trusts(ALICE, Bool={PRESENT: "true"}))))
    of_aws = ConfigLocation("the profile", {"mfa_serial": "mfa_serial"}, AWS_CONFIG)
    none = ConfigLocation("the source", {})
    profile = replace(asked, locations=(none, of_aws, none))
    verdict = judge_chain("chain", "me", profile)
    (step,) = verdict.hops[0].remedies()[0].steps
    assert isinstance(step, ConfigChange)
    assert step.shown == {"mfa_serial": "arn:aws:iam::111111111111:mfa/…"}
    assert "only its form" in as_text(verdict_view(verdict, verbose=False))
    session = judge_chain("chain", "me", replace(asked, locations=(none, none, none)))
    (step,) = session.hops[0].remedies()[0].steps
    assert isinstance(step, PolicyChange)
    assert step.waived == (PRESENT,)


@pytest.mark.parametrize(
    ("statements", "hop", "name"),
    [
        ([trusts(HUB, StringEquals={"sts:RoleSessionName": ["deploy", "ci"]})], 2, "deploy"),
        ([trusts(HUB), denies(StringNotLike={"sts:RoleSessionName": "ci-*"})], 2, "ci-s1"),
        ([trusts(HUB), denies(StringEquals={"sts:RoleSessionName": "s1"})], 2, "any-value"),
        ([trusts(HUB, StringLike={"sts:RoleSessionName": "*@corp.example"})], 2, "s1@corp.example"),
        ([trusts(HUB, StringEquals={"aws:userid": "AROAHUB:deploy"})], 1, "deploy"),
        ([trusts(HUB, StringLike={"aws:userid": ["AROAX:*", "*:deploy"]})], 1, "deploy"),
        ([trusts(HUB), denies(StringNotLike={"aws:userid": "AROAHUB:ci-*"})], 1, "ci-s1"),
        ([trusts(f"{SESSION}deploy")], 1, "deploy"),
        ([trusts([f"{SESSION}deploy", f"{SESSION}ci", ALICE])], 1, "deploy"),
    ],
)
def test_the_name_that_a_policy_wants_of_a_session_is_given_to_it(
    statements: list[Json], hop: int, name: str
) -> None:
    """Nothing else is offered: a list with today's name in it refuses the user's other sessions."""
    case = broken(sets("trust-admin", *statements))
    (remedy,) = remedies_at(case, 2)
    (step,) = remedy.steps
    assert isinstance(step, ConfigChange)
    assert (step.hop, step.keys, step.example) == (hop, {"session_name": name}, name == "any-value")
    assert [each.verdict.outcome for each in explained(made(case, remedy))] == [Outcome.ALLOWED] * 2


def asks(key: str, *values: str) -> Json:
    return {"StringEquals": {key: list(values)}}


def denies_others(key: str, *values: str) -> Json:
    return denies(StringNotEquals={key: list(values)})


ID, NAME = "sts:ExternalId", "sts:RoleSessionName"


@pytest.mark.parametrize(
    ("breaks", "keys"),
    [
        (
            sets(
                "trust-admin", trusts(HUB), denies_others(ID, "aa", "bb"), denies_others(ID, "bb")
            ),
            {"external_id": "bb"},
        ),
        (
            also(
                sets("trust-admin", trusts(HUB, **asks(ID, "aa", "bb"))),
                sets("hub", {**may(ADMIN), "Condition": asks(ID, "cc", "bb")}),
            ),
            {"external_id": "bb"},
        ),
        (
            sets(
                "trust-admin",
                trusts(HUB, StringLike={NAME: ["ci-*", "cd-*"]}),
                denies(StringLike={NAME: "ci-*"}),
            ),
            {"session_name": "cd-s1"},
        ),
        (
            also(
                sets("hub", may(ADMIN, "sts:*")),
                sets(
                    "trust-admin",
                    trusts(HUB, "sts:*"),
                    *(denies_others(f"aws:RequestTag/t{n}", "x") for n in range(3)),
                ),
            ),
            {"tags": {"t0": "x", "t1": "x", "t2": "x"}},
        ),
    ],
)
def test_of_several_values_the_one_that_passes_every_policy_is_written(
    breaks: Breaks, keys: Json
) -> None:
    (step,) = remedies_at(broken(breaks), 2)[0].steps
    assert isinstance(step, ConfigChange)
    assert step.keys == keys


@pytest.mark.parametrize("sent", [{}, {"external_id": "mine"}])
def test_the_external_id_that_the_role_wants_joins_the_list_of_the_callers_own_policy(
    sent: Json,
) -> None:
    """Never the other way round: what the role's owner asks for stays as it is."""
    case = broken(
        also(
            sets("trust-admin", trusts(HUB, **asks(ID, "theirs"))),
            sets("hub", {**may(ADMIN), "Condition": asks(ID, "old")}, hop2=sent),
        )
    )
    (remedy,) = remedies_at(case, 2)
    edit, change = remedy.steps
    assert isinstance(edit, ConfigChange)
    assert isinstance(change, PolicyChange)
    assert edit.keys == {"external_id": "theirs"}
    assert (change.document, change.index) == ("inline policy hub of role Hub", 1)
    assert change.statement["Condition"] == asks(ID, "old", "theirs")
    assert double_accepts(made(case, remedy))


def test_of_a_name_with_a_host_only_the_person_is_kept() -> None:
    case = broken(sets("trust-admin", trusts(HUB, StringLike={NAME: "*@corp.example"})))
    case.hops[1]["session_name"] = "bob@laptop"
    (step,) = remedies_at(case, 2)[0].steps
    assert isinstance(step, ConfigChange)
    assert step.keys == {"session_name": "bob@corp.example"}


@pytest.mark.parametrize(
    ("trust", "made_of_it"),
    [
        (
            trusts(HUB, StringLike={"sts:RoleSessionName": "${aws:username}"}),
            trusts(HUB),  # a name that can never be met, nor pinned
        ),
        (trusts(HUB, StringEquals={"sts:RoleSessionName": "deploy"}), trusts(HUB)),
        (
            trusts(ADMIN[:-5] + "x", StringEquals={"aws:userid": "AROAX:deploy"}),
            trusts(HUB, StringEquals={"aws:userid": "AROAHUB:s1"}),
        ),
        (trusts(f"{SESSION}deploy"), trusts(f"{SESSION}s1")),
    ],
)
def test_without_such_a_key_sessions_are_named_only_where_the_policy_names_sessions(
    trust: Json, made_of_it: Json
) -> None:
    asked = scenario(broken(sets("trust-admin", trust)))
    asked = replace(asked, locations=(ConfigLocation("fixed", {}),) * 3)
    (remedy,) = judge_chain("chain", "me", asked).hops[1].remedies()
    (step,) = remedy.steps
    assert isinstance(step, PolicyChange)
    assert step.statement == {**made_of_it, "Action": "sts:AssumeRole"}
