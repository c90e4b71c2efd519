"""The values from which requests are built: credentials, calls of hops, what all hops share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import dataclass, field
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.request_context import Unknown

SuppliedKeys = Mapping[str, Sequence[str]]
"""What the user says about the request: condition key to values; no values: absent."""

UNKNOWN_NAME = "*"
"""Stands for the name of a session that is not known."""

UNKNOWN_TAG = "*"
"""Stands for a tag's value that is not known; no value of a tag may contain it."""


@dataclass(frozen=True, slots=True)
class AssumeRoleRequest:
    """One AssumeRole call: the parameters that policies look at."""

    role: RoleArn
    session_name: str
    """`UNKNOWN_NAME` if it is not known."""
    external_id: str | None = None
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    """Keys and values; a value is `UNKNOWN_TAG` if it is not known."""

    transitive_tags: tuple[str, ...] = ()
    source_identity: str | Unknown | None = None


@dataclass(frozen=True, slots=True)
class ScopeRequest:
    """One GetScopedCredentials call, after the last hop."""

    policy: str | None = None
    """JSON text; ``None``: only the lifetime is narrowed."""

    read_only: bool = False
    """The policy is rolehop's own that only reads: nobody can edit it."""


@dataclass(frozen=True, slots=True)
class InheritedAttributes:
    """What a source's session carries into hop 1, apart from its identity."""

    tags: Mapping[str, str] | None = None
    """Its session tags, all of them; ``None``: not known."""

    transitive: tuple[str, ...] = ()
    source_identity: str | Unknown | None = None
    """``UNKNOWN``: one is set, its value is not known."""

    known: SuppliedKeys = field(default_factory=dict)
    """Condition keys of the session with known values, e.g. some of its session tags."""

    unseen: str | None = None
    """The part of it that cannot be seen (``SOURCE_SESSION``): the verdict stays unknown unless
    the user assumes it away."""

    unread: str | None = None
    """A claim of its token from which STS may take session tags or a source identity."""


@dataclass(frozen=True, slots=True)
class StartingCredentials:
    """The credentials in hand before hop 1."""

    principal: str | None
    """ARN of the user or session; of the role if the session's name is not known; ``None``: not
    known."""

    role: str | None = None
    """Full ARN, with its path, of the role whose session this is, where it is known."""

    carried: InheritedAttributes | None = None
    """``None``: what a session carries cannot be seen; IAM user keys carry nothing."""

    account: str | None = None
    """If only the account is known."""

    role_pattern: str | None = None
    """What the ARN of its role is like, with wildcards, if only that is known."""

    long_lived: bool = False
    """IAM user keys."""

    mfa: bool | None = None
    """Whether hop 1 carries MFA; ``None``: not known."""

    token_seconds: int | None = None
    """Set if a session of GetSessionToken calls, in place of IAM user keys: the longest it lasts."""

    mfa_by_call: bool = False
    """The MFA code goes with the call of hop 1 itself."""

    policy: str | None = None
    """The session policy that the source requests for its own session, then ARNs of others."""

    policy_arns: tuple[str, ...] = ()
    policy_unseen: bool = False
    """It may have a session policy that rolehop did not request."""


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """The inputs that are the same for all hops."""

    inventory: IamInventory
    now: datetime
    """Aware, in UTC."""

    region: str | None = None
    """The region in which STS is called."""

    supplied: SuppliedKeys = field(default_factory=dict)
    assumptions: frozenset[str] = frozenset()
    """Names of the user's assumptions about the source's session."""

    pin_tags: bool = False
    """Proposed statements take only the tags that this call sends."""

    supplied_at: Mapping[int, SuppliedKeys] = field(default_factory=dict)
    """What the user says about the caller of one hop, by its number."""


@dataclass(frozen=True, slots=True)
class CallerState:
    """The credentials at one point of the chain."""

    caller: Caller
    session: PolicySet
    tags: Mapping[str, str] | None
    """Session tags; ``None``: not known."""

    transitive: frozenset[str]
    """Keys of transitive tags, in lower case."""

    source_identity: str | Unknown | None
    """``UNKNOWN``: one is set, its value is not known."""

    mfa: bool | None
    long_lived: bool
    """IAM user keys themselves call."""

    token_seconds: int | None = None
    """Set for a session of GetSessionToken: the longest it lasts."""

    mfa_by_call: bool = False
    role_pattern: str | None = None
    """What ``aws:PrincipalArn`` is like, with wildcards, if only that is known."""

    assumed: tuple[str, ...] = ()
    """The user's assumptions about the source's session."""

    unseen: str | None = None
    """The part of it that cannot be seen."""

    known: SuppliedKeys = field(default_factory=dict)
    supplied: SuppliedKeys = field(default_factory=dict)
    """What the user says about the source, or about any action's caller."""

    unread: str | None = None
    walked: bool = False
    """It is the session of a hop of this chain."""

    from_user: bool = False
    """The chain starts with an IAM user's own credentials."""

    next_hop: int = 1
    """Number of the hop that these credentials call."""

    scope: PolicySet | None = None
    """The policy by which a scope narrowed the session; ``None``: none did."""


SOURCE_SESSION = "source-session"
"""Whether a source that is a session has a session policy, session tags or a source identity: this
cannot be seen from outside. The assumption: it has none."""
