"""A chain resolved and ready to walk, as plain frozen values.

A plan can be printed, compared and explained without a network: it has everything that is sent to
STS and nothing that STS answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.durations import format_duration
from rolehop.base.errors import ConfigError
from rolehop.config.model import SourceConfig, WrittenHop


class Mfa(Enum):
    """Where a hop's MFA comes from."""

    NONE = "none"
    SESSION = "session"
    """From a GetSessionToken session that all chains of the source share."""
    HOP = "hop"
    """A code goes with this very hop."""


class Cache(Enum):
    """Whether a hop's session is stored, as far as the index knows."""

    FRESH = "fresh"
    STALE = "stale"
    NONE = "none"
    UNKNOWN = "unknown"
    """The source must be loaded before its key is known (instance, container)."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One AssumeRole call: everything that is sent to STS, each value within STS's limits."""

    role: RoleArn
    session_name: str
    """2-64 characters of ``[A-Za-z0-9_+=,.@-]``."""

    duration_seconds: int
    """900 to the hop's ceiling."""

    external_id: str | None = None
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_serial: str | None = None
    """The device whose code goes with this call; ``auto`` is looked up when the code is needed."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One GetScopedCredentials call: it narrows a session and keeps who it is."""

    policy: str | None = None
    """JSON text, at most 2,048 characters."""

    duration_seconds: int | None = None
    """60 to 129,600; a walk asks for less if the session that is narrowed ends before.
    ``None``: as long as that one. One of this and ``policy`` is set."""

    description: str | None = None
    """2-256 characters for CloudTrail."""

    read_only: bool = False
    """``policy`` is rolehop's own that only reads."""

    @property
    def narrowed(self) -> str:
        """What a session narrowed so is called: ``read-only`` or ``scoped``."""
        return "read-only" if self.read_only else "scoped"

    @property
    def words(self) -> str:
        """What it does, e.g. ``read-only, 15 min``."""
        policy = "read-only" if self.read_only else "a policy" if self.policy else ""
        seconds = self.duration_seconds
        lasts = "" if seconds is None else format_duration(seconds)
        return ", ".join(filter(None, (policy, lasts)))


@dataclass(frozen=True, slots=True)
class SourceStep:
    """The source's own credentials; ``stored`` in the vault if they are a session that took calls."""

    key: str
    source: str
    stored: bool
    number: int = 0
    parent: str | None = None
    for_keys: TokenStep | None = None
    """Set if the source may turn out to give IAM user keys: the call that makes a session of them,
    which is then what the source gives."""


@dataclass(frozen=True, slots=True)
class TokenStep:
    """One GetSessionToken, shared by all chains of its source."""

    key: str
    parent: str
    source: str
    duration_seconds: int
    mfa_serial: str | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class HopStep:
    """One hop, numbered from 1, and what the plan knows about it."""

    key: str
    parent: str
    number: int
    hop: Hop
    ceiling_seconds: int
    """The longest lifetime STS can grant here."""

    mfa: Mfa = Mfa.NONE
    cache: Cache = Cache.NONE
    expires_at: datetime | None = None
    """The end of the cached session, by AWS's clock."""

    local_expires_at: datetime | None = None
    """The same by this machine's clock."""

    shortened: str | None = None
    """The note to show if the hop gets less time than was asked for."""

    notes: tuple[str, ...] = ()
    will_fail: str | None = None
    """Why AWS is certain to refuse this hop, if that is known without a call."""


@dataclass(frozen=True, slots=True)
class ScopeStep:
    """The last step of a chain that narrows its session; the session before is never handed out."""

    key: str
    parent: str
    source: str
    number: int
    """That of the last hop, plus one."""

    scope: Scope
    role: RoleArn | None = None
    """Whose session is narrowed; ``None``: the source's own."""

    cache: Cache = Cache.NONE
    expires_at: datetime | None = None
    """The end of the cached session, by AWS's clock."""

    local_expires_at: datetime | None = None
    """The same by this machine's clock."""

    shortened: str | None = None
    """The note to show if it gets less time than was asked for."""

    notes: tuple[str, ...] = ()
    will_fail: str | None = None
    """Why AWS is certain to refuse it, if that is known without a call."""


CachedStep = HopStep | ScopeStep
"""A step whose session is handed out, or signs for one that is; the index may list it."""

Step = SourceStep | TokenStep | HopStep | ScopeStep


@dataclass(frozen=True, slots=True)
class Guards:
    """What a chain asks of a person before a handover, each with the chain that says so.

    That is the chain itself, else the nearest that it continues.
    """

    confirm: str | None = None
    reason: str | None = None

    @property
    def any(self) -> bool:
        """True if the chain asks for something."""
        return self.confirm is not None or self.reason is not None

    def why(self, chain: str) -> str:
        """Say what asks before ``chain`` is handed over; the confirmation is asked for first."""
        asks, key = (
            (self.confirm, "confirm = true")
            if self.confirm is not None
            else (self.reason, 'reason = "required"')
        )
        if asks == chain:
            return f"chain '{chain}' has {key}"
        return f"chain '{chain}' continues '{asks}', which has {key}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A chain's steps in the order they are walked; the last one's session is handed out."""

    chain: str
    source: SourceConfig
    """Templates in its settings are filled."""

    aws_profile: str | None
    """The AWS profile whose settings (endpoint, FIPS, CA bundle, retries) apply to the calls."""

    region: str
    """Where STS is called: in the chain's partition."""

    export_region: str | None
    """What is exported as AWS_REGION: only a region that a flag or the config chose."""

    endpoint_url: str | None
    """The STS endpoint if it is overridden (emulator, VPC endpoint) or the global one."""

    min_ttl_seconds: int
    """The least life that a session must have left to be handed out."""

    long_lived: bool
    """The source gives IAM user keys, which are never handed out themselves."""

    steps: tuple[Step, ...]
    """``steps[0]`` is always the source."""

    source_problem: str | None
    """Why a walk fails at the source, if that is known and no stored session can be used instead."""

    guards: Guards
    wants_reason: bool
    """The chain requires a reason, and none was given."""

    color: str | None
    notes: tuple[str, ...]
    flags: tuple[str, ...]
    """The flags that change the last hop, as they are typed."""

    written: tuple[WrittenHop, ...]
    """Where each hop is defined, in the order of ``hops``."""

    @property
    def hops(self) -> tuple[HopStep, ...]:
        """The hops alone."""
        return tuple(step for step in self.steps if isinstance(step, HopStep))

    @property
    def scope(self) -> ScopeStep | None:
        """The step that narrows the session that is handed out, if one does."""
        last = self.steps[-1]
        return last if isinstance(last, ScopeStep) else None

    @property
    def calls(self) -> tuple[CachedStep, ...]:
        """The hops, and the scope after them."""
        return tuple(step for step in self.steps if isinstance(step, HopStep | ScopeStep))

    @property
    def is_cached(self) -> bool:
        """True if the index lists a session that can be handed out; unknown without a hop or scope."""
        return bool(self.calls) and self.calls[-1].cache is Cache.FRESH

    @property
    def key(self) -> str:
        """The hop key of the session that is handed out."""
        return self.steps[-1].key

    @property
    def certain_failure(self) -> ConfigError | None:
        """The error of the first hop that AWS is certain to refuse, whatever policies say."""
        for step in self.hops:
            if step.will_fail:
                return ConfigError(
                    f"hop {step.number} cannot work: {step.hop.role}",
                    cause=step.will_fail,
                    fix="take mfa_serial off this hop; the source's own mfa_serial covers hop 1"
                    if step.will_fail.startswith("mfa_serial")
                    else "change this hop, or the one it names, in the config",
                    chain=self.chain,
                    hop=step.number,
                )
        return self._failure_of_scope

    @property
    def _failure_of_scope(self) -> ConfigError | None:
        step = self.scope
        if step is None or not step.will_fail:
            return None
        return ConfigError(
            f"the scope of chain '{self.chain}' cannot work",
            cause=step.will_fail,
            fix="change the scope in the config, or the flags",
            chain=self.chain,
            hop=step.number,
        )


@dataclass(frozen=True, slots=True)
class Stamp:
    """What distinguishes one state of a source from another, without the network."""

    value: str | None
    """``None``: not known before the source is loaded."""

    long_lived: bool
    """The source gives IAM user keys: the only ones that carry MFA and get past one hour."""

    problem: str | None = None
    """Why the source cannot give credentials now, if that is already known."""

    endpoints: tuple[tuple[str, str], ...] = ()
    """Service and URL of each overridden endpoint that its credentials come through, besides the
    walk's STS endpoint: another one's session must never be taken for AWS's, nor the reverse."""

    stored: bool = False
    """The source's own credentials are a session that is stored in the vault."""

    may_be_keys: bool = False
    """Only loading the source shows whether it gives a session or IAM user keys, e.g. a program's
    answer. Keys become a session at once, so the plan is right in both cases."""


@dataclass(frozen=True, slots=True)
class CachedSession:
    """When one stored session began and ends, as the index knows it."""

    issued_at: datetime
    expires_at: datetime
    """By AWS's clock."""

    local_expires_at: datetime
    """``expires_at`` as this machine's clock will show it."""


@dataclass(frozen=True, slots=True)
class CachedState:
    """What earlier walks stored that a plan may use: hints, never secrets."""

    sessions: Mapping[str, CachedSession] = field(default_factory=dict)
    """By hop key."""

    max_durations: Mapping[str, int] = field(default_factory=dict)
    """Role ARN to the longest lifetime in seconds, if STS refused a longer one."""

    def with_ceilings(self, ceilings: Mapping[str, int]) -> CachedState:
        """Return the same with more ``max_durations`` (role ARN to seconds)."""
        return replace(self, max_durations={**self.max_durations, **ceilings}) if ceilings else self


def step_label(step: Step, hops: int) -> str:
    """Return e.g. ``hop 2 of 3  333333333333:role/Admin``, for a plan of ``hops`` hops."""
    if isinstance(step, HopStep):
        role = step.hop.role
        return f"hop {step.number} of {hops}  {role.account}:role{role.path}{role.name}"
    if isinstance(step, ScopeStep):
        return f"scope  {step.scope.words}"
    return f"source '{step.source}'"
