"""What a policy names, read without a caller: the routes that are worth evaluating follow from it."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import NO_POLICY, NOT_VISIBLE, Attached, Kind, PolicySet, parse_policy
from rolehop.policy.routes import ANYONE, listed_resources, trusted_names
from tests.support.policies import policy_text, trust_for

BOB = "arn:aws:iam::222222222222:user/bob"
HUB = "arn:aws:iam::222222222222:role/Hub"
OF_HUB = "arn:aws:sts::222222222222:assumed-role/Hub"


def shown(kind: Kind, *statements: dict[str, Any]) -> PolicySet:
    return PolicySet((Attached("p", parse_policy(policy_text(*statements), kind)),))


def allows(*resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": list(resources)}


@pytest.mark.parametrize(
    ("trust", "names"),
    [
        (trust_for({"AWS": BOB}), [BOB]),
        (trust_for({"AWS": HUB}), [HUB, f"{OF_HUB}/*"]),
        (trust_for({"AWS": f"{OF_HUB}/s"}), [f"{OF_HUB}/s", f"{OF_HUB}/*"]),
        (trust_for({"AWS": "arn:aws:iam::222222222222:root"}), ["222222222222"]),
        (trust_for({"AWS": "222222222222"}), ["222222222222"]),
        (trust_for({"Service": "ec2.amazonaws.com"}), []),
        ({**trust_for({"AWS": BOB}), "Effect": "Deny"}, []),
        (
            {"Effect": "Allow", "NotPrincipal": {"AWS": BOB}, "Action": "sts:AssumeRole"},
            [ANYONE],
        ),
    ],
)
def test_names_that_a_trust_policy_may_allow(trust: dict[str, Any], names: list[str]) -> None:
    assert list(trusted_names(shown(Kind.TRUST, trust))) == names


@pytest.mark.parametrize(
    ("statements", "resources"),
    [
        ([allows(HUB)], {HUB}),
        ([allows(HUB), {**allows("*"), "Effect": "Deny"}], {HUB}),
        ([allows(HUB, "arn:aws:iam::222222222222:role/*")], None),
        ([allows("arn:aws:iam")], None),
        ([{"Effect": "Allow", "Action": "*", "NotResource": HUB}], None),
    ],
)
def test_resources_that_permissions_list(
    statements: list[dict[str, Any]], resources: set[str] | None
) -> None:
    assert listed_resources(shown(Kind.PERMISSIONS, *statements)) == resources


def test_what_is_not_visible_may_allow_anyone_and_anything() -> None:
    assert list(trusted_names(NOT_VISIBLE)) == [ANYONE]
    assert listed_resources(NOT_VISIBLE) is None
    assert list(trusted_names(NO_POLICY)) == []
    assert listed_resources(NO_POLICY) == frozenset()
