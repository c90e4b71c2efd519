"""Values that all policies treat alike, and policies that give no such classes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.policy import Kind, parse_policy
from rolehop.policy.evaluation.value_classes import value_classes


def labels(*conditions: dict[str, Any], resource: str = "*") -> list[str | None] | None:
    """Return what each class of values of the key ``k`` is called; ``None``: there are none."""
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": resource, "Condition": each}
        for each in conditions
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    found = value_classes("k", [parse_policy(document, Kind.PERMISSIONS)])
    return None if found is None else [each.label for each in found.classes]


@pytest.mark.parametrize(
    ("condition", "classes"),
    [
        ({"StringEquals": {"k": ["a", "~"]}}, ["a", "~", None]),
        ({"StringLike": {"k": ["a*", "ab*"]}}, ["a*", "ab*", None]),
        ({"ArnEquals": {"k": "arn:aws:iam::1:role/A"}}, ["arn:aws:iam::1:role/A", None]),
        ({"IpAddress": {"k": "0.0.0.0/0"}}, ["0.0.0.0/0", None]),
        ({"IpAddress": {"k": ["0.0.0.0/1", "255.0.0.0/8"]}}, ["0.0.0.0/1", "255.0.0.0/8", None, None]),
        ({"IpAddress": {"k": ["10.0.0.0/31", "10.0.0.1/32"]}}, ["10.0.0.0/32", "10.0.0.1/32", None, None]),
        # None of these gives classes.
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


def test_a_resource_that_holds_the_key_gives_no_classes() -> None:
    condition = {"StringEquals": {"k": "a"}}
    assert labels(condition, resource="arn:aws:iam::1:role/${k}") is None
