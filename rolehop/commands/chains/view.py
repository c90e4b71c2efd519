"""The view of ``list``, and the documents of ``list`` and ``plan``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from rolehop.app.account_names import KnownNames
from rolehop.app.listing import ChainRow
from rolehop.base.advice import Advice, Argument
from rolehop.base.durations import rfc3339
from rolehop.base.text import clean, pluralize
from rolehop.plan.identity import Principal
from rolehop.plan.model import HopStep, Plan
from rolehop.terminal.json_text import Document
from rolehop.terminal.layout import (
    LABEL,
    TO_TYPE,
    Grid,
    Row,
    StyledText,
    View,
    account_role,
    chain_name,
    row,
    time_left,
)

FLEET_SHOWN = 8
"""Chains of a fleet that a list shows one by one; more are one row."""

Names = Mapping[str, str]
"""Names of accounts, by ID."""


def chains_view(
    rows: Iterable[ChainRow],
    now: datetime,
    names: Names,
    quote: Callable[[str], str],
    *,
    verbose: bool = False,
    folded: bool = False,
) -> View:
    """Show where each chain ends, and the time left of its session.

    Args:
        rows: the chains.
        now: the time by this machine's clock.
        names: of accounts.
        quote: writes an argument in the shell of whoever reads it.
        verbose: with numbers of accounts, whole ARNs and exact times.
        folded: a large fleet is one row.
    """
    groups = _folded(rows) if folded else [[each] for each in rows]
    drawn = [
        _chain(group[0], now, names, verbose=verbose)
        if len(group) == 1
        else _fleet(group, names, quote)
        for group in groups
    ]
    columns = ("CHAIN", "ACCOUNT", "ROLE", "CACHED", "")
    return [Grid(columns, drawn, right=(3,), elided=() if verbose else (1, 2), wraps=verbose)]


def _folded(rows: Iterable[ChainRow]) -> list[list[ChainRow]]:
    """Return the rows in groups: a fleet of many chains is one, at its first chain."""
    fleets: dict[str, list[ChainRow]] = {}
    groups: list[list[ChainRow]] = []
    for each in rows:
        if each.fleet is None:
            groups.append([each])
        elif each.fleet in fleets:
            fleets[each.fleet].append(each)
        else:
            fleets[each.fleet] = [each]
            groups.append(fleets[each.fleet])
    return [
        part
        for group in groups
        for part in ([group] if len(group) > FLEET_SHOWN else [[each] for each in group])
    ]


_NOT_CACHED = StyledText("–", "dim")


def _chain(each: ChainRow, now: datetime, names: Names, *, verbose: bool) -> Row:
    return row(
        chain_name(each.name, each.color),
        account_role(each.account, names=names, verbose=verbose)
        if each.account
        else StyledText(f"source {clean(each.source or '')}", "dim"),
        _role(each, verbose=verbose),
        time_left(each.cached.local_expires_at, now, short=True) if each.cached else _NOT_CACHED,
        _text_of(each, verbose=verbose),
    )


def _role(each: ChainRow, *, verbose: bool = False) -> str:
    """Return the role of a chain, and what its scope makes of the session; either may be missing."""
    role = each.roles[-1] if verbose and each.roles else each.role
    return " · ".join(filter(None, (clean(role), each.narrowed)))


def _fleet(rows: Sequence[ChainRow], names: Names, quote: Callable[[str], str]) -> Row:
    fleet = rows[0].fleet or ""
    accounts, roles = {each.account for each in rows}, {_role(each) for each in rows}
    cached = sum(each.cached is not None for each in rows)
    only = next(iter(accounts))
    command = Advice("rolehop list ", Argument(f"{fleet}/")).in_shell(quote)
    return row(
        StyledText(f"{clean(fleet)}/", "bold"),
        account_role(only, names=names) if len(accounts) == 1 else _count(accounts, "account"),
        next(iter(roles)) if len(roles) == 1 else _count(roles, "role"),
        f"{cached} of {len(rows)}" if cached else _NOT_CACHED,
        StyledText(command, TO_TYPE),
    )


def _count(found: Iterable[str], word: str) -> str:
    return pluralize(len(list(found)), word)


def _text_of(chain: ChainRow, *, verbose: bool) -> StyledText:
    """Return what stands behind a chain: its description; ``verbose``: colour and exact end, too."""
    until = rfc3339(chain.cached.expires_at) if verbose and chain.cached else None
    parts = (
        clean(chain.description),
        f"({chain.color})" if chain.color and verbose else "",
        f"cached until {until}" if until else "",
    )
    return StyledText(" ".join(part for part in parts if part), LABEL)


def list_document(rows: Iterable[ChainRow], names: KnownNames) -> Document:
    """Return ``rolehop.list/1``."""
    return {
        "schema": "rolehop.list/1",
        "chains": [
            {
                "name": row.name,
                "description": row.description,
                "source": row.source,
                "from": row.continues,
                "fleet": row.fleet,
                "labels": dict(row.labels),
                "hops": list(row.roles),
                **end_document(Principal(row.account, row.role), names),
                **listed_document(row.tags, row.unit),
                "cached_until": rfc3339(row.cached.expires_at if row.cached else None),
            }
            for row in rows
        ],
    }


def listed_document(tags: Mapping[str, str] | None, unit: str | None) -> Document:
    """Return what AWS listed of a chain's account; ``null``: it did not."""
    return {"tags": None if tags is None else dict(tags), "ou": unit}


def end_document(end: Principal, names: KnownNames) -> Document:
    """Return where a chain ends; the name is one for people, and may be old."""
    return {
        "account": end.account or None,
        "account_name": names.plain(end.account),
        "role": end.role or None,
    }


def plan_document(plan: Plan) -> Document:
    """Return ``rolehop.plan/1``."""
    return {
        "schema": "rolehop.plan/1",
        "chain": plan.chain,
        "source": {"name": plan.source.name, "type": plan.source.type},
        "hops": [plan_hop(step, plan) for step in plan.hops],
        "scope": plan_scope(plan),
    }


def plan_scope(plan: Plan) -> Document | None:
    """Return the scope, as in ``rolehop.plan/1``; ``None``: there is none."""
    step = plan.scope
    if step is None:
        return None
    return {
        "read_only": step.scope.read_only,
        "policy": json.loads(step.scope.policy) if step.scope.policy else None,
        "duration": step.scope.duration_seconds,
        "description": step.scope.description,
        "cache": step.cache.value,
        "expires_at": rfc3339(step.expires_at),
        "notes": list(step.notes),
        "will_fail": step.will_fail or (None if plan.hops else plan.source_problem),
    }


def plan_hop(step: HopStep, plan: Plan) -> Document:
    """Return one hop, as in ``rolehop.plan/1``."""
    problem = plan.source_problem if step.number == 1 else None
    return {
        "hop": step.number,
        "role": str(step.hop.role),
        "account": step.hop.role.account,
        "session_name": step.hop.session_name,
        "duration": step.hop.duration_seconds,
        "ceiling": step.ceiling_seconds,
        "mfa": step.mfa.value,
        "cache": step.cache.value,
        "expires_at": rfc3339(step.expires_at),
        "notes": list(step.notes),
        "will_fail": step.will_fail or problem,
    }
