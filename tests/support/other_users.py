"""Other users of this machine: their numbers, and access control lists that name them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

AS_ROOT = pytest.mark.root("to give files away")
SOMEBODY = 54_321
USER = 0x02
GROUP = 0x08
OWNING_GROUP = 0x04


def set_acl(path: Path, *entries: tuple[int, int, int], owning_group: int = 4) -> None:
    """Give ``path`` a POSIX ACL with ``entries`` of tag, permissions and ID, and a mask of rw."""
    nobody = 0xFFFFFFFF
    whole = [(1, 6, nobody), *entries, (OWNING_GROUP, owning_group, nobody)]
    whole += [(0x10, 6, nobody), (0x20, 0, nobody)]
    order = {1: 0, USER: 1, OWNING_GROUP: 2, GROUP: 3, 0x10: 4, 0x20: 5}
    whole.sort(key=lambda each: order[each[0]])
    data = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in whole)
    try:
        os.setxattr(path, "system.posix_acl_access", data)
    except (OSError, AttributeError) as error:
        pytest.skip(f"no POSIX ACLs here: {error}")
