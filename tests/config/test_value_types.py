"""STS's limits at their edges, and checks that texts of any kind cannot break."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.text import did_you_mean as nearest
from rolehop.config import sts_limits as limits
from rolehop.config import value_types as checks
from rolehop.config.value_types import Check

DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}
GOOD: list[tuple[Check, object]] = [
    (limits.EXTERNAL_ID, "ab"),
    (limits.EXTERNAL_ID, "x" * 1224),
    (limits.EXTERNAL_ID, "a+=,.@:/-_"),
    (limits.SESSION_NAME, "a" * 64),
    (limits.SESSION_NAME, "a+=,.@-_"),
    (limits.ROLE, "arn:aws:iam::111111111111:role/team/x/Name"),
    (limits.ROLE, "arn:aws-us-gov:iam::111111111111:role/Name"),
    (limits.ROLE, "111111111111:role/Name"),
    (limits.POLICY, json.dumps({"Statement": {**DENY, "Sid": "x" * (2048 - 76)}})),
    (limits.POLICY_ARNS, [f"arn:aws:iam::111111111111:policy/P{n}" for n in range(10)]),
    (limits.TAGS, {f"k{n}": "v" * 256 for n in range(50)}),
    (limits.TAGS, {"k" * 128: ""}),
    (limits.TRANSITIVE_TAGS, []),
    (limits.MFA_SERIAL, "GAHT12345678"),
    (limits.MFA_SERIAL, "auto"),
    (limits.MFA_SERIAL, "s" * 256),
    (checks.REGION, "us-gov-west-1"),
    (checks.REGION, "ap-southeast-5"),
    (checks.REGION, "eusc-de-east-1"),
    (checks.URL, "https://corp.awsapps.com/start#/"),
    (checks.URL, "http://127.0.0.1:4566/x"),
    (limits.HOP_DURATION, 900),
    (limits.HOP_DURATION, 43_200),
    (limits.MFA_DURATION, 129_600),
    (checks.MIN_TTL, 0),
    (checks.PRINCIPAL, "arn:aws:iam::111111111111:root"),
    (checks.PRINCIPAL, "arn:aws:sts::111111111111:assumed-role/R/s"),
    (checks.ARN, "arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/x"),
]

BAD: list[tuple[Check, object]] = [
    (limits.EXTERNAL_ID, "x" * 1225),
    (limits.EXTERNAL_ID, "a b"),
    (limits.EXTERNAL_ID, "ab\n"),
    (limits.SESSION_NAME, "a" * 65),
    (limits.SESSION_NAME, "aä"),
    (limits.SESSION_NAME, ""),
    (limits.ROLE, "arn:aws:iam::111111111111:user/x"),
    (limits.ROLE, "arn:aws:sts::111111111111:assumed-role/x/y"),
    (limits.ROLE, "111111111111:role/Name\n"),
    (limits.ROLE, f"111111111111:role/{'x' * 65}"),
    (limits.POLICY, json.dumps({"Statement": {"Sid": "x" * 2048}})),
    (limits.POLICY, '{"Statement": []}'),
    (limits.POLICY, '{"Statement": ["x"]}'),
    (limits.POLICY, '{"Statement": {}} x'),
    (limits.POLICY, json.dumps({"Statement": {"Action": "*", "Resource": "*"}})),
    (limits.POLICY, json.dumps({"Statement": {**DENY, "Action": "AssumeRole"}})),
    (limits.POLICY, json.dumps({"Statement": [DENY, {**DENY, "Action": ["s3:*", "Get"]}]})),
    (limits.POLICY, json.dumps({"Statement": {**DENY, "Resource": "role/Admin"}})),
    (limits.POLICY, json.dumps({"Statement": {**DENY, "Resource": ["*", 1]}})),
    (limits.POLICY, json.dumps({"Statement": {"Effect": "Deny", "Action": "*"}})),
    (limits.POLICY, '{"Statement": [{}, {"Principal": {}}]}'),
    (limits.POLICY, "[" * 2000),
    (limits.TAGS, {"k" * 129: ""}),
    (limits.TAGS, {"a\tb": ""}),
    (limits.TAGS, {"AWS:x": ""}),
    (limits.TAGS, {"ß": "", "SS": ""}),
    (limits.TAGS, ["a"]),
    (limits.TRANSITIVE_TAGS, [f"k{n}" for n in range(51)]),
    (limits.TRANSITIVE_TAGS, "team"),
    (limits.MFA_SERIAL, "s" * 257),
    (limits.MFA_SERIAL, "arn aws"),
    (checks.REGION, "eu-west-1; rm"),
    (checks.REGION, "eu-west"),
    (checks.URL, "https://"),
    (checks.URL, "http://localhost.evil/"),
    (limits.HOP_DURATION, 43_201),
    (limits.MFA_DURATION, "36h1s"),
    (checks.MIN_TTL, -1),
    (checks.TEXT, " "),
    (checks.TEXT, None),
    (checks.COMMAND, ""),
    (checks.COMMAND, "''"),
    (checks.COMMAND, 1),
    (checks.COMMAND, ["a\0"]),
    (checks.COMMAND, "a & b"),
    (checks.PRINCIPAL, "arn:aws:iam::111111111111:policy"),
    (checks.BOOLEAN, 1),
]


@pytest.mark.parametrize(("check", "value"), GOOD)
def test_accepted(check: Check, value: object) -> None:
    check.run(value)


@pytest.mark.parametrize(("check", "value"), BAD)
def test_refused(check: Check, value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check.run(value)


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ("a b", ("a", "b")),
        ("a 'b c' \"$HOME\"", ("a", "b c", "$HOME")),
        (["a", "", "b | c"], ("a", "", "b | c")),
        (r"a \'", ("a", "'")),
    ],
)
def test_a_command_is_split_and_never_expanded(value: object, arguments: tuple[str, ...]) -> None:
    assert checks.COMMAND.run(value) == arguments


ALL = [
    each for module in (checks, limits) for each in vars(module).values() if isinstance(each, Check)
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(ALL), VALUES)
def test_any_value_is_accepted_or_refused_in_a_printable_sentence(
    check: Check, value: object
) -> None:
    try:
        check.run(value)
    except ValueError as error:
        said = str(error)
    else:
        return
    assert said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("externalid", '; did you mean "external_id"?'),
        ("External-ID", '; did you mean "external_id"?'),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_nearest_word_is_proposed(word: str, hint: str) -> None:
    assert nearest(word, ["role", "external_id", "duration"]) == hint
