"""From a chain's name to a plan: pure, total, and without asking anybody outside."""

from rolehop.plan.model import (
    Cache,
    CachedSession,
    CachedState,
    Hop,
    HopStep,
    Mfa,
    Plan,
    SourceStep,
    Stamp,
    Step,
    TokenStep,
)

__all__ = [
    "Cache",
    "CachedSession",
    "CachedState",
    "Hop",
    "HopStep",
    "Mfa",
    "Plan",
    "SourceStep",
    "Stamp",
    "Step",
    "TokenStep",
]
