"""A few seconds of many commands at once on one vault."""

from __future__ import annotations

import pytest

from rolehop.vault import KERNEL
from tests.storm.storm import blow, left_over
from tests.support.world import World
from tests.vault.as_user import NEEDS_MUCH, need_kernel_keyring


def _is_survived(world: World, seed: int) -> None:
    storm = blow(world, processes=6, seconds=4, seed=seed)
    assert storm.wrong == []
    assert left_over(world) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", [1])
def test_nothing_fails_or_is_left_in_a_secret_service(real_world: World, seed: int) -> None:
    _is_survived(real_world, seed)


@NEEDS_MUCH
@pytest.mark.long
@pytest.mark.parametrize("seed", [1])
def test_nothing_fails_or_is_left_in_the_kernel_keyring(world: World, seed: int) -> None:
    need_kernel_keyring()
    world.backend = KERNEL
    _is_survived(world, seed)
