"""The world of the web identity tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.oidc import Issuer
from tests.sources.web_identity.federated import Federated
from tests.support.world import World


@pytest.fixture
def federated() -> Iterator[Federated]:
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
        Issuer() as issuer,
    ):
        yield Federated(world, issuer)
