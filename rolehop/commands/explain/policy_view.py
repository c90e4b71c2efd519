"""Parts of the view of ``explain``: what AWS said, what each policy says, and how many lines fit."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from rolehop.base.advice import PLACEHOLDER, is_plain
from rolehop.base.arn import account_of
from rolehop.base.dataclass import replace
from rolehop.base.text import clean, nearest, pluralize
from rolehop.policy.chain_verdict import AwsRefusal, has_policy
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.findings import Finding, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Verdict
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.finding_text import fits, found, sentence, wanted
from rolehop.terminal.layout import (
    FINE,
    UNKNOWN,
    WIDTH,
    WRONG,
    Line,
    Style,
    StyledText,
    View,
    labelled,
    line,
    to_type,
    wrapped,
)

SCREEN = 24
"""Lines of a terminal that nobody has made larger."""

BRIEF, NAMED_ONLY = 2, 3
"""How brief a text can be: 0, in full sentences; at `BRIEF` fixes are named only and quotes cut; at
`NAMED_ONLY` policies have no reasons, either."""

_KEPT, _MOST_VALUES, _MOST_CHARACTERS = 3, 12, 150
_MOST_FINDINGS = (3, 1, 1, 1)  # at each level

# With more values than this, the first ones will do: a comparison of all takes long.
_MOST_COMPARED = 200


def shortened(finding: Finding) -> Finding:
    """Return a finding with at most a few of the values of each long list: those nearest the call's."""
    if finding.found is None:
        return replace(finding, wanted=_cut_list(finding.wanted, ""))
    wanted = _cut_list(finding.wanted, finding.found)
    return replace(finding, wanted=wanted, found=_cut_list(finding.found, finding.wanted))


def _cut_list(text: str, other: str) -> str:
    values = text.split(", ")
    long = len(values) > _KEPT + 1 and len(text) > _MOST_CHARACTERS
    if not long and len(values) <= _MOST_VALUES:
        return text
    kept = nearest(other, values[:_MOST_COMPARED], _KEPT, cutoff=0.5) if other else []
    kept += [value for value in values[:_KEPT] if value not in kept]
    # In the order of the document, so that they are found there.
    shown = [value for value in values if value in kept[:_KEPT]][:_KEPT]
    return f"{', '.join(shown)} and {len(values) - len(shown)} more (-v)"


def first_findings(
    findings: Sequence[Finding], level: int
) -> tuple[Sequence[Finding], Iterator[Line]]:
    """Return the findings to show, and the line that counts the others."""
    most = _MOST_FINDINGS[level]
    left = len(findings) - most
    if left <= (0 if level else 1):
        return findings, iter(())
    return findings[:most], iter([line(f"      and {pluralize(left, 'more reason')} (-v)")])


def fitting(blocks: Sequence[Sequence[Line]], most: int, level: int | None = 0) -> list[Line]:
    """Return the lines of ``blocks``, the last ones cut to one line each if they are too many."""
    left, cut, least = [list(each) for each in blocks], False, 1
    if level == NAMED_ONLY:
        most, least = 0, 0
    for number in range(len(left) - 1, least - 1, -1):
        if sum(map(len, left)) > most and len(left[number]) > 1:
            left[number], cut = left[number][:1], True
    lines = [each for block in left for each in block]
    return [*lines, line("  -v shows the reasons of each")] if cut else lines


def as_it_fits(made: Callable[[int], Sequence[Line]], room: int) -> list[Line]:
    """Return the first of ``made(0)`` to ``made(NAMED_ONLY)`` that fits, or as much of the last."""
    lines: Sequence[Line] = ()
    for level in range(NAMED_ONLY + 1):
        lines = made(level)
        if rows_of(lines) <= room:
            return list(lines)
    return cut_at(lines, room)


def cut_at(lines: Sequence[Line], room: int) -> list[Line]:
    """Return the first ``lines``, and in place of what does not fit how many lines it has."""
    if rows_of(lines) <= room:
        return list(lines)
    kept = list(lines)
    while kept and rows_of(kept) >= room:
        kept.pop()
    return [*kept, line(f"  and {pluralize(len(lines) - len(kept), 'more line')} (-v)")]


def rows_of(lines: Sequence[Line]) -> int:
    """Return how many rows of a terminal with 80 columns the lines take."""
    texts = ("".join(word.text for word in each.words) for each in lines)
    return sum(max(1, -(-len(text) // WIDTH)) for text in texts)


def first_hops(lines: Sequence[Line], most: int) -> Iterator[Line]:
    """Give the lines of hops, and for those beyond ``most`` lines their number."""
    if len(lines) <= most:
        yield from lines
        return
    yield from lines[: most - 1]
    yield line(f"{pluralize(len(lines) - most + 1, 'more hop')} (-v)")


_MOST_QUOTED = 200  # characters, at the briefest


def aws_words(answer: AwsRefusal, level: int = 0) -> Iterator[Line]:
    """Quote AWS; and show the policies that no lane is for."""
    said = clean(answer.message)
    if level >= BRIEF and len(said) > _MOST_QUOTED:
        said = f"{said[:_MOST_QUOTED]} … (-v)"
    quote = f'"{said}"' if said else "nothing more"
    quote += f" ({answer.code})" if answer.code else ""
    if said or answer.code:  # a decoded message has neither
        yield from labelled("AWS said", quote)
        if answer.at is not None:
            yield from labelled("at", time_of(answer))
    denied = answer.denied
    if denied is None or denied.policy is None or denied.unclear:
        return
    if answer.policy_type is None:
        label = f"  {denied.policy:<22}"
        yield line(label, StyledText("refuses (AWS said)", "red"))


def unjudged_view(chain: str, hop: int, answer: AwsRefusal, why: str) -> View:
    """Show what AWS said to a hop, and why nothing else can be said of it."""
    place = StyledText(f" {clean(chain)}, hop {hop}", "bold")
    lines = [line(WRONG, place, ": AWS refused it")]
    denied = answer.denied
    said_why = denied is not None and denied.reason is not None
    if answer.fix is not None and (said_why or not answer.about_policies):
        lines.extend(wrapped(f"to fix it, {answer.fix}", "  ", "    "))
    lines.extend(wrapped(f"rolehop cannot judge its policies: {clean(why)}", "  ", "    "))
    lines += [line(), *aws_words(answer)]
    for name, value in (("role", denied and denied.resource), ("caller", denied and denied.caller)):
        if value:
            lines.extend(labelled(name, clean(value)))
    return lines


def time_of(answer: AwsRefusal) -> str:
    """Return when AWS refused it, in local time, or "then"."""
    return f"{answer.at.astimezone():%Y-%m-%d %H:%M}" if answer.at else "then"


def what_next(known: Verdict, joined: Verdict, answer: AwsRefusal) -> Iterator[Line]:
    """Say what AWS's words leave open, and what to do if the documents do not tell.

    ``known`` is the verdict of the documents, ``joined`` that of AWS's words besides.
    """
    by_documents = known.outcome
    if not answer.about_policies:
        yield from wrapped(f"to fix it, {answer.fix}", "  ", "  ")
    elif answer.names_policy:
        lane = next((e for e in known.policies if e.name is answer.policy_type), None)
        if lane is None or lane.outcome is not Outcome.REFUSED:
            yield from _contradiction(joined, answer)
    elif answer.denied is not None and (answer.denied.other or answer.denied.explicit):
        yield from wrapped(f"to fix it, {answer.fix}", "  ", "    ")
    elif by_documents is Outcome.ALLOWED:
        text = (
            "so something refused it that is not seen here: an SCP or RCP, a VPC endpoint's policy,"
            " or a policy that changed"
        )
        yield from wrapped(text, "  ", "  ")


_ORGANIZATIONS_OWN = {
    PolicyType.SCP: ("SERVICE_CONTROL_POLICY", "--scp"),
    PolicyType.RCP: ("RESOURCE_CONTROL_POLICY", "--rcp"),
}


def _contradiction(joined: Verdict, answer: AwsRefusal) -> Iterator[Line]:
    """Say how AWS may have refused what the documents allow, and what to do then."""
    named, arn = answer.policy_type, answer.denied.policy_arn if answer.denied else None
    lane = next((policy for policy in joined.policies if policy.name is named), None)
    fix = f"to fix it, {answer.fix}"
    shown = None if named is None else joined.request.policy_set(named)
    if named is PolicyType.SESSION and shown is not None and not shown.there:
        text = (
            "this chain gives the caller's session no session policy: other flags, another config or"
            " the source did"
        )
        yield from wrapped(f"{text}. If it is yours, {fix}", "  ", "    ")
    elif lane is None or shown is None or lane.outcome is not Outcome.ALLOWED:
        yield from wrapped(fix, "  ", "    ")
    elif arn is not None and ":iam::" in arn and not has_policy(shown, arn):
        account = account_of(arn) or "the caller's account"
        text = f"the policy that AWS names is not among the documents; to see it, in {account}:"
        yield from wrapped(text, "  ", "    ")
        yield to_type(f"{_PRINT_POLICIES} > FILE", 4)
        yield from wrapped(f"and give it to rolehop as --policies FILE; {fix}", "  ", "    ")
    else:
        text = (
            "what is seen now allows it: it changed since, or a policy counts that is not seen. Walk"
            f" again; if AWS still refuses: {answer.fix}"
        )
        if arn is not None and named in _ORGANIZATIONS_OWN:
            request, of_role = joined.request, named is PolicyType.RCP
            over = account_of(request.role) if of_role else request.caller.account
            yield from guardrail_command(named, over, answer)
        yield from wrapped(text, "  ", "    ")


_PRINT_POLICIES = (
    "aws iam get-account-authorization-details --filter LocalManagedPolicy AWSManagedPolicy"
)


def guardrail_command(
    policy_type: PolicyType, account: str | None, answer: AwsRefusal
) -> Iterator[Line]:
    """Show the command that prints an SCP or RCP; only some accounts of an organization may.

    ``account``: to which it applies; ``None``: not known.
    """
    kind, flag = _ORGANIZATIONS_OWN[policy_type]
    arn = answer.denied.policy_arn if answer.denied is not None else None
    text = "to see it, with credentials of the organization's management account:"
    yield from wrapped(text, "      ", "      ")
    give = f"{flag} {account}=FILE" if account is not None else f"{flag} FILE"
    if arn is None:
        # In one line, however long: shells differ in how a line goes on in the next.
        yield to_type(
            "aws organizations list-policies-for-target"
            f" --target-id {account or PLACEHOLDER} --filter {kind}",
            8,
        )
        yield to_type(f"aws organizations describe-policy --policy-id {PLACEHOLDER} > FILE", 8)
        text = f"and give it to rolehop as {give}; {_ALL_OF_THEM}"
        yield from wrapped(text, "      ", "      ")
        return
    name = arn.rpartition("/")[2]
    # The ARN is from a text that anybody may have written, and this line is for any shell.
    name = name if is_plain(name) else PLACEHOLDER
    yield to_type(f"aws organizations describe-policy --policy-id {name} > FILE", 8)
    yield line(f"      and give it to rolehop as {give}")


# Those of the OUs and of the root count, too, and are listed by their own IDs only.
_ALL_OF_THEM = "--organization CHAIN, with a chain to that account, reads them all"
CALLERS_OWN = (
    PolicyType.PERMISSIONS,
    PolicyType.BOUNDARY,
    PolicyType.SESSION,
    PolicyType.SCOPE,
)


def how_to_see(
    policy: PolicyVerdict, verdict: Verdict, answer: AwsRefusal | None, shown_commands: set[str]
) -> Iterator[Line]:
    """Say how to see ``policy``; ``answer``: AWS's, if it names this one."""
    if policy.name in (PolicyType.SCP, PolicyType.RCP) and answer is not None:
        account = verdict.request.caller.account
        if policy.name is PolicyType.RCP:
            account = account_of(verdict.request.role)
        yield from guardrail_command(policy.name, account, answer)
    elif policy.name is PolicyType.TRUST and verdict.request.owner is not None:
        yield from wrapped(_how_to_give(policy, verdict), "      ", "      ")
    elif policy.name in CALLERS_OWN and verdict.request.caller.arn is None:
        if policy.name is PolicyType.PERMISSIONS:
            yield line("      name the caller first: --as ARN")
    elif policy.name is not PolicyType.SESSION:
        yield from _to_see(*_command(policy, verdict), shown_commands)


def _how_to_give(policy: PolicyVerdict, verdict: Verdict) -> str:
    """Say how to give a resource's own policy, and whether it must have one."""
    request = verdict.request
    if request.role == ANY_RESOURCE:
        return "the resource decides: name it with --resource ARN, and --resource-policy FILE"
    if request.needs_resource_policy(policy.action):
        return "only this policy opens the resource: give it as --resource-policy FILE"
    return "if it has one, give it as --resource-policy FILE"


def _to_see(account: str, command: str, shown_commands: set[str]) -> Iterator[Line]:
    """Show the command that prints a policy's documents, once for all policies it prints."""
    if f"{account}: {command}" in shown_commands:
        yield line("      to see it: the same command")
        return
    shown_commands.add(f"{account}: {command}")
    yield from wrapped(f"to see it, with credentials of {account}:", "      ", "      ")
    yield to_type(f"{command} > FILE", 8)
    yield line("      and give it to rolehop as --policies FILE")


def _command(policy: PolicyVerdict, verdict: Verdict) -> tuple[str, str]:
    """Return the account that has the policy's documents, and the command that prints them."""
    request = verdict.request
    if policy.name is PolicyType.TRUST:
        name = request.role.rpartition("/")[2]
        return f"account {request.role.split(':')[4]}", f"aws iam get-role --role-name {name}"
    caller = request.caller.account
    account = "the caller's account" if caller is None else f"account {caller}"
    return account, "aws iam get-account-authorization-details"


LANES = {
    PolicyType.TRUST: "trust policy",
    PolicyType.PERMISSIONS: "caller's permissions",
    PolicyType.BOUNDARY: "caller's boundary",
    PolicyType.SESSION: "session policy",
    PolicyType.SCOPE: "scope",
    PolicyType.SCP: "SCP",
    PolicyType.RCP: "RCP",
}

_SAYS: dict[Outcome, tuple[StyledText, str, Style]] = {
    Outcome.ALLOWED: (FINE, "allows", "green"),
    Outcome.REFUSED: (WRONG, "refuses", "red"),
    Outcome.UNKNOWN: (UNKNOWN, "can't tell", ""),
    Outcome.NOT_VISIBLE: (UNKNOWN, "not seen", "dim"),
    Outcome.NOT_APPLICABLE: (StyledText("–", "dim"), "does not matter", "dim"),
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
        if policy.name is not named and policy.name not in idle and policy.outcome in _WEIGHTS[2:]
    )


_WEIGHTS = (
    *(Outcome.REFUSED, Outcome.UNKNOWN),
    *(Outcome.ALLOWED, Outcome.NOT_APPLICABLE, Outcome.NOT_VISIBLE),
)


def by_weight(policies: Sequence[PolicyVerdict]) -> list[PolicyVerdict]:
    """Return the policies: those that refuse first, those that nobody saw last."""
    return sorted(policies, key=lambda each: _WEIGHTS.index(each.outcome))


def in_one_line(policies: Sequence[PolicyVerdict], verdict: Verdict) -> Iterator[Line]:
    """Name the policies that do not stand in the way, in a line each for what they say."""
    by_outcome: dict[Outcome, list[str]] = {}
    for policy in by_weight(policies):
        if verdict.request.policy_set(policy.name).there:
            by_outcome.setdefault(policy.outcome, []).append(_label(policy, verdict))
    for outcome, names in by_outcome.items():
        mark, says, _ = _SAYS[outcome]
        yield from wrapped(f"{says}: {', '.join(names)}", f"  {mark.text} ", "    ", "dim")


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
    if named and (verbose or verdict.request.owner is not None):  # of a hop it stands above
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
    first, *rest = textwrap.wrap(text, WIDTH - len(label) - 2, break_on_hyphens=False)
    mark, _, style = _SAYS[policy.outcome]
    yield line(label, mark, StyledText(f" {first}", style))
    yield from (line(f"{'':{len(label)}}  {each}") for each in rest)


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
    return _SAYS[policy.outcome][1]


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
    conditions = [
        finding for finding in policy.findings if finding.element.startswith("Condition ")
    ]
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
