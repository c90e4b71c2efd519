"""The text of ``check``: a line for each chain, what is not known once, and a summary by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rolehop.arn import account_of
from rolehop.errors import SourceError
from rolehop.policy.chain_verdict import ChainVerdict
from rolehop.policy.evaluation.model import Outcome, PolicyType
from rolehop.show.checking.problems import Problem, ProblemKind, policy_name, problems_of
from rolehop.show.condition_text import unknown_in_words
from rolehop.show.layout import Grid, Line, Row, StyledText, View, line, row, to_copy, wrapped
from rolehop.text import clean, pluralize

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
    blocks: list[Grid] = [_table(verdicts, found)] if verdicts else []
    lines = list(_not_known(problems))
    unknown = [line(), *lines] if lines else []
    below = [*unknown, line(), *_to_see(problems)] if problems else []
    refused = any(each.kind is ProblemKind.REFUSED for each in problems)
    fixes = dict.fromkeys(each.error.fix for each in problems if each.error and each.error.fix)
    steps = [*list(fixes)[:_MOST_FIXES], *(["rolehop explain CHAIN says how to fix it"] * refused)]
    next_steps = [each for step in steps for each in wrapped(f"next: {step}", "", "  ")]
    return [*blocks, *below, line(_total(verdicts)), *_by_cause(problems), *next_steps]


def _total(verdicts: Sequence[ChainVerdict]) -> str:
    broken = sum(each.broken is not None for each in verdicts)
    of = Counter(each.outcome for each in verdicts if each.broken is None)
    parts = [
        pluralize(len(verdicts), "chain"),
        *([f"{broken} broken"] if broken else []),
        f"{of[Outcome.REFUSED]} refused",
        f"{of[Outcome.UNKNOWN]} can't tell",
    ]
    return ", ".join(parts)


def _table(verdicts: Sequence[ChainVerdict], found: Mapping[str, Sequence[Problem]]) -> Grid:
    breaks = {
        chain: [each for each in problems if each.kind in _BREAKS]
        for chain, problems in found.items()
    }
    many = len(verdicts) > _MOST_ROWS
    shown = [each for each in verdicts if not many or breaks[each.chain]]
    columns = ("CHAIN", "ACCOUNT", "VERDICT", *(("WHY",) if any(breaks.values()) else ()))
    rows = [_row(each, breaks[each.chain], len(columns)) for each in shown]
    left = len(verdicts) - len(rows)
    if left:
        rows.append(row(StyledText(f"and {left} more", "dim"), *[""] * (len(columns) - 1)))
    return Grid(columns, rows)


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
    for each in problems:
        if each.kind is ProblemKind.UNKNOWN:
            chains.setdefault(f"{each.at()}{each.why}", []).append(each.chain)
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
    causes = Counter(cause for each in problems for cause in _causes(each))
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
    accounts = Counter(account for each in problems for account in set(_hidden_in(each)))
    if not accounts:
        return []
    most = accounts.most_common(_MOST_ACCOUNTS)
    lines = [*wrapped("to see what is hidden, with credentials of each account:", "", "  ")]
    lines += [
        to_copy(f"  aws iam get-account-authorization-details > {account}.json")
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
