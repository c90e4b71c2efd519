"""A first config as far as it is answered: one chain, roles of Identity Center, or an import."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rolehop.config.starter import (
    StarterChain,
    StarterConfig,
    StarterFleet,
    StarterSource,
    starter_text,
)
from rolehop.importing.names import names_of, slug, told_apart
from rolehop.startup.dataclass import dataclass, replace

if TYPE_CHECKING:
    from rolehop.app.importing.proposing import ConfigImport
    from rolehop.config.model import HopConfig
    from rolehop.config.starter import Setting

SOURCE_NAMES = {
    "keys": "me",
    "profile": "aws",
    "environment": "env",
    "instance": "ec2",
    "container": "container",
    "web-identity": "oidc",
    "saml": "saml",
    "roles-anywhere": "certificate",
    "process": "process",
}
"""What a source of each type is called, unless it has a name of its own."""

KEYS_THAT_MAY_NEED_MFA = ("keys", "profile", "environment")
"""The types of source that may give IAM user keys, which alone carry MFA."""


def source_of_type(settings: Mapping[str, Setting]) -> StarterSource:
    """Return a source under the usual name of its type."""
    return StarterSource(SOURCE_NAMES[str(settings["type"])], settings)


@dataclass(frozen=True, slots=True)
class ChainDraft:
    """One chain from one source."""

    source: StarterSource
    origin: str
    """Where it starts, for people."""

    usual_name: str
    """The chain's name as long as nobody names it and it has no hop."""

    hops: tuple[HopConfig, ...] = ()
    name: str | None = None
    """As it was chosen."""

    region: str | None = None

    @property
    def chain(self) -> str:
        """The chain's name: chosen, else that of its last role."""
        if self.name is not None:
            return self.name
        return slug(self.hops[-1].role.rpartition("/")[2] if self.hops else self.usual_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the chains."""
        return (self.chain,)

    @property
    def text(self) -> str:
        """The text of the config file."""
        chain = StarterChain(self.chain, self.source.name, self.hops)
        return starter_text(StarterConfig((self.source,), (chain,), region=self.region))

    def with_last_hop(self, hop: HopConfig) -> ChainDraft:
        """Return it with another last hop."""
        return replace(self, hops=(*self.hops[:-1], hop))

    def with_setting(self, key: str, value: Setting) -> ChainDraft:
        """Return it with another value of a key of its source; without the key if it is empty."""
        settings = {**self.source.settings, key: value}
        if not value:
            del settings[key]
        return replace(self, source=replace(self.source, settings=settings))


@dataclass(frozen=True, slots=True)
class PickedRole:
    """A role that Identity Center assigns to the person."""

    account: str
    account_name: str
    """AWS's own name for it; may be empty, and need not be one that a config may have."""

    role: str


@dataclass(frozen=True, slots=True)
class PickedDraft:
    """Many roles of one Identity Center: a fleet for each, of the accounts in which it was picked."""

    center: Mapping[str, Setting]
    """``type`` and the keys that say which Identity Center it is."""

    roles: tuple[PickedRole, ...]
    region: str | None = None

    @property
    def config(self) -> StarterConfig:
        """What is written."""
        found = dict.fromkeys(each.role for each in self.roles)
        base = center_name(self.center)
        fleet_names = names_of_lower(found)
        accounts = account_names(self.roles)
        sources, fleets = list[StarterSource](), list[StarterFleet]()
        for role, name in fleet_names.items():
            source = StarterSource(
                f"{base}-{name}", {**self.center, "account": "{account}", "role": role}
            )
            picked = [each.account for each in self.roles if each.role == role]
            sources.append(source)
            fleets.append(
                StarterFleet(name, source.name, {accounts[each]: each for each in picked})
            )
        return StarterConfig(tuple(sources), fleets=tuple(fleets), region=self.region)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the chains."""
        return self.config.names

    @property
    def text(self) -> str:
        """The text of the config file."""
        return starter_text(self.config)


@dataclass(frozen=True, slots=True)
class ImportDraft:
    """The chains of another tool, or all AWS profiles."""

    planned: ConfigImport

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the chains."""
        return self.planned.chains

    @property
    def text(self) -> str:
        """The text of the config file."""
        return self.planned.new


Draft = ChainDraft | PickedDraft | ImportDraft


def draft_of_roles(
    center: Mapping[str, Setting], origin: str, roles: tuple[PickedRole, ...]
) -> ChainDraft | PickedDraft:
    """Return what becomes of the roles that were picked: one is a chain, which may go on."""
    return PickedDraft(center, roles) if len(roles) > 1 else draft_of_role(center, origin, roles[0])


def draft_of_role(center: Mapping[str, Setting], origin: str, picked: PickedRole) -> ChainDraft:
    """Return the draft of a chain that starts from a role of an Identity Center."""
    settings = {**center, "account": picked.account, "role": picked.role}
    place = account_names([picked])[picked.account]
    return ChainDraft(
        StarterSource(center_name(center), settings),
        f"{picked.role} in {picked.account_name or picked.account} ({origin})",
        f"{place}-{slug(picked.role).lower()}",
    )


def center_name(center: Mapping[str, Setting]) -> str:
    """Return the name of an Identity Center's source: that of its session, or of its portal."""
    session = center.get("sso_session")
    if session:
        return slug(str(session))
    host = urlsplit(str(center.get("start_url", ""))).hostname or ""
    first = host.partition(".")[0]
    # An Identity Center without an alias is called by its directory: d-1234567890.
    return "sso" if not first or first.startswith("d-") or first.isdecimal() else slug(first)


def account_names(roles: Iterable[PickedRole]) -> dict[str, str]:
    """Return a name for each account, by ID: AWS's own in small letters, none twice, none an ID."""
    found = dict[str, str]()
    for each in roles:
        if each.account not in found:
            name = slug(each.account_name).lower() if each.account_name.strip() else ""
            usable = name if name and not name.isdecimal() else f"account-{each.account}"
            found[each.account] = told_apart(usable, found.values())
    return found


def names_of_lower(roles: Collection[str]) -> dict[str, str]:
    """Return a name in small letters for each role, none twice."""
    found = dict[str, str]()
    for role, name in names_of(roles).items():
        found[role] = told_apart(name.lower(), found.values())
    return found
