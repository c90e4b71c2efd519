"""What a session policy tells on its own: whether the next hop is possible, and what may be a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rolehop.base.arn import RoleArn
from rolehop.base.text import nearest, quoted
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, PolicyType, Request
from rolehop.policy.evaluation.principals import caller_from_arn, session_of
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.operators import OPERATOR_NAMES, Malformed, Operator
from rolehop.policy.language.parser import Condition, Kind, PolicyError, Statement, parse_policy
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
        dict.fromkeys(f"statement {e.index} {text}" for e in statements for text in _doubts(e))
    )


def _doubts(statement: Statement) -> Iterator[str]:
    for action in (*(statement.actions or ()), *(statement.not_actions or ())):
        if any(map(str.isspace, action)):
            yield f"has the action {quoted(action)}, and no action has a blank in its name"
    for condition in statement.conditions:
        yield from _doubts_of_condition(condition)


def _doubts_of_condition(condition: Condition) -> Iterator[str]:
    operator = condition.operator
    if operator.compare is None and not operator.is_null:
        near = nearest(operator.text.rpartition(":")[2], OPERATOR_NAMES)
        meant = f": did you mean {near[0]}?" if near else ""
        yield f"has the condition operator {quoted(operator.text)}, which is not known here{meant}"
        return
    for value in condition.values:
        if "${" not in value and not _reads(operator, value):
            yield f"has the value {quoted(value)} for {operator.text}, which cannot read it"


def _reads(operator: Operator, value: str) -> bool:
    """True unless an operator on times, numbers, addresses or truths cannot read ``value``."""
    name = operator.text.rpartition(":")[2].lower()
    if operator.compare is None:
        return value.lower() in ("true", "false")
    found = "192.0.2.1" if "ipaddress" in name else value
    try:
        operator.compare(found, (value,))
    except Malformed:
        return name.startswith("arn")  # `*` is no ARN, and is often written for one
    return True
