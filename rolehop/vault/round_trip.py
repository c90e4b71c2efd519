"""Try the keyring: write, read and delete an item of no value."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from rolehop.errors import VaultBroken
from rolehop.startup.dataclass import dataclass
from rolehop.vault.storage import BackendHandle

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolehop.vault.backend_selection import Chosen


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """How the keyring did."""

    backend: str
    """``module.Class``."""

    seconds: float
    """For writing, reading and deleting one item."""

    lasting: bool
    """Its items survive a reboot."""

    warning: str | None
    """One line for the user, e.g. that it may keep plain text."""


def try_keyring(choose: Callable[[], Chosen], prepare: Callable[[], None]) -> RoundTrip:
    """Choose the back end as `KeyringVault` does, and use it once.

    Raises:
        VaultError: there is none, it is locked, it fails, or gives back something else.
    """
    handle = BackendHandle(choose, lambda line: None, prepare=prepare)
    storage = handle.open()
    service, text = f"rolehop/doctor/{secrets.token_hex(8)}", secrets.token_hex(32)
    begun = time.monotonic()
    storage.put(service, text, 60)
    try:
        found = storage.get(service)
    finally:
        storage.delete(service)
    if found != text:
        raise VaultBroken(
            "the keyring does not give back what it was given",
            cause=f"{storage.chosen.name} stored an item and then had another, or none",
            fix='name another one: [vault] backend = "module.Class"',
        )
    seconds = time.monotonic() - begun
    return RoundTrip(storage.chosen.name, seconds, storage.chosen.lasting, storage.chosen.warning)
