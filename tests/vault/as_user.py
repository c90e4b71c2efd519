"""Programs run as an unprivileged user, with a kernel keyring of that user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rolehop.vault.kernel import usable

ROOT = Path(__file__).parents[2]

# A user of its own for each test process: the quota of keys counts per user, and what others keep
# in it would fail the tests that fill it.
_USER = 40_000 + os.getpid() % 20_000

# Python itself may lie where that user cannot read, so all that is needed is imported before the
# privileges go. Then the program gets a session keyring of its own.
_BEFORE = """
import ctypes, json, os, sys, time
import keyring.backends.fail
import tests.doubles.keyrings, tests.vault.samples
from rolehop.fastpath import keyctl
from rolehop.vault import kernel
from rolehop.vault.backend_selection import choose_backend
import encodings.utf_16_le, keyring.errors
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(int(sys.argv.pop(1)))
else:
    del sys.argv[1]
assert keyctl.keyctl(1, ctypes.c_char_p(None)) > 0  # JOIN_SESSION_KEYRING
"""
_CLEAR = """
keyctl.keyctl(8, -4, -3)  # LINK @u into @s
keyctl.keyctl(7, -4)  # CLEAR @u
"""


def need_kernel_keyring() -> None:
    reason = usable()
    if reason is not None:
        pytest.skip(f"no kernel keyring: {reason}")


def run(code: str, *arguments: str, clear: bool = True) -> list[str]:
    """Run Python ``code`` as an unprivileged user; return what it printed, line by line.

    ``clear`` empties that user's keyring first, which also links it into the session keyring.
    """
    need_kernel_keyring()
    whole = _BEFORE + (_CLEAR if clear else "") + code
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", whole, str(_USER), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
