"""Fixtures of the tests of ``config import``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.config.importing.machine import Machine
from tests.doubles.sso import Center
from tests.sources.identity_center.corp import Corp
from tests.support.world import temporary_world


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def corp() -> Iterator[Corp]:
    """A world with an Identity Center."""
    with temporary_world() as world, Center(world.sts) as center:
        yield Corp(world, center)
