"""Stores that sources use; the keyring is opened only when something is read or written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rolehop.vault import FREEDESKTOP, KERNEL

if TYPE_CHECKING:
    from rolehop.base.credentials import Credentials, StoredDocument
    from rolehop.vault.index import Index, KeyEntry
    from rolehop.vault.sessions import KeyringVault

QUIET_BACKENDS = {
    FREEDESKTOP: "bus",
    KERNEL: "kernel",
}
"""The back ends that can be read without the keyring library, and how a record names them."""

Track = Callable[[str, str], object]
"""Notes that an answer depends on an item: its name and the member that it must hold."""


class LazyKeyStore:
    """IAM user keys (``sources.context.KeyStore``); ``load_index`` gives the index as it is now.

    ``environ`` tells where the keyring is, if it can be read without the library.
    """

    def __init__(
        self,
        open_vault: Callable[[], KeyringVault],
        load_index: Callable[[], Index],
        track: Track,
        environ: Mapping[str, str],
    ) -> None:
        self._open_vault = open_vault
        self._load_index = load_index
        self._track = track
        self._environ = environ
        self._seen: dict[str, str] = {}

    def get(self, name: str) -> Credentials | None:
        """Return the keys of source ``name``."""
        found = self._open_vault().keys.get(name)
        self._note(name, None if found is None else found.access_key_id)
        return found

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID from the index; from the keyring if the index is outdated.

        ``None``: the index has none, or the keyring has none any more.
        """
        entry = self._load_index().keys.get(name)
        if entry is None:
            return None
        if self._seen.get(name) != entry.access_key_id and self._is_outdated(name, entry):
            found = self.get(name)
            return None if found is None else found.access_key_id
        self._seen[name] = entry.access_key_id
        self._note(name, entry.access_key_id)
        return entry.access_key_id

    def _is_outdated(self, name: str, entry: KeyEntry) -> bool:
        """True if the keyring certainly has another key: another state folder does not tell."""
        from rolehop.vault.documents import key_item

        item = key_item(name, entry.access_key_id)
        return _item_holds(entry.backend, *item, self._environ) is False

    def _note(self, name: str, access_key_id: str | None) -> None:
        from rolehop.vault.documents import key_item

        self._track(*key_item(name, access_key_id))


class LazyTokenStore:
    """Sign-ins (``sources.context.TokenStore``).

    ``track_index`` is called before a generation is read from the index.
    """

    def __init__(
        self,
        open_vault: Callable[[], KeyringVault],
        track_index: Callable[[], object],
        track: Track,
    ) -> None:
        self._open_vault = open_vault
        self._track_index = track_index
        self._track = track

    def get(self, name: str) -> StoredDocument | None:
        """Return the document under ``name``."""
        return self._open_vault().tokens.get(name)

    def put(self, name: str, document: StoredDocument) -> None:
        """Store ``document``, replacing what was there."""
        self._open_vault().tokens.put(name, document)

    def begin(self, name: str, document: StoredDocument) -> str:
        """Store the ``document`` of a new sign-in and return its generation."""
        return self._open_vault().tokens.begin(name, document)

    def remove(self, name: str) -> bool:
        """Remove document and generation."""
        return self._open_vault().tokens.remove(name)

    def generation(self, name: str) -> str | None:
        """Return the generation from the index."""
        from rolehop.vault.documents import sign_in_item

        self._track_index()
        found = self._open_vault().tokens.generation(name)
        self._track(*sign_in_item(name, found))
        return found


class WalkKeyStore(LazyKeyStore):
    """The same for a walk, which asks the keyring and not the index whose keys these are.

    Another process may have replaced them, even one with another state folder. What was read last
    is remembered, so that many chains of one run read it once; loading reads it again.
    """

    def __init__(self, store: LazyKeyStore) -> None:
        super().__init__(store._open_vault, store._load_index, store._track, store._environ)
        self._read: dict[str, str] = {}

    def get(self, name: str) -> Credentials | None:
        """Return the keys of source ``name``."""
        found = super().get(name)
        if found is not None:
            self._read[name] = found.access_key_id
        return found

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID of the keys in the keyring."""
        if name not in self._read:
            self.get(name)
        return self._read.get(name)


class WalkTokenStore(LazyTokenStore):
    """The same for a walk, which asks the keyring and not the index who is signed in."""

    def __init__(self, store: LazyTokenStore) -> None:
        super().__init__(store._open_vault, store._track_index, store._track)
        self._read: dict[str, str] = {}

    def get(self, name: str) -> StoredDocument | None:
        """Return the document under ``name``."""
        from rolehop.vault.documents import generation_of

        found = super().get(name)
        generation = None if found is None else generation_of(found)
        if generation is None:
            self._read.pop(name, None)
        else:
            self._read[name] = generation
        return found

    def begin(self, name: str, document: StoredDocument) -> str:
        """Store the ``document`` of a new sign-in and return its generation."""
        self._read[name] = super().begin(name, document)
        return self._read[name]

    def remove(self, name: str) -> bool:
        """Remove document and generation."""
        self._read.pop(name, None)
        return super().remove(name)

    def generation(self, name: str) -> str | None:
        """Return the generation of the document in the keyring.

        None is not remembered: another process may be signing in just now.
        """
        if name not in self._read:
            self.get(name)
        return self._read.get(name)


def _item_holds(backend: str, item: str, member: str, environ: Mapping[str, str]) -> bool | None:
    """Return whether an item has a JSON member (empty: whether there is no such item).

    ``backend`` is a class (``module.Class``). ``None``: that cannot be told without the library, or
    without asking somebody to unlock the keyring.
    """
    from rolehop.hotpath import PROPERTY, holds_member, read_items

    reader = QUIET_BACKENDS.get(backend) if sys.platform == "linux" else None
    if reader is None or any(name.startswith(PROPERTY) for name in environ):
        return None
    found = read_items(reader, [f"rolehop/{item}"], environ)
    return None if found is None else holds_member(found[0], member)
