from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.world import World
from tests.secret_service import BACKEND, SecretService, missing, secret_service


@contextmanager
def _world(backend: str | None = None) -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder), **({"backend": backend} if backend else {})) as world,
    ):
        yield world


@pytest.fixture
def world() -> Iterator[World]:
    """One of this test's own."""
    with _world() as world:
        yield world


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    """One for tests that only read, or that mind nobody else's calls."""
    with _world() as world:
        yield world


@pytest.fixture(scope="session")
def service() -> Iterator[SecretService]:
    """A running, unlocked Secret Service, for worlds that share it."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        secret_service(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
def real_world(service: SecretService) -> Iterator[World]:
    """A world whose sessions rest in a real Secret Service, found without being named."""
    with _world(BACKEND) as world:
        world.more = {
            name: service.environ[name] for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
        }
        yield world


@pytest.fixture
def own_service() -> Iterator[SecretService]:
    """One that this test may lock."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        secret_service(Path(folder)) as running,
    ):
        yield running
