"""keyring's Secret Service back end, over one persistent connection.

The library signs on to the bus and agrees on a new key for every item, which is most of an
item's cost: two hundred sessions took four seconds. Here the connection and the agreed key stay
for the life of the process. The items and their format are the library's own: each reads what the
other wrote.

It also finds the collection in another way than the library, whose way can crash gnome-keyring
(48 and 50 at least; Debian bug 1147303, its own issues 190, 195 and 196): see ``find_collection``.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Any

import secretstorage
from jeepney import DBusErrorResponse
from keyring.backends.SecretService import Keyring
from keyring.errors import InitError, KeyringLocked, PasswordDeleteError
from secretstorage import Collection, Item
from secretstorage.exceptions import ItemNotFoundException, SecretStorageException
from secretstorage.util import SERVICE_IFACE, DBusAddressWrapper

from rolehop.fastpath.dbus import peer_uid

# An item that another process deletes while the search's results are read ends that search.
_SEARCHES = 3


class ConnectedSecretService(Keyring):
    """The library's back end; safe between threads, which take turns on the connection."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it open
        self._turn = threading.Lock()
        self._collection: Collection | None = None

    def get_preferred_collection(self) -> Collection:
        """Return the collection of the last call, unless it was locked since."""
        if self._collection is None or self._collection.is_locked():
            self._drop()
            self._collection = self._connect()
            self._collection.connection = _StaysOpen(self._collection.connection)
        return self._collection

    def _connect(self) -> Collection:
        connection = secretstorage.dbus_init()
        try:
            _check_peer(connection)
            return unlocked(find_collection(connection, getattr(self, "preferred_collection", "")))
        except BaseException:
            connection.close()
            raise

    def get_password(self, service: str, username: str) -> str | None:
        """Read an item; one that another process deletes between search and read is not there."""
        return self._in_turn(self._read, service, username)  # type: ignore[no-any-return]

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an item; it is no error if another process deletes it at once."""
        self._in_turn(self._write, service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        """Delete every item of this name.

        Raises:
            PasswordDeleteError: there is none.
        """
        if not self._in_turn(self._delete, service, username):
            raise PasswordDeleteError("no such item")

    def services_of(self, username: str) -> list[str]:
        """Return the services that have an item for ``username``."""
        return self._in_turn(self._services, username)  # type: ignore[no-any-return]

    def _services(self, username: str) -> list[str]:
        names = self.schemes[self.scheme]
        services: list[str] = []
        for item in self._found({names["username"]: username}):
            with suppress(ItemNotFoundException):
                services.append(item.get_attributes().get(names["service"], ""))
        return services

    def _read(self, service: str, username: str) -> str | None:
        for item in self._items(service, username):
            with suppress(ItemNotFoundException):
                self.unlock(item)  # type: ignore[no-untyped-call]
                return item.get_secret().decode("utf-8")
        return None

    def _write(self, service: str, username: str, password: str) -> None:
        try:
            super().set_password(service, username, password)  # type: ignore[no-untyped-call]
        except ItemNotFoundException:
            # The library looks at the new item. If the collection is not gone, the item is.
            self.get_preferred_collection().is_locked()

    def _delete(self, service: str, username: str) -> bool:
        deleted = False
        for item in self._items(service, username):
            with suppress(ItemNotFoundException):
                item.delete()
                deleted = True
        return deleted

    def _items(self, service: str, username: str) -> list[Item]:
        return self._found(self._query(service, username))

    def _found(self, query: dict[str, str]) -> list[Item]:
        for _ in range(_SEARCHES):
            collection = (
                self.get_preferred_collection()
            )  # raises if it is the collection that is gone
            with suppress(ItemNotFoundException):
                return list(collection.search_items(query))
        return []

    def _in_turn(self, call: Any, *arguments: str) -> Any:
        with self._turn:
            try:
                return call(*arguments)
            except BaseException:
                # After any error, the next call starts with a new connection.
                self._drop()
                raise

    def _drop(self) -> None:
        collection, self._collection = self._collection, None
        if collection is not None:
            collection.connection.really_close()

    def __del__(self) -> None:
        self._drop()


def find_collection(connection: Any, path: str = "") -> Collection:
    """Return the collection at ``path``, else the default one, made if there is none.

    gnome-keyring registers a new caller concurrently with the caller's first call, sometimes too
    late. If that call needs to know the caller, as the library's first one does, the daemon
    crashes, and all secrets are locked until the user unlocks them. So the first call is one that
    does not. The default collection is asked for by its alias's name, since a path with the alias
    in it is resolved while the alias changes, and is then sometimes not found.

    Raises:
        InitError: there is no such service or collection, and none can be made.
    """
    service = DBusAddressWrapper("/org/freedesktop/secrets", SERVICE_IFACE, connection)
    try:
        with suppress(ItemNotFoundException, DBusErrorResponse):  # it need not know the alias
            service.call("ReadAlias", "s", "rolehop")
        if path:
            return Collection(connection, path)
        try:
            return secretstorage.get_collection_by_alias(connection, "default")
        except ItemNotFoundException:
            return secretstorage.create_collection(connection, "Default", "default")
    except SecretStorageException as error:
        raise InitError(f"Failed to create the collection: {error}.") from error


def unlocked(collection: Collection) -> Collection:
    """Return the collection after it was unlocked, which may ask the user.

    Raises:
        KeyringLocked: it is still locked; says if the prompt was dismissed.
    """
    if collection.is_locked():
        dismissed = collection.unlock()
        if collection.is_locked():
            said = "Prompt dismissed." if dismissed else "Failed to unlock the collection!"
            raise KeyringLocked(said)
    return collection


def _check_peer(connection: Any) -> None:
    """Raise unless this very connection ends at a process of this user: no secret passes before."""
    if sys.platform == "linux" and peer_uid(connection.sock) != os.geteuid():
        raise InitError("the session bus is served by another user")


class _StaysOpen:
    """A connection that ignores the library's ``close()`` after each call."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def close(self) -> None:
        """Do nothing."""

    def really_close(self) -> None:
        """Close it."""
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
