"""The requests of a chain of two hops, from the keys of a user to the role Admin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rolehop.base.arn import RoleArn
from rolehop.policy import Request
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.inventory import IamInventory
from rolehop.policy.requests import build_requests

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = "arn:aws:iam::111111111111:user/alice"
HUB = RoleArn.parse("arn:aws:iam::222222222222:role/team/Hub")
ADMIN = RoleArn.parse("arn:aws:iam::333333333333:role/Admin")
KEYS = StartingCredentials(ALICE, long_lived=True, mfa=False)


def asked(
    start: StartingCredentials = KEYS,
    supplied: dict[str, list[str]] | None = None,
    assumptions: frozenset[str] = frozenset(),
    **hop1: Any,
) -> list[Request]:
    hops = [AssumeRoleRequest(HUB, "s1", **hop1), AssumeRoleRequest(ADMIN, "s2")]
    return list(
        build_requests(
            start,
            hops,
            EvaluationContext(IamInventory(), NOW, "eu-west-1", supplied or {}, assumptions),
        )
    )
