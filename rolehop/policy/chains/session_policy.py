"""Check whether a session policy leaves the next hop possible; needs no other document."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.arn import RoleArn
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, PolicyType, Request
from rolehop.policy.evaluation.principals import caller_from_arn, session_of
from rolehop.policy.inventory.inventory import IamInventory
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
