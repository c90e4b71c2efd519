"""Load the config files into one checked ``Config``, or report everything wrong with them at once.

Files are merged in this order: what a file includes, the file itself, the next root. A later one
wins by name (chains, sources, fleets) or by key (``[defaults]``, ``[vault]``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rolehop.config.builder import Builder, Layer, Located
from rolehop.config.chain_rules import ChainRules
from rolehop.config.includes import Document, Gatherer, Read
from rolehop.config.model import ChainConfig, ChainsByName, Config, ConsoleConfig, Defaults
from rolehop.config.problems import Origin, ProblemList, dotted
from rolehop.config.schema import Table
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.config.model import FleetListing, ListedFleet


def load_config(
    roots: Sequence[Path],
    *,
    explicit: bool,
    read: Read,
    source_types: Mapping[str, Table],
    read_listing: Callable[[ListedFleet], FleetListing] | None = None,
) -> Config:
    """Return the config of ``roots`` and everything that they include.

    Args:
        roots: the site's file, then the user's; or the one that was named.
        explicit: the user named the roots, so a missing one is an error.
        read: ``files.read_trusted`` or a replacement; returns ``None`` if there is no file at a
            path.
        source_types: the keys of each source type, besides those all have.
        read_listing: returns what AWS listed for a fleet last, when that is needed; ``None``: there
            is nothing.

    Raises:
        ConfigError: with every problem of every file; of a file with a syntax error, only that.
    """
    problems = ProblemList()
    gatherer = Gatherer(read, problems)
    documents = [gatherer.root(root, explicit=explicit) for root in roots]
    # If a file could not be read, a name that is not defined may be in there.
    complete = not problems
    merger = _Merger(
        Builder(gatherer, problems, source_types, read_listing or _never_listed), problems, {}
    )
    merged = Layer()
    for document in filter(None, documents):
        merged.merge(merger.layer(document))
    config = _config(merged, tuple(gatherer.looked_at))
    origins = {name: each.origin for name, each in merged.sources.items()}
    rules = ChainRules(config, _chain_origins(merged), origins, source_types, problems)
    rules.check(names=complete)
    problems.raise_any()
    return config


@dataclass(frozen=True, slots=True)
class _Merger:
    """Merges documents with those that they include; each is built once."""

    builder: Builder
    problems: ProblemList
    done: dict[str, Layer]

    def layer(self, document: Document) -> Layer:
        if document.file not in self.done:
            self.done[document.file] = self._merge(document)
        return self.done[document.file]

    def _merge(self, document: Document) -> Layer:
        below = Layer()
        for entry, included in document.included:
            layer = self.layer(included)
            self._refuse_twice(below, layer, entry)
            below.merge(layer)
        below.merge(self.builder.layer(document))
        return below

    def _refuse_twice(self, first: Layer, second: Layer, entry: Origin) -> None:
        """Refuse a name that two includes of one file define: neither comes first."""
        known = first.origins()
        for name, origin in second.origins().items():
            other = known.get(name)
            # The same place occurs twice if both include the same third file.
            if other is not None and other != origin:
                self.problems.add(
                    entry, f"{dotted(name)} is in two includes: {other.file} and {origin.file}"
                )


def _config(layer: Layer, files: tuple[str, ...]) -> Config:
    chains = _chains(layer)
    listed = _listed_fleets(layer)
    return Config(
        defaults=_defaults(layer.settings),
        vault_backend=_setting(layer.settings, "vault", "backend"),
        organization_chain=_setting(layer.settings, "organization", "from"),
        console=ConsoleConfig(
            _setting(layer.settings, "console", "browser"),
            _setting(layer.settings, "console", "profile"),
            _setting(layer.settings, "console", "container"),
            bool(_setting(layer.settings, "console", "multi_session")),
        ),
        sources={name: each.value for name, each in layer.sources.items()},
        chains=_by_name(layer) if listed else ChainsByName(chain for chain, _ in chains),
        chain_places={
            name if kind == "chains" else f"{name}/": (each.origin.file, each.origin.place)
            for (kind, name), each in layer.chains.items()
        },
        source_places={
            name: (each.origin.file, each.origin.place) for name, each in layer.sources.items()
        },
        account_names=_account_names(layer, chains),
        listed_fleets=listed,
        fleets={
            name: len(each.value) if isinstance(each.value, tuple) else None
            for (kind, name), each in layer.chains.items()
            if kind == "fleets"
        },
        files=files,
    )


def _account_names(layer: Layer, chains: list[tuple[ChainConfig, Origin]]) -> dict[str, str]:
    named = {
        str(each.value): name
        for (table, name), each in layer.settings.items()
        if table == "accounts"
    }
    of_fleets = {
        chain.account: chain.account_name
        for chain, _ in chains
        if chain.account and chain.account_name
    }
    return {**named, **of_fleets}


def _chains(layer: Layer) -> list[tuple[ChainConfig, Origin]]:
    """Return the chains that the files themselves define."""
    return [
        (chain, each.origin)
        for each in layer.chains.values()
        if isinstance(each.value, tuple)
        for chain in each.value
    ]


def _listed_fleets(layer: Layer) -> dict[str, ListedFleet]:
    found = [each.value for each in layer.chains.values() if not isinstance(each.value, tuple)]
    return {each.name: each for each in found}


def _by_name(layer: Layer) -> Mapping[str, ChainConfig]:
    from rolehop.config.fleets.listed_fleets import ChainsOfFleets

    return ChainsOfFleets(each.value for each in layer.chains.values())


def _never_listed(fleet: ListedFleet) -> FleetListing:
    from rolehop.config.fleets.listed_fleets import NEVER_LISTED

    return NEVER_LISTED


def _chain_origins(layer: Layer) -> dict[str, Origin]:
    """Return the place of each chain by name, and of each fleet by ``FLEET/``."""
    return {
        name if kind == "chains" else f"{name}/": each.origin
        for (kind, name), each in layer.chains.items()
    }


def _defaults(settings: Mapping[tuple[str, str], Located[object]]) -> Defaults:
    base = Defaults()
    name = _setting(settings, "defaults", "session_name")
    return Defaults(
        region=_setting(settings, "defaults", "region"),
        session_name=base.session_name if name is None else name,
        duration_seconds=_seconds(settings, "duration", base.duration_seconds),
        min_ttl_seconds=_seconds(settings, "min_ttl", base.min_ttl_seconds),
    )


def _setting(
    settings: Mapping[tuple[str, str], Located[object]], table: str, key: str
) -> str | None:
    found = settings.get((table, key))
    return None if found is None else cast(str | None, found.value)


def _seconds(settings: Mapping[tuple[str, str], Located[object]], key: str, default: int) -> int:
    found = settings.get(("defaults", key))
    return default if found is None else cast(int, found.value)
