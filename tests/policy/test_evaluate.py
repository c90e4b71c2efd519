"""Documents are read strictly: what could be misread is refused, with its place."""

from __future__ import annotations

import json

import pytest

from rolehop.policy import Kind, PolicyError, parse_policy

TRUST = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Hub",
      "Effect": "Allow",
      "Principal": {"AWS": ["arn:aws:iam::111111111111:root"]},
      "Action": "sts:AssumeRole",
      "Condition": {"StringEquals": {"sts:ExternalId": "x-1"}}
    }
  ]
}"""


def test_a_statement_knows_its_position() -> None:
    statement = parse_policy(TRUST, Kind.TRUST).statements[0]
    assert (statement.index, statement.sid, statement.line) == (1, "Hub", 4)
    assert statement.conditions[0].values == ("x-1",)


def swapped(old: str, new: str) -> str:
    assert old in TRUST
    return TRUST.replace(old, new)


@pytest.mark.parametrize(
    ("text", "kind", "line", "problem"),
    [
        ("", Kind.TRUST, 1, "expected a value here"),
        ("[]", Kind.TRUST, 1, "the document is not an object"),
        ("{}", Kind.TRUST, 1, "has no Statement"),
        (TRUST + "x", Kind.TRUST, 12, "something follows"),
        (
            swapped('"Effect": "Allow",', '"Effect": "Allow", "Effect": "Deny",'),
            Kind.TRUST,
            6,
            "twice",
        ),
        (swapped("2012-10-17", "2012-10-18"), Kind.TRUST, 2, "no policy language version"),
        (swapped('"Effect"', '"Efect"'), Kind.TRUST, 6, "did you mean Effect?"),
        (swapped('"Allow"', '"allow"'), Kind.TRUST, 6, "Effect is Allow or Deny"),
        (swapped('"Effect": "Allow",', ""), Kind.TRUST, 4, "has no Effect"),
        (swapped('"sts:AssumeRole",', "[],"), Kind.TRUST, 8, "empty list"),
        (swapped('"sts:AssumeRole",', '"AssumeRole",'), Kind.TRUST, 8, "is not an action"),
        (swapped('"sts:AssumeRole",', "5,"), Kind.TRUST, 8, "not a string"),
        (swapped('"Action"', '"NotAction": "s3:*", "Action"'), Kind.TRUST, 8, "exclude each other"),
        (swapped('"Action"', '"Resource": "*", "Action"'), Kind.TRUST, 8, "cannot have a Resource"),
        (swapped('{"AWS"', '{"Aws"'), Kind.TRUST, 7, "did you mean AWS?"),
        (swapped('"x-1"', "null"), Kind.TRUST, 9, "a value of sts:ExternalId"),
        (swapped('{"sts:ExternalId": "x-1"}', '"x"'), Kind.TRUST, 9, "condition keys"),
        (TRUST, Kind.PERMISSIONS, 7, "cannot have a Principal"),
        ('{"Statement": [' + "{}," * 3000 + "{}]}", Kind.TRUST, 1, "more than 2000 statements"),
        ("[" * 100_000, Kind.TRUST, 1, "nested deeper than 16"),
        ('{"a":' * 20_000, Kind.TRUST, 1, "nested deeper than 16"),
        (" " * 200_000, Kind.TRUST, 1, "longer than 131072"),
        ('{"a": 01}', Kind.TRUST, 1, "a comma or }"),
        ('{"a": NaN}', Kind.TRUST, 1, "expected a value here"),
        ('{"a": "\x01"}', Kind.TRUST, 1, "a string that does not end"),
        ('{"a": "\\x"}', Kind.TRUST, 1, "a string that does not end"),
        ('{"a": 1,}', Kind.TRUST, 1, "a key in double quotes"),
    ],
)
def test_refused(text: str, kind: Kind, line: int, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, kind)
    assert problem in str(caught.value)
    assert caught.value.line == line


def test_one_statement_needs_no_list() -> None:
    document = {"Statement": {"Effect": "Deny", "NotAction": "iam:*", "NotResource": ["*"]}}
    policy = parse_policy(json.dumps(document), Kind.SCP)
    assert len(policy.statements) == 1
    assert not policy.has_variables
