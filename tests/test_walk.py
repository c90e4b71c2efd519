from datetime import timedelta

import pytest

from rolehop.config.model import (
    ChainConfig,
    Config,
    Defaults,
    HopConfig,
    SourceConfig,
    written_hops,
)
from rolehop.credentials import Credentials, Secret, Session
from rolehop.errors import ConfigError, HopRefused, NoTerminal, SourceError
from rolehop.plan.model import Plan, Stamp
from rolehop.plan.planner import make_plan
from rolehop.plan.resolve import PlanContext, path_of, resolve, source_of
from rolehop.startup.dataclass import replace
from rolehop.walk import CeilingFound, walk
from tests.support.simulator import START, FakeAws

HUB = "arn:aws:iam::222222222222:role/Hub"
ADMIN = "arn:aws:iam::333333333333:role/Admin"
AUDIT = "arn:aws:iam::444444444444:role/Audit"
ALICE_MFA = "arn:aws:iam::111111111111:mfa/alice"
KEYS = Stamp("AKIASOURCE", long_lived=True)
A_SESSION = Stamp("ASIASOURCE", long_lived=False)


@pytest.fixture
def aws() -> FakeAws:
    aws = FakeAws()
    aws.role(HUB, trusts="AKIASOURCE")
    aws.role(ADMIN, trusts=HUB)
    aws.role(AUDIT, trusts=HUB)
    return aws


def plan(
    *hops: HopConfig,
    stamp: Stamp = KEYS,
    min_ttl: int = 960,
    principal: str | None = None,
    **settings: object,
) -> Plan:
    source = SourceConfig("alice", "keys", settings, principal=principal)
    chain = ChainConfig("prod", source="alice", hops=hops)
    config = Config(
        Defaults(min_ttl_seconds=min_ttl), sources={"alice": source}, chains={"prod": chain}
    )
    path = path_of(config, chain)
    resolved = resolve(
        config, path, source_of(config, path), written_hops(path), PlanContext("alice", "laptop")
    )
    return make_plan(config, resolved, stamp, now=START)


TWO = (HopConfig(HUB), HopConfig(ADMIN, duration_seconds=900))


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
    aws.kept.pop(plan(*TWO).key)
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


def test_a_refused_hop_is_named_and_the_sessions_before_it_are_kept(aws: FakeAws) -> None:
    aws.roles[ADMIN].trusts = "somebody else"
    with pytest.raises(HopRefused) as caught:
        walk(plan(*TWO), aws.ports())
    assert (caught.value.chain, caught.value.hop, caught.value.code) == ("prod", 2, "AccessDenied")
    assert caught.value.what == f"hop 2 of chain 'prod' was refused: {ADMIN}"
    assert len(aws.kept) == 1


def test_access_denied_names_the_age_of_a_cached_signer_and_is_not_retried(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.roles[ADMIN].trusts = "somebody else"
    aws.now += timedelta(minutes=12)
    with pytest.raises(HopRefused) as caught:
        walk(plan(*TWO), aws.ports())
    assert "12 min old" in str(caught.value.cause)
    assert "rolehop refresh prod" in str(caught.value.cause)
    assert aws.calls == [HUB, ADMIN]


def test_a_cached_signer_that_aws_rejects_is_walked_again_once(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.rejected.add("ASIA0000000000000001")
    session = walk(plan(*TWO), aws.ports())
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN]
    assert session.account == "333333333333"


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


def test_refresh_walks_every_hop_anew_and_a_shared_one_once(aws: FakeAws) -> None:
    walk(plan(*TWO), aws.ports())
    aws.now += timedelta(minutes=1)
    start = aws.now
    walk(plan(*TWO), aws.ports(), not_before=start)
    walk(plan(HopConfig(HUB), HopConfig(AUDIT)), aws.ports(), not_before=start)
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN, AUDIT]


def test_refresh_asks_the_source_anew_who_it_is(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    kept = replace(A_SESSION, kept=True)
    walk(plan(stamp=kept), aws.ports())
    aws.now += timedelta(minutes=1)
    aws.source = replace(a_source_session(aws), access_key_id="ASIASOMEBODYELSE")
    session = walk(plan(stamp=kept), aws.ports(), not_before=aws.now)
    assert session.credentials == aws.source
    assert aws.loads == 2


def test_refresh_keeps_the_mfa_session(aws: FakeAws) -> None:
    aws.codes = ["123456"]
    walk(plan(HopConfig(HUB), mfa_serial=ALICE_MFA), aws.ports())
    aws.now += timedelta(minutes=1)
    walk(plan(HopConfig(HUB), mfa_serial=ALICE_MFA), aws.ports(), not_before=aws.now)
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


def test_the_device_is_looked_up_when_the_config_says_auto(aws: FakeAws) -> None:
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


def test_a_lower_limit_of_the_role_is_found_out(aws: FakeAws) -> None:
    with pytest.raises(CeilingFound) as caught:
        walk(plan(HopConfig(HUB, duration_seconds=7200)), aws.ports())
    assert (caught.value.role, caught.value.seconds) == (HUB, 3600)


def test_a_doomed_hop_is_refused_before_any_call(aws: FakeAws) -> None:
    with pytest.raises(ConfigError, match="hop 2 cannot work"):
        walk(plan(HopConfig(HUB), HopConfig(ADMIN, mfa_serial=ALICE_MFA)), aws.ports())
    assert aws.calls == []


def test_another_principal_than_the_config_says_is_an_error_before_any_hop(aws: FakeAws) -> None:
    aws.arn = "arn:aws:iam::111111111111:user/mallory"
    with pytest.raises(SourceError, match="mallory"):
        walk(plan(HopConfig(HUB), principal="arn:aws:iam::111111111111:user/alice"), aws.ports())
    assert aws.calls == ["GetCallerIdentity"]


def test_the_right_principal_goes_on(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB), principal=aws.arn), aws.ports())
    assert aws.calls == ["GetCallerIdentity", HUB]


def test_an_absent_source_is_an_error(aws: FakeAws) -> None:
    aws.source = None
    with pytest.raises(SourceError, match="source 'alice' is not here"):
        walk(plan(HopConfig(HUB)), aws.ports())


def test_a_chain_without_hops_hands_out_a_session_of_the_users_keys(aws: FakeAws) -> None:
    session = walk(plan(), aws.ports())
    assert aws.calls == ["GetSessionToken", "GetCallerIdentity"]
    assert (session.arn, session.account) == (aws.arn, "111111111111")
    walk(plan(), aws.ports())
    assert aws.calls == ["GetSessionToken", "GetCallerIdentity"]


MAY_BE_KEYS = Stamp("process", long_lived=False, kept=True, may_be_keys=True)


@pytest.mark.parametrize("hops", [(), (HopConfig(HUB, duration_seconds=7200),)])
def test_keys_that_nobody_foresaw_become_a_session_that_is_kept(
    hops: tuple[HopConfig, ...], aws: FakeAws
) -> None:
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


def test_a_session_is_taken_as_it_is_where_keys_might_have_come(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    aws.roles[HUB].trusts = "ASIASOURCE"
    walk(plan(HopConfig(HUB), stamp=MAY_BE_KEYS, mfa_serial=ALICE_MFA), aws.ports())
    assert aws.calls == [HUB]


def test_a_session_that_is_refused_for_keys_names_the_source(aws: FakeAws) -> None:
    aws.rejected.add("AKIASOURCE")
    with pytest.raises(HopRefused, match="the session of source 'alice' was refused"):
        walk(plan(stamp=MAY_BE_KEYS), aws.ports())


@pytest.mark.parametrize(
    ("code", "kind"), [("InvalidClientTokenId", HopRefused), ("ExpiredToken", SourceError)]
)
def test_a_source_that_aws_does_not_take_is_refused_and_one_that_is_over_is_not(
    code: str, kind: type[Exception], aws: FakeAws
) -> None:
    if code == "ExpiredToken":
        aws.source = a_source_session(aws)
        aws._ends["ASIASOURCE"] = aws.now - timedelta(seconds=1)
    else:
        aws.rejected.add("AKIASOURCE")
    with pytest.raises(kind):
        walk(plan(HopConfig(HUB), principal=aws.arn), aws.ports())
    assert aws.calls == ["GetCallerIdentity"]


def a_source_session(aws: FakeAws, *, ends: bool = True) -> Credentials:
    end = aws.now + timedelta(hours=1) if ends else None
    return Credentials("ASIASOURCE", Secret("source-secret"), Secret("source-token"), end)


def test_a_source_that_is_a_session_hands_itself_out(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    session = walk(plan(stamp=A_SESSION), aws.ports())
    assert session.credentials == aws.source
    assert session.arn == aws.arn
    assert aws.kept == {}


def test_a_source_session_worth_keeping_is_kept(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    kept = replace(A_SESSION, kept=True)
    walk(plan(stamp=kept), aws.ports())
    walk(plan(stamp=kept), aws.ports())
    assert aws.loads == 1
    assert aws.calls == ["GetCallerIdentity"]


def test_a_source_session_without_an_end_is_never_handed_out(aws: FakeAws) -> None:
    aws.source = a_source_session(aws, ends=False)
    with pytest.raises(SourceError, match="does not say when its session ends"):
        walk(plan(stamp=A_SESSION), aws.ports())


def test_a_vault_that_keeps_nothing_does_not_stop_a_walk(aws: FakeAws) -> None:
    aws.keeps = False
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


def test_what_another_process_kept_while_we_waited_is_used(aws: FakeAws) -> None:
    chain = plan(HopConfig(HUB))
    won = walk(chain, aws.ports())
    aws.kept.clear()

    class Slow(FakeAws):
        looks = 0

        def get(self, step: object, chain: str) -> Session | None:
            self.looks += 1
            return won if self.looks > 1 else None

    late = Slow()
    assert walk(chain, late.ports()) == won
    assert late.calls == []
