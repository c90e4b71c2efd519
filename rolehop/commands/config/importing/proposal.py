"""What an importer proposes, its text, what of it the loader accepts, and what the config lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError
from rolehop.base.files import FileText
from rolehop.commands.config.importing.names import told_apart
from rolehop.config.draft import (
    ChainDraft,
    FleetDraft,
    SourceDraft,
    chain_text,
    fleet_text,
    source_text,
)
from rolehop.config.loader import load_config
from rolehop.config.model import ChainConfig, Config, SourceConfig
from rolehop.config.schema import Table

LOST, SETTING, NOTE = "lost", "setting", "note"
"""Of what is not carried: a whole profile, one setting, or nothing, but there is something to know."""


@dataclass(frozen=True, slots=True)
class NotCarried:
    """One thing that the proposal does not have."""

    what: str
    """Its name, with that of what it belongs to; never a value, which may be a secret."""

    why: str
    profile: str = ""
    """The AWS profile that it is a key of."""

    kind: str = LOST
    """``LOST``, ``SETTING`` or ``NOTE``."""


@dataclass(frozen=True, slots=True)
class KeysElsewhere:
    """IAM user keys that a source needs, and that only the user moves."""

    source: str
    held_by: str
    """Who has them now, for example ``aws-vault``."""

    command: tuple[str, ...] = ()
    """What prints them, for ``rolehop keys add NAME --stdin``; empty: they are typed in."""

    profile: str = ""
    """The AWS profile that has them in a file, for ``rolehop keys add NAME --from-profile``."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """All that is proposed."""

    sources: tuple[SourceDraft, ...] = ()
    chains: tuple[ChainDraft, ...] = ()
    lost: tuple[NotCarried, ...] = ()
    keys: tuple[KeysElsewhere, ...] = ()
    fleets: tuple[FleetDraft, ...] = ()

    def __add__(self, other: Proposal) -> Proposal:
        """Return both together."""
        return Proposal(
            self.sources + other.sources,
            self.chains + other.chains,
            self.lost + other.lost,
            self.keys + other.keys,
            self.fleets + other.fleets,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all chains, those of fleets first."""
        of_fleets = (member.name for fleet in self.fleets for member in fleet.members)
        return (*of_fleets, *(each.name for each in self.chains))

    def renamed(
        self,
        sources: Mapping[str, str],
        chains: Mapping[str, str],
        fleets: Mapping[str, str] | None = None,
    ) -> Proposal:
        """Return the same under other names, wherever one is used; a name that is missing stays."""

        def chain(each: ChainDraft) -> ChainDraft:
            source, above = each.source, each.continues
            return replace(
                each,
                name=chains.get(each.name, each.name),
                source=None if source is None else sources.get(source, source),
                continues=None if above is None else chains.get(above, above),
            )

        def fleet(each: FleetDraft) -> FleetDraft:
            members = (replace(one, name=chains.get(one.name, one.name)) for one in each.members)
            return replace(
                each,
                name=(fleets or {}).get(each.name, each.name),
                source=sources.get(each.source, each.source),
                members=tuple(members),
            )

        return Proposal(
            tuple(replace(each, name=sources.get(each.name, each.name)) for each in self.sources),
            tuple(map(chain, self.chains)),
            self.lost,
            tuple(
                replace(each, source=sources.get(each.source, each.source)) for each in self.keys
            ),
            tuple(map(fleet, self.fleets)),
        )

    def without(self, sources: Mapping[str, str], chains: Mapping[str, str]) -> Proposal:
        """Return what is left without these, by name with why, and without what rests on them."""
        gone = dict(chains)
        lost = [NotCarried(f"source {name}", why) for name, why in sources.items()]
        lost += [NotCarried(f"chain {name}", why) for name, why in chains.items()]
        starts = {each.name: each.source for each in self.chains if each.source is not None}
        for fleet in self.fleets:
            starts |= {member.name: fleet.source for member in fleet.members}
        above = {each.name: each.continues for each in self.chains}
        while True:
            new = [
                name
                for name in self.names
                if name not in gone and (starts.get(name) in sources or above.get(name) in gone)
            ]
            if not new:
                break
            for name in new:
                gone[name] = "what it starts from is not imported"
                lost.append(NotCarried(f"chain {name}", gone[name]))
        return self._left(gone, lost)

    def of_unread_files(self) -> Proposal:
        """Return what is left if AWS's tools do not read the AWS files here.

        A source that asks a profile has none, and a command that takes a profile's keys would
        take those of another profile of that name.
        """
        why = "it may have a secret in it, or a sign-in, and AWS's tools do not read that file here"
        gone = {each.name: why for each in self.sources if each.type == "profile"}
        left = self.without(gone, {})
        return replace(left, keys=tuple(replace(each, profile="") for each in left.keys))

    def new_to(self, sources: Iterable[str], chains: Iterable[str]) -> Proposal:
        """Return what a config that has these sources and chains already lacks."""
        there = set(sources)
        left = self._left(dict.fromkeys(chains, ""), ())
        return replace(
            left,
            sources=tuple(each for each in left.sources if each.name not in there),
            keys=tuple(each for each in left.keys if each.source not in there),
        )

    def _left(self, gone: Mapping[str, str], lost: Iterable[NotCarried]) -> Proposal:
        """Return it without the chains that are ``gone``, and without what only these needed."""
        kept = tuple(each for each in self.chains if each.name not in gone)
        members = (
            replace(each, members=tuple(one for one in each.members if one.name not in gone))
            for each in self.fleets
        )
        fleets = tuple(each for each in members if each.members)
        used = {*(each.source for each in kept), *(each.source for each in fleets)}
        sources = tuple(each for each in self.sources if each.name in used)
        keys = tuple(each for each in self.keys if each.source in used)
        return Proposal(sources, kept, (*self.lost, *lost), keys, fleets)


HEAD = "version = 1\n"


def proposed_text(proposal: Proposal) -> str:
    """Return the tables of ``proposal``, each below a comment of what it was made of."""
    return "\n".join(text for _, text in _parts(proposal))


def _parts(proposal: Proposal) -> Iterator[tuple[tuple[str, str], str]]:
    for source in proposal.sources:
        yield ("sources", source.name), source_text(source)
    for fleet in proposal.fleets:
        yield ("fleets", fleet.name), fleet_text(fleet)
    for chain in proposal.chains:
        yield ("chains", chain.name), chain_text(chain)


def refused_parts(proposal: Proposal, refused: dict[int, str]) -> Proposal:
    """Return ``proposal`` without the parts that the loader refuses.

    ``refused``: why, by the 1-based line in ``HEAD``, an empty line and the text of ``proposal``.
    """
    gone: dict[str, dict[str, str]] = {"sources": {}, "chains": {}}
    members = {each.name: each.members for each in proposal.fleets}
    at = HEAD.count("\n") + 2
    for (kind, name), text in _parts(proposal):
        end = at + text.count("\n")
        own = members.get(name, ()) if kind == "fleets" else ()  # their lines are the last ones
        for line, why in refused.items():
            if own and end - len(own) <= line < end:
                gone["chains"].setdefault(own[line - end].name, why)
            elif at <= line < end:
                for each in own:
                    gone["chains"].setdefault(each.name, why)
                if not own:
                    gone[kind].setdefault(name, why)
        at = end + 1  # the empty line between two parts
    return proposal.without(gone["sources"], gone["chains"])


def report_lines(
    lost: Iterable[NotCarried], shown: Callable[[Sequence[str]], str] = ", ".join
) -> list[str]:
    """Return one line for each reason, with the names of what was not carried for it.

    ``shown``: turns the names into text.
    """
    by_reason: dict[tuple[str, str], dict[str, None]] = {}
    for each in lost:
        names = by_reason.setdefault((each.what if each.profile else "", each.why), {})
        names[each.profile or each.what] = None
    return [
        f"{key} of {shown(list(names))}: {why}" if key else f"{shown(list(names))}: {why}"
        for (key, why), names in by_reason.items()
    ]


_FILE = Path("/config.toml")


def loadable(proposal: Proposal, source_types: Mapping[str, Table]) -> tuple[Proposal, Config]:
    """Return what the loader accepts of ``proposal``, and that loaded; the rest is listed as lost.

    Raises:
        ConfigError: the loader refuses what belongs to no part of it.
    """
    while True:
        file = FileText(str(_FILE), f"{HEAD}\n{proposed_text(proposal)}")

        def read(_: Path, file: FileText = file) -> FileText:
            return file

        try:
            return proposal, load_config(
                [_FILE], explicit=True, read=read, source_types=source_types
            )
        except ConfigError as error:
            left = refused_parts(
                proposal, {each.line: each.said for each in error.complaints if each.line}
            )
            if left == proposal:
                raise
            proposal = left


def lacking(
    proposal: Proposal,
    loaded: Config,
    config: Config,
    otherwise: Callable[[], Sequence[Config]] = tuple,
) -> tuple[Proposal, int]:
    """Return what ``config`` lacks, and how many chains it has already, exactly so.

    What has the name of something else gets a number behind it: nothing in the config changes.

    Args:
        proposal: the whole proposal.
        loaded: the same as the loader reads it.
        config: the user's own.
        otherwise: gives the same files as other tools read them. What the config has as one of
            them reads it is there, too.
    """
    sources = {name: _source_in(config, each) for name, each in loaded.sources.items()}
    placed = dict[str, str]()
    for name, there in sources.items():
        placed[name] = there or told_apart(name, {*config.sources, *placed.values()})
    chains = _ChainNames(config, otherwise)
    for name in _parents_first(loaded.chains):
        chains.place(loaded, name)
    fleets = {
        each.name: told_apart(each.name, {*config.fleets, *config.chains, *chains.new.values()})
        for each in proposal.fleets
    }
    renamed = proposal.renamed(placed, chains.new, fleets)
    return renamed.new_to(filter(None, sources.values()), chains.there), len(chains.there)


def _source_in(config: Config, source: SourceConfig) -> str | None:
    """Return what the config calls a source like this one, by its own name first."""
    names = (source.name, *config.sources)
    same = (each for each in names if each in config.sources)
    return next(
        (each for each in same if replace(config.sources[each], name=source.name) == source), None
    )


class _ChainNames:
    """Finds a name for each chain: one that is free, or the one under which it is there already."""

    def __init__(self, config: Config, otherwise: Callable[[], Sequence[Config]]) -> None:
        self._config = config
        self._otherwise = otherwise
        self._taken: set[str] = set()
        self.new: dict[str, str] = {}
        self.there: set[str] = set()

    def place(self, loaded: Config, name: str) -> None:
        candidate, number = name, 2
        while self._is_other(candidate, loaded, name):
            candidate, number = f"{name}-{number}", number + 1
        self.new[name] = candidate
        self._taken.add(candidate)
        if candidate in self._config.chains:
            self.there.add(candidate)

    def _is_other(self, candidate: str, loaded: Config, name: str) -> bool:
        """True if something else has the name ``candidate``."""
        config = self._config
        if candidate in self._taken or candidate in config.fleets:
            return True
        if candidate not in config.chains:
            return False
        there = _meaning(config, config.chains[candidate], {})
        readings = (each for each in self._otherwise() if name in each.chains)
        return there != _meaning(loaded, loaded.chains[name], self.new) and all(
            there != _meaning(each, each.chains[name], self.new) for each in readings
        )


def _meaning(config: Config, chain: ChainConfig, names: Mapping[str, str]) -> ChainConfig:
    """Return a chain without names of its own: two are alike that begin, go on and look alike.

    ``names``: what the chains that others continue are called in the user's config.
    """
    from rolehop.plan.resolve import source_of

    above = chain.continues
    if above is not None:
        above = names.get(above) or config.chains.get(above, chain).name
    source = ""
    if chain.source is not None:
        found = source_of(config, (chain,))
        source = repr((found.type, sorted(found.settings.items()), found.region, found.principal))
    return replace(
        chain,
        name="",
        source=source,
        continues=above,
        fleet=None,
        account=None,
        account_name=None,
        account_role=None,
    )


def _parents_first(chains: Mapping[str, ChainConfig]) -> list[str]:
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        above = chains[name].continues
        if above is not None and above not in ordered:
            add(above)
        ordered[name] = None

    for each in chains:
        add(each)
    return list(ordered)
