"""In place of keyring's Secret Service back end: the same items, over one persistent connection.

The library signs on to the bus and agrees on a new key for every item. Here the connection and the
agreed key stay for the life of the process, and many items are read and written without waiting
for each answer. Each reads what the other wrote, and both do it through ``secretstorage``; keyring
itself is not imported, which takes a sixth of a cold walk.

It also finds the collection in another way than the library, whose way can crash gnome-keyring
(48 and 50 at least; Debian bug 1147303, its own issues 190, 195 and 196): see ``find_collection``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

import jeepney
import secretstorage
from jeepney import DBusAddress, DBusErrorResponse, HeaderFields, Message, new_method_call
from secretstorage import Collection, Item, ItemNotFoundException, SecretStorageException, defines
from secretstorage.collection import COLLECTION_IFACE
from secretstorage.item import ITEM_IFACE
from secretstorage.util import (
    BUS_NAME,
    SERVICE_IFACE,
    DBusAddressWrapper,
    format_secret,
    open_session,
)

from rolehop.hotpath.dbus import BusTrouble, read_secrets
from rolehop.vault.session_bus import address_of, is_ours, open_session_bus

_UNANSWERED = 4
"""Calls that are sent before the first of them is answered: enough to keep the service busy."""

_GONE = (defines.DBUS_NO_SUCH_OBJECT, defines.DBUS_UNKNOWN_OBJECT, defines.DBUS_UNKNOWN_METHOD)
_SCHEMES = {"default": ("username", "service"), "KeePassXC": ("UserName", "Title")}


class _Priority:
    """Reading it proves that the service is there, as with every back end of keyring."""

    def __get__(self, found: object, kind: type) -> float:
        try:
            with closing(open_session_bus()) as connection:
                there = secretstorage.check_service_availability(connection)
        except SecretStorageException as error:
            raise RuntimeError(f"Unable to initialize SecretService: {error}") from error
        if not there:
            raise RuntimeError("The Secret Service is neither running nor activatable")
        return 5.0


class ConnectedSecretService:
    """The Secret Service; safe between threads, which take turns on the connection."""

    priority = _Priority()

    def __init__(self, properties: Mapping[str, str]) -> None:
        """``properties`` are keyring's, of which three matter."""
        self._names = _SCHEMES.get(properties.get("scheme", "default"))
        self._application = properties.get("appid", "Python keyring library")
        self._path = properties.get("preferred_collection", "")
        self._turn = threading.Lock()
        self._collection: Collection | None = None
        self._server: str | None = None
        """Who agreed on the key: a service that was started anew does not know it."""

    def _place(self) -> Collection:
        """Return the collection of the last call, unless it was locked since, or its service ended."""
        if self._collection is None or _locked_by(self._collection) != (False, self._server):
            self._drop()
            self._collection = self._connect()
            _, self._server = _locked_by(self._collection)
        return self._collection

    def _connect(self) -> Collection:
        connection = open_session_bus()
        try:
            if not is_ours(connection.sock):  # no secret passes before
                raise SecretStorageException("the session bus is served by another user")
            return unlocked(find_collection(connection, self._path))
        except BaseException:
            connection.close()
            raise

    def get_password(self, service: str, username: str) -> str | None:
        """Read an item; one that another process deletes between search and read is not there.

        Raises:
            UnicodeDecodeError: it is not UTF-8.
        """
        return self._in_turn(self._read, service, username)  # type: ignore[no-any-return]

    def get_passwords(
        self, services: Sequence[str], username: str, on_step: Callable[[], object] = lambda: None
    ) -> dict[str, str]:
        """Read many items at once, or step by step; what is not there, or no text, is left out."""
        return self._in_turn(self._read_all, services, username, on_step)  # type: ignore[no-any-return]

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an item; it is no error if another process deletes it at once."""
        for error in self.set_passwords({service: password}, username, lambda: None).values():
            raise error

    def set_passwords(
        self, passwords: Mapping[str, str], username: str, on_step: Callable[[], object]
    ) -> dict[str, Exception]:
        """Write items, by service; return the error for each that was not written.

        The next ones are on their way while one is written; after an error no more are sent.
        ``on_step`` is called after every answer. It is no error if another process deletes an item
        at once.

        Raises:
            Exception: an answer is missing. Each item may have been written, or not.
        """
        return self._in_turn(self._write_all, passwords, username, on_step)  # type: ignore[no-any-return]

    def delete_items(self, service: str, username: str) -> bool:
        """Delete every item of this name; return ``False`` if there is none."""
        return self._in_turn(self._delete, service, username)  # type: ignore[no-any-return]

    def services_of(self, username: str) -> list[str]:
        """Return the services that have an item for ``username``."""
        return self._in_turn(self._services, username)  # type: ignore[no-any-return]

    def _services(self, username: str) -> list[str]:
        services: list[str] = []
        user, name = self._query("", username)
        for item in self._found({user: username}):
            with suppress(ItemNotFoundException):
                services.append(item.get_attributes().get(name, ""))
        return services

    def _read(self, service: str, username: str) -> str | None:
        for item in self._found(self._query(service, username)):
            with suppress(ItemNotFoundException):
                return self._secret_of(item).decode("utf-8")
        return None

    def _secret_of(self, item: Item) -> bytes:
        item.session = self._session()
        try:
            return item.get_secret()
        except secretstorage.LockedException:
            item.unlock()  # the collection is not locked: a service that locks single items
            return item.get_secret()

    def _session(self) -> Any:
        """Return the agreed key of this connection."""
        collection = self._collection or self._place()
        if collection.session is None:
            collection.session = open_session(collection.connection)
        return collection.session

    def _read_all(
        self, services: Sequence[str], username: str, on_step: Callable[[], object]
    ) -> dict[str, str]:
        place = self._place()  # asks for it to be unlocked: the next does not
        try:
            if self._names != _SCHEMES["default"] or self._path:
                raise BusTrouble("the items are elsewhere")
            texts = read_secrets(address_of(place.connection.sock), list(services), username)
            found = dict(zip(services, texts, strict=True))
        except (OSError, BusTrouble):
            found = {}
            for each in services:
                on_step()
                with suppress(UnicodeDecodeError):  # which is not there either
                    found[each] = self._read(each, username)
        return {each: text for each, text in found.items() if text is not None}

    def _write_all(
        self, passwords: Mapping[str, str], username: str, on_step: Callable[[], object]
    ) -> dict[str, Exception]:
        try:
            place = self._place()
            there = self._search_all(place, list(passwords), username, on_step)
        except Exception as error:  # noqa: BLE001 - of the library
            self._drop()
            return dict.fromkeys(passwords, error)
        failed: dict[str, Exception] = {}
        unusual = []
        waiting = list(passwords)
        calls = (
            self._write_call(place, each, username, passwords[each], there[each])
            for each in passwords
            if not failed
        )
        for reply in _replies(place.connection, calls):
            on_step()
            service = waiting.pop(0)
            try:
                if not _is_written(reply):
                    unusual.append(service)
            except DBusErrorResponse as error:
                failed[service] = error
        for service in unusual:
            try:
                label, attributes = self._label_and_attributes(service, username)
                place.create_item(label, attributes, passwords[service].encode(), replace=True)
            except ItemNotFoundException:
                # The library looks at the new item. If the collection is not gone, the item is.
                self._place().is_locked()
            on_step()
        if failed:
            self._drop()
            failed.update(dict.fromkeys(waiting, next(iter(failed.values()))))
        return failed

    def _search_all(
        self,
        place: Collection,
        services: Sequence[str],
        username: str,
        on_step: Callable[[], object],
    ) -> dict[str, list[str]]:
        """Return the path of each service's item, if it has one; delete others of the same name."""
        address = DBusAddress(place.collection_path, BUS_NAME, COLLECTION_IFACE)
        calls = (
            new_method_call(address, "SearchItems", "a{ss}", (self._query(each, username),))
            for each in services
        )
        found = []
        for reply in _replies(place.connection, calls):
            on_step()
            found.append(_body(reply)[0])
        for path in (each for paths in found for each in paths[1:]):  # nobody says which is read
            with suppress(ItemNotFoundException):
                Item(place.connection, path).delete()
        return {service: paths[:1] for service, paths in zip(services, found, strict=True)}

    def _write_call(
        self, place: Collection, service: str, username: str, password: str, there: list[str]
    ) -> Message:
        """Return the call that gives an item that is there its new secret, or makes a new one.

        gnome-keyring writes its whole file once for the former, twice for the latter.
        """
        secret = format_secret(self._session(), password.encode(), "text/plain")
        if there:
            item = DBusAddress(there[0], BUS_NAME, ITEM_IFACE)
            return new_method_call(item, "SetSecret", "(oayays)", (secret,))
        label, attributes = self._label_and_attributes(service, username)
        properties = {
            f"{ITEM_IFACE}.Label": ("s", label),
            f"{ITEM_IFACE}.Attributes": ("a{ss}", attributes),
        }
        address = DBusAddress(place.collection_path, BUS_NAME, COLLECTION_IFACE)
        body = (properties, secret, True)
        return new_method_call(address, "CreateItem", "a{sv}(oayays)b", body)

    def _query(self, service: str, username: str) -> dict[str, str]:
        if self._names is None:
            raise SecretStorageException("KEYRING_PROPERTY_SCHEME names no scheme of keyring")
        return dict(zip(self._names, (username, service), strict=True))

    def _label_and_attributes(self, service: str, username: str) -> tuple[str, dict[str, str]]:
        label = f"Password for '{username}' on '{service}'"
        return label, {**self._query(service, username), "application": self._application}

    def _delete(self, service: str, username: str) -> bool:
        deleted = False
        for item in self._found(self._query(service, username)):
            with suppress(ItemNotFoundException):
                item.delete()
                deleted = True
        return deleted

    def _found(self, query: dict[str, str]) -> list[Item]:
        """Return the items that match, without those that another process deletes meanwhile."""
        place = self._place()
        collection = DBusAddressWrapper(place.collection_path, COLLECTION_IFACE, place.connection)
        items = []
        for path in collection.call("SearchItems", "a{ss}", query)[0]:
            with suppress(ItemNotFoundException):
                items.append(Item(place.connection, path))
        return items

    def _in_turn(self, call: Any, *arguments: Any) -> Any:
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
            collection.connection.close()

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
        SecretStorageException: there is no such service or collection, and none can be made.
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
        raise SecretStorageException(f"Failed to create the collection: {error}.") from error


def unlocked(collection: Collection) -> Collection:
    """Return the collection after it was unlocked, which may ask the user.

    Raises:
        LockedException: it is still locked.
        PromptDismissedException: it is, since nobody answered the prompt.
    """
    if collection.is_locked():
        dismissed = collection.unlock()
        if collection.is_locked():
            if dismissed:
                raise secretstorage.PromptDismissedException("Prompt dismissed.")
            raise secretstorage.LockedException("Failed to unlock the collection!")
    return collection


def _locked_by(collection: Collection) -> tuple[bool, str | None]:
    """Return whether a collection is locked, and the unique name of the service that says so."""
    address = DBusAddress(collection.collection_path, BUS_NAME, COLLECTION_IFACE)
    reply = collection.connection.send_and_get_reply(jeepney.Properties(address).get("Locked"))
    ((_, is_locked),) = _body(reply)
    return bool(is_locked), reply.header.fields.get(HeaderFields.sender)


def _replies(connection: Any, calls: Iterable[Message]) -> Iterator[Message]:
    """Yield the reply to each of ``calls``, in their order; the next are sent before it comes."""
    waiting: deque[int] = deque()
    came: dict[int, Message] = {}

    def first() -> Message:
        serial = waiting.popleft()
        while serial not in came:
            reply = connection.receive()
            came[reply.header.fields.get(HeaderFields.reply_serial, -1)] = reply
        return came.pop(serial)

    for call in calls:
        serial = next(connection.outgoing_serial)
        connection.send(call, serial=serial)
        waiting.append(serial)
        if len(waiting) == _UNANSWERED:
            yield first()
    while waiting:
        yield first()


def _body(reply: Message) -> Any:
    """Return the body of a reply.

    Raises:
        DBusErrorResponse: it is an error.
        SecretServiceNotAvailableException: it may have been carried out, or not.
    """
    if reply.header.message_type != jeepney.MessageType.error:
        return reply.body
    error = DBusErrorResponse(reply)
    if error.name == defines.DBUS_NO_REPLY:
        why = "it ended before it answered"
        raise secretstorage.SecretServiceNotAvailableException(why) from error
    raise error


def _is_written(reply: Message) -> bool:
    """True if a call of `_write_call` wrote its item; not if the item is gone, or to be asked for.

    Raises:
        DBusErrorResponse: the service refused it.
        SecretServiceNotAvailableException: as for `_body`.
    """
    try:
        body = _body(reply)
    except DBusErrorResponse as error:
        if error.name in _GONE:
            return False
        raise
    return not body or len(body[0]) > 1
