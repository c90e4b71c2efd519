"""A scope narrows the session before it, or nothing is handed out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.base.credentials import Credentials, Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import HopRefused, RolehopError, ServiceError
from rolehop.config.model import HopConfig, ScopeConfig
from rolehop.config.read_only_policy import READ_ONLY_POLICY
from rolehop.plan.model import Plan
from rolehop.walk.ports import StsRefusal
from rolehop.walk.walk import walk
from tests.support.simulator import USER, FakeAws
from tests.walk.plans import A_SESSION, HUB, KEYS, a_source_session, plan, renewing

Answer = Callable[[Session, Credentials], Session]
POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
READS = ScopeConfig(read_only=True)
SCOPES = {
    "read-only": READS,
    "policy": ScopeConfig(policy=POLICY),
    "duration": ScopeConfig(duration_seconds=900),
    "policy and duration": ScopeConfig(policy=POLICY, duration_seconds=900),
    "read-only and duration": ScopeConfig(read_only=True, duration_seconds=900),
}


def from_session(scope: ScopeConfig = READS, *hops: HopConfig) -> Plan:
    return plan(*hops, stamp=A_SESSION, scope=scope)


def test_a_source_session_is_narrowed_and_kept(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    first = walk(from_session(), aws.ports())
    assert aws.calls == ["GetScopedCredentials", "GetCallerIdentity"]
    assert aws.scopes == [(READ_ONLY_POLICY, None, None)]
    assert (first.arn, first.account) == (aws.arn, "111111111111")
    assert walk(from_session(), aws.ports()) == first
    assert len(aws.calls) == 2


def test_user_keys_get_a_session_which_is_narrowed(aws: FakeAws) -> None:
    session = walk(plan(scope=READS), aws.ports())
    assert aws.calls == ["GetSessionToken", "GetScopedCredentials", "GetCallerIdentity"]
    assert session.credentials.access_key_id == "ASIA0000000000000002"


def test_after_a_hop_its_identity_is_known(aws: FakeAws) -> None:
    session = walk(plan(HopConfig(HUB), scope=READS), aws.ports())
    assert aws.calls == [HUB, "GetScopedCredentials"]
    assert session.arn == "arn:aws:sts::222222222222:assumed-role/Hub/alice@laptop"
    assert (session.account, session.user_id) == ("222222222222", "AROAHUB:alice@laptop")
    assert session.credentials.access_key_id == "ASIA0000000000000002"


def test_the_whole_session_is_shared_with_chains_without_the_scope(aws: FakeAws) -> None:
    whole = walk(plan(HopConfig(HUB)), aws.ports())
    narrow = walk(plan(HopConfig(HUB), scope=READS), aws.ports())
    assert aws.calls == [HUB, "GetScopedCredentials"]
    assert walk(plan(HopConfig(HUB)), aws.ports()) == whole != narrow


# ---- how long


def test_what_is_narrowed_lasts_min_ttl_or_is_renewed_first(aws: FakeAws) -> None:
    hub = HopConfig(HUB)
    walk(plan(hub), aws.ports())
    aws.now += timedelta(minutes=50)  # enough to sign, too little to be handed out
    session = walk(plan(hub, scope=READS), aws.ports())
    assert aws.calls == [HUB, HUB, "GetScopedCredentials"]
    assert session.expires_at == aws.now + timedelta(hours=1)


def test_no_more_is_asked_for_than_the_session_before_has_left(aws: FakeAws) -> None:
    hour = ScopeConfig(policy=POLICY, duration_seconds=3600)
    whole = walk(plan(HopConfig(HUB)), aws.ports())
    aws.now += timedelta(minutes=30)
    session = walk(plan(HopConfig(HUB), scope=hour), aws.ports())
    assert aws.scopes == [(POLICY, None, None)]  # to the end of what is left
    assert session.expires_at == whole.expires_at


def test_a_duration_that_fits_is_asked_for_as_it_is(aws: FakeAws) -> None:
    """The whole session lasts an hour; a minute of it is for the call."""
    for seconds in (900, 3540):
        both = ScopeConfig(policy=POLICY, duration_seconds=seconds)
        session = walk(plan(HopConfig(HUB), scope=both), aws.ports())
        assert session.expires_at == aws.now + timedelta(seconds=seconds)
        walk(plan(HopConfig(HUB), scope=ScopeConfig(duration_seconds=seconds)), aws.ports())
        assert aws.scopes[-2:] == [(POLICY, seconds, None), (None, seconds, None)]


def test_a_session_that_is_about_to_end_is_narrowed_for_a_second(aws: FakeAws) -> None:
    quick = plan(HopConfig(HUB), min_ttl=60)
    walk(quick, aws.ports())
    aws.now += timedelta(minutes=59)
    timed = ScopeConfig(duration_seconds=900)
    walk(plan(HopConfig(HUB), scope=timed, min_ttl=60), aws.ports())
    assert aws.scopes == [(None, 1, None)]


def test_a_duration_alone_leaves_a_minute_for_the_call(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.now += timedelta(minutes=30)
    walk(plan(HopConfig(HUB), scope=ScopeConfig(duration_seconds=3600)), aws.ports())
    assert aws.scopes == [(None, 29 * 60, None)]


def test_a_session_whose_end_is_unknown_gets_one_by_the_scope(aws: FakeAws) -> None:
    aws.source = a_source_session(aws, ends=False)
    scope = ScopeConfig(policy=POLICY, duration_seconds=900)
    session = walk(from_session(scope), aws.ports())
    assert aws.scopes == [(POLICY, 900, None)]
    assert session.expires_at == aws.now + timedelta(minutes=15)


def test_it_ends_no_later_than_its_program_said_of_the_session_before(aws: FakeAws) -> None:
    """A credential_process may say an earlier end than AWS knows."""
    said = a_source_session(aws)
    assert said.expires_at is not None
    aws.source = replace(said, expires_at=said.expires_at - timedelta(minutes=20))
    aws.ends[said.access_key_id] = said.expires_at
    session = walk(from_session(), aws.ports())
    assert session.expires_at == session.credentials.expires_at == aws.source.expires_at


# ---- whatever goes wrong

REFUSALS = (
    StsRefusal("InvalidAction", "Could not find operation GetScopedCredentials"),
    StsRefusal("InsufficientSessionLifetime", "too long"),
    StsRefusal("MalformedPolicyDocument", "Syntax errors in policy."),
    StsRefusal("PackedPolicyTooLarge", "The token of 5000 bytes exceeds 4096 bytes."),
    StsRefusal("InvalidSubjectCredentials", "not resolvable"),
    StsRefusal("AccessDenied", "The session has 3 scoped policies, which is the limit."),
    StsRefusal("AccessDenied", "User: me is not authorized to perform: sts:GetScopedCredentials"),
    StsRefusal("ValidationError", "1 validation error detected"),
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.code)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("start", ["keys", "session", "hop"])
def test_a_refused_scope_hands_out_nothing_and_says_why(
    aws: FakeAws, start: str, scope: str, refusal: StsRefusal
) -> None:
    aws.source = USER if start != "session" else a_source_session(aws)
    aws.refuses_scopes = refusal
    hops = (HopConfig(HUB),) if start == "hop" else ()
    stamp = A_SESSION if start == "session" else KEYS
    planned = plan(*hops, stamp=stamp, scope=SCOPES[scope])
    with pytest.raises(HopRefused) as caught:
        walk(planned, aws.ports())
    assert caught.value.what == "AWS refused the scope of prod, so rolehop hands out nothing"
    assert caught.value.hop == len(hops) + 1
    assert refusal.code in str(caught.value.cause)
    assert planned.key not in aws.stored


def test_each_refusal_has_words_of_its_own(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    said = set()
    for refusal in REFUSALS:
        aws.refuses_scopes = refusal
        with pytest.raises(HopRefused) as caught:
            walk(from_session(), aws.ports())
        said.add((caught.value.fix, caught.value.suspects))
    assert len(said) == len(REFUSALS)


def test_an_answer_that_is_the_whole_session_is_refused(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    aws.echoes_scopes = True
    with pytest.raises(ServiceError, match="nothing is handed out"):
        walk(from_session(), aws.ports())
    assert aws.stored == {}


def _with_its_key_id(new: Session, old: Credentials) -> Session:
    return replace(new, credentials=replace(new.credentials, access_key_id=old.access_key_id))


def _with_its_token(new: Session, old: Credentials) -> Session:
    return replace(new, credentials=replace(new.credentials, session_token=old.session_token))


def _of_another_account(new: Session, old: Credentials) -> Session:
    del old
    return replace(new, account="999999999999")


@pytest.mark.parametrize("answer", [_with_its_key_id, _with_its_token, _of_another_account])
def test_an_answer_of_something_else_is_refused(aws: FakeAws, answer: Answer) -> None:
    aws.answers_scopes = answer
    narrow = plan(HopConfig(HUB), scope=READS)
    with pytest.raises(ServiceError, match="nothing is handed out"):
        walk(narrow, aws.ports())
    assert narrow.key not in aws.stored


def test_an_answer_that_names_the_same_account_is_taken(aws: FakeAws) -> None:
    aws.answers_scopes = lambda new, _: replace(new, account="222222222222")
    session = walk(plan(HopConfig(HUB), scope=READS), aws.ports())
    assert (session.account, aws.calls) == ("222222222222", [HUB, "GetScopedCredentials"])


def test_of_a_source_whose_identity_is_not_known_aws_is_asked(aws: FakeAws) -> None:
    """What the answer itself says of it is not taken for that."""
    aws.source = a_source_session(aws)
    aws.answers_scopes = lambda new, _: replace(
        new, arn="arn:aws:sts::999999999999:assumed-role/X/y", account="999999999999"
    )
    session = walk(from_session(), aws.ports())
    assert aws.calls == ["GetScopedCredentials", "GetCallerIdentity"]
    assert (session.arn, session.account) == (aws.arn, "111111111111")


def test_a_stored_session_that_aws_no_longer_takes_is_walked_again_once(aws: FakeAws) -> None:
    whole = walk(plan(HopConfig(HUB)), aws.ports())
    aws.rejected.add(whole.credentials.access_key_id)
    aws.rejects_with = "InvalidSubjectCredentials"
    walk(plan(HopConfig(HUB), scope=READS), aws.ports())
    assert aws.calls == [HUB, "GetScopedCredentials", HUB, "GetScopedCredentials"]


def test_a_refresh_makes_the_narrowed_session_anew(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    first = walk(from_session(), aws.ports())
    aws.now += timedelta(minutes=1)
    second = walk(from_session(), renewing(aws))
    assert first.credentials.access_key_id != second.credentials.access_key_id


# ---- never the session of a step before

CHANGES = ("scope", "whole", "later", "much later", "refuse", "echo", "recover", "reject", "full")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(SCOPES)),
    st.sampled_from(["keys", "session", "endless", "hop", "hops"]),
    st.lists(st.sampled_from(CHANGES), max_size=12),
)
def test_no_walk_with_a_scope_hands_out_the_session_of_an_earlier_step(
    scope: str, start: str, changes: list[str]
) -> None:
    aws = FakeAws()
    aws.role(HUB, trusts="AKIASOURCE")
    aws.role(OTHER, trusts=HUB)
    if start in ("session", "endless"):
        aws.source = a_source_session(aws, ends=start == "session")
    hops = {"hop": (HopConfig(HUB),), "hops": (HopConfig(HUB), HopConfig(OTHER))}.get(start, ())
    stamp = A_SESSION if start in ("session", "endless") else KEYS
    narrow = plan(*hops, stamp=stamp, scope=SCOPES[scope])
    whole = plan(*hops, stamp=stamp)
    for change in (*changes, "scope"):
        _act(aws, change, narrow, whole)


OTHER = "arn:aws:iam::333333333333:role/Admin"


def _act(aws: FakeAws, change: str, narrow: Plan, whole: Plan) -> None:
    if change == "later":
        aws.now += timedelta(minutes=20)
    elif change == "much later":
        aws.now += timedelta(hours=2)
    elif change == "refuse":
        aws.refuses_scopes = REFUSALS[len(aws.calls) % len(REFUSALS)]
    elif change in ("echo", "recover"):
        aws.refuses_scopes, aws.echoes_scopes = None, change == "echo"
    elif change == "reject":
        aws.rejected |= {each.credentials.access_key_id for each in aws.stored.values()}
    elif change == "full":
        aws.stores = not aws.stores
    else:
        _walk(aws, narrow if change == "scope" else whole, is_narrow=change == "scope")


def _walk(aws: FakeAws, planned: Plan, *, is_narrow: bool) -> None:
    scopes = len(aws.scopes)
    before = aws.stored.get(planned.key)
    try:
        session = walk(planned, aws.ports())
    except RolehopError:
        return
    if is_narrow:
        assert session.credentials.access_key_id in aws.narrowed
        assert (len(aws.scopes) > scopes) or _same(session, before)


def _same(session: Session, stored: Session | None) -> bool:
    return stored is not None and replace(session, arn=stored.arn) == stored
