"""What one policy says to a call, in lines: its verdict, the statement that decides, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rolehop.policy.chain_verdict import AwsRefusal
from rolehop.policy.evaluation.findings import Finding, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Verdict
from rolehop.policy.evaluation.principals import Caller
from rolehop.show.explaining.budget import first_findings, shortened
from rolehop.show.explaining.how_to_see import CALLERS_OWN, how_to_see
from rolehop.show.finding_text import fits, found, sentence, wanted
from rolehop.show.layout import WIDTH, Line, Style, StyledText, line, wrapped
from rolehop.text import clean

LANES = {
    PolicyType.TRUST: "trust policy",
    PolicyType.PERMISSIONS: "caller's permissions",
    PolicyType.BOUNDARY: "caller's boundary",
    PolicyType.SESSION: "session policy",
    PolicyType.SCP: "SCP",
    PolicyType.RCP: "RCP",
}
_SAYS: dict[Outcome, tuple[str, Style]] = {
    Outcome.ALLOWED: ("allows", "green"),
    Outcome.REFUSED: ("refuses", "red"),
    Outcome.UNKNOWN: ("can't tell", ""),
    Outcome.NOT_VISIBLE: ("not visible", "dim"),
    Outcome.NOT_APPLICABLE: ("does not matter", "dim"),
}
_OF_ORGANIZATION = (PolicyType.SCP, PolicyType.RCP)


def quiet_policies(
    verdict: Verdict, answer: AwsRefusal | None, idle: frozenset[PolicyType]
) -> tuple[PolicyVerdict, ...]:
    """Return the policies of which there is nothing to say but that they do not stand in the way."""
    named = None if answer is None else answer.policy_type
    return tuple(
        policy
        for policy in verdict.policies
        if policy.name is not named
        and policy.name not in idle
        and (
            policy.outcome in (Outcome.ALLOWED, Outcome.NOT_APPLICABLE)
            or (policy.outcome is Outcome.NOT_VISIBLE and policy.name in _OF_ORGANIZATION)
        )
    )


def in_one_line(policies: Sequence[PolicyVerdict], verdict: Verdict) -> Iterator[Line]:
    """Name the policies that do not stand in the way, by what they say."""
    by_text: dict[str, list[str]] = {}
    for policy in policies:
        if verdict.request.policy_set(policy.name).there:
            says = _SAYS[policy.outcome][0]
            by_text.setdefault(says, []).append(_label(policy, verdict))
    text = "; ".join(f"{says}: {', '.join(names)}" for says, names in by_text.items())
    if text:
        yield from wrapped(text, "  ", "    ")


def _label(policy: PolicyVerdict, verdict: Verdict) -> str:
    of_resource = policy.name is PolicyType.TRUST and verdict.request.owner is not None
    return "resource policy" if of_resource else LANES[policy.name]


def policy_lines(
    policy: PolicyVerdict,
    verdict: Verdict,
    shown_commands: set[str],
    *,
    answer: AwsRefusal | None,
    level: int | None,
) -> Iterator[Line]:
    """Show what ``policy`` says; ``level``: how brief, `None`: show all of it."""
    verbose = level is None
    named = answer is not None and answer.policy_type is policy.name
    yield from _headline(policy, verdict, named=named)
    if policy.outcome in (Outcome.ALLOWED, Outcome.NOT_APPLICABLE) and not verbose:
        return
    if policy.outcome is Outcome.NOT_VISIBLE and policy.name in _OF_ORGANIZATION:
        return
    if policy.deciding is not None and (verbose or policy.name is not PolicyType.TRUST):
        yield from wrapped(f"in {policy.deciding.document}", "      ", "      ")
    yield from _reasons(policy, verdict.request.hop, level)
    if not _is_unseen(policy, verdict):
        return
    if named:
        yield from how_to_see(policy, verdict, answer, shown_commands)
    # Once AWS has named a policy, the others are not what one looks for first.
    elif policy.outcome is Outcome.NOT_VISIBLE and (
        verbose or answer is None or not answer.names_policy
    ):
        yield from how_to_see(policy, verdict, None, shown_commands)


def _headline(policy: PolicyVerdict, verdict: Verdict, *, named: bool) -> Iterator[Line]:
    """Show what ``policy`` says, and by which statement; ``named``: AWS named this policy."""
    label = f"  {_label(policy, verdict):<22}"
    text = _says(policy, verdict, named=named) + _deciding_statement(policy)
    first, *rest = textwrap.wrap(text, WIDTH - len(label), break_on_hyphens=False)
    yield line(label, StyledText(first, _SAYS[policy.outcome][1]))
    yield from (line(" " * len(label) + each) for each in rest)


def _says(policy: PolicyVerdict, verdict: Verdict, *, named: bool) -> str:
    if named and policy.outcome is Outcome.ALLOWED:
        return "allows, according to the documents; AWS said otherwise"
    if named:
        return "refuses (AWS said)"
    if not verdict.request.policy_set(policy.name).there and policy not in verdict.refused:
        return "none"
    if policy.outcome is Outcome.UNKNOWN and not policy.findings and policy.name in CALLERS_OWN:
        of_resource = verdict.request.owner is not None
        granting = "the resource's own policy" if of_resource else "the trust policy"
        return f"grants nothing; only {granting} could"
    return _SAYS[policy.outcome][0]


def _deciding_statement(policy: PolicyVerdict) -> str:
    """Name the statement that decides, as the end of a line; nothing if none does."""
    if policy.deciding is None:
        return ""
    statement = policy.deciding.statement
    sid = f' "{clean(statement.sid)}"' if statement.sid else ""
    return f"  {statement.effect.value} statement {statement.index}{sid}"


def _reasons(policy: PolicyVerdict, hop: int, level: int | None) -> Iterator[Line]:
    """Show the findings: all of them, or at a ``level`` the first that tell why, cut short."""
    denies, unseen = has_deny(policy), policy.outcome is Outcome.NOT_VISIBLE
    findings = [
        each
        for each in (policy.findings if level is None else _telling(policy))
        if not (unseen and each.wanted == "all")
    ]
    more: Iterable[Line] = ()
    if level is not None:
        why = [each for each in findings if denies or each.truth is not Truth.TRUE]
        few, more = first_findings(why, level)
        findings = [shortened(each) for each in few]
    for finding in findings:
        yield from _finding(finding, hop, denies=denies)
    yield from more


def _is_unseen(policy: PolicyVerdict, verdict: Verdict) -> bool:
    """True if documents of its type cannot be seen, and none that can be seen decides."""
    return bool(verdict.request.policy_set(policy.name).missing) and policy.deciding is None


def caller_text(caller: Caller, answer: AwsRefusal | None) -> str:
    """Return who called: whom AWS names, with the session's name, before who would call now."""
    said = None if answer is None or answer.denied is None else answer.denied.caller
    return clean(said) if said is not None else _named(caller)


def _named(caller: Caller) -> str:
    if caller.arn is not None:
        return caller.arn
    if caller.service is not None:
        return f"{caller.service}, for the certificate"
    if caller.federated:
        return f"a token of {caller.provider or 'a provider that is not known here'}"
    return "not known (name the caller with --as ARN)"


def has_deny(policy: PolicyVerdict) -> bool:
    """True if what it says is of a Deny that applies, or may apply."""
    return bool(policy.findings) and policy.findings[0].element == "Effect"


def _telling(policy: PolicyVerdict) -> Sequence[Finding]:
    """Return the findings that tell most: of a Deny with conditions, those alone."""
    conditions = [each for each in policy.findings if each.element.startswith("Condition ")]
    if not has_deny(policy) or not conditions:
        return policy.findings
    return [policy.findings[0], *conditions]


def _finding(finding: Finding, hop: int, *, denies: bool) -> Iterator[Line]:
    if finding.truth is Truth.TRUE:
        yield from wrapped(_cut(fits(finding)), "      ", "        ")
        return
    yield from wrapped(sentence(finding, hop), "      ", "      ")
    asks = "denied" if denies else "wanted"
    for label, text in ((asks, wanted(finding)), ("found", found(finding))):
        if text is not None:
            yield from wrapped(_cut(text), f"        {label:<8}", "                ")


# The ARN of a role with the longest path and name fits.
_LONGEST = 700


def _cut(text: str) -> str:
    """Shorten a value that would fill the screen; the document has all of it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
