from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import CONFIG, World

CONFIG_WITH_KEYS = (
    CONFIG.replace('type = "environment"', 'type = "keys"').replace(
        'labels = { env = "prod" }', 'color = "red"'
    )
    + """
[chains.refused]
from = "hub"
hops = [{ role = "999999999999:role/No" }]
"""
)


@pytest.fixture(scope="module")
def world_with_keys() -> Iterator[World]:
    """A world whose chains start from alice's keys in the vault, so that they can be walked again."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
    ):
        done = world.rolehop("keys", "add", "me", "--from-env")
        assert done.code == 0, done.err
        world.config(CONFIG_WITH_KEYS)
        world.more = {"PYTHONWARNINGS": "", "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}
        yield world
