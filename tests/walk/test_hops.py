"""Hops are called as seldom as possible, in order, and their sessions stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rolehop.base.credentials import Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, HopRefused
from rolehop.config.model import HopConfig
from rolehop.walk.walk import CeilingFound, walk
from tests.support.simulator import FakeAws
from tests.walk.plans import ADMIN, ALICE_MFA, AUDIT, HUB, TWO, plan, renewing


def test_each_hop_is_signed_by_the_session_of_the_hop_before(aws: FakeAws) -> None:
    session = walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN]
    assert aws.signers == ["AKIASOURCE", "ASIA0000000000000001"]
    assert session.arn == "arn:aws:sts::333333333333:assumed-role/Admin/alice@laptop"


def test_a_second_walk_makes_no_call_and_does_not_load_the_source(aws: FakeAws) -> None:
    first = walk(plan(*TWO), aws.ports())
    second = walk(plan(*TWO), aws.ports())
    assert second == first
    assert aws.calls == [HUB, ADMIN]
    assert aws.loads == 1


def test_a_stale_last_hop_is_walked_again_from_the_fresh_one_before_it(aws: FakeAws) -> None:
    walk(plan(*TWO), aws.ports())
    aws.now += timedelta(minutes=20)
    walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, ADMIN]


def test_a_hop_that_only_signs_needs_one_minute(aws: FakeAws) -> None:
    walk(plan(*TWO), aws.ports())
    aws.now += timedelta(minutes=59)
    walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, ADMIN]
    aws.now += timedelta(seconds=1)
    aws.stored.pop(plan(*TWO).key)
    walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, ADMIN, HUB, ADMIN]


def test_what_is_handed_out_has_min_ttl_left(aws: FakeAws) -> None:
    chain = (HopConfig(HUB),)
    walk(plan(*chain), aws.ports())
    aws.now += timedelta(minutes=44)
    walk(plan(*chain), aws.ports())
    assert aws.calls == [HUB]
    aws.now += timedelta(seconds=1)
    assert walk(plan(*chain), aws.ports()).expires_at == aws.now + timedelta(hours=1)


def test_min_ttl_is_never_more_than_half_of_a_session(aws: FakeAws) -> None:
    walk(plan(*TWO), aws.ports())
    aws.now += timedelta(minutes=7)
    walk(plan(*TWO, min_ttl=3600), aws.ports())
    assert aws.calls == [HUB, ADMIN]


def test_chains_share_the_hops_they_have_in_common(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB), HopConfig(ADMIN)), aws.ports())
    walk(plan(HopConfig(HUB), HopConfig(AUDIT)), aws.ports())
    assert aws.calls == [HUB, ADMIN, AUDIT]


def test_a_refused_hop_is_named_and_the_sessions_before_it_stay_stored(aws: FakeAws) -> None:
    aws.roles[ADMIN].trusts = "somebody else"
    with pytest.raises(HopRefused) as caught:
        walk(plan(*TWO), aws.ports())
    assert (caught.value.chain, caught.value.hop, caught.value.code) == ("prod", 2, "AccessDenied")
    assert caught.value.what.startswith("AWS refused hop 2 of prod, Admin in ")
    assert len(aws.stored) == 1


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(4, ""), (5, "; signed by a session 5 min old (rolehop refresh prod)")],
)
def test_access_denied_names_the_age_of_an_old_signer_and_is_not_retried(
    aws: FakeAws, minutes: int, said: str
) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.roles[ADMIN].trusts = "somebody else"
    aws.now += timedelta(minutes=minutes)
    with pytest.raises(HopRefused) as caught:
        walk(plan(*TWO), aws.ports())
    assert str(caught.value.cause).partition(";")[2] == said.removeprefix(";")

    assert aws.calls == [HUB, ADMIN]


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"])
def test_a_cached_signer_that_aws_rejects_is_walked_again_once(code: str, aws: FakeAws) -> None:
    aws.rejects_with = code
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.rejected.add("ASIA0000000000000001")
    session = walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN]
    assert session.account == "333333333333"


def test_a_signer_that_a_policy_refuses_stays(aws: FakeAws) -> None:
    aws.rejects_with = "AccessDenied"
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.rejected.add("ASIA0000000000000001")
    with pytest.raises(HopRefused, match="hop 2"):
        walk(plan(*TWO), aws.ports())
    assert len(aws.stored) == 1


def test_a_signer_that_is_rejected_twice_is_an_error(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.rejected |= {"ASIA0000000000000001", "ASIA0000000000000002"}
    with pytest.raises(HopRefused, match="hop 2"):
        walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN]


def test_a_new_signer_that_is_rejected_is_an_error_at_once(aws: FakeAws) -> None:
    aws.rejected.add("AKIASOURCE")
    with pytest.raises(HopRefused, match="hop 1"):
        walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB]


@pytest.mark.parametrize("minutes", [1, 0, -1], ids=["later", "same-second", "clock-set-back"])
def test_refresh_walks_every_hop_again_and_a_shared_one_once(aws: FakeAws, minutes: int) -> None:
    walk(plan(*TWO), aws.ports())
    aws.now += timedelta(minutes=minutes)
    ports = renewing(aws)
    walk(plan(*TWO), ports)
    walk(plan(HopConfig(HUB), HopConfig(AUDIT)), ports)
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN, AUDIT]


def test_a_lower_limit_of_the_role_is_found_out(aws: FakeAws) -> None:
    with pytest.raises(CeilingFound) as caught:
        walk(plan(HopConfig(HUB, duration_seconds=7200)), aws.ports())
    assert (caught.value.role, caught.value.seconds) == (HUB, 3600)


def test_a_doomed_hop_is_refused_before_any_call(aws: FakeAws) -> None:
    with pytest.raises(ConfigError, match="hop 2 cannot work"):
        walk(plan(HopConfig(HUB), HopConfig(ADMIN, mfa_serial=ALICE_MFA)), aws.ports())
    assert aws.calls == []


def test_a_vault_that_stores_nothing_does_not_stop_a_walk(aws: FakeAws) -> None:
    aws.stores = False
    walk(plan(*TWO), aws.ports())
    walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN]


def test_who_watches_sees_each_hop_once(aws: FakeAws) -> None:
    walk(plan(*TWO), aws.ports())
    walk(plan(HopConfig(HUB), HopConfig(AUDIT)), aws.ports())
    assert aws.watched == [
        "walking 1/2",
        "called 1/2",
        "walking 2/2",
        "called 2/2",
        "cached 1/2",
        "walking 2/2",
        "called 2/2",
    ]


def test_what_another_process_stored_while_we_waited_is_used(aws: FakeAws) -> None:
    chain = plan(HopConfig(HUB))
    won = walk(chain, aws.ports())
    aws.stored.clear()

    class Slow(FakeAws):
        looks = 0

        def get(self, step: object, chain: str) -> Session | None:
            self.looks += 1
            return won if self.looks > 1 else None

    late = Slow()
    assert walk(chain, late.ports()) == won
    assert late.calls == []


def test_each_step_is_said_once_to_be_granted(aws: FakeAws) -> None:
    told: list[str] = []
    steps = plan(*TWO).steps
    walk(plan(*TWO), replace(aws.ports(), granted=told.extend))
    assert told == [step.key for step in steps]
    aws.now += timedelta(minutes=20)
    walk(plan(*TWO), replace(aws.ports(), granted=told.extend))
    assert told == [*(step.key for step in steps), steps[-1].key]  # the hub's session was stored
