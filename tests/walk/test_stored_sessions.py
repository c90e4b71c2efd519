"""A stored session that AWS no longer takes, or that may be older than a change in AWS."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rolehop.base.credentials import Credentials, Session
from rolehop.base.errors import HopRefused, ServiceError
from rolehop.config.model import HopConfig
from rolehop.plan.model import Hop
from rolehop.walk.ports import CallerIdentity, MfaCode, StsRefusal
from rolehop.walk.walk import walk
from tests.support.simulator import FakeAws
from tests.walk.plans import HUB, TWO, plan

NAMES_THE_POLICY = (
    "User: arn:aws:sts::222222222222:assumed-role/Hub/me is not authorized to perform:"
    " sts:AssumeRole on resource: arn:aws:iam::333333333333:role/Admin because no identity-based"
    " policy allows the sts:AssumeRole action"
)


@pytest.mark.parametrize(
    ("code", "message", "brief"),
    [
        (
            "AccessDenied",
            NAMES_THE_POLICY,
            "; signed by a session 5 min old (rolehop refresh prod)",
        ),
        ("RegionDisabledException", "STS is not active", None),
    ],
)
def test_whatever_the_refusal_an_old_signer_is_named(
    aws: FakeAws, code: str, message: str, brief: str | None
) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.now += timedelta(minutes=5)

    def refuses(hop: Hop, signer: Credentials, mfa: MfaCode | None) -> Session:
        raise StsRefusal(code, message)

    aws.assume_role = refuses  # type: ignore[method-assign]
    with pytest.raises(HopRefused) as caught:
        walk(plan(*TWO), aws.ports())
    assert "; signed by a session 5 min old" in str(caught.value.cause)
    assert caught.value.suspects == ()
    assert caught.value.brief is None if brief is None else str(caught.value.brief).endswith(brief)


REJECTED = StsRefusal("InvalidClientTokenId", "The security token is invalid")
ALICE = CallerIdentity("arn:aws:iam::111111111111:user/alice", "111111111111", "AIDAALICE")


@pytest.fixture
def answers(aws: FakeAws) -> list[CallerIdentity | Exception]:
    """What AWS says of a session that is stored, when it is asked whose it is."""
    said: list[CallerIdentity | Exception] = [ServiceError("no answer")]

    def caller(signer: Credentials) -> CallerIdentity:
        answer = said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    aws.caller = caller  # type: ignore[method-assign]
    with pytest.raises(ServiceError):
        walk(plan(), aws.ports())  # it is stored, and nobody has said whose it is
    return said


def test_a_stored_session_that_is_rejected_is_replaced_once(
    aws: FakeAws, answers: list[CallerIdentity | Exception]
) -> None:
    answers += [REJECTED, ALICE]
    session = walk(plan(), aws.ports())
    assert session.arn == ALICE.arn
    assert aws.calls == ["GetSessionToken", "GetSessionToken"]
    assert [each.credentials for each in aws.stored.values()] == [session.credentials]


@pytest.mark.parametrize(
    "refusals", [[REJECTED, REJECTED], [StsRefusal("AccessDenied", "explicit deny in an SCP")]]
)
def test_a_refusal_that_a_new_session_does_not_help_is_an_error(
    aws: FakeAws, answers: list[CallerIdentity | Exception], refusals: list[Exception]
) -> None:
    answers += refusals
    with pytest.raises(HopRefused, match="AWS does not accept the credentials of source 'alice'"):
        walk(plan(), aws.ports())
    assert answers == []
