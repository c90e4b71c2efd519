"""Sign-ins in the keyring: tokens and client secrets of sources, a small document for each.

A sign-in can be made again, so one that cannot be stored lives in this process, with a note. Each
sign-in has a generation, a random word that tells it from earlier ones under the same name. It is
in the document, which decides, and in the index, as a hint for plans that do not open the keyring.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from rolehop.credentials import StoredDocument
from rolehop.durations import read_moment
from rolehop.errors import VaultAbsent, VaultBroken, VaultError
from rolehop.vault.documents import DocumentStore
from rolehop.vault.index import Index, SignInEnd
from rolehop.vault.index_file import IndexStore
from rolehop.vault.serialization import Damaged, member, read_older_document
from rolehop.vault.storage import BackendHandle
from rolehop.vault.timeouts import in_one_line

GENERATION = "generation"


class KeyringTokenStore:
    """Implements ``sources.context.TokenStore``; safe between threads."""

    def __init__(
        self, backend: BackendHandle, index: IndexStore, say: Callable[[str], None]
    ) -> None:
        self._backend = backend
        self._index = index
        self._say = say
        self._documents = DocumentStore(backend, index, "tokens", self._read_older)
        self._guard = threading.Lock()
        # Sign-ins that could not be stored, and generations that could not be noted.
        self._unstored: dict[str, StoredDocument] = {}
        self._generations: dict[str, str] = {}

    def get(self, name: str) -> StoredDocument | None:
        """Return the document under ``name``, ``None`` if there is none, or no keyring at all.

        Raises:
            VaultError: the keyring is there and cannot be read, or the item is damaged.
        """
        with self._guard:
            if name in self._unstored:
                return self._unstored[name]
        try:
            return self._read(name)
        except VaultAbsent as error:
            self._say_not_stored(error)
            return None

    def look_up(self, name: str) -> None:
        """Note in the index which sign-in the keyring has under ``name``, or that it has none.

        Raises: as `get`; VaultAbsent if there is no keyring at all.
        """
        if self._read(name) is not None:
            return
        end = self._index.load().sign_in_ends.get(name)
        if end is None or end.backend == self._backend.in_use:
            self._changed(lambda index: index.without_sign_in(name))

    def _read(self, name: str) -> StoredDocument | None:
        """Return the document under ``name``, and note its generation and end if they are others."""
        try:
            document = self._documents.get(name)
        except Damaged as damage:
            raise VaultBroken(
                f"the sign-in stored as '{name}' cannot be read",
                cause=f"the item in the keyring is damaged: {damage}",
                fix="rolehop source logout NAME, then rolehop source login NAME",
            ) from None
        generation = None if document is None else generation_of(document)
        if generation is not None and generation != self.generation(name):
            with suppress(OSError):  # a hint: walks ask the keyring itself
                self._index.change(lambda index: index.with_sign_in(name, generation))
        if document is not None:
            self._note_end(name, document)
        return document

    def put(self, name: str, document: StoredDocument) -> None:
        """Store ``document`` in the place of the old one; a failure is said once."""
        try:
            self._documents.put(name, document)
        except VaultError as error:
            self._say_not_stored(error)
            with self._guard:
                self._unstored[name] = dict(document)
            return
        with self._guard:
            self._unstored.pop(name, None)
        self._note_end(name, document)

    def begin(self, name: str, document: StoredDocument) -> str:
        """Store the ``document`` of a new sign-in and return its generation."""
        generation = secrets.token_hex(16)
        if not self._changed(lambda index: index.with_sign_in(name, generation)):
            with self._guard:
                self._generations[name] = generation
        self.put(name, {**document, GENERATION: generation})
        return generation

    def remove(self, name: str) -> bool:
        """Remove document and generation; return ``False`` if there was neither.

        Raises:
            VaultError: the keyring failed; what was not removed is still known.
        """
        with self._guard:
            there = self._unstored.pop(name, None) is not None
        with suppress(VaultAbsent):  # then nothing can be stored
            there = self._documents.delete(name) or there
        there = self.generation(name) is not None or there
        with self._guard:
            self._generations.pop(name, None)
        self._changed(lambda index: index.without_sign_in(name))
        return there

    def generation(self, name: str) -> str | None:
        """Return the generation of the sign-in from the index: no keyring call."""
        with self._guard:
            if name in self._generations:
                return self._generations[name]
        return self._index.load().sign_ins.get(name)

    def _note_end(self, name: str, document: StoredDocument) -> None:
        """Note when a sign-in ends, if that has changed."""
        index, backend = self._index.load(), self._backend.in_use
        if name not in index.sign_ins or backend is None:
            return  # a registration or a passphrase, which is no sign-in
        end = SignInEnd(_end_in(document), "refresh_token" in document, backend)
        if index.sign_in_ends.get(name) != end:
            self._changed(lambda index: index.with_sign_in_end(name, end))

    def _changed(self, change: Callable[[Index], Index]) -> bool:
        try:
            self._index.change(change)
        except OSError:
            return False
        return True

    def _say_not_stored(self, error: VaultError) -> None:
        self._say(in_one_line("sign-ins are not stored", error))

    def _read_older(self, text: str, name: str) -> StoredDocument:
        """Read a sign-in of an earlier version, which does not say its name: the index may know."""
        document = read_older_document(text)
        noted = self._index.load().sign_ins
        owners = [each for each, found in noted.items() if found == generation_of(document)]
        if owners and name not in owners:
            raise Damaged("it was stored under another name")
        return document


def _end_in(document: StoredDocument) -> datetime | None:
    """Return when a sign-in ends, in UTC; ``None`` if it does not say."""
    try:
        at = read_moment(document.get("local_expires_at") or document.get("expires_at"))
    except ValueError:
        return None
    return at.replace(microsecond=0)  # the index, with which it is compared, has whole seconds


def generation_of(document: StoredDocument) -> str | None:
    """Return the generation of a stored sign-in, ``None`` if `KeyringTokenStore.begin` did not store it."""
    generation = document.get(GENERATION)
    return generation if isinstance(generation, str) else None


def sign_in_item(name: str, generation: str | None) -> tuple[str, str]:
    """Return the name of a sign-in's item and the member it has while it is of ``generation``.

    The latter is empty for ``None``: then there must be no item.
    """
    return f"tokens/{name}", "" if generation is None else member(GENERATION, generation)
