"""The JSON of ``explain`` (but for a role) and ``check``: all findings, every key always present."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.base.errors import RolehopError
from rolehop.commands.explain.check_view import causes_of, problems_of
from rolehop.commands.explain.remedies_view import document_of, warnings
from rolehop.commands.explain.warnings import Judged, warnings_of
from rolehop.policy.access_denied import AccessDenied
from rolehop.policy.chain_verdict import (
    AWS_REFUSAL,
    ActionVerdict,
    AwsRefusal,
    ChainVerdict,
    HopVerdict,
)
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.deciding_values import deciding_values
from rolehop.policy.evaluation.findings import Finding
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Verdict
from rolehop.policy.remedies.policy_change import PolicyChange
from rolehop.policy.remedies.search import Remedy, Step

Document = dict[str, object]


def explain_document(verdict: ChainVerdict) -> Document:
    """Return ``rolehop.explain/1``."""
    return {
        "schema": "rolehop.explain/1",
        "chain": verdict.chain,
        "source": verdict.source,
        "verdict": verdict.outcome.value,
        "hops": [hop_document(hop) for hop in verdict.hops],
        "warnings": _warnings([verdict]),
    }


def _warnings(judged: Sequence[Judged]) -> list[Document]:
    """Return what is wrong with the documents that were read."""
    return [
        {"document": each.document, "line": each.line, "text": each.text}
        for each in warnings_of(judged)
    ]


def unjudged_document(chain: str, number: int, answer: AwsRefusal) -> Document:
    """Return ``rolehop.explain/1`` of a refused hop that the config no longer has."""
    denied = answer.denied
    hop: Document = {
        "hop": number,
        "role": denied.resource if denied else None,
        "caller": denied.caller if denied else None,
        "verdict": Outcome.REFUSED.value,
        "lanes": [],
        "unknowns": [AWS_REFUSAL],
        "deciding": None,
        "assuming": [],
        "mend": None,
        "aws_said": _aws_said(answer),
    }
    return {
        "schema": "rolehop.explain/1",
        "chain": chain,
        "source": None,
        "verdict": Outcome.REFUSED.value,
        "hops": [hop],
        "warnings": [],
    }


def check_document(verdicts: Sequence[ChainVerdict]) -> Document:
    """Return ``rolehop.check/1``."""
    causes = causes_of(problem for verdict in verdicts for problem in problems_of(verdict))
    return {
        "schema": "rolehop.check/1",
        "chains": [
            {
                "chain": verdict.chain,
                "account": verdict.account,
                "verdict": verdict.outcome.value if verdict.broken is None else "broken",
                "problem": _problem(verdict.broken),
                "hops": [hop_document(hop) for hop in verdict.hops],
            }
            for verdict in verdicts
        ],
        "causes": [
            {"verdict": kind.value, "cause": cause, "hops": hops} for (kind, cause), hops in causes
        ],
        "warnings": _warnings(verdicts),
    }


def _problem(error: RolehopError | None) -> Document | None:
    """Return why a chain cannot work, as errors are written; ``null``: it can."""
    if error is None:
        return None
    return {
        "code": error.exit_code,
        "what": error.what,
        "cause": error.cause,
        "fix": error.fix,
        "hop": error.hop,
    }


def actions_document(chain: str, actions: Sequence[ActionVerdict]) -> Document:
    """Return ``rolehop.action/1``; each action as a hop of ``rolehop.explain/1``."""
    verdicts = [each.verdict for each in actions]
    callers = (each.request.caller.arn for each in verdicts)
    resource = verdicts[0].request.role
    return {
        "schema": "rolehop.action/1",
        "chain": chain,
        "caller": next((each for each in callers if each is not None), None),
        "resource": None if resource == ANY_RESOURCE else resource,
        "verdict": min(verdicts, key=lambda each: _ORDER.index(each.outcome)).outcome.value,
        "actions": [_action(each) for each in actions],
        "warnings": _warnings(actions),
    }


_ORDER = (Outcome.REFUSED, Outcome.UNKNOWN, Outcome.ALLOWED)


def _action(action: ActionVerdict) -> Document:
    verdict = action.verdict
    of_role = verdict.request.owner is None

    def named(text: str) -> str:
        return "resource" if text == PolicyType.TRUST.value and not of_role else text

    lanes = [_policy(policy) for policy in verdict.policies]
    return {
        "action": verdict.request.actions[0],
        "verdict": verdict.outcome.value,
        "lanes": [{**lane, "lane": named(str(lane["lane"]))} for lane in lanes],
        "unknowns": [named(unknown) for unknown in verdict.unknowns],
        "deciding": _deciding(verdict),
        "assuming": [named(each) for each in verdict.assuming],
        "mend": _policy_change(action.remedies()),
    }


def denied_document(
    denied: AccessDenied | None,
    fix: str,
    chain: str | None,
    hop: HopVerdict | None,
    action: ActionVerdict | None,
    encoded: str | None,
) -> Document:
    """Return ``rolehop.denied/1``: what an access-denied text says, and the call judged here."""
    return {
        "schema": "rolehop.denied/1",
        "caller": denied and denied.caller,
        "action": denied and denied.action,
        "resource": denied and denied.resource,
        "lane": denied and denied.lane,
        "explicit": denied is not None and denied.explicit,
        "reason": denied and denied.reason,
        "policy": denied and denied.policy_arn,
        "encoded": encoded,
        "chain": chain,
        "fix": fix,
        "hop": None if hop is None else hop_document(hop),
        "judged": None if action is None else _action(action),
    }


def decoded_document(
    message: Document, chain: str | None, hop: HopVerdict | None, action: ActionVerdict | None
) -> Document:
    """Return ``rolehop.decoded/1``: a decoded message, and its call judged here."""
    return {
        "schema": "rolehop.decoded/1",
        "message": message,
        "chain": chain,
        "hop": None if hop is None else hop_document(hop),
        "judged": None if action is None else _action(action),
    }


def hop_document(hop: HopVerdict) -> Document:
    """Return one hop, as in ``rolehop.explain/1``."""
    verdict = hop.verdict
    caller = verdict.request.caller
    return {
        "hop": hop.number,
        "role": None if hop.is_scope else verdict.request.role,
        "caller": caller.arn or caller.provider or caller.service,
        "verdict": verdict.outcome.value,
        "lanes": [_policy(policy) for policy in verdict.policies],
        "unknowns": list(verdict.unknowns),
        "deciding": _deciding(verdict),
        "assuming": list(verdict.assuming),
        "mend": _policy_change(hop.remedies()),
        "aws_said": _aws_said(hop.aws_refusal),
    }


def _aws_said(answer: AwsRefusal | None) -> Document | None:
    """Return STS's answer if it refused this very call; ``null``: none is known."""
    if answer is None:
        return None
    denied = answer.denied
    return {
        "code": answer.code or None,
        "message": answer.message,
        "at": answer.at.isoformat(timespec="seconds").replace("+00:00", "Z") if answer.at else None,
        "caller": denied.caller if denied else None,
        "lane": denied.lane if denied else None,
        "explicit": denied.explicit if denied else False,
        "reason": denied.reason if denied else None,
        "policy": denied.policy_arn if denied else None,
    }


def _deciding(verdict: Verdict) -> Document | None:
    """Return the values of the one unknown key that decide; ``null``: there is no such key."""
    found = deciding_values(verdict)
    if found is None:
        return None
    return {
        "key": found.key,
        "verdict": found.outcome.value,
        "values": list(found.values),
        "if_absent": None if found.absent is None else found.absent.value,
    }


def _policy(policy: PolicyVerdict) -> Document:
    statement = policy.deciding.statement if policy.deciding else None
    return {
        "lane": policy.name.value,
        "verdict": policy.outcome.value,
        "statement": None
        if statement is None
        else {
            "sid": statement.sid,
            "index": statement.index,
            "effect": statement.effect.value,
        },
        "findings": [_finding(finding) for finding in policy.findings],
    }


def _finding(finding: Finding) -> Document:
    return {
        "element": finding.element,
        "truth": finding.truth.value,
        "reason": finding.reason.value,
        "wanted": finding.wanted,
        "found": finding.found,
    }


def _policy_change(remedies: Sequence[Remedy]) -> Document | None:
    """Return the first remedy; ``otherwise`` is another one, of the same shape."""
    if not remedies:
        return None
    first, *others = map(_way, remedies)
    return {**first, "otherwise": others[0] if others else None}


def _way(remedy: Remedy) -> Document:
    """Return a remedy's first change; ``also``: the changes to make together with it."""
    first, *others = map(_step, remedy.steps)
    return {**first, "also": others}


def _step(step: Step) -> Document:
    change = step if isinstance(step, PolicyChange) else None
    return {
        "account": change.account if change else None,
        "document": document_of(step),
        "change": step.kind.value,
        "statement": step.statement if isinstance(step, PolicyChange) else dict(step.shown),
        "hop": step.hop,
        "lane": change.policy_type.value if change else None,
        "index": change.index if change else None,
        "warnings": list(warnings(step)),
    }
