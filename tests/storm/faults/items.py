"""The items of one world in its keyring, changed behind rolehop's back."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from jeepney import DBusErrorResponse
from keyring.errors import PasswordDeleteError
from secretstorage.exceptions import ItemNotFoundException, SecretStorageException

from rolehop.hotpath import USERNAME
from rolehop.hotpath.keyctl import description, find, read
from rolehop.vault.index_file import IndexStore
from rolehop.vault.kernel import KernelKeyring
from rolehop.vault.kernel import _store as store
from rolehop.vault.seals import KIND
from rolehop.vault.secret_service import find_collection
from tests.support.secret_service import PATIENCE, PatientConnection

_PREFIX = "rolehop/"
SEALS = f"{_PREFIX}{KIND}/key"
GONE = (OSError, DBusErrorResponse, SecretStorageException)
"""What happens to whoever changes an item that another process deletes, or whose daemon ends."""


class Items(Protocol):
    """What is stored for rolehop, by service name."""

    def names(self) -> list[str]:
        """Return the services that have an item."""

    def get(self, name: str) -> str | None:
        """Return an item's text."""

    def set(self, name: str, text: str) -> None:
        """Write an item."""

    def delete(self, name: str) -> None:
        """Delete an item, if it is there."""

    def flip(self, name: str, choice: random.Random) -> None:
        """Flip one bit of an item's bytes, which may be no text any more."""


def sessions(items: Items) -> list[str]:
    """Return the services of sessions."""
    return [each for each in items.names() if is_session(each)]


def noted_sessions(state: Path) -> tuple[set[str], set[str]]:
    """Return the services of the sessions in the index of ``state``, and of its orphans.

    Orphans are removed from the keyring when the next session is stored.
    """
    index = IndexStore(state).load()
    orphans = {f"{_PREFIX}{each.key}" for each in index.orphans}
    return {f"{_PREFIX}{each}" for each in index.sessions}, orphans


def is_session(name: str) -> bool:
    """True if an item is a session's: a hop key is 64 hex digits."""
    return len(name) == len(_PREFIX) + 64


def _with_a_bit_flipped(data: bytes, choice: random.Random) -> bytes:
    changed = bytearray(data)
    changed[choice.randrange(len(changed))] ^= 1 << choice.randrange(8)
    return bytes(changed)


class BusItems:
    """Items of the Secret Service of a private bus, which no other world uses."""

    def __init__(self, address: str) -> None:
        self._address = address

    @contextmanager
    def collection(self) -> Iterator[Any]:
        with PatientConnection(self._address) as connection:
            yield find_collection(connection)

    def names(self) -> list[str]:
        until = time.monotonic() + PATIENCE
        with self.collection() as collection:
            while True:
                found = collection.search_items({"username": USERNAME})
                try:
                    return sorted(each.get_attributes()["service"] for each in found)
                except ItemNotFoundException:  # somebody has deleted one of them
                    if time.monotonic() > until:
                        raise

    def get(self, name: str) -> str | None:
        with self.collection() as collection:
            for each in collection.search_items({"username": USERNAME, "service": name}):
                return str(each.get_secret().decode())
        return None

    def set(self, name: str, text: str) -> None:
        with self.collection() as collection:
            for each in collection.search_items({"username": USERNAME, "service": name}):
                each.set_secret(text.encode())
                return
            attributes = {
                "username": USERNAME,
                "service": name,
                "application": "Python keyring library",
            }
            collection.create_item(name, attributes, text.encode())

    def flip(self, name: str, choice: random.Random) -> None:
        with self.collection() as collection:
            for each in collection.search_items({"username": USERNAME, "service": name}):
                each.set_secret(_with_a_bit_flipped(each.get_secret(), choice))
                return

    def delete(self, name: str) -> None:
        with self.collection() as collection:
            for each in collection.search_items({"username": USERNAME, "service": name}):
                each.delete()

    def duplicate(self, name: str, text: str) -> None:
        """Add a second item of the same name."""
        with self.collection() as collection:
            attributes = {"username": USERNAME, "service": name, "application": "another"}
            collection.create_item(name, attributes, text.encode())

    def lock(self) -> None:
        with self.collection() as collection:
            collection.lock()


class KernelItems:
    """Items of one world in the user's kernel keyring, which other programs use, too.

    Its sessions are those that were ever seen in the index of ``state``; ``keys`` are names of keys.
    """

    def __init__(self, state: Path, keys: list[str]) -> None:
        self._index = state / "index.json"
        self._keyring = KernelKeyring()  # type: ignore[no-untyped-call]  # keyring leaves it open
        self._ever = {f"{_PREFIX}keys/{each}" for each in keys}

    def names(self) -> list[str]:
        try:
            index = json.loads(self._index.read_text())
            self._ever |= {f"{_PREFIX}{key}" for key in index["sessions"]}
        except (OSError, ValueError, LookupError, TypeError):
            pass  # a fault has taken it
        there = set(self._keyring.services_of(USERNAME))
        return sorted(self._ever & there)

    def get(self, name: str) -> str | None:
        return self._keyring.get_password(name, USERNAME)

    def set(self, name: str, text: str) -> None:
        self._keyring.set_password(name, USERNAME, text)

    def flip(self, name: str, choice: random.Random) -> None:
        full = description(name, USERNAME)
        found = find(full)
        assert found is not None
        payload = _with_a_bit_flipped(read(found[1]) or b" ", choice)
        store(full, payload, 0)

    def delete(self, name: str) -> None:
        try:
            self._keyring.delete_password(name, USERNAME)
        except PasswordDeleteError:
            return
