"""A process that has rolehop loaded and forks for each run: most of a short run is imports.

After its imports, a run is what the console script's is: a process and session of its own, with
its own file descriptors, variables and folder, the real entry point, its exit code, and complaints
about what was left open. What happens before that (which modules are loaded, the encoding of the
streams) needs a process started for it: ``may_serve`` is false if the variables ask for one, and
``World.run(SCRIPT)`` always starts one.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import rolehop
from rolehop.__main__ import end, run_program
from rolehop.base import startup
from rolehop.base.startup import Pattern
from tests.support.environment import ROOT, for_coverage, save_coverage, use_huge_pages

_STARTED_WITH = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
"""The variables that Python reads when it starts, as `World` has them."""
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_")
_READ_LATER = "PYTHON_KEYRING_BACKEND"
MOST_FILES = 1024  # that the server has open: two for each run
_MOST_BYTES = 100_000  # of a request; one message of a socket holds about twice that
# They import the part of botocore that looks for the home folder once, when it is imported.
_OF_ONE_HOME = ("rolehop.aws.botocore_profiles", "rolehop.aws.boto3_session")
_WAITS = startup.__name__  # where a class has an ``__init__`` until its first object is made
_NOT_LOADED = ("rolehop.commands.demo", *_OF_ONE_HOME)
_LIBRARIES = (
    *("botocore.auth", "botocore.awsrequest", "botocore.httpsession", "botocore.useragent"),
    *("keyring", "keyring.backends.fail", "keyring.backends.SecretService", "jeepney.io.blocking"),
    *("rich.console", "rich.table", "rich.tree", "urllib3", "tests.doubles.keyrings"),
    "tests.support.secret_service",
)

# A machine that stalls must not tell a test that AWS or the keyring is slow.
_LIMITS = {
    "rolehop.commands.doctor.service_checks": ("_SLOW", 1.0, 60.0),
    "rolehop.commands.serve.running": ("_STOP_SECONDS", 5.0, 60.0),
    "rolehop.walk.renewal": ("RENEWAL_SECONDS", 3, 30),
    "rolehop.terminal.prompts": ("SAID_AFTER", (3, 10, 30), (30, 60, 90)),
}
"""Limits that users notice: the module's name of one, its value, and the one that forks begin with."""

AS_SHIPPED = "".join(
    f"import {module}\n{module}.{name} = {shipped}\n"
    for module, (name, shipped, _) in _LIMITS.items()
)
"""Code to run before rolehop in a test of such a limit: it is as users have it."""


# ---- in the tests


def may_serve(environ: Mapping[str, str]) -> bool:
    """True if a fork can stand for a process that is started with ``environ``."""
    read = {
        name: value
        for name, value in environ.items()
        if name.startswith(_READ_AT_START) and name != _READ_LATER
    }
    return hasattr(os, "pidfd_open") and read == _STARTED_WITH


def _request(
    argv: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    *,
    terminal: str = "",
    before: str = "",
    conditions: Mapping[str, Any] = {},
) -> bytes:
    more = (terminal, before, dict(conditions))
    return json.dumps([argv, dict(environ), str(folder), *more]).encode()


def run(
    argv: list[str],
    environ: Mapping[str, str],
    folder: Path,
    input: str | None,
    seconds: float,
    *,
    conditions: Mapping[str, Any] = {},
    started: Callable[[int], object] | None = None,
) -> tuple[int, str, str] | None:
    """Run rolehop in a fork to its end; return its exit code, stdout and stderr.

    ``None`` if the request is too long. A run that takes more than ``seconds`` is killed and raises
    `subprocess.TimeoutExpired`. ``conditions`` are those of `tests.storm.process_conditions`; ``started`` is
    told its process ID.
    """
    request = _request(argv, environ, folder, conditions=conditions)
    if len(request) > _MOST_BYTES:
        return None
    pipes = _Pipes(input, started)
    try:
        socket.send_fds(_server(), [request], pipes.for_the_run)
        pipes.close_for_the_run()
        code = pipes.communicate(time.monotonic() + seconds)
    finally:
        pipes.close()
    if code is None:
        raise subprocess.TimeoutExpired(argv, seconds)
    out, err = (data.decode("utf-8", "surrogateescape") for data in (pipes.out, pipes.err))
    return code, out, err


class ForkedProgram(subprocess.Popen[str]):
    """A program that runs rolehop in a fork, instead of in an interpreter started for it.

    ``args``: the console script and its arguments; ``options`` are those of `subprocess.Popen`, of
    which ``env`` and ``cwd`` are needed. ``terminal``: the name of its controlling terminal.
    ``before``: code that is run in it first. ``imported``: modules that only such programs need.
    """

    def __init__(
        self,
        args: Sequence[str],
        *,
        terminal: str = "",
        before: str = "",
        imported: Sequence[str] = (),
        **options: Any,
    ) -> None:
        self._imported = imported
        self._more: dict[str, Any] = {"terminal": terminal, "before": before}
        self._said = b""
        super().__init__(args, text=True, encoding="utf-8", errors="surrogateescape", **options)

    def _execute_child(self, args: Sequence[str], *given: Any) -> None:
        _, _, _, _, folder, environ, _, _, _, *streams = given[:15]
        stdin, _, _, stdout, _, stderr = streams
        self._status, status = os.pipe()
        request = _request(args, environ, folder, **self._more)
        socket.send_fds(_server(*self._imported), [request], [stdin, stdout, stderr, status])
        os.close(status)
        self._said = os.read(self._status, 32)
        self.pid = int(self._said.split()[0])
        self._child_created = True
        self._close_pipe_fds(*streams)  # type: ignore[attr-defined]

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Return what ``waitpid`` does for a child, which this one is not."""
        while len(self._said.split()) < 2:
            if flags == os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
                return 0, 0
            more = os.read(self._status, 16)
            if not more:  # else it would be read for ever
                raise ChildProcessError(f"the fork server does not tell how {self.pid} ended")
            self._said += more
        os.close(self._status)
        code = int(self._said.split()[1])
        return self.pid, -code if code < 0 else code << 8

    def _internal_poll(self, **_: Any) -> int | None:
        if self.returncode is None:
            process, status = self._try_wait(os.WNOHANG)
            if process:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class _Pipes:
    """The ends of a run's stdin, stdout and stderr, and of what the server says about it."""

    def __init__(self, input: str | None, started: Callable[[int], object] | None) -> None:
        self._started = started
        self._input = (input or "").encode("utf-8", "surrogateescape")
        stdin, self._stdin = os.pipe()
        self._out, stdout = os.pipe()
        self._err, stderr = os.pipe()
        self._status, status = os.pipe()
        self.for_the_run = [stdin, stdout, stderr, status]
        if input is None:
            os.close(stdin)
            self.for_the_run[0] = os.open(os.devnull, os.O_RDONLY)
        os.set_blocking(self._stdin, False)
        self._read = {self._out: b"", self._err: b"", self._status: b""}
        self._open = [self._stdin, *self._read]

    @property
    def out(self) -> bytes:
        return self._read[self._out]

    @property
    def err(self) -> bytes:
        return self._read[self._err]

    def close_for_the_run(self) -> None:
        while self.for_the_run:
            os.close(self.for_the_run.pop())

    def close(self) -> None:
        self.close_for_the_run()
        while self._open:
            os.close(self._open.pop())

    def communicate(self, until: float) -> int | None:
        """Return the exit code; ``None`` if the run is not over by ``until`` and was killed."""
        with selectors.DefaultSelector() as selector:
            for each in self._read:
                selector.register(each, selectors.EVENT_READ)
            selector.register(self._stdin, selectors.EVENT_WRITE)
            while selector.get_map():
                ready = selector.select(max(until - time.monotonic(), 0))
                if not ready:
                    self._kill()
                    return None
                for key, _ in ready:
                    if not self._moved(key.fd):
                        selector.unregister(key.fd)
                        self._open.remove(key.fd)
                        os.close(key.fd)
        return int(self._read[self._status].split()[1])

    def _moved(self, pipe: int) -> bool:
        """Read or write what can be now; false if that was all."""
        if pipe != self._stdin:
            data = os.read(pipe, 65536)
            self._read[pipe] += data
            if pipe == self._status and self._started is not None and data:
                self._started(int(self._read[pipe].split()[0]))
                self._started = None
            return bool(data)
        try:
            self._input = self._input[os.write(pipe, self._input) :] if self._input else b""
        except BrokenPipeError:  # the run does not read it
            return False
        return bool(self._input)

    def _kill(self) -> None:
        process = self._read[self._status].split()
        if process:
            os.killpg(int(process[0]), signal.SIGKILL)


def server_number() -> int:
    """Return the file descriptor of the server's socket, for a child that sends requests itself."""
    return _server().fileno()


@cache
def _server(*more: str) -> socket.socket:
    """Start this process's server, which imports ``more`` too; it ends when the socket is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, *more],
            stdin=theirs.fileno(),
            stdout=subprocess.PIPE,  # as a run's are: streams over a file believe that they can seek
            stderr=subprocess.STDOUT,
            env={"HOME": os.devnull, "PATH": os.environ["PATH"], **_STARTED_WITH, **for_coverage()},
            cwd=ROOT,
            start_new_session=True,
        )
    atexit.register(process.communicate)
    atexit.register(ours.close)  # before it is waited for
    return ours


# ---- in the server


def load(*more: str) -> None:
    """Import what runs import, and ``more``; keep the collector away from it."""
    for module in pkgutil.walk_packages(rolehop.__path__, "rolehop."):
        if not module.name.startswith(_NOT_LOADED):
            importlib.import_module(module.name)
    for name in _LIBRARIES:
        importlib.import_module(name)
    assert "botocore.credentials" not in sys.modules
    for name in more:
        importlib.import_module(name)
    for name, (limit, shipped, longer) in _LIMITS.items():
        assert getattr(sys.modules[name], limit) == shipped
        setattr(sys.modules[name], limit, longer)
    _compile()
    save_coverage()
    gc.collect()
    gc.freeze()
    use_huge_pages()


def _compile() -> None:
    """Compile what a program compiles at its first use: each fork would do it again."""
    for each in gc.get_objects():
        if isinstance(each, Pattern):
            _ = each.compiled
        elif isinstance(each, type):
            make: Any = vars(each).get("__init__")
            if getattr(make, "__module__", "") == _WAITS:
                with suppress(TypeError):  # a call with too many arguments makes nothing
                    make(None, *range(99))


def serve() -> None:
    """Fork for each request that stdin has; return in each fork, and exit when there are no more."""
    _take_interrupts(later=True)
    with socket.socket(fileno=os.dup(0)) as requests, selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    selector.unregister(key.fd)
                    _report_end(key.fd, *key.data)
                    continue
                request, pipes, _, _ = socket.recv_fds(requests, 2 * _MOST_BYTES, 4)
                if not request:
                    sys.exit()
                asked = json.loads(request)  # here: each fork would copy what it takes
                process = os.fork()
                if process == 0:
                    return _become(asked, pipes)
                for each in pipes[:3]:
                    os.close(each)
                os.write(pipes[3], b"%d " % process)
                handle = os.pidfd_open(process)
                selector.register(handle, selectors.EVENT_READ, (process, pipes[3]))


def _report_end(handle: int, process: int, status: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(handle)
    with suppress(BrokenPipeError):  # whoever asked has gone
        os.write(status, b"%d" % code)
    os.close(status)


def _become(asked: list[Any], pipes: list[int]) -> None:
    """Take over the streams, the variables, the folder and the arguments that were asked for."""
    os.setsid()
    for number, each in enumerate(pipes[:3]):
        os.dup2(each, number)
    argv, environ, folder, terminal, before, conditions = asked
    if terminal:
        # The first terminal that the leader of a session opens becomes its controlling terminal.
        os.close(os.open(terminal, os.O_RDWR))
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv[:] = argv
    sys.path[0] = str(Path(argv[0]).parent)
    if environ.get(_READ_LATER, "").startswith("keyring.backends.SecretService"):
        importlib.import_module("tests.support.secret_service").be_patient()
    exec(before, {})  # noqa: S102 - a test's own code
    if conditions:
        from tests.storm.process_conditions import meet

        meet(conditions)


def _run() -> NoReturn:
    """Run the entry point and end as it does."""
    os.closerange(3, MOST_FILES)
    try:
        _take_interrupts()
        code = run_program()
        _take_interrupts(later=True)
        gc.collect()  # what is still open here says so
        _take_interrupts()
        end(code)
    except KeyboardInterrupt:  # in between: the program's own code answers one by itself
        os._exit(130)


def _take_interrupts(*, later: bool = False) -> None:
    """Take SIGINT now: not in the code of the server, from which the program does not come."""
    signal.pthread_sigmask(signal.SIG_BLOCK if later else signal.SIG_UNBLOCK, [signal.SIGINT])


if __name__ == "__main__":
    load(*sys.argv[1:])
    serve()
    _run()
