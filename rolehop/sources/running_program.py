"""Ends a program with everything that it started.

A program stays in rolehop's session and process group, so that it can ask on the terminal and
Ctrl-C reaches it. Its processes are therefore found in two ways: as descendants, which on Linux
those whose parent has ended still are (see `keeper`), and by a mark in their environment. They
are asked to end (SIGTERM) and may clean up for a moment: parents first, since a script that waits
for its child would otherwise come to its end before it is asked. Those that are left are stopped
before they are killed, since a stopped process starts no other.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.sources.shared.program import Program

VARIABLE = "_ROLEHOP_STARTED_BY"
"""Holds the marks of the programs that a process belongs to, the outermost first."""

_PROC = Path("/proc")
_PS = "/bin/ps"
_GRACE = 1.0  # seconds to clean up after SIGTERM
_ROUNDS = 50
_PAUSE = 0.01  # seconds; a process in the middle of exec has no environment for a moment


@dataclass(frozen=True, slots=True)
class _RunningProcess:
    """One process; its number may be given to another one later, which has another ``begin``."""

    pid: int
    begin: str


class ProcessTree:
    """The processes of one program."""

    def __init__(self) -> None:
        self._mark = os.urandom(8).hex()

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with the mark of this program."""
        marks = [*environ.get(VARIABLE, "").split(","), self._mark]
        return {**environ, VARIABLE: ",".join(filter(None, marks))}

    def end(self, program: Program) -> None:
        """End ``program`` with everything that it started.

        Processes of other users cannot be ended. Without ``/proc`` those whose parent has ended are
        not found, and without ``ps`` none but the program itself. Elsewhere than on Linux those
        are not found either that also emptied their environment.
        """
        try:
            if os.name == "nt":
                _end_on_windows(program.pid)
            else:
                self._end_all(program.pid)
        finally:
            with suppress(PermissionError):  # it is another user's, e.g. by sudo
                program.kill()

    def _end_all(self, pid: int) -> None:
        known: set[_RunningProcess] = set()
        try:
            self._ask_to_end(pid, known)
        finally:
            self._kill(pid, known)

    def _ask_to_end(self, pid: int, known: set[_RunningProcess]) -> None:
        for each in list(self._members(pid, known)):
            known.add(each)
            _send(each.pid, signal.SIGTERM)
        ends_at = time.monotonic() + _GRACE
        while time.monotonic() < ends_at and any(self._members(pid, known)):
            time.sleep(_PAUSE)

    def _kill(self, pid: int, known: set[_RunningProcess]) -> None:
        found: set[_RunningProcess] = set()
        quiet_rounds = 0
        for _ in range(_ROUNDS):
            new = {*self._members(pid, known)} - found
            for each in new:
                _send(each.pid, signal.SIGSTOP)
            found |= new
            quiet_rounds = 0 if new else quiet_rounds + 1
            if quiet_rounds == 2:
                break
            time.sleep(_PAUSE)
        for each in found:
            _send(each.pid, signal.SIGKILL)
        ends_at = time.monotonic() + _GRACE  # a busy system takes a moment to end them
        while time.monotonic() < ends_at and any(each in found for each, _ in _processes()):
            time.sleep(_PAUSE)

    def _members(self, pid: int, known: set[_RunningProcess]) -> Iterator[_RunningProcess]:
        """Return the program, every process with its mark or ``known``, and all their descendants.

        ``known`` are those of before: without their parent they might not be found again. Parents
        come before their children.
        """
        children: dict[int, list[_RunningProcess]] = {}
        ahead: dict[int, tuple[_RunningProcess, int]] = {}
        for each, parent in _processes():
            children.setdefault(parent, []).append(each)
            # Once the program has been waited for, its number may be that of another process.
            is_program = each.pid == pid and parent == os.getpid()
            if is_program or each in known or self._has_mark(each.pid):
                ahead[each.pid] = each, parent
        queue = deque(each for each, parent in ahead.values() if parent not in ahead)
        seen: set[_RunningProcess] = set()
        while queue:
            process = queue.popleft()
            if process not in seen:
                seen.add(process)
                queue += children.get(process.pid, ())
                yield process

    def _has_mark(self, process: int) -> bool:
        try:
            environ = (_PROC / str(process) / "environ").read_bytes()
        except OSError:
            return False
        variables = (each.partition(b"=") for each in environ.split(b"\0"))
        marks = next((value for name, _, value in variables if name == VARIABLE.encode()), b"")
        return self._mark.encode() in marks.split(b",")


def _processes() -> Iterator[tuple[_RunningProcess, int]]:
    """Return every process that has not ended, and its parent."""
    if not (_PROC / "self" / "stat").exists():
        yield from _processes_by_ps()
        return
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_bytes()
            except OSError:
                continue  # it has just ended
            # The name in parentheses may hold anything. After it: state, parent …, and the time at
            # which it began as the 20th field (proc_pid_stat(5)).
            fields = status.rpartition(b")")[2].split()
            if fields[0] not in (b"Z", b"X"):
                yield _RunningProcess(int(entry.name), fields[19].decode()), int(fields[1])


def _processes_by_ps() -> Iterator[tuple[_RunningProcess, int]]:
    listed = _run(_PS, "-A", "-o", "pid=,ppid=,stat=,lstart=").decode("ascii", "replace")
    for line in listed.splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and not fields[2].startswith("Z"):
            yield _RunningProcess(int(fields[0]), fields[3]), int(fields[1])


def _send(process: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or is another user's
        os.kill(process, number)


def _end_on_windows(pid: int) -> None:
    _run("C:\\Windows\\System32\\taskkill.exe", "/T", "/F", "/PID", str(pid))


def _run(*command: str) -> bytes:
    import subprocess

    try:
        return subprocess.run(command, capture_output=True, timeout=2, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""
