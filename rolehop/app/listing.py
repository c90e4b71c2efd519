"""The configured chains as they are listed: a row for each, of all or of those that patterns find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rolehop.app.account_names import KnownNames
from rolehop.app.selecting import ChainEnds, candidates, check_meant, selector_in
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, RolehopError
from rolehop.config.model import ChainConfig, Config
from rolehop.plan.model import CachedSession
from rolehop.plan.selection import ChainEnd, is_pattern, selector, selects
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.planning import Planning
    from rolehop.config.model import ScopeConfig
    from rolehop.plan.model import Plan


def chain_rows(app: App, patterns: Iterable[str] = ("*",)) -> Iterator[ChainRow]:
    """Give a row per configured chain that matches a pattern, in the order of the config.

    The name of a fleet stands for its chains. What is the name of none is looked for in the names of
    chains, and in the names and numbers of the accounts that they end in.
    """
    patterns, config, ends = tuple(patterns), app.config, ChainEnds(app)
    cached = _CachedSessions(app, ends.planning)
    exact = [each for each in patterns if selector(each).key or _is_named(config, each)]
    sought = [each for each in patterns if each not in exact or _finds_accounts(each)]
    wanted = [selector_in(config, each) for each in exact]
    sources: dict[str, str | None] = {}  # by the chain that is continued: thousands do one
    for chain in config.chains.values() if sought else candidates(config, wanted):
        is_meant = any(selects(each, chain, ends.get(chain)) for each in wanted)
        if not is_meant and not sought:
            continue
        roles = ends.roles(chain)
        end = ends.principal(chain, roles)
        if not is_meant and not any(finds(app, each, chain.names, end.account) for each in sought):
            continue
        yield ChainRow(
            name=chain.name,
            description=chain.description,
            source=_source_name(config, chain, sources),
            continues=chain.continues,
            fleet=chain.fleet,
            labels=chain.labels,
            roles=roles,
            cached=cached.of(chain, roles),
            account=end.account,
            role=end.role,
            color=chain.color,
            narrowed=narrowed_by(chain.scope),
            tags=chain.account_tags,
            unit=chain.unit,
        )


def _source_name(config: Config, chain: ChainConfig, known: dict[str, str | None]) -> str | None:
    from rolehop.plan.resolve import source_name_of

    if chain.continues is None:
        return chain.source
    if known.get(chain.continues) is None:
        known[chain.continues] = None
        with suppress(ConfigError):  # it continues a chain of a fleet that is not listed
            known[chain.continues] = chain.source or source_name_of(config, chain)
    return known[chain.continues]


def _is_named(config: Config, pattern: str) -> bool:
    """True if a chain or a fleet has this name, or names of chains match."""
    if pattern == "*" or pattern in config.chains or pattern in config.fleets:
        return True
    wanted = selector(pattern)
    return any(selects(wanted, each, ChainEnd) for each in candidates(config, [wanted]))


def _finds_accounts(pattern: str) -> bool:
    """True if a pattern of names finds accounts by theirs, too."""
    return pattern != "*" and is_pattern(pattern) and not selector(pattern).key


def finds(app: App, typed: str, names: Iterable[str], account: str) -> bool:
    """True if what was typed finds a chain: by a part of its name, or of its account's name or number.

    With wildcards it must match one of these whole. A selector such as ``label:env`` finds nothing.
    """
    if selector(typed).key:
        return False
    named = (KnownNames(app).plain(account) or "") if account else ""
    looked, wanted = (*names, named, account), typed.casefold()
    if is_pattern(typed):
        return any(fnmatchcase(each.casefold(), wanted) for each in looked)
    return any(wanted in each.casefold() for each in looked)


def narrowed_by(scope: ScopeConfig | None) -> str:
    """Return what a chain's scope makes of a session: ``read-only``, ``scoped``, or nothing."""
    return "" if scope is None else "read-only" if scope.read_only else "scoped"


def chain_rows_by_use(app: App) -> list[ChainRow]:
    """Return a row per configured chain, those used most and last first."""
    from rolehop.vault.notes import in_order, load_uses

    rows = {row.name: row for row in chain_rows(app)}
    ordered = in_order(list(rows), load_uses(app.state_folder), app.now().timestamp())
    return [rows[name] for name in ordered]


def place_of_last_used(app: App, names: list[str]) -> int:
    """Return where the chain stands among ``names`` that was handed out last; 0 if none was."""
    from rolehop.vault.notes import load_uses

    uses = load_uses(app.state_folder)
    used = [(uses[name].at, -place) for place, name in enumerate(names) if name in uses]
    return -max(used, default=(0, 0))[1]


def check_found(app: App, patterns: Iterable[str], rows: Iterable[ChainRow]) -> None:
    """Check that each pattern is that of one of ``rows``, which `chain_rows` gave for all of them.

    Raises:
        ConfigError: one is not.
    """
    rows = list(rows)
    for pattern in patterns:
        if not any(finds(app, pattern, (row.name,), row.account) for row in rows):
            check_meant(app, pattern)


def fleet_rows(app: App, fleet: str) -> list[ChainRow]:
    """Return a row per chain of a fleet; none if there is no such fleet."""
    if fleet in app.config.chains:
        return []
    return [row for row in chain_rows(app, (fleet,)) if row.fleet == fleet]


def chain_settings(app: App, name: str) -> tuple[Plan, ChainConfig]:
    """Return a chain's plan, and its config; an AWS profile is a chain without settings of its own.

    Raises:
        ConfigError: there is no such chain or profile, or the config is broken.
    """
    from rolehop.app.planning import Planning

    plan = Planning(app).plan_and_diagnose(name, WalkOptions())
    return plan, app.config.chains.get(name, ChainConfig(name))


class _CachedSessions:
    """The stored sessions as they were when the first chain was looked at."""

    def __init__(self, app: App, planning: Planning) -> None:
        self._app = app
        self._planning = planning
        # Empty: of a session without a role, which a chain without hops may hand out.
        self._roles = {entry.role for entry in app.index.sessions.values()}

    def of(self, chain: ChainConfig, roles: tuple[str, ...]) -> CachedSession | None:
        """Return the cached session, if the chain can be planned."""
        # Few of thousands of chains have one: a plan takes longer than all else.
        stored = (roles[-1] if roles else "") in self._roles
        return self._cached(chain.name) if stored else None

    def _cached(self, name: str) -> CachedSession | None:
        try:
            plan = self._planning.plan(name, callers=self._app.source_callers)
        except RolehopError:
            return None
        known = self._planning.known
        found = None if known is None else known.sessions.get(plan.key)
        return found if found is not None and found.local_expires_at > self._app.now() else None


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One chain of ``rolehop list``."""

    name: str
    description: str
    source: str | None
    """Name of the source it starts from, also if it continues another chain."""
    continues: str | None
    fleet: str | None
    labels: Mapping[str, str]
    roles: tuple[str, ...]
    """ARNs of all roles from the source on, in the order they are walked."""
    cached: CachedSession | None
    """The last hop's session, unless it has ended."""

    account: str = ""
    """Where the chain ends: of its last role, else of its source; empty: not known without a call."""
    role: str = ""
    """The name of that role, without its path; empty: not known, or a user."""
    color: str | None = None
    narrowed: str = ""
    """What its scope makes of the session: ``read-only`` or ``scoped``; empty: it has none."""

    tags: Mapping[str, str] | None = None
    """The account's, as AWS listed them; ``None``: it did not."""

    unit: str | None = None
    """The path of the account's OU; ``None`` likewise."""
