"""Explain an access-denied text of any AWS service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rolehop.access_denied.cloudtrail import S3_ACTIONS
from rolehop.access_denied.model import AccessDenied
from rolehop.access_denied.reader import encoded_message, read_excerpt
from rolehop.app.judging.action_verdict import ActionOptions, judge_actions
from rolehop.app.judging.explaining import explain_refused_hop
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.judging.refused_caller import refused_session
from rolehop.errors import UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, HopVerdict
from rolehop.policy.chains.action_request import is_one_resource
from rolehop.policy.evaluation.resource_policies import ANY_RESOURCE
from rolehop.startup.dataclass import dataclass, replace
from rolehop.startup.lazy_regex import Pattern
from rolehop.sts_errors import denial_fix

if TYPE_CHECKING:
    from rolehop.app.context import App


@dataclass(frozen=True, slots=True)
class DeniedCall:
    """What an access-denied text says, and what is known here of the call."""

    denied: AccessDenied | None
    """Of its first error; ``None``: only its encoded message says who was refused what."""

    fix: str
    others: int = 0
    """The number of other errors in it."""

    encoded: str | None = None
    """The encoded authorization message in it."""

    chain: str | None = None
    """The chain whose session called; ``None``: none that is known here."""

    hop: HopVerdict | None = None
    """Set if the call was a hop of ``chain``."""

    action: ActionVerdict | None = None
    """Set if it was another call, of a session of ``chain``."""


def explain_error(app: App, text: str, policies: PolicyOptions, *, offline: bool) -> DeniedCall:
    """Explain an access-denied text; if a session of a chain called, the call is judged as well.

    Raises:
        UsageError: it is no access-denied text of AWS.
        ConfigError: see `plan_chain` and `read_documents`.
    """
    excerpt, encoded = read_excerpt(text), encoded_message(text)
    if excerpt is None and encoded is None:
        raise unreadable(text)
    if excerpt is None:
        return DeniedCall(None, "decode the message", encoded=encoded)
    denied, fix = excerpt.denied, denial_fix(excerpt.denied)
    found = DeniedCall(denied, fix, excerpt.others, encoded)
    answer = AwsRefusal(excerpt.code or "", None, excerpt.words, fix, denied)
    # A text may have a resource that AWS shortened.
    exact = denied.resource is None or is_one_resource(denied.resource)
    return judge_call(app, found, answer, policies, offline=offline, exact=exact)


def judge_call(
    app: App,
    found: DeniedCall,
    answer: AwsRefusal,
    policies: PolicyOptions,
    *,
    offline: bool,
    exact: bool,
) -> DeniedCall:
    """Judge a refused call if a session of a chain made it; ``exact``: its resource is whole."""
    denied = found.denied
    session = None if denied is None else refused_session(app, denied, policies, offline=offline)
    if denied is None or session is None:
        return found
    found, options = replace(found, chain=session.chain), WalkOptions()
    if session.is_hop:
        refused = (session.number + 1, answer)
        verdict = explain_refused_hop(
            app, session.chain, refused, policies, options, offline=offline
        )
        return replace(found, hop=verdict.hops[0])
    if not exact:
        return found
    if session.number == 0:
        policies = replace(policies, caller=policies.caller or denied.caller)
    asked = ActionOptions((denied.action,), denied.resource or ANY_RESOURCE, hop=session.number)
    verdicts = judge_actions(
        app, session.chain, asked, policies, options, offline=offline, answer=answer
    )
    return replace(found, action=verdicts[0])


def unreadable(text: str) -> UsageError:
    """Return the error for a text in which AWS says neither who was refused nor what.

    Source: Amazon S3 user guide, "Troubleshoot access denied (403 Forbidden) errors": for many
    calls S3's message is "Access Denied" alone.
    """
    call = "rolehop explain CHAIN --action ACTION --resource ARN"
    if _BARE_DENIAL.search(text) is None:
        return UsageError(
            "this is not an access-denied message of AWS",
            cause="it does not say: User: ARN is not authorized to perform: ACTION",
            fix=f"copy that sentence of AWS, or name the call: {call}",
        )
    operation = _OPERATION.search(text)
    if operation is not None and _OF_S3.search(operation[1]) is not None:
        call = call.replace("ACTION", f"s3:{S3_ACTIONS.get(operation[1], operation[1])}")
    return UsageError(
        "AWS says only that it refused a call",
        cause="its text names neither the caller, nor the action, nor the resource",
        fix=f"name the call: {call}",
    )


_BARE_DENIAL = Pattern(r"Access ?Denied|\b403\b|Forbidden|UnauthorizedOperation", re.IGNORECASE)
_OPERATION = Pattern(r"when calling the (\w{1,80}) operation")
_OF_S3 = Pattern(r"Object|Bucket|MultipartUpload|UploadPart")
