"""``each --explain``: why targets were not run, each reason once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.app.judging.refused_walk import explain_refusals
from rolehop.base.errors import HopRefused
from rolehop.base.text import pluralize
from rolehop.cli.error_report import lines_of
from rolehop.commands.each.targets import RunFailures, SharedReason
from rolehop.commands.explain.view import verdict_view
from rolehop.terminal.output import write_lines

if TYPE_CHECKING:
    from rolehop.base.credentials import Session
    from rolehop.cli.context import CommandContext
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.policy.chain_verdict import ChainVerdict

MOST_EXPLAINED = 10
"""Reasons of one run: each may take a few calls to IAM."""

_MOST_NAMES = 3


def write_explanations(
    cli: CommandContext,
    failures: RunFailures,
    options: WalkOptions,
    sessions: Mapping[str, Session],
) -> None:
    """Write to stderr why targets were not run; of a refused hop what `explain` says.

    ``options`` are the flags of the walks, ``sessions`` what they have got, by hop key.
    """
    reasons = failures.reasons()
    shown = reasons[:MOST_EXPLAINED]
    refused = [each.error for each in shown if isinstance(each.error, HopRefused)]
    verdicts = explain_refusals(cli.app, refused, options, sessions)
    for reason in shown:
        write_lines("")
        verdict = next(verdicts) if isinstance(reason.error, HopRefused) else None
        _write(cli, reason, verdict, options)
    left = sum(len(each.targets) for each in reasons[MOST_EXPLAINED:])
    if left:
        write_lines(f"\n{pluralize(left, 'more target')}: rolehop explain CHAIN says why")


def _write(
    cli: CommandContext, reason: SharedReason, verdict: ChainVerdict | None, options: WalkOptions
) -> None:
    if verdict is None:
        cli.terminal.report(lines_of(reason.error, cli, options))
    else:
        cli.write_view(verdict_view(verdict, verbose=cli.terminal.verbose), beside=True)
    others = [each.name for each in reason.targets[1:]]
    if others:
        write_lines(f"the same holds for {_listed(others)}")


def _listed(names: Sequence[str]) -> str:
    text, left = ", ".join(names[:_MOST_NAMES]), len(names) - _MOST_NAMES
    return text if left <= 0 else f"{text} and {left} more"
