"""A random key in the keyring, for digests of short values that must not be guessed from a file.

A six-digit code has a million values: its plain hash is reversed in a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from rolehop.credentials import Secret
from rolehop.errors import VaultError
from rolehop.startup.lazy_regex import Pattern
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.storage import BackendHandle

SERVICE = "rolehop/digest-key"
_BYTES = 32
_KEY = Pattern(r"[0-9a-f]{64}")
_SECONDS = 30 * 24 * 3600
"""How long it lasts in back ends that expire items; a new one only forgets old digests."""


class DigestKey:
    """Makes digests under the key; safe between threads and processes."""

    def __init__(
        self, handle: BackendHandle, alone: Callable[[], AbstractContextManager[object]]
    ) -> None:
        """``alone`` lets only one process at a time make the key; raises OSError if it cannot."""
        self._handle = handle
        self._alone = alone
        self._guard = threading.Lock()
        self._key: Secret | None = None

    def digest(self, text: str) -> str | None:
        """Return the HMAC-SHA256 of ``text`` in hex; ``None``: there is no keyring for the key."""
        with self._guard:
            if self._key is None:
                self._key = self._load()
            if self._key is None:
                return None
            key = bytes.fromhex(self._key.reveal())
            return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def forget(self) -> None:
        """Delete the key: digests made under it say nothing any more."""
        with self._guard, contextlib.suppress(VaultError):
            self._key = None
            self._handle.open().delete(SERVICE)

    def _load(self) -> Secret | None:
        try:
            return self._stored() or self._stored_or_new()
        except (VaultError, OSError):
            return None

    def _stored_or_new(self) -> Secret:
        with self._alone():
            found = self._stored()  # another process may have been quicker
            if found is None:
                found = Secret(secrets.token_hex(_BYTES))
                self._handle.open().put(SERVICE, found.reveal(), _SECONDS)
            return found

    def _stored(self) -> Secret | None:
        try:
            found = self._handle.open().get(SERVICE)
        except IncompleteItem:
            return None
        return None if found is None or _KEY.fullmatch(found) is None else Secret(found)
