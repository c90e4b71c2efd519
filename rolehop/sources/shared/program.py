"""One running program, with its output as pipes; on Linux below a keeper of what it starts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from rolehop.time_limit import comes_within

_KEEPER = Path(__file__).with_name("keeper.py")
_REAP_SECONDS = 1.0


class Program:
    """A program that has been started; its stdin and its terminal are ours."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start ``command`` with ``environ``.

        Raises:
            OSError: it cannot be started.
            ValueError: its arguments or environment cannot be passed on.
        """
        import subprocess  # on this path only: it costs milliseconds

        self._status: int | None = None
        self._control: int | None = None
        self._is_kept = False
        self._said = b""
        self.returncode: int | None = None
        """As ``subprocess`` has it; ``None`` while it runs."""

        self.has_lost_keeper = False
        """True if its keeper was killed, and it with its keeper."""

        status, control, kept = -1, -1, list(command)
        if command and _can_keep():
            self._status, status = os.pipe()
            control, self._control = os.pipe()
            keeper = [sys.executable, "-I", "-S", "-B", str(_KEEPER), str(status), str(control)]
            kept = [*keeper, *command]
        passed = tuple(each for each in (status, control) if each >= 0)
        try:
            self._process = subprocess.Popen(
                kept,
                env=dict(environ),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=passed,
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for each in passed:
                os.close(each)
        if self._status is not None:
            self._await_start(command)

    def _await_start(self, command: Sequence[str]) -> None:
        try:
            line = self._line(None)
        except BaseException:
            self._give_up()
            raise
        self._is_kept = line == b"R"  # without prctl(2) the program takes the keeper's place
        if line is not None and line.startswith(b"E"):
            self._give_up()
            number = int(line[1:])
            if not number:
                raise ValueError("it cannot be passed on")
            raise OSError(number, os.strerror(number), command[0])

    def _give_up(self) -> None:
        self.kill()
        self.close()

    @property
    def pid(self) -> int:
        """The process above all others of this program."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes] | None:
        """The pipe with its output."""
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        """The pipe with its messages."""
        return self._process.stderr

    def ends_within(self, seconds: float) -> bool:
        """Wait until the program itself has ended, and return whether it did."""
        ends_at = time.monotonic() + seconds
        if self._status is not None and self.returncode is None:
            line = self._line(ends_at)
            if line is None:
                return False
            if line.startswith(b"S"):
                self.returncode = int(line[1:])
            else:
                self.has_lost_keeper = self._is_kept
        if self.returncode is None:  # there is no keeper, or it was killed
            return self._is_reaped(max(0.0, ends_at - time.monotonic()))
        return True

    def kill(self) -> None:
        """Kill the program.

        Raises:
            PermissionError: it is another user's, e.g. by sudo.
        """
        self._process.kill()

    def close(self) -> None:
        """Close the pipes and reap the program; one that cannot be ended is left alone."""
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._close_pipes()
        if not self._is_reaped(_REAP_SECONDS):  # e.g. of another user, by sudo
            self._process.returncode = -9
            self.returncode = -9 if self.returncode is None else self.returncode

    def _is_reaped(self, seconds: float) -> bool:
        from subprocess import TimeoutExpired

        try:
            code = self._process.wait(seconds)
        except TimeoutExpired:
            return False
        self.returncode = code if self.returncode is None else self.returncode
        return True

    def _line(self, ends_at: float | None) -> bytes | None:
        """Return the keeper's next line, empty if it has ended; ``None``: it said nothing in time."""
        import select

        status = self._status
        if status is None:
            return b""
        ready = select.poll()
        ready.register(status, select.POLLIN)
        while b"\n" not in self._said:
            if ends_at is None:
                ready.poll()
            elif not comes_within(
                ends_at - time.monotonic(), lambda part: bool(ready.poll(part * 1000))
            ):
                return None
            more = os.read(status, 64)
            if not more:
                return b""
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line

    def _close_pipes(self) -> None:
        """Let the keeper end; what the program left running then belongs to the system."""
        for each in (self._status, self._control):
            if each is not None:
                with suppress(OSError):
                    os.close(each)
        self._status = self._control = None


def _can_keep() -> bool:
    """True if this Python can run the keeper; it may be part of another program."""
    is_python = Path(sys.executable or "").name.startswith("python")
    is_linux = sys.platform == "linux" and Path("/proc/self/environ").exists()
    return is_linux and is_python and _KEEPER.is_file()
