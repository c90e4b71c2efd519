"""Programs run as an unprivileged user, with a kernel keyring that is nobody else's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from rolehop.vault.kernel import usable
from tests.support.environment import for_coverage
from tests.vault import key_quota

ROOT = Path(__file__).parents[2]
NEEDS_MUCH = pytest.mark.root("for more of the quota of keys than other tests of this user leave")
"""For tests that store more than some 2,000 bytes at a time, or many keys: an ordinary user has 20,000
bytes and 200 keys, on which all that run at once live."""

# User IDs that no system gives to anybody (systemd's "Users, Groups, UIDs and GIDs").
_UNUSED = chain(range(65_520, 65_534), range(60_578, 60_706))

# Python itself may lie where that user cannot read, so all that is needed is imported before the
# privileges go. Without privileges it is the keyring of the developer, which is not ours to clear:
# a new user namespace has another one. Then the program gets a session keyring of its own.
_BEFORE = """
import ctypes, json, os, sys, time
import keyring.backends.fail
import tests.doubles.keyrings, tests.vault.samples
from tests.vault import key_quota
from rolehop.hotpath import keyctl
from rolehop.vault import kernel
from rolehop.vault.backend_selection import choose_backend
import encodings.utf_16_le, keyring.errors
user, clear = int(sys.argv.pop(1)), sys.argv.pop(1) == "clear"
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(user)
elif clear:
    group = os.getgid()  # its files may be this group's to write, so it keeps its number, too
    if ctypes.CDLL(None).unshare(0x10000000) != 0:  # CLONE_NEWUSER
        sys.exit("no user namespace")
    maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
assert keyctl.keyctl(1, ctypes.c_char_p(None)) > 0  # JOIN_SESSION_KEYRING
if clear:
    keyctl.keyctl(7, -4)  # CLEAR @u
"""
_CANNOT = ("this user's quota of keys", "no user namespace")


def need_kernel_keyring(room: int = 0) -> None:
    """Skip the test if this process may not use the kernel's keyring.

    ``room``: or if it may not store that many bytes there, because the user's quota is in use.
    """
    reason = usable()
    if reason is not None:
        pytest.skip(f"no kernel keyring: {reason}")
    if not key_quota.wait_for(room):
        pytest.skip("others use this user's quota of keys")


@cache
def _own_user() -> int:
    """Return a user ID for this test process alone.

    The quota of keys counts per user, and one process must not clear what another has stored. A
    name in the abstract namespace marks an ID as taken until this process ends.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    for user in _UNUSED:
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0rolehop-tests-user-{user}")
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        return user
    raise AssertionError("every user ID is taken")


_marks: list[socket.socket] = []


def give(folder: Path) -> None:
    """Make the user of `run` the owner of ``folder`` and everything in it."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _own_user(), -1, follow_symlinks=False)


def run(
    code: str,
    *arguments: str,
    clear: bool = True,
    room: int | None = None,
    before: str = "",
) -> list[str]:
    """Run Python ``code`` as an unprivileged user; return what it printed, line by line.

    ``clear`` empties that user's keyring first.
    ``room`` then fills it until this many bytes of the user's quota are left. Only root has a user
    for that: the quota of anybody else is what other tests of the same user live on, also those of
    another user namespace. ``before`` runs with the privileges of this process.
    """
    need_kernel_keyring()
    assert room is None or os.geteuid() == 0, "mark the test with NEEDS_MUCH"
    fill = "" if room is None else f"key_quota.leave({room})\n"
    how = (str(_own_user()), "clear" if clear else "")
    done = subprocess.run(
        [
            sys.executable,
            "-B",
            "-W",
            "error",
            "-c",
            before + _BEFORE + fill + code,
            *how,
            *arguments,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": str(ROOT), **for_coverage()},
    )
    if done.stderr.startswith(_CANNOT):
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
