"""``rolehop demo`` when it is stopped: at any moment, it removes all that it made, and says so."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rolehop.commands.demo.home import HOME_VARIABLE, deferred, ending_in_order
from tests.commands.demo.machine import ROOT, Machine
from tests.support.fork_server import ForkedProgram
from tests.support.world import SCRIPT

# What is shown, and the number of the program that waits from then on, so that the demo does too.
MOMENTS = {
    "Three accounts": 1,
    "1  alice": 1,
    "keys add": 1,
    "3  The first": 3,
    "hop 2 of 3": 4,
    "boto3.Session": 6,
}
STOPS = [
    *((moment, signal.SIGINT, 130) for moment in MOMENTS),
    *((moment, signal.SIGTERM, 143) for moment in MOMENTS),
    ("hop 2 of 3", signal.SIGHUP, 129),
]

# Counts the programs of the demo; one of them waits.
WAIT = """
import os, time
with open({file!r}, "a") as file:
    file.write("+")
if os.path.getsize({file!r}) == {number}:
    time.sleep(600)
"""


def forked_demo(machine: Machine, before: str = "") -> ForkedProgram:
    path = machine.environ()["PYTHONPATH"]  # of the programs: the demo itself is a fork
    return ForkedProgram(
        [SCRIPT, "demo"],
        env={**machine.environ(), "PYTHONPATH": str(ROOT)},
        cwd=machine.home,
        before=(
            "import os, sys; sys.stdout.reconfigure(line_buffering=True)\n"
            f"os.environ['PYTHONPATH'] = {path!r}\n{before}"
        ),
        imported=("moto.server", "flask_cors", "boto3", "rolehop.commands.demo.tour"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("moment", "number", "code"), STOPS)
def test_stopped_at_any_moment_it_cleans_up(
    machine: Machine, moment: str, number: signal.Signals, code: int
) -> None:
    programs = str(machine.site.parent / "programs")
    machine.startup(WAIT.format(file=programs, number=MOMENTS[moment]))
    with forked_demo(machine) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if moment in line:
                break
        homes = list(machine.temporary.iterdir())
        demo.send_signal(number)
        rest, errors = demo.communicate(timeout=120)
    assert len(homes) == 1
    assert demo.returncode == code
    assert "its folder is removed" in rest
    assert "Traceback" not in errors
    until = time.monotonic() + 60
    while found := running_in(homes[0]):  # what was killed may take a while to be gone
        assert time.monotonic() < until, found
        time.sleep(0.05)


# The signal comes just as something begins to be printed: then rich keeps all that follows.
AS_IT_PRINTS = """
import signal
from rich.console import Console
enter, left = Console._enter_buffer, 4
def stopped(console):
    global left
    enter(console)
    left -= 1
    if left == 0:
        signal.raise_signal(signal.SIGTERM)
Console._enter_buffer = stopped
"""


@pytest.mark.usefixtures("untouched")
def test_stopped_as_it_prints_it_says_that_it_has_cleaned_up(machine: Machine) -> None:
    with forked_demo(machine, AS_IT_PRINTS) as demo:
        out, _ = demo.communicate(timeout=120)
    assert (demo.returncode, list(machine.temporary.iterdir())) == (143, [])
    assert "its folder is removed" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_program_starts_waits_until_it_can_be_stopped(
    number: signal.Signals,
) -> None:
    seen: list[str] = []

    def stopped_while_it_starts() -> None:
        with ending_in_order(), deferred() as release:
            signal.raise_signal(number)
            seen.append("started")
            release()
            seen.append("went on")

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        stopped_while_it_starts()
    assert seen == ["started"]


def test_a_signal_is_not_lost_if_the_start_fails() -> None:
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)


def running_in(home: Path) -> list[str]:
    """Return the programs whose environment names ``home``."""
    wanted = f"{HOME_VARIABLE}={home}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
    return found
