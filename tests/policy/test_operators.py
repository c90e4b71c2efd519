"""One table for each family of condition operators."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rolehop.policy import Context, Reason, Truth
from rolehop.policy.evaluation.statements import judge_condition
from rolehop.policy.language.operators import OPERATOR_NAMES, parse_operator
from tests.policy.helpers.conditions import condition_of, judged

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
ABSENT: list[str] = []


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
    ("ArnNotEquals", "arn:aws:iam::*:role/*", [ARN], F),
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
    ("DateLessThan", "2030", ["1767225600"], U),  # the year, or half an hour after 1970
    ("DateLessThan", "2030", ["2026-01-01"], U),
    ("DateLessThan", "1767225601", ["1767225600"], T),
    ("DateEquals", "2026-01-01T00:00Z", ["1767225600"], T),
    ("DateEquals", "2026-01-01T00:00:00.000Z", ["1767225600"], T),
    ("DateLessThan", "20300101T000000Z", ["2026-01-01"], U),  # ISO 8601, but not W3C's
    ("DateLessThan", "2030-W01-1", ["2026-01-01"], U),
    ("DateLessThan", "2030-01-01 00:00:00", ["2026-01-01"], U),
)
def test_date_operators(operator: str, wanted: Any, found: Any, truth: Truth) -> None:
    assert judged(operator, wanted, found).truth is truth


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has the machine's time zone alone")
def test_a_time_without_a_zone_is_utc_wherever_rolehop_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        with monkeypatch.context() as here:
            here.setenv("TZ", "Far-9")
            time.tzset()
            found = judged("DateEquals", "2026-01-01T00:00:00", ["1767225600"])
    finally:
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
    ("IpAddress", "203.0.113.0/255.255.255.0", ["203.0.113.9"], U),  # no prefix
    ("NotIpAddress", "203.0.113.0/0.0.0.255", ["203.0.113.9"], U),
    ("IpAddress", "203.0.113.77/24", ["203.0.113.9"], T),
    ("IpAddress", "203.0.113.*", ["203.0.113.9"], U),
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
        # As a time, the range is the first hour of 1970.
        ("DateLessThan", "1970-01-01T01:00:01Z", T),
        ("DateLessThanEquals", "1970-01-01T01:00:00Z", T),
        ("DateGreaterThan", "1970-01-01T01:00:00Z", F),
        ("DateEquals", "1970-01-01T00:30:00Z", U),
        ("DateNotEquals", "1970-01-01T00:30:00Z", U),
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
