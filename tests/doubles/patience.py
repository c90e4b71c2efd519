"""A machine that stalls for seconds does not hang: programs over a real Secret Service wait longer."""

from __future__ import annotations

from typing import Any

from rolehop.fastpath import dbus
from rolehop.vault.sessions import KeyringVault
from rolehop.vault.storage import BackendHandle

SECONDS = 60.0


def wait_for_keyrings() -> None:
    """Let this process give a keyring more time than the program does."""
    made: tuple[Any, ...] = (KeyringVault, BackendHandle)
    for each in made:
        each.__init__.__kwdefaults__["quick_seconds"] = SECONDS
    dbus.read_secrets.__defaults__ = (SECONDS, None)
    dbus.is_collection_locked.__defaults__ = (SECONDS,)
