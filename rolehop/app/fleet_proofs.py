"""The proof that AWS listed the accounts of a fleet, looked for when a walk of one of its chains starts.

A list is sealed under a key from the keyring. Where there is none, as in CI, a list holds for the
run that fetched it: each run asks AWS again, and goes on if the answer is what is listed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rolehop.base.errors import ConfigError, RolehopError, copied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolehop.app.asking import Asking
    from rolehop.app.context import App
    from rolehop.config.model import ChainConfig, ListedAccount, ListedFleet


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
    from rolehop.vault.seals import UNPROVEN

    problem = problem_with_seal(app.vault.seals, fleet.name, fleet.listing)
    if problem == UNPROVEN:
        app.note_once(
            "fleet lists",
            "no keyring can prove a list, so each run asks AWS again for the accounts of its fleets",
        )
        same = _accounts(app, fleet, asking) == fleet.listing.accounts
        problem = None if same else "AWS lists other accounts by now"
    return None if problem is None else _not_proven(fleet, problem)


def _accounts(app: App, fleet: ListedFleet, asking: Asking) -> tuple[ListedAccount, ...]:
    from rolehop.app.fleet_listers import lister_for
    from rolehop.config.listed_fleets import with_spelled_names

    lister = lister_for(app, fleet.query, asking)
    try:
        return with_spelled_names(lister.list(fleet.query).accounts)
    finally:
        lister.close()


def _not_proven(fleet: ListedFleet, cause: str) -> ConfigError:
    from rolehop.config.listed_fleets import refresh_advice

    return ConfigError(
        f"the list of accounts of fleet '{fleet.name}' is not followed",
        cause=cause,
        fix=refresh_advice(fleet.name),
    )
