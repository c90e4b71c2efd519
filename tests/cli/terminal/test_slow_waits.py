"""What takes long is named: AWS, programs, the keyring, another process that holds a lock."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from rolehop.aws.net.connection_errors import ConnectionFailure, FailureKind
from rolehop.aws.net.transport import send_with_retries
from rolehop.base import waits
from rolehop.base.advice import posix_argument
from rolehop.base.waits import Wait, watch_waits
from rolehop.sources.programs import program_output
from rolehop.terminal import output
from rolehop.terminal.prompts import SAID_AFTER, SlowWaits
from rolehop.terminal.terminal import Settings, Terminal
from rolehop.vault.locks import locked, name_holder, unlock
from rolehop.vault.storage import Deadline

SECOND = 0.02
GUARD_SECONDS = 60


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is waited for, in order, and the ends of it."""
    seen: list[str] = []

    def begin(what: str, may_ask: bool, at_once: bool) -> Callable[[], None]:
        seen.append(f"{what}{' (may ask)' * may_ask}{' (at once)' * at_once}")
        return lambda: seen.append("ended")

    monkeypatch.setattr(waits, "_watchers", [])
    watch_waits(begin)
    return seen


def _aws(_: Path) -> None:
    failure = ConnectionFailure(FailureKind.CLOSED)
    send_with_retries(lambda: failure, lambda *_: False, lambda _: None, "sts.example")


def _program(_: Path) -> None:
    program_output(["true"], dict(os.environ), what="it", say=print)


def _keyring(_: Path) -> None:
    Deadline(GUARD_SECONDS).call("reading", lambda: None)


def _lock(folder: Path) -> None:
    path = folder / "x.lock"
    held = locked(path, time.monotonic() + GUARD_SECONDS)
    name_holder(held)

    def free(*_: object) -> Callable[[], None]:
        """Free the lock as soon as it is waited for."""
        unlock(held, path)
        return lambda: None

    watch_waits(free)
    unlock(locked(path, time.monotonic() + GUARD_SECONDS), path)


@pytest.mark.parametrize(
    ("wait", "what"),
    [
        (_aws, "waiting for sts.example"),
        (_program, "waiting for true (may ask)"),
        (_keyring, "waiting for the keyring, which may ask to be unlocked, (may ask)"),
        (_lock, "waiting for process PID, another rolehop"),
    ],
)
def test_whatever_may_take_long_says_what_it_is(
    wait: Callable[[Path], None], what: str, watched: list[str], tmp_path: Path
) -> None:
    wait(tmp_path)
    assert [each.replace(str(os.getpid()), "PID") for each in watched] == [what, "ended"]


def saying(monkeypatch: pytest.MonkeyPatch, written: list[str]) -> SlowWaits:
    """Return a watcher whose seconds are short, and what it writes."""
    monkeypatch.setattr(waits, "_watchers", [])
    monkeypatch.setattr(output, "_write", lambda text, _: written.append(text))
    slow = SlowWaits(Terminal(Settings(), {}, posix_argument), lambda: True, second=SECOND)
    watch_waits(slow.begin)
    return slow


def says(written: list[str], pattern: str) -> None:
    """Wait until what is written last fits; on a busy machine any second may pass unseen."""
    until(lambda: bool(written and re.search(pattern, written[-1])))


def until(seen: Callable[[], bool]) -> None:
    ends = time.monotonic() + GUARD_SECONDS
    while not seen() and time.monotonic() < ends:
        Event().wait(SECOND)
    assert seen()


def test_a_log_has_a_line_after_3_10_and_30_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    saying(monkeypatch, written)
    with Wait("waiting for the outer"), Wait("waiting for the inner"):
        until(lambda: any("30 s" in each for each in written))
    lines = [f"rolehop: waiting for the outer for more than {n} s\n" for n in SAID_AFTER]
    assert written == [each for each in lines if each in written], "each once at most, in order"


def test_a_terminal_counts_beside_what_is_counted_already(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    saying(monkeypatch, written)
    output.show_counter("7 of 9 chains walked", None)
    with Wait("waiting for sts.example"):
        says(written, r"7 of 9 chains walked; waiting for sts\.example for [0-9]+ s$")
    assert written[-1].endswith("7 of 9 chains walked")
    with Wait("waiting for a program", may_ask=True):  # no line in the way of what it asks
        says(written, r"waiting for a program for more than [0-9]+ s\n$")
    output.show_counter("", None)


def test_a_person_who_is_asked_elsewhere_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[str] = []
    slow = saying(monkeypatch, written)
    slow.begin("the MFA code is being asked for in another terminal", False, True)()
    assert written == ["rolehop: the MFA code is being asked for in another terminal\n"]
    seen: list[tuple[str, bool]] = []
    free: list[Callable[[], None]] = []

    def notes(what: str, may_ask: bool, at_once: bool) -> Callable[[], None]:
        seen.append((what, at_once))
        if at_once:
            free.pop()()
        return lambda: None

    monkeypatch.setattr(waits, "_watchers", [])
    watch_waits(notes)
    held, path = locked(tmp_path / "x.lock", 0), tmp_path / "x.lock"
    name_holder(held, waiting_for_person=True, asks="the MFA code")
    free.append(lambda: unlock(held, path))
    unlock(locked(path, time.monotonic() + GUARD_SECONDS), path)
    assert seen[-1] == ("the MFA code is being asked for in another terminal", True)


WAITING = "hop 2 of 2  444444444444:role/Audit (billing)  waiting for AWS for 4 s"


@pytest.mark.parametrize(
    ("columns", "counter", "shown"),
    [
        (80, "", WAITING),
        (50, "", "hop 2 of 2 … (billing)  waiting for AWS for 4 s"),
        (20, "", "hop 2 of… for 4 s"),
        (20, "42 of 200 chains walked", "42 of 20… for 4 s"),
    ],
)
def test_a_narrow_window_keeps_the_seconds(
    columns: int, counter: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.show_counter(counter, columns)
    output.show_beside(WAITING, columns)
    output.show_beside("", columns)
    output.show_counter("", columns)
    lines = capsys.readouterr().err.split("\r\x1b[2K")
    assert lines[2] == shown
    assert max(map(len, lines)) < columns
    assert lines[1] == ("42 of 200 chains…" if counter else "")
