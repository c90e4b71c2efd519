"""One table for each family of condition operators."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from rolehop.policy import Context, Finding, Kind, Reason, Truth, parse_policy
from rolehop.policy.evaluation.conditions import judge_condition
from rolehop.policy.language.operators import OPERATOR_NAMES, parse_operator
from rolehop.policy.language.parser import Condition
from rolehop.show.condition_text import asked_for

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
ABSENT: list[str] = []


def judged(
    operator: str,
    wanted: Any,
    found: list[str] | None,
    *,
    version: str = "2012-10-17",
    **others: list[str],
) -> Finding:
    """Judge ``k`` under ``operator``; ``found`` None is unknown, empty is absent."""
    values = {} if found is None else {"K": found}
    context = Context({**values, **{f"v:{key}": value for key, value in others.items()}}, ["v:no"])
    return judge_condition(condition_of(operator, wanted, version), context)


def condition_of(operator: str, wanted: Any, version: str = "2012-10-17") -> Condition:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": "*",
        "Condition": {operator: {"k": wanted}},
    }
    parse_policy.cache_clear()  # each row is a test of the parser, too
    policy = parse_policy(
        json.dumps({"Version": version, "Statement": statement}), Kind.PERMISSIONS
    )
    return policy.statements[0].conditions[0]


def table(*rows: tuple[Any, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("operator", "wanted", "found", "truth"), rows)


@table(
    ("StringEquals", "a", ["a"], T),
    ("StringEquals", "a", ["A"], F),
    ("StringEquals", "a*", ["ab"], F),
    ("StringEquals", "a*", ["a*"], T),
    ("StringEquals", ["a", "b"], ["b"], T),
    ("StringEquals", [], ["b"], F),
    ("StringEquals", "a", ABSENT, F),
    ("StringEquals", "a", None, U),
    ("StringEqualsIfExists", "a", ABSENT, T),
    ("StringEqualsIfExists", "a", ["b"], F),
    ("StringNotEquals", "a", ["b"], T),
    ("StringNotEquals", ["a", "b"], ["b"], F),
    ("StringNotEquals", "a", ABSENT, T),
    ("StringNotEqualsIfExists", "a", ABSENT, T),
    ("StringNotEquals", "a", None, U),
    ("stringequals", "a", ["a"], T),
    ("StringEqualsIgnoreCase", "aB", ["Ab"], T),
    ("StringEqualsIgnoreCase", "a", ["b"], F),
    ("StringNotEqualsIgnoreCase", "A", ["a"], F),
    ("StringNotEqualsIgnoreCase", "A", ABSENT, T),
    ("StringLike", "a*", ["a:/b"], T),
    ("StringLike", "a?", ["ab"], T),
    ("StringLike", "a?", ["a"], F),
    ("StringLike", "A*", ["ab"], F),
    ("StringLike", "*ab*ab*", ["ab"], F),
    ("StringLike", "*ab*ab*", ["abab"], T),
    ("StringLike", "a**b", ["ab"], T),
    ("StringLike", "**", [""], T),
    ("StringLike", "ab*bc", ["abc"], F),
    ("StringLike", "a*b", ["ac"], F),
    ("StringLike", "a*b", ["cb"], F),
    ("StringLike", "a*?c", ["abbc"], T),
    ("StringLike", "a*?c", ["ac"], F),
    ("StringLike", "[a]", ["a"], F),
    ("StringNotLike", "a*", ["ab"], F),
    ("StringNotLike", "a*", ["b"], T),
    ("StringNotLike", "a*", ABSENT, T),
)
def test_string_operators(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


ARN = "arn:aws:iam::111111111111:role/x/R"


@table(
    ("ArnLike", ARN, [ARN], T),
    ("ArnEquals", "arn:aws:iam::*:role/*", [ARN], T),
    ("ArnLike", "arn:aws:iam::111111111111:role/?/R", [ARN], T),
    ("ArnLike", "arn:*:role/x/R", [ARN], U),
    ("ArnLike", "arn:aws:iam:*:*:*", [ARN], T),
    ("ArnLike", "arn:aws:iam*11:role:*:*", [ARN], F),
    ("ArnLike", "*", [ARN], U),
    ("ArnLike", ARN, ["no ARN"], F),
    ("ArnLike", "*:*:*:*:*:*", ["no ARN"], F),
    ("ArnLike", "arn:aws:iam::1:*", ["arn:aws:iam::1:a:b:c"], T),
    ("ArnLike", "arn:aws:iam::1:a:b:c", ["arn:aws:iam::1:a:b:c"], T),
    ("ArnLike", "arn:aws:i*:?:1:a:b:c", ["arn:aws:iam:x:1:a:b:c"], T),
    ("ArnNotLike", "arn:aws:iam::*:role/*", [ARN], F),
    ("ArnNotEquals", "arn:aws:iam::*:user/*", [ARN], T),
    ("ArnNotEquals", "arn:aws:iam::*:user/*", ABSENT, T),
    ("ArnLikeIfExists", "arn:aws:iam::*:user/*", ABSENT, T),
    ("ArnLike", "arn:aws:iam::*:user/*", ABSENT, F),
)
def test_arn_operators(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@table(
    ("NumericEquals", "10", ["10.0"], T),
    ("NumericEquals", 10, ["10"], T),
    ("NumericNotEquals", "10", ["10"], F),
    ("NumericNotEquals", "10", ABSENT, T),
    ("NumericLessThan", "3600", ["3599.9"], T),
    ("NumericLessThan", "3600", ["3600"], F),
    ("NumericLessThanEquals", "3600", ["3600"], T),
    ("NumericGreaterThan", "-1", ["0"], T),
    ("NumericGreaterThanEquals", "2", ["1"], F),
    ("NumericLessThan", "1", ABSENT, F),
    ("NumericLessThanIfExists", "1", ABSENT, T),
    ("NumericLessThan", "many", ["1"], U),
    ("NumericLessThan", "1e9", ["1"], U),
    ("NumericEquals", " 1", ["1"], U),  # of blanks AWS says nothing
    ("NumericLessThan", "9" * 4000, ["1"], U),
)
def test_numeric_operators(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@table(
    ("DateEquals", "2026-01-01T00:00:00Z", ["1767225600"], T),
    ("DateEquals", "2026-01-01", ["2026-01-01T01:00:00+01:00"], T),
    ("DateNotEquals", "2026-01-01", ["2026-01-02"], T),
    ("DateNotEquals", "2026-01-01", ABSENT, T),
    ("DateLessThan", "2026-01-01", ["2025-12-31T23:59:59Z"], T),
    ("DateLessThanEquals", "2026-01-01", ["2026-01-01"], T),
    ("DateGreaterThan", "2026-01-01", ["2026-01-01"], F),
    ("DateGreaterThanEquals", "2026-01-01", ["2026-01-01"], T),
    ("DateGreaterThan", "tomorrow", ["2026-01-01"], U),
    ("DateEquals", " 2026-01-01", ["2026-01-01"], U),  # of blanks AWS says nothing
    ("DateEquals", " 1767225600", ["1767225600"], U),
    ("DateGreaterThan", "2026-01-01", ABSENT, F),
    ("DateGreaterThanIfExists", "2026-01-01", ABSENT, T),
    ("DateGreaterThan", "${aws:CurrentTime}", ["2026-01-01"], U),
)
def test_date_operators(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


def test_a_time_without_a_zone_is_utc_wherever_rolehop_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as here:
        here.setenv("TZ", "Far-9")
        time.tzset()
        found = judged("DateEquals", "2026-01-01T00:00:00", ["1767225600"])
    time.tzset()
    assert found.truth is T


@table(
    ("Bool", "true", ["true"], T),
    ("Bool", True, ["true"], T),
    ("Bool", "true", ["false"], F),
    ("Bool", ["true", "false"], ["false"], T),
    ("Bool", "true", ABSENT, F),
    ("BoolIfExists", "true", ABSENT, T),
    ("Bool", "yes", ["true"], U),
    ("Bool", "True", ["true"], T),  # as YAML and Python write it
    ("Bool", "true", ["True"], T),
    ("Bool", "${v:flag}", ["true"], F),
)
def test_bool(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found, flag=["false"]).truth is truth


@table(
    ("IpAddress", "203.0.113.0/24", ["203.0.113.9"], T),
    ("IpAddress", "203.0.113.9", ["203.0.113.9"], T),
    ("IpAddress", "203.0.113.9", ["203.0.113.8"], F),
    ("IpAddress", ["203.0.113.0/24", "2001:db8::/32"], ["2001:db8::5"], T),
    ("IpAddress", "0.0.0.0/0", ["2001:db8::5"], F),
    ("IpAddress", "203.0.113.0/24", ABSENT, F),
    ("IpAddressIfExists", "203.0.113.0/24", ABSENT, T),
    ("NotIpAddress", "203.0.113.0/24", ["203.0.113.9"], F),
    ("NotIpAddress", "203.0.113.0/24", ABSENT, T),
    ("IpAddress", "203.0.113.0/99", ["203.0.113.9"], U),
)
def test_ip_operators(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@table(
    ("BinaryEquals", "aGk=", ["aGk="], T),
    ("BinaryEquals", "aGk=", ["aGo="], F),
    ("BinaryEquals", "aGk=", ABSENT, F),
    ("BinaryEqualsIfExists", "aGk=", ABSENT, T),
    ("BinaryEquals", "no base64!", ["aGk="], U),
    ("BinaryEquals", "ä", ["aGk="], U),
    ("BinaryEquals", "aGk", ["aGk="], U),
)
def test_binary(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@table(
    ("Null", "true", ABSENT, T),
    ("Null", "true", ["x"], F),
    ("Null", False, ["x"], T),
    ("Null", "false", ABSENT, F),
    ("Null", ["true", "false"], ABSENT, T),
    ("Null", "true", None, U),
    ("Null", "maybe", ["x"], U),
)
def test_null(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@table(
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b", "a"], T),
    ("ForAllValues:StringEquals", ["a"], ["a", "c"], F),
    ("ForAllValues:StringEquals", ["a"], ABSENT, T),
    ("ForAllValues:StringEquals", ["a"], [""], T),  # an empty data set
    ("ForAllValues:StringEquals", ["a"], ["", "a"], F),
    ("ForAllValues:StringLike", ["*"], None, U),
    ("ForAnyValue:StringLike", ["*"], None, U),  # nor is it known that there is one
    ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], T),
    ("ForAllValues:StringNotEquals", ["a"], ["a", "c"], F),
    ("ForAllValues:StringNotEquals", ["a"], ABSENT, T),
    ("ForAnyValue:StringEquals", ["a"], ["c", "a"], T),
    ("ForAnyValue:StringEquals", ["a"], ["c"], F),
    ("ForAnyValue:StringEquals", ["a"], ABSENT, F),
    ("ForAnyValue:StringEqualsIfExists", ["a"], ABSENT, U),  # not documented
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], T),
    ("ForAnyValue:StringNotEquals", ["a"], ["a"], F),
    ("ForAnyValue:StringNotEquals", ["a"], ABSENT, F),
    ("forallvalues:StringLike", ["t*"], ["team", "type"], T),
    ("ForAllValues:ArnLike", ["arn:aws:iam::1:*"], ["arn:aws:iam::1:a", "arn:aws:iam::2:a"], F),
    ("ForAnyValue:StringEquals", ["a"], None, U),
    ("StringEquals", "a", ["a", "b"], U),
)
def test_quantifiers(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@pytest.mark.parametrize(
    ("operator", "wanted", "truth"),
    [
        ("NumericLessThan", "3601", T),
        ("NumericLessThan", "3600", U),
        ("NumericLessThanEquals", "3600", T),
        ("NumericGreaterThan", "3600", F),
        ("NumericGreaterThanEquals", "0", T),
        # Others may hold, or not, of a value between.
        ("NumericEquals", "5", U),
        ("NumericNotEquals", "5", U),
        ("StringEquals", "5", U),
        ("StringNotLike", "5*", U),
        ("IpAddress", "192.0.2.1", U),
    ],
)
def test_an_operator_that_orders_holds_between_the_ends_of_a_range(
    operator: str, wanted: str, truth: Truth
) -> None:
    condition = condition_of(operator, wanted)
    between = Context({}, ranges={"k": ("0", "3600")})
    assert judge_condition(condition, between).truth is truth


def test_every_operator_of_the_user_guide_is_known_by_its_name() -> None:
    compared = [
        "Equals",
        "NotEquals",
        *(f"{how}Than{equal}" for how in ("Less", "Greater") for equal in ("", "Equals")),
    ]
    assert sorted(OPERATOR_NAMES) == sorted(
        (
            *(
                f"String{no}{how}"
                for no in ("", "Not")
                for how in ("Equals", "EqualsIgnoreCase", "Like")
            ),
            *(f"Arn{no}{how}" for no in ("", "Not") for how in ("Equals", "Like")),
            *(f"{what}{how}" for what in ("Numeric", "Date") for how in compared),
            *("Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "Null"),
        )
    )
    assert all(e == "Null" or parse_operator(e).compare is not None for e in OPERATOR_NAMES)


@pytest.mark.parametrize(
    "name", ["StringMatches", "ForEach:StringEquals", "ForEach:Null", "NullIfExists", ""]
)
def test_an_unknown_operator_gives_an_unknown_result(name: str) -> None:
    found = judged(name, "a", ["a"])
    assert (found.truth, found.reason) == (U, Reason.UNKNOWN_OPERATOR)
    assert found.element == f"Condition {name} k"
    assert parse_operator(name).compare is None


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
    known |= {"day": ["2026-01-01"], "ip": ["203.0.113.9"], "bytes": ["aGk="]}
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
