"""Fixes in the config: the values that a call has to send."""

from __future__ import annotations

import json
import tomllib
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from rolehop.base.dataclass import replace
from rolehop.commands.explain.view import verdict_view
from rolehop.policy import PolicyType
from rolehop.policy.chain_model import EvaluationContext, InheritedAttributes, StartingCredentials
from rolehop.policy.inventory import IamInventory
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import ChangeKind, Owner, apply_changes
from rolehop.policy.remedies.statement_conditions import suggest_conditions
from rolehop.policy.requests import ChainScenario
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.broken_chains import broken, only, sets
from tests.policy.helpers.chains import (
    ADMIN,
    ALICE,
    HUB,
    NOW,
    Case,
    double_accepts,
    judged,
    made,
    remedies_at,
    trusts,
)
from tests.policy.helpers.worlds import LANES, as_request, make_world
from tests.support.policies import policy

Json = dict[str, Any]
SEEDS = st.integers(min_value=0, max_value=2**63)
KEYS = {policy: name for name, (policy, _) in LANES.items()}
OF_CALLER = ("identity", "boundary", "session_policy")


def asking(**condition: Json) -> Case:
    return broken(sets("trust-admin", trusts(HUB, "sts:*", **condition)))


def test_an_external_id_that_sts_does_not_take_is_not_proposed() -> None:
    case = asking(StringEquals={"sts:ExternalId": "x"})
    assert remedies_at(case, 2) == ()  # an external ID is never waived either
    assert "external_id =" not in as_text(verdict_view(judged(case), verbose=False))


def test_an_external_id_that_its_account_knows_is_shown_as_a_form() -> None:
    case = asking(StringLike={"sts:ExternalId": "cust-*"})
    step = remedies_at(case, 2)[0].steps[0]
    assert isinstance(step, ConfigChange)
    assert (step.shown, step.example) == ({"external_id": "cust-…"}, False)
    text = as_text(verdict_view(judged(case), verbose=False))
    assert '    external_id = "cust-…"\n' in text
    assert "only its form: the owner of account 333333333333 has the value" in text


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ({"Null": {"sts:ExternalId": "false"}}, {"external_id": "any-value"}),
        ({"StringLike": {"sts:ExternalId": "*"}}, {"external_id": "any-value"}),
        (
            {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}},
            {"tags": {"team": "any-value"}},
        ),
        ({"Null": {"aws:TagKeys": "false"}}, {"tags": {"any-key": "any-value"}}),
        ({"Null": {"aws:RequestTag/team": "false"}}, {"tags": {"team": "any-value"}}),
        (
            {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "team"}},
            {"tags": {"team": "any-value"}, "transitive_tags": ["team"]},
        ),
    ],
)
def test_where_any_value_will_do_an_example_is_sent(condition: Json, keys: Json) -> None:
    case = asking(**condition)
    remedy = remedies_at(case, 2)[0]
    step = remedy.steps[0]
    assert isinstance(step, ConfigChange)
    assert (step.keys, step.example, step.form) == (keys, True, {})
    assert double_accepts(made(case, remedy))
    text = as_text(verdict_view(judged(case), verbose=False))
    assert "any value will do: choose your own" in text


def test_a_tag_key_that_is_sent_and_travels_is_listed_once() -> None:
    carrying = ChainScenario(
        StartingCredentials(ALICE, carried=InheritedAttributes({"team": "x"}, ("team",))),
        (),
        EvaluationContext(IamInventory(), NOW),
    )
    call = as_request(
        {**make_world(Random(1)), "actions": ["sts:TagSession"]}  # noqa: S311 - no secret
    )
    tags = call.context.with_supplied({"aws:TagKeys": ("team",), "aws:RequestTag/team": ("x",)})
    asked = replace(call, context=tags)
    found = suggest_conditions(
        None,
        PolicyType.TRUST,
        asked,
        ["sts:TagSession"],
        carrying.inherited_tag_keys(0),
        pin_tags=True,
    )
    assert found.conditions["ForAllValues:StringEquals"] == {"aws:TagKeys": "team"}


def test_a_document_of_the_old_language_stays_so() -> None:
    old = {"Statement": [trusts("444444444444", StringEquals={"aws:username": "${x}"})]}
    change = only(sets("trust-admin"))
    assert apply_changes(old, [change]) == {"Statement": [*old["Statement"], change.statement]}


def test_a_session_policy_is_added_to_those_given_by_arn() -> None:
    breaks = sets("admin", hop1={"policy_arns": ("arn:aws:iam::aws:policy/SecurityAudit",)})
    change = only(breaks)
    assert (change.owner, change.kind) == (Owner.CONFIG, ChangeKind.ADD)
    assert change.statement == {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ADMIN}
    text = as_text(verdict_view(judged(broken(breaks)), verbose=False))
    (line,) = (each for each in text.splitlines() if each.startswith("    policy = "))
    written = json.loads(tomllib.loads(line.strip())["policy"])
    assert written == policy(change.statement)


def test_where_the_age_of_mfa_counts_the_code_goes_with_the_hop() -> None:
    asked = {"aws:MultiFactorAuthAge": "3600"}
    case = broken(sets("trust-hub", trusts(ALICE, NumericLessThan=asked)))
    (step,) = remedies_at(case, 1)[0].steps
    assert isinstance(step, ConfigChange)
    assert (step.hop, step.keys) == (1, {"mfa_serial": "auto"})
