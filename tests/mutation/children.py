"""The job of a runner, and the children that do it: one for each mutant, a few at a time."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.operators import Source

SURVIVED = "-"
AT_IMPORT = "IMPORT"
"""What a fork says that can't make the change after the import."""

NO_CODE = "SYNTAX"
"""The change makes no code that could be run."""

_CPU = 10, 6
"""A mutant's tests may take so many seconds, and so many times what they took without it."""
_MEMORY = 4 << 30
_KILLERS = 30
"""How many tests that failed are tried first for the next mutant, which is one of the same lines."""


@dataclass(frozen=True)
class Job:
    """What to do, as ``__main__`` wrote it."""

    files: list[str]
    """The mutated ones, relative to the checkout."""

    tests: list[str]
    mutants: dict[str, list[str]] = field(default_factory=dict)
    """By name, the tests to run: their node IDs, or for ``imports`` their files."""

    seconds: dict[str, float] = field(default_factory=dict)
    """By node ID, how long a test took."""

    left_out: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    """Modules of others that the tests load."""

    at_once: int = 2

    def sources(self) -> dict[str, Source]:
        """Return the files by name."""
        return {
            each: Source(each, Path(each).read_text(), str(Path(each).resolve()))
            for each in self.files
        }


def seconds_of(job: Job, files: Sequence[str]) -> float:
    return sum(took for each, took in job.seconds.items() if each.split("::")[0] in files)


def of_a_child(test: Callable[[Path], list[str]]) -> set[str]:
    """Return the tests that fail in a child although nothing is changed: no mutant needs them."""
    folder = Path(tempfile.mkdtemp(prefix="m"))
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        _be_child(write, folder, 1800, lambda: json.dumps(test(folder)))
    os.close(write)
    with os.fdopen(read) as file:
        found: set[str] = set(json.loads(file.read()))
    os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def own_screen() -> int:
    """Return the standard output, and let pytest write to another."""
    screen = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    return screen


@dataclass
class _Child:
    name: str
    pid: int
    deadline: float
    folder: Path


class Children:
    """Forks a child for each mutant, a few at a time, and notes what became of it."""

    def __init__(self, job: Job, out: Path, screen: int) -> None:
        self._job, self._out, self._screen = job, out, screen
        self._running: dict[int, _Child] = {}
        self._begun = self._shown = time.monotonic()
        self._done = self._survived = 0
        self._killers: dict[str, None] = {}

    def latest_killers(self) -> list[str]:
        """Return what ended the mutants before, the latest first."""
        return list(self._killers)[: -_KILLERS - 1 : -1]

    def run(self, test: Callable[[str, list[str], Path], str]) -> None:
        """Call ``test`` for each mutant in a child of its own.

        It gets the mutant's name, its tests and a folder, and returns who killed it, or nothing.
        """
        waiting = list(self._job.mutants.items())[::-1]
        with self._out.open("a") as out:
            while waiting or self._running:
                while waiting and len(self._running) < self._job.at_once:
                    self._start(*waiting.pop(), test)
                for name, result in self._ended():
                    out.write(json.dumps({"name": name, "by": result}) + "\n")
                    out.flush()
                    self._killers.pop(result, None)
                    self._killers[result] = None
                    self._count(result)

    def _start(
        self, name: str, tests: list[str], test: Callable[[str, list[str], Path], str]
    ) -> None:
        folder = Path(tempfile.mkdtemp(prefix="m"))
        read, write = os.pipe()
        usual = sum(self._job.seconds.get(each, 0) for each in tests)
        if not usual:  # files: what takes most is to import everything
            usual = 5 + seconds_of(self._job, tests)
        seconds = _CPU[0] + _CPU[1] * usual
        pid = os.fork()
        if not pid:
            _be_child(write, folder, int(seconds) + 1, lambda: test(name, tests, folder))
        os.close(write)
        self._running[read] = _Child(name, pid, time.monotonic() + 60 + 6 * seconds, folder)

    def _ended(self) -> Iterator[tuple[str, str]]:
        ready, _, _ = select.select(list(self._running), [], [], 1)
        now = time.monotonic()
        for file, child in list(self._running.items()):
            result = ""
            if file in ready:
                result = os.read(file, 4096).decode()
            elif now > child.deadline:
                result = "the deadline"
            else:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(file)
            del self._running[file]
            shutil.rmtree(child.folder, ignore_errors=True)
            # Whoever survives says so; whoever says nothing was ended: by a limit, or a crash.
            yield child.name, result or "a limit of time or memory"

    def _count(self, result: str) -> None:
        self._done += 1
        self._survived += result == SURVIVED
        now = time.monotonic()
        if now - self._shown > 20 or self._done == len(self._job.mutants):
            self._shown = now
            left = (len(self._job.mutants) - self._done) * (now - self._begun) / self._done
            text = (
                f"   {self._done} of {len(self._job.mutants)}, {self._survived} survived,"
                f" {left / 60:.0f} min left\n"
            )
            os.write(self._screen, text.encode())


def _be_child(write: int, folder: Path, seconds: int, test: Callable[[], str]) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        os.write(write, (test() or SURVIVED).encode())
    except SyntaxError:
        os.write(write, NO_CODE.encode())
    except BaseException as error:  # noqa: BLE001 - that ends the mutant
        os.write(write, f"{type(error).__name__}".encode())
    finally:
        os._exit(0)
