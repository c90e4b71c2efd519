"""Reading a secret off the session bus: what keyring gives, or trouble, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from rolehop.hotpath.dbus import BusTrouble, read_secrets
from tests.hotpath.keyrings.fake_bus import (
    ERROR,
    FOUND,
    HELLO,
    KNOWN,
    NOTHING_FOUND,
    OK,
    OPENED,
    SIGNAL,
    FakeBus,
    conversation,
    message,
    number,
    secret,
    text,
)
from tests.support.environment import ROOT
from tests.support.secret_service import LibraryKeyring, SecretService, start_secret_service

BUS = "DBUS_SESSION_BUS_ADDRESS"
SHORT = 0.05  # seconds, for a timeout that is known to run out
PATIENCE = 60.0  # seconds, for a bus that a busy machine serves late

# ---- against a real Secret Service

VALUES = {
    "one-character": "x",
    "empty": "",
    "aws-like": "IQoJb3JpZ2luX2VjEXAMPLE+/=" * 40,
    "a-kilobyte": "k" * 1024,
    "a-page": "p" * 4096,
    "12000-characters": "IQoJb3JpZ2luX2VjEXAMPLE+/=" * 480,
    "more-than-one-read": "r" * 200_000,
    "two-lines": '{"Version":1}\n{"key":"k"}',
    "unicode": "zß水𝄞 … é\u0301",
    "quotes-and-backslashes": '"\\"\t\r\n',
}


@pytest.fixture
def keyring(
    secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KeyringBackend]:
    monkeypatch.setenv(BUS, secret_service.environ[BUS])
    keyring: KeyringBackend = LibraryKeyring()
    yield keyring
    try:
        keyring.delete_password("rolehop/test", "rolehop")
    except PasswordDeleteError:
        return


def read(username: str = "rolehop", service: str = "rolehop/test") -> str | None:
    return read_secrets(os.environ[BUS], [service], username, PATIENCE)[0]


@pytest.mark.parametrize("name", VALUES)
def test_it_reads_the_same_as_the_keyring_library(keyring: KeyringBackend, name: str) -> None:
    keyring.set_password("rolehop/test", "rolehop", VALUES[name])
    assert read() == keyring.get_password("rolehop/test", "rolehop") == VALUES[name]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12_500))
def test_it_reads_any_text_that_keyring_reads(keyring: KeyringBackend, value: str) -> None:
    keyring.set_password("rolehop/test", "rolehop", value)
    assert read() == keyring.get_password("rolehop/test", "rolehop") == value


def test_a_missing_item_is_none_as_for_the_keyring_library(keyring: KeyringBackend) -> None:
    keyring.set_password("rolehop/test", "somebody", "x")
    try:
        assert read() is None
        assert read(service="rolehop/other") is None
        assert keyring.get_password("rolehop/test", "rolehop") is None
    finally:
        keyring.delete_password("rolehop/test", "somebody")


def test_a_locked_collection_is_an_error(
    own_secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUS, own_secret_service.environ[BUS])
    LibraryKeyring().set_password("rolehop/test", "rolehop", "x")  # type: ignore[no-untyped-call]
    own_secret_service.lock()
    with pytest.raises(BusTrouble):
        read()


def test_a_bus_without_a_secret_service_is_an_error(short_folder: Path) -> None:
    with (
        start_secret_service(short_folder, locked=True) as nobody,
        pytest.raises(BusTrouble),
    ):
        read_secrets(nobody.environ[BUS], ["rolehop/test"], "rolehop", PATIENCE)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "unix:",
        "nonsense",
        "tcp:host=127.0.0.1,port=1",
        "unix:tmpdir=/tmp",
        "unix:path=/nowhere/bus",
        "unix:path=/nowhere/a%20bus",
        "unix:path=" + "long" * 100,
        "unix:path=\0",
        "unix:abstract=/rolehop/nobody",
        "unix:abstract=\udcff",
        "unixexec:path=/bin/true",
    ],
)
def test_an_unused_address_is_an_error(address: str) -> None:
    with pytest.raises((BusTrouble, OSError)):
        read_secrets(address, ["rolehop/test"], "rolehop")


# ---- against a bus that says anything


@pytest.fixture
def bus(short_folder: Path) -> Iterator[FakeBus]:
    with FakeBus(short_folder) as bus:
        yield bus


def read_from(bus: FakeBus, says: bytes, timeout: float = PATIENCE) -> str | None:
    bus.says = says
    return read_secrets(bus.address, ["rolehop/test"], "rolehop", timeout)[0]


def test_the_fake_bus_is_believed_when_it_speaks_well(bus: FakeBus) -> None:
    assert read_from(bus, conversation()) == "a secret"
    assert read_from(bus, OK + HELLO + KNOWN + OPENED + NOTHING_FOUND) is None
    not_known = message(2, text("never heard of it"), kind=ERROR)
    assert read_from(bus, OK + HELLO + not_known + OPENED + NOTHING_FOUND) is None
    signal = message(0, text("hello"), kind=SIGNAL)
    assert (
        read_from(bus, OK + HELLO + signal + KNOWN + OPENED + signal + FOUND + secret(b"x")) == "x"
    )


def test_a_truncated_conversation_is_an_error(bus: FakeBus) -> None:
    whole = conversation()
    for length in range(len(whole)):
        with pytest.raises(BusTrouble):
            read_from(bus, whole[:length])


TOO_LARGE = b"l\x02\x01\x01" + number(1 << 21) + number(9) + number(16)
NO_DEFAULT = OPENED[: -len(message(4, text("/org/freedesktop/secrets/collection/login")))]
BAD_ANSWERS = {
    "no-default-collection": OK + HELLO + KNOWN + NO_DEFAULT + message(4, text("/")),
    "rejected": b"REJECTED EXTERNAL\r\n",
    "other-byte-order": OK + message(1, text(":1.7"), order=b"B"),
    "no-message-at-all": OK + b"\0" * 64,
    "a-body-too-large": OK + TOO_LARGE,
    "a-header-too-large": OK + b"l\x02\x01\x01" + number(0) + number(9) + number(0xFFFFFFF0),
    "hello-refused": OK + message(1, text("no"), kind=ERROR),
    "session-refused": OK + HELLO + KNOWN + message(3, text("no"), kind=ERROR),
    "search-refused": OK + HELLO + KNOWN + OPENED + message(5, text("no"), kind=ERROR),
    "secret-refused": OK + HELLO + KNOWN + OPENED + FOUND + message(6, text("locked"), kind=ERROR),
    "no-plain-session": OK
    + HELLO
    + KNOWN
    + message(3, b"\x02ay\0" + number(0) + text("/s"))
    + FOUND,
    "an-answer-without-a-body": OK + HELLO + KNOWN + OPENED + FOUND + message(6, b""),
    "a-secret-shorter-than-it-says": OK
    + HELLO
    + KNOWN
    + OPENED
    + FOUND
    + secret(b"x" * 40).replace(number(40) + b"x", number(99) + b"x"),
    "a-secret-that-is-no-text": OK + HELLO + KNOWN + OPENED + FOUND + secret(b"\xff\xfe"),
    "fields-that-never-end": OK
    + b"l\x02\x01\x01"
    + number(0)
    + number(9)
    + number(3)
    + b"\5\1u" * 8,
    "an-unknown-field": OK + message(1, b"").replace(b"\x07\x01s", b"\x07\x01v"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_is_an_error(bus: FakeBus, name: str) -> None:
    with pytest.raises(BusTrouble):
        read_from(bus, BAD_ANSWERS[name])


@pytest.mark.parametrize(
    "heard", [0, 10, len(OK), len(OK + HELLO), len(OK + HELLO + KNOWN + OPENED)]
)
def test_silence_is_an_error_after_the_timeout(bus: FakeBus, heard: int) -> None:
    bus.holds = True
    # On a busy machine the time may be up before the next byte is waited for.
    with pytest.raises((OSError, BusTrouble), match=r"timed out|takes too long"):
        read_from(bus, conversation()[:heard], SHORT)


# Its handler runs in another thread, which wakes up nobody: as if it came just before the wait.
_INTERRUPTED = """
import signal, sys, threading, time
from rolehop.hotpath import dbus
def interrupt():
    time.sleep(0.05)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    getattr(dbus, sys.argv[1])(sys.argv[2], *eval(sys.argv[3]), timeout=0.5)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("function", "more"),
    [("read_secrets", (["rolehop/test"], "rolehop")), ("is_collection_locked", ())],
)
def test_ctrl_c_that_comes_just_before_a_wait_leaves_nothing_open(
    bus: FakeBus, function: str, more: tuple[object, ...]
) -> None:
    bus.holds = True
    argv = [sys.executable, "-W", "error", "-c", _INTERRUPTED, function, bus.address, repr(more)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


@pytest.mark.parametrize(
    "again", [b"x", message(0, b"", kind=SIGNAL), message(77, text("not for us"))]
)
def test_the_timeout_also_counts_while_the_bus_sends_other_messages(
    bus: FakeBus, again: bytes
) -> None:
    bus.again = again
    with pytest.raises((BusTrouble, OSError)):
        read_from(bus, OK if again != b"x" else b"", SHORT)


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_conversation_raises_only_bus_trouble(bus: FakeBus, data: st.DataObject) -> None:
    says = bytearray(conversation())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(says) - 1))
        says[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        says = says or bytearray(b"\0")
    only_trouble(bus, bytes(says))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(says=st.binary(max_size=300), signed_on=st.booleans())
def test_noise_raises_only_bus_trouble(bus: FakeBus, says: bytes, signed_on: bool) -> None:
    only_trouble(bus, (OK if signed_on else b"") + says)


def only_trouble(bus: FakeBus, says: bytes) -> None:
    try:
        found = read_from(bus, says)
    except (BusTrouble, OSError):
        return
    assert found is None or isinstance(found, str)
