"""Ends a program with everything that it started.

A program stays in rolehop's session and process group, so that it can ask on the terminal and
Ctrl-C reaches it. Its processes are therefore found in two ways: as descendants, and by a mark in
their environment, which finds those whose parent has ended (``nohup``, ``setsid``, daemons). They
are stopped before they are killed, since a stopped process starts no other.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "_ROLEHOP_STARTED_BY"
"""Holds the marks of the programs that a process belongs to, the outermost first."""

_PROC = Path("/proc")
_ROUNDS = 50
_PAUSE = 0.01  # seconds; a process in the middle of exec has no environment for a moment


class ProcessTree:
    """The processes of one program."""

    def __init__(self) -> None:
        self._mark = os.urandom(8).hex()

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with the mark of this program."""
        marks = [*environ.get(VARIABLE, "").split(","), self._mark]
        return {**environ, VARIABLE: ",".join(filter(None, marks))}

    def end(self, pid: int) -> None:
        """End the program ``pid``, a child of this process, with everything that it started.

        Processes of other users cannot be ended, and without ``/proc`` none whose parent has ended.
        """
        if os.name == "nt":
            _end_on_windows(pid)
            return
        found: set[int] = set()
        quiet_rounds = 0
        for _ in range(_ROUNDS):
            new = {*self._members(pid)} - found
            for each in new:
                _send(each, signal.SIGSTOP)
            found |= new
            quiet_rounds = 0 if new else quiet_rounds + 1
            if quiet_rounds == 2:
                break
            time.sleep(_PAUSE)
        for each in found:
            _send(each, signal.SIGKILL)

    def _members(self, pid: int) -> Iterator[int]:
        """Return the program, every process with its mark, and all their descendants."""
        children: dict[int, list[int]] = {}
        ahead: list[int] = []
        for process, parent in _processes():
            children.setdefault(parent, []).append(process)
            # Once the program has been waited for, its number may be that of another process.
            is_program = process == pid and parent == os.getpid()
            if is_program or self._has_mark(process):
                ahead.append(process)
        seen: set[int] = set()
        while ahead:
            process = ahead.pop()
            if process not in seen:
                seen.add(process)
                ahead += children.get(process, ())
                yield process

    def _has_mark(self, process: int) -> bool:
        try:
            environ = (_PROC / str(process) / "environ").read_bytes()
        except OSError:
            return False
        variables = (each.partition(b"=") for each in environ.split(b"\0"))
        marks = next((value for name, _, value in variables if name == VARIABLE.encode()), b"")
        return self._mark.encode() in marks.split(b",")


def _processes() -> Iterator[tuple[int, int]]:
    """Return every process with its parent."""
    if not (_PROC / "self" / "stat").exists():
        yield from _processes_by_ps()
        return
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_bytes()
            except OSError:
                continue  # it has just ended
            # The name in parentheses may hold anything; the parent is the second field after it.
            yield int(entry.name), int(status.rpartition(b")")[2].split()[1])


def _processes_by_ps() -> Iterator[tuple[int, int]]:
    for line in _run("/bin/ps", "-A", "-o", "pid=,ppid=").split(b"\n"):
        fields = line.split()
        if len(fields) == 2:
            yield int(fields[0]), int(fields[1])


def _send(process: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or is another user's
        os.kill(process, number)


def _end_on_windows(pid: int) -> None:
    _run("C:\\Windows\\System32\\taskkill.exe", "/T", "/F", "/PID", str(pid))


def _run(*command: str) -> bytes:
    import subprocess

    try:
        return subprocess.run(command, capture_output=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""
