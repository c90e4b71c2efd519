from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.secret_service import SecretService, missing
from tests.secret_service import secret_service as start


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name (108 bytes)."""
    with tempfile.TemporaryDirectory(prefix="rh-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def secret_service() -> Iterator[SecretService]:
    """A running, unlocked Secret Service. Who locks it needs one of their own."""
    _need_programs()
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start(Path(folder)) as service,
    ):
        yield service


@pytest.fixture
def own_secret_service() -> Iterator[SecretService]:
    """One that this test may lock."""
    _need_programs()
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start(Path(folder)) as service,
    ):
        yield service


@pytest.fixture
def locked_secret_service() -> Iterator[SecretService]:
    """One that nobody unlocked since the machine started."""
    _need_programs()
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start(Path(folder), locked=True) as service,
    ):
        yield service


def _need_programs() -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
