"""What ``config init`` adds to a config that is there: under free names, from the sources that it has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.config_files import replace_config, with_more
from rolehop.app.host import read_file
from rolehop.app.ports import Choice
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.files import is_there
from rolehop.base.text import clean
from rolehop.commands.config.importing.found_files import ConfigImport
from rolehop.commands.config.importing.names import told_apart
from rolehop.commands.config.init.drafts import ConfigDraft, Draft, FirstChain, center_name
from rolehop.config.draft import FleetDraft, SourceDraft
from rolehop.config.model import Config

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.base.files import FileText
    from rolehop.config.toml import Value


@dataclass(frozen=True, slots=True)
class OwnConfig:
    """The user's config as it is while the questions are asked."""

    path: Path
    old: FileText | None
    """``None``: there is no file yet."""

    config: Config
    """Of all files, the site's and those that are included."""

    @classmethod
    def of(cls, app: App, path: Path) -> OwnConfig:
        """Read it.

        Raises:
            ConfigError: it is broken.
        """
        old = read_file(path) if is_there(path) else None
        return cls(path, old, Config() if old is None else app.config)

    def text_with(self, draft: Draft) -> str:
        """Return the whole text of the file with ``draft``, which has free names."""
        if isinstance(draft, ConfigImport) or self.old is None:
            return draft.text
        return with_more(self.old.text, draft.more_text)

    def save(self, app: App, draft: Draft) -> Path:
        """Write the file with ``draft``; return where it is, links followed.

        Raises:
            ConfigError: it has changed since it was read, or cannot be written.
        """
        return replace_config(app, self.path, self.old, self.text_with(draft))

    def fitted(self, draft: Draft) -> Draft:
        """Return ``draft`` under names that are free, from a source that is there if it is alike."""
        if self.old is None or isinstance(draft, ConfigImport):
            return draft
        if isinstance(draft, FirstChain):
            return self.fitted_chain(draft)
        there = {each.name: self._alike(each) for each in draft.sources}
        sources = {
            name: found or told_apart(name, self.config.sources) for name, found in there.items()
        }
        new = (each for each in draft.sources if there[each.name] is None)
        return replace(
            draft,
            sources=tuple(replace(each, name=sources[each.name]) for each in new),
            fleets=tuple(self._fitted_fleet(each, sources) for each in draft.fleets),
        )

    def fitted_chain(self, draft: FirstChain) -> FirstChain:
        """Return the same of one chain."""
        taken = {*self.config.chains, *self.config.fleets}
        if draft.chain in taken:
            draft = replace(draft, name=told_apart(draft.chain, taken))
        if draft.continues or draft.source_is_there:
            return draft
        found = self._alike(draft.source)
        name = found or told_apart(draft.source.name, self.config.sources)
        source = replace(draft.source, name=name)
        return replace(draft, source=source, source_is_there=found is not None)

    def _fitted_fleet(self, fleet: FleetDraft, sources: Mapping[str, str]) -> FleetDraft:
        taken = {*self.config.chains, *self.config.fleets}
        return replace(
            fleet,
            name=told_apart(fleet.name, taken),
            source=sources.get(fleet.source, fleet.source),
            center=sources.get(fleet.center, fleet.center),
        )

    def _alike(self, source: SourceDraft) -> str | None:
        """Return what the config calls a source that is like this one."""
        for name, each in self.config.sources.items():
            if {"type": each.type, **each.settings} == dict(source.settings):
                return name
        return None


# ---- what there is to go on from


def chain_choices(config: Config) -> Iterator[tuple[str, Choice]]:
    """Give the chains that another one may continue."""
    for name, chain in config.chains.items():
        if chain.scope is None:
            detail = clean(chain.hops[-1].role if chain.hops else chain.description)
            yield name, Choice(f"Chain {clean(name)}", "", detail, "", labels=(name,))


def source_choices(config: Config) -> Iterator[tuple[str, Choice]]:
    """Give the sources that a chain may start from, as they are."""
    for name, source in config.sources.items():
        if not _asks(source.settings, source.type):
            yield name, Choice(f"Source {clean(name)}", "", source.type, "", labels=(name,))


def _asks(settings: Mapping[str, object], kind: str) -> bool:
    """True if it has no account and role, which only a fleet fills in."""
    of_fleet = any("{account}" in each for each in settings.values() if isinstance(each, str))
    return of_fleet or (kind == "identity-center" and "account" not in settings)


def chain_from(config: Config, chain: str) -> FirstChain:
    """Return the draft of a chain that continues one of the config."""
    return FirstChain(
        SourceDraft(chain, {"type": "chain"}), f"chain {clean(chain)}", chain, continues=chain
    )


def chain_from_source(config: Config, source: str) -> FirstChain:
    """Return the draft of a chain that starts from a source of the config."""
    found = config.sources[source]
    return FirstChain(
        SourceDraft(source, {"type": found.type}),
        f"source {clean(source)}",
        source,
        source_is_there=True,
    )


def fleet_of_center(center: Mapping[str, Value], taken: Collection[str]) -> ConfigDraft:
    """Return a fleet of all accounts and roles that an Identity Center assigns, kept current.

    ``center``: ``type`` and the keys that say which it is.
    """
    name = center_name(center)
    return ConfigDraft((SourceDraft(name, center),), fleets=(whole_fleet(name, taken),))


def whole_fleet(center: str, taken: Collection[str]) -> FleetDraft:
    """Return a fleet of all that the source ``center`` assigns, called as that, or like it."""
    return FleetDraft(f"{center}-all" if center in taken else center, center=center)
