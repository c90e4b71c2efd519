"""Each kind of principal, for callers of whom all, little or nothing is known."""

from __future__ import annotations

import pytest

from rolehop.policy import Reason, Truth, caller_from_arn
from rolehop.policy.evaluation.principals import Caller, judge_principal
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
ACCOUNT = "222222222222"
BOB = caller_from_arn("arn:aws:iam::222222222222:user/bob", unique_id="AIDABOB")
SESSION = caller_from_arn(
    "arn:aws:sts::222222222222:assumed-role/Hub/s",
    role="arn:aws:iam::222222222222:role/team/Hub",
    unique_id="AROAHUB",
)
ANY_SESSION = caller_from_arn("arn:aws:sts::222222222222:assumed-role/Hub/*")
NOBODY = Caller(None, None)
OF_ACCOUNT = Caller(None, ACCOUNT)
EC2 = Caller(None, None, service="ec2.amazonaws.com")
TOKEN = Caller(None, None, federated=True)


@pytest.mark.parametrize(
    ("caller", "kind", "text", "truth", "reason"),
    [
        (BOB, "AWS", "AIDABOB", T, Reason.MATCHES),
        (BOB, "AWS", "AIDAOTHER", F, Reason.DELETED_PRINCIPAL),
        (SESSION, "AWS", "AROAHUB", T, Reason.MATCHES),
        (SESSION, "AWS", "arn:aws:sts::222222222222:assumed-role/Hub/s", T, Reason.MATCHES),
        (SESSION, "AWS", "arn:aws:sts::222222222222:assumed-role/Hub/t", F, Reason.OTHER_SESSION),
        (SESSION, "AWS", "arn:aws:sts::222222222222:assumed-role/Bub/s", F, Reason.NOT_NAMED),
        (ANY_SESSION, "AWS", "arn:aws:sts::222222222222:assumed-role/Hub/s", U, Reason.CALLER_UNKNOWN),
        (ANY_SESSION, "AWS", "arn:aws:iam::222222222222:role/any/path/Hub", T, Reason.MATCHES),
        (BOB, "AWS", "arn:aws-cn:iam::222222222222:root", F, Reason.OTHER_PARTITION),
        (BOB, "AWS", "arn:aws-cn:iam::222222222222:user/bob", F, Reason.OTHER_PARTITION),
        (BOB, "AWS", "arn:aws-cn:iam::333333333333:user/bob", F, Reason.OTHER_ACCOUNT),
        (BOB, "AWS", ACCOUNT, T, Reason.MATCHES),
        (NOBODY, "AWS", ACCOUNT, U, Reason.CALLER_UNKNOWN),
        (NOBODY, "AWS", "arn:aws:iam::222222222222:user/bob", U, Reason.CALLER_UNKNOWN),
        (OF_ACCOUNT, "AWS", "arn:aws:iam::222222222222:user/bob", U, Reason.CALLER_UNKNOWN),
        (OF_ACCOUNT, "AWS", "arn:aws:iam::333333333333:user/bob", F, Reason.OTHER_ACCOUNT),
        (EC2, "AWS", ACCOUNT, F, Reason.ANOTHER_KIND),
        (EC2, "Service", "ec2.amazonaws.com", T, Reason.MATCHES),
        (EC2, "Service", "ecs.amazonaws.com", F, Reason.NOT_NAMED),
        (EC2, "Service", "*", U, Reason.WILDCARD_OUTSIDE),
        (BOB, "Service", "ec2.amazonaws.com", F, Reason.ANOTHER_KIND),
        (TOKEN, "Federated", "accounts.google.com", U, Reason.CALLER_UNKNOWN),
        (BOB, "Federated", "accounts.google.com", F, Reason.ANOTHER_KIND),
        (BOB, "CanonicalUser", "79a59df900b949e5", F, Reason.NOT_A_PRINCIPAL),
    ],
)  # fmt: skip
def test_a_principal_names_a_caller_or_not(
    caller: Caller, kind: str, text: str, truth: Truth, reason: Reason
) -> None:
    found = judge_principal(Principal(PrincipalKind(kind), text), caller, Effect.ALLOW)
    assert (found.truth, found.reason) == (truth, reason)
