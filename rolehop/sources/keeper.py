"""Runs a program and keeps what it starts: ``python keeper.py STATUS CONTROL FILE COMMAND…``, Linux only.

A process whose parent ends becomes a child of the keeper (``PR_SET_CHILD_SUBREAPER``), not of the
system's first process. So whatever a program starts stays below the keeper, even in a session of
its own and with an empty environment, and nothing else does: not a browser of rolehop's, nor the
program of another walk.

The keeper writes to the pipe STATUS: ``R`` once the program runs, or ``E`` and the error's number;
then ``S`` and its exit code, a signal as a negative number. It ends when the pipe CONTROL is
closed. If the program has ended by itself by then, what it left running belongs to the system; if it
still runs, or was killed, too, rolehop was killed, and the keeper ends it with everything that it started. Once asked to end
(SIGTERM), it ends after the last process that it keeps. It is run as a script of its own, since a
process with threads cannot fork safely, and imports nothing that is slow.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

_GRACE = 1.0  # seconds to clean up after SIGTERM, and to end after SIGKILL
_PAUSE = 0.01  # seconds

# Numbers of prctl(2) in Linux.
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36


def main() -> None:
    """Run the program of the command line, and keep what it starts."""
    status, control = int(sys.argv[1]), int(sys.argv[2])
    for each in (status, control):
        os.set_inheritable(each, False)
    file, *command = [os.fsencode(each) for each in sys.argv[3:]]
    environ = _environment()
    if not _prctl(_SET_CHILD_SUBREAPER, 1):
        _become(file, command, environ, status)
    problem, started = os.pipe()
    program = os.fork()
    if not program:
        # If the keeper is killed, the program ends, too.
        _prctl(_SET_PDEATHSIG, 9)
        _become(file, command, environ, started)
    os.close(started)
    error = os.read(problem, 16)
    if error:
        os.write(status, error)
        return
    # Whoever kills rolehop's whole group (`timeout -s KILL`) does not kill this. In the same session
    # the end of this would hang up on a group with stopped processes.
    with suppress(OSError):
        os.setsid()
    wake = _take_signals()
    _let_go_of_output()
    with suppress(OSError):  # rolehop may have been killed
        os.write(status, b"R\n")
    _keep(program, status, control, wake)


def _prctl(option: int, value: int) -> bool:
    try:
        import ctypes

        result: int = ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return False
    return result == 0


def _environment() -> dict[bytes, bytes]:
    """Return the environment as it was given: Python adds a variable to it in the C locale."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - pathlib is slow
        lines = file.read().split(b"\0")
    return {
        name: value for name, equals, value in (each.partition(b"=") for each in lines) if equals
    }


def _become(file: bytes, command: list[bytes], environ: dict[bytes, bytes], problem: int) -> None:
    """Become the program in ``file``, and no other one; else write why to ``problem`` and end."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(file, command, environ)  # noqa: S606 - that is the command
    except OSError as error:
        os.write(problem, b"E%d\n" % (error.errno or 0))
    except ValueError:
        os.write(problem, b"E0\n")
    os._exit(127)


def _take_signals() -> int:
    """Ignore Ctrl-C, which the program gets itself; return what wakes us at other signals."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, _nothing)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return wake


def _nothing(number: int, frame: object) -> None:
    """A handler, so that the signal wakes us."""


def _let_go_of_output() -> None:
    """Hold none of the program's pipes: whoever reads them waits for their end."""
    null = os.open("/dev/null", os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(null, each)
    os.close(null)


def _keep(program: int, status: int, control: int, wake: int) -> None:
    """Reap what ends, until rolehop lets go or all that is kept has ended on its request."""
    import select

    is_ending = has_ended = was_killed = False
    ready = select.poll()
    ready.register(wake, select.POLLIN)
    ready.register(control, select.POLLIN)
    while True:
        while True:  # reap what has ended
            try:
                pid, result = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                if has_ended and is_ending:
                    return
                break
            if not pid:
                break
            if pid == program:
                has_ended, was_killed = True, os.WIFSIGNALED(result)
                with suppress(OSError):
                    os.write(status, b"S%d\n" % os.waitstatus_to_exitcode(result))
        for file, _ in ready.poll():
            if file == control:
                if was_killed or not has_ended:
                    _end_all()
                return
            signals = os.read(wake, 64)
            is_ending = is_ending or signal.SIGTERM in signals


def _end_all() -> None:
    """End all that is kept as `running_program` does, which has ended with rolehop."""
    asked: set[int] = set()
    for number in (signal.SIGTERM, signal.SIGKILL):
        ends_at = time.monotonic() + _GRACE
        while time.monotonic() < ends_at and (kept := _descendants()):
            for each in kept:
                if number == signal.SIGKILL or each not in asked:
                    asked.add(each)
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(each, number)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    """Another one has been reaped."""
            time.sleep(_PAUSE)


def _descendants() -> list[int]:
    """Return all that is kept and has not ended, parents before their children."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - pathlib is slow
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
            # The name in parentheses may hold anything. After it: state, parent (proc_pid_stat(5)).
            state, parent = file.read().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(name))
    found = [os.getpid()]
    for each in found:
        found += children.get(each, ())
    return found[1:]


if __name__ == "__main__":
    main()
