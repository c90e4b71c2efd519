"""The world of the Identity Center tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.sso import Center
from tests.sources.identity_center.corp import Corp
from tests.support.world import World


@pytest.fixture
def corp() -> Iterator[Corp]:
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
        Center(world.sts) as center,
    ):
        yield Corp(world, center)
