"""What a source gives: checked, stored if it took calls, handed out if there is no hop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import replace
from rolehop.base.durations import start_of_machine
from rolehop.base.errors import HopRefused, ServiceError, SourceError
from rolehop.config.model import HopConfig
from rolehop.plan.model import Stamp
from rolehop.walk.ports import CallerIdentity
from rolehop.walk.walk import walk
from tests.support.simulator import FakeAws
from tests.walk.plans import A_SESSION, ALICE_MFA, HUB, a_source_session, plan, renewing


def test_refresh_checks_the_identity_of_the_source_again(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    stamp = replace(A_SESSION, stored=True)
    walk(plan(stamp=stamp), aws.ports())
    aws.now += timedelta(minutes=1)
    aws.source = replace(a_source_session(aws), access_key_id="ASIASOMEBODYELSE")
    session = walk(plan(stamp=stamp), renewing(aws))
    assert session.credentials == aws.source
    assert aws.loads == 2


def test_another_principal_than_in_the_config_is_an_error_before_any_hop(aws: FakeAws) -> None:
    aws.arn = "arn:aws:iam::111111111111:user/mallory"
    with pytest.raises(SourceError, match="mallory"):
        walk(plan(HopConfig(HUB), principal="arn:aws:iam::111111111111:user/alice"), aws.ports())
    assert aws.calls == ["GetCallerIdentity"]


def test_the_right_principal_goes_on(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB), principal=aws.arn), aws.ports())
    assert aws.calls == ["GetCallerIdentity", HUB]


def test_an_absent_source_is_an_error(aws: FakeAws) -> None:
    aws.source = None
    with pytest.raises(SourceError, match="source 'alice' has no credentials here"):
        walk(plan(HopConfig(HUB)), aws.ports())


def test_a_chain_without_hops_returns_a_session_of_the_users_keys(aws: FakeAws) -> None:
    session = walk(plan(), aws.ports())
    assert aws.calls == ["GetSessionToken", "GetCallerIdentity"]
    assert (session.arn, session.account) == (aws.arn, "111111111111")
    walk(plan(), aws.ports())
    assert aws.calls == ["GetSessionToken", "GetCallerIdentity"]


MAY_BE_KEYS = Stamp("process", long_lived=False, stored=True, may_be_keys=True)


@pytest.mark.parametrize("hops", [(), (HopConfig(HUB, duration_seconds=7200),)])
def test_unexpected_keys_become_a_stored_session(hops: tuple[HopConfig, ...], aws: FakeAws) -> None:
    if hops:
        aws.roles[HUB].max_session_seconds = 43200
    walk(plan(*hops, stamp=MAY_BE_KEYS), aws.ports())
    session = walk(plan(*hops, stamp=MAY_BE_KEYS), aws.ports())
    assert session.credentials.access_key_id != "AKIASOURCE"
    assert aws.calls[:2] == ["GetSessionToken", HUB if hops else "GetCallerIdentity"]
    assert (len(aws.calls), aws.loads) == (2, 1)


def test_their_device_opens_the_session_that_is_made_of_them(aws: FakeAws) -> None:
    aws.roles[HUB].needs_mfa = True
    aws.codes = ["123456"]
    walk(plan(HopConfig(HUB), stamp=MAY_BE_KEYS, mfa_serial=ALICE_MFA), aws.ports())
    assert aws.calls == ["GetSessionToken", HUB]
    # Another device, or none, is another session.
    with pytest.raises(HopRefused):
        walk(plan(HopConfig(HUB), stamp=MAY_BE_KEYS), aws.ports())


def test_a_session_is_used_as_it_is_if_keys_were_possible(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    aws.roles[HUB].trusts = "ASIASOURCE"
    walk(plan(HopConfig(HUB), stamp=MAY_BE_KEYS, mfa_serial=ALICE_MFA), aws.ports())
    assert aws.calls == [HUB]


def test_a_session_that_is_refused_for_keys_names_the_source(aws: FakeAws) -> None:
    aws.rejected.add("AKIASOURCE")
    with pytest.raises(HopRefused, match="AWS refused the session of source 'alice'"):
        walk(plan(stamp=MAY_BE_KEYS), aws.ports())


@pytest.mark.parametrize(
    ("code", "kind"), [("InvalidClientTokenId", HopRefused), ("ExpiredToken", SourceError)]
)
def test_a_source_that_aws_does_not_take_is_refused_and_one_that_is_over_is_not(
    code: str, kind: type[Exception], aws: FakeAws
) -> None:
    if code == "ExpiredToken":
        aws.source = a_source_session(aws)
        aws.ends["ASIASOURCE"] = aws.now - timedelta(seconds=1)
    else:
        aws.rejected.add("AKIASOURCE")
    with pytest.raises(kind):
        walk(plan(HopConfig(HUB), principal=aws.arn), aws.ports())
    assert aws.calls == ["GetCallerIdentity"]


def test_a_source_that_is_a_session_is_returned_as_it_is(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    session = walk(plan(stamp=A_SESSION), aws.ports())
    assert session.credentials == aws.source
    assert session.arn == aws.arn
    assert aws.stored == {}
    # By this a clock is noticed that is set later.
    assert session.started_at is not None
    assert abs(session.started_at - start_of_machine(aws.now)) <= timedelta(seconds=1)


def test_a_source_session_worth_storing_is_stored(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    stamp = replace(A_SESSION, stored=True)
    walk(plan(stamp=stamp), aws.ports())
    walk(plan(stamp=stamp), aws.ports())
    assert aws.loads == 1
    assert aws.calls == ["GetCallerIdentity"]


def test_a_source_session_without_an_end_is_never_handed_out(aws: FakeAws) -> None:
    aws.source = a_source_session(aws, ends=False)
    with pytest.raises(SourceError, match="does not say when its session ends"):
        walk(plan(stamp=A_SESSION), aws.ports())


@pytest.mark.parametrize(
    ("settings", "arn"),
    [
        ({"account": "222222222222"}, "arn:aws:iam::111111111111:user/alice"),
        (
            {"account": "111111111111", "role": "arn:aws:iam::111111111111:role/Dev"},
            "arn:aws:sts::111111111111:assumed-role/Ops/me",
        ),
        ({"role": "111111111111:role/path/Dev"}, "arn:aws:sts::222222222222:assumed-role/Dev/me"),
    ],
)
def test_a_source_of_another_account_or_role_is_neither_stored_nor_handed_out(
    settings: dict[str, Any], arn: str, aws: FakeAws
) -> None:
    aws.source, aws.arn = a_source_session(aws), arn
    with pytest.raises(SourceError, match="source 'alice' is"):
        walk(plan(stamp=replace(A_SESSION, stored=True), **settings), aws.ports())
    assert aws.stored == {}


def test_a_session_of_the_role_that_the_source_requires_is_returned(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    aws.arn = "arn:aws:sts::111111111111:assumed-role/Dev/me"
    role = "arn:aws:iam::111111111111:role/path/Dev"
    assert walk(plan(stamp=A_SESSION, role=role), aws.ports()).arn == aws.arn


def test_a_session_is_stored_even_if_its_identity_cannot_be_checked(aws: FakeAws) -> None:
    """It may have cost an MFA code."""
    aws.codes = ["123456"]

    def fails(signer: Credentials) -> CallerIdentity:
        raise ServiceError("no answer")

    aws.caller = fails  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match="no answer"):
        walk(plan(mfa_serial=ALICE_MFA), aws.ports())
    assert len(aws.stored) == 1


def test_that_a_sources_own_session_is_there_is_said_once_it_was_loaded(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    own = Stamp("ASIASOURCE", long_lived=False, stored=True)
    walk(plan(stamp=own), aws.ports())
    assert aws.watched.count("called 0/0") == 1
    aws.watched.clear()
    walk(plan(stamp=own), aws.ports())
    assert "called 0/0" not in aws.watched
