"""A chain's session that is kept: when it is renewed, and what a client gets if that fails."""

from __future__ import annotations

import json
import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.base.durations import start_of_machine
from rolehop.base.errors import (
    ConfigError,
    HopRefused,
    NoTerminal,
    RolehopError,
    ServiceError,
    SignInExpired,
    SourceError,
    VaultLocked,
)
from rolehop.commands.serve.keeper import ChainKeeper, NotAgreed, RenewalProblem, ServedChains
from rolehop.commands.serve.rules import SessionForm

CONTAINER = SessionForm.CONTAINER

BEGIN = datetime(2026, 8, 1, 12, tzinfo=UTC)
HOUR = 60


class Walks:
    """Walks whose outcomes are given, of a chain whose files may change."""

    def __init__(self) -> None:
        self.outcomes: queue.SimpleQueue[Session | Exception] = queue.SimpleQueue()
        self.changed = False
        self.looks: queue.SimpleQueue[bool | Exception] = queue.SimpleQueue()

    def __call__(self) -> Session:
        outcome = self.outcomes.get(timeout=60)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def has_changed(self) -> bool:
        return self.changed

    def is_same(self) -> bool:
        outcome = self.looks.get(timeout=60)
        self.changed = False
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Kept:
    """A keeper with a clock that is set, and walks whose outcomes are given."""

    def __init__(self, minutes: float = HOUR) -> None:
        self.now = BEGIN
        self.walk = Walks()
        self.outcomes = self.walk.outcomes
        self.ended: queue.SimpleQueue[RenewalProblem | None] = queue.SimpleQueue()
        self.keeper = ChainKeeper(
            "admin",
            self.session("ASIA1", minutes),
            self.walk,
            now=lambda: self.now,
            on_change=lambda _, problem: self.ended.put(problem),
        )

    def session(self, key: str, minutes: float) -> Session:
        ends = self.now + timedelta(minutes=minutes)
        credentials = Credentials(key, Secret("s3cret"), Secret("t0ken"), ends)
        started_at = start_of_machine(self.now)
        return Session(credentials, "arn", "333333333333", self.now, ends, started_at=started_at)

    def passes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    def walks(self, outcome: Session | Exception) -> RenewalProblem | None:
        """Let a walk begin and end."""
        self.outcomes.put(outcome)
        self.keeper.renew()
        return self.ended.get(timeout=60)

    def answer(self, *, final: bool = True) -> tuple[int, dict[str, str]]:
        response = self.keeper.answer(final=final)
        assert response is not None
        return response.status, json.loads(response.body)

    def minutes_to_next(self) -> float | None:
        next_walk = self.keeper.next_walk
        return None if next_walk is None else (next_walk - self.now).total_seconds() / 60


def test_a_session_is_handed_out_with_its_true_end_and_its_account() -> None:
    assert Kept().answer() == (
        200,
        {
            "AccessKeyId": "ASIA1",
            "SecretAccessKey": "s3cret",
            "Token": "t0ken",
            "Expiration": "2026-08-01T13:00:00Z",
            "AccountId": "333333333333",
        },
    )


@pytest.mark.parametrize(("life", "least", "most"), [(60, 40, 42), (720, 700, 702), (15, 7.5, 8.3)])
def test_it_is_renewed_at_20_minutes_or_half_of_its_life(
    life: float, least: float, most: float
) -> None:
    found = Kept(life).minutes_to_next()
    assert found is not None
    assert least <= found <= most


def test_a_source_that_gives_the_same_session_is_not_asked_all_the_time() -> None:
    kept = Kept(720)
    kept.passes(710)
    same = kept.session("ASIA1", 10)
    kept.walks(Session(same.credentials, "arn", "", BEGIN, same.expires_at))
    assert kept.minutes_to_next() == 1


def test_a_clock_that_is_set_back_keeps_no_session_longer() -> None:
    kept = Kept()
    kept.passes(-5)  # of its 60 minutes, 55 are left when this clock shows 60
    assert kept.keeper.expires_at == BEGIN + timedelta(minutes=55)
    found = kept.minutes_to_next()
    assert found is not None
    assert 40 <= found <= 42


def test_a_clock_that_was_ahead_of_aws_and_is_set_right_keeps_no_session_longer() -> None:
    kept = Kept()
    kept.passes(120)
    ahead = kept.session("ASIA2", 0)
    offset = timedelta(minutes=-60)
    credentials = replace(ahead.credentials, clock_offset=offset)
    kept.walks(replace(ahead, credentials=credentials))
    assert kept.keeper.expires_at == BEGIN + timedelta(minutes=180)
    kept.passes(57 - 60)
    assert kept.keeper.expires_at == BEGIN + timedelta(minutes=120)
    kept.passes(4)
    assert kept.keeper.expires_at is None


def test_a_renewed_session_takes_the_place_of_the_old_one() -> None:
    kept = Kept()
    kept.passes(45)
    assert kept.walks(kept.session("ASIA2", HOUR)) is None
    assert kept.answer()[1]["AccessKeyId"] == "ASIA2"


def test_while_a_changed_file_is_read_nobody_gets_the_session() -> None:
    kept = Kept()
    kept.walk.changed = True
    assert kept.keeper.answer(final=False) is None
    assert kept.answer()[0] == 503
    kept.walk.looks.put(True)
    assert kept.ended.get(timeout=60) is None
    assert kept.answer()[1]["AccessKeyId"] == "ASIA1"


def test_a_chain_that_leads_elsewhere_is_walked_anew() -> None:
    kept = Kept()
    kept.walk.changed = True
    kept.walk.looks.put(False)
    kept.outcomes.put(kept.session("ASIA2", HOUR))
    assert kept.keeper.answer(final=False) is None
    assert kept.ended.get(timeout=60) is None
    assert kept.answer()[1]["AccessKeyId"] == "ASIA2"


@pytest.mark.parametrize("leads", [ConfigError("no such chain"), NotAgreed("a reason is needed")])
def test_a_chain_that_is_gone_or_begins_to_ask_is_refused_at_once(leads: RolehopError) -> None:
    kept = Kept()
    kept.walk.changed = True
    kept.walk.looks.put(leads)
    assert kept.keeper.answer(final=False) is None
    assert kept.ended.get(timeout=60) is not None
    assert kept.answer()[0] == 400


def test_a_new_way_that_cannot_be_walked_now_brings_no_old_session_back() -> None:
    kept = Kept()
    kept.walk.changed = True
    kept.walk.looks.put(False)
    kept.outcomes.put(ServiceError("the network is down"))
    assert kept.keeper.answer(final=False) is None
    assert kept.ended.get(timeout=60) is not None
    assert kept.answer()[0] == 503


KEPT = [
    ServiceError("the network is down"),
    SignInExpired("the sign-in has expired"),
    NoTerminal("an MFA code is needed"),
    VaultLocked("the keyring is locked"),
    ValueError("a bug"),
]
DROPPED = [
    HopRefused("AWS refused hop 1", code="AccessDenied"),
    ConfigError("there is no chain 'admin'"),
    SourceError("another principal"),
    NotAgreed("a confirmation is needed, and a server asks nobody"),
]


@pytest.mark.parametrize("error", KEPT, ids=lambda each: type(each).__name__)
def test_while_it_is_good_a_session_outlives_a_failure(error: Exception) -> None:
    kept = Kept()
    kept.passes(45)
    kept.walks(error)
    assert kept.answer()[0] == 200
    assert 0 < (kept.minutes_to_next() or 0) <= 1.2


@pytest.mark.parametrize("error", DROPPED, ids=lambda each: type(each).__name__)
def test_what_was_refused_is_handed_out_no_more(error: RolehopError) -> None:
    kept = Kept()
    kept.passes(45)
    kept.walks(error)
    status, body = kept.answer()
    assert status == (403 if isinstance(error, HopRefused) else 400)
    assert error.what in body["message"]
    assert kept.minutes_to_next() is None, "only a client's request begins a walk now"


@pytest.mark.parametrize(
    ("error", "status"), [(KEPT[0], 503), (KEPT[1], 400), (KEPT[2], 400), (KEPT[3], 400)]
)
def test_only_what_passes_by_itself_is_a_5xx(error: Exception, status: int) -> None:
    kept = Kept()
    kept.walks(error)
    kept.passes(HOUR)
    kept.outcomes.put(error)  # the request begins another walk
    assert kept.answer()[0] == status
    kept.ended.get(timeout=60)


def test_a_request_waits_for_the_walk_that_it_begins_after_somebody_has_mended_it() -> None:
    kept = Kept()
    kept.walks(DROPPED[0])
    kept.passes(2)
    assert kept.keeper.answer(final=False) is None
    kept.outcomes.put(kept.session("ASIA2", HOUR))
    kept.ended.get(timeout=60)
    assert kept.answer(final=False)[0] == 200


def test_without_a_thread_the_server_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", _no_thread)
        kept.keeper.renew()
    problem = kept.ended.get(timeout=60)
    assert problem is not None
    assert "no thread" in problem.text
    assert kept.answer()[0] == 200
    assert kept.walks(kept.session("ASIA2", HOUR)) is None


def _no_thread(_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_request_finds_what_somebody_has_mended() -> None:
    kept = Kept()
    kept.walks(DROPPED[0])
    assert kept.answer()[0] == 403
    assert not kept.keeper.is_walking, "each is a line in CloudTrail"
    kept.passes(2)
    kept.outcomes.put(kept.session("ASIA2", HOUR))
    assert kept.answer()[0] == 403
    assert kept.ended.get(timeout=60) is None
    assert kept.answer()[0] == 200


def test_after_a_suspend_a_request_waits_for_the_walk_that_it_begins() -> None:
    kept = Kept()
    kept.passes(600)
    assert kept.keeper.answer(final=False) is None
    assert kept.keeper.answer(final=False) is None, "one walk for all"
    assert kept.answer(final=True)[0] == 503
    kept.outcomes.put(kept.session("ASIA2", HOUR))
    kept.ended.get(timeout=60)
    assert kept.answer()[0] == 200


def test_a_failing_network_is_tried_less_and_less_often() -> None:
    kept = Kept()
    pauses = []
    for _ in range(8):
        kept.walks(ServiceError("the network is down"))
        pauses.append(kept.minutes_to_next() or 0)
    assert pauses[0] < 0.11
    assert 0.8 <= pauses[-1] <= 1.2


def test_a_problem_shows_no_secret() -> None:
    secret = Secret("hunter2hunter2")
    problem = Kept().walks(SourceError("no hunter2hunter2", cause="it said hunter2hunter2"))
    assert problem is not None
    assert problem.text == "no [hidden]: it said [hidden]"
    assert problem.what == "no [hidden]"
    assert secret


def test_what_a_program_wrote_is_not_repeated_to_clients() -> None:
    error = SourceError("the program failed", cause="it wrote: a password")
    error.quotes_program = True
    kept = Kept(minutes=0)
    kept.walks(error)
    assert kept.answer()[1]["message"] == "rolehop: the program failed"


def test_a_client_is_counted_once_it_gets_an_answer() -> None:
    kept = Kept()
    kept.passes(HOUR)
    chains = ServedChains(
        lambda: kept.now, idle_seconds=None, on_idle=lambda: None, on_news=lambda: None
    )
    chains.add(kept.keeper)
    assert chains.answer("admin", "boto3", CONTAINER, final=False) is None
    assert chains.requests == 0
    kept.outcomes.put(kept.session("ASIA2", HOUR))
    assert kept.ended.get(timeout=60) is None
    assert chains.answer("admin", "boto3", CONTAINER, final=False) is not None
    assert chains.requests == 1


def test_a_server_begins_what_is_due_and_ends_if_nobody_asks() -> None:
    kept, ended = Kept(), list[str]()
    chains = ServedChains(
        lambda: kept.now,
        idle_seconds=0,
        on_idle=lambda: ended.append("idle"),
        on_news=lambda: ended.append("news"),
    )
    chains.add(kept.keeper)
    assert chains.tick() == 0
    assert ended == ["idle", "news"]
    assert not kept.keeper.is_walking
    kept.passes(45)
    kept.outcomes.put(kept.session("ASIA2", HOUR))
    chains.look_again()
    chains.tick()
    assert kept.ended.get(timeout=60) is None


def test_of_many_chains_that_are_due_only_some_are_walked_at_once() -> None:
    many = [Kept() for _ in range(9)]
    chains = ServedChains(
        lambda: BEGIN + timedelta(minutes=45),
        idle_seconds=None,
        on_idle=lambda: None,
        on_news=lambda: None,
    )
    for number, kept in enumerate(many):
        kept.keeper.chain = f"chain-{number}"
        kept.passes(45)
        chains.add(kept.keeper)
    chains.tick()
    assert [kept.keeper.is_walking for kept in many] == [True] * 8 + [False]
    for kept in many[:8]:
        kept.outcomes.put(kept.session("ASIA2", HOUR))
        assert kept.ended.get(timeout=60) is None
    chains.look_again()
    chains.tick()
    assert [kept.keeper.is_walking for kept in many] == [False] * 8 + [True]
    many[8].outcomes.put(many[8].session("ASIA2", HOUR))
    assert many[8].ended.get(timeout=60) is None


def test_what_changes_while_the_chains_are_looked_at_is_looked_at_next_time() -> None:
    kept, looks = Kept(), list[int]()

    def now() -> datetime:
        looks.append(len(looks))
        if len(looks) == 1:
            chains.look_again()  # as the thread of a renewal does
        return kept.now

    chains = ServedChains(now, idle_seconds=None, on_idle=lambda: None, on_news=lambda: None)
    chains.add(kept.keeper)
    for _ in range(3):
        chains.tick()
    assert looks == [0, 1]


def test_clients_are_counted_and_their_names_cannot_fill_the_memory() -> None:
    kept = Kept()
    chains = ServedChains(
        lambda: kept.now, idle_seconds=None, on_idle=lambda: None, on_news=lambda: None
    )
    chains.add(kept.keeper)
    for number in range(40):
        chains.answer("admin", f"\x1b[2Jclient {number}{'x' * 200}", CONTAINER, final=True)
    chains.answer("admin", "", CONTAINER, final=True)
    names = [each.name for each in chains.clients.values()]
    assert (chains.requests, len(names)) == (41, 20)
    assert all(len(each) <= 60 and each.isprintable() for each in names)


def test_chains_that_several_threads_add_and_drop_at_once_are_not_lost() -> None:
    """Each `serve --add` has a thread of its own."""
    chains = ServedChains(
        lambda: BEGIN, idle_seconds=None, on_idle=lambda: None, on_news=lambda: None
    )

    def change(thread: int) -> None:
        for number in range(60):
            for suffix in ("", "-dropped"):
                kept = Kept()
                kept.keeper.chain = f"{thread}-{number}{suffix}"
                chains.add(kept.keeper)
            chains.drop(f"{thread}-{number}-dropped")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(change, range(8)))
    finally:
        sys.setswitchinterval(before)
    assert set(chains.keepers) == {
        f"{thread}-{number}" for thread in range(8) for number in range(60)
    }
