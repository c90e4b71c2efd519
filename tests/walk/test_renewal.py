"""When the old session is handed out because it cannot be renewed, and when it never is."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import (
    HopRefused,
    NoTerminal,
    ServiceError,
    SignInExpired,
    SourceError,
    SourceWithdrawn,
)
from rolehop.base.time_limit import OutOfTime, _limits
from rolehop.config.model import HopConfig
from rolehop.plan.model import Plan, Step
from rolehop.walk.renewal import Renewal
from tests.support.simulator import START
from tests.walk.plans import ADMIN, HUB, plan

PLAN = plan(HopConfig(HUB), HopConfig(ADMIN))  # min_ttl is 16 min
MINUTE = timedelta(minutes=1)


def session(left: timedelta, life: timedelta = 60 * MINUTE, arn: str = "arn:x") -> Session:
    end = START + left
    return Session(
        Credentials("ASIAOLD", Secret("old-secret"), Secret("old-token"), end),
        arn,
        "111111111111",
        issued_at=end - life,
        expires_at=end,
    )


NEW = replace(session(60 * MINUTE), credentials=Credentials("ASIANEW", Secret("new-secret")))


@dataclass
class Case:
    """One renewal, and what is seen of it."""

    stored: Session | None
    fails: Exception | None = None
    plan: Plan = PLAN
    failed: dict[str, dict[str, str]] | None = None
    refused: bool = False
    meanwhile: Callable[[Case], None] = lambda case: None
    walks: list[bool] = field(default_factory=list)
    """Whether each walk was limited."""

    notes: list[str] = field(default_factory=list)

    def walk(self) -> Session:
        self.walks.append(bool(_limits.ends))
        self.meanwhile(self)
        if self.fails is not None:
            raise self.fails
        return NEW

    def find(self, step: Step) -> Session | None:
        assert step is self.plan.steps[-1]
        return self.stored

    def get(self, key: str) -> dict[str, str]:
        return (self.failed or {}).get(key, {})

    def add(self, key: str, texts: dict[str, str]) -> None:
        assert self.failed is not None
        self.failed[key] = texts

    def run(self, noted_end: datetime | None = None, *, noted: bool = True) -> Session:
        if noted_end is None and noted and self.stored is not None:
            noted_end = self.stored.local_expires_at
        return Renewal(
            self.plan,
            self.walk,
            self.find,
            self.notes.append,
            lambda: START,
            lambda: self.refused,
            None if self.failed is None else self,
        ).session(noted_end)


OLD = session(10 * MINUTE)
NO_ANSWER = ServiceError("no answer", cause="the cable is cut")


@pytest.mark.parametrize(
    "error", [NO_ANSWER, SignInExpired("signed out"), NoTerminal("a code is needed"), OutOfTime()]
)
@pytest.mark.parametrize("noted", [True, False], ids=["in-the-index", "index-lost"])
def test_the_old_one_is_handed_out_if_nobody_answers(error: Exception, noted: bool) -> None:
    if isinstance(error, OutOfTime) and not noted:
        return  # without a session in hand there is no limit
    case = Case(OLD, error)
    assert case.run(noted=noted) is OLD
    assert case.walks == [noted], "without a session in hand there is no limit"
    (note,) = case.notes
    assert note.startswith("the session cannot be renewed now, and has 10 min left: ")


def test_why_is_said_in_the_errors_words() -> None:
    case = Case(OLD, NO_ANSWER)
    case.run()
    assert case.notes[0].endswith("10 min left: no answer: the cable is cut")


@pytest.mark.parametrize(
    "error",
    [
        HopRefused("hop 1 was refused", code="AccessDenied"),
        SourceError("it is another principal"),
        SourceWithdrawn("signed out"),
        KeyError("a fault of ours"),
    ],
)
@pytest.mark.parametrize("noted", [True, False])
def test_after_a_refusal_it_never_is(error: Exception, noted: bool) -> None:
    case = Case(OLD, error)
    with pytest.raises(type(error)):
        case.run(noted=noted)
    assert case.notes == []


@pytest.mark.parametrize(
    "case",
    [
        Case(None, NO_ANSWER),
        Case(session(59 * timedelta(seconds=1)), NO_ANSWER),
        Case(session(10 * MINUTE, arn=""), NO_ANSWER),  # nobody has said whose it is
        Case(OLD, NO_ANSWER, refused=True),
    ],
)
@pytest.mark.parametrize("noted", [True, False])
def test_a_session_that_is_no_good_is_not_handed_out(case: Case, noted: bool) -> None:
    case = replace_case(case)
    with pytest.raises(ServiceError) as caught:
        case.run(START + 10 * MINUTE if noted else None, noted=noted)
    assert (caught.value.chain, case.notes) == ("prod", [])
    assert case.walks == [False], "without a session in hand there is no limit"


def replace_case(case: Case) -> Case:
    return Case(case.stored, case.fails, case.plan, refused=case.refused)


@pytest.mark.parametrize(
    ("left", "limited"),
    [
        (timedelta(seconds=59), False),
        (MINUTE, True),
        (16 * MINUTE - timedelta(seconds=1), True),
        (16 * MINUTE, False),
        (30 * MINUTE, False),
    ],
)
def test_a_renewal_has_three_seconds_only_if_there_is_a_session_to_fall_back_on(
    left: timedelta, limited: bool
) -> None:
    case = Case(session(left))
    assert case.run() is NEW
    assert case.walks == [limited]


def test_a_short_session_is_not_due_before_half_of_it_is_over() -> None:
    case = Case(session(8 * MINUTE, life=15 * MINUTE))
    assert case.run() is NEW
    assert case.walks == [False]
    case = Case(session(7 * MINUTE, life=15 * MINUTE), NO_ANSWER)
    assert case.run() is case.stored


def test_the_vault_decides_and_not_the_index() -> None:
    """It is read only if the index lists a session that is due."""
    case = Case(session(40 * MINUTE))
    assert case.run(START + 10 * MINUTE) is NEW
    assert case.walks == [False]


@pytest.mark.parametrize("listed", [16 * MINUTE, 30 * MINUTE, timedelta(seconds=59), -MINUTE])
def test_the_vault_is_not_read_for_a_session_that_the_index_has_as_not_due(
    listed: timedelta,
) -> None:
    case = Case(OLD)
    assert case.run(START + listed) is NEW
    assert case.walks == [False]


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="Windows has no alarms")
@pytest.mark.parametrize(
    ("allowed", "interrupts"),
    [({"interrupts": True}, True), ({"interrupts": False}, False), ({}, False)],
)
def test_an_alarm_interrupts_what_knows_no_limit_if_that_is_allowed(
    allowed: Any, interrupts: bool
) -> None:
    before, found = signal.getsignal(signal.SIGALRM), []

    def walk() -> Session:
        found.append(signal.getsignal(signal.SIGALRM) is not before)
        return NEW

    late = replace(
        Renewal(PLAN, walk, lambda _: OLD, lambda _: None, lambda: START, lambda: False), **allowed
    )
    session = late.session(OLD.local_expires_at)
    assert found == [interrupts] or (interrupts and session is OLD)  # if this machine stalls
    assert signal.getsignal(signal.SIGALRM) is before


@pytest.mark.parametrize("change", ["refused", "gone"])
def test_what_was_withdrawn_while_aws_was_asked_is_not_handed_out(change: str) -> None:
    def meanwhile(case: Case) -> None:
        case.refused, case.stored = change == "refused", None if change == "gone" else OLD

    with pytest.raises(ServiceError, match="no answer"):
        Case(OLD, NO_ANSWER, meanwhile=meanwhile).run()


def test_what_another_process_renewed_meanwhile_is_handed_out_without_a_word() -> None:
    def meanwhile(case: Case) -> None:
        case.stored = session(16 * MINUTE)

    case = Case(OLD, NO_ANSWER, failed={}, meanwhile=meanwhile)
    assert case.run() is case.stored
    assert (case.notes, case.failed) == ([], {})


def test_what_failed_a_moment_ago_is_not_tried_again() -> None:
    case = Case(OLD, NO_ANSWER, failed={})
    assert case.run() is OLD
    assert case.failed == {PLAN.key: {"why": "no answer: the cable is cut"}}
    assert case.run() is OLD
    assert (len(case.walks), case.notes[0]) == (1, case.notes[1])


def test_it_is_tried_again_if_there_is_nothing_to_hand_out() -> None:
    case = Case(session(30 * MINUTE), failed={PLAN.key: {"why": "no answer"}})
    assert case.run() is NEW
