"""The world of the SAML tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles.saml import IdentityProvider
from tests.sources.machines import (
    keyless_world,
    role_for,
)
from tests.sources.saml.helpers import (
    PROVIDER,
)
from tests.support.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with keyless_world() as world:
        role_for(world, {"Federated": PROVIDER}, "sts:AssumeRoleWithSAML")
        yield world


@pytest.fixture
def idp(world: World) -> IdentityProvider:
    idp = IdentityProvider(PROVIDER)
    world.sts.world.saml_providers[PROVIDER] = idp
    return idp
