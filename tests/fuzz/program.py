"""Run the whole program on an input, as a user would, and check all that it leaves behind."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.run import HANG_SECONDS, Hangs
from tests.support.hostile import invisible_in
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, Done, World, ended

_MOST_MEMORY = 200 << 20
"""In bytes, more than it has when it begins: what it takes beyond that, it does not get."""

# The documented exit codes: 1 is for what nobody expected, 130 for what a person left.
_CODES = frozenset({0, 2, 3, 4, 5, 6, 7, 8})
_MAY_FAIL = frozenset({"doctor", "each", "history"})
"""Commands whose exit code 1 says what they found."""

_LIMITS = f"""
import resource
with open("/proc/self/status") as file:
    (now,) = (int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (now + {_MOST_MEMORY}, now + {_MOST_MEMORY}))
resource.setrlimit(resource.RLIMIT_CPU, ({HANG_SECONDS}, {HANG_SECONDS}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
"""
MADE = "run/made"
"""A file that a command may be asked to make, below the folder of the world."""

_ACCIDENTS = (
    "Traceback (most recent",
    "something unexpected happened",
    "Exception ignored",
    "MemoryError",
)
# How prompt_toolkit moves the cursor and erases below it; no screen is ever cleared.
_DRAWN = re.compile(r"\x1b\[(?:[0-9]*[ABCD]|J|K|\?[0-9]+[hl])")
_SECONDS = 60.0 * HANG_SECONDS  # for one that waits, also on a machine that has much to do


@dataclass(frozen=True)
class Case:
    """One run: the files as they are, a command line, variables, and what a person types."""

    argv: Sequence[str]
    env: Mapping[str, str | None] = field(default_factory=dict)
    stdin: str = ""
    typed: str | None = None
    """On a terminal, which shows stdout and stderr, too; ``None``: there is none."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    """What is put where before, below the folder of the world; it is as it was afterwards."""


def run(world: World, case: Case) -> None:
    """Run a case; raises what is wrong with how the program took it."""
    paths = [(world.folder / name, data) for name, data in case.files.items()]
    before = {path: path.read_bytes() if path.is_file() else None for path, _ in paths}
    for path, data in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
    there = _others(world)
    try:
        _check(case, _piped(world, case) if case.typed is None else _typed(world, case))
        after = _others(world)
        assert after == there, f"it changed {set(after.items()) ^ set(there.items())}"
    finally:
        (world.folder / MADE).unlink(missing_ok=True)
        for path, old in before.items():
            if old is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(old)


def _piped(world: World, case: Case) -> Done:
    with world.fork(*case.argv, env=case.env, before=_LIMITS, stdin=-1) as process:
        return _ended(lambda: ended(process, case.stdin, _SECONDS))


def _typed(world: World, case: Case) -> Done:
    over = threading.Event()
    with OnTerminal(  # without flow control: a Ctrl-S among odd keys would hold it for ever
        world, SCRIPT, *case.argv, env=case.env, before=_LIMITS, stdout_too=True, stderr_too=True,
        rows=24, columns=80, flow_control=False,
    ) as person:  # fmt: skip
        person.presses(case.typed or "")

        def leave() -> None:
            while not over.wait(0.3):
                person.presses("\x04")  # the answer to every question

        leaving = threading.Thread(target=leave)
        leaving.start()
        try:
            done = _ended(lambda: person.ended(_SECONDS))
        finally:
            over.set()
            leaving.join()
        return Done(done.code, person.shown.replace("\r\n", "\n"), "")


def _ended(wait: Any) -> Done:
    from subprocess import TimeoutExpired

    try:
        done: Done = wait()
    except TimeoutExpired:
        raise Hangs(f"it waits for longer than {_SECONDS} s") from None
    if done.code == -24:  # SIGXCPU
        raise Hangs(f"it took longer than {HANG_SECONDS} s")
    return done


def _check(case: Case, done: Done) -> None:
    shown = f"exit code {done.code}\n{done.out[-1500:]}\n{done.err[-1500:]}"
    codes = set(_CODES)
    codes |= {1} if case.argv[0] in _MAY_FAIL else set()
    codes |= {126, 127} if case.argv[0] in ("exec", "shell") else set()
    codes |= {130} if case.typed is not None or case.argv[0] == "routes" else set()
    assert not any(each in done.out + done.err for each in _ACCIDENTS), shown
    assert done.code in codes, shown
    hidden = invisible_in(done.err if case.typed is None else _without_echo(case, done.out))
    assert not hidden, f"on the terminal: {hidden!r}\n{shown!r}"
    if "json" in case.argv and done.code == 0 and case.typed is None and done.out.strip():
        json.loads(done.out)


def _without_echo(case: Case, shown: str) -> str:
    """Return what the program itself showed, without how it draws a list to pick from.

    A terminal echoes what is typed, and answers to some keys (a tab, a backspace, a bell): then
    nobody can tell what was the program's.
    """
    keys = (case.typed or "").replace("\n", "")
    return _DRAWN.sub("", shown) if keys.isascii() and keys.isprintable() else ""


def _others(world: World) -> dict[Path, tuple[int, int]]:
    """Return all files that no command may change, with their size and time."""
    own = (world.state, world.vault, world.folder / "run", world.home / ".cache")
    return {
        path: (found.st_size, found.st_mtime_ns)
        for path in world.folder.rglob("*")
        if not path.is_relative_to(own[0])
        and not any(path.is_relative_to(each) for each in own[1:])
        and not (found := path.lstat()).st_mode & 0o040000
    }
