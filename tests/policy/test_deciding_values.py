"""If one unknown key decides, the values that decide are named."""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import (
    NO_POLICY,
    Attached,
    Context,
    Kind,
    Outcome,
    PolicySet,
    PolicyType,
    Request,
    caller_from_arn,
    evaluate,
    parse_policy,
)
from rolehop.policy.evaluation.deciding_values import deciding_values, value_classes
from rolehop.policy.finding_text import deciding_text
from tests.support.policies import policy_text

KEYS = {
    "aws:sourceip": ["IpAddress", "NotIpAddress"],
    "sts:externalid": ["StringEquals", "StringNotEquals", "StringLike"],
    "aws:username": ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
    "aws:multifactorauthage": ["NumericLessThan", "NumericGreaterThanEquals", "NumericNotEquals"],
    "aws:currenttime": ["DateLessThanEquals", "DateGreaterThan"],
    "aws:multifactorauthpresent": ["Bool"],
}
VALUES: dict[str, list[Any]] = {
    "aws:sourceip": ["203.0.113.0/24", ["203.0.113.128/25", "10.0.0.0/8"], "2001:db8::/32"],
    "sts:externalid": ["x-1", ["x-1", "y"], "x-*", ["x-*", "x-1*"], "*"],
    "aws:username": ["ann", ["Ann", "bob"]],
    "aws:multifactorauthage": ["3600", ["10", "20"]],
    "aws:currenttime": ["2026-06-01T00:00:00Z", "1700000000"],
    "aws:multifactorauthpresent": ["true", "false"],
}
SAMPLES = {
    "aws:sourceip": ["203.0.113.1", "203.0.113.200", "10.9.9.9", "9.9.9.9", "2001:db8::1", "::2"],
    "sts:externalid": ["x-1", "x-2", "x-12", "y", "z", "x", ""],
    "aws:username": ["ann", "ANN", "Ann", "bob", "bo", "carl"],
    "aws:multifactorauthage": ["0", "9", "10", "15", "20", "3599", "3600", "3601"],
    "aws:currenttime": ["0", "1700000000", "1700000001", "2026-06-01T00:00:00Z", "2030-01-01"],
    "aws:multifactorauthpresent": ["true", "false"],
}


def request(*statements: Any) -> Request:
    """Return a request of which everything but condition keys is known."""
    text = policy_text(*statements)
    trust = PolicySet((Attached("trust", parse_policy(text, Kind.TRUST), text),))
    return Request(
        "arn:aws:iam::222222222222:role/T",
        caller_from_arn("arn:aws:iam::222222222222:user/bob"),
        Context({}),
        policies={
            PolicyType.TRUST: trust,
            PolicyType.PERMISSIONS: PolicySet(),
            PolicyType.BOUNDARY: NO_POLICY,
            PolicyType.SESSION: NO_POLICY,
        },
    )


def statement(effect: str, condition: Any) -> Any:
    principal = {"AWS": "arn:aws:iam::222222222222:user/bob"}
    made = {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}
    return {**made, "Condition": condition} if condition else made


ALLOW = statement("Allow", {})


@pytest.mark.parametrize(
    ("statements", "text"),
    [
        (
            [statement("Allow", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})],
            "allowed only from 203.0.113.0/24 (aws:SourceIp)",
        ),
        (
            [ALLOW, statement("Deny", {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}})],
            "allowed only from 203.0.113.0/24 (aws:SourceIp)",
        ),
        (
            [
                ALLOW,
                statement("Deny", {"IpAddress": {"aws:SourceIp": ["10.0.0.0/9", "10.128.0.0/9"]}}),
            ],
            "refused only from 10.0.0.0/8 (aws:SourceIp)",
        ),
        (
            [statement("Allow", {"StringEquals": {"aws:PrincipalOrgID": ["o-1", "o-2"]}})],
            "allowed only if the caller's organization is o-1 or o-2 (aws:PrincipalOrgID)",
        ),
        (
            [statement("Allow", {"StringLikeIfExists": {"sts:ExternalId": "x-*"}})],
            "allowed only if the external ID is x-*, or if the call has none (sts:ExternalId)",
        ),
        (
            [statement("Allow", {"Bool": {"aws:MultiFactorAuthPresent": "true"}})],
            "allowed only if MFA was used (aws:MultiFactorAuthPresent)",
        ),
        (
            [statement("Allow", {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}})],
            "allowed only if the seconds since MFA are less than 3600 (aws:MultiFactorAuthAge)",
        ),
        (
            [
                statement(
                    "Allow",
                    {
                        "DateGreaterThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"},
                        "DateLessThanEquals": {"aws:TokenIssueTime": "2026-02-01T00:00:00Z"},
                    },
                )
            ],
            (
                "allowed only if the time when the caller's session was issued is after"
                " 2026-01-01T00:00:00Z and at or before 2026-02-01T00:00:00Z (aws:TokenIssueTime)"
            ),
        ),
        (
            [statement("Allow", {"StringLike": {"sts:ExternalId": "*"}})],
            "refused only if the external ID is absent (sts:ExternalId)",
        ),
        (
            [
                statement(
                    "Allow",
                    {
                        "DateGreaterThanEquals": {"aws:CurrentTime": "1700000000"},
                        "DateLessThan": {"aws:CurrentTime": "1800000000"},
                    },
                )
            ],
            (
                "allowed only if the time of the call is at or after 1700000000 and before"
                " 1800000000 (aws:CurrentTime)"
            ),
        ),
        # A tag may have the empty value.
        (
            [statement("Allow", {"StringEquals": {"aws:PrincipalTag/team": ["", "x"]}})],
            "allowed only if the tag 'team' of the caller is \"\" or x (aws:PrincipalTag/team)",
        ),
        (
            [
                statement("Allow", {"IpAddress": {"aws:SourceIp": each}})
                for each in ("2001:db8:8000::/33", "203.0.113.0/24", "2001:db8::/33")
            ],
            "allowed only from 203.0.113.0/24 or 2001:db8::/32 (aws:SourceIp)",
        ),
    ],
)
def test_the_deciding_values_are_named(statements: list[Any], text: str) -> None:
    found = deciding_values(evaluate(request(*statements)))
    assert found is not None
    assert deciding_text(found) == text


AGE = "aws:MultiFactorAuthAge"
ONLY_IF = "only if the seconds since MFA are"


@pytest.mark.parametrize(
    ("operators", "there", "text"),
    [
        ({"NumericEquals": "5"}, False, f"allowed {ONLY_IF} 5 ({AGE})"),
        ({"NumericGreaterThanEquals": "5"}, False, f"allowed {ONLY_IF} at least 5 ({AGE})"),
        ({"NumericGreaterThan": "5", "NumericLessThan": "9"}, False,
         f"allowed {ONLY_IF} more than 5 and less than 9 ({AGE})"),
        ({"NumericGreaterThanEquals": "5", "NumericNotEquals": "7", "NumericLessThanEquals": "9"},
         False, f"allowed {ONLY_IF} at least 5 and less than 7 or more than 7 and at most 9 ({AGE})"),
        # Without a key that is compared to be unlike another, the condition holds.
        ({"NumericNotEquals": "5"}, False,
         f"allowed {ONLY_IF} less than 5 or more than 5, or if the call has none ({AGE})"),
        ({"NumericNotEquals": "5"}, True, f"allowed {ONLY_IF} less than 5 or more than 5 ({AGE})"),
    ],
)  # fmt: skip
def test_the_ranges_of_a_number(operators: dict[str, str], there: bool, text: str) -> None:
    condition = {operator: {AGE: bound} for operator, bound in operators.items()}
    asked = request(statement("Allow", condition))
    if there:
        asked = replace(asked, context=Context({}, present=[AGE]))
    found = deciding_values(evaluate(asked))
    assert found is not None
    assert deciding_text(found) == text


ANY_NUMBER = [
    statement("Allow", {operator: {AGE: "5"}})
    for operator in ("NumericGreaterThan", "NumericLessThanEquals")
]


def test_a_number_that_only_has_to_be_there() -> None:
    found = deciding_values(evaluate(request(*ANY_NUMBER)))
    assert found is not None
    assert deciding_text(found) == f"refused {ONLY_IF} absent ({AGE})"
    # Nothing decides if it is there.
    there = replace(request(*ANY_NUMBER), context=Context({}, present=[AGE]))
    assert deciding_values(evaluate(there)) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"IpAddress": {"aws:SourceIp": "1.2.3.4"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}},
        {"StringLike": {"sts:ExternalId": "*-x"}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}},
        {"StringEquals": {"sts:ExternalId": "${aws:none}"}},
        {"IpAddress": {"aws:SourceIp": "nonsense"}},
    ],
)
def test_where_the_values_can_not_be_listed_none_are_named(condition: Any) -> None:
    assert deciding_values(evaluate(request(statement("Allow", condition)))) is None


def test_the_classes_are_all_that_policies_distinguish() -> None:
    rng = Random(5)  # noqa: S311 - policies, no secrets
    for _ in range(300):
        key = rng.choice(list(KEYS))
        statements = [
            statement(
                rng.choice(["Allow", "Deny"]),
                {rng.choice(KEYS[key]): {key: rng.choice(VALUES[key])}},
            )
            for _ in range(rng.randint(1, 3))
        ]
        asked = request(*statements)
        (document,) = asked.policy_set(PolicyType.TRUST).documents
        classes = value_classes(key, [document.policy])
        assert classes is not None
        expected = {outcome(asked, key, each.value) for each in classes.classes}
        for value in SAMPLES[key]:
            assert outcome(asked, key, value) in expected, (statements, value)


def test_the_named_values_are_right_for_every_sample() -> None:
    rng = Random(6)  # noqa: S311 - policies, no secrets
    named = 0
    for _ in range(300):
        statements = [
            statement(
                rng.choice(["Allow", "Allow", "Deny"]),
                {
                    rng.choice(KEYS["aws:sourceip"]): {
                        "aws:SourceIp": rng.choice(VALUES["aws:sourceip"])
                    }
                },
            )
            for _ in range(rng.randint(1, 3))
        ]
        asked = request(*statements)
        found = deciding_values(evaluate(asked))
        if found is None:
            continue
        named += 1
        blocks = [ipaddress.ip_network(each) for each in found.values]
        for value in SAMPLES["aws:sourceip"]:
            address = ipaddress.ip_address(value)
            inside = any(address in each for each in blocks)
            assert (outcome(asked, "aws:sourceip", value) is found.outcome) is inside
    assert named > 50


def outcome(asked: Request, key: str, value: str) -> Outcome:
    context = asked.context.with_supplied({key: [value]})
    return evaluate(Request(asked.role, asked.caller, context, policies=asked.policies)).outcome
