"""What will be refused, or may, for reasons that the chain alone shows."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.plan.model import Hop
from rolehop.plan.planner import predict
from tests.support.policies import allow_text

HUB = RoleArn.parse("arn:aws:iam::222222222222:role/Hub")
ADMIN = RoleArn.parse("arn:aws:iam::333333333333:role/Admin")


def hop(role: RoleArn = HUB, **said: Any) -> Hop:
    return Hop(role, "s1", 3600, **said)


def policy(resource: str, action: str = "sts:AssumeRole", **more: Any) -> str:
    return allow_text(Action=action, Resource=resource, **more)


AWS = "arn:aws:iam::aws:policy/"
READ_ONLY = f"{AWS}ReadOnlyAccess"
OWN_POLICY = "arn:aws:iam::222222222222:policy/mine"
TEAM: dict[str, Any] = {"tags": (("team", "blue"),), "transitive_tags": ("team",)}
OF_A_SERVICE = RoleArn.parse("arn:aws:iam::222222222222:role/aws-service-role/x.amazonaws.com/X")
LIKE_A_SERVICE = RoleArn.parse("arn:aws:iam::222222222222:role/x/aws-service-role/X")
SAME_ACCOUNT = RoleArn.parse("arn:aws:iam::222222222222:role/Other")


@pytest.mark.parametrize(
    ("hops", "fails"),
    [
        ((hop(), hop(ADMIN)), {}),
        ((hop(**TEAM), hop(ADMIN)), {}),
        ((hop(**TEAM), hop(ADMIN, tags=(("Team", "blue"),))), {2: "'Team' travels on from hop 1"}),
        ((hop(tags=(("team", "a"),)), hop(ADMIN, tags=(("team", "b"),))), {}),
        ((hop(source_identity="ann"), hop(ADMIN, source_identity="ann")), {}),
        ((hop(source_identity="ann"), hop(ADMIN, source_identity="bob")), {2: "hop 1 sets 'ann'"}),
        ((hop(), hop(ADMIN, source_identity="bob")), {}),
        ((hop(source_identity="ann"), hop(ADMIN)), {}),
        ((hop(source_identity="ann"), hop(), hop(ADMIN, source_identity="bob")), {3: "hop 1 sets"}),
        ((hop(policy="x" * 2049),), {1: "AWS takes 2048"}),
        ((hop(policy="x" * 2048),), {}),
        ((hop(policy="x" * 2000, policy_arns=("y" * 48,)),), {}),
        ((hop(policy="x" * 2000, policy_arns=("y" * 49,)),), {1: "2049 characters"}),
        ((hop(policy_arns=("y" * 2049,)),), {1: "2049 characters"}),
        ((hop(OF_A_SERVICE),), {1: "service-linked"}),
        ((hop(), hop(OF_A_SERVICE)), {2: "service-linked"}),
        ((hop(OF_A_SERVICE, **TEAM),), {1: "service-linked"}),
        ((hop(LIKE_A_SERVICE),), {}),
        ((hop(policy=policy("*")), hop(ADMIN)), {}),
        ((hop(policy=policy(str(ADMIN))), hop(ADMIN)), {}),
        ((hop(policy=policy("*", "s3:*")), hop(ADMIN)), {2: "session policy of hop 1"}),
        ((hop(policy=policy("*", "s3:*")),), {}),
        # What hangs on the request, on a policy of AWS's, or on the trust policy is left open.
        (
            (
                hop(policy=policy("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o"}})),
                hop(ADMIN),
            ),
            {},
        ),
        (
            (
                hop(
                    policy=policy("*", "s3:*"),
                    policy_arns=("arn:aws:iam::222222222222:policy/more",),
                ),
                hop(ADMIN),
            ),
            {},
        ),
        ((hop(policy=policy("*", "s3:*")), hop(SAME_ACCOUNT)), {}),
        (
            (
                hop(policy='{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'),
                hop(SAME_ACCOUNT),
            ),
            {2: "session policy of hop 1"},
        ),
        ((hop(policy="no JSON"), hop(ADMIN)), {}),
        ((hop(policy=policy("arn:aws-cn:s3:::b", "s3:*")),), {1: "of another partition than the"}),
        ((hop(policy=policy("arn:*:s3:::b", "s3:*")),), {}),
        ((hop(policy="arn:aws-cn:s3:::b, no JSON"),), {}),
        ((hop(policy_arns=(READ_ONLY,)), hop(ADMIN)), {2: "hop 1 (ReadOnlyAccess) does not allow"}),
        ((hop(policy_arns=(READ_ONLY,)),), {}),
        ((hop(policy_arns=(f"{AWS}PowerUserAccess",)), hop(ADMIN)), {}),
        (
            (hop(policy_arns=(READ_ONLY, f"{AWS}job-function/ViewOnlyAccess")), hop(ADMIN)),
            {2: "(ReadOnlyAccess, ViewOnlyAccess) does not allow"},
        ),
    ],
)
def test_will_fail(hops: tuple[Hop, ...], fails: dict[int, str]) -> None:
    found = {n: each.will_fail for n, each in enumerate(predict(hops), start=1) if each.will_fail}
    assert set(found) == set(fails)
    for number, says in fails.items():
        assert says in found[number]


@pytest.mark.parametrize(
    ("hops", "notes"),
    [
        ((hop(),), {}),
        ((hop(policy="x" * 1700),), {1: "too large"}),
        ((hop(policy="x" * 1600),), {}),
        ((hop(policy="x" * 1638),), {}),
        ((hop(policy="x" * 1639),), {1: "1639 characters"}),
        ((hop(policy="x" * 1635, tags=(("ab", "cd"),)),), {1: "1639 characters"}),
        ((hop(policy="x" * 2048),), {1: "2048 characters"}),
        ((hop(policy="x" * 2049),), {}),  # which fails anyway
        ((hop(**TEAM), hop(ADMIN, policy="x" * 1631)), {1: "sts:TagSession", 2: "1639 characters"}),
        ((hop(**TEAM), hop(ADMIN, policy="x" * 1630)), {1: "sts:TagSession"}),
        ((hop(transitive_tags=("team",)), hop(ADMIN)), {1: "sts:TagSession"}),
        (
            (hop(policy=policy("*", Condition={"Bools": {"aws:x": "1"}})),),
            {1: "mean Bool?; AWS may"},
        ),
        ((hop(tags=tuple((f"k{n}", "v" * 200) for n in range(9))),), {1: "too large"}),
        ((hop(source_identity="ann"),), {}),
        ((hop(source_identity="ann"), hop(ADMIN)), {1: "sts:SetSourceIdentity"}),
        ((hop(**TEAM), hop(ADMIN)), {1: "sts:TagSession"}),
        ((hop(policy_arns=(OWN_POLICY,)), hop(ADMIN)), {2: "hop 1 (mine) may not allow"}),
        ((hop(policy_arns=(READ_ONLY,)), hop(SAME_ACCOUNT)), {2: "may not allow"}),
        ((hop(policy_arns=(READ_ONLY, f"{AWS}AdministratorAccess")), hop(ADMIN)), {}),
    ],
)
def test_notes(hops: tuple[Hop, ...], notes: dict[int, str]) -> None:
    found = {n: each.notes for n, each in enumerate(predict(hops), start=1) if each.notes}
    assert set(found) == set(notes)
    for number, says in notes.items():
        assert says in "; ".join(found[number])


def test_a_session_policy_of_the_source_limits_hop_1() -> None:
    (found,) = predict([hop(ADMIN)], own=hop(policy_arns=(READ_ONLY,)))
    assert "the session policy of the source (ReadOnlyAccess)" in str(found.will_fail)
