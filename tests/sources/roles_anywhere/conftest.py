"""A certificate authority, and a double of IAM Roles Anywhere that trusts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles.roles_anywhere import RolesAnywhere
from tests.sources.machines import (
    START,
    keyless_world,
    role_for,
)
from tests.sources.pki import Issued, issue
from tests.sources.roles_anywhere.helpers import (
    ACTIONS,
)
from tests.support.world import World


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("root", authority=True)


@pytest.fixture(scope="module")
def middle(root: Issued) -> Issued:
    return issue("middle", root, authority=True)


@pytest.fixture
def world(root: Issued) -> Iterator[World]:
    with keyless_world() as world:
        world.more |= {"AWS_MAX_ATTEMPTS": "1"}
        role_for(world, {"Service": "rolesanywhere.amazonaws.com"}, *ACTIONS)
        yield world


@pytest.fixture
def double(world: World, root: Issued) -> Iterator[RolesAnywhere]:
    with RolesAnywhere(world.sts.world, root.certificate) as double:
        double.profile.roles.append(START)
        world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"] = double.url
        yield double
