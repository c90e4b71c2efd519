"""The proof that AWS listed the accounts of a fleet, looked for when a walk of one of its chains starts.

A list is sealed under a key from the keyring. One that is not proven is never followed: AWS is asked
again, and the walk goes on if the answer is what is listed. Then it is sealed, so that this is done
once after the key was lost; where there is no key, as in CI, each run does it. What is otherwise is
taken over by ``rolehop fleet refresh`` alone, which shows it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.base.errors import ConfigError, RolehopError, copied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolehop.app.asking import Asking
    from rolehop.app.context import App
    from rolehop.config.model import ChainConfig, FleetListing, ListedFleet


_guard = threading.RLock()
"""Only one thread asks, and the others wait for what it found out."""


def check_fleets(app: App, chains: Iterable[ChainConfig], asking: Asking) -> None:
    """Check the lists that chains are of, if they are of any; each once in a process.

    ``asking``: how AWS is asked if that must be.

    Raises:
        ConfigError: nothing proves a list.
        RolehopError: AWS had to be asked for it, and that failed.
    """
    listed = app.config.listed_fleets
    for name in {chain.fleet for chain in chains if chain.fleet in listed}:
        error = _problem(app, listed[name or ""], asking)
        if error is not None:
            raise copied(error)


def _problem(app: App, fleet: ListedFleet, asking: Asking) -> RolehopError | None:
    with _guard:
        if fleet.name not in app.fleet_problems:
            # Meanwhile: the chain that may list the accounts cannot be one of them.
            app.fleet_problems[fleet.name] = _not_proven(fleet, "its own list says how to list it")
            try:
                app.fleet_problems[fleet.name] = _find_problem(app, fleet, asking)
            except RolehopError as error:
                app.fleet_problems[fleet.name] = error
        return app.fleet_problems[fleet.name]


def _find_problem(app: App, fleet: ListedFleet, asking: Asking) -> RolehopError | None:
    from rolehop.vault.fleet_accounts import problem_with_seal

    problem = problem_with_seal(app.vault.seals, fleet.name, fleet.listing)
    if problem is None:
        return None
    app.note_once("fleet lists", f"fleet '{fleet.name}' is listed again: {problem}")
    found = _listed_anew(app, fleet, asking)
    if found.accounts != fleet.listing.accounts:
        # What is different, and whether that may be, is for a person to look at.
        return _not_proven(fleet, "AWS lists other accounts")
    if app.vault.seals.no_key is None:
        _store(app, fleet, found)
    return None


def _listed_anew(app: App, fleet: ListedFleet, asking: Asking) -> FleetListing:
    from rolehop.app.fleet_listers import lister_for

    lister = lister_for(app, fleet.query, asking)
    try:
        answer = lister.list(fleet.query)
    finally:
        lister.close()
    return answer.as_listing(app.now(), fleet.listing.former)


def _store(app: App, fleet: ListedFleet, listing: FleetListing) -> None:
    """Store and seal what AWS listed; where that is not possible, the next run asks again."""
    from rolehop.vault.fleet_accounts import fleet_path, store_listing

    path, definition = fleet_path(app.state_folder, fleet.name), fleet.query.definition
    with suppress(OSError, ValueError):
        store_listing(path, app.vault.seals, fleet.name, definition, listing)


def _not_proven(fleet: ListedFleet, cause: str) -> ConfigError:
    from rolehop.config.listed_fleets import refresh_advice

    return ConfigError(
        f"the list of accounts of fleet '{fleet.name}' is not followed",
        cause=cause,
        fix=refresh_advice(fleet.name),
    )
