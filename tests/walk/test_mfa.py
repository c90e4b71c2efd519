"""MFA codes: one for all chains of a source, or one for a long first hop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rolehop.base.credentials import Credentials
from rolehop.base.errors import NoTerminal, SourceError
from rolehop.config.model import HopConfig
from rolehop.walk.ports import StsRefusal
from rolehop.walk.walk import walk
from tests.support.simulator import START, FakeAws
from tests.walk.plans import ALICE_MFA, AUDIT, HUB, plan, renewing


def test_refresh_keeps_the_mfa_session(aws: FakeAws) -> None:
    aws.codes = ["123456"]
    walk(plan(HopConfig(HUB), mfa_serial=ALICE_MFA), aws.ports())
    aws.now += timedelta(minutes=1)
    walk(plan(HopConfig(HUB), mfa_serial=ALICE_MFA), renewing(aws))
    assert aws.calls == ["GetSessionToken", HUB, HUB]


def test_one_mfa_session_serves_all_chains_of_a_source(aws: FakeAws) -> None:
    aws.roles[HUB].needs_mfa = True
    aws.codes = ["123456"]
    walk(plan(HopConfig(HUB), mfa_serial=ALICE_MFA), aws.ports())
    aws.role(AUDIT, trusts="AKIASOURCE", needs_mfa=True)
    walk(plan(HopConfig(AUDIT), mfa_serial=ALICE_MFA), aws.ports())
    assert aws.calls == ["GetSessionToken", HUB, AUDIT]


def test_a_long_first_hop_takes_the_code_itself(aws: FakeAws) -> None:
    aws.role(HUB, trusts="AKIASOURCE", needs_mfa=True, max_session_seconds=43200)
    aws.codes = ["123456"]
    long = HopConfig(HUB, duration_seconds=7200)
    session = walk(plan(long, mfa_serial=ALICE_MFA), aws.ports())
    assert aws.calls == [HUB]
    assert session.expires_at == START + timedelta(hours=2)
    assert "spent alice" in aws.watched


def test_the_device_is_looked_up_if_mfa_serial_is_auto(aws: FakeAws) -> None:
    aws.codes = ["123456"]
    walk(plan(HopConfig(HUB), mfa_serial="auto"), aws.ports())
    assert aws.calls == ["ListMFADevices", "GetSessionToken", HUB]
    assert "spent found" in aws.watched


def test_without_anybody_to_ask_nothing_is_sent(aws: FakeAws) -> None:
    with pytest.raises(NoTerminal) as caught:
        walk(plan(HopConfig(HUB), mfa_serial=ALICE_MFA), aws.ports())
    assert caught.value.chain == "prod"
    assert aws.calls == []
    assert aws.holding == []


def test_a_device_that_may_not_be_looked_up_is_asked_for_in_the_config(aws: FakeAws) -> None:
    def refuses(signer: Credentials) -> str:
        raise StsRefusal("AccessDenied", "not authorized to perform: iam:ListMFADevices")

    aws.mfa_device = refuses  # type: ignore[method-assign]
    aws.codes = ["123456"]
    with pytest.raises(SourceError, match="could not be looked up") as caught:
        walk(plan(HopConfig(HUB), mfa_serial="auto"), aws.ports())
    assert "iam:ListMFADevices" in str(caught.value.cause)
    assert (aws.calls, aws.codes) == ([], ["123456"])
