"""What the loader accepts of a proposal, and what of that a config lacks, under names that are free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from rolehop.config.loader import load_config
from rolehop.config.model import ChainConfig, Config
from rolehop.config.schema import Table
from rolehop.errors import ConfigError
from rolehop.files import FileText
from rolehop.importing.proposal import Proposal
from rolehop.importing.proposed_text import HEAD, proposed_text, refused_parts
from rolehop.startup.dataclass import replace

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
