from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from rolehop.hotpath import dbus
from rolehop.vault.kernel import KernelKeyring
from tests.hotpath.paths import KERNEL, STORED, hot, warmed
from tests.support.secret_service import BACKEND, PATIENCE, LibraryKeyring, SecretService
from tests.support.world import World, temporary_world
from tests.vault.as_user import need_kernel_keyring


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hot path in the tests' own process wait for a bus that a busy machine serves late."""
    monkeypatch.setattr(dbus, "read_secrets", partial(dbus.read_secrets, timeout=PATIENCE))


@pytest.fixture(params=["bus", "kernel"])
def hot_world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose sessions are where the hot path can read them, once for each such place."""
    with _world_on(request, monkeypatch) as world:
        yield world


@pytest.fixture(scope="module", params=["bus", "kernel"])
def shared_hot_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The same for tests that change nothing."""
    with pytest.MonkeyPatch.context() as monkeypatch, _world_on(request, monkeypatch) as world:
        yield world


@pytest.fixture
def warm(shared_hot_world: World) -> World:
    """A world whose chain admin the hot path answers, for tests that change nothing."""
    if hot(shared_hot_world, "admin") is None:
        warmed(shared_hot_world, "admin")
    return shared_hot_world


@contextmanager
def _world_on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    keyring: KeyringBackend
    with temporary_world() as world:
        if request.param == "bus":
            service: SecretService = request.getfixturevalue("secret_service")
            name = "DBUS_SESSION_BUS_ADDRESS"
            world.backend = BACKEND
            world.more = {each: service.environ[each] for each in (name, "XDG_RUNTIME_DIR")}
            # The test itself looks into the keyring, too.
            monkeypatch.setenv(name, service.environ[name])
            keyring = LibraryKeyring()
        else:
            need_kernel_keyring()
            world.backend = KERNEL
            keyring = KernelKeyring()  # type: ignore[no-untyped-call]  # keyring leaves it open
        yield world
        _clear(world, keyring)


def _clear(world: World, keyring: KeyringBackend) -> None:
    """Take all that this world stored out of ``keyring``, which other worlds use, too."""
    files = (each.read_bytes() for each in world.files())
    keys = {key.decode() for text in files for key in re.findall(rb"\b[0-9a-f]{64}\b", text)}
    for key in (f"keys/{STORED}", "callers/sources", *keys):
        with suppress(PasswordDeleteError):
            keyring.delete_password(f"rolehop/{key}", "rolehop")
