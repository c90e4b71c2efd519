"""Each kind of principal, for callers of whom all, little or nothing is known."""

from __future__ import annotations

import pytest

from rolehop.policy import Reason, Truth, caller_from_arn
from rolehop.policy.evaluation.principals import (
    Caller,
    MatchKind,
    judge_not_principals,
    judge_principal,
    judge_principals,
)
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
OF_PROVIDER = Caller(None, None, provider="arn:aws:iam::1:oidc-provider/x", federated=True)


@pytest.mark.parametrize(
    ("caller", "kind", "text", "truth", "reason"),
    [
        (BOB, "AWS", "AIDABOB", T, Reason.MATCHES),
        (BOB, "AWS", "AIDAOTHER", F, Reason.DELETED_PRINCIPAL),
        (BOB, "AWS", "AROAOTHER", F, Reason.DELETED_PRINCIPAL),
        (BOB, "AWS", "AGPAOTHER", F, Reason.DELETED_PRINCIPAL),
        (BOB, "AWS", "ANPAOTHER", F, Reason.DELETED_PRINCIPAL),
        (BOB, "AWS", "ASCAOTHER", F, Reason.DELETED_PRINCIPAL),
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
        (EC2, "AWS", "*", U, Reason.WILDCARD_OUTSIDE),
        (TOKEN, "AWS", "*", U, Reason.WILDCARD_OUTSIDE),
        (BOB, "Service", "ec2.amazonaws.com", F, Reason.ANOTHER_KIND),
        (TOKEN, "Federated", "accounts.google.com", U, Reason.CALLER_UNKNOWN),
        (BOB, "Federated", "accounts.google.com", F, Reason.ANOTHER_KIND),
        (OF_PROVIDER, "Federated", "arn:aws:iam::1:oidc-provider/x", T, Reason.MATCHES),
        (OF_PROVIDER, "Federated", "arn:aws:iam::1:oidc-provider/y", F, Reason.NOT_NAMED),
        (OF_PROVIDER, "Federated", "*", U, Reason.WILDCARD_OUTSIDE),
        (OF_PROVIDER, "AWS", "arn:aws:iam::222222222222:user/bob", F, Reason.ANOTHER_KIND),
        (BOB, "CanonicalUser", "79a59df900b949e5", F, Reason.NOT_A_PRINCIPAL),
        # A principal has no wildcard but "*" alone.
        (BOB, "AWS", "arn:aws:iam::222222222222:user/*", F, Reason.NOT_A_PRINCIPAL),
        (BOB, "AWS", "arn:aws:iam::222222222222:user/bo?", F, Reason.NOT_A_PRINCIPAL),
        (BOB, "AWS", "arn:aws:iam::*:root", F, Reason.NOT_A_PRINCIPAL),
        (BOB, "AWS", "arn:aws:iam:::root", F, Reason.NOT_A_PRINCIPAL),
        (BOB, "AWS", "bob", F, Reason.NOT_A_PRINCIPAL),
    ],
)  # fmt: skip
def test_a_principal_names_a_caller_or_not(
    caller: Caller, kind: str, text: str, truth: Truth, reason: Reason
) -> None:
    found = judge_principal(Principal(PrincipalKind(kind), text), caller, Effect.ALLOW)
    assert (found.truth, found.reason) == (truth, reason)


@pytest.mark.parametrize(
    ("caller", "text", "how"),
    [
        (BOB, BOB.arn, MatchKind.DIRECT),
        (BOB, "AIDABOB", MatchKind.DIRECT),
        (SESSION, SESSION.arn, MatchKind.DIRECT),
        (SESSION, SESSION.role, MatchKind.ROLE),
        (SESSION, "AROAHUB", MatchKind.ROLE),  # the ID of its role
        (BOB, ACCOUNT, MatchKind.ACCOUNT),
        (BOB, "arn:aws:iam::222222222222:root", MatchKind.ACCOUNT),
        (BOB, "*", MatchKind.ANYONE),
    ],
)
def test_how_a_caller_is_named_decides_what_else_must_allow(
    caller: Caller, text: str, how: MatchKind
) -> None:
    found = judge_principal(Principal(PrincipalKind.AWS, text), caller, Effect.ALLOW)
    assert (found.truth, found.how) == (T, how)


def aws(*texts: str) -> tuple[Principal, ...]:
    return tuple(Principal(PrincipalKind.AWS, text) for text in texts)


ROOT, HUB = "arn:aws:iam::222222222222:root", "arn:aws:iam::222222222222:role/team/Hub"


@pytest.mark.parametrize(
    ("caller", "principals", "truth", "reason"),
    [
        # Of those that match, none of the others is shown.
        (BOB, aws("arn:aws:iam::333333333333:root", ACCOUNT), T, Reason.MATCHES),
        (OF_ACCOUNT, aws("arn:aws:iam::222222222222:user/bob", ACCOUNT), T, Reason.MATCHES),
        (NOBODY, aws("alice", "arn:aws:iam::222222222222:user/bob"), U, Reason.CALLER_UNKNOWN),
        # Of those that do not match, the one that says most: what is wrong in the policy itself.
        (BOB, aws("arn:aws:iam::222222222222:user/ann", "AIDAGONE"), F, Reason.DELETED_PRINCIPAL),
        (BOB, aws("AIDAGONE", "arn:aws:iam::222222222222:user/ann"), F, Reason.DELETED_PRINCIPAL),
        (BOB, aws("333333333333", "arn:aws:iam::222222222222:user/ann"), F, Reason.OTHER_ACCOUNT),
        (BOB, aws("arn:aws:iam::222222222222:user/ann"), F, Reason.NOT_NAMED),
        (BOB, aws("arn:aws:iam::222222222222:user/*", "333333333333"), F, Reason.NOT_A_PRINCIPAL),
        (BOB, aws("arn:aws-cn:iam::222222222222:root"), F, Reason.OTHER_PARTITION),
        (EC2, aws(ACCOUNT), F, Reason.ANOTHER_KIND),
        (SESSION, aws("arn:aws:sts::222222222222:assumed-role/Hub/t"), F, Reason.OTHER_SESSION),
        (BOB, (), F, Reason.NOT_NAMED),
        (TOKEN, (*aws(ACCOUNT), Principal(PrincipalKind.FEDERATED, "a.com")), U, Reason.CALLER_UNKNOWN),
    ],
)  # fmt: skip
def test_of_several_principals_the_one_that_tells_most_is_shown(
    caller: Caller, principals: tuple[Principal, ...], truth: Truth, reason: Reason
) -> None:
    found, each = judge_principals(principals, caller, Effect.ALLOW)
    assert (found.element, found.truth, found.reason) == ("Principal", truth, reason)
    assert (found.wanted, found.found) == (", ".join(e.text for e in principals), caller.shown)
    assert len(each) == len(principals)


@pytest.mark.parametrize(
    ("caller", "principals", "truth"),
    [
        # To be left out of a Deny, a session has to be listed at all three levels, a user at two.
        (BOB, aws(BOB.arn or "", ROOT), F),
        (BOB, aws(BOB.arn or ""), U),
        (BOB, aws(BOB.arn or "", "arn:aws:iam::333333333333:root"), U),
        (SESSION, aws(SESSION.arn or "", HUB, ROOT), F),
        (SESSION, aws(SESSION.arn or "", ROOT), U),
        (SESSION, aws(HUB, ROOT), U),
        (SESSION, aws("*"), F),
        (EC2, (Principal(PrincipalKind.SERVICE, "ec2.amazonaws.com"),), F),
        (EC2, (Principal(PrincipalKind.SERVICE, "ecs.amazonaws.com"),), T),
        (BOB, aws("333333333333"), T),
    ],
)
def test_whom_a_deny_for_all_but_some_leaves_out(
    caller: Caller, principals: tuple[Principal, ...], truth: Truth
) -> None:
    found = judge_not_principals(principals, caller, Effect.DENY, bounded=F)
    assert found.truth is truth
    assert found.wanted == f"not {', '.join(each.text for each in principals)}"


@pytest.mark.parametrize(
    ("caller", "text", "truth", "reason"),
    [
        # A partition is part of the name: the same account number is another account.
        (OF_ACCOUNT, ROOT, T, Reason.MATCHES),  # of which only the account is known
        (BOB, ROOT, T, Reason.MATCHES),
        (SESSION, "arn:aws-cn:sts::222222222222:assumed-role/Hub/s", F, Reason.OTHER_PARTITION),
        (SESSION, "arn:aws-cn:iam::222222222222:role/team/Hub", F, Reason.OTHER_PARTITION),
        (SESSION, "arn:aws-cn:iam::222222222222:role/team/Bub", F, Reason.NOT_NAMED),
        (SESSION, "arn:aws:sts::333333333333:assumed-role/Hub/s", F, Reason.OTHER_ACCOUNT),
        # Where the path of a session's role is known, it counts.
        (SESSION, "arn:aws:iam::222222222222:role/Hub", F, Reason.NOT_NAMED),
        (ANY_SESSION, "arn:aws:iam::222222222222:role/Bub", F, Reason.NOT_NAMED),
        (ANY_SESSION, "arn:aws:iam::222222222222:user/Hub", F, Reason.NOT_NAMED),
        (ANY_SESSION, "arn:aws:iam::222222222222:role/a:role/Hub", T, Reason.MATCHES),
        (ANY_SESSION, "arn:aws:sts::222222222222:assumed-role/Bub/s", F, Reason.NOT_NAMED),
        (BOB, "arn:aws:sts::222222222222:assumed-role/Hub/s", F, Reason.NOT_NAMED),
        (BOB, "arn:aws:iam::222222222222:role/bob", F, Reason.NOT_NAMED),
        (BOB, "arn:aws:iam::222222222222:root:x", F, Reason.NOT_NAMED),
        (BOB, "arn:aws:iam::222222222222:x:root", F, Reason.NOT_NAMED),
        (BOB, "x:y:iam::222222222222:root", F, Reason.NOT_A_PRINCIPAL),
    ],
)
def test_an_arn_names_one_caller(caller: Caller, text: str, truth: Truth, reason: Reason) -> None:
    found = judge_principal(Principal(PrincipalKind.AWS, text), caller, Effect.ALLOW)
    assert (found.truth, found.reason) == (truth, reason)


def test_who_a_root_user_is() -> None:
    assert caller_from_arn(ROOT).is_root
    assert not BOB.is_root
    assert caller_from_arn(None) == NOBODY
