"""Calls that AWS refuses whatever the policies say: by whom, for which role, with which credentials."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import Caller, Context, Finding, Reason, Request, Truth, caller_from_arn
from rolehop.policy.evaluation.call_rules import beyond_session_token
from rolehop.policy.evaluation.evaluator import impossible_for
from rolehop.policy.language.request_context import UNKNOWN
from tests.policy.helpers.one_call import ALICE, HERE, ROLE, SESSION

F, U = Truth.FALSE, Truth.UNKNOWN
LINKED = "arn:aws:iam::222222222222:role/aws-service-role/ecs.amazonaws.com/L"
CHINESE = "arn:aws-cn:iam::222222222222:user/bob"
FEDERATED = "arn:aws:sts::222222222222:federated-user/bob"
BEFORE = Finding("Request Tags", F, Reason.TAG_REPEATED, "tags that are new", "team")
USER = caller_from_arn(ALICE)


def by_service(name: str) -> Caller:
    return Caller(None, None, service=name)


@pytest.mark.parametrize(
    ("caller", "asked", "reason"),
    [
        (USER, {}, None),
        (caller_from_arn(SESSION), {}, None),
        (caller_from_arn(None), {}, None),
        (caller_from_arn(HERE), {}, Reason.ROOT_CALLER),
        (caller_from_arn(FEDERATED), {}, Reason.FEDERATED_USER),
        (caller_from_arn(CHINESE), {}, Reason.OTHER_PARTITION),
        # A service-linked role is its service's, by the whole name in its path.
        (USER, {"role": LINKED}, Reason.SERVICE_LINKED),
        (by_service("ecs.amazonaws.com"), {"role": LINKED}, None),
        (by_service("ecs.amazonaws.co"), {"role": LINKED}, Reason.SERVICE_LINKED),
        (by_service("amazonaws.com"), {"role": LINKED}, Reason.SERVICE_LINKED),
        (by_service("ecs.amazonaws.com"), {}, None),
        # What the request itself is refused for; of other calls than STS's for a role, nothing else.
        (USER, {"impossible": BEFORE}, BEFORE),
        (USER, {"impossible": BEFORE, "owner": "222222222222"}, BEFORE),
        (caller_from_arn(HERE), {"owner": "222222222222", "role": "*"}, None),
    ],
)
def test_who_can_call_sts_for_a_role(caller: Caller, asked: Any, reason: Any) -> None:
    found = impossible_for(Request(**{"role": ROLE, **asked}, caller=caller, context=Context({})))
    if found is None or found is BEFORE:
        assert found is reason
    else:
        assert (found.element, found.truth, found.reason) == ("Caller", F, reason)
        assert found.found == caller.shown


MFA = "aws:MultiFactorAuthPresent"


@pytest.mark.parametrize(
    ("action", "mfa", "element"),
    [
        ("sts:AssumeRole", None, None),
        ("sts:Assume*", None, None),  # it may stand for one that it can make
        ("sts:GetCallerIdentity", None, None),
        *(
            (f"sts:{each}", None, None)
            for each in ("TagSession", "SetSourceIdentity", "SetContext")
        ),
        ("STS:GetFederationToken", ["true"], "Caller"),
        ("iam:GetUser", ["true"], None),
        ("iam:GetUser", ["false"], "Caller"),
        ("iam:GetUser", [], "Caller"),
        ("iam:GetUser", UNKNOWN, MFA),
        ("s3:GetObject", ["false"], None),
    ],
)
def test_what_a_session_of_getsessiontoken_can_call(
    action: str, mfa: Any, element: str | None
) -> None:
    context = Context({} if mfa is None else {MFA: mfa})
    found = beyond_session_token(action, USER, context)
    if element is None:
        assert found is None
    else:
        assert found is not None
        assert (found.element, found.truth) == (element, U if element == MFA else F)
        assert (found.reason, found.found) == (Reason.NOT_BY_USER_SESSION, ALICE)
