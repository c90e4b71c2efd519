"""Rows of the tables of chains and sessions: plain values, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rolehop.plan.model import CachedSession, HopStep, Step
from rolehop.startup.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One chain of ``rolehop list``."""

    name: str
    description: str
    source: str | None
    """Name of the source it starts from, also if it continues another chain."""
    continues: str | None
    fleet: str | None
    labels: Mapping[str, str]
    roles: tuple[str, ...]
    """ARNs of all roles from the source on, in the order they are walked."""
    cached: CachedSession | None
    """The last hop's session, unless it has ended."""

    account: str = ""
    """Of the last role; empty if the chain uses its source's own session."""
    color: str | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of ``rolehop status``."""

    key: str
    chains: tuple[str, ...]
    hop: int
    """From 1; 0 is the source's own session or its MFA session."""
    role: str | None
    arn: str
    expires_at: datetime
    """By AWS's clock."""

    local_expires_at: datetime
    """The same by this machine's clock."""

    parent: str | None
    """Hop key of the session that signed, if that one is stored too."""
    backend: str
    kind: str
    """``source``, ``token`` or ``hop``."""
    source: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """How the last `credential-process` of a chain failed."""

    chain: str
    at: datetime
    exit_code: int
    """0: it gave an answer that may be too long for its reader."""
    what: str
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of ``rolehop keys list``."""

    name: str
    access_key_id: str
    backend: str
    added_at: datetime


def step_label(step: Step, hops: int) -> str:
    """Return e.g. ``hop 2 of 3  333333333333:role/Admin``, for a plan of ``hops`` hops."""
    if isinstance(step, HopStep):
        role = step.hop.role
        return f"hop {step.number} of {hops}  {role.account}:role{role.path}{role.name}"
    return f"source '{step.source}'"
