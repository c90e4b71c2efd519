"""Ask AWS for the accounts of fleets, and store what it lists; a row for each fleet and each change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ConfigError, RolehopError, UsageError, VaultBroken
from rolehop.base.text import did_you_mean
from rolehop.commands.fleet.changes import AccountChange, changes_between
from rolehop.config.listed_fleets import is_old, refresh_advice, with_spelled_names
from rolehop.config.model import FleetListing
from rolehop.vault.fleet_accounts import fleet_path, store_listing

if TYPE_CHECKING:
    from rolehop.app.asking import Asking
    from rolehop.app.context import App
    from rolehop.app.fleet_listers import Lister
    from rolehop.config.model import ListedFleet


@dataclass(frozen=True, slots=True)
class RefreshedFleet:
    """What became of one fleet."""

    fleet: ListedFleet
    before: FleetListing
    after: FleetListing | None = None
    calls: int = 0
    """How many calls to AWS it took, those of another fleet before it not counted again."""

    without_effect: tuple[str, ...] = ()
    """What its query says in vain, e.g. ``ou Prd/*``."""

    error: RolehopError | None = None
    """Why AWS did not list it, or why that is not stored; then what was known stays."""

    @property
    def listing(self) -> FleetListing:
        """What is known of its accounts now."""
        return self.before if self.after is None else self.after

    @property
    def changes(self) -> tuple[AccountChange, ...]:
        """What is different; nothing if AWS listed nothing."""
        if self.after is None:
            return ()
        return changes_between(self.before.accounts, self.after.accounts)


def fleets_to_refresh(app: App, names: Sequence[str]) -> list[ListedFleet]:
    """Return the fleets of these names, or all that AWS lists.

    Raises:
        ConfigError: there is no such fleet.
        UsageError: a fleet has its accounts in the config.
    """
    listed, fleets = app.config.listed_fleets, app.config.fleets
    for name in names:
        if name not in fleets:
            raise ConfigError(
                f"no fleet is called '{name}'{did_you_mean(name, fleets)}",
                fix="rolehop fleet list",
            )
        if name not in listed:
            raise UsageError(
                f"the accounts of fleet '{name}' are in the config, so AWS is not asked",
                fix="rolehop fleet list",
            )
    return [listed[name] for name in dict.fromkeys(names)] or list(listed.values())


def refresh_fleets(
    app: App, fleets: Sequence[ListedFleet], asking: Asking
) -> Iterator[RefreshedFleet]:
    """Ask AWS for the accounts of each fleet, store them, and give what became of it.

    Raises:
        RolehopError: nothing can be stored on this machine; then nobody is asked.
    """
    if fleets and app.state_problem is not None:
        raise _not_stored(fleets[0], app.state_problem)
    from rolehop.app.fleet_listers import lister_for

    listers: dict[tuple[str, str], Lister] = {}
    with ExitStack() as closing:
        for fleet in fleets:
            way = (fleet.query.kind, fleet.query.through)
            if way not in listers:
                listers[way] = lister_for(app, fleet.query, asking)
                closing.callback(listers[way].close)
            yield _refresh(app, fleet, listers[way])


def _refresh(app: App, fleet: ListedFleet, lister: Lister) -> RefreshedFleet:
    before, calls = fleet.listing, lister.calls
    try:
        answer = lister.list(fleet.query)
        accounts = with_spelled_names(answer.accounts)
        after = FleetListing(accounts, app.now(), answer.left_out)
        _store(app, fleet, after)
    except RolehopError as error:
        return RefreshedFleet(fleet, before, calls=lister.calls - calls, error=error)
    return RefreshedFleet(fleet, before, after, lister.calls - calls, answer.without_effect)


def _store(app: App, fleet: ListedFleet, listing: FleetListing) -> None:
    path = fleet_path(app.state_folder, fleet.name)
    try:
        store_listing(path, app.vault.seals, fleet.name, fleet.query.definition, listing)
    except ValueError as error:
        raise RolehopError(
            f"AWS listed accounts of fleet '{fleet.name}' that cannot be stored", cause=str(error)
        ) from None
    except OSError as error:
        from rolehop.vault.index_file import write_problem  # `fleet list` has no use for it

        cause, fix = write_problem(error)
        raise _not_stored(fleet, f"{path}: {cause}", fix) from None


def _not_stored(fleet: ListedFleet, cause: str, fix: str | None = None) -> VaultBroken:
    what = f"the accounts of fleet '{fleet.name}' cannot be stored"
    return VaultBroken(what, cause=cause, fix=fix)


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One configured fleet, as known without a call."""

    name: str
    kind: str
    """Where its accounts come from: ``config``, ``organization`` or ``identity_center``."""

    through: str | None
    """The chain or source that AWS is asked through."""

    accounts: int | None
    """``None``: not known here."""

    listed_at: datetime | None = None
    """When AWS was asked; ``None``: never, or the config has them."""

    stale: bool = False
    """AWS should be asked again: it was long ago, or the fleet is defined otherwise."""

    problem: str | None = None
    """Why the accounts are not known."""

    fix: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many accounts are left out, by AWS's word for why."""


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
