"""IAM user keys at rest: lasting secrets, so every doubt is an error and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from rolehop.advice import Advice, Argument
from rolehop.credentials import Credentials
from rolehop.errors import UsageError, VaultAbsent, VaultBroken, VaultError
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.index import Index, KeyEntry
from rolehop.vault.index_file import IndexStore
from rolehop.vault.serialization import Damaged, as_keys, read_keys
from rolehop.vault.storage import BackendHandle, Storage

T = TypeVar("T")


class KeyStore:
    """The keys of ``keys`` sources, by source name.

    Every method that touches the keyring raises a ``VaultError`` where it is absent, locked,
    denied, broken or full; nothing was changed then.
    """

    def __init__(
        self, opener: BackendHandle, index: IndexStore, now: Callable[[], datetime]
    ) -> None:
        self._opener = opener
        self._index = index
        self._now = now

    def add(
        self, name: str, credentials: Credentials, *, replace: bool, until_reboot: bool
    ) -> None:
        """Keep the key of source ``name``.

        Raises:
            UsageError: there is one already and ``replace`` is not set, or these are a session.
            VaultAbsent: no back end, or one that forgets at reboot and ``until_reboot`` is not set.
        """
        if not credentials.long_lived:
            raise UsageError(
                "these are a session's credentials, not an IAM user key",
                cause="they carry a session token and would soon end",
                fix="use an access key of an IAM user (AKIA…), or source type 'environment'",
            )
        shelf = self._opener.open()
        if not shelf.chosen.lasting and not until_reboot:
            raise VaultAbsent(
                "no keyring here keeps a key for good",
                cause=f"{shelf.chosen.name} forgets everything at reboot",
                fix="add --until-reboot, or use a Secret Service",
            )
        old = self._guarded(lambda: _text(shelf, name))
        if old is not None and not replace:
            raise UsageError(
                f"source '{name}' has a key already",
                fix="add --replace to put this one in its place",
            )
        self._put(shelf, name, as_keys(credentials), old)
        self._note(name, credentials.access_key_id, shelf.chosen.name)

    def get(self, name: str) -> Credentials | None:
        """Return the key of source ``name``, ``None``: there is none.

        Raises:
            VaultAbsent: it rests in another back end than the one in use.
            VaultBroken: what rests there is damaged.
        """
        shelf = self._opener.open()
        text = self._guarded(lambda: _text(shelf, name))
        known = self.names().get(name)
        backend = shelf.chosen.name
        if text is None:
            if known is not None and known.backend != backend:
                raise VaultAbsent(
                    f"the key of source '{name}' cannot be reached",
                    cause=f"it rests in {known.backend}, and {backend} is in use here",
                    fix=Advice(
                        "run where that keyring is there, or: rolehop keys add ", Argument(name)
                    ),
                )
            return None
        try:
            credentials = read_keys(text)
        except Damaged as damage:
            raise _damaged(name, str(damage)) from None
        if known is None or (known.access_key_id, known.backend) != (
            credentials.access_key_id,
            backend,
        ):
            self._note(name, credentials.access_key_id, backend)
        return credentials

    def remove(self, name: str) -> bool:
        """Remove the key of source ``name``; ``False``: there was none."""
        shelf = self._opener.open()
        known = self.names().get(name)
        there = self._guarded(lambda: shelf.delete(_service(name)))
        if known is not None and known.backend != shelf.chosen.name:
            raise VaultAbsent(
                f"the key of source '{name}' cannot be reached",
                cause=f"it rests in {known.backend}, and {shelf.chosen.name} is in use here",
                fix="run where that keyring is there",
            )
        self._change(lambda index: index.without_key(name))
        return there or known is not None

    def names(self) -> Mapping[str, KeyEntry]:
        """Return what is known by source name, from the index: no keyring call."""
        return self._index.load().keys

    def _put(self, shelf: Storage, name: str, text: str, old: str | None) -> None:
        """Write and read back; the old key comes back where that fails."""
        try:
            shelf.put(_service(name), text)
            if shelf.get(_service(name)) != text:
                raise VaultBroken(
                    "the keyring did not keep the key",
                    cause=f"{shelf.chosen.name} gave back something else",
                    fix="name another back end in [vault]",
                )
        except VaultError:
            self._put_back(shelf, name, old)
            raise

    def _put_back(self, shelf: Storage, name: str, old: str | None) -> None:
        try:
            if old is not None and shelf.get(_service(name)) != old:
                shelf.put(_service(name), old)
        except (VaultError, IncompleteItem):
            return  # the error that led here says more

    def _guarded(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except VaultError as error:
            self._opener.failed(error)
            raise

    def _note(self, name: str, access_key_id: str, backend: str) -> None:
        entry = KeyEntry(access_key_id, backend, self._now().replace(microsecond=0))
        self._change(lambda index: index.with_key(name, entry))

    def _change(self, change: Callable[[Index], Index]) -> None:
        try:
            self._index.change(change)
        except OSError:
            return  # the index is a hint; `get` notes the key again


def _text(shelf: Storage, name: str) -> str | None:
    """Return what rests there; half of something counts as something unreadable."""
    try:
        return shelf.get(_service(name))
    except IncompleteItem:
        return "half"


def _damaged(name: str, why: str) -> VaultBroken:
    return VaultBroken(
        f"the key of source '{name}' cannot be read",
        cause=f"the item in the keyring is damaged: {why}",
        fix=Advice("rolehop keys add ", Argument(name), " --replace"),
    )


def _service(name: str) -> str:
    return f"rolehop/keys/{name}"
