"""The parts of a run that need no program: placeholders, one question for all, the commands."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from rolehop.commands.each.runner import CommandEnd, RunningCommands, _RunningCommand
from rolehop.commands.each.targets import (
    NotFilledIn,
    ResultClass,
    RunTarget,
    Shard,
    TargetFacts,
    class_of,
    filled,
)
from rolehop.commands.each.walker import SignIns
from rolehop.config.value_types import NAME_PATTERN

FACTS = TargetFacts(
    RunTarget("prod/web"), "444444444444", "web", "Audit", "eu-west-1", name="web-1"
)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("{chain} {account}", "prod/web 444444444444"),
        ("{account_name}-{role}.{region}", "web-Audit.eu-west-1"),
        ("{name} {names} {{name}}", "web-1 {names} {{name}}"),
        (
            "${chain} {{account}} {Id:account} {other} {}",
            "${chain} {{account}} {Id:account} {other} {}",
        ),
    ],
)
def test_placeholders_are_filled_and_nothing_else_is(word: str, expected: str) -> None:
    assert filled((word, "as it is"), FACTS) == (expected, "as it is")


@given(st.text(max_size=12))
def test_only_one_plain_word_is_filled_in(name: str) -> None:
    facts = TargetFacts(RunTarget(name), "444444444444", name, name)
    for placeholder in ("{chain}", "{account_name}", "{role}"):
        try:
            (word,) = filled((placeholder,), facts)
        except NotFilledIn:
            assert NAME_PATTERN.fullmatch(name) is None
        else:
            assert word == name
            assert not set(name) & set(" \t\n;&|<>()$`\\\"'*?[]#~!{}%^")
            assert name[0] not in "-=+@"


def test_what_is_not_filled_in_is_not_refused() -> None:
    with pytest.raises(NotFilledIn) as caught:
        filled(("{role}",), TargetFacts(RunTarget("hub")))
    assert class_of(caught.value) is ResultClass.NOT_FILLED_IN


def refused(hop: int | None) -> HopRefused:
    return HopRefused("no", code="AccessDenied", hop=hop)


def throttled() -> ServiceError:
    error = ServiceError("slow down")
    error.throttled = True
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(2), "refused"),
        (ConfigError("no"), "refused"),
        (SourceError("no"), "no sign-in"),
        (NoTerminal("no"), "no sign-in"),
        (VaultLocked("no"), "no sign-in"),
        (throttled(), "throttled"),
        (ServiceError("no"), "network"),
    ],
)
def test_an_error_has_a_class(error: RolehopError, expected: str) -> None:
    assert class_of(error).value == expected


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (NoTerminal("no"), ["a"]),
        (SignInExpired("no"), ["a"]),
        (SourceError("no"), ["a", "other"]),
        (refused(None), ["a", "other"]),
        (refused(1), ["a", "b", "other"]),
        (ServiceError("no"), ["a", "b", "other"]),
    ],
)
def test_nobody_is_asked_twice_for_one_sign_in(error: RolehopError, asked: list[str]) -> None:
    sign_ins, walked = SignIns(), list[str]()

    def walk(chain: str) -> Callable[[], None]:
        def do() -> None:
            walked.append(chain)
            raise error

        return do

    for chain, settings in (("a", "one"), ("b", "one"), ("other", "of another account")):
        with pytest.raises(type(error)) as found:
            sign_ins.walk("me", settings, chain, walk(chain))
        assert found.value.what == error.what
    assert walked == asked


def test_the_first_walk_of_a_source_goes_alone_and_the_others_at_once() -> None:
    sign_ins = SignIns()
    has_begun, first_may_end = threading.Event(), threading.Event()
    both_run = threading.Barrier(2, timeout=60)
    began = list[str]()

    def first() -> None:
        began.append("first")
        has_begun.set()
        first_may_end.wait(60)

    def later() -> None:
        began.append("later")
        both_run.wait()

    threads = [threading.Thread(target=sign_ins.walk, args=("me", "s", "a", first))]
    threads[0].start()
    assert has_begun.wait(60)
    threads += [
        threading.Thread(target=sign_ins.walk, args=("me", "s", name, later)) for name in "bc"
    ]
    for each in threads[1:]:
        each.start()
    assert began == ["first"]
    first_may_end.set()
    for each in threads:
        each.join()
    assert began == ["first", "later", "later"]


@given(st.sets(st.text(max_size=3), min_size=1), st.integers(1, 9))
def test_every_chain_is_in_one_shard_with_all_its_regions(chains: set[str], count: int) -> None:
    whole = [RunTarget(chain, region) for chain in chains for region in ("a", "b")]
    shards = [Shard(number, count).of(whole) for number in range(1, count + 1)]
    assert sorted(each.name for shard in shards for each in shard) == sorted(
        each.name for each in whole
    )
    sizes = [len(shard) // 2 for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("grace", "cleans_up"), [(300.0, True), (0.0, False)])
def test_what_a_command_started_may_clean_up_before_it_is_killed(
    tmp_path: Path, grace: float, cleans_up: bool
) -> None:
    """The shell that started it is gone at once; terraform has a lock to give back."""
    began, cleaned, pid = (tmp_path / name for name in ("began", "cleaned", "pid"))
    on_end = f"touch {cleaned}; exit" if cleans_up else ""
    started = f"trap '{on_end}' TERM; echo $$ > {pid}; touch {began}; while :; do sleep 0.02; done"
    words = ("sh", "-c", 'sh -c "$0" & exec sleep 1000', started)
    commands, ends = RunningCommands(grace), list[CommandEnd]()

    def run() -> None:
        ends.append(commands.run(words, {}, subprocess.DEVNULL, subprocess.DEVNULL))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not began.exists():
        assert thread.is_alive()
        time.sleep(0.01)
    commands.end(signal.SIGTERM)
    while thread.is_alive():
        commands.tick()
        time.sleep(0.01)
    assert (ends[0].code, cleaned.exists()) == (128 + signal.SIGTERM, cleans_up)
    with suppress(OSError):  # it has ended, and nobody waits for it
        while Path(f"/proc/{pid.read_text().strip()}/stat").read_text().split()[2] != "Z":
            time.sleep(0.01)


def test_a_command_that_ended_while_this_process_was_stopped_is_not_late() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        command = _RunningCommand(process, deadline=0)
        assert command.is_late(1)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not command.is_late(1)
