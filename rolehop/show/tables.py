"""Tables and trees for people: aligned, readable without colour, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from rolehop.plan.model import Cache, HopStep, Mfa, Plan
from rolehop.show.rows import ChainRow, KeyRow, SessionRow
from rolehop.show.times import rfc3339, show_left, show_span
from rolehop.words import clean


def chains_table(rows: Sequence[ChainRow], now: datetime) -> Table:
    """Show chains with where they start, where they lead and what is left of a session."""
    table = _table("CHAIN", "FROM", "TO", "CACHED")
    for row in rows:
        name = Text(row.name, style="bold")
        if row.description:
            name.append(f"\n  {clean(row.description)}", style="not bold dim")
        to = _short(row.roles[-1]) if row.roles else "the source itself"
        table.add_row(name, row.continues or row.source or "", to, _left(row.cached_until, now))
    return table


def plan_table(plan: Plan, now: datetime, *, verbose: bool) -> RenderableType:
    """Show every hop of a plan: role, lifetime, MFA, cache, and what will fail."""
    head = Text.assemble(
        (plan.chain, "bold"),
        f"  from {plan.source.type} source '{plan.source.name}'",
        f", STS in {plan.region}" if verbose else "",
    )
    table = _table("HOP", "ROLE", "LASTS", "MFA", "CACHE")
    for step in plan.hops:
        table.add_row(
            str(step.number),
            Text(_short(str(step.hop.role))),
            show_span(step.hop.duration_seconds),
            {Mfa.NONE: "-", Mfa.SESSION: "shared", Mfa.HOP: "own code"}[step.mfa],
            _cache(step, now),
        )
    return Group(head, table, *_remarks(plan, verbose=verbose))


def _remarks(plan: Plan, *, verbose: bool) -> Iterable[Text]:
    if not plan.hops:
        yield Text("no hops: hands out the source's own session")
    for note in plan.notes:
        yield Text(f"note: {clean(note)}")
    if plan.source_problem:
        yield Text.assemble(("will fail", "red"), f": {clean(plan.source_problem)}")
    for step in plan.hops:
        for note in step.notes:
            yield Text(f"hop {step.number}: {note}")
        if step.will_fail:
            yield Text.assemble(f"hop {step.number} ", ("will fail", "red"), f": {step.will_fail}")
        if verbose:
            yield from _details(step)


def _details(step: HopStep) -> Iterable[Text]:
    hop = step.hop
    told = {
        "role": str(hop.role),
        "session name": hop.session_name,
        "ceiling": show_span(step.ceiling_seconds),
        "external ID": "set" if hop.external_id else None,
        "session policy": f"{len(hop.policy)} characters" if hop.policy else None,
        "policy ARNs": ", ".join(hop.policy_arns) or None,
        "tags": ", ".join(f"{key}={value}" for key, value in hop.tags) or None,
        "transitive tags": ", ".join(hop.transitive_tags) or None,
        "source identity": hop.source_identity,
        "cached until": rfc3339(step.expires_at),
    }
    for name, value in told.items():
        if value:
            yield Text(f"  hop {step.number} {name}: {clean(value)}", style="dim")


def sessions_tree(rows: Sequence[SessionRow], now: datetime, *, verbose: bool) -> RenderableType:
    """Show held sessions as they hang below each other."""
    held = {row.key for row in rows}
    roots = Tree("sessions held", hide_root=True)
    _grow(roots, [row for row in rows if row.parent not in held], rows, now, verbose=verbose)
    return roots


def keys_table(rows: Sequence[KeyRow]) -> Table:
    """Show whose keys are kept where; a key ID is shortened to what tells it apart."""
    table = _table("NAME", "ACCESS KEY ID", "SINCE", "KEYRING")
    for row in rows:
        key_id = f"{row.access_key_id[:4]}…{row.access_key_id[-4:]}"
        table.add_row(Text(row.name, style="bold"), key_id, rfc3339(row.added_at), row.backend)
    return table


def _grow(
    tree: Tree,
    level: Iterable[SessionRow],
    rows: Sequence[SessionRow],
    now: datetime,
    *,
    verbose: bool,
) -> None:
    for row in level:
        what = {"source": f"source {row.source}", "token": f"MFA session of {row.source}"}.get(
            row.kind, _short(row.role or row.arn)
        )
        line = Text.assemble((what, "bold"), "  ", _left(row.expires_at, now))
        line.append(f"  {', '.join(row.chains)}", style="dim")
        if verbose:
            line.append(f"\n{row.arn}  until {rfc3339(row.expires_at)}  in {row.backend}", "dim")
        branch = tree.add(line)
        below = [each for each in rows if each.parent == row.key]
        _grow(branch, below, rows, now, verbose=verbose)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, overflow="fold", no_wrap=column in ("HOP", "FROM", "CACHE", "CACHED", "LASTS")
        )
    return table


def _short(arn: str) -> str:
    """Return ``account:role/Name`` for a role ARN; the partition says little to people."""
    parts = arn.split(":", 4)
    return clean(parts[4]) if len(parts) > 4 else clean(arn)


def _left(expires_at: datetime | None, now: datetime) -> Text:
    if expires_at is None:
        return Text("-", style="dim")
    left = show_left(expires_at, now)
    return Text(left, style="red" if left == "expired" else "green")


def _cache(step: HopStep, now: datetime) -> Text:
    if step.cache is Cache.FRESH:
        return _left(step.expires_at, now)
    return Text({Cache.STALE: "stale", Cache.UNKNOWN: "unknown"}.get(step.cache, "none"))
