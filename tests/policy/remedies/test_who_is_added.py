"""Who joins a policy, and with what: no more than the call, in place of a slip, with warnings, if there is room."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.commands.explain.view import actions_view
from rolehop.policy import Outcome, evaluate
from rolehop.policy.chain_verdict import ActionVerdict
from rolehop.policy.remedies.policy_change import PolicyChange, with_policy_changes
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.actions import ROLE, TARGET, acting, of, statement, trusting
from tests.support.policies import policy_text

ALL = [statement("*")]
OTHER = "arn:aws:iam::222222222222:role/Other"
TYPO = "arn:aws:iam::222222222222:role/ops"
SERVICE = policy_text(
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
)
DATABASE = "arn:aws:rds:eu-west-1:222222222222:db:a"


def assuming(trust: str) -> ActionVerdict:
    return acting("sts:AssumeRole", TARGET, ALL, trust=trust)


def change_of(action: ActionVerdict) -> PolicyChange:
    (remedy,) = action.remedies()
    (change,) = remedy.steps
    assert isinstance(change, PolicyChange)
    after = evaluate(with_policy_changes(action.by_documents.request, [change]))
    assert after.outcome is Outcome.ALLOWED
    return change


def shown(action: ActionVerdict) -> str:
    return " ".join(as_text(actions_view("chain", [action], verbose=True)).split())


def test_whoever_joins_a_statement_for_assume_role_alone_is_listed_in_it() -> None:
    change = change_of(assuming(trusting(OTHER, "sts:AssumeRole")))
    assert change.statement["Principal"] == {"AWS": [OTHER, ROLE]}


@pytest.mark.parametrize("actions", [["sts:AssumeRole", "sts:TagSession"], ["sts:*"]])
def test_whoever_would_get_more_by_joining_gets_a_statement_of_their_own(
    actions: list[str],
) -> None:
    change = change_of(assuming(trusting(OTHER, *actions)))
    assert change.index is None
    assert change.statement == {
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": "sts:AssumeRole",
    }


def test_a_principal_that_differs_by_case_alone_is_a_slip_and_is_replaced() -> None:
    change = change_of(assuming(trusting(TYPO, "sts:AssumeRole")))
    assert change.statement["Principal"] == {"AWS": ROLE}


def test_another_role_of_a_similar_name_stays() -> None:
    similar = "arn:aws:iam::222222222222:role/Opt"
    change = change_of(assuming(trusting(similar, "sts:AssumeRole")))
    assert change.statement["Principal"] == {"AWS": [similar, ROLE]}


def test_a_role_that_is_for_services_alone_is_offered_with_a_warning() -> None:
    action = assuming(SERVICE)
    assert change_of(action).services == ("ec2.amazonaws.com",)
    assert "warning: this role is meant for AWS services alone (ec2.amazonaws.com)" in shown(action)
    mixed = policy_text(
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com", "AWS": "444444444444"},
            "Action": "sts:AssumeRole",
        }
    )
    assert change_of(assuming(mixed)).services == ()


def filled(length: int) -> Any:
    """Return a statement of about ``length`` characters that allows nothing of the calls here."""
    return statement(
        "s3:GetObject", [f"arn:aws:s3:::{'b' * 52}{n:04}" for n in range(length // 72)]
    )


def test_where_the_inline_policies_have_no_room_a_managed_policy_is_proposed_and_why() -> None:
    action = acting("rds:StopDBInstance", DATABASE, [filled(10_200)])
    change = change_of(action)
    assert change.document == "a new managed policy for role Ops"
    assert change.instead_of == "the inline policies of role Ops"
    assert "there is no room left in the inline policies of role Ops" in shown(action)
    assert change_of(acting("rds:StopDBInstance", DATABASE, [filled(9_000)])).instead_of is None


def test_a_policy_that_would_be_longer_than_its_quota_is_warned_of() -> None:
    many = [f"arn:aws:iam::222222222222:role/Role{n:03}" for n in range(45)]
    crowded = policy_text(
        {
            "Effect": "Allow",
            "Principal": {"AWS": many},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    )
    action = assuming(crowded)
    assert change_of(action).over == 2_048
    assert "longer than AWS's quota of 2,048 characters" in shown(action)
    assert change_of(assuming(trusting(OTHER, "sts:*"))).over is None


def test_a_key_policy_names_its_own_key_as_key_policies_do() -> None:
    key = "arn:aws:kms:eu-west-1:222222222222:key/1"
    change = change_of(acting("kms:Decrypt", key, ALL, of("444444444444", "kms:*")))
    assert change.statement["Resource"] == "*"
