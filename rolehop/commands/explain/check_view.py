"""What ``check`` finds: chains that cannot work, and hops that are not allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from rolehop.base.advice import Advice
from rolehop.base.arn import account_of
from rolehop.base.errors import RolehopError, SourceError
from rolehop.base.text import clean, pluralize
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType
from rolehop.policy.finding_text import found, policy_name, sentence, unknown_in_words, wanted
from rolehop.terminal.layout import (
    Grid,
    Line,
    Row,
    StyledText,
    View,
    line,
    row,
    to_copy,
    to_type,
    wrapped,
)

_NO_OWN_ROLE = "the source gets its role with a token, and which role is not known here"


class ProblemKind(Enum):
    """How sure it is that a chain breaks, the surest first."""

    BROKEN = "broken"
    """No policy can help: by the config, or the source is not who it must be."""
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Problem(NamedTuple):
    """One hop that is not allowed, or a chain that cannot work."""

    chain: str
    hop: int | None
    """``None``: the chain as a whole."""

    role: str | None
    """``None``: of the chain as a whole, or hop 0 of a source whose own role is not known."""

    kind: ProblemKind
    why: str
    verdict: HopVerdict | None = None
    error: RolehopError | None = None
    """Of a chain that cannot work."""

    def at(self, *, role: bool = False) -> str:
        """Return the hop, to stand before ``why``, with its ``role``; nothing if ``why`` names it."""
        if self.hop is None or self.error is not None:
            return ""
        if self.verdict is not None and self.verdict.is_scope:
            return "scope: "
        return f"hop {self.hop}{f' to {self.role}' if role and self.role else ''}: "

    @property
    def details(self) -> tuple[str, ...]:
        """What was required and found, and how to fix it; slow, because remedies are searched."""
        if self.error is not None:
            return (f"to fix it: {self.error.fix}",) if self.error.fix else ()
        refused = self.kind is ProblemKind.REFUSED and self.verdict is not None
        return tuple(_details(self.verdict)) if refused and self.verdict is not None else ()


def problems_of(verdict: ChainVerdict) -> Iterator[Problem]:
    """Yield why a chain cannot work, then its hops that are not allowed."""
    error = verdict.broken
    if error is not None:
        roles = {hop.number: hop.asked for hop in verdict.hops}
        role = roles.get(error.hop or 0)
        why = clean(": ".join(part for part in (error.what, error.cause) if part))
        broken = ProblemKind.BROKEN
        yield Problem(verdict.chain, error.hop, role, broken, why, error=error)
    if verdict.source_role_unknown:
        why = f"can't tell: {_NO_OWN_ROLE}"
        yield Problem(verdict.chain, 0, None, ProblemKind.UNKNOWN, why)
    for hop in verdict.hops:
        if hop.verdict.outcome is not Outcome.ALLOWED:
            refused = hop.verdict.outcome is Outcome.REFUSED
            kind = ProblemKind.REFUSED if refused else ProblemKind.UNKNOWN
            role = hop.asked
            yield Problem(verdict.chain, hop.number, role, kind, _why(hop), hop)


def _why(hop: HopVerdict) -> str:
    verdict = hop.verdict
    if verdict.outcome is Outcome.REFUSED:
        first = verdict.first_wrong
        policy = verdict.refused[0]
        return (
            f"refused by {policy_name(policy)}: {sentence(first) if first else 'no reason found'}"
        )
    unknowns = ", ".join(unknown_in_words(unknown) for unknown in verdict.unknowns)
    return f"can't tell without knowing {unknowns}"


def _details(hop: HopVerdict) -> Iterator[str]:
    """Yield what was required and found, what else is wrong, then how to fix it."""
    first = hop.verdict.first_wrong
    for policy in hop.verdict.refused:
        for finding in policy.findings:
            if finding.truth is not Truth.FALSE:
                continue
            if finding is not first:
                yield f"{policy_name(policy)}: {sentence(finding)}"
            parts = (("wanted", wanted(finding)), ("found", found(finding)))
            yield from (f"{name} {text}" for name, text in parts if text is not None)
    from rolehop.commands.explain.remedies_view import in_short

    for step in (step for remedy in hop.remedies()[:1] for step in remedy.steps):
        yield f"to fix it, {in_short(step)}"


_SAYS = {
    Outcome.ALLOWED: "allowed",
    Outcome.REFUSED: "refused",
    Outcome.UNKNOWN: "can't tell",
}

_BREAKS = (ProblemKind.BROKEN, ProblemKind.REFUSED)
_MOST_CHAINS = 3  # named with one finding
_MOST_ACCOUNTS = 5  # with a command each
_MOST_FIXES = 5  # of chains that cannot work
_MOST_ROWS = 40  # of the table; then only chains that break, but all of these


def checks_view(verdicts: Sequence[ChainVerdict]) -> View:
    """Show a line for each chain, what is not known once with its chains, and the causes counted.

    Why a chain breaks is in its own line, also of very many: each is somebody's account.
    """
    found = {verdict.chain: list(problems_of(verdict)) for verdict in verdicts}
    problems = [each for of_chain in found.values() for each in of_chain]
    table = _table(verdicts, found)
    blocks: list[Grid] = [table] if table.rows else []
    lines = list(_not_known(problems))
    unknown = [*([line()] if blocks else []), *lines] if lines else []
    below = [*unknown, line(), *_to_see(problems)] if problems else []
    refused = any(problem.kind is ProblemKind.REFUSED for problem in problems)
    fixes = dict.fromkeys(
        problem.error.fix for problem in problems if problem.error and problem.error.fix
    )
    steps = [*list(fixes)[:_MOST_FIXES], *(["rolehop explain CHAIN says how to fix it"] * refused)]
    next_steps = [each for step in steps for each in _next(step)]
    return [*blocks, *below, line(_total(verdicts)), *_by_cause(problems), *next_steps]


def _next(step: str) -> Iterable[Line]:
    """Return what to do; what is advice has commands in it, of which a wrapped text may cut one."""
    text = f"next: {step}"
    return [to_copy(text)] if isinstance(step, Advice) else wrapped(text, "", "  ")


def _total(verdicts: Sequence[ChainVerdict]) -> str:
    broken = sum(verdict.broken is not None for verdict in verdicts)
    of = Counter(verdict.outcome for verdict in verdicts if verdict.broken is None)
    parts = [
        pluralize(len(verdicts), "chain"),
        *([f"{broken} broken"] if broken else []),
        f"{of[Outcome.REFUSED]} refused",
        f"{of[Outcome.UNKNOWN]} can't tell",
    ]
    return ", ".join(parts)


def _table(verdicts: Sequence[ChainVerdict], found: Mapping[str, Sequence[Problem]]) -> Grid:
    breaks = {
        chain: [problem for problem in problems if problem.kind in _BREAKS]
        for chain, problems in found.items()
    }
    many = len(verdicts) > _MOST_ROWS
    shown = [verdict for verdict in verdicts if not many or breaks[verdict.chain]]
    columns = ("CHAIN", "ACCOUNT", "VERDICT", *(("WHY",) if any(breaks.values()) else ()))
    rows = [_row(each, breaks[each.chain], len(columns)) for each in shown]
    left = len(verdicts) - len(rows)
    if rows and left:
        rows.append(row(StyledText(f"and {left} more", "dim"), *[""] * (len(columns) - 1)))
    return Grid(columns, rows, wraps=True)


def _row(verdict: ChainVerdict, breaks: Sequence[Problem], columns: int) -> Row:
    said = _SAYS[verdict.outcome] if verdict.broken is None else "broken"
    why = ""
    if breaks:
        more = f" (and {len(breaks) - 1} more)" if len(breaks) > 1 else ""
        why = f"{breaks[0].at()}{breaks[0].why.removeprefix('refused by ')}{more}"
    cells = (
        StyledText(clean(verdict.chain), "bold"),
        verdict.account or "-",
        StyledText(said, "red" if breaks else ""),
        why,
    )
    return row(*cells[:columns])


def _not_known(problems: Iterable[Problem]) -> Iterator[Line]:
    """Show each thing that is not known once: chains that share a hop share it."""
    chains: dict[str, list[str]] = {}
    for problem in problems:
        if problem.kind is ProblemKind.UNKNOWN:
            chains.setdefault(f"{problem.at()}{problem.why}", []).append(problem.chain)
    for text, names in chains.items():
        yield from wrapped(f"{_named(names)}: {text}", "", "  ")


def _named(chains: Sequence[str]) -> str:
    text = ", ".join(chains[:_MOST_CHAINS])
    left = len(chains) - _MOST_CHAINS
    return text if left <= 0 else f"{text} and {left} more"


def causes_of(problems: Iterable[Problem]) -> list[tuple[tuple[ProblemKind, str], int]]:
    """Count hops by cause: refused, and by which policy; else what would have to be known.

    Of chains that cannot work the chains are counted, by what is wrong.
    """
    causes = Counter(cause for problem in problems for cause in _causes(problem))
    kinds = list(ProblemKind)
    return sorted(causes.items(), key=lambda pair: (kinds.index(pair[0][0]), -pair[1]))


_COUNTED = {
    ProblemKind.BROKEN: ("chain", "broken by"),
    ProblemKind.REFUSED: ("hop", "refused by"),
    ProblemKind.UNKNOWN: ("hop", "not known:"),
}


def _by_cause(problems: Iterable[Problem]) -> Iterator[Line]:
    for (kind, text), count in causes_of(problems):
        what, says = _COUNTED[kind]
        yield from wrapped(f"{pluralize(count, what)} {says} {text}", "  ", "    ")


def _causes(problem: Problem) -> Iterator[tuple[ProblemKind, str]]:
    if problem.kind is ProblemKind.BROKEN:
        of_source = isinstance(problem.error, SourceError)
        yield problem.kind, "the source" if of_source else "the config"
    elif problem.verdict is None:
        yield problem.kind, "the source's own role"
    elif problem.kind is ProblemKind.REFUSED:
        policy = problem.verdict.verdict.refused[0]
        yield problem.kind, policy_name(policy, statement=False)
    else:
        for name in problem.verdict.verdict.unknowns:
            yield problem.kind, unknown_in_words(name)


def _to_see(problems: Iterable[Problem]) -> list[Line]:
    """Show the command that prints what is not visible, once for all that an account hides."""
    accounts = Counter(account for problem in problems for account in set(_hidden_in(problem)))
    if not accounts:
        return []
    most = accounts.most_common(_MOST_ACCOUNTS)
    lines = [*wrapped("to see what is hidden, with credentials of each account:", "", "  ")]
    lines += [
        to_type(f"aws iam get-account-authorization-details > {account}.json")
        for account, _ in most
    ]
    left = len(accounts) - len(most)
    more = f" (and {pluralize(left, 'more account')})" if left else ""
    lines += wrapped(f"and give it to rolehop as --policies FILE{more}", "", "  ")
    return [*lines, line()]


def _hidden_in(problem: Problem) -> Iterator[str]:
    """Yield the accounts that have the documents which a hop cannot be judged without."""
    if problem.verdict is None or problem.kind is not ProblemKind.UNKNOWN:
        return
    request = problem.verdict.verdict.request
    for policy in problem.verdict.verdict.policies:
        of_role = policy.name is PolicyType.TRUST
        account = account_of(request.role) if of_role else request.caller.account
        in_iam = of_role or policy.name in (PolicyType.PERMISSIONS, PolicyType.BOUNDARY)
        if policy.outcome is Outcome.NOT_VISIBLE and in_iam and account is not None:
            yield account
