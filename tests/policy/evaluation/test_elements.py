"""What one principal or one action of a statement covers, as tables."""

from __future__ import annotations

import pytest

from rolehop.policy import Reason
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.principals import Caller, caller_from_arn, judge_principal
from rolehop.policy.evaluation.statements import acts_on
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind

TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "action", "truth"),
    [
        ("*", "sts:AssumeRole", TRUE),
        ("sts:*", "sts:AssumeRole", TRUE),
        ("STS:assumerole", "sts:AssumeRole", TRUE),
        ("sts:Assume????", "sts:AssumeRole", TRUE),
        ("sts:Assume???", "sts:AssumeRole", FALSE),
        ("*:*", "sts:AssumeRole", UNKNOWN),
        ("*:AssumeRole", "sts:AssumeRole", FALSE),  # a service has no wildcard
        ("st?:AssumeRole", "sts:AssumeRole", FALSE),
        ("st*:AssumeRole", "sts:AssumeRole", FALSE),
        ("st*", "sts:AssumeRole", FALSE),
        ("sts:*", "sts:Assume*", TRUE),
        ("sts:AssumeRole", "sts:Assume*", UNKNOWN),
        ("sts:AssumeRole", "sts:AssumeRol?", UNKNOWN),
        ("s3:*", "sts:Assume*", FALSE),
    ],
)
def test_an_action_covers(pattern: str, action: str, truth: Truth) -> None:
    assert acts_on(pattern, action) is truth


ALICE = caller_from_arn("arn:aws:iam::111111111111:user/alice")
SESSION = caller_from_arn("arn:aws:sts::222222222222:assumed-role/Hub/s1")
TOKEN = Caller(None, None, provider="arn:aws:iam::1:oidc-provider/x", federated=True)
UNREAD_TOKEN = Caller(None, None, federated=True)
SERVICE = Caller(None, None, service="ec2.amazonaws.com")
AWS, FEDERATED, OF_SERVICE = (
    PrincipalKind.AWS,
    PrincipalKind.FEDERATED,
    PrincipalKind.SERVICE,
)


@pytest.mark.parametrize(
    ("kind", "text", "caller", "truth", "reason"),
    [
        (AWS, "arn:aws:iam::111111111111:user/alice", ALICE, TRUE, Reason.MATCHES),
        (AWS, "111111111111", ALICE, TRUE, Reason.MATCHES),
        (AWS, "arn:aws:iam::111111111111:user/*", ALICE, FALSE, Reason.NOT_A_PRINCIPAL),
        (AWS, "arn:aws:iam::111111111111:user/alic?", ALICE, FALSE, Reason.NOT_A_PRINCIPAL),
        (AWS, "arn:aws:iam::*:root", ALICE, FALSE, Reason.NOT_A_PRINCIPAL),
        (AWS, "arn:aws:iam:::root", ALICE, FALSE, Reason.NOT_A_PRINCIPAL),
        (AWS, "alice", ALICE, FALSE, Reason.NOT_A_PRINCIPAL),
        # A session's role is known by its name, whatever path was not seen.
        (AWS, "arn:aws:iam::222222222222:role/Hub", SESSION, TRUE, Reason.MATCHES),
        (AWS, "arn:aws:iam::111111111111:user/alice", TOKEN, FALSE, Reason.ANOTHER_KIND),
        (FEDERATED, "arn:aws:iam::1:oidc-provider/x", TOKEN, TRUE, Reason.MATCHES),
        (FEDERATED, "arn:aws:iam::1:oidc-provider/y", TOKEN, FALSE, Reason.NOT_NAMED),
        (FEDERATED, "*", TOKEN, UNKNOWN, Reason.WILDCARD_OUTSIDE),
        (FEDERATED, "arn:aws:iam::1:oidc-provider/x", UNREAD_TOKEN, UNKNOWN, Reason.CALLER_UNKNOWN),
        (FEDERATED, "arn:aws:iam::1:oidc-provider/x", ALICE, FALSE, Reason.ANOTHER_KIND),
        (OF_SERVICE, "ec2.amazonaws.com", SERVICE, TRUE, Reason.MATCHES),
        (OF_SERVICE, "ecs.amazonaws.com", SERVICE, FALSE, Reason.NOT_NAMED),
        (OF_SERVICE, "ec2.amazonaws.com", ALICE, FALSE, Reason.ANOTHER_KIND),
    ],
)
def test_a_principal_covers(
    kind: PrincipalKind, text: str, caller: Caller, truth: Truth, reason: Reason
) -> None:
    found = judge_principal(Principal(kind, text), caller, Effect.ALLOW)
    assert (found.truth, found.reason) == (truth, reason)


@pytest.mark.parametrize(
    ("caller", "named"),
    [
        (ALICE, "arn:aws:iam::111111111111:user/alice"),
        (SESSION, "arn:aws:iam::222222222222:role/Hub"),
        (caller_from_arn("arn:aws-cn:sts::1:assumed-role/R/s", role="arn:x"), "arn:x"),
        (TOKEN, None),
    ],
)
def test_the_arn_that_policies_name(caller: Caller, named: str | None) -> None:
    assert caller.named == named
