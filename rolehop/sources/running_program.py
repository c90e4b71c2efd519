"""One running program, with its output as pipes; on Linux below a keeper of what it starts."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from rolehop.base.dataclass import dataclass
from rolehop.base.programs import by_path, end_tree_on_windows
from rolehop.base.time_limit import comes_within

_KEEPER = Path(__file__).with_name("keeper.py")
_REAP_SECONDS = 1.0


class Program:
    """A program that has been started; its stdin and its terminal are ours."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], file: str | None
    ) -> None:
        """Start ``command`` with ``environ``; its own name stays as it is written, but on Windows.

        ``file`` is what `program_file` returned for it.

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

        if file is None:
            raise FileNotFoundError(
                errno.ENOENT, "it is not on PATH", command[0] if command else ""
            )
        status, control, started = -1, -1, file
        kept = by_path(command, file) if sys.platform == "win32" else list(command)
        if _can_keep():
            self._status, status = os.pipe()
            control, self._control = os.pipe()
            keeper = [sys.executable, "-I", "-S", "-B", str(_KEEPER), str(status), str(control)]
            kept, started = [*keeper, file, *command], sys.executable
        passed = tuple(each for each in (status, control) if each >= 0)
        try:
            self._process = subprocess.Popen(
                kept,
                executable=started,
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
            self._await_start(file)

    def _await_start(self, file: str) -> None:
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
            raise OSError(number, os.strerror(number), file)

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
                end_tree_on_windows(program.pid)
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


def _run(*command: str) -> bytes:
    import subprocess

    try:
        return subprocess.run(command, capture_output=True, timeout=2, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""
