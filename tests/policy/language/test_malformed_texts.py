"""Policies that are no policies: each is refused with what is wrong, where it is."""

from __future__ import annotations

import pytest

from rolehop.policy import Kind, parse_policy
from rolehop.policy.language.parser import PolicyError

WHOLE = '"Effect": "Allow", "Action": "s3:*", "Principal": "*"'
OF_AN_IDENTITY = '"Effect": "Allow", "Action": "s3:*", "Resource": "*"'
KINDS = "AWS, Service, Federated, CanonicalUser"
ONLY_SCALARS = "a value of k is text, a number or true/false"


def refusal(text: str, kind: Kind) -> str:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("[]", 1, "the document is not an object"),
        ('{"Version": 1, "Statement": []}', 13, "Version is not a string"),
        (
            '{"Version": "2012", "Statement": []}',
            13,
            'there is no policy language version "2012"',
        ),
        ('{"Id": "a"}', 1, "the document has no Statement"),
        (
            '{"statment": []}',
            2,
            'the document cannot have the element "statment"; did you mean Statement?',
        ),
        ('{"Id": "a", "Zz": 1}', 13, 'the document cannot have the element "Zz"'),
        ('{"Statement": [1]}', 16, "statement 1 is not an object"),
        (f'{{"Statement": [{{{WHOLE}}}, 1]}}', 73, "statement 2 is not an object"),
        ('{"Statement": [' + "1," * 1999 + "1]}", 16, "statement 1 is not an object"),
        ('{"Statement": [' + "1," * 2000 + "1]}", 15, "more than 2000 statements"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_malformed_document_is_refused(text: str, place: int, problem: str) -> None:
    assert refusal(text, Kind.TRUST) == f"line 1, column {place}: {problem}"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ('"Action": "*", "Principal": "*"', 1, "statement 1 has no Effect"),
        (f'"Effect": 1, {WHOLE[19:]}', 12, "Effect is not a string"),
        (f'"Effect": "allow", {WHOLE[19:]}', 12, 'Effect is Allow or Deny, not "allow"'),
        (f'{WHOLE}, "Sid": 1', 64, "Sid is not a string"),
        (f'{WHOLE}, "NotAction": "*"', 70, "Action and NotAction exclude each other"),
        (f'{WHOLE}, "NotPrincipal": "*"', 73, "Principal and NotPrincipal exclude each other"),
        (
            f'{WHOLE}, "Resource": "*", "NotResource": "*"',
            89,
            "Resource and NotResource exclude each other",
        ),
        (
            f'{WHOLE}, "condition": {{}}',
            57,
            'statement 1 cannot have the element "condition"; did you mean Condition?',
        ),
    ],
)
def test_a_malformed_statement_is_refused(text: str, place: int, problem: str) -> None:
    assert refusal(f'{{"Statement":\n{{{text}}}}}', Kind.TRUST) == (
        f"line 2, column {place}: {problem}"
    )


def by(element: str) -> str:
    """Return a statement of a resource-based policy with ``element`` in its second line."""
    others = {"Principal": '"*"', "Action": '"s3:*"'}
    others.pop(element.partition('"')[2].partition('"')[0].removeprefix("Not"), None)
    before = "".join(f'"{key}": {value}, ' for key, value in others.items())
    return f'{{"Statement": {{"Effect": "Deny", {before}\n{element}}}}}'


@pytest.mark.parametrize(
    ("element", "place", "problem"),
    [
        ('"Action": []', 11, "Action is an empty list"),
        ('"Action": ["s3:*", 1]', 20, "Action is not a string"),
        (
            '"NotAction": ["s3:*", "GetObject"]',
            23,
            '"GetObject" is not an action: it must be service:Name',
        ),
        ('"Resource": []', 13, "Resource is an empty list"),
        ('"NotResource": ["*", {}]', 22, "NotResource is not a string"),
        ('"Principal": "a"', 14, f'Principal is "*" or an object with {KINDS}'),
        ('"Principal": {}', 14, f'Principal is "*" or an object with {KINDS}'),
        ('"NotPrincipal": ["*"]', 17, f'NotPrincipal is "*" or an object with {KINDS}'),
        (
            '"Principal": {"aws": "*"}',
            15,
            'Principal cannot have the element "aws"; did you mean AWS?',
        ),
        ('"Principal": {"AWS": []}', 22, "Principal AWS is an empty list"),
        ('"Principal": {"AWS": ["*", 1]}', 28, "Principal AWS is not a string"),
        ('"Condition": []', 14, "Condition is not an object"),
        ('"Condition": {"Bool": 1}', 23, "Bool must be an object of condition keys"),
        ('"Condition": {"Bool": {"k": null}}', 29, ONLY_SCALARS),
        ('"Condition": {"Bool": {"k": ["a", ["b"]]}}', 35, ONLY_SCALARS),
    ],
)
def test_a_malformed_element_is_refused(element: str, place: int, problem: str) -> None:
    assert refusal(by(element), Kind.RESOURCE) == f"line 2, column {place}: {problem}"


IDENTITY_BASED = (Kind.PERMISSIONS, Kind.BOUNDARY, Kind.SESSION, Kind.SCP)
WITH_PRINCIPAL = (Kind.TRUST, Kind.RCP, Kind.RESOURCE)


@pytest.mark.parametrize(
    ("kinds", "text", "place", "problem"),
    [
        (Kind, '"Effect": "Deny"', 15, "needs an Action"),
        (WITH_PRINCIPAL, OF_AN_IDENTITY, 15, "needs a Principal"),
        (IDENTITY_BASED, WHOLE, 66, "cannot have a Principal"),
        (
            IDENTITY_BASED,
            WHOLE.replace("Principal", "NotPrincipal"),
            69,
            "cannot have a NotPrincipal",
        ),
        (IDENTITY_BASED, '"Effect": "Deny", "NotAction": "*"', 15, "needs a Resource"),
        ([Kind.TRUST], f'{WHOLE}, "Resource": "*"', 83, "cannot have a Resource"),
        ([Kind.TRUST], f'{WHOLE}, "NotResource": "*"', 86, "cannot have a NotResource"),
    ],
)
def test_a_kind_of_policy_has_its_elements(
    kinds: tuple[Kind, ...], text: str, place: int, problem: str
) -> None:
    """Grammar: a principal where the policy is attached to what is used, else a resource."""
    for kind in kinds:
        found = refusal(f'{{"Statement": {{{text}}}}}', kind)
        assert found == f"line 1, column {place}: statement 1 of a {kind.value} {problem}"
