"""Seals of what decides: whoever can write the state folder but not read the keyring changes none of it.

A seal is an HMAC-SHA-256 under a key from the keyring over a note's kind, its name and what it says,
so that no note stands in for another one. Of some notes an earlier one must not come back either:
the item of the key says which is the latest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from rolehop.base.credentials import Secret, StoredDocument
from rolehop.base.errors import VaultError
from rolehop.base.startup import Pattern
from rolehop.vault.documents import DocumentStore
from rolehop.vault.serialization import Damaged
from rolehop.vault.storage import in_one_line

KIND = "seals"
"""Of the key's document in the keyring."""

WRONG = "it was changed, or an earlier one was put back, or the keyring has another key by now"

_NOTHING_PROVES = "nothing can prove it"

_NAME = "key"
_KEY = "key"
_BYTES = 32
_HEX = Pattern(r"[0-9a-f]{64}")
_MOST = 256
"""How many latest notes are known; beyond that those written longest ago count as changed."""


class Seals:
    """Makes seals and knows them again; safe between threads and processes."""

    def __init__(
        self, documents: DocumentStore, alone: Callable[[], AbstractContextManager[object]]
    ) -> None:
        """Open no keyring yet.

        ``alone`` lets only one process at a time change the key's item; OSError if it cannot.
        """
        self._documents = documents
        self._alone = alone
        self._guard = threading.RLock()
        self._item: StoredDocument | None = None
        self._no_key: str | None = None

    def digest(self, kind: str, name: str, text: str) -> str | None:
        """Return the HMAC-SHA-256 of ``text``, as what it is, in hex; ``None``: there is no key."""
        with self._guard:
            item = self._item or self._load()
        key = None if item is None else item[_KEY]
        if not isinstance(key, Secret):
            return None
        what = json.dumps([kind, name, text]).encode()
        return hmac.new(bytes.fromhex(key.reveal()), what, hashlib.sha256).hexdigest()

    def problem(self, kind: str, name: str, text: str, seal: str) -> str | None:
        """Return why ``seal`` does not prove ``text``, e.g. `WRONG`; ``None``: it does."""
        right = self.digest(kind, name, text)
        if right is None:
            return self._no_key
        return None if hmac.compare_digest(right, seal) else WRONG

    def latest(self, kind: str, name: str) -> str | None:
        """Return the mark of the latest note; ``None``: none is known."""
        with self._guard:
            item = (self._item or self._load()) or {}
        found = item.get(_mark(kind, name))
        return found if isinstance(found, str) else None

    @property
    def no_key(self) -> str | None:
        """Why there was no key when it was needed: the keyring is absent, locked, denied, broken or full."""
        return self._no_key

    @contextmanager
    def marking(self, kind: str, name: str, mark: str) -> Iterator[str | None]:
        """Make ``mark`` that of the latest note, which is to be written in here.

        Gives the mark before it, or nothing; ``None``: there is no key, or the keyring does not take
        the mark.
        """
        with self._guard, ExitStack() as stack:
            with suppress(
                OSError
            ):  # else the mark of another process may be lost: it is asked again
                stack.enter_context(self._alone())
            yield self._replaced(kind, name, mark)

    def forget(self) -> None:
        """Delete the key: nothing that is sealed counts any more."""
        with self._guard, suppress(VaultError):
            self._item = None
            self._documents.delete(_NAME)

    def _replaced(self, kind: str, name: str, mark: str) -> str | None:
        try:
            others = dict(self._stored() or _new())
            key, before = others.pop(_KEY), others.pop(_mark(kind, name), "")
            marks = [*others.items(), (_mark(kind, name), mark)][-_MOST:]
            self._documents.put(_NAME, changed := {_KEY: key, **dict(marks)})
        except VaultError:
            return None
        self._item = changed
        return str(before)

    def _load(self) -> StoredDocument | None:
        try:
            self._item, self._no_key = self._stored() or self._stored_or_new(), None
        except VaultError as error:
            self._no_key = in_one_line(_NOTHING_PROVES, error)
        except OSError as error:
            self._no_key = f"{_NOTHING_PROVES}: no key can be made: {error.strerror or error}"
        return self._item

    def _stored_or_new(self) -> StoredDocument:
        with self._alone():
            found = self._stored()  # another process may have been quicker
            if found is None:
                found = _new()
                self._documents.put(_NAME, found)
            return found

    def _stored(self) -> StoredDocument | None:
        try:
            found = self._documents.get(_NAME)
        except Damaged:
            return None
        key = None if found is None else found.get(_KEY)
        return found if isinstance(key, Secret) and _HEX.fullmatch(key.reveal()) else None


def _new() -> Mapping[str, str | Secret]:
    return {_KEY: Secret(secrets.token_hex(_BYTES))}


def _mark(kind: str, name: str) -> str:
    return f"latest {kind} {name}".rstrip()
