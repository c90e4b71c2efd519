"""IAM policies, pure: which one allows, which one refuses, and what would change that.

``parse_policy`` reads a document, ``evaluate`` judges a request against documents of all kinds,
``chain_verdict.judge_chain`` every hop of a chain, and ``remedies`` finds what to change.
"""

from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import (
    NO_POLICY,
    NOT_VISIBLE,
    Outcome,
    PolicySet,
    PolicyType,
    PolicyVerdict,
    Request,
    Verdict,
)
from rolehop.policy.evaluation.principals import Caller, caller_from_arn
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.parser import Kind, Policy, PolicyError, parse_policy
from rolehop.policy.language.request_context import Context

__all__ = [
    "NOT_VISIBLE",
    "NO_POLICY",
    "Attached",
    "Caller",
    "Context",
    "Finding",
    "Kind",
    "Outcome",
    "Policy",
    "PolicyError",
    "PolicySet",
    "PolicyType",
    "PolicyVerdict",
    "Reason",
    "Request",
    "Truth",
    "Verdict",
    "caller_from_arn",
    "evaluate",
    "parse_policy",
]
