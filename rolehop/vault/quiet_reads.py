"""Look into an item without the keyring library and without asking anybody to unlock a keyring.

Plans believe the index, which another state folder over the same keyring does not change. Where
the hot path can read the keyring, it takes a moment to see whether the index is right.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rolehop.fastpath import PROPERTY, holds_member, read_items

QUIET_BACKENDS = {
    "keyring.backends.SecretService.Keyring": "bus",
    "rolehop.vault.kernel.KernelKeyring": "kernel",
}
"""The back ends that can be read so, and how a record names them."""


def item_holds(backend: str, item: str, member: str, environ: Mapping[str, str]) -> bool | None:
    """Return whether an item has a JSON member (empty: whether there is no such item).

    ``backend`` is a class (``module.Class``). ``None``: that cannot be told without the library.
    """
    reader = QUIET_BACKENDS.get(backend) if sys.platform == "linux" else None
    if reader is None or any(name.startswith(PROPERTY) for name in environ):
        return None
    found = read_items(reader, [f"rolehop/{item}"], environ)
    return None if found is None else holds_member(found[0], member)
