"""Whose session is handed out, and which one is stored: what a walk decides beside the calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, HopRefused, ServiceError, SourceError
from rolehop.config.model import HopConfig
from rolehop.plan.model import Plan, Stamp, Step
from rolehop.walk.ports import CallerIdentity, StsRefusal
from rolehop.walk.walk import walk
from tests.support.simulator import FakeAws
from tests.walk.plans import A_SESSION, ADMIN, ALICE_MFA, HUB, TWO, a_source_session, plan

ALICE = "arn:aws:iam::111111111111:user/alice"
MALLORY = "arn:aws:iam::111111111111:user/mallory"
STORED = replace(A_SESSION, stored=True)


def without_answer(aws: FakeAws) -> Callable[[], None]:
    """Let nobody answer who the caller is, until the function that this returns is called."""

    def fails(signer: Credentials) -> CallerIdentity:
        aws.calls.append("no answer")
        raise ServiceError("no answer")

    aws.caller = fails  # type: ignore[method-assign]
    return lambda: delattr(aws, "caller")


def stored_unnamed(aws: FakeAws, made: Plan) -> None:
    """Walk ``made`` so that its last session is stored and nobody has said whose it is."""
    answers = without_answer(aws)
    with pytest.raises(ServiceError):
        walk(made, aws.ports())
    answers()
    assert aws.calls.count("no answer") == 1
    assert aws.stored[made.key].arn == ""
    aws.calls.clear()


def token() -> Plan:
    return plan(principal=ALICE, mfa_serial=ALICE_MFA)


def test_a_stored_session_of_nobody_knows_whom_is_asked_about_and_stored_with_its_name(
    aws: FakeAws,
) -> None:
    aws.codes = ["123456"]
    aws.source = a_source_session(aws)
    made = plan(stamp=STORED)
    stored_unnamed(aws, made)
    granted: list[str] = []
    session = walk(made, replace(aws.ports(), granted=granted.extend))
    assert (session.arn, session.account, session.user_id) == (ALICE, "111111111111", "AIDAALICE")
    assert (aws.calls, aws.stored[made.key]) == (["GetCallerIdentity"], session)


def test_of_a_token_as_well(aws: FakeAws) -> None:
    made = plan()
    stored_unnamed(aws, made)
    session = walk(made, aws.ports())
    assert (aws.calls, aws.stored[made.key]) == (["GetCallerIdentity"], session)


def test_it_is_not_handed_out_if_it_is_somebody_elses(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    made = plan(stamp=STORED, account="111111111111")
    stored_unnamed(aws, made)
    aws.arn = MALLORY.replace("111111111111", "222222222222")
    with pytest.raises(SourceError, match="mallory"):
        walk(made, aws.ports())
    assert aws.stored[made.key].arn == ""


def test_it_is_loaded_again_once_if_aws_rejects_it(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    made = plan(stamp=STORED)
    stored_unnamed(aws, made)
    aws.rejected.add("ASIASOURCE")
    aws.source = replace(a_source_session(aws), access_key_id="ASIANEW")
    assert walk(made, aws.ports()).credentials.access_key_id == "ASIANEW"
    assert aws.calls == ["GetCallerIdentity", "GetCallerIdentity"]
    stored_unnamed_again = replace(aws.stored[made.key], arn="")
    aws.stored[made.key] = stored_unnamed_again
    aws.rejected.add("ASIANEW")
    with pytest.raises(HopRefused, match="does not accept"):
        walk(made, aws.ports())


def test_one_that_another_process_stores_meanwhile_is_not_asked_about_for_ever(
    aws: FakeAws,
) -> None:
    aws.source = a_source_session(aws)
    made = plan(stamp=STORED)
    stored_unnamed(aws, made)
    old = aws.stored[made.key]
    dropped: list[tuple[str, str]] = []
    gets: list[Step] = []
    aws.drop = lambda key, access_key_id: dropped.append((key, access_key_id))  # type: ignore[method-assign]

    def get(step: Step, chain: str) -> Session:
        gets.append(step)
        key_id = "ASIAFIRST" if len(gets) == 1 else "ASIASECOND"
        return replace(old, credentials=replace(old.credentials, access_key_id=key_id))

    aws.get = get  # type: ignore[method-assign]
    aws.rejected = {"ASIAFIRST", "ASIASECOND"}
    with pytest.raises(HopRefused, match="does not accept"):
        walk(made, aws.ports())
    assert (dropped, len(gets)) == ([(made.key, "ASIAFIRST")], 2)


def test_a_new_session_that_is_rejected_is_not_loaded_again(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    aws.rejected.add("ASIASOURCE")
    with pytest.raises(HopRefused, match="does not accept"):
        walk(plan(stamp=A_SESSION), aws.ports())
    assert aws.loads == 1


def test_whose_a_source_is_is_asked_once(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    session = walk(plan(stamp=STORED, principal=ALICE), aws.ports())
    assert (session.arn, session.account, aws.calls) == (
        ALICE,
        "111111111111",
        ["GetCallerIdentity"],
    )


def test_a_source_session_before_a_hop_is_stored_under_its_own_name(aws: FakeAws) -> None:
    aws.source, aws.roles[HUB].trusts = a_source_session(aws), "ASIASOURCE"
    aws.now += timedelta(microseconds=7)
    made = plan(HopConfig(HUB), stamp=STORED)
    walk(made, aws.ports())
    assert set(aws.stored) == {step.key for step in made.steps}
    first = aws.stored[made.steps[0].key]
    assert (first.credentials.access_key_id, first.issued_at.microsecond) == ("ASIASOURCE", 0)
    assert (first.arn, first.account) == ("", "")


@pytest.mark.parametrize("stored", [True, False])
def test_keys_that_never_end_are_not_handed_out_whatever_end_is_given(
    stored: bool, aws: FakeAws
) -> None:
    end = aws.now + timedelta(hours=1)
    aws.source = Credentials("AKIASOURCE", Secret("user-secret"), None, end)
    with pytest.raises(SourceError, match="does not say when its session ends"):
        walk(plan(stamp=replace(A_SESSION, stored=stored)), aws.ports())
    assert aws.stored == {}


# ---- a signer that AWS rejects


def test_a_rejected_signer_is_dropped_and_no_other(aws: FakeAws) -> None:
    walk(plan(HopConfig(HUB)), aws.ports())
    aws.rejected.add("ASIA0000000000000001")
    dropped: list[tuple[str, str]] = []
    aws.drop = lambda key, access_key_id: dropped.append((key, access_key_id))  # type: ignore[method-assign]
    made = plan(*TWO)
    # Even a vault that cannot drop it does not make it sign again.
    assert walk(made, aws.ports()).account == "333333333333"
    assert dropped == [(made.steps[1].key, "ASIA0000000000000001")]
    assert aws.calls == [HUB, ADMIN, HUB, ADMIN]


def test_an_expired_source_is_a_sign_in_and_an_expired_hop_is_a_refusal(aws: FakeAws) -> None:
    aws.rejects_with = "ExpiredToken"
    aws.rejected.add("AKIASOURCE")
    with pytest.raises(SourceError, match="have expired"):
        walk(plan(*TWO), aws.ports())
    aws.rejected = {"ASIA0000000000000001"}
    with pytest.raises(HopRefused, match="hop 2"):
        walk(plan(*TWO), aws.ports())


# ---- refusals that are remembered


HUB_SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/alice@laptop"


class Refusals(dict[str, StsRefusal]):
    """ports.Refusals in memory."""

    def note(self, key: str, refusal: StsRefusal) -> None:
        self[key] = refusal


@pytest.mark.parametrize(
    ("code", "serial", "remembered"),
    [
        ("AccessDenied", None, True),
        ("InvalidClientTokenId", None, False),
        ("AccessDeniedException", None, False),
        ("AccessDenied", ALICE_MFA, False),  # the next code may be right
    ],
)
def test_a_refusal_is_remembered_for_a_moment_unless_a_code_was_sent(
    code: str, serial: str | None, remembered: bool, aws: FakeAws
) -> None:
    refusals = Refusals()
    ports = replace(aws.ports(), refusals=refusals)
    aws.rejects_with, aws.codes = code, ["1", "2"]
    aws.rejected.add("AKIASOURCE")
    made = plan(*TWO, mfa_serial=serial)
    with pytest.raises(HopRefused):
        walk(made, ports)
    with pytest.raises(HopRefused) as caught:
        walk(made, ports)
    assert (set(refusals), len(aws.calls)) == (
        ({made.steps[1].key}, 1) if remembered else (set(), 2)
    )
    assert ("a few seconds ago" in str(caught.value.cause)) == remembered


@pytest.mark.parametrize(
    ("message", "brief"),
    [
        (f"User: {HUB_SESSION} is not authorized to perform: sts:AssumeRole on resource: {ADMIN}",
         "the trust policy may not trust Hub, or a policy denies it; AWS says only AccessDenied"),
        ("no", None),
    ],
)  # fmt: skip
def test_a_remembered_refusal_says_so_in_its_line(
    aws: FakeAws, message: str, brief: str | None
) -> None:
    refusals, made = Refusals(), plan(HopConfig(HUB), HopConfig(ADMIN))
    refusals[made.steps[2].key] = StsRefusal("AccessDenied", message)
    with pytest.raises(HopRefused) as caught:
        walk(made, replace(aws.ports(), refusals=refusals))
    assert aws.calls == []
    wanted = None if brief is None else f"{brief} (a few seconds ago; not asked again)"
    assert caught.value.brief == wanted


@pytest.mark.parametrize(
    ("ending", "fix"),
    [
        ("", "rolehop explain --last"),
        (
            " because no identity-based policy allows the sts:AssumeRole action",
            "; more: rolehop explain --last",
        ),
    ],
)
def test_what_to_do_is_what_aws_named_and_where_to_read_more(
    aws: FakeAws, ending: str, fix: str
) -> None:
    refusals, made = Refusals(), plan(HopConfig(HUB), HopConfig(ADMIN))
    said = f"User: {HUB_SESSION} is not authorized to perform: sts:AssumeRole on resource: {ADMIN}"
    refusals[made.steps[2].key] = StsRefusal("AccessDenied", f"{said}{ending}")
    with pytest.raises(HopRefused) as caught:
        walk(made, replace(aws.ports(), refusals=refusals))
    found = str(caught.value.fix)
    assert found.endswith(fix)
    assert (found == fix) is not bool(ending)
    assert ("Admin" in found) is bool(ending)


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("AccessDenied", f"User: {HUB_SESSION} is not authorized to perform: sts:TagSession",
         "the trust policy of role Admin of 333333333333"),
        ("MalformedPolicyDocument", "Syntax errors in policy.", "session policy"),
    ],
)  # fmt: skip
def test_a_refused_hop_is_explained_as_that_hop(
    aws: FakeAws, code: str, message: str, said: str
) -> None:
    refusals, made = Refusals(), plan(HopConfig(HUB), HopConfig(ADMIN))
    refusals[made.steps[2].key] = StsRefusal(code, message)
    with pytest.raises(HopRefused) as caught:
        walk(made, replace(aws.ports(), refusals=refusals))
    assert said in str(caught.value.fix)
    assert "scope" not in str(caught.value.fix)


def test_a_first_hop_that_takes_the_code_itself_is_not_remembered_either(aws: FakeAws) -> None:
    refusals, aws.codes = Refusals(), ["1"]
    aws.roles[HUB].trusts = "somebody else"
    with pytest.raises(HopRefused):
        walk(plan(HopConfig(HUB, mfa_serial=ALICE_MFA)), replace(aws.ports(), refusals=refusals))
    assert refusals == {}


def test_what_was_granted_is_said_before_a_later_hop_is_refused(aws: FakeAws) -> None:
    aws.roles[ADMIN].trusts = "somebody else"
    granted: list[str] = []
    made = plan(*TWO)
    with pytest.raises(HopRefused):
        walk(made, replace(aws.ports(), granted=granted.extend))
    assert granted == [made.steps[0].key, made.steps[1].key]


def test_a_source_is_said_to_be_granted_when_aws_has_named_it(aws: FakeAws) -> None:
    aws.source = a_source_session(aws)
    for stamp in (A_SESSION, STORED):
        granted: list[str] = []
        walk(plan(stamp=stamp), replace(aws.ports(), granted=granted.extend))
        assert granted == [plan(stamp=stamp).key]


# ---- before any call, and what a refusal of a lifetime means


def test_a_source_that_fails_is_said_before_a_hop_that_would(aws: FakeAws) -> None:
    made = plan(HopConfig(HUB), HopConfig(ADMIN, mfa_serial=ALICE_MFA))
    with pytest.raises(ConfigError):
        walk(made, aws.ports())
    aws.source = None
    with pytest.raises(SourceError, match="no credentials here") as caught:
        walk(replace(made, source_problem="signed out"), aws.ports())
    assert caught.value.cause == "signed out"


@pytest.mark.parametrize(
    ("seconds", "most", "trusts"), [(3600, 1800, "AKIASOURCE"), (7200, 43200, "somebody else")]
)
def test_only_a_lifetime_above_an_hour_is_planned_again(
    seconds: int, most: int, trusts: str, aws: FakeAws
) -> None:
    aws.role(HUB, trusts=trusts, max_session_seconds=most)
    with pytest.raises(HopRefused, match="hop 1"):
        walk(plan(HopConfig(HUB, duration_seconds=seconds)), aws.ports())


@pytest.mark.parametrize(
    ("code", "hinted"), [("AccessDenied", True), ("AccessDeniedException", True), ("Other", False)]
)
def test_only_what_a_policy_refuses_is_for_explain(code: str, hinted: bool, aws: FakeAws) -> None:
    aws.rejects_with = code
    aws.rejected.add("AKIASOURCE")
    with pytest.raises(HopRefused) as caught:
        walk(plan(*TWO), aws.ports())
    assert ("rolehop explain --last" in str(caught.value.fix)) == hinted
    with pytest.raises(HopRefused) as caught:
        walk(plan(stamp=Stamp("p", long_lived=False, stored=True, may_be_keys=True)), aws.ports())
    assert ("explain" in str(caught.value.fix), caught.value.hop) == (False, None)
