"""The values of an evaluation: the request, the policies shown, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from rolehop.policy.evaluation.findings import Finding
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.statements import Attached, Judged
from rolehop.policy.language.request_context import Context
from rolehop.startup.dataclass import dataclass, field


class PolicyType(Enum):
    """The kinds of policy, in the order in which they are told."""

    TRUST = "trust"
    PERMISSIONS = "permissions"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"


class Outcome(Enum):
    """What a lane, a hop or a chain comes to."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_VISIBLE = "not-visible"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The documents of one lane, as far as they can be seen."""

    documents: tuple[Attached, ...] = ()
    missing: tuple[str, ...] = ()
    """Documents that are there, or may be, and cannot be seen or read; by name."""

    there: bool = True
    """``False``: surely no such document exists (no boundary, no session policy)."""

    malformed: bool = False
    """What is missing was seen, and is no policy."""


NOT_VISIBLE = PolicySet(missing=("all",))


NO_POLICY = PolicySet(there=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One STS call as policies see it."""

    role: str
    """ARN of the role that is asked for."""

    caller: Caller
    context: Context
    actions: tuple[str, ...] = ("sts:AssumeRole",)
    """All must be allowed: tags add ``sts:TagSession``, a source identity
    ``sts:SetSourceIdentity``."""

    policies: Mapping[PolicyType, PolicySet] = field(default_factory=dict)
    """A lane that is not named here is not visible."""

    assumed: tuple[str, ...] = ()
    """What whoever made this request took for granted, to be named where it is allowed."""

    unseen: str | None = None
    """What nobody can see of the source's session, by the name under which it is assumed."""

    possible_actions: tuple[str, ...] = ()
    """Actions that AWS asks for, too, if what is unseen is there."""

    impossible: Finding | None = None
    """Why STS refuses this call whatever the policies say; of unknown truth: why it may."""

    def policy_set(self, policy_type: PolicyType) -> PolicySet:
        """Return the documents of ``lane``."""
        return self.policies.get(policy_type, NOT_VISIBLE)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """One lane's verdict, with the statement that decides it."""

    name: PolicyType
    outcome: Outcome
    action: str
    """The action that decides: the first that is refused, else the first that is open."""

    deciding: Judged | None
    findings: tuple[Finding, ...]
    open: tuple[Judged, ...] = field(default=(), repr=False)
    """Statements that may apply, or not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call would be allowed, and why: the root of a tree of findings."""

    request: Request
    outcome: Outcome
    """Allowed, refused or unknown."""

    policies: tuple[PolicyVerdict, ...]
    unknowns: tuple[str, ...]
    """Condition keys, ``caller``, and lanes that would settle it, were they known."""

    assuming: tuple[str, ...]

    @property
    def refused(self) -> tuple[PolicyVerdict, ...]:
        """The lanes that refuse."""
        return tuple(policy for policy in self.policies if policy.outcome is Outcome.REFUSED)

    @property
    def first_wrong(self) -> Finding | None:
        """The finding to name first."""
        return next((policy.findings[0] for policy in self.refused), None)
