"""What ``config import`` says: what was found, a summary, and what cannot be taken over, last."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.app.config_files import with_same_config
from rolehop.app.context import App
from rolehop.base.advice import Advice, Argument
from rolehop.base.text import pluralize
from rolehop.commands.config.importing.found_files import ConfigImport, FoundFiles
from rolehop.commands.config.importing.proposal import (
    LOST,
    NOTE,
    SETTING,
    NotCarried,
    Proposal,
    report_lines,
)
from rolehop.terminal.layout import few_names

_MOST_ALIKE = 8
"""So many profiles have a line each, though the reason is one."""


def found_lines(found: FoundFiles) -> Iterator[str]:
    """Give what was found, and what could not be read."""
    yield from (f"found: {each}" for each in found.seen)
    yield from (f"not read: {each}" for each in found.broken)
    if not found.seen and not found.broken:
        yield "nothing was found to import"


def summary(found: FoundFiles, planned: ConfigImport) -> str:
    """Return how much would become of how much, and how much would not."""
    added = planned.added
    parts = [pluralize(len(planned.names), "chain")]
    origins = [*_profiles(found), *(each for each in found.tools if each in found.texts)]
    if origins:
        parts[0] += f" from {' and '.join(origins)}"
    if added.sources:
        parts.append(pluralize(len(added.sources), "source"))
    if added.fleets:
        accounts = {each.account for fleet in added.fleets for each in fleet.members}
        fleets = pluralize(len(added.fleets), "fleet")
        parts.append(f"{fleets} of {pluralize(len(accounts), 'account')}")
    if planned.there:
        parts.append(f"{planned.there} in the config already")
    return "; ".join(filter(None, [", ".join(parts), ", ".join(_counts_beside(added))]))


def _profiles(found: FoundFiles) -> Iterator[str]:
    if found.aws.profiles:
        yield pluralize(len(found.aws.profiles), "profile")


def _counts_beside(added: Proposal) -> Iterator[str]:
    lost = {each.what for each in added.lost if each.kind == LOST}
    if lost:
        yield f"{len(lost)} cannot be taken over"
    keep = {each.profile or each.what for each in added.lost if each.kind == SETTING}
    if keep:
        verb = "keeps" if len(keep) == 1 else "keep"
        yield f"{len(keep)} {verb} settings of {'its' if len(keep) == 1 else 'their'} own"


def beside_lines(added: Proposal, *, whole: bool) -> Iterator[str]:
    """Give what is not carried: settings, then what to know, and last what cannot be taken over.

    ``whole``: with every name, however many share a reason.
    """
    for kind in (SETTING, NOTE):
        lines = [each for each in added.lost if each.kind == kind]
        yield from report_lines(lines, lambda names: few_names(names, verbose=whole))
    for same in _alike(added):
        if whole or len(same) <= _MOST_ALIKE:
            yield from (f"cannot be taken over: {each.what}: {each.why}" for each in same)
        else:
            names = few_names([each.what for each in same], verbose=False)
            yield f"cannot be taken over: {names}: {same[0].why}"


def _alike(added: Proposal) -> Iterator[list[NotCarried]]:
    by_reason: dict[str, dict[str, NotCarried]] = {}
    for each in added.lost:
        if each.kind == LOST:
            by_reason.setdefault(each.why, {}).setdefault(each.what, each)
    yield from (list(each.values()) for each in by_reason.values())


def show_advice(app: App, named: str | None) -> Advice:
    """Return the command that shows the whole text."""
    of = () if named is None else (Argument(named), " ")
    return Advice("see the config: ", *with_same_config(app, "config import ", *of, "--show").parts)
