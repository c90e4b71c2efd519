"""The configured chains as they are listed: which of them a pattern means, and a row for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rolehop.app.account_names import KnownNames
from rolehop.base.advice import Advice
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, RolehopError
from rolehop.config.model import LABEL, ChainConfig, Config, is_pattern
from rolehop.plan.identity import NOBODY, Principal, principal_of, principal_of_source
from rolehop.plan.model import CachedSession
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import ListedFleet, ScopeConfig
    from rolehop.plan.model import Plan
    from rolehop.plan.resolve import Resolved


def chain_rows(app: App, patterns: Iterable[str] = ("*",)) -> Iterator[ChainRow]:
    """Give a row per configured chain that matches a pattern, in the order of the config.

    The name of a fleet stands for its chains. What is the name of none is looked for in the names of
    chains, and in the names and numbers of the accounts that they end in.
    """
    patterns, sessions, config = tuple(patterns), _StoredSessions(app), app.config
    exact = [each for each in patterns if each == "*" or _is_named(config, each)]
    sought = [each for each in patterns if each not in exact or is_pattern(each)]
    sources: dict[str, str | None] = {}  # by the chain that is continued: thousands do one
    for chain in config.chains.values():
        is_meant = "*" in exact or matches(chain, exact) or chain.fleet in exact
        if not is_meant and not sought:
            continue
        roles = sessions.roles(chain)
        end = sessions.end(chain, roles)
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
            cached=sessions.cached(chain, roles),
            account=end.account,
            role=end.role,
            color=chain.color,
            narrowed=narrowed_by(chain.scope),
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
    """True if a chain or a fleet has this name, or chains match by their own names or labels."""
    chains = config.chains
    return pattern in chains or any(
        matches(each, (pattern,)) or each.fleet == pattern for each in chains.values()
    )


def finds(app: App, typed: str, names: Iterable[str], account: str) -> bool:
    """True if what was typed finds a chain: by a part of its name, or of its account's name or number.

    With wildcards it must match one of these whole. A label finds nothing here.
    """
    if typed.startswith(LABEL):
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
            check_patterns(app, (pattern,))


def check_patterns(app: App, patterns: Iterable[str]) -> None:
    """Check that each pattern matches a chain or is the name of a fleet.

    Raises:
        ConfigError: one does not.
    """
    chains = app.config.chains.values()
    for pattern in patterns:
        if not any(matches(each, (pattern,)) or each.fleet == pattern for each in chains):
            check_listed(app, (pattern,))
            raise _no_match(app, pattern)


def _no_match(app: App, pattern: str) -> ConfigError:
    fleet = app.config.listed_fleets.get(pattern.partition("/")[0])
    if fleet is None or fleet.accounts:
        return ConfigError(f"no chain matches '{pattern}'", fix="rolehop list")
    from rolehop.config.listed_fleets import no_accounts

    return no_accounts(fleet)


def check_listed(app: App, patterns: Iterable[str]) -> None:
    """Check that AWS listed the accounts of every fleet whose chains ``patterns`` could mean.

    Without the list these chains would be left out, and nobody would see it.

    Raises:
        ConfigError: AWS was not asked so far, or what it listed does not count any more.
    """
    patterns = tuple(patterns)
    for error in unlisted_fleets(app, patterns):
        raise error
    note_old_lists(app, patterns)


def note_old_lists(app: App, patterns: Iterable[str]) -> None:
    """Say of each fleet whose chains ``patterns`` could mean that AWS was asked long ago, if so."""
    if not app.config.listed_fleets:
        return
    from rolehop.base.durations import age_text
    from rolehop.config.listed_fleets import is_old, refresh_advice

    patterns = tuple(patterns)
    for fleet in app.config.listed_fleets.values():
        if any(_may_mean(fleet, each) for each in patterns) and is_old(fleet.listing, app.now()):
            age = age_text(fleet.listing.at or app.now(), app.now())
            said = f"the accounts of fleet '{fleet.name}' were listed {age}: "
            app.note_once(f"fleet {fleet.name}", Advice(said, refresh_advice(fleet.name)))


def unlisted_fleets(app: App, patterns: Iterable[str]) -> list[ConfigError]:
    """Return an error per fleet whose chains ``patterns`` could mean, and whose accounts are not known."""
    if not app.config.listed_fleets:
        return []
    from rolehop.config.listed_fleets import no_listing

    patterns = tuple(patterns)
    return [
        no_listing(fleet)
        for fleet in app.config.listed_fleets.values()
        if any(_may_mean(fleet, pattern) for pattern in patterns)
        and fleet.listing.problem is not None
    ]


def _may_mean(fleet: ListedFleet, pattern: str) -> bool:
    """True if some chain of a fleet could match a pattern."""
    if pattern.startswith(LABEL):
        return _has_label(fleet.template.labels, pattern.removeprefix(LABEL))
    begins = (pattern[:end] for end in range(1, len(pattern) + 1))
    return pattern == fleet.name or any(fnmatchcase(f"{fleet.name}/", each) for each in begins)


def matches(chain: ChainConfig, patterns: Iterable[str]) -> bool:
    """True if one of ``patterns`` selects the chain: by a name of it, or by a label.

    One that ends in a slash selects what is below it: ``spokes/`` the chains of that fleet.
    """
    return any(
        _has_label(chain.labels, each.removeprefix(LABEL))
        if each.startswith(LABEL)
        else any(
            fnmatchcase(name, f"{each}*" if each[-1:] == "/" else each) for name in chain.names
        )
        for each in patterns
    )


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """True if a label is ``wanted``: ``NAME=VALUE``, or ``NAME`` with any value; * and ? as in names."""
    name, equals, value = wanted.partition("=")
    return any(
        fnmatchcase(each, name) and (not equals or fnmatchcase(labels[each], value))
        for each in labels
    )


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


def description_of(app: App, name: str) -> str:
    """Return the description of a chain; empty for an AWS profile."""
    return app.config.chains.get(name, ChainConfig(name)).description


def end_of(app: App, plan: Plan) -> Principal:
    """Return whose session a plan ends with; the index, which is only a hint, may have to say it."""
    if plan.hops:
        return principal_of(str(plan.hops[-1].hop.role))
    entry = app.index.sessions.get(plan.key)
    return principal_of_source(plan.source, entry.arn if entry else None)


def matching_chains(app: App, patterns: Iterable[str]) -> list[str]:
    """Return the chains that match the patterns, in the order of the config; AWS profiles by name.

    The name of a fleet stands for its chains, unless a chain has it.

    Raises:
        ConfigError: a pattern matches nothing, or could match chains of a fleet whose accounts are
            not known.
    """
    patterns, chains = tuple(patterns), app.config.chains
    check_listed(app, patterns)
    wanted: dict[str, None] = {}
    for pattern in patterns:
        found = [each.name for each in chains.values() if matches(each, (pattern,))]
        found = found or [each.name for each in chains.values() if each.fleet == pattern]
        if not found and not is_pattern(pattern):
            if pattern not in app.aws_config.profiles:
                from rolehop.app.planning import Planning

                Planning(app).resolve(pattern)  # raises an error that names the nearest
            found = [pattern]
        if not found:
            raise _no_match(app, pattern)
        wanted |= dict.fromkeys(found)
    return list(wanted)


class FleetRoles:
    """The roles of a fleet's members, told from those of one, if they differ in the account alone."""

    def __init__(self, config: Config, member: ChainConfig, resolved: Resolved) -> None:
        """Learn from one member, as it was resolved."""
        self._template: str | None = None
        roles = [str(role) for role, _ in resolved.hops]
        # A source with {account} in it, or an AWS profile, may bring other hops for each.
        own_source = resolved.source is config.sources.get(resolved.source.name)
        if len(member.hops) != 1 or not own_source:
            return
        self._before, template = tuple(roles[:-1]), member.hops[0].role
        if not template.startswith("arn:"):  # the short form, without the partition
            template = f"arn:{resolved.hops[-1][0].partition}:iam::{template}"
        if _filled(template, member.account) == roles[-1]:
            self._template = template

    def of(self, member: ChainConfig) -> tuple[str, ...] | None:
        """Return the roles of another member; ``None``: it has to be resolved."""
        role = None if self._template is None else _filled(self._template, member.account)
        return None if role is None else (*self._before, role)


def _filled(template: str, account: str | None) -> str | None:
    """Return a role without braces; ``None``: more than the account has to be filled in."""
    role = template.replace("{account}", account or "{")
    return None if "{" in role else role


class _StoredSessions:
    """The stored sessions as they were when the first chain was looked at."""

    def __init__(self, app: App) -> None:
        from rolehop.app.planning import Planning

        self._app = app
        self._planning = Planning(app)
        self._fleets: dict[str | None, FleetRoles] = {}
        # Empty: of a session without a role, which a chain without hops may hand out.
        self._roles = {entry.role for entry in app.index.sessions.values()}

    def roles(self, chain: ChainConfig) -> tuple[str, ...]:
        """Return the roles, even if the chain cannot be planned: then some may be templates."""
        fleet = self._fleets.get(chain.fleet)
        roles = None if fleet is None else fleet.of(chain)
        if roles is not None:
            return roles
        try:
            return self._resolved(chain)
        except RolehopError:
            return tuple(hop.role for hop in chain.hops)

    def end(self, chain: ChainConfig, roles: tuple[str, ...]) -> Principal:
        """Return whose session the chain ends with, as far as config and index tell."""
        if roles:
            return principal_of(roles[-1])
        if chain.account_role and chain.account:
            return Principal(chain.account, chain.account_role)
        try:
            found = principal_of_source(self._planning.resolve(chain.name).source)
            if found.account or "" not in self._roles:  # no session of a source is stored
                return found
            return end_of(self._app, self._planning.plan(chain.name))
        except RolehopError:
            return NOBODY

    def cached(self, chain: ChainConfig, roles: tuple[str, ...]) -> CachedSession | None:
        """Return the cached session, if the chain can be planned."""
        # Few of thousands of chains have one: a plan takes longer than all else.
        stored = (roles[-1] if roles else "") in self._roles
        return self._cached(chain.name) if stored else None

    def _resolved(self, chain: ChainConfig) -> tuple[str, ...]:
        resolved = self._planning.resolve(chain.name)
        if chain.fleet is not None:
            self._fleets[chain.fleet] = FleetRoles(self._app.config, chain, resolved)
        return tuple(str(role) for role, _ in resolved.hops)

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
