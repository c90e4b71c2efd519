"""Documents in the keyring, each stored under a name that it repeats: IAM user keys and sign-ins.

A document that was swapped with another, or of which one character changed, is damaged. What an
earlier version stored is read and rewritten in today's format.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from rolehop.credentials import StoredDocument
from rolehop.errors import VaultBroken, VaultError
from rolehop.vault import backend_label
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.index import Index
from rolehop.vault.index_file import IndexStore
from rolehop.vault.serialization import (
    DOCUMENT_SCHEMA,
    Damaged,
    as_document,
    read_document,
    read_object,
)
from rolehop.vault.storage import BackendHandle, Storage


class DocumentStore:
    """The documents of one kind."""

    def __init__(
        self,
        backend: BackendHandle,
        index: IndexStore,
        kind: str,
        read_older: Callable[[str, str], StoredDocument] | None = None,
    ) -> None:
        """Touch nothing yet.

        Args:
            backend: where the items are.
            index: its lock keeps processes from rewriting an item at once.
            kind: the first part of all names, e.g. ``keys``.
            read_older: reads a text of an earlier version, given its name in here; raises
                ``Damaged`` if it is none. ``None``: no earlier version stored any.
        """
        self._backend = backend
        self._index = index
        self._kind = kind
        self._read_older = read_older

    def get(self, name: str) -> StoredDocument | None:
        """Return the document under ``name``, ``None`` if there is none.

        Raises:
            Damaged: it is not whole, or was stored under another name.
            VaultError: the keyring cannot be read.
        """
        try:
            text = self._backend.use(lambda storage: storage.get(self._service(name)))
        except IncompleteItem as half:
            raise Damaged(str(half)) from None
        if text is None:
            return None
        fields = read_object(text)
        written_now = fields is None or fields.get("schema") == DOCUMENT_SCHEMA
        if written_now or self._read_older is None:
            return read_document(text, self._full(name))
        document = self._read_older(text, name)
        self._rewrite(name, text, document)
        return document

    def exists(self, name: str) -> bool:
        """True if there is an item under ``name``, even a damaged one. Raises as ``put``."""
        try:
            return self._backend.use(lambda storage: storage.get(self._service(name))) is not None
        except IncompleteItem:
            return True

    def put(self, name: str, document: StoredDocument) -> None:
        """Store ``document``.

        Raises:
            VaultError: the keyring failed.
        """
        text = as_document(document, self._full(name))
        self._backend.use(lambda storage: storage.put(self._service(name), text))

    def replace(self, name: str, document: StoredDocument) -> None:
        """Store ``document`` and read it back; the old item comes back if that fails.

        Raises:
            VaultError: the keyring failed, or did not keep the item.
        """
        text = as_document(document, self._full(name))
        self._backend.use(lambda storage: _replace(storage, self._service(name), text))

    def delete(self, name: str) -> bool:
        """Delete the document; return ``False`` if there was none. Raises as ``put``."""
        return self._backend.use(lambda storage: storage.delete(self._service(name)))

    def _rewrite(self, name: str, text: str, document: StoredDocument) -> None:
        """Store a document of an earlier version in today's format; if that fails, it stays."""
        service = self._service(name)
        written = as_document(document, self._full(name))

        def rewrite(index: Index) -> Index:
            storage = self._backend.open()
            if storage.get(service) == text:  # another process may have replaced it meanwhile
                _replace(storage, service, written)
            return index

        with suppress(OSError, VaultError, IncompleteItem):
            self._index.change(rewrite)

    def _full(self, name: str) -> str:
        return f"{self._kind}/{name}"

    def _service(self, name: str) -> str:
        return f"rolehop/{self._full(name)}"


def _replace(storage: Storage, service: str, text: str) -> None:
    old = None
    with suppress(IncompleteItem):
        old = storage.get(service)
    try:
        storage.put(service, text)
        if storage.get(service) != text:
            raise VaultBroken(
                "the keyring did not keep the item",
                cause=f"{backend_label(storage.chosen.name)} gave back something else",
                fix="name another back end in [vault]",
            )
    except VaultError:
        # The error that led here says more than another one would.
        with suppress(VaultError, IncompleteItem):
            if old is not None and storage.get(service) != old:
                storage.put(service, old)
        raise
