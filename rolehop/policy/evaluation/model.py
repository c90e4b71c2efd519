"""The values of an evaluation: the request, the policies shown, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from rolehop.base.dataclass import dataclass, field
from rolehop.policy.evaluation.call_rules import is_governed_by_resource
from rolehop.policy.evaluation.findings import Finding, Truth
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.statements import Attached, Judged
from rolehop.policy.language.request_context import Context


class PolicyType(Enum):
    """The types of policy, in the order in which they are shown."""

    __hash__ = object.__hash__  # there is one object of each; Enum's own is written in Python

    TRUST = "trust"
    PERMISSIONS = "permissions"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCOPE = "scope"
    """The policy of GetScopedCredentials; only where a session is known to be narrowed by one."""

    SCP = "scp"
    RCP = "rcp"


class Outcome(Enum):
    """The outcome for a policy, a hop or a chain."""

    __hash__ = object.__hash__

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_VISIBLE = "not-visible"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The documents of one type of policy, as far as they are visible."""

    documents: tuple[Attached, ...] = ()
    missing: tuple[str, ...] = ()
    """Names of documents that exist, or may exist, and cannot be seen or read."""

    there: bool = True
    """``False``: no such document exists (no boundary, no session policy)."""

    malformed: bool = False
    """What is missing was read, and is not a valid policy."""

    levels: tuple[frozenset[str], ...] = ()
    """Of SCPs: the names of the documents on each level (root, OUs, account), each of which must
    allow; none: the levels are not known."""


NOT_VISIBLE = PolicySet(missing=("all",))
NO_POLICY = PolicySet(there=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One call, as policies see it."""

    role: str
    """ARN of the role that is asked for; if ``owner`` is set, of another resource, ``*`` for an
    action that has none, or `ANY_RESOURCE`."""

    caller: Caller
    context: Context
    actions: tuple[str, ...] = ("sts:AssumeRole",)
    """All must be allowed: tags add ``sts:TagSession``, a source identity
    ``sts:SetSourceIdentity``."""

    policies: Mapping[PolicyType, PolicySet] = field(default_factory=dict)
    """By type; a type that is not listed is not visible."""

    assumed: tuple[str, ...] = ()
    """Assumptions behind this request, to be named if it is allowed."""

    unseen: str | None = None
    """What cannot be seen of the source's session: the name of the assumption that covers it."""

    possible_actions: tuple[str, ...] = ()
    """Actions that AWS also requires if the unseen part exists."""

    owner: str | None = None
    """Account of the resource, ``role``, of any other call than one of STS for a role; the trust
    policy then stands for the resource's own policy. ``None``: AssumeRole, or another action of STS
    that the role's trust policy decides."""

    rcps_cover: Truth = Truth.TRUE
    """Whether RCPs cover the service that is called."""

    elsewhere: tuple[Request, ...] = ()
    """Set if ``owner`` is a guess, since the ARN names no account: the same call if another account
    owns the resource."""

    hop: int = 1
    """Number of the hop that makes the call; what the user says of a caller is said of hop 1's."""

    impossible: Finding | None = None
    """Why AWS refuses this call whatever the policies say; if its truth is unknown, why it may."""

    @property
    def within_account(self) -> bool:
        """True if ``owner`` is set, and is the caller's account."""
        return self.owner is not None and self.owner == self.caller.account

    def needs_resource_policy(self, action: str) -> bool:
        """True if the policy of the resource itself must allow ``action``."""
        return is_governed_by_resource(action, self.role)

    def policy_set(self, policy_type: PolicyType) -> PolicySet:
        """Return the documents of ``policy_type``."""
        return self.policies.get(policy_type, NOT_VISIBLE)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The verdict of one type of policy, with the statement that decides it."""

    name: PolicyType
    outcome: Outcome
    action: str
    """The action that decides: the first that is refused, else the first that is open."""

    deciding: Judged | None
    findings: tuple[Finding, ...]
    open: tuple[Judged, ...] = field(default=(), repr=False)
    """Statements of which it is not known whether they apply."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call would be allowed, and why."""

    request: Request
    outcome: Outcome
    """Allowed, refused or unknown."""

    policies: tuple[PolicyVerdict, ...]
    unknowns: tuple[str, ...]
    """What would settle it: condition keys, ``caller``, types of policy."""

    assuming: tuple[str, ...]

    @property
    def refused(self) -> tuple[PolicyVerdict, ...]:
        """The policies that refuse."""
        return tuple(policy for policy in self.policies if policy.outcome is Outcome.REFUSED)

    @property
    def first_wrong(self) -> Finding | None:
        """The finding to show first."""
        return next((policy.findings[0] for policy in self.refused), None)
