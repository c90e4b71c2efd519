"""A few targets first, and a budget of failures: a run stops exactly where that was asked for."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from rolehop.commands.each.pacing import Pace, Rate, ThrottlingPatience
from rolehop.commands.each.targets import FailuresAllowed
from tests.commands.each.fleet import ACCOUNTS, classes_of, give_fleet, role_of
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import HUB, SCRIPT, Done, World

NAMES = list(ACCOUNTS)
EACH = ("each", "far/*", "--format", "json")


def ran(done: Done) -> list[str]:
    return [name for name, each in classes_of(done).items() if each != "not run"]


def test_the_first_ones_run_and_without_a_terminal_nothing_else_does(world: World) -> None:
    give_fleet(world, refused=())
    command = ("--", "sh", "-c", "test {account_name} != failing")
    world.sts.calls.clear()
    done = world.rolehop(*EACH, "--first", "3", *command)
    assert (done.code, sorted(ran(done))) == (8, sorted(NAMES[:3])), done.err
    assert classes_of(done)["failing"] == "command failed"
    assert set(world.sts.roles_called) == {HUB, *map(role_of, NAMES[:3])}  # nor is AWS asked
    for said in ("3 targets done, 1 of them not ok", "3 are left", "with --resume"):
        assert said in " ".join(done.err.split()), done.err
    rest = world.rolehop(*EACH, "--resume", *command)
    assert sorted(ran(rest)) == sorted(["failing", *NAMES[3:]])
    assert rest.code == 1


@pytest.mark.parametrize(
    ("answer", "code", "ok"), [("y", 0, len(NAMES)), ("n", 130, 2), ("", 130, 2)]
)
def test_on_a_terminal_the_others_are_asked_about(
    world: World, answer: str, code: int, ok: int
) -> None:
    give_fleet(world, refused=())
    with OnTerminal(world, SCRIPT, *EACH, "--first", "2", "--", "true") as person:
        person.expect("2 targets done, 0 of them not ok. Go on with the other 4? [y/N] ")
        person.types(answer)
        done = person.ended()
    assert (done.code, Counter(classes_of(done).values())["ok"]) == (code, ok)


def test_the_table_of_the_first_ones_stands_above_the_question(world: World) -> None:
    give_fleet(world, refused=("good",))
    words = ("each", "far/*", "--first", "2", "--", "true")
    with OnTerminal(world, SCRIPT, *words, stderr_too=True) as person:
        person.expect("Go on with the other 4? [y/N] ")
        assert "2 targets: 1 ok, 1 refused" in person.shown
        assert "far/slow" not in person.shown
        person.types("n")
        assert person.ended().code == 130
    assert "6 targets: 1 ok, 1 refused, 4 not run" in person.shown


def test_where_there_are_no_others_nobody_is_asked(world: World) -> None:
    give_fleet(world, refused=())
    for first in ("6", "7"):
        done = world.rolehop(*EACH, "--first", first, "--", "true")
        assert (done.code, len(ran(done))) == (0, 6)


@pytest.mark.parametrize(
    ("budget", "begun"),
    [("0", 3), ("1", 4), ("2", 6), ("0%", 3), ("16%", 3), ("17%", 4), ("100%", 6), ("999", 6)],
)
def test_nothing_begins_once_more_than_the_budget_failed(
    world: World, budget: str, begun: int
) -> None:
    give_fleet(world, refused=("slow",))
    command = ("--", "sh", "-c", "test {account_name} != refused")
    done = world.rolehop(*EACH, "-j", "1", "--max-failures", budget, *command)
    assert (done.code, ran(done)) == (1, NAMES[:begun]), done.err
    said = "nothing more was begun: --max-failures ends a run once"
    assert (said in " ".join(done.err.split())) is (begun < 6)
    rest = world.rolehop(*EACH, "--resume", *command)
    failed = {"refused", "slow"} & set(NAMES[:begun])
    assert set(ran(rest)) == {*failed, *NAMES[begun:]}


def test_a_wave_that_spent_the_budget_asks_nothing(world: World) -> None:
    give_fleet(world, refused=())
    words = ("--first", "2", "--max-failures", "1")
    done = world.rolehop(*EACH, *words, "--", "false")
    assert (done.code, len(ran(done))) == (1, 2)
    assert "a confirmation is needed" not in done.err


@pytest.mark.parametrize("budget", ["", "%", "-1", "101%", "5 %", "five", "1e3", "٣", "9" * 10])
def test_what_is_no_budget(world: World, budget: str) -> None:
    done = world.rolehop(*EACH, "--max-failures", budget, "--", "true")
    assert (done.code, "up to 100%, e.g. 5%" in " ".join(done.err.split())) == (2, True), done.err


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_commands_begin_no_faster_than_the_rate() -> None:
    clock = Clock()
    pace = Pace(Rate(4), clock)
    assert [pace.delay() for _ in range(4)] == [0, 0.25, 0.5, 0.75]
    clock.now += 0.9
    assert pace.delay() == pytest.approx(0.1)
    clock.now += 60  # what was not used is not saved up
    assert [pace.delay() for _ in range(2)] == [0, 0.25]
    assert Rate(30, 60).interval == 2
    assert [Pace(None, clock).delay() for _ in range(3)] == [0, 0, 0]


def test_throttling_is_waited_out_until_nothing_gets_through_for_ten_minutes() -> None:
    clock = Clock()
    patience = ThrottlingPatience(clock)
    pauses = [patience.pause(tries) or 0 for tries in range(1, 6)]
    for pause, longest in zip(pauses, (1, 3, 5, 5, 5), strict=True):
        assert longest / 2 <= pause <= longest
    clock.now += 599
    patience.got_through()
    clock.now += 600
    assert patience.pause(300) is not None
    clock.now += 1
    assert patience.pause(1) is None


def test_a_run_with_a_rate_is_a_run(world: World) -> None:
    give_fleet(world, refused=())
    done = world.rolehop(*EACH, "--rate", "50/s", "--", "true")
    assert (done.code, len(ran(done))) == (0, 6)


@pytest.mark.parametrize("rate", ["", "5", "0/s", "5/h", "-1/s", "1.5/s", "10000/s", "٣/s", "5/"])
def test_what_is_no_rate(world: World, rate: str) -> None:
    done = world.rolehop(*EACH, "--rate", rate, "--", "true")
    assert (done.code, "a rate is N/s or N/m" in " ".join(done.err.split())) == (2, True), done.err


def test_a_part_of_a_target_is_none() -> None:
    assert [FailuresAllowed(5, is_part=True).of(each) for each in (0, 19, 20, 39, 2_000)] == [
        *(0, 0, 1, 1, 100)
    ]


def test_a_large_run_stops_where_asked_and_is_resumed_exactly_there(world: World) -> None:
    """By waves and a budget, eight at a time: what is under way ends, and nothing else begins."""
    give_fleet(world, refused=())
    accounts = [f"{700000000000 + number}" for number in range(200)]
    for account in accounts:
        world.sts.world.role(f"arn:aws:iam::{account}:role/Far", trusts=[HUB])
    head = world.config_file.read_text().partition("[fleets.far.accounts]")[0]
    world.config(f"{head}accounts = {accounts}\n")
    command = (
        "--",
        "sh",
        "-c",
        "echo {account} >>log; test -e fixed || test {account} -lt 700000000050",
    )
    first = world.rolehop(*EACH, "--first", "40", *command)
    assert (first.code, set(Counter(classes_of(first).values()).items())) == (
        8,
        {("ok", 40), ("not run", 160)},
    )
    spent = world.rolehop(*EACH, "--resume", "--max-failures", "5%", *command)
    counted = Counter(classes_of(spent).values())
    # 5 % of the 160 that are left are 8; seven more were under way.
    assert 9 <= counted["command failed"] <= 16
    assert counted["ok"] == 10
    (world.home / "fixed").touch()
    last = world.rolehop(*EACH, "--resume", *command)
    assert (last.code, len(ran(last))) == (0, 150)
    times = Counter((world.home / "log").read_text().split())
    assert set(times) == set(accounts)
    assert sum(each > 1 for each in times.values()) == counted["command failed"]
    assert json.loads(last.out.splitlines()[0])["class"] == "ok"
