"""What an importer proposes: sources, chains, what could not be carried, which keys are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rolehop.config.model import HopConfig
from rolehop.startup.dataclass import dataclass, field, replace

Setting = str | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class ProposedSource:
    """One ``[sources.NAME]``."""

    name: str
    """As the tool has it, until ``named`` has made it one that a config can have."""

    settings: Mapping[str, Setting]
    """The keys, ``type`` first."""

    origin: str
    """What it was made of, for a comment."""


@dataclass(frozen=True, slots=True)
class ProposedChain:
    """One ``[chains.NAME]``: from a source, or from another chain."""

    name: str
    origin: str
    source: str | None = None
    continues: str | None = None
    hops: tuple[HopConfig, ...] = ()
    region: str | None = None
    description: str = ""
    color: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


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

    sources: tuple[ProposedSource, ...] = ()
    chains: tuple[ProposedChain, ...] = ()
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
                gone[each.name] = "what it starts from was not carried"
                lost.append(NotCarried(f"chain {each.name}", gone[each.name]))
        kept = tuple(each for each in self.chains if each.name not in gone)
        return self._used(kept, sources, lost)

    def of_unread_files(self) -> Proposal:
        """Return what is left if AWS's tools do not read the AWS files here.

        A source that asks a profile has none, and a command that prints a profile's keys would
        print those of another profile of that name.
        """
        why = "it may have a secret in it, or a sign-in, and AWS's tools do not read that file here"
        gone = {each.name: why for each in self.sources if each.settings["type"] == "profile"}
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
        chains: tuple[ProposedChain, ...],
        gone: Mapping[str, str],
        lost: Iterable[NotCarried],
    ) -> Proposal:
        used = {each.source for each in chains}
        sources = tuple(each for each in self.sources if each.name in used - gone.keys())
        names = {each.name for each in sources}
        keys = tuple(each for each in self.keys if each.source in names)
        return Proposal(sources, chains, (*self.lost, *lost), keys)


def _rests(chain: ProposedChain, sources: Mapping[str, str], chains: Mapping[str, str]) -> bool:
    return chain.source in sources or chain.continues in chains
