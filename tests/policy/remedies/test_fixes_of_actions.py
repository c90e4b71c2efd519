"""The fix of every refused action: written in and judged again, it allows, and nothing else changes.

Each world is one that people meet; of its fix a reviewer asks that it adds at most one statement to a
document, in the right document, for this caller, this action and this resource alone.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.commands.explain.view import actions_view
from rolehop.policy import Outcome, evaluate
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal
from rolehop.policy.remedies.policy_change import (
    ChangeKind,
    PolicyChange,
    with_policy_changes,
)
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.actions import (
    FAR_KEY,
    KEY,
    OBJECT,
    OWN_QUEUE,
    QUEUE,
    ROLE,
    SESSION,
    TARGET,
    acting,
    of,
    statement,
    trusting,
)
from tests.support.policies import policy_text

ALL = [statement("*")]
DATABASE = "arn:aws:rds:eu-west-1:222222222222:db:a"
TABLE = "arn:aws:dynamodb:eu-west-1:222222222222:table/t"
INSTANCE = "arn:aws:ec2:eu-west-1:222222222222:instance/i-1"
SECRET = "arn:aws:secretsmanager:eu-west-1:333333333333:secret:s-1"
MINE = {"aws:ResourceAccount": ["222222222222"]}
THEIRS = {"aws:ResourceAccount": ["444444444444"]}
FENCE = {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}
PLAIN = {"Bool": {"aws:SecureTransport": "true"}}


def deny(action: Any, resource: Any = "*", **more: Any) -> Any:
    return statement(action, resource, "Deny", **more)


def own(*statements: Any) -> str:
    return policy_text(*({"Principal": "*", **each} for each in statements))


# name, action, resource, the caller's statements, other documents, the documents that the fix changes
Case = tuple[str, str, str, list[Any], dict[str, Any], tuple[str, ...]]
CASES: list[Case] = [
    ("no statement", "ec2:StopInstances", INSTANCE, [], {}, ("permissions",)),
    ("another action", "rds:StopDBInstance", DATABASE, [statement("rds:StartDBInstance", DATABASE)], {},
     ("permissions",)),
    ("another resource", "rds:StopDBInstance", DATABASE, [statement("rds:StartDBInstance", f"{DATABASE}2")], {},
     ("permissions",)),
    ("other case", "rds:StartDBInstance", DATABASE, [statement("rds:StartDBInstance", DATABASE.upper())], {},
     ("permissions",)),
    ("a bucket for all buckets", "s3:ListAllMyBuckets", "*",
     [statement("s3:*", "arn:aws:s3:::logs")], {}, ("permissions",)),
    ("a condition not met", "ec2:StopInstances", INSTANCE,
     [statement("ec2:*", Condition=FENCE | {"Bool": {"aws:SecureTransport": "false"}})], {},
     ("permissions",)),
    ("a NotAction", "ec2:StopInstances", INSTANCE,
     [{"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"}], {}, ("permissions",)),
    ("a Deny of one action", "ec2:StopInstances", INSTANCE, [*ALL, deny("ec2:StopInstances")], {},
     ("permissions",)),
    ("a Deny of several", "ec2:StopInstances", INSTANCE,
     [*ALL, deny(["ec2:StopInstances", "ec2:StartInstances"])], {}, ("permissions",)),
    ("a Deny of a service", "ec2:StopInstances", INSTANCE, [*ALL, deny("ec2:*")], {},
     ("permissions",)),
    ("a Deny of all but some", "ec2:StopInstances", INSTANCE,
     [*ALL, {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}], {}, ("permissions",)),
    ("a boundary", "rds:StopDBInstance", DATABASE, ALL, {"boundary": statement("s3:*")}, ("boundary",)),
    ("a session policy", "rds:StopDBInstance", DATABASE, ALL, {"session": statement("s3:*")},
     ("session",)),
    ("an SCP without it", "ec2:StopInstances", INSTANCE, ALL, {"scp": statement("s3:*")}, ("scp",)),
    ("an SCP that denies", "ec2:StopInstances", INSTANCE, ALL, {"scp": [*ALL, deny("ec2:*")]}, ("scp",)),
    ("an SCP for a region", "ec2:StopInstances", INSTANCE, ALL, {"scp": [*ALL, deny("*", Condition=FENCE)]},
     ("scp",)),
    ("an RCP", "dynamodb:GetItem", TABLE, ALL,
     {"rcp": deny("dynamodb:*", Principal="*", Condition=PLAIN)}, ("rcp",)),
    ("a queue elsewhere", "sqs:SendMessage", QUEUE, ALL,
     {"own": of("444444444444", "sqs:*")}, ("trust",)),
    ("a queue elsewhere, on both sides", "sqs:SendMessage", QUEUE, [],
     {"own": of("444444444444", "sqs:*")}, ("trust", "permissions")),
    ("a queue of our own", "sqs:SendMessage", OWN_QUEUE, [],
     {"own": of("444444444444", "sqs:*")}, ("permissions",)),
    ("a queue that denies", "sqs:SendMessage", OWN_QUEUE, ALL,
     {"own": own(deny("sqs:*", OWN_QUEUE, Condition=PLAIN))}, ("trust",)),
    ("a bucket elsewhere", "s3:GetObject", OBJECT, ALL,
     {"own": own(statement("s3:ListBucket", "arn:aws:s3:::logs")), "supplied": THEIRS}, ("trust",)),
    ("a key", "kms:Decrypt", KEY, ALL, {"own": of("444444444444", "kms:*")}, ("trust",)),
    ("a key that leaves it to the account", "kms:Decrypt", KEY, [],
     {"own": of("222222222222", "kms:*")}, ("permissions",)),
    ("a key elsewhere", "kms:Decrypt", FAR_KEY, [], {"own": of("444444444444", "kms:*")},
     ("trust", "permissions")),
    ("a secret elsewhere", "secretsmanager:GetSecretValue", SECRET,
     [statement("secretsmanager:*")], {"own": of("444444444444", "secretsmanager:*")}, ("trust",)),
    ("a role", "sts:AssumeRole", TARGET, ALL, {"trust": trusting("444444444444", "sts:AssumeRole")},
     ("trust",)),
]  # fmt: skip


def changes_of(action: ActionVerdict) -> list[PolicyChange]:
    (remedy,) = action.remedies()
    steps = [step for step in remedy.steps if isinstance(step, PolicyChange)]
    assert len(steps) == len(remedy.steps)
    return steps


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_the_fix_written_in_allows(case: Case) -> None:
    _, name, resource, permissions, more, documents = case
    action = acting(name, resource, permissions, **more)
    assert action.verdict.outcome is Outcome.REFUSED
    changes = changes_of(action)
    after = evaluate(with_policy_changes(action.by_documents.request, changes))
    assert after.outcome is Outcome.ALLOWED, after.unknowns
    changed = tuple(dict.fromkeys(each.policy_type.value for each in changes))
    assert changed == documents
    for document in documents:
        added = [e for e in changes if e.kind is ChangeKind.ADD and e.policy_type.value == document]
        assert len(added) <= 1
    for each in changes:
        if each.statement["Effect"] == "Allow" and each.kind is ChangeKind.ADD:
            assert each.statement["Action"] == name
            of_key = name.startswith("kms:") and each.policy_type.value == "trust"
            if not name.startswith("sts:"):  # a trust policy has no Resource
                assert each.statement["Resource"] == ("*" if of_key else resource)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_the_fix_is_shown_with_its_statement(case: Case) -> None:
    _, name, resource, permissions, more, _ = case
    action = acting(name, resource, permissions, **more)
    text = as_text(actions_view("chain", [action], verbose=False))
    assert len(text.splitlines()) <= 24
    assert "to fix it," in text
    statement = json.dumps(changes_of(action)[0].statement)
    shown = as_text(actions_view("chain", [action], verbose=True))
    assert "".join(statement.split()) in "".join(shown.split())


def answer_of(reason: str, fix: str) -> AwsRefusal:
    words = (
        f"User: {SESSION} is not authorized to perform: s3:GetObject on resource: {OBJECT} {reason}"
    )
    return AwsRefusal("AccessDenied", None, words, fix)


def test_documents_never_take_away_the_fix_that_the_words_of_aws_have() -> None:
    managed = ("arn:aws:iam::aws:policy/AWSDenyAll",)
    reason = "because no session policy allows the s3:GetObject action"
    for permissions in (
        ALL,
        [*ALL, deny("s3:*", Condition={"Null": {"aws:PrincipalArn": "false"}})],
    ):
        action = acting(
            "s3:GetObject",
            OBJECT,
            permissions,
            attached=managed,
            answer=answer_of(reason, "ask Ann"),
        )
        text = as_text(actions_view("chain", [action], verbose=False))
        assert "to fix it" in text, text


def test_nothing_is_proposed_where_aws_itself_allows_no_change() -> None:
    action = acting("iam:DeletePolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", ALL)
    assert action.remedies() == ()
    text = as_text(actions_view("chain", [action], verbose=False))
    answer = " ".join(text.split()).partition(" caller ")[0]
    assert (
        "whatever policies allow, this is an AWS managed policy, which only AWS can change"
        in answer
    )
    assert "to fix it" not in text


def test_without_a_resource_no_statement_can_be_written() -> None:
    from rolehop.policy.evaluation.call_rules import ANY_RESOURCE

    action = acting("ec2:StopInstances", ANY_RESOURCE, [])
    assert action.verdict.outcome is Outcome.REFUSED
    assert action.remedies() == ()
    assert "--resource ARN" in as_text(actions_view("chain", [action], verbose=False))


def test_a_guardrail_gets_one_condition_that_names_the_caller() -> None:
    action = acting("ec2:StopInstances", INSTANCE, ALL, scp=[*ALL, deny("*", Condition=FENCE)])
    (change,) = changes_of(action)
    assert change.kind is ChangeKind.REPLACE
    assert change.statement["Condition"] == {
        **FENCE,
        "ArnNotEquals": {"aws:PrincipalArn": ROLE},
    }


def test_no_policy_is_proposed_for_what_can_have_none() -> None:
    """Nothing of IAM is open to another account, whatever policies say."""
    user = "arn:aws:iam::333333333333:user/bob"
    action = acting("iam:GetUser", user, ALL)
    assert action.verdict.outcome is Outcome.REFUSED
    assert action.remedies() == ()
    text = " ".join(as_text(actions_view("chain", [action], verbose=False)).split())
    assert "call with a session of account 333333333333" in text
    assert "bob can have no policy of its own that opens it to another account" in text


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        # A Deny that excepts "*" would deny nobody anything.
        ({"Action": "s3:*", "NotResource": "arn:aws:s3:::logs/*"}, None),
        ({"Action": "s3:*", "Resource": "*"}, None),
        (
            {"Action": ["s3:ListAllMyBuckets", "s3:PutObject"], "Resource": "*"},
            {"Action": "s3:PutObject", "Resource": "*"},
        ),
        (
            {"NotAction": "ec2:*", "Resource": "*"},
            {"NotAction": ["ec2:*", "s3:ListAllMyBuckets"], "Resource": "*"},
        ),
    ],
)
def test_a_deny_is_never_emptied_for_a_call_about_no_resource(denied: Any, left: Any) -> None:
    action = acting("s3:ListAllMyBuckets", "*", [*ALL, {"Effect": "Deny", **denied}])
    assert action.verdict.outcome is Outcome.REFUSED
    if left is None:
        assert action.remedies() == ()
    else:
        (change,) = changes_of(action)
        assert change.statement == {"Effect": "Deny", **left}


def test_a_deny_of_what_the_call_sends_can_also_be_met_by_another_call() -> None:
    key = "s3:x-amz-server-side-encryption"
    condition = {"StringNotEquals": {key: "aws:kms"}}
    for fence, said in (
        (deny("s3:PutObject", Condition=condition), True),
        (deny("s3:Put*"), False),
    ):
        supplied = {**MINE, key: ["AES256"]}
        action = acting("s3:PutObject", OBJECT, ALL, own=own(fence), supplied=supplied)
        assert action.verdict.outcome is Outcome.REFUSED
        text = " ".join(as_text(actions_view("chain", [action], verbose=False)).split())
        assert (f"or make the call otherwise: the Deny rests on its {key}" in text) is said
