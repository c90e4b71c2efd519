"""The view of ``explain``: the outcome of each hop, the reason, and the fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, ChainVerdict, HopVerdict
from rolehop.policy.evaluation.findings import Finding, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Verdict
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.resource_policies import needs_no_permission
from rolehop.policy.remedies.policy_change import PolicyChange
from rolehop.policy.remedies.search import Remedy, layers_made_irrelevant
from rolehop.show.explaining.assumptions import (
    assuming_lines,
    deciding_lines,
    grant_lines,
    unseen_lines,
)
from rolehop.show.explaining.aws_answer import (
    aws_words,
    refused_when,
    what_next,
)
from rolehop.show.explaining.budget import (
    LEVELS,
    SCREEN,
    as_it_fits,
    first_findings,
    fitting,
    on_a_screen,
    shortened,
)
from rolehop.show.explaining.hints import hint
from rolehop.show.explaining.how_to_see import CALLERS_OWN, how_to_see
from rolehop.show.finding_text import fits, found, sentence, wanted
from rolehop.show.layout import WIDTH, Line, Style, StyledText, View, line, wrapped
from rolehop.show.remedies import keys_in, remedy_lines, settled_keys
from rolehop.text import clean

_MOST_OTHERS = 11  # lines of hops that are named only, if the hop that is shown needs more
_OF_FIX = 11  # lines that a fix, caller and role take
_IDLE = "does not matter once the trust policy names the caller"

_LANES = {
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
_WOULD: dict[Outcome, tuple[str, Style]] = {
    Outcome.ALLOWED: ("would be allowed", "green"),
    Outcome.REFUSED: ("would be refused", "red"),
    Outcome.UNKNOWN: ("can't tell", ""),
}


def verdict_view(verdict: ChainVerdict, *, verbose: bool) -> View:
    """Show every hop of a chain; ``verbose`` also shows what is right."""
    head = line(
        StyledText(clean(verdict.chain), "bold"), f"  from source '{clean(verdict.source)}'"
    )
    last: list[Line] = []
    if verdict.source_role_unknown:
        text = "  the source gets its role with a token, and which role is not known here"
        last = [line(), line(StyledText("hop 0", "bold"), ": can't tell"), line(text)]
    elif not verdict.hops:
        last = [line("no hops: nothing to be refused")]
    hops, shown_commands = verdict.hops, set[str]()
    stopped = [e for e in hops if e.verdict.outcome is Outcome.REFUSED or e.aws_refusal]
    if verbose or not stopped:
        room = None if verbose else SCREEN
        whole = [each for hop in hops for each in (line(), *_hop(hop, shown_commands, room))]
        if verbose or len(hops) < 2 or 1 + len(whole) + len(last) <= SCREEN:
            return [head, *whole, *last]
    unknown = (each for each in hops if each.verdict.outcome is Outcome.UNKNOWN)
    told = stopped[0] if stopped else next(unknown, hops[0])
    at, room = hops.index(told), SCREEN - 2 - len(last)
    # The lines of other hops give way to it if it needs more.
    block = list(_hop(told, set(), room - min(len(hops) - 1, _MOST_OTHERS)))
    others = [_in_a_line(each) for each in hops]
    return [head, *on_a_screen(others[:at], block, others[at + 1 :], room), *last]


def actions_view(
    chain: str, actions: Sequence[ActionVerdict], *, verbose: bool, above: int = 0
) -> View:
    """Show for each action whether a session of ``chain`` may take it, and why.

    ``above``: the lines of a text before it that says caller and resource; 0: there is none.
    """
    requests = [each.verdict.request for each in actions]
    first = next((each for each in requests if not each.caller.federated), requests[0])
    lines = [line(StyledText(clean(chain), "bold"))]
    if not above or verbose:
        caller = _caller(first.caller, actions[0].answer)
        lines.extend(wrapped(caller, "  caller    ", "            "))
        lines.extend(wrapped(first.role, "  resource  ", "            "))
    found = _actions(actions, verbose=verbose, brief=False)
    if not verbose and above + len(lines) + len(found) > SCREEN:
        found = _actions(actions, verbose=verbose, brief=True)
    return [*lines, *found]


def _actions(actions: Sequence[ActionVerdict], *, verbose: bool, brief: bool) -> list[Line]:
    told = set[str]()
    shown = (_action(each, told, verbose=verbose, brief=brief) for each in actions)
    return [each for lines in shown for each in lines]


def _action(
    action: ActionVerdict, shown_commands: set[str], *, verbose: bool, brief: bool
) -> Iterator[Line]:
    verdict, answer = action.verdict, action.answer
    would, style = ("AWS refused it", "red") if answer else _WOULD[verdict.outcome]
    name = StyledText(clean(verdict.request.actions[0]), "bold")
    yield from (line(), line(name, ": ", StyledText(would, style)))
    if answer is not None:
        yield from aws_words(answer)
    if needs_no_permission(verdict.request.actions[0]) and not verdict.refused:
        yield line("  no policy is asked: the call needs no permission, and none can deny it")
        return
    if verdict.request.caller.federated:
        text = "made with a token, by whoever has it: no policy of this session counts"
        yield from wrapped(text, "  ", "  ")
    quiet = _quiet(verdict, answer, frozenset()) if brief else ()
    for policy in (each for each in verdict.policies if each not in quiet):
        yield from _policy_lines(policy, verdict, shown_commands, verbose=verbose, answer=answer)
    yield from _in_one_line(quiet, verdict)
    yield from (*deciding_lines(verdict), *assuming_lines(verdict), *grant_lines(verdict))
    if answer is not None:
        yield from what_next(action.by_documents, verdict, answer)


def hop_view(chain: str, hop: HopVerdict, *, verbose: bool) -> View:
    """Show one hop of a chain."""
    return [
        line(StyledText(clean(chain), "bold")),
        *_hop(hop, set(), None if verbose else SCREEN - 1),
    ]


def _in_a_line(hop: HopVerdict) -> Line:
    """Show a hop in one line, since the first one that is refused stops the chain."""
    would, style = _WOULD[hop.verdict.outcome]
    name = StyledText(f"hop {hop.number}", "bold")
    why = "" if hop.verdict.outcome is Outcome.ALLOWED else " (-v)"
    role, most = clean(hop.verdict.request.role), WIDTH - len(f"{name.text}: {would}{why}  ")
    role = role if len(role) <= most else f"{role[: most - 1]}…"
    return line(name, ": ", StyledText(would, style), f"{why}  {role}")


def _hop(hop: HopVerdict, shown_commands: set[str], room: int | None) -> list[Line]:
    """Show a hop in ``room`` lines; ``None``: show all of it."""
    remedies, before = hop.remedies(), frozenset(shown_commands)

    def made(level: int) -> list[Line]:
        shown_commands.intersection_update(before)
        lines = list(_reasons(hop, remedies, shown_commands, room, level))
        hints = list(_hints(hop, remedies, 99 if room is None else 2 - level))
        left = None if room is None else room - len(lines) - len(hints)
        most = 0 if level == LEVELS - 1 else None
        return [*lines, *remedy_lines(hop.by_documents, remedies, left, most=most), *hints]

    return made(0) if room is None else as_it_fits(made, room)


def _reasons(
    hop: HopVerdict,
    remedies: Sequence[Remedy],
    shown_commands: set[str],
    room: int | None,
    level: int,
) -> Iterator[Line]:
    verdict, verbose = hop.verdict, room is None
    would, style = _WOULD[verdict.outcome] if hop.aws_refusal is None else _refused_at(hop)
    yield line(StyledText(f"hop {hop.number}", "bold"), ": ", StyledText(would, style))
    if hop.aws_refusal is not None:
        yield from aws_words(hop.aws_refusal, level)
    role, caller = verdict.request.role, _caller(verdict.request.caller, hop.aws_refusal)
    if not (level and hop.aws_refusal and {role, caller} <= set(hop.aws_refusal.message.split())):
        yield from wrapped(role, "  role    ", "          ")
        yield from wrapped(caller, "  caller  ", "          ")
    idle = _idle(hop, remedies)
    quiet = () if verbose else _quiet(verdict, hop.aws_refusal, idle)
    blocks = [
        [line(f"  {_LANES[policy.name]:<22}", StyledText(_IDLE, "dim"))]
        if policy.name in idle
        else list(
            _policy_lines(
                policy,
                verdict,
                shown_commands,
                verbose=verbose,
                answer=hop.aws_refusal,
                level=level,
            )
        )
        for policy in verdict.policies
        if policy not in quiet
    ]
    at_least = 1 if level else _OF_FIX
    yield from fitting(blocks, 999 if room is None else max(room - _OF_FIX, at_least))
    yield from _in_one_line(quiet, verdict)
    yield from deciding_lines(verdict)
    yield from assuming_lines(verdict)
    yield from unseen_lines(verdict)
    if hop.aws_refusal is not None:
        yield from what_next(hop.by_documents, verdict, hop.aws_refusal)


def _hints(hop: HopVerdict, remedies: Sequence[Remedy], most: int) -> Iterator[Line]:
    idle = _idle(hop, remedies)
    of_session = hop.verdict.request.caller.is_session
    refused = [policy for policy in hop.verdict.refused if policy.name not in idle]
    found = [(each, _denies(policy)) for policy in refused for each in policy.findings]
    named, settled, shown = keys_in(remedies), settled_keys(remedies), set[str]()
    for finding, denies in found:
        text = hint(finding, denies=denies, of_session=of_session) or ""
        if len(shown) == most or text in ("", *shown) or any(key in text for key in named):
            continue
        others = [each for each, _ in found if each.truth is Truth.FALSE and each is not finding]
        if others and not denies and text.startswith("or "):
            # It would not do alone. It is part of the fix, or the fix does without.
            if finding.element.rpartition(" ")[2].lower() in settled:
                continue
            text = f"and {text.removeprefix('or ')}"
        shown.add(text)
        yield from wrapped(text, "  ", "    ")


def _refused_at(hop: HopVerdict) -> tuple[str, Style]:
    text = "AWS refused it" if hop.aws_refusal is None else refused_when(hop.aws_refusal)
    allowed = hop.by_documents.outcome is Outcome.ALLOWED
    if allowed and hop.verdict.outcome is not Outcome.REFUSED:
        return f"the documents allow it, but {text}", "red"
    return text, "red"


def _quiet(
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


def _in_one_line(policies: Sequence[PolicyVerdict], verdict: Verdict) -> Iterator[Line]:
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
    return "resource policy" if of_resource else _LANES[policy.name]


def _idle(hop: HopVerdict, remedies: Sequence[Remedy]) -> frozenset[PolicyType]:
    """Return the policies that refuse but that no remedy has to change."""
    changed = {
        step.policy_type
        for remedy in remedies
        for step in remedy.steps
        if isinstance(step, PolicyChange)
    }
    return layers_made_irrelevant(hop.verdict, hop.number, hop.scenario) - changed


def _policy_lines(
    policy: PolicyVerdict,
    verdict: Verdict,
    shown_commands: set[str],
    *,
    verbose: bool,
    answer: AwsRefusal | None = None,
    level: int = 0,
) -> Iterator[Line]:
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
        and (verbose or each.truth is not Truth.TRUE or _denies(policy))
    ]
    few, more = (told, iter(())) if verbose else first_findings(told, level)
    for finding in few:
        short = finding if verbose else shortened(finding)
        yield from _finding(short, verdict.request.hop, denies=_denies(policy))
    yield from more
    hidden = bool(verdict.request.policy_set(policy.name).missing) and policy.deciding is None
    # Once AWS has named a policy, the others are not what one looks for first.
    other = answer is not None and answer.names_policy and not named and not verbose
    if hidden and not other and (named or policy.outcome is Outcome.NOT_VISIBLE):
        yield from how_to_see(policy, verdict, answer if named else None, shown_commands)


def _caller(caller: Caller, answer: AwsRefusal | None) -> str:
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


def _denies(policy: PolicyVerdict) -> bool:
    return bool(policy.findings) and policy.findings[0].element == "Effect"


def _telling(policy: PolicyVerdict) -> Sequence[Finding]:
    """Return the findings that tell most: of a Deny with conditions, those alone."""
    conditions = [each for each in policy.findings if each.element.startswith("Condition ")]
    if not _denies(policy) or not conditions:
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
