"""What a policy is read as: every element, in every form that the grammar allows."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import Kind, parse_policy
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind
from rolehop.policy.language.request_context import is_misplaced, parse_template

BOTH = (
    '{"Version": "2012-10-17", "Id": "p", "Statement": [\n'
    '  {"Effect": "Allow", "Principal": "*", "Action": "*"},\n'
    '  {"Sid": "b", "Effect": "Deny",\n'
    '   "NotPrincipal": {"AWS": ["a", "b"], "Service": "c", "Federated": "d",\n'
    '                    "CanonicalUser": ["e"]}, "NotAction": ["s3:*", "sts:Get*"]}]}'
)


def test_the_elements_of_a_trust_policy() -> None:
    policy = parse_policy(BOTH, Kind.TRUST)
    one, other = policy.statements
    assert (policy.kind, policy.has_variables) == (Kind.TRUST, True)
    assert (one.index, one.sid, one.effect, one.line) == (1, None, Effect.ALLOW, 2)
    assert (other.index, other.sid, other.effect, other.line) == (2, "b", Effect.DENY, 3)
    assert (one.principals, one.not_principals) == ((Principal(PrincipalKind.AWS, "*"),), None)
    assert other.principals is None
    assert [(each.kind.value, each.text) for each in other.not_principals or ()] == [
        ("AWS", "a"),
        ("AWS", "b"),
        ("Service", "c"),
        ("Federated", "d"),
        ("CanonicalUser", "e"),
    ]
    assert (one.actions, one.not_actions) == (("*",), None)
    assert (other.actions, other.not_actions) == (None, ("s3:*", "sts:Get*"))
    assert (one.resources, one.not_resources, one.conditions) == (None, None, ())


@pytest.mark.parametrize(
    ("version", "is_variable"),
    [('"Version": "2012-10-17", ', True), ('"Version": "2008-10-17", ', False), ("", False)],
)
@pytest.mark.parametrize("name", ["Resource", "NotResource"])
def test_a_resource_has_variables_since_2012(version: str, is_variable: bool, name: str) -> None:
    text = f'"Effect": "Deny", "Action": "*", "{name}": ["a", "b/${{aws:userid}}*"]'
    (statement,) = parse_policy(f'{{{version}"Statement": {{{text}}}}}', Kind.SCP).statements
    found = {"Resource": statement.resources, "NotResource": statement.not_resources}
    one, other = found.pop(name) or ()
    assert [*found.values()] == [None]
    assert (one.text, one.fixed) == ("a", "a")
    assert other.has_variable is is_variable


@pytest.mark.parametrize(
    ("resource", "misplaced"),
    [
        ("${v}", True),
        ("arn:aws:iam::${v}:role/x", True),
        ("arn:aws:s3:*:${v}:x", True),
        ("arn:aws:s3:::${v}", False),
        ("arn:aws:iam::1:role/${v}", False),
        ("arn:aws:iam:${*}:1:role/${v}", False),
        ("arn:aws:iam", False),
    ],
)
def test_a_variable_stands_behind_the_fifth_colon(resource: str, misplaced: bool) -> None:
    """IAM user guide, "Policy variables": not in the parts of the ARN before the fifth colon."""
    assert is_misplaced(parse_template(resource, variables=True, wild=True)) is misplaced


@pytest.mark.parametrize(
    ("resource", "completed"),
    [
        ("arn:aws", False),
        ("arn:aws:s3", True),
        ("arn:aws:iam::222222222222", True),
        ("arn:aws:iam:${aws:userid}", False),
        ("arn:aws:s3:::", False),
        ("arn:aws:s3:::logs", False),
        ("arn:aws:sns:eu-west-1:222222222222:topic:1", False),
        ("an:aws:s3", False),
        ("*:aws:s3", False),
        ("*", False),
    ],
)
def test_an_arn_that_lacks_parts_is_completed_in_identity_based_policies(
    resource: str, completed: bool
) -> None:
    """IAM user guide, "IAM ARNs"; of other policies it does not say so."""
    text = f'"Effect": "Deny", "Action": "*", "Resource": "{resource}"'
    document = f'{{"Version": "2012-10-17", "Statement": {{{text}}}}}'
    for kind in (Kind.PERMISSIONS, Kind.BOUNDARY, Kind.SESSION, Kind.SCP):
        (statement,) = parse_policy(document, kind).statements
        (found,) = statement.resources or ()
        assert found.completed is (completed and kind in (Kind.PERMISSIONS, Kind.BOUNDARY))
    assert not parse_template(resource, variables=True, wild=True).completed


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ('"a"', ("a",)),
        ("true", ("true",)),
        ("false", ("false",)),
        ("1.50", ("1.50",)),
        ('["a", 2, true]', ("a", "2", "true")),
        ("[]", ()),
    ],
)
def test_the_values_of_a_condition(written: str, values: tuple[str, ...]) -> None:
    conditions = f'{{"StringLike": {{"Aws:X": {written}, "y": "z"}}, "Null": {{"y": true}}}}'
    text = f'"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {conditions}'
    (statement,) = parse_policy(f'{{"Statement": {{{text}}}}}', Kind.SCP).statements
    found: list[Any] = [
        (each.operator.text, each.key, each.values) for each in statement.conditions
    ]
    assert found == [
        ("StringLike", "Aws:X", values),
        ("StringLike", "y", ("z",)),
        ("Null", "y", ("true",)),
    ]


@pytest.mark.parametrize("kind", [Kind.RCP, Kind.RESOURCE])
@pytest.mark.parametrize("resource", ["", ', "Resource": "*"', ', "NotResource": "*"'])
def test_a_resource_based_policy_may_name_resources(kind: Kind, resource: str) -> None:
    text = f'{{"Statement": {{"Effect": "Deny", "Principal": "*", "Action": "*"{resource}}}}}'
    assert parse_policy(text, kind).kind is kind
