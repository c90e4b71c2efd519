"""Documents in the keyring, each stored under a name that it repeats: IAM user keys, sign-ins.

A document that was swapped with another, or of which one character changed, is damaged.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime

from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import Credentials, Secret, StoredDocument
from rolehop.base.dataclass import replace as with_fields
from rolehop.base.durations import read_moment
from rolehop.base.errors import UsageError, VaultAbsent, VaultBroken, VaultError
from rolehop.base.startup import Pattern
from rolehop.vault import backend_label
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.index import Index, KeyEntry, SignInEnd
from rolehop.vault.index_file import IndexStore, write_problem
from rolehop.vault.serialization import (
    Damaged,
    as_document,
    member,
    read_document,
)
from rolehop.vault.storage import BackendHandle, Storage, in_one_line


class DocumentStore:
    """The documents of one kind."""

    def __init__(self, backend: BackendHandle, kind: str) -> None:
        """``kind`` is the first part of all names, e.g. ``keys``."""
        self._backend = backend
        self._kind = kind

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
        return None if text is None else read_document(text, self._full(name))

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

    def _full(self, name: str) -> str:
        return f"{self._kind}/{name}"

    def _service(self, name: str) -> str:
        return f"rolehop/{self._full(name)}"


def _replace(storage: Storage, service: str, text: str) -> None:
    old = _whole(storage, service)
    try:
        storage.put(service, text)
        if _whole(storage, service) != text:
            raise VaultBroken(
                "the keyring did not keep the item",
                cause=f"{backend_label(storage.chosen.name)} gave back something else",
                fix="name another back end in [vault]",
            )
    except VaultError:
        # The error that led here says more than another one would.
        with suppress(VaultError):
            if old is not None and _whole(storage, service) != old:
                storage.put(service, old)
        raise


def _whole(storage: Storage, service: str) -> str | None:
    """Return the text; ``None``: there is none, or what is there is not whole."""
    try:
        return storage.get(service)
    except IncompleteItem:
        return None


_ID, _SECRET = "AccessKeyId", "SecretAccessKey"
_ACCESS_KEY_ID = Pattern(r"[A-Za-z0-9_]{16,128}")


class KeyringKeyStore:
    """The keys of ``keys`` sources, by source name.

    The item in the keyring decides which key a source has; the index is a hint, for plans that do
    not open the keyring. Every method that uses the keyring raises a ``VaultError`` if it is
    absent, locked, denied, broken or full; nothing was changed then.
    """

    def __init__(
        self, backend: BackendHandle, index: IndexStore, now: Callable[[], datetime]
    ) -> None:
        self._backend = backend
        self._index = index
        self._now = now
        self._documents = DocumentStore(backend, "keys")

    def add(
        self, name: str, credentials: Credentials, *, replace: bool, until_reboot: bool
    ) -> None:
        """Store the key of source ``name``.

        Raises:
            UsageError: there is one already and ``replace`` is not set, or these are a session.
            VaultAbsent: no back end, or one that forgets at reboot and ``until_reboot`` is not set.
            VaultBroken: the index cannot be written, or the keyring did not keep the key.
        """
        if not credentials.long_lived:
            raise UsageError(
                "these are a session's credentials, not an IAM user key",
                cause="they carry a session token and would soon end",
                fix="use an access key of an IAM user (AKIA…), or source type 'environment'",
            )
        backend = self.check_lasting(until_reboot=until_reboot)
        if self._documents.exists(name) and not replace:
            raise UsageError(
                f"source '{name}' has a key already",
                fix="add --replace to put this one in its place",
            )
        secret = credentials.secret_access_key
        with self._entry_removed(name) as put_back:
            self._documents.replace(name, {_ID: credentials.access_key_id, _SECRET: secret})
            put_back(self._entry(credentials, backend))

    def check_lasting(self, *, until_reboot: bool) -> str:
        """Return the name of the back end in use, if it keeps a key.

        Raises:
            VaultAbsent: no back end, or one that forgets at reboot and ``until_reboot`` is not set.
        """
        chosen = self._backend.open().chosen
        if not chosen.lasting and not until_reboot:
            raise VaultAbsent(
                "no keyring here stores a key permanently",
                cause=f"{chosen.name} forgets everything at reboot",
                fix="add --until-reboot, or use a Secret Service, or pass: rolehop guide server-keyring",
            )
        return chosen.name

    def get(self, name: str) -> Credentials | None:
        """Return the key of source ``name``, ``None`` if there is none.

        Raises:
            VaultAbsent: it is in another back end than the one in use.
            VaultBroken: the item is damaged, or is another source's.
        """
        backend = self._backend.open().chosen.name
        try:
            document = self._documents.get(name)
            credentials = None if document is None else _as_credentials(document)
        except Damaged as damage:
            raise _damaged(name, str(damage)) from None
        known = self.names().get(name)
        if credentials is None:
            if known is not None and known.backend != backend:
                fix = Advice(
                    "run it where that keyring is in use, or: rolehop keys add ", Argument(name)
                )
                raise _elsewhere(name, known.backend, backend, fix)
            if known is not None:  # it was removed elsewhere
                with suppress(OSError):
                    self._index.change(lambda index: index.without_key(name))
            return None
        entry = self._entry(credentials, backend)
        if known is None or with_fields(entry, added_at=known.added_at) != known:
            with suppress(OSError):  # a hint: walks ask the keyring itself
                self._index.change(lambda index: index.with_key(name, entry))
        return credentials

    def remove(self, name: str) -> bool:
        """Remove the key of source ``name``; return ``False`` if there was none."""
        backend = self._backend.open().chosen.name
        known = self.names().get(name)
        if known is not None and known.backend != backend:
            self._documents.delete(name)
            raise _elsewhere(name, known.backend, backend, "run it where that keyring is in use")
        self._documents.exists(name)  # it may ask to be unlocked: nobody waits for that
        with self._entry_removed(name) as put_back:
            there = self._documents.delete(name)
            put_back(None)
        return there or known is not None

    def stored_entry(self, name: str) -> KeyEntry | None:
        """Return the entry that the key of source ``name`` should have; the index is not changed.

        To be called while the index is locked: nobody stores a key then.
        """
        try:
            document = self._documents.get(name)
            credentials = None if document is None else _as_credentials(document)
        except Damaged:
            return None
        return None if credentials is None else self._entry(credentials, self._backend.in_use or "")

    def names(self) -> Mapping[str, KeyEntry]:
        """Return the index's entries by source name: no keyring call."""
        return self._index.load().keys

    def _entry(self, credentials: Credentials, backend: str) -> KeyEntry:
        return KeyEntry(credentials.access_key_id, backend, self._now().replace(microsecond=0))

    @contextmanager
    def _entry_removed(self, name: str) -> Iterator[Callable[[KeyEntry | None], None]]:
        """Remove a key from the index while its item changes; yield what notes the new one.

        If this process ends in between, no entry says which key the source has, so that the
        keyring is asked. The index stays locked, so that nobody calls it complete meanwhile.
        """
        try:
            with self._index.held() as change:
                lost = self._index.load().lost
                change(lambda index: with_fields(index.without_key(name), lost=True))

                def put_back(entry: KeyEntry | None) -> None:
                    change(lambda index: with_fields(_with(index, name, entry), lost=lost))

                yield put_back
        except OSError as error:
            cause, fix = write_problem(error)
            raise VaultBroken(
                "the index of stored keys cannot be written",
                cause=f"{self._index.path}: {cause}",
                fix=fix,
            ) from None


def _with(index: Index, name: str, entry: KeyEntry | None) -> Index:
    return index if entry is None else index.with_key(name, entry)


def key_item(name: str, access_key_id: str | None) -> tuple[str, str]:
    """Return the name of a source's item and the member it has while its key is this one.

    The latter is empty for ``None``: then there must be no item.
    """
    return f"keys/{name}", "" if access_key_id is None else member(_ID, access_key_id)


def _as_credentials(document: StoredDocument) -> Credentials:
    access_key_id, secret = document.get(_ID), document.get(_SECRET)
    if document.keys() != {_ID, _SECRET} or not isinstance(secret, Secret):
        raise Damaged("it has other fields than a key has")
    if not isinstance(access_key_id, str) or not _ACCESS_KEY_ID.fullmatch(access_key_id):
        raise Damaged("it holds no access key ID")
    if not secret:
        raise Damaged("its secret is empty")
    return Credentials(access_key_id, secret)


def _damaged(name: str, why: str) -> VaultBroken:
    return VaultBroken(
        f"the key of source '{name}' cannot be read",
        cause=f"the item in the keyring is damaged: {why}",
        fix=Advice("rolehop keys add ", Argument(name), " --replace"),
    )


def _elsewhere(name: str, stored_in: str, in_use: str, fix: str) -> VaultAbsent:
    return VaultAbsent(
        f"the key of source '{name}' cannot be reached",
        cause=f"it is in {stored_in}, and {in_use} is in use here",
        fix=fix,
    )


GENERATION = "generation"


class KeyringTokenStore:
    """Implements ``sources.context.TokenStore``; safe between threads."""

    def __init__(
        self, backend: BackendHandle, index: IndexStore, say: Callable[[str], None]
    ) -> None:
        self._backend = backend
        self._index = index
        self._say = say
        self._documents = DocumentStore(backend, "tokens")
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
        if self._read(name) is None and name not in self._index.load().sign_in_ends:
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
        elif self._was_stored_here(name):
            self._changed(lambda index: index.without_sign_in(name))
        return document

    def _was_stored_here(self, name: str) -> bool:
        """True if the index says that the back end in use has a sign-in: somebody else deleted it."""
        end = self._index.load().sign_in_ends.get(name)
        return end is not None and end.backend == self._backend.in_use

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

    def end(self, name: str) -> SignInEnd | None:
        """Return what is known of the end of a stored sign-in from the index: no keyring call."""
        return self._index.load().sign_in_ends.get(name)

    def note_ended(self, name: str, *, ended: bool) -> None:
        """Note whether AWS says that a sign-in has ended, or takes it."""
        end = self.end(name)
        if end is not None and end.ended != ended:
            self._changed(lambda index: index.with_sign_in_end(name, with_fields(end, ended=ended)))

    def _note_end(self, name: str, document: StoredDocument) -> None:
        """Note when a sign-in ends, if that has changed."""
        index, backend = self._index.load(), self._backend.in_use
        if name not in index.sign_ins or backend is None:
            return  # a registration or a passphrase, which is no sign-in
        before = index.sign_in_ends.get(name)
        ended = before is not None and before.ended
        end = SignInEnd(_end_in(document), "refresh_token" in document, backend, ended)
        if before != end:
            self._changed(lambda index: index.with_sign_in_end(name, end))

    def _changed(self, change: Callable[[Index], Index]) -> bool:
        try:
            self._index.change(change)
        except OSError:
            return False
        return True

    def _say_not_stored(self, error: VaultError) -> None:
        self._say(in_one_line("sign-ins are not stored", error))


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
