"""The join of trail and history: no event is of the wrong chain, and what cannot be told is said."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rolehop.base.durations import rfc3339
from rolehop.commands.history.joining import BY_KEY, BY_REQUEST, Joiner
from rolehop.commands.history.rows import HistoryRow
from rolehop.commands.history.trail import TrailEvent

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HUB = "arn:aws:iam::222222222222:role/Hub"
ADMIN = "arn:aws:iam::333333333333:role/path/Admin"
ADMIN_BARE = "arn:aws:iam::333333333333:role/Admin"


def given(number: int, chain: str, key: str | None, **more: Any) -> HistoryRow:
    """Return the line of an AssumeRole that gave ``key``, by default the chain's own session."""
    texts = {
        "action": "sts:AssumeRole",
        "chain": chain,
        "role": more.pop("role", ADMIN),
        "session_name": more.pop("name", "me"),
        "request_id": more.pop("request", f"r{number}"),
        "access_key_id": key,
        "reason": more.pop("reason", None),
        "expires_at": rfc3339(more.get("at", NOON) + HOUR),
    }
    known = {name: value for name, value in texts.items() if value is not None}
    return HistoryRow(
        number, more.get("at", NOON), "call", "ok", known, ends=more.get("ends", True)
    )


def handed(number: int, chain: str, key: str, **more: Any) -> HistoryRow:
    """Return the line of a handover by exec."""
    texts = {
        "action": more.pop("action", "exec"),
        "chain": chain,
        "role": more.pop("role", ADMIN_BARE),
        "session_name": more.pop("name", "me"),
        "access_key_id": key,
        "runs": more.pop("runs", None),
        "reason": more.pop("reason", None),
        "expires_at": rfc3339(more.get("at", NOON) + HOUR),
    }
    known = {name: value for name, value in texts.items() if value is not None}
    at, offset = more.get("at", NOON), more.get("clock_offset", 0)
    return HistoryRow(number, at, "handover", "ok", known, clock_offset=offset)


def event(key: str | None = None, action: str = "s3:ListBuckets", **more: Any) -> TrailEvent:
    return TrailEvent(
        more.pop("at", NOON + HOUR / 2),
        action,
        access_key_id=key,
        **{"role": ADMIN_BARE, "session_name": "me", **more},
    )


ONE = [
    given(1, "admin", "K", reason="INC-1"),
    handed(2, "admin", "K", runs="terraform", reason="INC-1"),
]


def test_a_call_of_a_program_is_told_by_its_key_with_chain_reason_and_program() -> None:
    found = Joiner(ONE).join(event("K"))
    assert (found.by, found.chain, found.reasons) == (BY_KEY, "admin", ("INC-1",))
    assert (found.programs, found.why, found.lines) == (("rolehop exec: terraform",), None, (1, 2))


@pytest.mark.parametrize("what", [{"request_id": "r1"}, {"given_key": "K"}])
def test_a_call_of_rolehops_own_is_told_by_its_id_or_by_what_it_gave(what: dict[str, str]) -> None:
    found = Joiner(ONE).join(event("HUB", "sts:AssumeRole", role=HUB, **what))
    assert (found.by, found.chain, found.reasons) == (BY_REQUEST, "admin", ("INC-1",))


def test_the_id_of_another_call_tells_nothing() -> None:
    found = Joiner(ONE).join(event(None, "s3:ListBuckets", request_id="r1", role=None))
    assert (found.by, found.chain, found.why) == (None, None, "not of this history")


CANNOT_BE_TOLD = {
    "two chains were handed one session": (
        [*ONE, handed(3, "other", "K")],
        event("K"),
        ("admin", "other"),
        "two chains had this session",
    ),
    "a chain that ends alike may have been answered by the hot path": (
        [*ONE, given(3, "other", "K2", at=NOON - 24 * HOUR)],
        event("K"),
        ("admin", "other"),
        "may have had it",
    ),
    "the session of a hop on the way": (
        [given(1, "admin", "H", role=HUB, ends=False)],
        event("H", role=HUB),
        (),
        "no line says that this session was handed over",
    ),
    "an attempt of rolehop's own call that got no answer": (
        [
            given(1, "hub", "H", role=HUB),
            handed(2, "hub", "H", role=HUB),
            given(3, "admin", None, request=None),
        ],
        event("H", "sts:AssumeRole", role=HUB, asked_role=ADMIN),
        ("admin", "hub"),
        "two chains had this session, or may have had it",
    ),
    "another laptop's session of the same name": (
        ONE,
        event("K of the other laptop"),
        ("admin",),
        "a chain had this session name at this time",
    ),
    "another laptop's, and two chains had the name": (
        [*ONE, given(3, "other", "K2")],
        event("K of the other laptop"),
        ("admin", "other"),
        "two chains had this session name at this time",
    ),
    "two lines with one ID": (
        [given(1, "admin", "K", request="r"), given(2, "other", "K2", request="r")],
        event("HUB", "sts:AssumeRole", request_id="r"),
        ("admin", "other"),
        "two lines have the ID of this call",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "asked", "candidates", "why"), CANNOT_BE_TOLD.values(), ids=CANNOT_BE_TOLD
)
def test_what_cannot_be_told_is_said(
    rows: list[HistoryRow], asked: TrailEvent, candidates: tuple[str, ...], why: str
) -> None:
    found = Joiner(rows).join(asked)
    assert (found.by, found.chain, found.candidates) == (None, None, candidates)
    assert why in (found.why or "")
    assert found.lines


def test_a_name_outside_of_the_time_of_its_sessions_is_not_of_this_history() -> None:
    for at in (NOON - 40 * HOUR, NOON + 2 * HOUR):
        assert Joiner(ONE).join(event("other", at=at)).why == "not of this history"


def test_programs_that_got_the_session_later_did_not_make_the_call() -> None:
    """By AWS's clock: this machine's is three hours ahead of it."""
    ahead = {"clock_offset": -3 * 3600}
    rows = [
        given(1, "admin", "K", at=NOON + 3 * HOUR),
        handed(2, "admin", "K", runs="terraform", at=NOON + 3 * HOUR, **ahead),
        handed(3, "admin", "K", runs="ansible", at=NOON + 3.7 * HOUR, **ahead),
    ]
    joiner = Joiner(rows)
    assert joiner.join(event("K")).programs == ("rolehop exec: terraform",)
    late = joiner.join(event("K", at=NOON + 0.9 * HOUR))
    assert late.programs == ("rolehop exec: ansible", "rolehop exec: terraform")
    assert (late.chain, late.why) == ("admin", "several programs had it")


def test_an_answer_of_the_hot_path_has_a_chain_and_no_program() -> None:
    found = Joiner(ONE[:1]).join(event("K"))
    assert (found.chain, found.programs) == ("admin", ())
    assert "a cached answer leaves none" in (found.why or "")


# ---- ten thousand events


class Laptop:
    """A machine whose clock is wrong, with chains that share sessions; it knows the truth."""

    def __init__(self, name: str, chance: random.Random, skew: timedelta) -> None:
        self.name, self.chance, self.skew = name, chance, skew
        self.rows: list[HistoryRow] = []
        self.truth: list[tuple[TrailEvent, str]] = []
        self._number = 0

    def works_for_a_week(self) -> None:
        """Let chains walk, be handed over with and without a line, and programs make calls.

        ``a`` and ``b`` have the same hops, so one session; ``c`` another role, ``d`` the hub's,
        through which all of them go. ``e`` has the role of ``c`` and another session name.
        """
        for hour in range(300):
            at, key = NOON + hour * HOUR, f"{self.name}{hour}"
            walker = self.chance.choice("abcde")
            role, name = self.end(walker)
            if walker != "d":
                self.event(f"{key}-source", walker, at, "sts:AssumeRole", f"{key}-1", asked=HUB)
                self.line(given, walker, f"{key}-hub", at, role=HUB, request=f"{key}-1", ends=False)
                self.event(f"{key}-hub", walker, at, "sts:AssumeRole", f"{key}-2", asked=role)
            self.line(given, walker, key, at, role=role, name=name, request=f"{key}-2")
            users = [walker, *({"a": "b", "b": "a"}.get(walker, ()))]
            for _ in range(self.chance.randrange(4)):
                user = self.chance.choice(users)
                if self.chance.random() < 0.5:
                    runs = self.chance.choice(["terraform", "aws"])
                    self.line(handed, user, key, at, role=role, name=name, runs=runs)
                for minute in range(self.chance.randrange(25)):
                    when = at + timedelta(minutes=2 * minute)
                    self.event(
                        key, user, when, "ec2:DescribeInstances", f"{key}-{user}-{minute}", role
                    )

    def end(self, chain: str) -> tuple[str, str]:
        role = {"a": ADMIN_BARE, "b": ADMIN_BARE, "d": HUB}.get(chain, f"{ADMIN_BARE}C")
        return role, "other" if chain == "e" else "me"

    def line(self, make: Any, chain: str, key: str, at: datetime, **more: Any) -> None:
        self._number += 1
        if make is handed:
            more["clock_offset"] = round(-self.skew.total_seconds())
        self.rows.append(make(self._number, chain, key, at=at + self.skew, **more))

    def event(
        self, key: str, chain: str, at: datetime, action: str, request: str,
        role: str | None = None, asked: str | None = None,
    ) -> None:  # fmt: skip
        made = TrailEvent(
            at, action, f"{request}-{len(self.truth)}", request, key, None,
            role, self.end(chain)[1] if role else None, asked,
        )  # fmt: skip
        self.truth.append((made, chain))


@pytest.mark.parametrize("seed", range(4))
def test_no_event_of_ten_thousand_is_joined_to_the_wrong_chain(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    skew = chance.choice([-3, -0.2, 0, 0.1, 4])
    ours = Laptop("ours", chance, skew * HOUR)
    other = Laptop("other", chance, -skew * HOUR)
    for each in (ours, other):
        each.works_for_a_week()
    joiner = Joiner(ours.rows)
    told = 0
    for made, chain in ours.truth:
        found = joiner.join(made)
        told += found.chain is not None
        assert found.chain in (None, chain)
        assert found.chain or (found.why and (chain in found.candidates or not found.candidates))
    assert told > len(ours.truth) / 3
    for made, _ in other.truth:
        found = joiner.join(made)
        assert found.by is None
        assert found.why
    assert len(ours.truth) + len(other.truth) > 10_000
