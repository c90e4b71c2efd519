"""Values that all policies treat alike, and policies that give no such classes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.policy import Kind, parse_policy
from rolehop.policy.evaluation.deciding_values import ValueClasses, value_classes


def classes_of(
    *conditions: dict[str, Any], element: str = "Resource", resource: str = "*"
) -> ValueClasses | None:
    """Return the classes of values of the key ``k``."""
    statements = [
        {"Effect": "Allow", "Action": "*", element: resource, "Condition": each}
        for each in conditions
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return value_classes("k", [parse_policy(document, Kind.PERMISSIONS)])


def labels(*conditions: dict[str, Any]) -> list[str | None] | None:
    """Return what each class of values is called; ``None``: there are none."""
    found = classes_of(*conditions)
    return None if found is None else [each.label for each in found.classes]


MANY = [f"v{number}" for number in range(64)]


@pytest.mark.parametrize(
    ("condition", "classes"),
    [
        ({"StringEquals": {"k": ["a", "~"]}}, ["a", "~", None]),
        ({"StringLike": {"k": ["a*", "ab*"]}}, ["a*", "ab*", None]),
        ({"ArnEquals": {"k": "arn:aws:iam::1:role/A"}}, ["arn:aws:iam::1:role/A", None]),
        ({"IpAddress": {"k": "0.0.0.0/0"}}, ["0.0.0.0/0", None]),
        ({"IpAddress": {"k": ["0.0.0.0/1", "255.0.0.0/8"]}}, ["0.0.0.0/1", "255.0.0.0/8", None, None]),
        ({"IpAddress": {"k": ["10.0.0.0/31", "10.0.0.1/32"]}}, ["10.0.0.0/32", "10.0.0.1/32", None, None]),
        ({"IpAddress": {"k": ["10.0.0.1/32", "10.0.0.0/31"]}}, ["10.0.0.0/32", "10.0.0.1/32", None, None]),
        ({"StringEquals": {"k": ""}}, ["", None]),
        ({"StringLike": {"k": "*"}}, [None]),
        ({"StringLike": {"k": ["a${*}b", "a${?}*"]}}, ["a*b", "a?*", None]),
        ({"StringEquals": {"k": ["A", "a"]}}, ["A", "a", None]),
        ({"StringEqualsIgnoreCase": {"k": ["A", "a"]}}, ["a", None]),
        ({"StringNotEqualsIgnoreCaseIfExists": {"k": ["A", "a"]}}, ["a", None]),
        ({"StringEquals": {"k": MANY[:63]}}, [*MANY[:63], None]),
        ({"Bool": {"k": "true"}}, ["true", "false"]),
        ({"IpAddress": {"k": ["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32"]}},
         ["10.0.0.0/32", "10.0.0.1/32", None, None]),
        # Of other keys, and whether there is one at all: no class of its own.
        ({"StringEquals": {"K": "a", "other": "b"}}, ["a", None]),
        ({"StringEquals": {"k": "a", "other": "${more}"}}, ["a", None]),
        ({"StringEquals": {"k": "a"}, "Null": {"k": "false"}}, ["a", None]),
        # None of these gives classes.
        ({"StringEquals": {"k": MANY}}, None),
        ({"Null": {"k": "false"}}, None),
        ({"StringEquals": {"k": "a"}, "StringMatches": {"k": "b"}}, None),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, None),
        ({"StringEquals": {"k": ["a", "${other}"]}}, None),
        ({"StringEquals": {"k": "a", "other": "${K}"}}, None),
        ({"NumericLessThan": {"k": "x"}}, None),
        ({"BinaryEquals": {"k": "YQ=="}}, None),
        ({"StringLike": {"k": "a?"}}, None),
        ({"StringLike": {"k": "a?*"}}, None),
        ({"StringEqualsIgnoreCase": {"k": ["a", "${other}"]}}, None),
        ({"ArnEquals": {"k": "no-arn-at-all"}}, None),
        ({"ArnLike": {"k": ["arn:aws:iam::1:role/A", "arn:aws:iam::1:role/A*"]}}, None),
        ({"ArnLike": {"k": "arn:aws:iam::1:role/A*"}}, None),
        ({"ArnEquals": {"k": "*"}}, None),
        ({"IpAddress": {"k": "10.0.0.0/99"}}, None),
        ({"StringEquals": {"k": "a"}, "NumericEquals": {"k": "1"}}, None),
        ({"StringEquals": {"other": "${k}"}}, None),
        ({"StringLike": {"k": "a?c"}}, None),
        ({"StringLike": {"k": ["a*", "a~*"]}}, None),
    ],
)  # fmt: skip
def test_values_that_conditions_treat_alike(
    condition: dict[str, Any], classes: list[str | None] | None
) -> None:
    assert labels(condition) == classes


@pytest.mark.parametrize("element", ["Resource", "NotResource"])
def test_a_resource_that_holds_the_key_gives_no_classes(element: str) -> None:
    condition = {"StringEquals": {"k": "a"}}
    for variable, none in (("k", True), ("other", False)):
        resource = f"arn:aws:iam::1:role/${{{variable}}}"
        assert (classes_of(condition, element=element, resource=resource) is None) is none


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        # A value that no policy names has no text and no beginning that one names.
        ({"StringLike": {"k": ["X*", "~"]}}, ["~", "X~", "~~"]),
        ({"StringLike": {"k": ["a*", "a~*"]}, "StringEquals": {"k": ["~"]}}, None),
        ({"StringLike": {"k": ["~*"]}}, None),
        ({"StringEqualsIgnoreCase": {"k": ["~"]}}, ["~", "~~"]),
        ({"ArnEquals": {"k": "arn:aws:iam::1:role/A"}},
         ["arn:aws:iam::1:role/A", "arn:aws:iam::000000000000:role/~"]),
        ({"Bool": {"k": "true"}}, ["true", "false"]),
        # Below the first bound, each bound, and after each.
        ({"NumericLessThan": {"k": ["20", "10"]}}, ["9", "10", "15", "20", "21"]),
        ({"NumericLessThan": {"k": ["10", "20", "40"]}}, ["9", "10", "15", "20", "30", "40", "41"]),
        ({"NumericLessThan": {"k": ["0", "0.000001"]}},
         ["-1", "0", "0.0000005", "0.000001", "1.000001"]),
        ({"IpAddress": {"k": "2001:db8::/32"}}, ["0.0.0.0", "2001:db8::", "::"]),  # noqa: S104
        ({"IpAddress": {"k": ["255.0.0.0/8", "0.0.0.0/8"]}},
         ["255.0.0.0", "0.0.0.0", "1.0.0.0", "::"]),  # noqa: S104
        ({"DateLessThan": {"k": "0.000001"}}, ["0.0000005", "0.000001", "1.000001"]),
        ({"DateLessThan": {"k": ["1000", "2000"]}}, ["500", "1000", "1500", "2000", "2001"]),
        ({"IpAddress": {"k": "10.0.0.0/8"}}, ["10.0.0.0", "0.0.0.0", "::"]),  # noqa: S104 - an address of a condition
        ({"IpAddress": {"k": ["0.0.0.0/8", "1.0.0.0/8"]}}, ["0.0.0.0", "1.0.0.0", "2.0.0.0", "::"]),  # noqa: S104
    ],
)  # fmt: skip
def test_one_value_of_each_class(condition: dict[str, Any], values: list[str] | None) -> None:
    found = classes_of(condition)
    assert (found and [each.value for each in found.classes]) == values
    if found is not None:
        ordered = {"NumericLessThan", "DateLessThan"} & {*condition}
        assert (found.ordered, found.times) == (bool(ordered), "DateLessThan" in condition)
