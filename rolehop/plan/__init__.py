"""From a chain's name to a plan: pure functions over values, without I/O."""

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
