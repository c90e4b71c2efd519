"""How many bytes of keys the kernel still lets this user have (keyrings(7), /proc/key-users)."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from rolehop.hotpath import keyctl

_LARGEST = 32_000  # bytes; a key of type "user" holds 32,767


def free() -> int:
    """Return how many bytes are left of this user's quota."""
    for line in Path("/proc/key-users").read_bytes().splitlines():
        user, _, _, _, size = line.split()
        if int(user.rstrip(b":")) == os.getuid():
            used, limit = map(int, size.split(b"/"))
            return limit - used
    setting = "maxbytes" if os.getuid() else "root_maxbytes"  # no key yet
    return int(Path("/proc/sys/kernel/keys", setting).read_text())


def wait_for(size: int) -> bool:
    """Wait until ``size`` bytes are free: the kernel frees what was removed a moment later.

    ``False``: it did not happen within three seconds, so others use them.
    """
    until = time.monotonic() + 3
    is_last = False
    while free() < size:
        if is_last:
            return False
        time.sleep(0.01)
        is_last = time.monotonic() > until
    return True


def leave(size: int) -> None:
    """Fill the user keyring until ``size`` bytes are free, or end this program with the reason."""
    if not wait_for(size):
        sys.exit("this user's quota of keys is used by others")
    while (more := free() - size) > 100:
        filler = b"x" * min(more - 50, _LARGEST)
        name = b"rolehop:filler-%d" % more
        keyctl.add_key(b"user", name, filler, keyctl.USER_RING)
