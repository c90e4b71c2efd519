"""Stores that sources use; the keyring is opened only when something is read or written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolehop.credentials import Credentials
    from rolehop.sources.context import Document
    from rolehop.vault.index import Index
    from rolehop.vault.sessions import KeyringVault


class LazyKeyStore:
    """IAM user keys (``sources.context.KeyStore``); ``load_index`` gives the index as it is now."""

    def __init__(
        self, open_vault: Callable[[], KeyringVault], load_index: Callable[[], Index]
    ) -> None:
        self._open_vault = open_vault
        self._load_index = load_index

    def get(self, name: str) -> Credentials | None:
        """Return the keys of source ``name``."""
        return self._open_vault().keys.get(name)

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID from the index."""
        entry = self._load_index().keys.get(name)
        return None if entry is None else entry.access_key_id


class LazyTokenStore:
    """Sign-ins (``sources.context.TokenStore``).

    ``track_index`` is called before a generation is read from the index.
    """

    def __init__(
        self, open_vault: Callable[[], KeyringVault], track_index: Callable[[], object]
    ) -> None:
        self._open_vault = open_vault
        self._track_index = track_index

    def get(self, name: str) -> Document | None:
        """Return the document under ``name``."""
        return self._open_vault().tokens.get(name)

    def put(self, name: str, document: Document) -> None:
        """Store ``document``, replacing what was there."""
        self._open_vault().tokens.put(name, document)

    def begin(self, name: str, document: Document) -> str:
        """Store the ``document`` of a new sign-in and return its generation."""
        return self._open_vault().tokens.begin(name, document)

    def remove(self, name: str) -> bool:
        """Forget document and generation."""
        return self._open_vault().tokens.remove(name)

    def generation(self, name: str) -> str | None:
        """Return the generation from the index."""
        self._track_index()
        return self._open_vault().tokens.generation(name)
