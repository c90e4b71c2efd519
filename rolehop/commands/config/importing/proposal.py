"""What an importer proposes, its text, what of it the loader accepts, and what the config lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError
from rolehop.base.files import FileText
from rolehop.config.draft import ChainDraft, SourceDraft, chain_text, source_text
from rolehop.config.loader import load_config
from rolehop.config.model import ChainConfig, Config
from rolehop.config.schema import Table


@dataclass(frozen=True, slots=True)
class NotCarried:
    """One thing that the proposal does not have."""

    what: str
    """Its name, with that of what it belongs to; never a value, which may be a secret."""

    why: str
    profile: str = ""
    """The AWS profile that it is a key of."""


@dataclass(frozen=True, slots=True)
class KeysElsewhere:
    """IAM user keys that a source needs, and that only the user moves."""

    source: str
    held_by: str
    """Who has them now, for example ``aws-vault``."""

    command: tuple[str, ...] = ()
    """What prints them, for ``rolehop keys add NAME --stdin``; empty: they are typed in."""

    @property
    def prints_profile(self) -> bool:
        """True if the command is AWS's own, which prints the keys of an AWS profile."""
        return self.command[:1] == ("aws",)


@dataclass(frozen=True, slots=True)
class Proposal:
    """All that is proposed."""

    sources: tuple[SourceDraft, ...] = ()
    chains: tuple[ChainDraft, ...] = ()
    lost: tuple[NotCarried, ...] = ()
    keys: tuple[KeysElsewhere, ...] = ()

    def __add__(self, other: Proposal) -> Proposal:
        """Return both together."""
        return Proposal(
            self.sources + other.sources,
            self.chains + other.chains,
            self.lost + other.lost,
            self.keys + other.keys,
        )

    def renamed(self, sources: Mapping[str, str], chains: Mapping[str, str]) -> Proposal:
        """Return the same under other names, wherever one is used; a name that is missing stays."""
        return Proposal(
            tuple(replace(each, name=sources.get(each.name, each.name)) for each in self.sources),
            tuple(
                replace(
                    each,
                    name=chains.get(each.name, each.name),
                    source=None if each.source is None else sources.get(each.source, each.source),
                    continues=None
                    if each.continues is None
                    else chains.get(each.continues, each.continues),
                )
                for each in self.chains
            ),
            self.lost,
            tuple(
                replace(each, source=sources.get(each.source, each.source)) for each in self.keys
            ),
        )

    def without(self, sources: Mapping[str, str], chains: Mapping[str, str]) -> Proposal:
        """Return what is left without these, by name with why, and without what rests on them."""
        gone = dict(chains)
        lost = [NotCarried(f"source {name}", why) for name, why in sources.items()]
        lost += [NotCarried(f"chain {name}", why) for name, why in chains.items()]
        while True:
            new = [
                each
                for each in self.chains
                if each.name not in gone and _rests(each, sources, gone)
            ]
            if not new:
                break
            for each in new:
                gone[each.name] = "what it starts from is not imported"
                lost.append(NotCarried(f"chain {each.name}", gone[each.name]))
        kept = tuple(each for each in self.chains if each.name not in gone)
        return self._used(kept, sources, lost)

    def of_unread_files(self) -> Proposal:
        """Return what is left if AWS's tools do not read the AWS files here.

        A source that asks a profile has none, and a command that prints a profile's keys would
        print those of another profile of that name.
        """
        why = "it may have a secret in it, or a sign-in, and AWS's tools do not read that file here"
        gone = {each.name: why for each in self.sources if each.type == "profile"}
        left = self.without(gone, {})
        keys = (replace(each, command=()) if each.prints_profile else each for each in left.keys)
        return replace(left, keys=tuple(keys))

    def new_to(self, sources: Iterable[str], chains: Iterable[str]) -> Proposal:
        """Return what a config that has these sources and chains already lacks."""
        chains_there, sources_there = set(chains), set(sources)
        return Proposal(
            tuple(each for each in self.sources if each.name not in sources_there),
            tuple(each for each in self.chains if each.name not in chains_there),
            self.lost,
            tuple(each for each in self.keys if each.source not in sources_there),
        )

    def _used(
        self,
        chains: tuple[ChainDraft, ...],
        gone: Mapping[str, str],
        lost: Iterable[NotCarried],
    ) -> Proposal:
        used = {each.source for each in chains}
        sources = tuple(each for each in self.sources if each.name in used - gone.keys())
        names = {each.name for each in sources}
        keys = tuple(each for each in self.keys if each.source in names)
        return Proposal(sources, chains, (*self.lost, *lost), keys)


def _rests(chain: ChainDraft, sources: Mapping[str, str], chains: Mapping[str, str]) -> bool:
    return chain.source in sources or chain.continues in chains


HEAD = "version = 1\n"


def proposed_text(proposal: Proposal) -> str:
    """Return the tables of ``proposal``, each below a comment of what it was made of."""
    return "\n".join(text for _, text in _parts(proposal))


def _parts(proposal: Proposal) -> Iterator[tuple[tuple[str, str], str]]:
    for source in proposal.sources:
        yield ("sources", source.name), source_text(source)
    for chain in proposal.chains:
        yield ("chains", chain.name), chain_text(chain)


def refused_parts(proposal: Proposal, refused: dict[int, str]) -> Proposal:
    """Return ``proposal`` without the parts that the loader refuses.

    ``refused``: why, by the 1-based line in ``HEAD``, an empty line and the text of ``proposal``.
    """
    gone: dict[str, dict[str, str]] = {"sources": {}, "chains": {}}
    at = HEAD.count("\n") + 2
    for (kind, name), text in _parts(proposal):
        end = at + text.count("\n")
        for line, why in refused.items():
            if at <= line < end:
                gone[kind].setdefault(name, why)
        at = end + 1  # the empty line between two parts
    return proposal.without(gone["sources"], gone["chains"])


def report_lines(lost: tuple[NotCarried, ...]) -> list[str]:
    """Return one line for each reason, with the names of what was not carried for it."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for each in lost:
        names = by_reason.setdefault((each.what if each.profile else "", each.why), [])
        name = each.profile or each.what
        if name not in names:
            names.append(name)
    return [
        f"{key} of {', '.join(names)}: {why}" if key else f"{', '.join(names)}: {why}"
        for (key, why), names in by_reason.items()
    ]


_Part = TypeVar("_Part")
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
    sources = _Names(
        config.sources,
        lambda each, name: replace(each, name=name),
        lambda: [each.sources for each in otherwise()],
    )
    for source in proposal.sources:
        sources.place(source.name, loaded.sources[source.name])

    def moved(chain: ChainConfig, name: str) -> ChainConfig:
        return replace(
            chain,
            name=name,
            source=sources.new.get(chain.source or "", chain.source),
            continues=chains.new.get(chain.continues or "", chain.continues),
        )

    taken: dict[str, ChainConfig | None] = {**dict.fromkeys(config.fleets), **config.chains}
    chains = _Names(taken, moved, lambda: [each.chains for each in otherwise()])
    for name in _parents_first(loaded.chains):
        chains.place(name, loaded.chains[name])
    renamed = proposal.renamed(sources.new, chains.new)
    return renamed.new_to(sources.there, chains.there), len(chains.there)


class _Names(Generic[_Part]):
    """Finds a name for each part: one that is free, or the one under which it is there already."""

    def __init__(
        self,
        existing: Mapping[str, _Part | None],
        under: Callable[[_Part, str], _Part],
        otherwise: Callable[[], Sequence[Mapping[str, _Part]]],
    ) -> None:
        self.existing = existing
        self.under = under
        self.otherwise = otherwise
        self.new: dict[str, str] = {}
        self.there: set[str] = set()

    def place(self, name: str, value: _Part) -> None:
        candidate, number = name, 2
        while self._taken(candidate, name, value):
            candidate, number = f"{name}-{number}", number + 1
        self.new[name] = candidate
        if self.new[name] in self.existing:
            self.there.add(self.new[name])

    def _taken(self, candidate: str, name: str, value: _Part) -> bool:
        if candidate in self.new.values():
            return True
        if candidate not in self.existing:
            return False
        there = self.existing[candidate]
        if there is None or there == self.under(value, candidate):
            return there is None
        others = (each[name] for each in self.otherwise() if name in each)
        return all(there != self.under(each, candidate) for each in others)


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
