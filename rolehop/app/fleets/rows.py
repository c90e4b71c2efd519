"""What is known of the configured fleets without a call, and what a refresh changed, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rolehop.config.fleets.listed_fleets import is_old, refresh_advice
from rolehop.show.fleets import ChangeRow, FleetRow, RefreshRow

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.fleets.changes import AccountChange
    from rolehop.app.fleets.refreshing import RefreshedFleet
    from rolehop.config.model import ListedFleet


def fleet_rows(app: App) -> list[FleetRow]:
    """Return a row per fleet, in the order of the config."""
    config = app.config
    return [
        FleetRow(name, "config", None, count)
        if count is not None
        else _listed_row(app, config.listed_fleets[name])
        for name, count in config.fleets.items()
    ]


def _listed_row(app: App, fleet: ListedFleet) -> FleetRow:
    listing = fleet.listing
    return FleetRow(
        fleet.name,
        fleet.query.kind,
        fleet.query.through,
        None if listing.problem else len(listing.accounts),
        listing.at,
        listing.problem is not None or is_old(listing, app.now()),
        listing.problem,
        refresh_advice(fleet.name),
        listing.left_out,
    )


def refresh_row(found: RefreshedFleet) -> RefreshRow:
    """Return what became of a fleet, as it is shown."""
    shown = found.before if found.after is None else found.after
    return RefreshRow(
        found.fleet.name,
        len(shown.accounts),
        shown.at,
        found.calls,
        found.before.at is None,
        list(_change_rows(found.changes)),
        shown.left_out,
        found.without_effect,
        None if found.error is None else found.error.what,
    )


def _change_rows(changes: Iterable[AccountChange]) -> Iterable[ChangeRow]:
    for change in changes:
        shown = change.after or change.before
        if shown is None:
            continue
        before = change.before if change.after is not None else None
        yield ChangeRow(
            shown.account,
            change.kinds,
            shown.name,
            shown.unit,
            shown.spelled,
            "" if before is None else before.name,
            "" if before is None else before.unit,
            shown.roles,
            () if before is None else before.roles,
            change.replaces,
        )
