"""The first lines of ``explain``: what refuses a call, and the one command that would show the most."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.base.advice import PLACEHOLDER, is_plain
from rolehop.base.arn import account_of
from rolehop.base.text import clean
from rolehop.commands.explain.policy_view import guardrail_command, has_deny, time_of
from rolehop.policy.access_denied import name_of
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, HopVerdict
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Request, Verdict
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.finding_text import sentence
from rolehop.terminal.layout import (
    FINE,
    UNKNOWN,
    WIDTH,
    WRONG,
    Line,
    StyledText,
    broken,
    line,
    to_type,
    wrapped,
)

MARKS = {Outcome.ALLOWED: FINE, Outcome.REFUSED: WRONG, Outcome.UNKNOWN: UNKNOWN}


def headline(mark: StyledText, name: str, text: str) -> Iterator[Line]:
    """Give the line that answers, e.g. ``✗ prod-admin, hop 2: …``, wrapped to 80 columns."""
    words = mark, StyledText(" "), StyledText(clean(name), "bold"), StyledText(f": {text}")
    for number, part in enumerate(broken(words, WIDTH, 2)):
        yield line(*(["  "] if number else []), *part)


def hop_answer(chain: str, hop: HopVerdict) -> Iterator[Line]:
    """Say of a hop what said no, or that nothing does, or that it can't be told."""
    outcome = Outcome.REFUSED if hop.aws_refusal is not None else hop.verdict.outcome
    yield from headline(MARKS[outcome], f"{chain}, {hop.name}", _of_hop(hop))


def action_answer(chain: str, action: ActionVerdict) -> Iterator[Line]:
    """Say of a call of a chain's session what said no, or that nothing does."""
    verdict, name = action.verdict, clean(action.verdict.request.actions[0])
    outcome = Outcome.REFUSED if action.answer is not None else verdict.outcome
    if action.answer is not None:
        text = _refused(action.by_documents, verdict, action.answer)
    elif verdict.outcome is Outcome.REFUSED and verdict.refused:
        text = policy_answer(verdict.refused[0], verdict)
    else:
        text = "can't tell" if outcome is Outcome.UNKNOWN else f"would be {outcome.value}"
    yield from headline(MARKS[outcome], f"{chain}, {name}", text)


def _of_hop(hop: HopVerdict) -> str:
    verdict, answer = hop.verdict, hop.aws_refusal
    what = f"call {hop.asked}" if hop.is_scope else f"assume {role_in_words(hop.asked)}"
    if answer is not None:
        return _refused(hop.by_documents, verdict, answer)
    if verdict.outcome is Outcome.REFUSED:
        return policy_answer(verdict.refused[0], verdict)
    who = caller_in_words(verdict.request.caller)
    if verdict.outcome is Outcome.ALLOWED:
        return f"AWS would allow {who} to {what}"
    return f"can't tell whether AWS would allow {who} to {what}"


def _refused(known: Verdict, joined: Verdict, answer: AwsRefusal) -> str:
    """Say what AWS's words and the documents say of a hop that AWS refused."""
    denied, role = answer.denied, _asked(known)
    if not answer.about_policies:
        return f"AWS refused {role} with {answer.code}, which is not about policies"
    named = next((each for each in joined.policies if each.name is answer.policy_type), None)
    if denied is not None and named is not None:
        return policy_answer(named, joined, denied.explicit, answer)
    if denied is not None and denied.policy is not None:
        verb = "denies" if denied.explicit else "does not allow"
        return f"the {denied.policy} {verb} {denied.action} on {role}"
    if known.outcome is Outcome.REFUSED:
        return policy_answer(known.refused[0], known)
    if known.outcome is Outcome.ALLOWED:
        return f"AWS refused {role} at {time_of(answer)}, which all that is seen here allows"
    denies = denied is not None and denied.explicit
    said = "with a Deny, and does not say in which policy" if denies else "and does not say why"
    return f"AWS refused {role}, {said}"


_BY_ITSELF = frozenset(
    {
        *(Reason.NO_SUCH_ROLE, Reason.OTHER_PATH, Reason.IDENTITY_CHANGED, Reason.TAG_REPEATED),
        *(Reason.ROOT_CALLER, Reason.FEDERATED_USER, Reason.SERVICE_LINKED),
        *(Reason.NOT_FOR_SESSIONS, Reason.NOT_BY_USER_SESSION, Reason.OTHER_PARTITION),
        Reason.CHANGED_BY_AWS,
    }
)
"""Findings that say all there is to say, whichever policy they are of."""


def policy_answer(
    policy: PolicyVerdict,
    verdict: Verdict,
    denies: bool | None = None,
    answer: AwsRefusal | None = None,
) -> str:
    """Say in a sentence how ``policy`` refuses the call; ``denies``: by a Deny, as AWS said."""
    first = policy.findings[0] if policy.findings else None
    if first is not None and first.reason in _BY_ITSELF:
        return sentence(first, verdict.request.hop)
    denied = answer.denied if answer is not None else None
    said = denied.caller if denied is not None else None
    who = name_in_words(said) if said else caller_in_words(verdict.request.caller)
    denies = has_deny(policy) if denies is None else denies
    if policy.name is PolicyType.TRUST:
        return _of_resource(policy, verdict, who, denies=denies)
    what = policy.action
    what += (
        "" if verdict.request.role == ANY_RESOURCE else f" on {role_in_words(verdict.request.role)}"
    )
    verb = "denies" if denies else "does not allow"
    match policy.name:
        case PolicyType.PERMISSIONS if denies:
            return f"a policy of {who} denies {what}"
        case PolicyType.PERMISSIONS:
            return f"no policy of {who} allows {what}"
        case PolicyType.BOUNDARY:
            return f"the permissions boundary of {who} {verb} {what}"
        case PolicyType.SESSION:
            return f"the session policy of {who} {verb} {what}"
        case PolicyType.SCP | PolicyType.RCP:
            kind = policy.name.value.upper()
            return f"an {kind} denies {who} {what}" if denies else f"no {kind} allows {who} {what}"
        case _:
            return f"the {policy.name.value} {verb} {what}"


def _asked(verdict: Verdict) -> str:
    """Return the role or resource that is asked for; the action, if the call names none."""
    request = verdict.request
    return request.actions[0] if request.role == ANY_RESOURCE else role_in_words(request.role)


def _of_resource(policy: PolicyVerdict, verdict: Verdict, who: str, *, denies: bool) -> str:
    resource = role_in_words(verdict.request.role)
    request = verdict.request
    if request.owner is not None and not request.policy_set(PolicyType.TRUST).there:
        return f"{resource} can have no policy of its own that opens it to another account"
    if request.owner is not None:
        verb = "denies" if denies else "does not allow"
        return f"the resource's own policy {verb} {who} {policy.action}"
    if denies:
        return f"the trust policy of {resource} denies {who}"
    if any(map(_is_of_principal, policy.findings)) or not policy.findings:
        return f"the trust policy of {resource} does not trust {who}"
    return f"the trust policy of {resource} does not allow this call of {who}"


def _is_of_principal(finding: Finding) -> bool:
    return finding.element == "Principal" and finding.truth is Truth.FALSE


def role_in_words(arn: str) -> str:
    """Return ``Admin in 333333333333`` for a role, the ARN of another resource."""
    if ":role/" not in arn:
        return clean(arn)
    return f"{clean(arn.rpartition('/')[2])} in {account_of(arn)}"


def caller_in_words(caller: Caller) -> str:
    """Return the name of the caller's role or user, or what it is."""
    if caller.arn is not None:
        return name_in_words(caller.arn)
    return clean(caller.service or "") or (
        "the token's holder" if caller.federated else "the source"
    )


def name_in_words(arn: str) -> str:
    """Return the name of a caller's role or user; of another ARN all of it."""
    name, of, _ = clean(name_of(arn)).rpartition(" of ")
    return name.removeprefix("role ").removeprefix("user ") if of else clean(arn)


def to_see(hop: HopVerdict, again: str) -> Iterator[Line]:
    """Show the command that would show the most of what cannot be seen, and how to go on with it.

    ``again``: the command that explains the hop, to which the file is given.
    """
    request, answer = hop.by_documents.request, hop.aws_refusal
    unseen = {e.name for e in hop.by_documents.policies if e.outcome is Outcome.NOT_VISIBLE}
    if answer is not None and answer.policy_type is not None:
        unseen &= {answer.policy_type}
        if unseen & {PolicyType.SCP, PolicyType.RCP}:
            yield from _named_guardrail(answer.policy_type, request, answer, again)
            return
    if PolicyType.TRUST in unseen and ":role/" in request.role:
        name = request.role.rpartition("/")[2]
        file = name if is_plain(name) else PLACEHOLDER
        account = account_of(request.role)
        yield from _file(
            f"the trust policy of {clean(name)}, with credentials of account {account}",
            f"aws iam get-role --role-name {file}",
            f"{file}.json",
            again,
        )
    elif unseen & {PolicyType.PERMISSIONS, PolicyType.BOUNDARY}:
        if request.caller.arn is None:
            yield from wrapped("to judge it, say who calls:", "  ", "  ")
            yield to_type(f"{again} --as ARN")
            return
        account = request.caller.account or PLACEHOLDER
        yield from _file(
            f"the policies of {caller_in_words(request.caller)}, with credentials of account {account}",
            "aws iam get-account-authorization-details",
            f"{account}.json",
            again,
        )
    elif unseen & {PolicyType.SCP, PolicyType.RCP}:
        yield from _organization("to see them", again)


def _named_guardrail(
    named: PolicyType, request: Request, answer: AwsRefusal, again: str
) -> Iterator[Line]:
    if answer.denied is not None and answer.denied.policy_arn is not None:
        of_role = named is PolicyType.RCP
        account = account_of(request.role) if of_role else request.caller.account
        yield from guardrail_command(named, account, answer)
    else:
        yield from _organization("AWS named the kind of policy, not which. To see it", again)


def _organization(what: str, again: str) -> Iterator[Line]:
    yield from wrapped(f"{what}, with a chain to the management account:", "  ", "  ")
    yield to_type(f"{again} --organization CHAIN")


def _file(what: str, command: str, file: str, again: str) -> Iterator[Line]:
    yield from wrapped(f"to see {what}:", "  ", "  ")
    yield to_type(f"{command} > {file}")
    yield to_type(f"{again} --policies {file}")
