"""What a session policy tells on its own: whether the next hop is possible, and what may be a mistake."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.base.arn import RoleArn
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, PolicyType, Request
from rolehop.policy.evaluation.principals import caller_from_arn, session_of
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.document_checks import doubts_of
from rolehop.policy.language.parser import Kind, PolicyError, parse_policy
from rolehop.policy.language.request_context import Context


def next_hop_under(
    policy: str | None,
    policy_arns: Sequence[str],
    role: RoleArn,
    session_name: str,
    target: RoleArn,
) -> Outcome:
    """Return whether a session of ``role`` under these session policies may assume ``target``.

    Refused only if that is certain: what depends on the request, on policies that are not known
    here, or on the target's trust policy, is unknown.
    """
    caller = caller_from_arn(session_of(str(role), session_name), role=str(role))
    shown = IamInventory().session(policy, policy_arns, "the hop before")
    request = Request(str(target), caller, Context({}), policies={PolicyType.SESSION: shown})
    (verdict,) = (each for each in evaluate(request).policies if each.name is PolicyType.SESSION)
    return Outcome.UNKNOWN if verdict.outcome is Outcome.NOT_VISIBLE else verdict.outcome


def doubts_about(policy: str) -> tuple[str, ...]:
    """Return what is likely to be wrong in a session policy's text, for people.

    AWS refuses an operator or a value that it does not know, and may know more than rolehop: so
    this refuses nothing.
    """
    try:
        statements = parse_policy(policy, Kind.SESSION).statements
    except PolicyError:
        return ()  # AWS may accept it
    return tuple(
        dict.fromkeys(f"statement {e.index} {text}" for e in statements for text in doubts_of(e))
    )
