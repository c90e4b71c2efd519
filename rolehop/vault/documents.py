"""IAM user keys in the keyring: they cannot be got again, so any doubt is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime

from rolehop.advice import Advice, Argument
from rolehop.credentials import Credentials, Secret, StoredDocument
from rolehop.errors import UsageError, VaultAbsent, VaultBroken
from rolehop.startup.dataclass import replace as with_fields
from rolehop.startup.lazy_regex import Pattern
from rolehop.vault.documents import DocumentStore
from rolehop.vault.index import Index, KeyEntry
from rolehop.vault.index_file import IndexStore, write_problem
from rolehop.vault.serialization import Damaged, member, read_older_document
from rolehop.vault.storage import BackendHandle

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
        self._documents = DocumentStore(backend, index, "keys", self._read_older)

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
        chosen = self._backend.open().chosen
        if not chosen.lasting and not until_reboot:
            raise VaultAbsent(
                "no keyring here stores a key permanently",
                cause=f"{chosen.name} forgets everything at reboot",
                fix="add --until-reboot, or use a Secret Service",
            )
        if self._documents.exists(name) and not replace:
            raise UsageError(
                f"source '{name}' has a key already",
                fix="add --replace to put this one in its place",
            )
        secret = credentials.secret_access_key
        with self._entry_removed(name) as put_back:
            self._documents.replace(name, {_ID: credentials.access_key_id, _SECRET: secret})
            put_back(self._entry(credentials, chosen.name))

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

    def _read_older(self, text: str, name: str) -> StoredDocument:
        """Read a key of an earlier version, which does not name its source: the index may."""
        document = read_older_document(text, plain=(_ID,))
        found = _as_credentials(document).access_key_id
        owners = [each for each, entry in self.names().items() if entry.access_key_id == found]
        if owners and name not in owners:
            raise Damaged(f"it is the key of source '{owners[0]}'")
        return document


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
