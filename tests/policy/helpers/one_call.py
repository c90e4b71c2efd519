"""One call for a role, its policies written as short as a table needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rolehop.policy import (
    NO_POLICY,
    NOT_VISIBLE,
    Attached,
    Caller,
    Context,
    Kind,
    Outcome,
    PolicySet,
    PolicyType,
    Request,
    Verdict,
    caller_from_arn,
    evaluate,
    parse_policy,
)
from tests.support.policies import policy_text

ROLE = "arn:aws:iam::222222222222:role/T"
BOB = "arn:aws:iam::222222222222:user/bob"
SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/s"
ALICE = "arn:aws:iam::111111111111:user/alice"
HERE, THERE = "arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:root"
HUB = "arn:aws:iam::222222222222:role/Hub"
ANY: Any = {"Effect": "Allow", "Action": "*", "Resource": "*"}
S3: Any = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
DENY: Any = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
NO_S3: Any = DENY | {"Action": "s3:*"}
MAYBE: Any = ANY | {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}
MAYBE_DENY: Any = DENY | {"Condition": {"StringEquals": {"aws:SourceIp": "vpc-1"}}}
LETTERS = {
    Outcome.ALLOWED: "A",
    Outcome.REFUSED: "R",
    Outcome.UNKNOWN: "U",
    Outcome.NOT_VISIBLE: "-",
    Outcome.NOT_APPLICABLE: ".",
}
KINDS = {
    "trust": (PolicyType.TRUST, Kind.TRUST),
    "own": (PolicyType.PERMISSIONS, Kind.PERMISSIONS),
    "boundary": (PolicyType.BOUNDARY, Kind.BOUNDARY),
    "session": (PolicyType.SESSION, Kind.SESSION),
    "scp": (PolicyType.SCP, Kind.SCP),
    "rcp": (PolicyType.RCP, Kind.RCP),
}


def attached(kind: Kind, name: str, *statements: Any) -> Attached:
    return Attached(name, parse_policy(policy_text(*statements), kind))


def shown(kind: Kind, *statements: Any) -> PolicySet:
    if statements == ("hidden",):
        return NOT_VISIBLE
    if not statements:
        return NO_POLICY
    return PolicySet((attached(kind, kind.value, *statements),))


def trusting(principal: Any, **more: Any) -> dict[str, Any]:
    """Return a statement of a trust policy that allows every action of STS."""
    return {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": principal}, **more}


def judged(
    caller: str | Caller | None,
    principal: str,
    *,
    request: dict[str, Any] | None = None,
    **policies: Any,
) -> Verdict:
    """Judge a call for `ROLE`, whose trust policy names ``principal``.

    Each of ``policies`` (`KINDS`) is a statement, several of them, ``"hidden"``, ``None`` for none,
    or a `PolicySet`; ``own`` allows everything unless it is given.
    """
    given = {"trust": trusting(principal), "own": ANY, **policies}
    asked: dict[str, Any] = {
        "role": ROLE,
        "caller": caller if isinstance(caller, Caller) else caller_from_arn(caller),
        "context": Context({}),
        "policies": {
            policy: _set_of(kind, given.get(name)) for name, (policy, kind) in KINDS.items()
        },
    }
    return evaluate(Request(**{**asked, **(request or {})}))


def _set_of(kind: Kind, given: Any) -> PolicySet:
    if isinstance(given, PolicySet):
        return given
    several: Sequence[Any] = given if isinstance(given, list) else [] if given is None else [given]
    return shown(kind, *several)
