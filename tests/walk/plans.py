"""Plans for the tests of walks: a chain from IAM user keys, or from what a stamp says."""

from __future__ import annotations

from datetime import timedelta

from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import replace
from rolehop.commands.sessions.refreshing import RenewingVault
from rolehop.config.model import (
    ChainConfig,
    Config,
    Defaults,
    HopConfig,
    ScopeConfig,
    SourceConfig,
    written_hops,
)
from rolehop.plan.model import Plan, Stamp
from rolehop.plan.planner import make_plan
from rolehop.plan.resolve import PlanContext, path_of, resolve, source_of
from rolehop.plan.walk_options import WalkOptions
from rolehop.walk.ports import Ports
from tests.support.simulator import START, FakeAws

HUB = "arn:aws:iam::222222222222:role/Hub"
ADMIN = "arn:aws:iam::333333333333:role/Admin"
AUDIT = "arn:aws:iam::444444444444:role/Audit"
ALICE_MFA = "arn:aws:iam::111111111111:mfa/alice"
KEYS = Stamp("AKIASOURCE", long_lived=True)
A_SESSION = Stamp("ASIASOURCE", long_lived=False)


def renewing(aws: FakeAws) -> Ports:
    """Return the ports of a refresh that begins now."""
    return replace(aws.ports(), vault=RenewingVault(aws, lambda: aws.now))


def plan(
    *hops: HopConfig,
    stamp: Stamp = KEYS,
    min_ttl: int = 960,
    principal: str | None = None,
    scope: ScopeConfig | None = None,
    options: WalkOptions | None = None,
    **settings: object,
) -> Plan:
    source = SourceConfig("alice", "keys", settings, principal=principal)
    chain = ChainConfig("prod", source="alice", hops=hops, scope=scope)
    config = Config(
        Defaults(min_ttl_seconds=min_ttl), sources={"alice": source}, chains={"prod": chain}
    )
    path = path_of(config, chain)
    resolved = resolve(
        config, path, source_of(config, path), written_hops(path), PlanContext("alice", "laptop")
    )
    return make_plan(config, resolved, stamp, now=START, options=options)


TWO = (HopConfig(HUB), HopConfig(ADMIN, duration_seconds=900))


def a_source_session(aws: FakeAws, *, ends: bool = True) -> Credentials:
    end = aws.now + timedelta(hours=1) if ends else None
    return Credentials("ASIASOURCE", Secret("source-secret"), Secret("source-token"), end)
