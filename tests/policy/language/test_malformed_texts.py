"""Policies that are no policies: each is refused with what is wrong, where it is."""

from __future__ import annotations

import pytest

from rolehop.policy import Kind, parse_policy
from rolehop.policy.language.json_reader import PolicyError

ALLOW = '"Effect": "Allow", "Action": "*"'


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        (Kind.TRUST, '{"Statement": [1 2]}', "expected a comma or ] here"),
        (Kind.TRUST, '{"Statement" []}', "expected a colon here"),
        (Kind.TRUST, '{"Statement": [] "Id": "a"}', "expected a comma or } here"),
        (Kind.TRUST, f'{{"Statement": {{{ALLOW}}}}}', "needs a Principal"),
        (Kind.PERMISSIONS, f'{{"Statement": {{{ALLOW}}}}}', "needs a Resource"),
        (Kind.TRUST, '{"Statement": [[]]}', "is not an object"),
    ],
)
def test_a_malformed_policy_is_refused(kind: Kind, text: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, kind)
    assert problem in str(caught.value)
