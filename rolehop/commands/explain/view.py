"""The views of ``explain``: each hop or action with reason and fix, and what an AWS text says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rolehop.base.advice import PLACEHOLDER, is_plain, posix_argument
from rolehop.base.arn import account_of
from rolehop.base.text import clean, pluralize
from rolehop.commands.explain.answer_view import (
    MARKS,
    action_answer,
    headline,
    hop_answer,
    to_see,
)
from rolehop.commands.explain.policy_view import (
    BRIEF,
    LANES,
    NAMED_ONLY,
    SCREEN,
    as_it_fits,
    aws_words,
    by_weight,
    caller_text,
    first_hops,
    fitting,
    has_deny,
    in_one_line,
    policy_lines,
    quiet_policies,
    rows_of,
    what_next,
)
from rolehop.commands.explain.remedies_view import keys_in, remedy_lines, settled_keys
from rolehop.config.sts_limits import EXTERNAL_ID, SESSION_NAME, SOURCE_IDENTITY
from rolehop.config.value_types import Check
from rolehop.policy.access_denied import TOKEN_ACTIONS, AccessDenied, steps_of_assume_role
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, ChainVerdict, HopVerdict
from rolehop.policy.evaluation.call_rules import needs_no_permission
from rolehop.policy.evaluation.deciding_values import deciding_values
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, Verdict
from rolehop.policy.evaluation.service_rules import is_about_no_resource
from rolehop.policy.finding_text import MFA_KEYS, condition_of, deciding_text
from rolehop.policy.remedies.policy_change import PolicyChange
from rolehop.policy.remedies.search import Remedy, layers_made_irrelevant
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


def deciding_lines(verdict: Verdict) -> Iterator[Line]:
    """Say for which values of the one unknown key the call is allowed."""
    if verdict.unknowns == ("aws:ResourceAccount",) and verdict.request.elsewhere:
        would = "refused" if verdict.refused else "allowed"
        text = (
            f"{would} if the caller's account owns the resource, whose ARN names none; if another:"
            " --context aws:ResourceAccount=ACCOUNT"
        )
        yield from wrapped(text, "  ", "  ")
        return
    found = deciding_values(verdict)
    if found is not None:
        yield from wrapped(deciding_text(found), "  ", "  ")


def unseen_lines(verdict: Verdict) -> Iterator[Line]:
    """Say how to settle what cannot be seen of the source's session, if it matters."""
    name = verdict.request.unseen
    if verdict.outcome is Outcome.UNKNOWN and name is not None:
        text = f"it cannot be seen from here {_ASSUMPTIONS[name]}. If so, add --assume {name}"
        yield from wrapped(text, "  ", "  ")


_ASSUMPTIONS = {
    "source-session": (
        "that the source's session has no session policy, session tags or source identity"
    ),
    "roles-anywhere-profile": (
        "that the Roles Anywhere profile lists the role, maps attributes as by default, and has no"
        " session policy"
    ),
}

_OF_RESOURCE = {
    "trust": "that the resource's own policy, if it has one, does not deny it",
    "resource-account": (
        "that the resource is of the caller's account; if not, say which:"
        " --context aws:ResourceAccount=ACCOUNT"
    ),
    "other-resources": (
        "that the same is allowed on the call's other resources: image, instance, network"
        " interface, security group, subnet and volume"
    ),
}


def assuming_lines(verdict: Verdict) -> Iterator[Line]:
    """Name what the verdict takes for granted: policies that nobody gave, and what the user said."""
    names = [each.upper() for each in verdict.assuming if each in ("scp", "rcp")]
    if names:
        text = f"assuming that no {' or '.join(names)} refuses the call: none was given"
        yield from wrapped(text, "  ", "  ")
    for name in (each for each in _OF_RESOURCE if each in verdict.assuming):
        if verdict.request.owner is not None:
            yield from wrapped(f"assuming {_OF_RESOURCE[name]}", "  ", "  ")
    for name in (each for each in _ASSUMPTIONS if each in verdict.assuming):
        yield from wrapped(f"assuming, as --assume says, {_ASSUMPTIONS[name]}", "  ", "  ")
    keys = [each for each in verdict.request.context.supplied if each in verdict.assuming]
    if keys:
        yield from wrapped(f"relying on --context for {', '.join(keys)}", "  ", "  ")
    if "one-request-context" in verdict.assuming:
        text = (
            "assuming, as AWS does not say, that external ID and role session name count for"
            " sts:TagSession, too"
        )
        yield from wrapped(text, "  ", "  ")


def grant_lines(verdict: Verdict) -> Iterator[Line]:
    """Say that a key's grants, which no document here shows, may allow what no policy allows.

    Source: KMS developer guide, "Grants in AWS KMS".
    """
    request, wrong = verdict.request, verdict.first_wrong
    of_key = request.actions[0].lower().startswith("kms:") and ":key/" in request.role
    lacking = {each.name for each in verdict.refused} <= {PolicyType.TRUST, PolicyType.PERMISSIONS}
    if of_key and lacking and wrong is not None and wrong.reason is not Reason.EXPLICIT_DENY:
        key = request.role.rpartition("/")[2]
        yield from wrapped("a grant of the key may still allow it; to see them:", "  ", "  ")
        yield to_type(f"aws kms list-grants --key-id {key if is_plain(key) else PLACEHOLDER}", 4)


def hint(
    finding: Finding, *, denies: bool = False, of_session: bool = False, user: str | None = None
) -> str | None:
    """Return what the user can do about it without changing a policy.

    Args:
        finding: of a policy that refuses.
        denies: it belongs to a Deny that applies; then what matches is the problem.
        of_session: a role's session calls, which never carries MFA.
        user: ARN of the caller, if it is an IAM user.
    """
    if finding.reason is Reason.OTHER_SESSION:
        return f'or give that session its name: session_name = "{_last(finding.wanted)}"'
    if not finding.element.startswith("Condition "):
        return None
    key = condition_of(finding)[1].lower()
    if key in MFA_KEYS:
        wrong = (finding.truth is Truth.TRUE) == denies
        return _mfa_hint(finding, of_session=of_session) if wrong else None
    if key == "aws:sourceip" and (finding.truth is Truth.TRUE) == denies:
        return _address_hint(finding)
    if key.startswith("aws:principaltag/") and (finding.truth is Truth.TRUE) == denies:
        return None if user is None else _tag_hint(finding, user)
    if _is_star_compared(finding, denies=denies):
        operator = condition_of(finding)[0]
        like = operator.replace("Equals", "Like")
        return f"note: {operator} compares * as a letter; {like} takes it as a pattern"
    wrong = finding.truth is not Truth.TRUE and not denies
    if not wrong or finding.reason not in (Reason.KEY_ABSENT, Reason.VALUE_DIFFERS):
        return None
    if key.startswith("aws:requesttag/"):
        tag = condition_of(finding)[1].partition("/")[2]
        return f'or send that tag with this hop: tags = {{ "{tag}" = {_value(finding)} }}'
    text, limit = _HINTS.get(key, (None, None))
    value = _value(finding)
    if text is None or limit is None or not _is_accepted(limit, value):
        return None
    return f"{text} = {value} on this hop of the chain"


def _is_star_compared(finding: Finding, *, denies: bool) -> bool:
    """True if a condition has a star that its operator takes as a letter, and that is why it fails."""
    named, key = condition_of(finding)
    operator = named.lower().rpartition(":")[2].removesuffix("ifexists")
    has_value = finding.found is not None or key.lower() in _HINTS
    wrong = (finding.truth is Truth.TRUE) == denies and has_value
    return wrong and operator in ("stringequals", "stringnotequals") and "*" in finding.wanted


_HINTS = {
    "sts:externalid": ("or send what it asks for: external_id", EXTERNAL_ID),
    "sts:rolesessionname": ("or send such a name: session_name", SESSION_NAME),
    "sts:sourceidentity": ("or send one, if no hop before did: source_identity", SOURCE_IDENTITY),
}


def _is_accepted(limit: Check, value: str) -> bool:
    """True if STS accepts a quoted value; an ellipsis is always accepted."""
    try:
        return value == '"…"' or limit.run(value[1:-1]) is not None
    except ValueError:
        return False


def _mfa_hint(finding: Finding, *, of_session: bool) -> str | None:
    if of_session:
        return (
            "a role session never carries MFA: only hop 1 can, from IAM user keys with mfa_serial"
        )
    if finding.found in (None, "false"):
        return "or bring MFA: give the source mfa_serial, and hop 1 carries it"
    return None


def _tag_hint(finding: Finding, user: str) -> str | None:
    """Return which tag the user may get from their account: no other caller gets it with them."""
    operator, key = condition_of(finding)
    if operator.lower().removesuffix("ifexists") not in ("stringequals", "stringnotequals"):
        return None
    account, name = user.split(":")[4], user.rpartition("/")[2]
    one_of = "one of " if ", " in finding.wanted else ""
    tag = f"the tag '{key.partition('/')[2]}': {one_of}{finding.wanted}"
    return None if "${" in tag else f"or account {account} gives user {name} {tag}"


def _address_hint(finding: Finding) -> str | None:
    """Return from where to call, if a condition says it in a few ranges."""
    operator = condition_of(finding)[0].lower().removesuffix("ifexists")
    ranges = finding.wanted.split(", ")
    named = finding.found is not None and operator in ("ipaddress", "notipaddress")
    # A Deny of what is not in a range, or an Allow of what is in one.
    return f"or call from {' or '.join(ranges)}" if named and len(ranges) <= _FEW else None


_FEW = 3


def _value(finding: Finding) -> str:
    """Return the required value as written in the config, or an ellipsis."""
    operator = condition_of(finding)[0].lower().removesuffix("ifexists")
    plain = operator == "stringequals" and not set(finding.wanted) & set('*?$,"\\')
    return f'"{finding.wanted if plain else "…"}"'


def _last(text: str, mark: str = "/") -> str:
    return text.rpartition(mark)[2]


_MOST_OTHERS = 11  # lines of hops that are named only, if the hop that is shown needs more
_OF_FIX = 11  # lines that a fix, caller and role take
_IDLE = "does not matter once the trust policy names the caller"

_WOULD: dict[Outcome, tuple[str, Style]] = {
    Outcome.ALLOWED: ("would be allowed", "green"),
    Outcome.REFUSED: ("would be refused", "red"),
    Outcome.UNKNOWN: ("can't tell", ""),
}


def verdict_view(verdict: ChainVerdict, *, verbose: bool, last: bool = False) -> View:
    """Show what stops a chain and what to do about it, then why; ``verbose``: of every hop.

    ``last``: it is the hop that AWS refused last, which ``--last`` explains.
    """
    chain, hops = clean(verdict.chain), verdict.hops
    again = f"rolehop explain {'--last' if last else posix_argument(chain)}"
    if verdict.source_role_unknown:
        text = "rolehop does not know the role that the source gets with its token"
        return [*headline(UNKNOWN, chain, text), *(_in_a_line(each) for each in hops)]
    if not hops:
        return list(headline(FINE, chain, "no hops, so no policy can refuse one"))
    if verbose:
        shown_commands = set[str]()
        blocks = [_hop(chain, hop, shown_commands, None, again) for hop in hops]
        return [each for block in blocks for each in (*block, line())][:-1]
    stopped = (e for e in hops if e.verdict.outcome is Outcome.REFUSED or e.aws_refusal)
    unknown = (each for each in hops if each.verdict.outcome is Outcome.UNKNOWN)
    told = next(stopped, None) or next(unknown, None) or (hops[0] if len(hops) == 1 else None)
    if told is None:
        return list(_all_allowed(chain, hops))
    others = [_in_a_line(each) for each in hops if each is not told]
    # The lines of other hops give way to it if it needs more.
    block = _hop(chain, told, set(), SCREEN - min(len(others) + 1, _MOST_OTHERS), again)
    left = SCREEN - rows_of(block) - 1
    return [*block, *([line()] if others else []), *first_hops(others, max(left, 1))]


def _all_allowed(chain: str, hops: Sequence[HopVerdict]) -> Iterator[Line]:
    scope = " and the scope" if hops[-1].is_scope else ""
    count = pluralize(len(hops) - bool(scope), "hop")
    yield from headline(FINE, chain, f"AWS would allow all {count}{scope}")
    assumed = dict.fromkeys(each for hop in hops for each in assuming_lines(hop.verdict))
    yield from [*assumed][:_OF_FIX]
    yield line()
    yield from first_hops([_in_a_line(each) for each in hops], SCREEN - _OF_FIX)


def actions_view(
    chain: str, actions: Sequence[ActionVerdict], *, verbose: bool, above: int = 0
) -> View:
    """Show for each action whether a session of ``chain`` may take it, and why.

    ``above``: the lines of a text before it that says caller and resource; 0: there is none.
    """
    requests = [action.verdict.request for action in actions]
    first = next((request for request in requests if not request.caller.federated), requests[0])
    called = list[Line]()
    if not above or verbose:
        caller = caller_text(first.caller, actions[0].answer)
        called += labelled("caller", caller)
        called += labelled("resource", first.role)
    if len(actions) == 1:
        head = list(action_answer(clean(chain), actions[0]))

        def only(level: int | None) -> list[Line]:
            told, why = _action(actions[0], set(), level)
            return [*told, line(), *called, *why]

        room = SCREEN - above - len(head)
        return [*head, *(only(None) if verbose else as_it_fits(only, room))]
    head = [line(StyledText(clean(chain), "bold")), *called]
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
            made += (line(), _of_action(each))
            made += [found for part in _action(each, told, level) for found in part]
            made += [line()] if whole == number < len(actions) - 1 else []
        else:
            made.append(_of_action(each, brief=True))
    return made


def _of_action(action: ActionVerdict, *, brief: bool = False) -> Line:
    outcome = action.verdict.outcome
    would, style = ("AWS refused it", "red") if action.answer else _WOULD[outcome]
    name = StyledText(clean(action.verdict.request.actions[0]), "bold")
    more = " (-v)" if brief and outcome is not Outcome.ALLOWED else ""
    mark = WRONG if action.answer else MARKS[outcome]
    return line(mark, " ", name, ": ", StyledText(would, style), more)


def _action(
    action: ActionVerdict, shown_commands: set[str], level: int | None
) -> tuple[list[Line], list[Line]]:
    """Return what to do about an action, and why it is judged so."""
    verdict = action.verdict
    if needs_no_permission(verdict.request.actions[0]) and not verdict.refused:
        text = "  no policy counts: the call needs no permission, and none can deny it"
        return [line(text)], []
    return list(_next_of_action(action, level)), list(_why(action, shown_commands, level))


def _next_of_action(action: ActionVerdict, level: int | None) -> Iterator[Line]:
    verdict, answer = action.verdict, action.answer
    if verdict.request.caller.federated:
        text = "made with a token, by whoever has it: no policy of this session counts"
        yield from wrapped(text, "  ", "  ")
    if answer is not None:
        yield from what_next(action.by_documents, verdict, answer)
        yield from _by_words_alone(action, answer)
    yield from _fix_of_action(action, level)
    yield from _or_another_call(verdict)
    yield from (*deciding_lines(verdict), *grant_lines(verdict))


_OF_CALL = ("aws:requestedregion", "aws:requesttag/", "aws:securetransport", "aws:tagkeys")


def _or_another_call(verdict: Verdict) -> Iterator[Line]:
    """Say that the call can be made otherwise, if a Deny rests on what it was said to send."""
    sent = [
        key
        for key in verdict.request.context.supplied
        if key in verdict.assuming
        and "resource" not in key.lower()
        and (not key.lower().startswith("aws:") or key.lower().startswith(_OF_CALL))
    ]
    if sent and any(has_deny(policy) for policy in verdict.refused):
        text = f"or make the call otherwise: the Deny rests on its {', '.join(sent)}"
        yield from wrapped(text, "  ", "    ")


def _by_words_alone(action: ActionVerdict, answer: AwsRefusal) -> Iterator[Line]:
    """Say what to try if AWS gave no reason, and the documents have none either."""
    denied = answer.denied
    silent = denied is not None and denied.reason is None and denied.other is None
    if denied is None or not silent or action.by_documents.outcome is not Outcome.UNKNOWN:
        return
    if denied.action == "sts:AssumeRole":
        yield from _steps(denied)
    elif not denied.explicit and answer.fix:  # else it is said already
        text = f"most often nothing allows it; to fix it, {answer.fix}"
        yield from wrapped(text, "  ", "    ")


def _why(action: ActionVerdict, shown_commands: set[str], level: int | None) -> Iterator[Line]:
    verdict, answer = action.verdict, action.answer
    if answer is not None:
        yield from aws_words(answer, level or 0)
    quiet = quiet_policies(verdict, answer, frozenset()) if level else ()
    blocks = [
        list(policy_lines(policy, verdict, shown_commands, answer=answer, level=level))
        for policy in by_weight(verdict.policies)
        if policy not in quiet
    ]
    yield from fitting(blocks, 999, level)
    yield from assuming_lines(verdict)
    yield from in_one_line(quiet, verdict)


def _fix_of_action(action: ActionVerdict, level: int | None) -> Iterator[Line]:
    """Show the fix; nothing if AWS itself allows no change, which is said above."""
    known, answer = action.by_documents, action.answer
    wrong = known.first_wrong
    if wrong is not None and wrong.element == "Caller":
        return
    brief = level in (BRIEF, NAMED_ONLY)
    room, most = (_OF_FIX if level else None), (0 if brief else None)
    by_words = None if answer is None else answer.fix
    yield from remedy_lines(known, action.remedies(), room, most=most, by_words=by_words)


def hop_view(
    chain: str, hop: HopVerdict, *, verbose: bool, above: int = 0, again: str | None = None
) -> View:
    """Show one hop of a chain, below ``above`` lines of another text.

    ``again``: the command that explains it, for one that is given more; ``None``: of the chain.
    """
    room = None if verbose else SCREEN - above
    again = again or f"rolehop explain {posix_argument(clean(chain))}"
    return _hop(clean(chain), hop, set(), room, again)


def _in_a_line(hop: HopVerdict) -> Line:
    """Show a hop in one line, since the first one that is refused stops the chain."""
    outcome = hop.verdict.outcome
    would, style = _WOULD[outcome]
    why = "" if outcome is Outcome.ALLOWED else " (-v)"
    role, most = clean(hop.asked), WIDTH - len(f"{hop.name}  x {would}{why}  ")
    role = role if len(role) <= most else f"{role[: most - 1]}…"
    shown = StyledText(f" {would}", style), f"{why}  {role}"
    return line(f"{hop.name}  ", MARKS[outcome], *shown)


def _hop(
    chain: str, hop: HopVerdict, shown_commands: set[str], room: int | None, again: str
) -> list[Line]:
    """Show a hop in ``room`` lines, the answer first; ``None``: show all of it."""
    remedies, before = hop.remedies(), frozenset(shown_commands)

    def made(level: int) -> list[Line]:
        shown_commands.intersection_update(before)
        first = [*hop_answer(chain, hop), *_next(hop, again, verbose=room is None)]
        evidence = [line(), *_evidence(hop, remedies, shown_commands, room, level)]
        hints = list(_hints(hop, remedies, 99 if room is None else max(2 - level, 0)))
        left = None if room is None else room - sum(map(len, (first, evidence, hints)))
        most = 0 if level >= BRIEF else None
        fixes = list(remedy_lines(hop.by_documents, remedies, left, most=most))
        return [*first, *fixes, *hints, *evidence]

    return made(0) if room is None else as_it_fits(made, room)


def _next(hop: HopVerdict, again: str, *, verbose: bool) -> Iterator[Line]:
    """Say what to do, if it is not to change a policy."""
    verdict, answer = hop.verdict, hop.aws_refusal
    yield from deciding_lines(verdict)
    yield from unseen_lines(verdict)
    if answer is not None:
        yield from what_next(hop.by_documents, verdict, answer)
        if not answer.about_policies:
            return
    shown = [] if verbose else list(to_see(hop, again))
    if answer is not None and answer.policy_type is not None:
        yield from shown
    elif hop.by_documents.outcome is Outcome.UNKNOWN and (
        answer is None or not answer.names_policy
    ):
        yield from shown or [line("  the answer is in what could not be seen")]


def _evidence(
    hop: HopVerdict,
    remedies: Sequence[Remedy],
    shown_commands: set[str],
    room: int | None,
    level: int,
) -> Iterator[Line]:
    """Show what the answer rests on: AWS's words, the call, each policy by its weight."""
    verdict, answer = hop.verdict, hop.aws_refusal
    if answer is not None:
        yield from aws_words(answer, level)
    role, caller = hop.asked, caller_text(verdict.request.caller, answer)
    if not (level and answer and {role, caller} <= set(answer.message.split())):
        yield from labelled("action" if hop.is_scope else "role", role)
        yield from labelled("caller", caller)
    if answer is not None and not answer.about_policies:
        return
    idle = _idle(hop, remedies)
    quiet = () if room is None else quiet_policies(verdict, answer, idle)
    detail = None if room is None else level
    blocks = [
        [line(f"  {LANES[policy.name]:<22}", StyledText(_IDLE, "dim"))]
        if policy.name in idle
        else list(policy_lines(policy, verdict, shown_commands, answer=answer, level=detail))
        for policy in by_weight(verdict.policies)
        if policy not in quiet
    ]
    at_least = 1 if level else _OF_FIX
    yield from fitting(blocks, 999 if room is None else max(room - _OF_FIX, at_least), level)
    yield from assuming_lines(verdict)
    yield from in_one_line(quiet, verdict)


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


def _idle(hop: HopVerdict, remedies: Sequence[Remedy]) -> frozenset[PolicyType]:
    """Return the policies that refuse but that no remedy has to change."""
    if hop.is_scope:
        return frozenset()
    changed = {
        step.policy_type
        for remedy in remedies
        for step in remedy.steps
        if isinstance(step, PolicyChange)
    }
    return layers_made_irrelevant(hop.verdict, hop.number, hop.scenario) - changed


def denied_view(denied: AccessDenied | None, fix: str, chain: str | None) -> View:
    """Show what refused whose call, then what to do, then the facts."""
    if denied is None:
        lines = [line(WRONG, StyledText(" AWS refused it", "red"))]
        text = "who was refused what, and by which policy, is only in its encoded message"
        return [*lines, *wrapped(text, "  ", "  ")]
    facts = (
        ("caller", denied.caller or f"AWS does not say: {denied.who()}"),
        ("chain", chain),
        ("called", denied.called),
        ("resource", denied.resource),
        ("policy", denied.policy_arn),
    )
    return [
        *headline(WRONG, denied.action, _by_what(denied)),
        *_to_do(denied, fix, chain),
        line(),
        *(part for name, value in facts if value is not None for part in labelled(name, value)),
    ]


def _by_what(denied: AccessDenied) -> str:
    """Say in AWS's words what refused a call."""
    policy = denied.policy
    if denied.unclear:
        return "its resource is not in this Region, or the resource's own policy refuses it"
    if policy is not None and denied.explicit:
        return f"{'an' if policy.startswith('i') else 'a'} {policy} denies it"
    if policy is not None:
        return f"no {policy} allows it"
    if denied.other is not None:
        return "AWS refused it for a reason that rolehop does not judge"
    if denied.explicit:
        return "AWS refused it with a Deny, and does not say in which policy"
    return "AWS refused it, and does not say why"


def _to_do(denied: AccessDenied, fix: str, chain: str | None) -> Iterator[Line]:
    said = denied.caller == "anonymous" or denied.reason is not None or denied.action in _SAYING
    if denied.action == "sts:AssumeRole" and not said:
        yield from _steps(denied)
        return
    text = "to fix it, " if said else "most often nothing allows it; to fix it, "
    yield from wrapped(f"{text}{fix}", "  ", "    ")
    if said or chain is not None:
        return
    resource = denied.resource or "*"
    if (resource == "*" and not is_about_no_resource(denied.action)) or not is_plain(resource):
        resource = "ARN"
    named = "" if resource == "*" else f" --resource {resource}"
    yield line("  if a chain's session made the call, its policies may tell:")
    yield to_type(f"rolehop explain CHAIN --action {denied.action}{named}", 4)


def _steps(denied: AccessDenied) -> Iterator[Line]:
    """Say what to check of a role that AWS refused without a reason, in this order."""
    steps = steps_of_assume_role(denied)
    if len(steps) == 1:
        yield from wrapped(f"to fix it, {steps[0]}", "  ", "    ")
        return
    yield line("  to fix it, check in this order:")
    for number, step in enumerate(steps, start=1):
        yield from wrapped(step, f"  {number} ", "    ")
    role = denied.resource or ""
    name = role.rpartition("/")[2]
    account = account_of(role)
    if account is not None:
        text = f"to see the role itself, with credentials of account {account}:"
        yield from wrapped(text, "  ", "  ")
        yield to_type(f"aws iam get-role --role-name {name if is_plain(name) else PLACEHOLDER}", 4)


_SAYING = frozenset({"sts:TagSession", "sts:SetSourceIdentity", *TOKEN_ACTIONS})
"""Actions of which AWS's words without a reason say what to do."""


def hints(encoded: str | None, others: int, chain: str | None) -> Iterator[Line]:
    """Say what else a text holds: an encoded message, other errors."""
    if encoded is not None:
        whose = "" if chain else ", with credentials of its account (or name a chain to it)"
        yield from wrapped(f"its encoded message says more; to decode it{whose}:", "  ", "  ")
        by = f" {chain}" if chain is not None and is_plain(chain) else ""
        yield to_type(f"rolehop explain{by} --decode={encoded}", 4)
    if others:
        text = f"this is the first error of the text; it has {pluralize(others, 'other')}"
        yield from wrapped(text, "  ", "  ")


_MOST_DETAILS = 5  # of a decoded message, if there is no -v


def decoded_view(message: Mapping[str, object], *, verbose: bool) -> View:
    """Show a decoded authorization message; its form is that of the STS API reference."""
    context = _object(message.get("context"))
    allowed, denied = message.get("allowed") is True, message.get("explicitDeny") is True
    says = "allowed" if allowed else "a Deny matches" if denied else "no statement allows it"
    lines = [line(StyledText(says, "green" if allowed else "red"))]
    called = {
        "caller": _object(context.get("principal")).get("arn"),
        "action": context.get("action"),
        "resource": context.get("resource"),
    }
    for label, found in called.items():
        lines.extend(labelled(label, clean(str(found))))
    details = [*_statements(message), *_conditions(context)]
    left = len(details) - _MOST_DETAILS
    cut = left > 1 and not verbose
    for each in details[:_MOST_DETAILS] if cut else details:
        lines.extend(wrapped(each, "  ", "    "))
    return [*lines, line(f"  and {left} more (-v)")] if cut else lines


def _statements(message: Mapping[str, object]) -> Iterator[str]:
    for item in _items(message.get("matchedStatements")):
        yield f"statement {item.get('statementId') or 'without a Sid'}: {item.get('effect')}"


def _conditions(context: Mapping[str, object]) -> Iterator[str]:
    for item in _items(context.get("conditions")):
        values = ", ".join(str(e.get("value")) for e in _items(item.get("values")))
        yield f"{item.get('key')} = {values}"


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> Iterator[Mapping[str, object]]:
    found = _object(value).get("items")
    yield from map(_object, found if isinstance(found, Iterable) else ())
