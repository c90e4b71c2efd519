"""Whether a session policy leaves the next hop possible: a question that needs no document of AWS."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.arn import RoleArn
from rolehop.trust.callers import session_of, signer
from rolehop.trust.context import Context
from rolehop.trust.evaluate import LaneName, Outcome, Request, evaluate
from rolehop.trust.records import Records


def allows_next(
    policy: str, policy_arns: Sequence[str], role: RoleArn, session_name: str, target: RoleArn
) -> bool:
    """Tell whether a session of ``role`` under ``policy`` may still assume ``target``.

    ``False`` only where it surely may not: what hangs on the request, on policies given by ARN, or
    on the target's trust policy is left open.
    """
    caller = signer(session_of(str(role), session_name), role=str(role))
    shown = Records().session(policy, policy_arns, "the hop before")
    request = Request(str(target), caller, Context({}), lanes={LaneName.SESSION: shown})
    (lane,) = (each for each in evaluate(request).lanes if each.name is LaneName.SESSION)
    return lane.outcome is not Outcome.REFUSED
