"""Every test starts from an environment in which nobody's AWS, keyring or rolehop has a say."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.secret_service import BACKEND, SecretService, missing, start_secret_service
from tests.support.world import World, temporary_world

_FOREIGN = ("AWS_", "ROLEHOP_", "KEYRING_PROPERTY_", "XDG_")
_OURS = "ROLEHOP_TEST_"  # says where the tests find programs
_NAMES = ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")


def pytest_configure() -> None:
    """Take back signals that are ignored: a test run in the background (``&``, nohup) starts so.

    What is ignored here would be ignored by every program under test, Ctrl-C with it.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No variable of the developer's is left, HOME is an empty folder, there is no session bus."""
    for name in os.environ:
        if (name.startswith(_FOREIGN) or name in _NAMES) and not name.startswith(_OURS):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "site"))
    # Without it a bus socket at the usual place would be found.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))


@pytest.fixture
def world() -> Iterator[World]:
    """A world for one test alone."""
    with temporary_world() as world:
        yield world


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    """A world for tests that only read, or that ignore the calls of others."""
    with temporary_world() as world:
        yield world


@pytest.fixture
def real_world(secret_service: SecretService) -> Iterator[World]:
    """A world whose sessions are in a real Secret Service, found without being named."""
    with temporary_world(BACKEND) as world:
        world.more = {
            name: secret_service.environ[name]
            for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
        }
        yield world


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves space for a socket's name (108 bytes)."""
    with tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def secret_service() -> Iterator[SecretService]:
    """A running, unlocked Secret Service that all tests share; none of them may lock it."""
    _need_secret_service()
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start_secret_service(Path(folder)) as service,
    ):
        yield service


@pytest.fixture
def own_secret_service(short_folder: Path) -> Iterator[SecretService]:
    """A Secret Service that this test may lock."""
    _need_secret_service()
    with start_secret_service(short_folder / "service") as service:
        yield service


@pytest.fixture
def locked_secret_service(short_folder: Path) -> Iterator[SecretService]:
    """A Secret Service that has not been unlocked since the machine started."""
    _need_secret_service()
    with start_secret_service(short_folder / "service", locked=True) as service:
        yield service


def _need_secret_service() -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
