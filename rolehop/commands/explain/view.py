"""The view of ``explain``: the outcome of each hop, the reason, and the fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rolehop.policy.chain_verdict import ActionVerdict, ChainVerdict, HopVerdict
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType
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
    BRIEF,
    NAMED_ONLY,
    SCREEN,
    as_it_fits,
    fitting,
    on_a_screen,
)
from rolehop.show.explaining.hints import hint
from rolehop.show.explaining.policy_lines import (
    LANES,
    caller_text,
    has_deny,
    in_one_line,
    policy_lines,
    quiet_policies,
)
from rolehop.show.layout import WIDTH, Line, Style, StyledText, View, line, wrapped
from rolehop.show.remedies import keys_in, remedy_lines, settled_keys
from rolehop.text import clean

_MOST_OTHERS = 11  # lines of hops that are named only, if the hop that is shown needs more
_OF_FIX = 11  # lines that a fix, caller and role take
_IDLE = "does not matter once the trust policy names the caller"

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
    head = [line(StyledText(clean(chain), "bold"))]
    if not above or verbose:
        caller = caller_text(first.caller, actions[0].answer)
        head.extend(wrapped(caller, "  caller    ", "            "))
        head.extend(wrapped(first.role, "  resource  ", "            "))
    if verbose:
        return [*head, *_actions(actions, None)]
    room = SCREEN - above - len(head)
    return [*head, *as_it_fits(lambda level: _actions(actions, level), room)]


def _actions(actions: Sequence[ActionVerdict], level: int | None) -> list[Line]:
    """Show each action; at the briefest level one of those that are not allowed, the others named."""
    told, made = set[str](), list[Line]()
    allowed = [each.verdict.outcome is Outcome.ALLOWED for each in actions]
    whole = allowed.index(False) if level in (BRIEF, NAMED_ONLY) and False in allowed else None
    for number, each in enumerate(actions):
        if whole in (None, number):
            made += _action(each, told, level)
            made += [line()] if whole == number < len(actions) - 1 else []
        else:
            made.append(_of_action(each, brief=True))
    return made


def _of_action(action: ActionVerdict, *, brief: bool = False) -> Line:
    outcome = action.verdict.outcome
    would, style = ("AWS refused it", "red") if action.answer else _WOULD[outcome]
    name = StyledText(clean(action.verdict.request.actions[0]), "bold")
    more = " (-v)" if brief and outcome is not Outcome.ALLOWED else ""
    return line(name, ": ", StyledText(would, style), more)


def _action(action: ActionVerdict, shown_commands: set[str], level: int | None) -> Iterator[Line]:
    verdict, answer = action.verdict, action.answer
    yield from (line(), _of_action(action))
    if answer is not None:
        yield from aws_words(answer, level or 0)
    if needs_no_permission(verdict.request.actions[0]) and not verdict.refused:
        yield line("  no policy is asked: the call needs no permission, and none can deny it")
        return
    if verdict.request.caller.federated:
        text = "made with a token, by whoever has it: no policy of this session counts"
        yield from wrapped(text, "  ", "  ")
    quiet = quiet_policies(verdict, answer, frozenset()) if level else ()
    blocks = [
        list(policy_lines(each, verdict, shown_commands, answer=answer, level=level))
        for each in verdict.policies
        if each not in quiet
    ]
    yield from fitting(blocks, 999, level)
    yield from in_one_line(quiet, verdict)
    yield from (*deciding_lines(verdict), *assuming_lines(verdict), *grant_lines(verdict))
    if answer is not None:
        yield from what_next(action.by_documents, verdict, answer)


def hop_view(chain: str, hop: HopVerdict, *, verbose: bool, above: int = 0) -> View:
    """Show one hop of a chain, below ``above`` lines of another text."""
    room = None if verbose else SCREEN - 1 - above
    return [line(StyledText(clean(chain), "bold")), *_hop(hop, set(), room)]


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
        hints = list(_hints(hop, remedies, 99 if room is None else max(2 - level, 0)))
        left = None if room is None else room - len(lines) - len(hints)
        most = 0 if level >= BRIEF else None
        return [*lines, *remedy_lines(hop.by_documents, remedies, left, most=most), *hints]

    return made(0) if room is None else as_it_fits(made, room)


def _reasons(
    hop: HopVerdict,
    remedies: Sequence[Remedy],
    shown_commands: set[str],
    room: int | None,
    level: int,
) -> Iterator[Line]:
    verdict = hop.verdict
    would, style = _WOULD[verdict.outcome] if hop.aws_refusal is None else _refused_at(hop)
    yield line(StyledText(f"hop {hop.number}", "bold"), ": ", StyledText(would, style))
    if hop.aws_refusal is not None:
        yield from aws_words(hop.aws_refusal, level)
    role, caller = verdict.request.role, caller_text(verdict.request.caller, hop.aws_refusal)
    if not (level and hop.aws_refusal and {role, caller} <= set(hop.aws_refusal.message.split())):
        yield from wrapped(role, "  role    ", "          ")
        yield from wrapped(caller, "  caller  ", "          ")
    idle = _idle(hop, remedies)
    quiet = () if room is None else quiet_policies(verdict, hop.aws_refusal, idle)
    detail = None if room is None else level
    blocks = [
        [line(f"  {LANES[policy.name]:<22}", StyledText(_IDLE, "dim"))]
        if policy.name in idle
        else list(
            policy_lines(policy, verdict, shown_commands, answer=hop.aws_refusal, level=detail)
        )
        for policy in verdict.policies
        if policy not in quiet
    ]
    at_least = 1 if level else _OF_FIX
    yield from fitting(blocks, 999 if room is None else max(room - _OF_FIX, at_least), level)
    yield from in_one_line(quiet, verdict)
    yield from deciding_lines(verdict)
    yield from assuming_lines(verdict)
    yield from unseen_lines(verdict)
    if hop.aws_refusal is not None:
        yield from what_next(hop.by_documents, verdict, hop.aws_refusal)


def _hints(hop: HopVerdict, remedies: Sequence[Remedy], most: int) -> Iterator[Line]:
    idle = _idle(hop, remedies)
    caller = hop.verdict.request.caller
    of_session, user = caller.is_session, None if caller.is_session else caller.arn
    user = user if user is not None and ":user/" in user else None
    refused = [policy for policy in hop.verdict.refused if policy.name not in idle]
    found = [(each, has_deny(policy)) for policy in refused for each in policy.findings]
    named, settled, shown = keys_in(remedies), settled_keys(remedies), set[str]()
    for finding, denies in found:
        text = hint(finding, denies=denies, of_session=of_session, user=user) or ""
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


def _idle(hop: HopVerdict, remedies: Sequence[Remedy]) -> frozenset[PolicyType]:
    """Return the policies that refuse but that no remedy has to change."""
    changed = {
        step.policy_type
        for remedy in remedies
        for step in remedy.steps
        if isinstance(step, PolicyChange)
    }
    return layers_made_irrelevant(hop.verdict, hop.number, hop.scenario) - changed
