"""What would settle a verdict that is unknown."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict

GUARDRAILS = (PolicyType.SCP, PolicyType.RCP)
"""Types of policy that are assumed to allow if nobody gave any."""


def unknowns_of(policies: Sequence[PolicyVerdict]) -> tuple[str, ...]:
    """Return what would settle an unknown verdict: condition keys, ``caller``, types of policy."""
    found: dict[str, None] = {}
    for policy in policies:
        if policy.outcome is Outcome.NOT_VISIBLE and policy.name in GUARDRAILS:
            continue
        if policy.outcome in (Outcome.NOT_VISIBLE, Outcome.UNKNOWN):
            for finding in (*policy.findings, *(f for each in policy.open for f in each.findings)):
                found.update(dict.fromkeys(_unknown(finding, policy.name)))
    return tuple(found)


def _unknown(finding: Finding, policy_type: PolicyType) -> tuple[str, ...]:
    match finding.reason:
        case Reason.KEY_UNKNOWN:
            return (finding.element.split(" ", 2)[2],)  # a tag's key may hold blanks
        case Reason.VARIABLE_UNKNOWN if finding.found and finding.element != "Resource":
            return (finding.found,)
        case Reason.CALLER_UNKNOWN:
            return ("caller",)
        case Reason.RESOURCE_UNNAMED:
            return ("--resource",)
        case Reason.NOT_VISIBLE | Reason.MALFORMED_DOCUMENT | Reason.LEVELS_UNKNOWN:
            return (policy_type.value,)
        case _ if finding.truth is Truth.UNKNOWN and finding.element != "Effect":
            return (finding.element,)
        case _:
            return ()
