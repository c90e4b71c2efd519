"""Policy variables in conditions: what they stand for, where, and what is said if they can't."""

from __future__ import annotations

import json

import pytest

from rolehop.policy import Context, Kind, Reason, Truth, parse_policy
from rolehop.policy.evaluation.statements import judge_condition
from rolehop.policy.finding_text import asked_for
from rolehop.policy.language.request_context import (
    Unfilled,
    Variable,
    fill,
    parse_template,
)
from tests.policy.helpers.conditions import judged

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "version", "truth"),
    [
        ("StringEquals", "${v:name}", "ann", "2012-10-17", T),
        ("StringEquals", "x-${v:name}", "x-ann", "2012-10-17", T),
        ("StringEquals", "${V:Name}", "ann", "2012-10-17", T),
        ("StringEquals", "${v:name}", "bob", "2012-10-17", F),
        ("StringEquals", "${v:name}", "ann", "2008-10-17", F),
        ("StringEquals", "${v:name}", "${v:name}", "2008-10-17", T),
        ("StringEquals", "${v:no, 'ann'}", "ann", "2012-10-17", T),
        ("StringEquals", "${v:no,''}", "ann", "2012-10-17", F),
        ("StringEquals", "${v:no}", "ann", "2012-10-17", F),
        ("StringNotEquals", "${v:no}", "ann", "2012-10-17", T),
        ("StringEqualsIfExists", "${v:no}", "ann", "2012-10-17", F),
        ("StringLike", "${v:star}", "abc", "2012-10-17", F),
        ("StringLike", "${v:star}", "a*", "2012-10-17", T),
        ("StringLike", "a${*}", "a*", "2012-10-17", T),
        ("StringLike", "a${*}", "ab", "2012-10-17", F),
        ("StringEquals", "${$}{v:name}", "${v:name}", "2012-10-17", T),
        ("StringLike", "a${?}", "a?", "2012-10-17", T),
        ("StringEquals", "${v:elsewhere}", "ann", "2012-10-17", U),
        ("StringEquals", "x-${v:elsewhere}", "ann", "2012-10-17", F),
        ("StringEquals", "x-${v:elsewhere}", "x-ann", "2012-10-17", U),
        ("StringLike", "?-${v:elsewhere}", "x-ann", "2012-10-17", U),
        ("StringLike", "?-${v:elsewhere}", "xx-ann", "2012-10-17", F),
        ("StringEquals", "${v:two}", "ann", "2012-10-17", U),
        ("StringEquals", "x-${v:two}", "ann", "2012-10-17", U),  # AWS does not say what it is then
        ("StringEquals", "x-${v:two}${v:elsewhere}", "ann", "2012-10-17", U),
        # A variable without a value makes it match nothing, whatever else is unknown.
        ("StringEquals", "${v:no}${v:elsewhere}", "ann", "2012-10-17", F),
        ("StringEquals", "${v:elsewhere}${v:no}", "ann", "2012-10-17", F),
        ("StringNotEquals", "${v:elsewhere}${v:no}", "ann", "2012-10-17", T),
        ("StringLike", "${v:name}*", "ann-1", "2012-10-17", T),
        ("StringLike", "?${v:name}", "-ann", "2012-10-17", T),
        ("StringEquals", "*${v:name}", "*ann", "2012-10-17", T),
        ("StringEquals", "a${v:name}b${v:star}c", "aannba*c", "2012-10-17", T),
        ("ArnLike", "arn:aws:iam::1:user/${v:name}", "arn:aws:iam::1:user/ann", "2012-10-17", T),
        ("StringEquals", "${}", "${}", "2012-10-17", T),
        # Operators on texts, ARNs and truths take them.
        ("StringNotEquals", "${v:name}", "ann", "2012-10-17", F),
        ("StringEqualsIgnoreCase", "${v:name}", "ANN", "2012-10-17", T),
        ("StringNotEqualsIgnoreCase", "${v:name}", "ANN", "2012-10-17", F),
        ("StringNotLike", "${v:name}*", "ann-1", "2012-10-17", F),
        ("ArnEquals", "arn:aws:iam::1:user/${v:name}", "arn:aws:iam::1:user/ann", "2012-10-17", T),
        ("ArnNotLike", "arn:aws:iam::1:user/${v:name}", "arn:aws:iam::1:user/ann", "2012-10-17", F),
        (
            "ArnNotEquals",
            "arn:aws:iam::1:user/${v:name}",
            "arn:aws:iam::1:user/ann",
            "2012-10-17",
            F,
        ),
        ("Bool", "${v:flag}", "true", "2012-10-17", T),
        # Not for dates, addresses, bytes and numbers: there it is a value that can't be read.
        ("DateEquals", "${v:day}", "2026-01-01", "2012-10-17", U),
        ("IpAddress", "${v:ip}", "203.0.113.9", "2012-10-17", U),
        ("NumericEquals", "${v:size}", "1", "2012-10-17", U),
        ("BinaryEquals", "${v:bytes}", "aGk=", "2012-10-17", U),
    ],
)
def test_policy_variables(
    operator: str, wanted: str, found: str, version: str, truth: Truth
) -> None:
    known = {"name": ["ann"], "star": ["a*"], "two": ["ann", "bob"], "size": ["1"]}
    known |= {"flag": ["true"], "day": ["2026-01-01"], "ip": ["203.0.113.9"], "bytes": ["aGk="]}
    finding = judged(operator, wanted, [found], version=version, **known)
    assert finding.truth is truth


@pytest.mark.parametrize(
    ("wanted", "reason", "named"),
    [
        ("${v:no}", Reason.VARIABLE_ABSENT, "v:no"),
        ("${v:elsewhere}${v:no}", Reason.VARIABLE_ABSENT, "v:no"),
        ("${v:elsewhere}-${v:other}", Reason.VARIABLE_UNKNOWN, "v:elsewhere"),
        ("${v:two}", Reason.VARIABLE_UNKNOWN, "v:two"),
    ],
)
def test_a_variable_without_one_value_is_named(wanted: str, reason: Reason, named: str) -> None:
    finding = judged("StringEquals", wanted, ["a-b"], two=["a-b", "c"])
    assert (finding.reason, finding.found) == (reason, named)


@pytest.mark.parametrize("key", ["aws:TagKeys", "AWS:CalledVia", "sts:TransitiveTagKeys"])
def test_a_key_that_may_have_many_values_is_no_variable_even_with_one(key: str) -> None:
    (condition,) = (
        parse_policy(
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "s3:*",
                        "Resource": "*",
                        "Condition": {"StringEquals": {"v:key": f"${{{key}}}"}},
                    },
                }
            ),
            Kind.PERMISSIONS,
        )
        .statements[0]
        .conditions
    )
    one = Context({"v:key": ["a"], key: ["a"]}, closed=True)
    assert judge_condition(condition, one).truth is U
    assert judge_condition(condition, Context({"v:key": ["a"]}, closed=True)).truth is F


@pytest.mark.parametrize("wild", [False, True])
def test_a_value_that_is_one_variable_has_no_other_part(wild: bool) -> None:
    """Such a tag of the caller is sent as the role has it."""
    parsed = parse_template("${aws:PrincipalTag/team}", variables=True, wild=wild)
    assert parsed.parts == (Variable("aws:PrincipalTag/team", None),)
    assert parse_template("", variables=True, wild=wild).parts == ()


def test_a_variable_in_a_condition_is_shown_with_its_value() -> None:
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": "*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
            },
        }
    )
    (statement,) = parse_policy(text, Kind.PERMISSIONS).statements
    (condition,) = statement.conditions
    context = Context({"aws:PrincipalTag/team": ["red"], "aws:ResourceTag/team": ["blue"]})
    finding = judge_condition(condition, context)
    assert asked_for(finding) == "red (the tag 'team' of the caller)"
    assert finding.found == "blue"
    assert finding.wanted == "${aws:PrincipalTag/team}"


@pytest.mark.parametrize(
    "key",
    [
        *("aws:CalledVia", "aws:PrincipalOrgPaths", "aws:PrincipalServiceNamesList"),
        *("aws:ResourceOrgPaths", "aws:SourceOrgPaths", "aws:TagKeys", "aws:VpceOrgPaths"),
        "sts:TransitiveTagKeys",
    ],
)
def test_a_variable_stands_for_no_key_that_may_have_several_values(key: str) -> None:
    """IAM user guide, "Variables and tags": what is made of one value of such a key is open."""
    template = parse_template(f"a/${{{key}}}", variables=True, wild=True)
    found = fill(template, Context({key: ("one",)}))
    assert isinstance(found, Unfilled)
    assert not found.known
    single = parse_template("a/${aws:username}", variables=True, wild=True)
    assert fill(single, Context({"aws:username": ("one",)})) == ("a/", "one")
