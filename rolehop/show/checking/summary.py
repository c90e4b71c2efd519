"""The text of ``check``: a table of chains, each finding once, and a summary by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rolehop.arn import account_of
from rolehop.policy.chain_verdict import ChainVerdict
from rolehop.policy.evaluation.model import Outcome, PolicyType
from rolehop.show.checking.ci_reports import Problem, policy_name, problems_of
from rolehop.show.condition_text import unknown_in_words
from rolehop.show.layout import Grid, Line, StyledText, View, line, row, to_copy, wrapped
from rolehop.text import clean, pluralize

_SAYS = {
    Outcome.ALLOWED: "allowed",
    Outcome.REFUSED: "refused",
    Outcome.UNKNOWN: "can't tell",
}
_MOST_CHAINS = 3  # named with one finding
_MOST_ACCOUNTS = 5  # with a command each
_MOST_ROWS = 40  # of the table; then only chains that are not allowed


def checks_view(verdicts: Sequence[ChainVerdict]) -> View:
    """Show a line for each chain, each finding once with its chains, and the causes counted."""
    problems = [each for verdict in verdicts for each in problems_of(verdict)]
    blocks: list[Grid] = [_table(verdicts)] if verdicts else []
    lines = list(_findings(problems))
    refused = sum(each.outcome is Outcome.REFUSED for each in verdicts)
    unknown = sum(each.outcome is Outcome.UNKNOWN for each in verdicts)
    total = line(f"{pluralize(len(verdicts), 'chain')}, {refused} refused, {unknown} can't tell")
    next_step = [line("next: rolehop explain CHAIN says how to fix it")] if refused else []
    found = [line(), *lines, line(), *_to_see(problems)] if problems else []
    return [*blocks, *found, total, *_by_cause(problems), *next_step]


def _table(verdicts: Sequence[ChainVerdict]) -> Grid:
    many = len(verdicts) > _MOST_ROWS
    shown = [each for each in verdicts if not many or each.outcome is Outcome.REFUSED]
    rows = []
    for each in shown[:_MOST_ROWS]:
        said = StyledText(_SAYS[each.outcome], "red" if each.outcome is Outcome.REFUSED else "")
        hops = sum(hop.number > 0 for hop in each.hops)
        rows.append(row(StyledText(clean(each.chain), "bold"), said, str(hops)))
    left = len(verdicts) - len(rows)
    if left:
        rows.append(row(StyledText(f"and {left} more", "dim"), "", ""))
    return Grid(("CHAIN", "VERDICT", "HOPS"), rows)


def _findings(problems: Iterable[Problem]) -> Iterator[Line]:
    """Show each finding once: chains that share a hop share what is wrong with it."""
    chains: dict[tuple[int, str, bool], list[str]] = {}
    for each in problems:
        chains.setdefault((each.hop, each.why, each.refused), []).append(each.chain)
    for (hop, why, _), names in sorted(chains.items(), key=lambda pair: not pair[0][2]):
        yield from wrapped(f"{_named(names)}: hop {hop}: {why}", "", "  ")


def _named(chains: Sequence[str]) -> str:
    text = ", ".join(chains[:_MOST_CHAINS])
    left = len(chains) - _MOST_CHAINS
    return text if left <= 0 else f"{text} and {left} more"


def causes_of(problems: Iterable[Problem]) -> list[tuple[tuple[bool, str], int]]:
    """Count hops by cause: refused, and by which policy; else what would have to be known."""
    causes = Counter(cause for each in problems for cause in _causes(each))
    return sorted(causes.items(), key=lambda pair: (not pair[0][0], -pair[1]))


def _by_cause(problems: Iterable[Problem]) -> Iterator[Line]:
    for (refused, text), count in causes_of(problems):
        says = "refused by" if refused else "not known:"
        yield from wrapped(f"{pluralize(count, 'hop')} {says} {text}", "  ", "    ")


def _causes(problem: Problem) -> Iterator[tuple[bool, str]]:
    if problem.verdict is None:
        yield False, "the source's own role"
    elif problem.refused:
        policy = problem.verdict.verdict.refused[0]
        yield True, policy_name(policy, statement=False)
    else:
        for name in problem.verdict.verdict.unknowns:
            yield False, unknown_in_words(name)


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
    if problem.verdict is None or problem.refused:
        return
    request = problem.verdict.verdict.request
    for policy in problem.verdict.verdict.policies:
        of_role = policy.name is PolicyType.TRUST
        account = account_of(request.role) if of_role else request.caller.account
        in_iam = of_role or policy.name in (PolicyType.PERMISSIONS, PolicyType.BOUNDARY)
        if policy.outcome is Outcome.NOT_VISIBLE and in_iam and account is not None:
            yield account
