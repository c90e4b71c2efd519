"""An AWS in memory with three roles."""

from __future__ import annotations

import pytest

from tests.support.simulator import FakeAws
from tests.walk.plans import ADMIN, AUDIT, HUB


@pytest.fixture
def aws() -> FakeAws:
    aws = FakeAws()
    aws.role(HUB, trusts="AKIASOURCE")
    aws.role(ADMIN, trusts=HUB)
    aws.role(AUDIT, trusts=HUB)
    return aws
