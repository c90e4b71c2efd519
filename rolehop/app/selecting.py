"""The chains that a command was given: by names, patterns and selectors, see `plan.selection`.

A plain name reads no list of accounts but that of its own fleet, and resolves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from rolehop.app.account_names import KnownNames
from rolehop.base.advice import Advice
from rolehop.base.errors import ConfigError, RolehopError
from rolehop.config.model import ChainConfig
from rolehop.plan.identity import NOBODY, Principal, principal_of, principal_of_source
from rolehop.plan.selection import ChainEnd, Selector, may_select, selector, selects, untold

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.listed_fleets import ChainsOfFleets
    from rolehop.config.model import Config, ListedFleet
    from rolehop.plan.model import Plan
    from rolehop.plan.resolve import Resolved


def matching_chains(app: App, patterns: Iterable[str]) -> list[str]:
    """Return the chains that the patterns mean, in the order of the patterns; AWS profiles by name.

    The name of a fleet stands for its chains, unless a chain has it. What names no chain, fleet or
    profile means the chains of the account of that name or number.

    Raises:
        ConfigError: a pattern matches nothing, or could match chains of a fleet whose accounts are
            not known.
    """
    patterns = tuple(patterns)
    check_listed(app, patterns)
    wanted: dict[str, None] = {}
    for pattern in patterns:
        found = [each.name for each in _meant_by(app, pattern)] or _named_else(app, pattern)
        if not found:
            raise _no_match(app, pattern)
        wanted |= dict.fromkeys(found)
    return list(wanted)


def selected_chains(app: App, patterns: Iterable[str]) -> list[ChainConfig]:
    """Return the chains of the config that the patterns mean, in the order of the config.

    Raises:
        ConfigError: as for `matching_chains`; AWS profiles are no chains here.
    """
    patterns = tuple(patterns)
    check_listed(app, patterns)
    wanted: set[str] = set()
    for pattern in patterns:
        found = _meant_by(app, pattern)
        if not found:
            raise _no_match(app, pattern)
        wanted |= {each.name for each in found}
    selectors = [selector_in(app.config, each) for each in patterns]
    return [each for each in candidates(app.config, selectors) if each.name in wanted]


def check_meant(app: App, pattern: str) -> None:
    """Check that a pattern means a chain of those that are known.

    Raises:
        ConfigError: it means none, or nobody knows, since the accounts of a fleet are not known.
    """
    if not _meant_by(app, pattern):
        check_listed(app, (pattern,))
        raise _no_match(app, pattern)


def _meant_by(app: App, pattern: str) -> list[ChainConfig]:
    config = app.config
    if pattern in config.chains:
        return [config.chains[pattern]]
    wanted = selector_in(config, pattern)
    if wanted.is_one_name:  # of no chain and no fleet: none is made only to compare its name
        return []
    ends = ChainEnds(app)
    return [each for each in candidates(config, [wanted]) if selects(wanted, each, ends.get(each))]


def _named_else(app: App, pattern: str) -> list[str]:
    """Return what a plain name means that is no chain's or fleet's: a profile, or an account's chains.

    Raises:
        ConfigError: it is the name of nothing; the error names the nearest.
    """
    if not selector(pattern).is_one_name:
        return []
    if pattern in app.aws_config.profiles:
        return [pattern]
    wanted, ends = Selector("account", pattern), ChainEnds(app)
    found = [
        each.name for each in app.config.chains.values() if selects(wanted, each, ends.get(each))
    ]
    if found:
        check_listed(app, (f"account:{pattern}",))
        return found
    from rolehop.app.planning import Planning

    Planning(app).resolve(pattern)  # raises an error that names the nearest
    return [pattern]


def selector_in(config: Config, typed: str) -> Selector:
    """Return what was typed, taken apart; the name of a fleet stands for its chains."""
    is_fleet = typed in config.fleets and typed not in config.chains
    return selector(f"{typed}/" if is_fleet else typed)


def candidates(config: Config, wanted: Sequence[Selector]) -> Iterable[ChainConfig]:
    """Return all chains but those of listed fleets of which none can be meant: their lists stay unread."""
    if not config.listed_fleets:
        return config.chains.values()
    chains = cast("ChainsOfFleets", config.chains)  # as always where a fleet is listed
    return chains.among(lambda fleet: any(may_select(each, fleet) for each in wanted))


class NamedChains:
    """Tells for the name of any chain whether patterns mean it: it need not be in the config any more."""

    def __init__(self, app: App, patterns: Iterable[str]) -> None:
        """Look at nothing yet."""
        self._app = app
        self._ends = ChainEnds(app)
        self._wanted = [selector_in(app.config, each) for each in patterns]
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = self._is_meant(name)
        return self._known[name]

    def _is_meant(self, name: str) -> bool:
        chain = self._app.config.chains.get(name) or ChainConfig(name)
        return any(selects(each, chain, self._ends.get(chain)) for each in self._wanted)


def _no_match(app: App, pattern: str) -> ConfigError:
    fleet = app.config.listed_fleets.get(pattern.partition("/")[0])
    if fleet is not None and not fleet.accounts:
        from rolehop.config.listed_fleets import no_accounts

        return no_accounts(fleet)
    wanted = selector(pattern)
    for each in _untold_fleets(app, wanted):
        return _not_told(each, wanted, f"nobody knows which chains '{pattern}' means")
    return ConfigError(f"no chain matches '{pattern}'", fix="rolehop list")


def check_told(app: App, patterns: Iterable[str], chains: Iterable[str]) -> None:
    """Check that it is known of each of ``chains`` whether one of the patterns means it.

    For what is to be left out: what nobody knows to be meant would stay.

    Raises:
        ConfigError: AWS was not asked for what a pattern asks for.
    """
    wanted, config = [selector(each) for each in patterns], app.config
    if not any(each.key in ("tag", "ou") for each in wanted):
        return
    for name in chains:
        chain = config.chains.get(name)
        fleet = None if chain is None else config.listed_fleets.get(chain.fleet or "")
        if chain is None or fleet is None or not fleet.query.knows_tags_and_units:
            continue
        unknown = untold(wanted, chain)
        if unknown is not None:
            what = f"nobody knows whether '{unknown.key}:{unknown.wanted}' means {name}"
            raise _not_told(fleet, unknown, what)


def _untold_fleets(app: App, wanted: Selector) -> list[ListedFleet]:
    """Return the fleets of whose accounts AWS could tell what a selector asks for, and did not."""
    if wanted.key not in ("tag", "ou"):
        return []
    return [
        fleet
        for fleet in app.config.listed_fleets.values()
        if may_select(wanted, fleet)
        and any(untold([wanted], each) is not None for each in fleet.chains.values())
    ]


def _not_told(fleet: ListedFleet, wanted: Selector, what: str) -> ConfigError:
    from rolehop.config.listed_fleets import refresh_advice

    if wanted.key == "tag":
        cause = f"AWS was not asked for the tags of the accounts of fleet '{fleet.name}'"
        first = f"write tags = true into the accounts of [fleets.{fleet.name}], then "
    else:
        cause = f"the OUs of the accounts of fleet '{fleet.name}' are not known"
        first = "let its chain call organizations:ListOrganizationalUnitsForParent, then "
    return ConfigError(what, cause=cause, fix=Advice(first, *refresh_advice(fleet.name).parts))


def check_listed(app: App, patterns: Iterable[str]) -> None:
    """Check that AWS listed the accounts of every fleet whose chains ``patterns`` could mean.

    Without the list these chains would be left out, and nobody would see it.

    Raises:
        ConfigError: AWS was not asked so far, or what it listed does not count any more.
    """
    patterns = tuple(patterns)
    for error in unlisted_fleets(app, patterns):
        raise error
    note_lists(app, patterns)


def note_lists(app: App, patterns: Iterable[str]) -> None:
    """Say of each fleet whose chains ``patterns`` could mean what its list lacks.

    AWS was asked long ago, or not for what a pattern asks for.
    """
    if not app.config.listed_fleets:
        return
    from rolehop.base.durations import age_text
    from rolehop.config.listed_fleets import is_old, refresh_advice

    wanted = [selector(each) for each in patterns]
    for fleet in app.config.listed_fleets.values():
        if any(may_select(each, fleet) for each in wanted) and is_old(fleet.listing, app.now()):
            age = age_text(fleet.listing.at or app.now(), app.now())
            said = f"the accounts of fleet '{fleet.name}' were listed {age}: "
            app.note_once(f"fleet {fleet.name}", Advice(said, refresh_advice(fleet.name)))
    for each in wanted:
        for fleet in _untold_fleets(app, each):
            what = "tags" if each.key == "tag" else "OUs"
            said = (
                f"the {what} of fleet '{fleet.name}' are not known, so none of its chains is meant"
            )
            app.note_once(f"{what} of {fleet.name}", said)


def unlisted_fleets(app: App, patterns: Iterable[str]) -> list[ConfigError]:
    """Return an error per fleet whose chains ``patterns`` could mean, and whose accounts are not known."""
    if not app.config.listed_fleets:
        return []
    from rolehop.config.listed_fleets import no_listing

    wanted = [selector(each) for each in patterns]
    return [
        no_listing(fleet)
        for fleet in app.config.listed_fleets.values()
        if any(may_select(each, fleet) for each in wanted) and fleet.listing.problem is not None
    ]


# ---- where chains end


class ChainEnds:
    """Where chains end, as far as config and index tell; of a fleet's mostly without resolving each."""

    def __init__(self, app: App) -> None:
        """Look at nothing yet."""
        from rolehop.app.planning import Planning

        self._app = app
        self.planning = Planning(app)
        self._fleets: dict[str | None, FleetRoles] = {}
        self._names = KnownNames(app)

    def get(self, chain: ChainConfig) -> Callable[[], ChainEnd]:
        """Return what tells where a chain ends, once that is asked."""
        return partial(self.end, chain)

    def end(self, chain: ChainConfig) -> ChainEnd:
        """Return where a chain ends, and what its account is called."""
        from rolehop.config.value_types import name_meant  # not for `--help`

        account, role = self.principal(chain, self.roles(chain))
        known = self._names.plain(account) if account else None
        names = {each for each in (known, chain.account_name) if each}
        names |= {name_meant(each) for each in names}
        return ChainEnd(account, role, tuple(names))

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

    def principal(self, chain: ChainConfig, roles: tuple[str, ...]) -> Principal:
        """Return whose session the chain ends with, as far as config and index tell."""
        if roles:
            return principal_of(roles[-1])
        if chain.account_role and chain.account:
            return Principal(chain.account, chain.account_role)
        try:
            found = principal_of_source(self.planning.resolve(chain.name).source)
            # Only a stored session of a source tells more.
            if found.account or all(each.role for each in self._app.index.sessions.values()):
                return found
            return end_of(self._app, self.planning.plan(chain.name))
        except RolehopError:
            return NOBODY

    def _resolved(self, chain: ChainConfig) -> tuple[str, ...]:
        resolved = self.planning.resolve(chain.name)
        if chain.fleet is not None:
            self._fleets[chain.fleet] = FleetRoles(self._app.config, chain, resolved)
        return tuple(str(role) for role, _ in resolved.hops)


def end_of(app: App, plan: Plan) -> Principal:
    """Return whose session a plan ends with; the index, which is only a hint, may have to say it."""
    if plan.hops:
        return principal_of(str(plan.hops[-1].hop.role))
    entry = app.index.sessions.get(plan.key)
    return principal_of_source(plan.source, entry.arn if entry else None)


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
