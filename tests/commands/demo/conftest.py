"""The machine of one test, and a check that the demo left it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.demo.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def untouched(machine: Machine) -> Iterator[None]:
    before = machine.files()
    yield
    assert machine.files() == before
    assert list(machine.temporary.iterdir()) == []
