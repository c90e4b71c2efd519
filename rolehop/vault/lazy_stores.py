"""Stores that sources use; the keyring is opened only when something is read or written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rolehop.vault import FREEDESKTOP, KERNEL

if TYPE_CHECKING:
    from rolehop.base.credentials import Credentials, StoredDocument
    from rolehop.vault.index import Index, KeyEntry, SignInEnd
    from rolehop.vault.sessions import KeyringVault

QUIET_BACKENDS = {
    FREEDESKTOP: "bus",
    KERNEL: "kernel",
}
"""The back ends that can be read without the keyring library, and how a record names them."""

Track = Callable[[str, str], object]
"""Notes that an answer depends on an item: its name and the member that it must hold."""


class LazyKeyStore:
    """IAM user keys (``sources.context.KeyStore``).

    A walk does not trust the index, which another process or another state folder may have made
    outdated: it asks the keyring whose keys these are, once for many chains of one run.
    """

    def __init__(
        self,
        open_vault: Callable[[], KeyringVault],
        load_index: Callable[[], Index],
        track: Track,
        environ: Mapping[str, str],
        *,
        trust_index: bool,
    ) -> None:
        """Open nothing yet.

        Args:
            open_vault: gives the vault.
            load_index: gives the index as it is now.
            track: is told what an answer depends on.
            environ: tells where the keyring is, if it can be read without the library.
            trust_index: unless the keyring certainly says otherwise, the index tells whose keys
                these are.
        """
        self._open_vault = open_vault
        self._load_index = load_index
        self._track = track
        self._environ = environ
        self._trust_index = trust_index
        self._seen: dict[str, str] = {}

    def get(self, name: str) -> Credentials | None:
        """Return the keys of source ``name``."""
        found = self._open_vault().keys.get(name)
        self._note(name, None if found is None else found.access_key_id)
        if found is not None:
            self._seen[name] = found.access_key_id
        return found

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID of the keys; ``None``: none are known to be there."""
        if not self._trust_index:
            if name not in self._seen:
                self.get(name)
            return self._seen.get(name)
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
    """Sign-ins (``sources.context.TokenStore``); a walk does not trust the index here either."""

    def __init__(
        self,
        open_vault: Callable[[], KeyringVault],
        track_index: Callable[[], object],
        track: Track,
        *,
        trust_index: bool,
    ) -> None:
        """Open nothing yet.

        Args:
            open_vault: gives the vault.
            track_index: is called before a generation is read from the index.
            track: is told what an answer depends on.
            trust_index: the index tells who is signed in.
        """
        self._open_vault = open_vault
        self._track_index = track_index
        self._track = track
        self._trust_index = trust_index
        self._seen: dict[str, str] = {}

    def get(self, name: str) -> StoredDocument | None:
        """Return the document under ``name``."""
        from rolehop.vault.documents import generation_of

        found = self._open_vault().tokens.get(name)
        generation = None if found is None else generation_of(found)
        if generation is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = generation
        return found

    def put(self, name: str, document: StoredDocument) -> None:
        """Store ``document``, replacing what was there."""
        self._open_vault().tokens.put(name, document)

    def begin(self, name: str, document: StoredDocument) -> str:
        """Store the ``document`` of a new sign-in and return its generation."""
        self._seen[name] = self._open_vault().tokens.begin(name, document)
        return self._seen[name]

    def remove(self, name: str) -> bool:
        """Remove document and generation."""
        self._seen.pop(name, None)
        return self._open_vault().tokens.remove(name)

    def end(self, name: str) -> SignInEnd | None:
        """Return what is known of the end of the sign-in."""
        return self._open_vault().tokens.end(name)

    def note_ended(self, name: str, *, ended: bool) -> None:
        """Note whether AWS says that the sign-in has ended."""
        self._open_vault().tokens.note_ended(name, ended=ended)

    def generation(self, name: str) -> str | None:
        """Return the generation of the sign-in.

        That there is none is not remembered: another process may be signing in just now.
        """
        from rolehop.vault.documents import sign_in_item

        if not self._trust_index:
            if name not in self._seen:
                self.get(name)
            return self._seen.get(name)
        self._track_index()
        found = self._open_vault().tokens.generation(name)
        self._track(*sign_in_item(name, found))
        return found


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
