"""Ask AWS for the accounts of fleets, and store what it lists; a row for each fleet and each change.

A fleet neither shrinks nor leads elsewhere in silence: what is lost or in vain must be allowed, and a
name that leads to another account accepted, or nothing of the answer is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import (
    ConfigError,
    NoTerminal,
    RolehopError,
    UsageError,
    VaultBroken,
)
from rolehop.base.text import did_you_mean, pluralize
from rolehop.commands.fleet.changes import (
    AccountChange,
    changes_between,
    former_names,
    missing_members,
)
from rolehop.config.listed_fleets import is_old, refresh_advice
from rolehop.config.model import FleetListing, LeftOutAccount
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
    found: FleetListing | None = None
    """What AWS lists; ``None``: it did not list it."""

    left_out: tuple[LeftOutAccount, ...] = ()
    """Accounts that it would have, and why it does not."""

    calls: int = 0
    """How many calls to AWS it took, those of another fleet before it not counted again."""

    error: RolehopError | None = None
    """Why AWS did not list it, or why that is not stored; then what was known stays."""

    @property
    def listing(self) -> FleetListing:
        """What is known of its accounts now."""
        return self.before if self.found is None or self.error is not None else self.found

    @property
    def without_effect(self) -> tuple[str, ...]:
        """What its query says in vain, e.g. ``ou Prd/*``."""
        return () if self.found is None else self.found.in_vain

    @property
    def moved(self) -> dict[str, AccountChange]:
        """The changes by which a chain leads to another account than before, by its name."""
        name = self.fleet.name
        return {f"{name}/{each.account.spelled}": each for each in self.changes if each.replaces}

    @property
    def changes(self) -> tuple[AccountChange, ...]:
        """What is different, be it stored or not; nothing if AWS listed nothing."""
        return () if self.found is None else changes_between(self.before, self.found)


@dataclass(frozen=True, slots=True)
class RefreshRules:
    """What whoever refreshes fleets lets happen to them."""

    allow_removed: bool = False
    """Accounts may be missing, and conditions in vain."""

    accepted: frozenset[str] = frozenset()
    """Names of chains (``prod/web``) that may lead to another account."""


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
    app: App, fleets: Sequence[ListedFleet], asking: Asking, rules: RefreshRules
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
            yield _refresh(app, fleet, listers[way], asking, rules)


def _refresh(
    app: App, fleet: ListedFleet, lister: Lister, asking: Asking, rules: RefreshRules
) -> RefreshedFleet:
    before, calls = fleet.listing, lister.calls
    try:
        answer = lister.list(fleet.query)
    except RolehopError as error:
        return RefreshedFleet(fleet, before, calls=lister.calls - calls, error=error)
    found = answer.as_listing(app.now(), before.former)
    found = found._replace(former=former_names(before, found.accounts))
    refreshed = RefreshedFleet(fleet, before, found, answer.left_out, lister.calls - calls)
    try:
        _check_loss(refreshed, rules)
        _check_moves(refreshed, asking, rules)
    except RolehopError as error:
        return replace(refreshed, error=error)
    try:
        _store(app, fleet, found)
    except RolehopError as error:
        return replace(refreshed, found=None, error=error)
    return refreshed


_MOST_NAMED = 5
_LEAST_KEPT = 0.9
"""The part of a fleet's chains that AWS must list again."""


def _check_loss(refreshed: RefreshedFleet, rules: RefreshRules) -> None:
    """Refuse a list that lost more than a tenth, or of which conditions are in vain.

    What was accepted to be in vain stays so. A fleet that is defined otherwise now loses nothing.

    Raises:
        ConfigError: it is such a list.
    """
    fleet, before, found = refreshed.fleet, refreshed.before, refreshed.listing
    known = before if before.problem is None else FleetListing()
    lost, had = missing_members(known, found)
    in_vain = [each for each in found.in_vain if each not in known.in_vain]
    shrinks = had - lost < had * _LEAST_KEPT
    if rules.allow_removed or not (shrinks or in_vain):
        return
    gone = [each.account for each in refreshed.changes if each.kinds[0] == "removed"]
    verb = "is" if lost == 1 else "are"
    said = [f"{lost} of its {pluralize(had, 'chain')} {verb} missing"] if shrinks else []
    said += [f"no account is like {', '.join(in_vain)}"] if in_vain else []
    names = [f"{each.name} ({each.account})" if each.name else each.account for each in gone]
    causes = [f"AWS lists no more: {_some(names)}"] if shrinks and names else []
    causes += ["what was meant may be called otherwise by now"] if in_vain else []
    raise ConfigError(
        f"fleet '{fleet.name}' stays as it was: {', and '.join(said)}",
        cause="; ".join(causes) or None,
        fix=Advice(*refresh_advice(fleet.name).parts, " --allow-removed"),
    )


def _check_moves(refreshed: RefreshedFleet, asking: Asking, rules: RefreshRules) -> None:
    """Have it confirmed that names lead to other accounts than before, if some do.

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
    """
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes

    fleet = refreshed.fleet.name
    moved = {name: each for name, each in refreshed.moved.items() if name not in rules.accepted}
    if not moved:
        return
    told = [
        # by number: both accounts may be called the same
        f"{name} led to {fleet}/{each.replaces}, and would lead to {fleet}/{each.account.account}"
        for name, each in moved.items()
    ]
    asking.progress.pause()
    if asking.person.can_ask:
        for each in told:
            asking.person.say(each)
    which = next(iter(moved)) if len(moved) == 1 else pluralize(len(moved), "name")
    try:
        answer = ask_yes_or_no(asking.person, f"Let {which} lead there?")
    except NoTerminal as error:
        flags = [part for each in moved for part in (" --accept-move ", Argument(each))]
        error.cause = _some(told)
        error.fix = Advice(*refresh_advice(fleet).parts, *flags[: 2 * _MOST_NAMED])
        raise
    if not is_yes(answer):
        raise declined(f"fleet '{fleet}' stays as it was", answer, "answer y to accept it")


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return "; ".join(texts[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


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
