"""The views and documents of ``fleet list`` and ``fleet refresh``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from rolehop.base.durations import age_text, rfc3339
from rolehop.base.text import clean, pluralize
from rolehop.commands.fleet.changes import AccountChange
from rolehop.commands.fleet.refreshing import FleetRow, RefreshedFleet
from rolehop.config.listed_fleets import left_out_text, state_in_words
from rolehop.config.model import LeftOutAccount
from rolehop.terminal.layout import Grid, Line, Row, StyledText, View, line, row

_MOST_SHOWN = 20
_SIGNS = {"added": "+", "removed": "-"}
_STYLES = {"added": "green", "removed": "red"}


def fleets_view(rows: Iterable[FleetRow], now: datetime) -> View:
    """Show fleets with the number of their accounts, where they come from, and how old that is."""
    drawn = [
        row(
            StyledText(each.name, "bold"),
            "-" if each.accounts is None else str(each.accounts),
            _origin(each),
            StyledText(_age(each, now), "yellow" if each.stale else ""),
            under="; ".join(_remarks(each)),
        )
        for each in rows
    ]
    return [Grid(("FLEET", "ACCOUNTS", "FROM", "LISTED"), drawn)]


def _origin(fleet: FleetRow) -> str:
    if fleet.through is None:
        return "the config"
    how = "organization through" if fleet.kind == "organization" else "Identity Center,"
    return f"{how} {fleet.through}"


def _age(fleet: FleetRow, now: datetime) -> str:
    if fleet.through is None:
        return "-"
    return "never" if fleet.listed_at is None else age_text(fleet.listed_at, now)


def _remarks(fleet: FleetRow) -> Iterator[str]:
    if fleet.problem is not None:
        yield clean(fleet.problem)
    if fleet.left_out:
        yield f"left out: {left_out_text(fleet.left_out)}"
    if fleet.fix is not None and (fleet.problem is not None or fleet.stale):
        yield fleet.fix


def fleets_document(rows: Iterable[FleetRow]) -> dict[str, object]:
    """Return the JSON of ``fleet list``."""
    return {
        "schema": "rolehop.fleets/1",
        "fleets": [
            {
                "name": each.name,
                "kind": each.kind,
                "through": each.through,
                "accounts": each.accounts,
                "listed_at": rfc3339(each.listed_at),
                "stale": each.stale,
                "problem": each.problem,
                "left_out": dict(each.left_out),
            }
            for each in rows
        ],
    }


def refreshed_view(refreshed: RefreshedFleet, *, verbose: bool) -> View:
    """Show what AWS lists now, and what is different."""
    listing = refreshed.found or refreshed.before
    changes, is_first = refreshed.changes, refreshed.before.at is None
    remarks = [pluralize(len(listing.accounts), "account")]
    if listing.left_out:
        remarks.append(f"left out: {left_out_text(listing.left_out)}")
    if not changes and not is_first:
        remarks.append("nothing changed")
    head = [line(StyledText(refreshed.fleet.name, "bold"), f"  {'; '.join(remarks)}")]
    head += [line(StyledText(f"  in vain: {each}", "yellow")) for each in refreshed.without_effect]
    can_tell = refreshed.fleet.query.knows_tags_and_units
    if can_tell and any(each.unit is None for each in listing.accounts):
        head.append(line(StyledText("  their OUs are not known: AWS does not tell them", "yellow")))
    if verbose:
        head += [
            line(f"  left out: {_named(each)}, {state_in_words(each.state)}")
            for each in refreshed.left_out
        ]
    if not changes or (is_first and not verbose):
        return head
    shown = changes if verbose else changes[:_MOST_SHOWN]
    more = len(changes) - len(shown)
    states = {each.account: state_in_words(each.state) for each in refreshed.left_out}
    drawn = [_change_row(each, states) for each in shown]
    grid = Grid(("", "ACCOUNT", "NAME", "CHANGE"), drawn)
    rest: list[Line] = [line(f"… and {more} more: -v, or --format json")] if more else []
    return [*head, grid, *rest]


def _named(account: LeftOutAccount) -> str:
    name = clean(account.name)
    return f"{name} ({account.account})" if name else account.account


def _change_row(change: AccountChange, states: Mapping[str, str]) -> Row:
    """Return the row of a change; ``states``: of accounts that are left out, in words."""
    kind = change.kinds[0]
    return row(
        StyledText(_SIGNS.get(kind, "~"), _STYLES.get(kind, "yellow")),
        change.account.account,
        clean(change.account.name),
        "; ".join(_change_text(change, each, states) for each in change.kinds),
    )


def _change_text(change: AccountChange, kind: str, states: Mapping[str, str]) -> str:
    account, earlier = change.account, change.earlier
    if kind == "renamed" and earlier is not None:
        return f"renamed from {clean(earlier.name) or '(no name)'}"
    if kind == "moved" and earlier is not None:
        return f"moved from {_unit(earlier.unit)} to {_unit(account.unit)}"
    if kind == "replaces":
        return f"its chain led to {change.replaces} before"
    if kind == "roles" and earlier is not None:
        return f"roles: {', '.join(_role_changes(earlier.roles, account.roles))}"
    if kind == "tags" and earlier is not None:
        return (
            f"tags: {', '.join(_tag_changes(dict(earlier.tags or ()), dict(account.tags or ())))}"
        )
    if kind == "chain":
        return f"the chain is now …/{account.spelled}"
    more = [each for each in (states.get(account.account), account.unit, *account.roles) if each]
    return ", ".join((kind, *map(clean, more)))


def _role_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    yield from (f"+{clean(each)}" for each in after if each not in before)
    yield from (f"-{clean(each)}" for each in before if each not in after)
    if set(before) == set(after):
        yield "in another order"


def _tag_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    yield from (f"+{clean(k)}={clean(after[k])}" for k in after if before.get(k) != after[k])
    yield from (f"-{clean(k)}" for k in before if k not in after)


def _unit(unit: str | None) -> str:
    return clean(unit or "") or "the root"


def refreshed_document(fleets: Iterable[RefreshedFleet]) -> dict[str, object]:
    """Return the JSON of ``fleet refresh``."""
    return {
        "schema": "rolehop.fleet-refresh/1",
        "fleets": [
            {
                "name": refreshed.fleet.name,
                "accounts": len(refreshed.listing.accounts),
                "listed_at": rfc3339(refreshed.listing.at),
                "calls": refreshed.calls,
                "left_out": dict(refreshed.listing.left_out),
                "left_out_accounts": [
                    {"account": each.account, "name": each.name, "state": each.state}
                    for each in refreshed.left_out
                ],
                "stored": refreshed.found is not None and refreshed.error is None,
                "changes": [
                    {
                        "account": change.account.account,
                        "changes": list(change.kinds),
                        "name": change.account.name,
                        "chain": f"{refreshed.fleet.name}/{change.account.spelled}",
                        "unit": change.account.unit or "",
                        "name_before": change.earlier.name if change.earlier else "",
                        "unit_before": (change.earlier.unit or "") if change.earlier else "",
                        "roles": list(change.account.roles),
                        "roles_before": list(change.earlier.roles if change.earlier else ()),
                        "replaces": change.replaces,
                    }
                    for change in refreshed.changes
                ],
                "without_effect": list(refreshed.without_effect),
                "error": None if refreshed.error is None else refreshed.error.what,
            }
            for refreshed in fleets
        ],
    }
