"""The config as plain frozen values: checked, but not yet resolved into a plan.

Durations are whole seconds. Templates (``{user}`` …) are not filled in yet. Everything that can be
checked without knowing which chain is walked has been checked when one of these exists.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from rolehop.base.dataclass import dataclass, field, replace

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.config.account_query import AccountQuery

BROWSERS = ("firefox", "chrome", "chromium", "edge", "brave")
"""Those that the console can be opened in by name."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The ``[defaults]`` table."""

    region: str | None = None
    session_name: str = "{user}@{host}"
    duration_seconds: int = 3600
    min_ttl_seconds: int = 960


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One ``[sources.NAME]`` table."""

    name: str
    type: str
    """A row of the table of source types, e.g. ``keys``."""

    settings: Mapping[str, object] = field(default_factory=dict)
    """The type's own keys as checked values; absent keys are absent. ``mfa_duration`` and other
    durations are whole seconds; a command is a tuple of arguments."""

    description: str = ""
    region: str | None = None
    principal: str | None = None
    """ARN of the principal that this source must be, if the config requires one."""


@dataclass(frozen=True, slots=True)
class HopConfig:
    """One hop as the config has it; ``None`` and empty: not set."""

    role: str
    """A full ARN or ``ACCOUNT:role/NAME``, still a template."""

    session_name: str | None = None
    external_id: str | None = None
    duration_seconds: int | None = None
    policy: str | None = None
    """Session policy as JSON text; the content of ``policy_file`` if that is set."""

    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_serial: str | None = None


@dataclass(frozen=True, slots=True)
class ScopeConfig:
    """How a chain's session is narrowed at last; ``None`` and ``False``: not so."""

    read_only: bool = False
    policy: str | None = None
    """JSON text; the content of ``policy_file`` if that is set."""

    duration_seconds: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """One ``[chains.NAME]`` table, or one member of a fleet.

    Exactly one of ``source`` and ``continues`` is set (the config key of the latter is ``from``).
    """

    name: str
    source: str | None = None
    continues: str | None = None
    hops: tuple[HopConfig, ...] = ()
    description: str = ""
    region: str | None = None
    confirm: bool = False
    reason_required: bool = False
    reason_in: str = "session_name"
    """``session_name`` or ``tag``: the part of the last hop that carries the reason."""

    color: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    scope: ScopeConfig | None = None
    """No chain continues one that has a scope."""

    fleet: str | None = None
    account: str | None = None
    """The fleet member's 12-digit account, which fills ``{account}``."""

    account_name: str | None = None
    """Its name, if the fleet gives it one; then the chain is called by it, and by the ID as well.

    AWS's own name for it may have any characters; the chain's name then has a dash for them."""

    account_role: str | None = None
    """The role of Identity Center that the source signs in to, in ``account``."""

    account_tags: Mapping[str, str] | None = None
    """The account's tags, as AWS listed them; ``None``: it did not."""

    unit: str | None = None
    """The path of the account's OU: ``Prod/Payments``, the root's is empty; ``None`` likewise."""

    regions: tuple[str, ...] = ()
    """Of its fleet, where `each` runs; they may be patterns, or ``enabled``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the chain, its own first."""
        if self.fleet is None:
            return (self.name,)
        if not self.name.startswith(f"{self.fleet}/"):  # the fleet gives it a name of its own
            return (self.name, f"{self.fleet}/{self.name}")
        if self.account_name is None:
            return (self.name,)
        _, _, role = self.name.removeprefix(f"{self.fleet}/").partition("/")
        by_id = f"{self.fleet}/{self.account}{f'/{role}' if role else ''}"
        return (self.name,) if by_id == self.name else (self.name, by_id)


@dataclass(frozen=True, slots=True)
class WrittenHop:
    """A hop and where the config, or an AWS profile, defines it."""

    hop: HopConfig
    chain: str
    """The chain that defines it, or the source whose AWS profile does."""

    number: int
    """From 1, within that chain or profile."""

    account: str | None = None
    in_profile: bool = False
    account_name: str | None = None
    """AWS's name of ``account``, for a template; a name that the config gives it comes first."""


class ChainsByName(dict[str, ChainConfig]):
    """Chains by their own names; a fleet's member is also found by its account's ID."""

    def __init__(self, chains: Iterable[ChainConfig] = ()) -> None:
        super().__init__((chain.name, chain) for chain in chains)
        self._others = {other: chain.name for chain in self.values() for other in chain.names[1:]}

    def __missing__(self, name: str) -> ChainConfig:
        return super().__getitem__(self._others[name])

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._others

    def get(self, name: str, default: Any = None) -> Any:
        """Return the chain of that name, else ``default``."""
        return super().get(name, default) if name not in self._others else self[name]


SAMPLE = "123456789012"
"""Stands for any account while the config is checked."""


class ListedAccount(NamedTuple):
    """One account, as AWS lists it."""

    account: str
    """12 digits."""

    name: str = ""
    """AWS's own name for it, in one visible line; empty: it has none."""

    unit: str | None = None
    """The path of its OU, from the root: ``Prod/Payments``; empty: the root; ``None``: not known."""

    roles: tuple[str, ...] = ()
    """The roles that Identity Center gives in it."""

    spelled: str = ""
    """What it is called in the names of chains: no other account of the fleet is called so."""

    tags: tuple[tuple[str, str], ...] | None = None
    """Its tags, each key once, in visible text; ``None``: not asked for."""


class LeftOutAccount(NamedTuple):
    """An account that a fleet would have, if its state were another one."""

    account: str
    """12 digits."""

    name: str
    """As AWS has it; may be empty."""

    state: str
    """AWS's word for it: ``SUSPENDED``."""


class FleetListing(NamedTuple):
    """The accounts of a fleet as AWS listed them last."""

    accounts: tuple[ListedAccount, ...] = ()
    at: datetime | None = None
    """When AWS was asked (aware, UTC); ``None``: never."""

    left_out: Mapping[str, int] = {}
    """How many accounts were left out, by their state: ``{"SUSPENDED": 2}``."""

    in_vain: tuple[str, ...] = ()
    """What the query says in vain, as was accepted: ``ou Prd/*``."""

    former: Mapping[str, str] = {}
    """Names of chains that lead nowhere now, by which account they led to last."""

    problem: str | None = None
    """Why nothing of it counts, for the cause of an error; then ``accounts`` are for a diff alone."""

    sealed: tuple[str, str] = ("", "")
    """The check of its file and its seal, which is looked at when a walk starts."""


class ListedFleet:
    """One ``[fleets.NAME]`` table with a query in the place of accounts."""

    def __init__(
        self,
        name: str,
        query: AccountQuery,
        template: ChainConfig,
        read: Callable[[ListedFleet], FleetListing],
        make: Callable[[ListedFleet, ListedAccount], Iterable[ChainConfig]],
    ) -> None:
        """Read nothing yet.

        ``template`` is a chain without an account, ``read`` returns what AWS listed, and ``make``
        makes the chains of one account.
        """
        self.name = name
        self.query = query
        self.template = template
        self._read = read
        self._make = make

    @cached_property
    def listing(self) -> FleetListing:
        """What AWS listed last; reads it at the first use."""
        return self._read(self)

    @property
    def is_in_use(self) -> bool:
        """True if the list has been read."""
        return "listing" in vars(self)

    @property
    def accounts(self) -> tuple[ListedAccount, ...]:
        """The accounts that count: none if there is no usable list."""
        return () if self.listing.problem else self.listing.accounts

    @cached_property
    def chains(self) -> ChainsByName:
        """The chains of the fleet."""
        return ChainsByName(chain for each in self.accounts for chain in self._make(self, each))

    def chain(self, name: str) -> ChainConfig | None:
        """Return one chain, by any of its names, without making those of other accounts."""
        called = name.removeprefix(f"{self.name}/").partition("/")[0]
        account = self._by_name.get(called)
        made = () if account is None else self._make(self, account)
        return next((each for each in made if name in each.names), None)

    @cached_property
    def _by_name(self) -> dict[str, ListedAccount]:
        accounts = self.accounts
        by_id = {each.account: each for each in accounts}
        return {**{each.spelled: each for each in accounts}, **by_id}

    @cached_property
    def account_names(self) -> dict[str, str]:
        """AWS's names of the accounts, by ID."""
        return {each.account: each.name for each in self.accounts if each.name}

    def sample(self, name: str = SAMPLE) -> ChainConfig:
        """Return a chain like those of the fleet, of no account in particular."""
        return replace(self.template, name=f"{self.name}/{name}", account=SAMPLE)


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """The ``[console]`` table."""

    browser: str | None = None
    profile: str | None = None
    """Still a template: ``{chain}``."""

    container: str | None = None
    """``true`` or ``granted``."""

    multi_session: bool = False
    """The browser has several sessions of the console side by side."""


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """The ``[history]`` table."""

    max_bytes: int | None = None
    """Of all its files together; ``None``: as much as usual."""

    journald: bool = False
    """The system's journal gets the lines, too."""


@dataclass(frozen=True, slots=True)
class Config:
    """All files together: the site's, the user's, and what they include."""

    defaults: Defaults = field(default_factory=Defaults)
    vault_backend: str | None = None
    """A keyring that the config names, or its class (``module.Class``); ``None`` for ``auto``."""

    organization_chain: str | None = None
    """The chain through which SCPs and RCPs are read."""

    console: ConsoleConfig = field(default_factory=ConsoleConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    sources: Mapping[str, SourceConfig] = field(default_factory=dict)
    chains: Mapping[str, ChainConfig] = field(default_factory=dict)
    """By name, fleets' members (``spokes/444444444444``) included, in the order of the files."""

    chain_places: Mapping[str, tuple[str, tuple[str | int, ...]]] = field(default_factory=dict)
    """Where each chain, and each fleet as ``FLEET/``, is defined: a file, and the keys of its table."""

    source_places: Mapping[str, tuple[str, tuple[str | int, ...]]] = field(default_factory=dict)
    """The same of each source."""

    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names of accounts by ID: of ``[accounts]``, and of fleets, which win."""

    listed_fleets: Mapping[str, ListedFleet] = field(default_factory=dict)
    """By name, the fleets whose accounts AWS lists; their chains are in ``chains`` as well."""

    fleets: Mapping[str, int | None] = field(default_factory=dict)
    """Every fleet by name, in the order of the files, and its number of accounts; ``None``: listed."""

    files: tuple[str, ...] = ()
    """Absolute paths of every file that was read, or looked for but not there."""

    def place_of(self, chain: str) -> tuple[str, tuple[str | int, ...]]:
        """Return where a chain is defined: a file, and the keys that lead to its table, or to its fleet's."""
        found = self.chains[chain]
        return self.chain_places[found.name if found.fleet is None else f"{found.fleet}/"]

    def name_of_account(self, account: str) -> str | None:
        """Return the name that the config gives an account, else AWS's if a fleet in use has it."""
        used = (each for each in self.listed_fleets.values() if each.is_in_use)
        of_aws = (each.account_names.get(account) for each in used)
        return self.account_names.get(account) or next(filter(None, of_aws), None)

    @property
    def known_account_names(self) -> Mapping[str, str]:
        """``account_names``, and what AWS calls the accounts of fleets that are in use, for people.

        It depends on what was looked at before, so nothing that AWS sees may be made of it.
        """
        used = [each.account_names for each in self.listed_fleets.values() if each.is_in_use]
        return ChainMap({}, dict(self.account_names), *used) if used else self.account_names


def written_hops(path: tuple[ChainConfig, ...]) -> tuple[WrittenHop, ...]:
    """Return the hops of ``path``, in the order in which they are walked."""
    return tuple(
        WrittenHop(hop, chain.name, number, chain.account, account_name=chain.account_name)
        for chain in path
        for number, hop in enumerate(chain.hops, start=1)
    )
