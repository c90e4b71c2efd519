"""Sign-ins at rest: tokens and client secrets of sources, each a small document under one name.

A sign-in can be made again, so what cannot be kept is not lost work: without a keyring it lives
in this process and that is said once. What was signed in by whom is told apart by a generation, a
random word in the index that needs no keyring to be read. It changes before the document does:
whoever reads in between finds a document of another generation than the index says, and knows.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import TypeGuard

from rolehop.credentials import Secret
from rolehop.errors import VaultAbsent, VaultBroken, VaultError
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.index import Index
from rolehop.vault.index_file import IndexStore
from rolehop.vault.storage import BackendHandle

Document = Mapping[str, str | Secret]

SCHEMA = 1
GENERATION = "generation"


class TokenStore:
    """Implements ``sources.TokenStore``; safe between threads."""

    def __init__(
        self, opener: BackendHandle, index: IndexStore, say: Callable[[str], None]
    ) -> None:
        self._opener = opener
        self._index = index
        self._say = say
        self._guard = threading.Lock()
        # What could not be kept, and what hangs on it, for as long as this process lives.
        self._here: dict[str, Document] = {}
        self._generations: dict[str, str] = {}

    def get(self, name: str) -> Document | None:
        """Return the document under ``name``, ``None``: there is none, or no keyring at all.

        Raises:
            VaultError: the keyring is there and cannot be read, or the item is damaged.
        """
        with self._guard:
            if name in self._here:
                return self._here[name]
        try:
            text = self._opener.open().get(_service(name))
        except VaultAbsent as error:
            self._say_unkept(error)
            return None
        except IncompleteItem as half:
            raise _damaged(name, str(half)) from None
        except VaultError as error:
            self._opener.failed(error)
            raise
        return None if text is None else _read(text, name)

    def put(self, name: str, document: Document) -> None:
        """Keep ``document`` in the place of what was there; not kept is said once."""
        try:
            self._opener.open().put(_service(name), _as_text(document))
        except VaultError as error:
            self._opener.failed(error)
            self._say_unkept(error)
            with self._guard:
                self._here[name] = dict(document)
            return
        with self._guard:
            self._here.pop(name, None)

    def begin(self, name: str, document: Document) -> str:
        """Keep the ``document`` of a new sign-in and return its generation."""
        generation = secrets.token_hex(16)
        if not self._changed(lambda index: index.with_sign_in(name, generation)):
            with self._guard:
                self._generations[name] = generation
        self.put(name, {**document, GENERATION: generation})
        return generation

    def remove(self, name: str) -> bool:
        """Forget document and generation; ``False``: there was neither.

        Raises:
            VaultError: the keyring failed; what was not removed is still known.
        """
        with self._guard:
            there = self._here.pop(name, None) is not None
        try:
            there = self._opener.open().delete(_service(name)) or there
        except VaultAbsent:
            pass  # nothing can rest there
        except VaultError as error:
            self._opener.failed(error)
            raise
        there = self.generation(name) is not None or there
        with self._guard:
            self._generations.pop(name, None)
        self._changed(lambda index: index.without_sign_in(name))
        return there

    def generation(self, name: str) -> str | None:
        """Return the generation of the sign-in, from the index: no keyring call."""
        with self._guard:
            if name in self._generations:
                return self._generations[name]
        return self._index.load().sign_ins.get(name)

    def _changed(self, change: Callable[[Index], Index]) -> bool:
        try:
            self._index.change(change)
        except OSError:
            return False
        return True

    def _say_unkept(self, error: VaultError) -> None:
        told = ": ".join(part for part in (error.what, error.cause) if part)
        self._say(f"sign-ins are not kept: {told}")


def _as_text(document: Document) -> str:
    plain = {name: value for name, value in document.items() if isinstance(value, str)}
    hidden = {name: value.reveal() for name, value in document.items() if isinstance(value, Secret)}
    told = {"schema": SCHEMA, "plain": plain, "secret": hidden}
    return json.dumps(told, separators=(",", ":"))


def _read(text: str, name: str) -> Document:
    """Read what `_as_text` wrote.

    Raised outside of ``except``: a JSONDecodeError carries the whole text, and would travel along.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise _damaged(name, "it is not what rolehop writes")
    plain, hidden = told.get("plain"), told.get("secret")
    if not _are_texts(plain) or not _are_texts(hidden):
        raise _damaged(name, "a value has the wrong type")
    return {**plain, **{key: Secret(value) for key, value in hidden.items()}}


def _are_texts(part: object) -> TypeGuard[dict[str, str]]:
    return isinstance(part, dict) and all(isinstance(value, str) for value in part.values())


def _damaged(name: str, why: str) -> VaultBroken:
    return VaultBroken(
        f"the sign-in kept as '{name}' cannot be read",
        cause=f"the item in the keyring is damaged: {why}",
        fix="rolehop source logout NAME, then rolehop source login NAME",
    )


def _service(name: str) -> str:
    return f"rolehop/tokens/{name}"
