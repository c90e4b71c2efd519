"""Rules along the whole path of a chain, checked once all files are merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.base.arn import partition_of, partition_of_region
from rolehop.base.dataclass import dataclass, field
from rolehop.base.text import quoted
from rolehop.config.model import (
    ChainConfig,
    Config,
    HopConfig,
    SourceConfig,
    WrittenHop,
    written_hops,
)
from rolehop.config.regions import NamedBy, NamedRegion, regions_in_order
from rolehop.config.schema import ACCOUNT_NAME, Table, fields_of, mentions_field
from rolehop.config.sts_limits import Inheritance, changes_identity, repeated_tags, tag_key
from rolehop.config.validation import Origin, ProblemList

if TYPE_CHECKING:
    from rolehop.config.model import ListedFleet

_MOST_CHAINS = 100  # that follow one another: each is looked at from each
_MOST_HINTS = 50


@dataclass(frozen=True, slots=True)
class ChainRules:
    """Checks every chain against the chains and the source before it.

    Only a chain's own hops are checked: those of the chains before it are checked with these.
    """

    config: Config
    origins: Mapping[str, Origin]
    """By chain name, and of fleets by ``FLEET/``: its members share them."""

    source_origins: Mapping[str, Origin]
    """By source name."""

    source_types: Mapping[str, Table]
    problems: ProblemList
    _principals: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    """By source name: the partition of its ``principal``, and what messages call that."""

    _regions: dict[tuple[str | None, str | None], NamedRegion | None] = field(default_factory=dict)
    """By the regions of a path and of its source."""

    _hints: dict[tuple[str, str], str] = field(default_factory=dict)
    """By key and unknown name: what may have been meant."""

    _too_long: list[str] = field(default_factory=list)
    """The first chain that continues too many others."""

    def check(self, *, names: bool) -> None:
        """Report everything that is wrong between chains; unknown names only if ``names`` is set."""
        for fleet in self.config.listed_fleets.values() if names else ():
            self._check_query(fleet, self.origins[f"{fleet.name}/"].at("accounts"))
        for chain in self._different_chains():
            origin = self._origin(chain)
            if names:
                self._check_names(chain, origin)
            self._check_account(chain, origin)
            path = self._path(chain)
            if path is None:
                continue
            source = self.config.sources.get(path[0].source or "")
            before = list(written_hops(path[:-1])) if len(path) > 1 else []
            self._check_partitions(path, source, before, origin)
            if all(map(_has_role_only, chain.hops)):
                continue
            self._check_mfa(chain, source, before, origin)
            self._check_tags(chain, before, origin)
            self._check_identity(chain, before, origin)

    def _different_chains(self) -> Iterator[ChainConfig]:
        """Yield every chain, and of a fleet one member for each region: all else they share.

        What AWS listed for a fleet is not needed for that.
        """
        yield from (fleet.sample() for fleet in self.config.listed_fleets.values())
        fleets = set()
        for chain in self._own_chains.values():
            if chain.fleet is None:
                yield chain
            elif (chain.fleet, chain.region) not in fleets:
                fleets.add((chain.fleet, chain.region))
                yield chain

    def _check_names(self, chain: ChainConfig, origin: Origin) -> None:
        sources, chains = self.config.sources, self._own_chains
        listed = self.config.listed_fleets.get(chain.fleet or "")
        if listed is not None and listed.query.through == chain.source:
            return  # a source of Identity Center, which `_check_query` looks at
        if chain.source is not None and chain.source not in sources:
            is_chain = chain.source in chains
            hint = f"; there is a chain of that name: write from = {quoted(chain.source)}"
            self._unknown("source", chain.source, sources, origin, hint if is_chain else None)
        source = sources.get(chain.source or "")
        if chain.account_role is not None and source is not None:
            self._check_signs_in(source, origin)
        if chain.continues is not None and self._chain(chain.continues) is None:
            is_source = chain.continues in sources
            hint = f"; there is a source of that name: write source = {quoted(chain.continues)}"
            self._unknown("from", chain.continues, chains, origin, hint if is_source else None)
        self._check_not_scoped(chain, origin)

    def _check_not_scoped(self, chain: ChainConfig, origin: Origin) -> None:
        """Report a chain that would go on from a narrowed session, or leave out what narrows it."""
        before = None if chain.continues is None else self._chain(chain.continues)
        if before is not None and before.scope is not None:
            self.problems.add(
                origin.at("from"),
                f"chain {quoted(chain.continues or '')} has a scope, which ends a chain: continue"
                " the chain that it comes from",
            )

    def _check_signs_in(self, source: SourceConfig, origin: Origin) -> None:
        """Report a source that cannot sign in to any account of an Identity Center."""
        if source.type != "identity-center":
            self.problems.add(
                origin,
                f"source {quoted(source.name)} is of type {source.type}, not identity-center",
            )
        elif source.principal is not None:
            self.problems.add(
                origin,
                f"the principal of source {quoted(source.name)} is of one account; name a source of"
                " this Identity Center without one",
            )

    def _check_query(self, fleet: ListedFleet, origin: Origin) -> None:
        """Report a fleet that is to be listed through a chain or source that is not there."""
        from rolehop.config.account_query import IDENTITY_CENTER, IdentityCenterAccounts

        query = fleet.query
        if isinstance(query, IdentityCenterAccounts):
            source = self.config.sources.get(query.source)
            if source is None:
                self._unknown(IDENTITY_CENTER, query.source, self.config.sources, origin, None)
            else:
                self._check_signs_in(source, origin.at(IDENTITY_CENTER))
        elif query.chain.partition("/")[0] == fleet.name:
            self.problems.add(
                origin.at(query.kind), "a chain of the fleet cannot list the accounts of the fleet"
            )
        elif self._chain(query.chain) is None:
            self._unknown(query.kind, query.chain, self._own_chains, origin, None)

    def _unknown(
        self, key: str, name: str, known: Iterable[str], origin: Origin, hint: str | None
    ) -> None:
        from rolehop.base.text import did_you_mean

        kind = _KINDS.get(key, key)
        if hint is None:
            # Each looks at all names: a generated config may have thousands of them, all wrong.
            if (key, name) not in self._hints and len(self._hints) < _MOST_HINTS:
                self._hints[key, name] = did_you_mean(name, known)
            hint = self._hints.get((key, name), "")
        self.problems.add(origin.at(key), f"no {kind} is called {quoted(name)}{hint}")

    def _path(self, chain: ChainConfig) -> tuple[ChainConfig, ...] | None:
        """Return ``chain`` and those before it, in the order they are walked; ``None``: no such path.

        A loop is reported at that chain of the loop which comes first in the files.
        """
        if chain.continues is None:
            return (chain,)
        path, places = [chain], {chain.name: 0}
        while (following := path[-1].continues) is not None:
            found = self._chain(following)  # a fleet's chain may be called in two ways
            if found is None:
                return None
            if found.name in places:
                self._report_loop(path[places[found.name] :])
                return None
            if len(path) == _MOST_CHAINS:
                self._report_length(chain)
                return None
            places[found.name] = len(path)
            path.append(found)
        return tuple(reversed(path))

    def _report_length(self, chain: ChainConfig) -> None:
        if not self._too_long:
            self._too_long.append(chain.name)
            origin = self._origin(chain).at("from")
            self.problems.add(origin, f"continues more than {_MOST_CHAINS - 1} chains")

    def _report_loop(self, loop: list[ChainConfig]) -> None:
        order = list(self.origins)
        start = min(range(len(loop)), key=lambda index: order.index(_table(loop[index])))
        shown = [each.name for each in (*loop[start:], *loop[:start], loop[start])]
        self.problems.add(
            self._origin(loop[start]).at("from"), f"comes back to itself: {' -> '.join(shown)}"
        )

    @property
    def _own_chains(self) -> Mapping[str, ChainConfig]:
        """The chains that the files themselves define, without those of listed fleets."""
        if not self.config.listed_fleets:
            return self.config.chains
        from rolehop.config.listed_fleets import ChainsOfFleets

        chains = self.config.chains
        return chains.own if isinstance(chains, ChainsOfFleets) else chains

    def _chain(self, name: str) -> ChainConfig | None:
        """Return a chain; of a listed fleet one that stands for any, since they are not known here."""
        fleet, slash, member = name.partition("/")
        listed = self.config.listed_fleets.get(fleet) if slash else None
        return self._own_chains.get(name) if listed is None else listed.sample(member)

    def _origin(self, chain: ChainConfig) -> Origin:
        return self.origins[_table(chain)]

    def _check_account(self, chain: ChainConfig, origin: Origin) -> None:
        """Report ``{account}`` outside a fleet: only a fleet says which account that is."""
        if chain.fleet is not None:
            return
        for number, hop in enumerate(chain.hops):
            for name in _OF_A_FLEET.intersection(fields_of(hop.role)):
                self.problems.add(
                    origin.at("hops", number, "role"),
                    f"only a fleet's role may contain {{{name}}}",
                )
        source = self.config.sources.get(chain.source or "")
        if source is not None and any(map(_mentions_account, source.settings.values())):
            self.problems.add(
                origin.at("source"),
                f"source {quoted(source.name)} contains {{account}}, which only a fleet fills in",
            )

    def _check_partitions(
        self,
        path: tuple[ChainConfig, ...],
        source: SourceConfig | None,
        before: list[WrittenHop],
        origin: Origin,
    ) -> None:
        """Report hops of two partitions, which credentials and trust never cross (IAM user guide, ARNs)."""
        chain, first = path[-1], self._first_partition(source, before)
        if first and chain.region and partition_of_region(chain.region) != first[0]:
            lies_in = partition_of_region(chain.region)
            self.problems.add(
                origin.at("region"),
                f"{chain.region} is in partition {lies_in}, but {first[1]} in {first[0]}",
            )
        named = self._region(path, source) if first is None else None
        of_source = named is not None and named.named_by is NamedBy.SOURCE
        if first is None and named is not None and not of_source:
            first = (named.partition, f"{named.named_by.value} {named.region}")
        for number, hop in enumerate(chain.hops):
            partition = partition_of(hop.role)
            if partition is None:
                continue
            if first is None:
                first = (partition, f"hop {number + 1}")
                self._check_region_of(source if of_source else None, partition)
            elif partition != first[0]:
                self.problems.add(
                    _at_hop(chain, origin, number).at("role"),
                    f"the role is in partition {partition}, but {first[1]} in {first[0]};"
                    " a chain cannot leave its partition",
                )

    def _check_region_of(self, source: SourceConfig | None, partition: str) -> None:
        """Report a source's region at the source, once for all chains that start there."""
        if source is None or source.region is None:
            return
        lies_in = partition_of_region(source.region)
        if lies_in != partition:
            self.problems.add(
                self.source_origins[source.name].at("region"),
                f"{source.region} is in partition {lies_in}, but roles of chains from this source"
                f" in {partition}",
            )

    def _first_partition(
        self, source: SourceConfig | None, before: list[WrittenHop]
    ) -> tuple[str, str] | None:
        """Return the partition that full ARNs before this chain decide, and what names it."""
        of_principal = None if source is None else self._principal_of(source)
        if of_principal is not None:
            return of_principal
        for each in before:
            partition = partition_of(each.hop.role)
            if partition is not None:
                return partition, _called(each)
        return None

    def _principal_of(self, source: SourceConfig) -> tuple[str, str] | None:
        if source.name not in self._principals:
            partition = partition_of(source.principal or "")
            named = f"the principal of source {quoted(source.name)}"
            self._principals[source.name] = None if partition is None else (partition, named)
        return self._principals[source.name]

    def _region(
        self, path: tuple[ChainConfig, ...], source: SourceConfig | None
    ) -> NamedRegion | None:
        """Return the region that the config names for a path."""
        own = next((chain.region for chain in reversed(path) if chain.region), None)
        of_source = source.region if source else None
        if (own, of_source) not in self._regions:
            defaults = self.config.defaults.region
            found = regions_in_order({}, own=own, defaults=defaults, source=of_source)
            self._regions[own, of_source] = found.first
        return self._regions[own, of_source]

    def _check_mfa(
        self,
        chain: ChainConfig,
        source: SourceConfig | None,
        before: list[WrittenHop],
        origin: Origin,
    ) -> None:
        """Report codes that cannot work: IAM user keys carry MFA, into hop 1 (STS AssumeRole)."""
        for number, hop in enumerate(chain.hops):
            if hop.mfa_serial is None:
                continue
            table = self.source_types.get(source.type) if source else None
            here = _at_hop(chain, origin, number).at("mfa_serial")
            if number or before:
                ordinal = len(before) + number + 1
                self.problems.add(
                    here,
                    f"hop {ordinal} cannot carry an MFA code: only hop 1 can, as a role's session has no"
                    " device",
                )
            elif source and table and table.key("mfa_serial") is None:
                self.problems.add(
                    here,
                    f"source {quoted(source.name)} gives a role's session: only IAM user keys can carry"
                    " an MFA code",
                )

    def _check_tags(self, chain: ChainConfig, before: list[WrittenHop], origin: Origin) -> None:
        inherited = _inherited(before)
        for number, hop in enumerate(chain.hops):
            here = _at_hop(chain, origin, number)
            own = [key for key, _ in hop.tags]
            for key in repeated_tags(hop.tags, inherited.tags):
                self.problems.add(
                    here.at("tags", key),
                    f"{inherited.tags[tag_key(key)].hop} already passes this tag on;"
                    " STS refuses it a second time",
                )
            for index, key in enumerate(hop.transitive_tags):
                if key not in own and tag_key(key) not in inherited.tags:
                    self._no_such_tag(key, own, here.at("transitive_tags", index))
            inherited = inherited.after(hop, f"hop {number + 1}")

    def _no_such_tag(self, key: str, own: list[str], origin: Origin) -> None:
        from rolehop.base.text import did_you_mean

        self.problems.add(
            origin, f"{quoted(key)} is not among this hop's tags{did_you_mean(key, own)}"
        )

    def _check_identity(self, chain: ChainConfig, before: list[WrittenHop], origin: Origin) -> None:
        inherited = _inherited(before)
        for number, hop in enumerate(chain.hops):
            sent, set_before = hop.source_identity, inherited.identity
            # Two templates may turn out equal; two plain texts that differ cannot.
            filled_in = mentions_field(sent or "") or mentions_field(set_before or "")
            if changes_identity(sent, set_before) and not filled_in:
                self.problems.add(
                    _at_hop(chain, origin, number).at("source_identity"),
                    f"{inherited.identity_hop} already sets the source identity"
                    f" {quoted(set_before or '')}, and no later hop can change it",
                )
            inherited = inherited.after(hop, f"hop {number + 1}")


_KINDS = {"from": "chain", "organization": "chain", "identity_center": "source"}
"""What the keys name."""

_OF_A_FLEET = {"account", ACCOUNT_NAME}
"""Fields of a role that only a fleet fills in: elsewhere they would say what the role says."""


def _table(chain: ChainConfig) -> str:
    """Return the key of ``origins``."""
    return chain.name if chain.fleet is None else f"{chain.fleet}/"


def _has_role_only(hop: HopConfig) -> bool:
    """True for a hop without MFA, tags or source identity, as most are."""
    return not (hop.mfa_serial or hop.tags or hop.transitive_tags or hop.source_identity)


def _called(written: WrittenHop) -> str:
    """Return how a message about another chain names a hop."""
    return f"hop {written.number} of chain {quoted(written.chain)}"


def _inherited(before: list[WrittenHop]) -> Inheritance:
    """Return what a chain inherits from the hops before it."""
    inherited = Inheritance()
    for written in before:
        inherited = inherited.after(written.hop, _called(written))
    return inherited


def _at_hop(chain: ChainConfig, origin: Origin, number: int) -> Origin:
    """Return the place of a hop's keys: a fleet has them in its own table."""
    return origin if chain.fleet is not None else origin.at("hops", number)


def _mentions_account(value: object) -> bool:
    return isinstance(value, str) and "{account}" in value
