"""What a process that is about to run rolehop may lack: privileges, space, files, the right time.

`fork_server.run` is given them by name; `meet` is called in the forked process. One that may never
come to matter writes `MET` to stderr when it does.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

_VERSION_3 = 0x20080522  # of capset(2)
_NEW_USER = 0x10000000  # CLONE_NEWUSER
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_STEPS = frozenset(
    {
        *("open", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.listdir", "os.scandir"),
        *("fcntl.flock", "socket.connect", "socket.sendmsg", "ctypes.dlopen"),
    }
)
"""Audit events of Python that are steps of a program's work outside of its own memory."""

_OPENING = frozenset({"open", "socket.connect", "os.listdir", "os.scandir", "ctypes.dlopen"})
_LIMITS = (
    ("rolehop.commands.credential_process", "_SECONDS"),
    ("rolehop.aws.net.transport", "CALL_SECONDS"),
    ("rolehop.walk.renewal", "RENEWAL_SECONDS"),
    ("rolehop.vault.history", "LOCK_SECONDS"),
    ("rolehop.vault.index_file", "_LOCK_SECONDS"),
    ("rolehop.vault.index_file", "_MOST_SECONDS"),
    ("rolehop.vault.locks", "HELD_SECONDS"),
)
"""For how long the program waits: the module and the name."""

MET = "storm: the process has met its condition\n"


def meet(conditions: Mapping[str, Any]) -> None:
    """Let this process meet each condition; the value is what its function takes."""
    for name, value in conditions.items():
        _CONDITIONS[name](value)


def _limit_file_size(most: int) -> None:
    """No file grows beyond ``most`` bytes, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, lambda *_: _say_met())  # and the write fails
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _limit_open_files(most: int) -> None:
    """Let a number of files be open; it is met once a step finds no number for one more."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def look(event: str, _arguments: object) -> None:
        if event in _OPENING:
            try:
                os.close(os.dup(2))
            except OSError as error:
                if error.errno == errno.EMFILE:
                    _say_met()

    sys.addaudithook(look)


def _say_met() -> None:
    os.write(2, MET.encode())


def _drop_capabilities(_: object) -> None:
    """Root may write into a folder that is read-only: no more."""
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _shift_clock(seconds: float) -> None:
    """Let this process's clock be ``seconds`` ahead."""
    import datetime

    import time_machine

    now = datetime.datetime.now(datetime.UTC)
    time_machine.travel(now + datetime.timedelta(seconds=seconds), tick=True).start()


def _slept(seconds: float) -> None:
    """Let both clocks be ahead: the one that can be set, and the one that counts sleep."""
    import time

    read = time.clock_gettime

    def clock_gettime(clock: int) -> float:
        return read(clock) + (seconds if clock == time.CLOCK_BOOTTIME else 0)

    _shift_clock(seconds)
    time.clock_gettime = clock_gettime


def _sleep_when_told(value: tuple[str, float]) -> None:
    """Connect to a socket, and let the machine have slept so long when a byte comes, which is answered."""
    path, seconds = value

    def wait(connection: socket.socket) -> None:
        with connection:
            if connection.recv(1):
                _slept(seconds)
                connection.sendall(b"x")

    def begin() -> None:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        threading.Thread(target=wait, args=(connection,), daemon=True).start()

    _at_step(1, begin)  # until then all that is open is closed


def _signal_at_step(value: tuple[str, int]) -> None:
    """Send this process a signal just before its step of this number."""
    name, step = value
    _at_step(step, lambda: os.kill(os.getpid(), signal.Signals[name]))


def _pause_at_step(value: tuple[str, int]) -> None:
    """Connect to a socket just before the step of this number, and go on when it is closed."""
    path, step = value

    def pause() -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b"x")
            connection.recv(1)

    _at_step(step, pause)


def _at_step(step: int, act: Callable[[], object]) -> None:
    left = step

    def count(event: str, _arguments: object) -> None:
        nonlocal left
        if event in _STEPS:
            left -= 1
            if left == 0:
                act()

    sys.addaudithook(count)


def _wait_for_gate(path: str) -> None:
    """Begin when whoever has locked this file unlocks it."""
    with Path(path).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def _limit_keyring(seconds: float) -> None:
    """Wait ``seconds`` for a keyring, as the program does, and not as long as the tests."""
    from tests.support.secret_service import be_patient

    be_patient(seconds)


_kept = ExitStack()


def _limit_time(seconds: float) -> None:
    """All that this process's first thread does has this long, as if its caller would wait no more."""
    from rolehop.base.time_limit import time_limit

    _kept.enter_context(time_limit(seconds))


def _lengthen_limits(seconds: float) -> None:
    """Wait ``seconds`` for whatever others do: on a busy machine, sixty of them are slow."""
    import importlib

    from rolehop.aws.net.client_settings import ClientSettings
    from rolehop.vault.locks import FileLocks
    from tests.support.secret_service import be_patient

    be_patient(seconds)
    made: Any = FileLocks.__init__
    made.__kwdefaults__["deadline_seconds"] = seconds
    ClientSettings("us-east-1")  # its defaults are there after the first one is made
    made = ClientSettings.__init__
    *others, _connect, _read, attempts = made.__defaults__
    made.__defaults__ = (*others, seconds, seconds, attempts)
    for module, name in _LIMITS:
        assert hasattr(importlib.import_module(module), name)
        setattr(importlib.import_module(module), name, seconds)


_CONDITIONS: Mapping[str, Callable[[Any], None]] = {
    "file_size": _limit_file_size,
    "open_files": _limit_open_files,
    "no_capabilities": _drop_capabilities,
    "clock": _shift_clock,
    "slept": _slept,
    "sleep_when_told": _sleep_when_told,
    "signal_at_step": _signal_at_step,
    "pause_at_step": _pause_at_step,
    "gate": _wait_for_gate,
    "keyring_seconds": _limit_keyring,
    "patience": _lengthen_limits,
    "seconds": _limit_time,
}


def take_own_kernel_keyring() -> bool:
    """Give this process, while it has one thread, a kernel keyring that no other process has.

    It is the one of its user in a new user namespace. False: namespaces are not allowed here; then
    an index that is damaged may take sessions of others for its own.
    """
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(_NEW_USER) != 0:
        return False
    for name, text in {
        "setgroups": "deny",
        "uid_map": f"{user} {user} 1",
        "gid_map": f"{group} {group} 1",
    }.items():
        Path("/proc/self", name).write_text(text)
    return True


def take_own_mounts() -> bool:
    """Let this process, while it has one thread, mount what no other process sees.

    False: this is not allowed here.
    """
    return bool(ctypes.CDLL(None).unshare(_NEW_MOUNTS) == 0)


def mount_small_disk(folder: Path, size: int) -> None:
    """Mount a file system of ``size`` bytes at ``folder``, in memory."""
    options = f"size={size},mode=0700".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def unmount(folder: Path) -> None:
    """Take away what is mounted at ``folder``, also while it is in use."""
    ctypes.CDLL(None).umount2(bytes(folder), 2)  # MNT_DETACH
