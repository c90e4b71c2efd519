"""Three-valued truth, and the findings that every evaluation is made of.

Much of a request cannot be known from outside AWS, so nothing here is a plain bool. What is
unknown stays unknown until the user supplies it, and never turns into a yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from rolehop.base.dataclass import dataclass


class Truth(Enum):
    """Kleene's three values."""

    __hash__ = object.__hash__  # there is one object of each; Enum's own is written in Python

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    def __invert__(self) -> Truth:
        """Return the opposite; the opposite of unknown is unknown."""
        return _OPPOSITE[self]

    def __bool__(self) -> bool:
        """Raise TypeError: ``if truth`` would forget the third value."""
        raise TypeError("a Truth has three values; compare it with 'is'")


_OPPOSITE = {
    Truth.TRUE: Truth.FALSE,
    Truth.FALSE: Truth.TRUE,
    Truth.UNKNOWN: Truth.UNKNOWN,
}


def truth_of(value: bool) -> Truth:
    """Return the truth of a bool."""
    return Truth.TRUE if value else Truth.FALSE


def every(truths: Iterable[Truth]) -> Truth:
    """Join by AND; nothing to join is true."""
    return _first(truths, Truth.FALSE, otherwise=Truth.TRUE)


def some(truths: Iterable[Truth]) -> Truth:
    """Join by OR; nothing to join is false."""
    return _first(truths, Truth.TRUE, otherwise=Truth.FALSE)


def _first(truths: Iterable[Truth], decides: Truth, *, otherwise: Truth) -> Truth:
    # No set: to hash the members of an enum is most of what a judgement of many principals costs.
    joined = otherwise
    for truth in truths:
        if truth is decides:
            return decides
        if truth is Truth.UNKNOWN:
            joined = truth
    return joined


class Reason(Enum):
    """Why an element has its truth. ``rolehop.policy.finding_text`` has the texts for people."""

    MATCHES = "matches"
    # principals
    NOT_NAMED = "not-named"
    OTHER_ACCOUNT = "other-account"
    OTHER_PARTITION = "other-partition"
    OTHER_SESSION = "other-session"
    DELETED_PRINCIPAL = "deleted-principal"
    NOT_A_PRINCIPAL = "not-a-principal"
    ANOTHER_KIND = "another-kind-of-principal"
    EXCLUDED_PRINCIPAL = "excluded-principal"
    NOT_PRINCIPAL = "not-principal"
    WILDCARD_OUTSIDE = "wildcard-and-no-aws-caller"
    WILDCARD_LIMITS = "wildcard-and-limits"
    CALLER_UNKNOWN = "caller-unknown"
    ROOT_CALLER = "root-caller"
    FEDERATED_USER = "federated-user"
    SERVICE_LINKED = "service-linked-role"
    # actions and resources
    ACTION_NOT_LISTED = "action-not-listed"
    ACTION_EXCLUDED = "action-excluded"
    ACTION_PARTLY = "action-partly"
    ACTION_UNDOCUMENTED = "action-undocumented"
    RESOURCE_NOT_LISTED = "resource-not-listed"
    RESOURCE_EXCLUDED = "resource-excluded"
    RESOURCE_UNDOCUMENTED = "resource-undocumented"
    RESOURCE_UNNAMED = "resource-unnamed"
    RESOURCE_NOT_ALL = "resource-not-all"
    VARIABLE_MISPLACED = "variable-misplaced"
    # conditions
    KEY_ABSENT = "key-absent"
    KEY_PRESENT = "key-present"
    KEY_UNKNOWN = "key-unknown"
    VALUE_DIFFERS = "value-differs"
    VALUE_EXCLUDED = "value-excluded"
    ANY_IF_EXISTS = "any-value-if-exists"
    MANY_VALUES = "many-values"
    VARIABLE_ABSENT = "variable-absent"
    VARIABLE_UNKNOWN = "variable-unknown"
    MALFORMED_VALUE = "malformed-value"
    UNKNOWN_OPERATOR = "unknown-operator"
    # the request itself, which STS refuses whatever policies say
    IDENTITY_CHANGED = "source-identity-changed"
    TAG_REPEATED = "transitive-tag-repeated"
    CLAIM_UNREAD = "claim-unread"
    SOURCE_UNSEEN = "source-unseen"
    NOT_BY_SESSION = "not-by-session"
    NOT_FOR_SESSIONS = "not-for-sessions"
    NOT_BY_USER_SESSION = "not-by-user-session"
    NO_SUCH_ROLE = "no-such-role"
    OTHER_PATH = "role-of-another-path"
    CHANGED_BY_AWS = "changed-by-aws-alone"
    ALSO_NEEDED = "also-needed"
    # whole documents
    NO_ALLOW = "no-allow"
    EXPLICIT_DENY = "explicit-deny"
    POSSIBLE_DENY = "possible-deny"
    NOT_VISIBLE = "not-visible"
    MALFORMED_DOCUMENT = "malformed-document"
    LEVELS_UNKNOWN = "levels-unknown"
    NOT_NEEDED = "not-needed"
    SERVICE_UNLISTED = "service-unlisted"
    SCOPE_UNDOCUMENTED = "scope-undocumented"
    AWS_SAID = "aws-said"


@dataclass(frozen=True, slots=True)
class Finding:
    """One element of one statement, judged."""

    element: str
    """``Principal``, ``Action``, ``Resource``, ``Condition StringEquals sts:ExternalId``,
    ``Effect`` (a Deny that applies), ``Document``, ``Caller``, ``Request Role``, or what is
    unseen of the source's session (``source-session``)."""

    truth: Truth
    reason: Reason
    wanted: str
    """What the policy asks for."""

    found: str | None = None
    """What the request has; ``None`` if it has nothing, or it is not known."""

    variables: tuple[tuple[str, str], ...] = ()
    """The policy variables in ``wanted`` (``aws:PrincipalTag/team``), each with its value here."""


# What is wrong comes before what is open, and that before what is right.
_ORDER = {Truth.FALSE: 0, Truth.UNKNOWN: 1, Truth.TRUE: 2}


def wrong_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return ``findings`` with the wrong ones first, otherwise in the order of the statement."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.truth]))
