"""Fleets whose accounts AWS lists: their chains are made when one of them is first asked for.

The accounts come from a file in the state folder, which only ``rolehop fleet refresh`` writes: to list
them no other command asks AWS, and one that needs no chain of the fleet does not read the file either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property

from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import replace
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import ConfigError
from rolehop.base.text import clean
from rolehop.config.account_query import IdentityCenterAccounts, is_account_id
from rolehop.config.model import ChainConfig, ChainsByName, FleetListing, ListedAccount, ListedFleet
from rolehop.config.value_types import name_meant

NEVER_LISTED = FleetListing(problem="AWS was not asked for them so far")

NOT_ASSIGNED = "NOT_ASSIGNED"
"""In the place of AWS's word for a state: the person has none of the roles in the account."""

FRESH = timedelta(days=7)
"""After that, AWS should be asked again: accounts come and go."""


def is_old(listing: FleetListing, now: datetime) -> bool:
    """True if AWS was asked long ago, or by a clock that was far ahead: then nobody knows when.

    A clock that was set back a little makes nothing old.
    """
    return listing.at is not None and not -FRESH <= now - listing.at <= FRESH


def no_listing(fleet: ListedFleet, chain: str | None = None) -> ConfigError:
    """Return the error of a command that needs the accounts, if there is no usable list."""
    return ConfigError(
        f"the accounts of fleet '{fleet.name}' are not known here",
        cause=fleet.listing.problem,
        fix=refresh_advice(fleet.name),
        chain=chain,
    )


def no_accounts(fleet: ListedFleet, chain: str | None = None) -> ConfigError:
    """Return the error of a command that needs chains of a fleet for which AWS listed no account."""
    return ConfigError(
        f"fleet '{fleet.name}' has no accounts",
        cause="AWS listed none that it may have when it was asked last",
        fix=Advice(
            *refresh_advice(fleet.name).parts, " says which of its conditions no account meets"
        ),
        chain=chain,
    )


def refresh_advice(fleet: str) -> Advice:
    """Return the command that asks AWS for a fleet's accounts."""
    return Advice("rolehop fleet refresh ", Argument(fleet))


def left_out_text(left_out: Mapping[str, int]) -> str:
    """Return ``2 suspended, 1 pending closure``."""
    return ", ".join(f"{count} {state_in_words(state)}" for state, count in left_out.items())


def state_in_words(state: str) -> str:
    """Return AWS's word for the state of an account as people write it: ``pending closure``."""
    return clean(state).lower().replace("_", " ")


def excluded_by(account: str, name: str, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns that mean an account: its ID, or its name as AWS or a chain has it."""
    names = (account, name, name_meant(name))
    return tuple(
        each for each in patterns if any(called and fnmatchcase(called, each) for called in names)
    )


def with_spelled_names(accounts: Iterable[ListedAccount]) -> tuple[ListedAccount, ...]:
    """Return the accounts with what each is called in the names of chains, sorted by that."""
    accounts = tuple(accounts)
    names = spelled_names(accounts)
    spelled = (each._replace(spelled=names[each.account]) for each in accounts)
    return tuple(sorted(spelled, key=lambda each: (each.spelled.casefold(), each.account)))


def spelled_names(accounts: Iterable[ListedAccount]) -> dict[str, str]:
    """Return what each account is called in the names of chains, by ID.

    It is AWS's name with a dash for what no name of a chain may have. Twins are told apart by their
    IDs, all of them: which of two is called so must not depend on an order. An account without such
    a name is called by its ID.
    """
    plain = {each.account: name_meant(each.name) for each in accounts}
    count = Counter(name.casefold() for name in plain.values())
    found = {
        account: name if count[name.casefold()] == 1 else f"{name}-{account}"
        for account, name in plain.items()
    }
    # Somebody may have called an account as a twin is called here, or by the ID of another one.
    taken = Counter(name.casefold() for name in found.values())
    return {
        account: name
        if plain[account] and taken[name.casefold()] == 1 and not is_account_id(name)
        else account
        for account, name in found.items()
    }


def chains_of(fleet: ListedFleet, account: ListedAccount) -> Iterator[ChainConfig]:
    """Give the chain of an account, or one for each of its roles."""
    chain = replace(
        fleet.template,
        name=f"{fleet.name}/{account.spelled or account.account}",
        account=account.account,
        account_name=account.name or None,
        account_tags=None if account.tags is None else dict(account.tags),
        unit=account.unit,
    )
    if isinstance(fleet.query, IdentityCenterAccounts):
        yield from _chains_of_roles(chain, account, names_roles=fleet.query.names_roles)
    else:
        yield chain


def _chains_of_roles(
    chain: ChainConfig, account: ListedAccount, *, names_roles: bool
) -> Iterator[ChainConfig]:
    names = _spelled_roles(account.roles) if names_roles else {}
    for role in account.roles:
        name = f"{chain.name}/{names[role]}" if names_roles else chain.name
        yield replace(chain, name=name, account_role=role)


def _spelled_roles(roles: Iterable[str]) -> dict[str, str]:
    """Return what roles are called in the names of chains; twins are told apart by a digest."""
    plain = {role: name_meant(role) for role in roles}
    count = Counter(name.casefold() for name in plain.values())

    def spelled(digits: int) -> dict[str, str]:
        return {
            role: name
            if name and (name == role or count[name.casefold()] == 1)
            else f"{name or 'role'}-{sha256_hex(role.encode())[:digits]}"
            for role, name in plain.items()
        }

    found = spelled(8)
    # A role may be called what another one is spelled as; a whole digest is longer than any name.
    return found if len(set(found.values())) == len(found) else spelled(64)


class ChainsOfFleets(Mapping[str, ChainConfig]):
    """All chains by name, in the order of the files; those of a listed fleet when they are needed."""

    def __init__(self, parts: Iterable[tuple[ChainConfig, ...] | ListedFleet]) -> None:
        """Take chains and fleets in the order of the files."""
        self._parts = tuple(parts)
        own = (each for part in self._parts if isinstance(part, tuple) for each in part)
        self.own = ChainsByName(own)
        self.listed = {each.name: each for each in self._parts if isinstance(each, ListedFleet)}
        self._found: dict[str, ChainConfig | None] = {}

    def among(self, wanted: Callable[[ListedFleet], bool]) -> Iterator[ChainConfig]:
        """Give all chains but those of listed fleets that are not ``wanted``, whose lists stay unread."""
        for part in self._parts:
            if isinstance(part, tuple):
                yield from part
            elif wanted(part):
                yield from part.chains.values()

    def fleet_of(self, name: str) -> ListedFleet | None:
        """Return the listed fleet that a chain of this name would be of, if there were one."""
        fleet, slash, _ = name.partition("/")
        return self.listed.get(fleet) if slash else None

    def __getitem__(self, name: str) -> ChainConfig:
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def _find(self, name: str) -> ChainConfig | None:
        fleet = self.fleet_of(name)
        if fleet is None:
            found: ChainConfig | None = self.own.get(name)
            return found
        if name not in self._found:
            self._found[name] = fleet.chain(name)
        return self._found[name]

    @cached_property
    def _all(self) -> dict[str, ChainConfig]:
        chains = (
            each
            for part in self._parts
            for each in (part if isinstance(part, tuple) else part.chains.values())
        )
        return {each.name: each for each in chains}

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def values(self) -> ValuesView[ChainConfig]:
        """Return the chains themselves, as a dictionary does."""
        return self._all.values()

    def items(self) -> ItemsView[str, ChainConfig]:
        """Return names and chains, as a dictionary does."""
        return self._all.items()
