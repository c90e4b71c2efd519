"""The vault over a real Secret Service, through processes of its user."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import secretstorage
from jeepney import HeaderFields, Message, MessageType
from jeepney.io.blocking import DBusConnection
from secretstorage.exceptions import (
    LockedException,
    PromptDismissedException,
    SecretServiceNotAvailableException,
    SecretStorageException,
)

from rolehop.base.errors import VaultBroken
from rolehop.hotpath import dbus
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.secret_service import ConnectedSecretService, find_collection, unlocked
from rolehop.vault.session_bus import open_session_bus
from rolehop.vault.storage import Deadline, Storage, as_vault_error
from tests.support.secret_service import (
    PATIENCE,
    LibraryKeyring,
    PatientConnection,
    SecretService,
)

ROOT = Path(__file__).parents[2]

_BEFORE = """
import os, sys
from pathlib import Path
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.index_file import IndexStore
from rolehop.vault.sessions import KeyringVault
from tests.vault.samples import NOW, hop_step, keys, session
# Were the machine's start its own, a clock that stands still would be one that is set back.
vault = KeyringVault(
    IndexStore(Path(sys.argv[1]), now=lambda: NOW, machine_start=lambda now: NOW),
    lambda: choose_backend(None, os.environ, sys.platform),
    print,
    now=lambda: NOW,
    quick_seconds=60,
)
"""
PUT = 'vault.put(hop_step(), session(), "prod"); print("done")'
GET = 'print(vault.get(hop_step(), "prod") == session())'
FIND = "print(vault.found_keys() == (hop_step().key,))"
GET_AND_PUT = 'vault.get(hop_step(), "prod"); vault.put(hop_step(), session("another"), "prod")'
LOCKED = (
    "sessions are neither read nor stored: the keyring is locked:"
    " nobody answered the prompt to unlock it"
)


def run(code: str, service: SecretService, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _BEFORE + code, str(folder)],
        capture_output=True,
        text=True,
        env={**service.full_environ(), "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_session_is_there_for_the_next_process(
    own_secret_service: SecretService, tmp_path: Path
) -> None:
    assert run(PUT, own_secret_service, tmp_path) == ["done"]
    assert run(GET, own_secret_service, tmp_path) == ["True"]
    assert run(FIND, own_secret_service, tmp_path) == ["True"]


def test_a_keyring_that_was_locked_in_between_is_reported_and_loses_nothing(
    own_secret_service: SecretService, tmp_path: Path
) -> None:
    assert run(PUT, own_secret_service, tmp_path) == ["done"]
    own_secret_service.lock()
    assert run(GET_AND_PUT, own_secret_service, tmp_path) == [LOCKED]
    by_ssh = {**own_secret_service.environ, "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
    (shown,) = run(GET, replace(own_secret_service, environ=by_ssh), tmp_path)[:-1]
    said, command = re.split(r"; use .* or unlock it with its password: ", shown)
    assert said == LOCKED
    _type_in_bash(command, own_secret_service)
    assert run(GET, own_secret_service, tmp_path) == ["True"]


def _type_in_bash(command: str, service: SecretService) -> None:
    """Run a command that asks for the keyring's password."""
    subprocess.run(
        ["bash", "-c", command],
        input=f"{service.password}\n".encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=service.full_environ(),
        timeout=60,
        check=True,
    )


def test_a_keyring_that_was_never_unlocked_is_reported(
    locked_secret_service: SecretService, tmp_path: Path
) -> None:
    shown = run(GET_AND_PUT, locked_secret_service, tmp_path)
    assert len(shown) == 1
    assert shown[0].startswith("sessions are neither read nor stored: the keyring is locked: ")


def test_the_first_call_is_one_that_gnome_keyring_survives_of_a_caller_it_does_not_know_yet(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str, tuple[str, ...]]] = []
    send = DBusConnection.send_and_get_reply

    def recorded(connection: DBusConnection, message: Message, **options: float) -> Message:
        fields = message.header.fields
        if fields.get(HeaderFields.destination) == "org.freedesktop.secrets":
            calls.append((fields[HeaderFields.path], fields[HeaderFields.member], message.body))
        return send(connection, message, **options)

    for name, value in secret_service.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(DBusConnection, "send_and_get_reply", recorded)
    assert ConnectedSecretService({}).get_password("rolehop/none", "rolehop") is None
    # It looks a known alias up for its caller, not one that it does not know.
    assert calls[0] == ("/org/freedesktop/secrets", "ReadAlias", ("rolehop",))
    # A path with an alias is resolved while the daemon changes the alias for a new caller.
    assert not [path for path, _, _ in calls if "/aliases/" in path]


def _recorded(
    service: SecretService,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[str], object] = lambda member: None,
) -> list[str]:
    """Return a list that gets the calls which this process sends to the service, by name."""
    members: list[str] = []
    send = DBusConnection.send

    def recorded(connection: DBusConnection, message: Message, serial: int | None = None) -> None:
        fields = message.header.fields
        if fields.get(HeaderFields.destination) == "org.freedesktop.secrets":
            before(fields[HeaderFields.member])
            members.append(fields[HeaderFields.member])
        send(connection, message, serial)

    for name, value in service.environ.items():
        monkeypatch.setenv(name, value)
    # A daemon that stands still for seconds is not given up: that would be other calls.
    monkeypatch.setattr(dbus.read_secrets, "__defaults__", (PATIENCE, None))
    monkeypatch.setattr(open_session_bus, "__defaults__", (PATIENCE,))
    monkeypatch.setattr(DBusConnection, "send", recorded)
    monkeypatch.setattr(DBusConnection, "send_message", recorded)
    return members


def _texts(name: str, many: int = 10) -> dict[str, str]:
    return {f"rolehop/{name}-{number}": f"{name} {number}" for number in range(many)}


def test_many_items_are_written_and_read_with_few_exchanges(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = _recorded(secret_service, monkeypatch)
    keyring, texts = ConnectedSecretService({}), _texts("many")
    assert keyring.set_passwords(texts, "rolehop", lambda: None) == {}
    assert LibraryKeyring().get_password("rolehop/many-9", "rolehop") == "many 9"  # type: ignore[no-untyped-call]
    members.clear()
    wanted = {**texts, **_texts("more")}
    assert keyring.set_passwords(wanted, "rolehop", lambda: None) == {}
    # An item that is there is not replaced: gnome-keyring would write its file twice.
    assert Counter(members) == {"Get": 1, "SearchItems": 20, "SetSecret": 10, "CreateItem": 10}
    members.clear()
    assert keyring.get_passwords([*wanted, "rolehop/none"], "rolehop") == wanted
    assert members == ["Get"]  # the rest goes over a connection that does not encrypt in Python
    for service in wanted:
        assert keyring.delete_items(service, "rolehop")


def test_the_properties_of_the_library_hold(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secret_service.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KEYRING_PROPERTY_scheme", "KeePassXC")
    monkeypatch.setenv("KEYRING_PROPERTY_APPID", "other")
    library = LibraryKeyring()
    keyring = cast("Any", choose_backend(None, os.environ, "linux").keyring)
    keyring.set_password("rolehop/named", "rolehop", "text")
    assert library.get_password("rolehop/named", "rolehop") == "text"  # type: ignore[no-untyped-call]
    steps: list[int] = []
    found = keyring.get_passwords(["rolehop/named"], "rolehop", lambda: steps.append(1))
    assert (found, steps) == ({"rolehop/named": "text"}, [1])
    assert keyring.services_of("rolehop") == ["rolehop/named"]
    assert keyring.delete_items("rolehop/named", "rolehop")


def test_a_scheme_that_keyring_does_not_have_is_said_and_no_other_keyring_is_taken(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secret_service.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KEYRING_PROPERTY_SCHEME", "other")
    chosen = choose_backend(None, os.environ, "linux")
    with pytest.raises(VaultBroken) as caught:
        Storage(chosen, Deadline(60)).get("rolehop/none")
    assert caught.value.cause == "KEYRING_PROPERTY_SCHEME names no scheme of keyring"
    with pytest.raises(SecretStorageException, match="names no scheme"):
        chosen.keyring.set_password("rolehop/none", "rolehop", "text")


def test_an_item_that_goes_while_a_search_is_read_does_not_hide_the_others(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed, members = [f"rolehop/doomed-{number}" for number in range(4)], list[str]()
    deleting: list[str] = []

    def delete(member: str) -> None:
        if deleting or not doomed or (members[-1:], member) != (["SearchItems"], "Get"):
            return
        deleting.append(doomed.pop())
        assert other.delete_items(deleting[0], "searched")
        deleting.clear()

    other, keyring = ConnectedSecretService({}), ConnectedSecretService({})
    for name, value in secret_service.environ.items():
        monkeypatch.setenv(name, value)
    texts = dict.fromkeys([*doomed, "rolehop/stays"], "text")
    assert other.set_passwords(texts, "searched", lambda: None) == {}
    members = _recorded(secret_service, monkeypatch, delete)
    assert "rolehop/stays" in keyring.services_of("searched")
    doomed.clear()
    for service in texts:
        other.delete_items(service, "searched")


def test_an_item_that_goes_while_it_is_written_is_made_again(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(member: str) -> None:
        if member == "SetSecret":
            LibraryKeyring().delete_password("rolehop/goes", "rolehop")  # type: ignore[no-untyped-call]

    members = _recorded(secret_service, monkeypatch, delete)
    keyring = ConnectedSecretService({})
    keyring.set_password("rolehop/goes", "rolehop", "old")
    keyring.set_password("rolehop/goes", "rolehop", "new")
    assert members.count("SetSecret") == 1
    assert keyring.get_password("rolehop/goes", "rolehop") == "new"


def test_a_second_item_of_one_name_is_gone_after_the_next_write(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of two is found first is not said: a session that nobody finds was stored in vain."""
    _recorded(secret_service, monkeypatch)
    keyring, names = ConnectedSecretService({}), {"service": "rolehop/two", "username": "rolehop"}
    address = secret_service.environ["DBUS_SESSION_BUS_ADDRESS"]
    with PatientConnection(address) as connection:
        collection = find_collection(connection)
        for other in ("one", "another"):
            collection.create_item("two", {**names, "application": other}, other.encode())
        keyring.set_password("rolehop/two", "rolehop", "ours")
        assert keyring.get_password("rolehop/two", "rolehop") == "ours"
        assert [each.get_secret() for each in collection.search_items(names)] == [b"ours"]
    assert keyring.delete_items("rolehop/two", "rolehop")


def test_after_a_refusal_nothing_more_is_sent_and_each_item_that_is_not_there_is_named(
    own_secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(member: str) -> None:
        if member == "CreateItem" and members.count(member) == 2:
            own_secret_service.lock()

    members = _recorded(own_secret_service, monkeypatch, lock)
    keyring, texts = ConnectedSecretService({}), _texts("locked")
    failed = keyring.set_passwords(texts, "rolehop", lambda: None)
    assert 0 < members.count("CreateItem") < len(texts)
    assert {as_vault_error(each).exit_code for each in failed.values()} == {7}
    own_secret_service.unlock()
    there = keyring.get_passwords(list(texts), "rolehop")
    assert there == {service: text for service, text in texts.items() if service not in failed}


def test_a_daemon_that_was_started_anew_is_used_and_nobody_else_starts_one(
    own_secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _recorded(own_secret_service, monkeypatch)
    readers = [ConnectedSecretService({}) for _ in range(2)]
    for keyring in readers:  # agrees with the daemon on a key
        keyring.set_password("rolehop/stays", "rolehop", "old")
    assert not own_secret_service.is_lost()
    own_secret_service.kill()
    assert own_secret_service.is_lost()
    address = own_secret_service.environ["DBUS_SESSION_BUS_ADDRESS"]
    with PatientConnection(address) as bus:
        assert not secretstorage.check_service_availability(bus)
    own_secret_service.unlock()
    assert not own_secret_service.is_lost()
    assert readers[0].get_password("rolehop/stays", "rolehop") == "old"
    readers[1].set_password("rolehop/stays", "rolehop", "new")
    assert readers[0].get_password("rolehop/stays", "rolehop") == "new"


@pytest.mark.parametrize(
    ("dismissed", "cause"), [(True, "nobody answered the prompt to unlock it"), (False, None)]
)
def test_an_unlock_prompt_that_nobody_answered_is_said(dismissed: bool, cause: str | None) -> None:
    class StaysLocked:
        def is_locked(self) -> bool:
            return True

        def unlock(self) -> bool:
            return dismissed

    with pytest.raises((LockedException, PromptDismissedException)) as caught:
        unlocked(cast("secretstorage.Collection", StaysLocked()))
    assert as_vault_error(caught.value).cause == cause


def test_a_collection_that_was_unlocked_on_being_asked_for_is_used() -> None:
    class Opens:
        is_open = False

        def is_locked(self) -> bool:
            return not self.is_open

        def unlock(self) -> bool:
            self.is_open = True
            return False

    collection = cast("secretstorage.Collection", Opens())
    assert unlocked(collection) is collection


def test_the_collection_that_is_preferred_is_used(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _recorded(secret_service, monkeypatch)
    preferred = "/org/freedesktop/secrets/collection/session"
    keyring = ConnectedSecretService({"preferred_collection": preferred})
    keyring.set_password("rolehop/there", "rolehop", "text")
    assert keyring.get_passwords(["rolehop/there"], "rolehop") == {"rolehop/there": "text"}
    assert ConnectedSecretService({}).get_password("rolehop/there", "rolehop") is None
    assert keyring.delete_items("rolehop/there", "rolehop")


def test_a_bus_on_which_nobody_can_start_the_service_is_none_to_use(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _recorded(secret_service, monkeypatch)
    monkeypatch.setattr(secretstorage, "check_service_availability", lambda connection: False)
    with pytest.raises(RuntimeError, match="neither running nor activatable"):
        _ = ConnectedSecretService({}).priority


def test_a_service_that_ends_before_it_answers_is_said(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = DBusConnection.receive

    def ended(connection: DBusConnection, **settings: Any) -> Message:
        """The reply that a bus makes up for a service that is gone."""
        reply = receive(connection, **settings)
        if members[-1:] == ["SearchItems"]:
            reply.header.message_type = MessageType.error
            reply.header.fields[HeaderFields.error_name] = "org.freedesktop.DBus.Error.NoReply"
        return reply

    members = _recorded(secret_service, monkeypatch)
    monkeypatch.setattr(DBusConnection, "receive", ended)
    failed = ConnectedSecretService({}).set_passwords({"rolehop/x": "text"}, "rolehop", print)
    (error,) = failed.values()
    assert isinstance(error, SecretServiceNotAvailableException)
    assert str(error) == "it ended before it answered"
