"""The commands that run now: started in sessions of their own, waited for, and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import IO

from rolehop.startup.dataclass import dataclass

GRACE_SECONDS = 5.0
"""Between asking a command to end and killing it."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_ON_POSIX = os.name == "posix"


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended."""

    code: int
    """As shells say it: 128 + N after signal N."""

    seconds: float
    timed_out: bool = False
    problem: str | None = None
    """Why it could not be started."""


class NotStarted(Exception):
    """The run is being ended, so no command begins any more."""


class _RunningCommand:
    def __init__(self, process: subprocess.Popen[bytes], deadline: float | None) -> None:
        self.process = process
        self.deadline = deadline
        self.timed_out = False
        self.kill_at: float | None = None
        self.has_exited = False
        """Its first process has; what that started may still be at work."""
        self.is_gone = threading.Event()
        """Set once nothing is left of a command that was asked to end."""

    def is_late(self, now: float) -> bool:
        """True if it is at work past its deadline; not one that ended while this process was stopped."""
        if self.kill_at is not None or self.deadline is None or now < self.deadline:
            return False
        if not hasattr(os, "waitid"):
            return self.process.returncode is None
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return not self.has_exited and os.waitid(os.P_PID, self.process.pid, flags) is None

    def send(self, number: int) -> None:
        """Send a signal to the command and what it started; not after it was waited for."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if _ON_POSIX:
                os.killpg(self.process.pid, number)
            else:
                self.process.kill()


class RunningCommands:
    """Safe to use from many threads, each of which runs one command at a time."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        """``grace``: seconds between asking a command to end and killing it."""
        self._grace = grace
        self._guard = threading.Lock()
        self._running: set[_RunningCommand] = set()
        self._is_ending = False

    def run(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
        timeout: float | None = None,
    ) -> CommandEnd:
        """Run a command to its end, without standard input and without a terminal to ask on.

        ``timeout`` in seconds: `tick` ends it then.

        Raises:
            NotStarted: `end` was called.
        """
        begun = time.monotonic()
        try:
            child = self._start(argv, environ, stdout, stderr, timeout)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            code = NOT_FOUND if missing else NOT_EXECUTABLE
            problem = "no such command" if missing else error.strerror or str(error)
            return CommandEnd(code, time.monotonic() - begun, problem=f"{argv[0]}: {problem}")
        code = self._wait(child)
        seconds = time.monotonic() - begun
        return CommandEnd(128 - code if code < 0 else code, seconds, child.timed_out)

    def _start(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
        timeout: float | None,
    ) -> _RunningCommand:
        with self._guard:
            if self._is_ending:
                raise NotStarted
            process = subprocess.Popen(
                list(argv),
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            child = _RunningCommand(
                process, None if timeout is None else time.monotonic() + timeout
            )
            self._running.add(child)
        return child

    def _wait(self, child: _RunningCommand) -> int:
        if hasattr(os, "waitid"):
            # The process is waited for without being removed: its number is nobody else's until
            # the guard is held, so that no signal reaches a stranger.
            os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
        else:
            child.process.wait()
        with self._guard:
            child.has_exited = True
            if child.kill_at is None:
                self._running.discard(child)
                return child.process.wait()
        child.is_gone.wait()  # a shell is gone at once, and what it started still cleans up
        with self._guard:
            self._running.discard(child)
            return child.process.wait()

    def tick(self) -> None:
        """End what has taken too long; kill what was asked to end and did not."""
        now = time.monotonic()
        with self._guard:
            self._note_what_is_gone()
            for child in self._running:
                if child.kill_at is not None and now >= child.kill_at:
                    child.send(getattr(signal, "SIGKILL", signal.SIGTERM))
                    child.is_gone.set()
                elif child.is_late(now):
                    child.timed_out = True
                    child.kill_at = now + self._grace
                    child.send(signal.SIGTERM)

    def _note_what_is_gone(self) -> None:
        ending = [each for each in self._running if each.has_exited and each.kill_at is not None]
        if ending:
            at_work = _groups_at_work({each.process.pid for each in ending})
            for child in ending:
                if child.process.pid not in at_work:
                    child.is_gone.set()

    def end(self, number: int) -> None:
        """Send signal ``number`` to all that run, and start none any more; `tick` kills the rest."""
        with self._guard:
            self._is_ending = True
            for child in self._running:
                child.kill_at = time.monotonic() + self._grace
                child.send(number)

    def kill(self) -> None:
        """Kill all that run."""
        with self._guard:
            for child in self._running:
                child.kill_at = 0.0
                child.send(getattr(signal, "SIGKILL", signal.SIGTERM))

    @property
    def running(self) -> int:
        """How many commands run now."""
        return len(self._running)


def _groups_at_work(groups: Set[int]) -> Set[int]:
    """Return which of these process groups have a process that has not exited."""
    if not _ON_POSIX:
        return set()
    found = set[int]()
    try:
        processes = [each for each in Path("/proc").iterdir() if each.name.isdecimal()]
    except OSError:  # only Linux has these files
        return {each for each in groups if _takes_signals(each)}
    for each in processes:
        with contextlib.suppress(OSError):
            stat = (each / "stat").read_bytes()
            state, _parent, group = stat.rpartition(b")")[2].split()[:3]
            if state not in b"ZX":
                found.add(int(group))
    return found & groups


def _takes_signals(group: int) -> bool:
    """True if a process of the group is at work; macOS refuses a signal to what has exited."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True
