"""What one policy says to a call, in lines: its verdict, the statement that decides, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

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


def quiet_policies(
    verdict: Verdict, answer: AwsRefusal | None, idle: frozenset[PolicyType]
) -> tuple[PolicyVerdict, ...]:
    """Return the policies of which there is nothing to say but that they do not stand in the way."""
    named = None if answer is None else answer.policy_type
    of_organization = (PolicyType.SCP, PolicyType.RCP)
    return tuple(
        policy
        for policy in verdict.policies
        if policy.name is not named
        and policy.name not in idle
        and (
            policy.outcome in (Outcome.ALLOWED, Outcome.NOT_APPLICABLE)
            or (policy.outcome is Outcome.NOT_VISIBLE and policy.name in of_organization)
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
    says, style = _SAYS[policy.outcome]
    named = answer is not None and answer.policy_type is policy.name
    if named:
        old = policy.outcome is Outcome.ALLOWED
        says = (
            "allows, according to the documents; AWS said otherwise"
            if old
            else "refuses (AWS said)"
        )
    elif not verdict.request.policy_set(policy.name).there and policy not in verdict.refused:
        says = "none"
    elif policy.outcome is Outcome.UNKNOWN and not policy.findings and policy.name in CALLERS_OWN:
        of_resource = verdict.request.owner is not None
        granting = "the resource's own policy" if of_resource else "the trust policy"
        says = f"grants nothing; only {granting} could"
    where = ""
    if policy.deciding is not None:
        statement = policy.deciding.statement
        sid = f' "{clean(statement.sid)}"' if statement.sid else ""
        where = f"  {statement.effect.value} statement {statement.index}{sid}"
    label = f"  {_label(policy, verdict):<22}"
    first, *rest = textwrap.wrap(f"{says}{where}", WIDTH - len(label), break_on_hyphens=False)
    yield line(label, StyledText(first, style))
    yield from (line(" " * len(label) + each) for each in rest)
    quiet = policy.outcome in (Outcome.ALLOWED, Outcome.NOT_APPLICABLE) and not verbose
    if quiet or (
        policy.outcome is Outcome.NOT_VISIBLE and policy.name in (PolicyType.SCP, PolicyType.RCP)
    ):
        return
    if policy.deciding is not None and (verbose or policy.name is not PolicyType.TRUST):
        yield from wrapped(f"in {policy.deciding.document}", "      ", "      ")
    told = [
        each
        for each in (policy.findings if verbose else _telling(policy))
        if not (policy.outcome is Outcome.NOT_VISIBLE and each.wanted == "all")
        and (verbose or each.truth is not Truth.TRUE or has_deny(policy))
    ]
    few, more = (told, iter(())) if verbose else first_findings(told, level or 0)
    for finding in few:
        short = finding if verbose else shortened(finding)
        yield from _finding(short, verdict.request.hop, denies=has_deny(policy))
    yield from more
    hidden = bool(verdict.request.policy_set(policy.name).missing) and policy.deciding is None
    # Once AWS has named a policy, the others are not what one looks for first.
    other = answer is not None and answer.names_policy and not named and not verbose
    if hidden and not other and (named or policy.outcome is Outcome.NOT_VISIBLE):
        yield from how_to_see(policy, verdict, answer if named else None, shown_commands)


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
