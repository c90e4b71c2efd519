"""What a process that is about to run rolehop may lack: privileges, space, files, the right time.

`fork_server.run` is given them by name; `meet` is called in the forked process.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_VERSION_3 = 0x20080522  # of capset(2)
_NEW_USER = 0x10000000  # CLONE_NEWUSER
_STEPS = frozenset(
    {
        *("open", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.listdir", "os.scandir"),
        *("fcntl.flock", "socket.connect", "socket.sendmsg", "ctypes.dlopen"),
    }
)
"""Audit events of Python that are steps of a program's work outside of its own memory."""


def meet(conditions: Mapping[str, Any]) -> None:
    """Let this process meet each condition; the value is what its function takes."""
    for name, value in conditions.items():
        _CONDITIONS[name](value)


def _limit_file_size(most: int) -> None:
    """No file grows beyond ``most`` bytes, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it: the write fails
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _limit_open_files(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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


def _signal_at_step(value: tuple[str, int]) -> None:
    """Send this process a signal just before its step of this number."""
    name, left = value
    number = signal.Signals[name]

    def count(event: str, _arguments: object) -> None:
        nonlocal left
        if event in _STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    sys.addaudithook(count)


_CONDITIONS: Mapping[str, Callable[[Any], None]] = {
    "file_size": _limit_file_size,
    "open_files": _limit_open_files,
    "no_capabilities": _drop_capabilities,
    "clock": _shift_clock,
    "signal_at_step": _signal_at_step,
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
