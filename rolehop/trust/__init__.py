"""Which policy allows or refuses a role: a pure evaluator, usable as a library.

``parse_policy`` reads a document, ``evaluate`` judges a request against documents of all kinds,
``mends`` says what to change where it is refused.
"""

from rolehop.trust.callers import Caller, signer
from rolehop.trust.context import Context
from rolehop.trust.evaluate import (
    NOT_THERE,
    NOT_VISIBLE,
    Lane,
    LaneName,
    Outcome,
    Request,
    Shown,
    Verdict,
    evaluate,
)
from rolehop.trust.policy import Kind, Policy, parse_policy
from rolehop.trust.reader import PolicyError
from rolehop.trust.statements import Attached
from rolehop.trust.truth import Finding, Reason, Truth

__all__ = [
    "NOT_THERE",
    "NOT_VISIBLE",
    "Attached",
    "Caller",
    "Context",
    "Finding",
    "Kind",
    "Lane",
    "LaneName",
    "Outcome",
    "Policy",
    "PolicyError",
    "Reason",
    "Request",
    "Shown",
    "Truth",
    "Verdict",
    "evaluate",
    "parse_policy",
    "signer",
]
