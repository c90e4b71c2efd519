"""An interpreter becomes that of macOS or Windows: it loses names, files and ways that they lack.

It does not become theirs in what they have and Linux has not. Python's own modules and the
libraries are loaded before, since they must go on working.
"""

from __future__ import annotations

import builtins
import errno
import importlib
import io
import json
import os
import pathlib
import platform
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOADED = [
    "asyncio",
    "concurrent.futures.process",
    "configparser",
    "ctypes",
    "difflib",
    "email.parser",
    "getpass",
    "glob",
    "http.client",
    "http.server",
    "importlib.metadata",
    "importlib.resources",
    "logging",
    "multiprocessing.connection",
    "multiprocessing.queues",
    "plistlib",
    "queue",
    "secrets",
    "selectors",
    "shlex",
    "socketserver",
    "ssl",
    "sysconfig",
    "tempfile",
    "tomllib",
    "urllib.request",
    "uuid",
    "webbrowser",
    "zoneinfo",
    "click",
    "click.shell_completion",
    "prompt_toolkit",
    "rich.console",
    "rich.live",
    "rich.table",
    "rich.tree",
    "botocore.auth",
    "botocore.awsrequest",
    "botocore.credentials",
    "botocore.httpsession",
    "botocore.session",
    "botocore.useragent",
    "keyring.backend",
    "keyring.backends.fail",
    "keyring.backends.null",
    "urllib3",
    "urllib3.util.wait",
]
_HIDDEN = ("/proc/", "/dev/shm", "/sys/")  # noqa: S108
O_BINARY, O_NOINHERIT, O_TEMPORARY = (
    1 << 28,
    1 << 29,
    1 << 27,
)  # other numbers than Windows': nothing of Linux's


def become(system: str) -> None:
    """Become the interpreter of ``system``, by ``sys.platform``."""
    for each in _LOADED:
        importlib.import_module(each)
    from tests.systems import keyrings

    lacking = json.loads(Path(os.environ["ROLEHOP_TEST_LACKING"]).read_text("utf-8"))
    keyrings.install(system)
    sys.platform = system
    # What there is on both systems; macOS's own is not here.
    selectors.DefaultSelector = selectors.SelectSelector  # type: ignore[misc, assignment]
    vars(tempfile)["_O_TMPFILE_WORKS"] = False  # macOS
    platform.system = lambda: {"darwin": "Darwin", "win32": "Windows"}[system]
    if system == "win32":
        _become_windows()
    else:
        _become_macos()
    _hide_files()
    for module, names in lacking.items():
        for name in names:
            vars(sys.modules[module]).pop(name, None)


def _hide_files() -> None:
    """Let Linux's own files not be there."""

    def hiding(function: Callable[..., Any]) -> Callable[..., Any]:
        def hidden(path: Any = ".", *args: Any, **more: Any) -> Any:
            named = os.fspath(path) if not isinstance(path, int) else ""
            if str(named).startswith(_HIDDEN) or named == "/proc":
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(named))
            return function(path, *args, **more)

        return hidden

    for name in ("stat", "lstat", "scandir", "listdir", "readlink", "open"):
        setattr(os, name, hiding(getattr(os, name)))
    builtins.open = io.open = hiding(open)


def _become_macos() -> None:
    """Let a group whose processes have all exited take no signal, as there."""
    real_list, real_open, real_kill = os.listdir, open, os.killpg

    def killpg(group: int, number: int) -> None:
        real_kill(group, 0)
        for each in filter(str.isdecimal, real_list("/proc")):
            try:
                with real_open(f"/proc/{each}/stat", "rb") as file:
                    state, _, found = file.read().rpartition(b")")[2].split()[:3]
            except OSError:
                continue
            if int(found) == group and state not in b"ZX":
                return real_kill(group, number)
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    os.killpg = killpg


def _become_windows() -> None:
    os.name = "nt"
    vars(pathlib)["WindowsPath"] = pathlib.PosixPath
    folders: Any = importlib.import_module("platformdirs.windows")
    folders._RESOLVE_WIN_FOLDER = folders.get_win_folder_from_env_vars
    vars(tempfile)["TemporaryFile"] = tempfile.NamedTemporaryFile
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    real = {
        name: getattr(os, name) for name in ("open", "kill", "write", "unlink", "replace", "rename")
    }
    pair = (socket.AF_UNIX, socket.SOCK_STREAM)
    real_pair = socket._socket.socketpair  # type: ignore[attr-defined]

    def open_file(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        assert dir_fd is None, "Windows opens nothing in a folder that is open"
        caller = sys._getframe(1)
        ours = caller.f_globals.get("__name__", "").startswith("rolehop")
        if ours and not caller.f_code.co_name.endswith("_opener") and path != os.devnull:
            assert flags & O_BINARY, f"{path} is opened as text, in which \\r and ^Z are no bytes"
        file: int = real["open"](path, flags & ~(O_BINARY | O_NOINHERIT | O_TEMPORARY), mode)
        return file

    def kill(process: int, number: int) -> None:
        assert number == signal.SIGTERM, "0 and 1 are Ctrl-C and Ctrl-Break there"
        real["kill"](process, 9)  # TerminateProcess

    def unless_open(function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*paths: Any, **more: Any) -> Any:
            for each in paths:
                if os.path.lexists(each) and _is_open_here(each):
                    raise PermissionError(errno.EACCES, "it is used by another process", str(each))
            return function(*paths, **more)

        return guarded

    def _is_open_here(path: Any) -> bool:
        found = os.lstat(path)
        for number in range(3, 64):
            try:
                if os.path.samestat(os.fstat(number), found):
                    return True
            except OSError:
                continue
        return False

    def socketpair(*_: Any) -> tuple[socket.socket, socket.socket]:
        ours, theirs = real_pair(*pair)
        return tuple(socket.socket(fileno=each.detach()) for each in (ours, theirs))  # type: ignore[return-value]

    sys.executable = f"{os.environ['PATH']}/python.exe"

    def write(file: int, data: Any) -> int:
        assert not os.isatty(file) or bytes(data).isascii(), (
            "a console has a character set of its own"
        )
        return int(real["write"](file, data))

    os.open, os.kill, os.write = open_file, kill, write
    for name in ("unlink", "replace", "rename"):
        setattr(os, name, unless_open(real[name]))
    os.remove = os.unlink
    socket.socketpair = socketpair  # type: ignore[assignment]
    vars(os).update(O_BINARY=O_BINARY, O_NOINHERIT=O_NOINHERIT, O_TEMPORARY=O_TEMPORARY)
    vars(subprocess)["Popen"] = _WindowsPopen
    console = types.SimpleNamespace(GetConsoleMode=lambda *_: 0)
    vars(importlib.import_module("ctypes"))["windll"] = types.SimpleNamespace(kernel32=console)
    vars(socket)["SO_EXCLUSIVEADDRUSE"] = socket.SO_REUSEADDR
    sys.modules["msvcrt"] = _console()
    for each in ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"):
        sys.modules[each] = None  # type: ignore[assignment]
    for name in [each for each in vars(select) if each.startswith(("poll", "epoll", "POLL"))]:
        delattr(select, name)


class _WindowsPopen(subprocess.Popen[Any]):
    """Takes what Windows takes, and looks for a program where Windows does: in the current folder first."""

    def __init__(self, args: Any, **more: Any) -> None:
        assert not more.get("pass_fds"), "Windows passes no file descriptors"
        assert not more.get("preexec_fn"), "Windows does not fork"
        name = str(args[0])
        file = str(more.get("executable") or name)
        if file.lower().endswith((".bat", ".cmd")):
            assert name.startswith("/"), "cmd looks for a batch file by its name, here first"
        if "executable" not in more and "/" not in name and Path(name).is_file():
            more["executable"] = str(Path(name).absolute())
        super().__init__(args, **more)

    def wait(self, timeout: float | None = None) -> int:
        if timeout is None:
            return super().wait()
        until = time.monotonic() + timeout  # Python's own asks with what Windows lacks
        while self.poll() is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return int(self.returncode)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    terminate = kill


def _console() -> types.ModuleType:
    """Return a ``msvcrt`` that locks files as Windows does: a region, and for each handle."""
    import fcntl

    found = types.ModuleType("msvcrt")

    def locking(file: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EACCES, "Permission denied") from None

    vars(found).update(LK_NBLCK=2, LK_UNLCK=0, locking=locking, get_osfhandle=int)
    return found
