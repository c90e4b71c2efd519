"""A first config as far as it is answered, and its text, with examples that are commented out."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping

from rolehop.base.dataclass import dataclass, field, replace
from rolehop.commands.config.importing.found_files import ConfigImport
from rolehop.commands.config.importing.names import name_of_center, names_of, told_apart
from rolehop.config.draft import (
    ChainDraft,
    FleetDraft,
    SourceDraft,
    chain_text,
    fleet_text,
    source_text,
)
from rolehop.config.model import HopConfig
from rolehop.config.toml import Value, toml_key, toml_line, toml_text
from rolehop.config.value_types import slug


@dataclass(frozen=True, slots=True)
class ConfigDraft:
    """The parts of a first config; they are checked when the text is loaded."""

    sources: tuple[SourceDraft, ...]
    chains: tuple[ChainDraft, ...] = ()
    fleets: tuple[FleetDraft, ...] = ()
    region: str | None = None
    accounts: Mapping[str, str] = field(default_factory=dict)
    """IDs by name, to be shown beside the IDs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its chains; none: AWS lists them."""
        of_fleets = (f"{each.name}/{name}" for each in self.fleets for name in each.accounts)
        return (*(each.name for each in self.chains), *of_fleets)

    @property
    def text(self) -> str:
        """The text of the config file."""
        return starter_text(self)

    @property
    def more_text(self) -> str:
        """The text of its parts, for a config that is there: what all chains share is its own."""
        sources = (source_text(replace(each, comment="")) for each in self.sources)
        chains = (chain_text(replace(each, region=self.region)) for each in self.chains)
        fleets = (fleet_text(replace(each, region=self.region)) for each in self.fleets)
        return "\n".join((*sources, *chains, *fleets))


_HEAD = """\
# rolehop: where you start from (sources) and where you go (chains).
# Every key with its type, limit and default: rolehop config reference
# After an edit: rolehop config check
version = 1
"""

_ABOUT = {
    "keys": "IAM user keys, kept in the keyring: rolehop keys add {source}",
    "profile": "Any profile of ~/.aws/config.",
    "environment": "AWS_ACCESS_KEY_ID and the other variables, as they are when rolehop starts.",
    "identity-center": "A sign-in to IAM Identity Center: rolehop source login {source}",
    "instance": "The role of this EC2 instance.",
    "container": "The role of this ECS task or EKS pod.",
    "web-identity": "A role that trusts an OpenID Connect token.",
    "saml": "A role that trusts an identity provider's SAML assertion.",
    "roles-anywhere": "A role that trusts a certificate.",
    "process": "Another program that prints credentials.",
}

_MFA = """\
# mfa_serial = "auto"           # or the ARN of the device
# mfa_command = "ykman oath accounts code --single aws"   # else you are asked
"""

_EXTERNAL_ID = """\
# external_id = "x-42"          # where the role's trust policy asks for one
"""

_DURATION = """\
# duration = "1h"               # 15 min to 12 h; 1 h at most once chained
"""

_MORE = """\
# A chain that continues another shares its sessions:
# [chains.{other}]
# description = "Admin in prod"
# from = {chain}
# confirm = true                # asks before it hands the session over
# color = "red"
# labels = {{ env = "prod" }}
# [[chains.{other}.hops]]
# role = "333333333333:role/Admin"

# One chain for each account, {fleet}/444444444444 and so on:
# [fleets.{fleet}]
# from = {chain}
# role = "{{account}}:role/Audit"
# accounts = ["444444444444", "555555555555"]   # or as AWS lists them: {{ organization = {chain} }}
"""

_EXAMPLE = ConfigDraft(
    (SourceDraft("me", {"type": "keys"}),),
    (ChainDraft("hub", source="me", hops=(HopConfig("arn:aws:iam::222222222222:role/Hub"),)),),
    region="eu-west-1",
)


def starter_text(config: ConfigDraft | None = None) -> str:
    """Return the text of a config file that loads without a problem.

    With ``config`` it is ready to use; without, everything but ``version`` is commented out, and
    removing the ``#`` from the beginning of a part's lines makes that part work.
    """
    given = config or _EXAMPLE
    live = list(_parts(given))
    if config is None:
        live = [_commented(part) for part in live]
    return "\n".join([_HEAD, *live, _more(given)])


def _more(config: ConfigDraft) -> str:
    """Return examples of a chain and a fleet more, under names that are not taken."""
    if not config.names:
        return ""
    taken = {each.name for each in config.chains} | {each.name for each in config.fleets}
    other, fleet = _free_name("prod-admin", taken), _free_name("spokes", taken)
    return _MORE.format(chain=toml_text(config.names[0]), other=other, fleet=fleet)


def _free_name(wanted: str, taken: Container[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _parts(config: ConfigDraft) -> Iterator[str]:
    yield _defaults(config.region)
    if config.accounts:
        yield _accounts(config.accounts)
    yield from map(_source, config.sources)
    yield from map(_chain, config.chains)
    yield from map(_fleet, config.fleets)


def _defaults(region: str | None) -> str:
    line = f"region = {toml_text(region)}" if region else '# region = "eu-west-1"'
    return (
        f"[defaults]\n{line}\n"
        '# session_name = "{user}@{host}"   # your name in CloudTrail\n'
        '# duration = "1h"\n'
        '# min_ttl = "16m"               # never hand out less than this\n'
    )


def _accounts(accounts: Mapping[str, str]) -> str:
    lines = ["# Names that are shown beside account IDs.", "[accounts]"]
    lines += [toml_line(toml_key(name), each) for name, each in accounts.items()]
    return "".join(f"{each}\n" for each in lines)


def _source(source: SourceDraft) -> str:
    about = _ABOUT[source.type].format(source=source.name)
    more = _MFA if source.type == "keys" and "mfa_serial" not in source.settings else ""
    return source_text(replace(source, comment=about)) + more


def _chain(chain: ChainDraft) -> str:
    about = "Each hop is one AssumeRole, made with the session of the hop before."
    if not chain.hops:
        about = "Without a hop it hands out the session of its source."
    return chain_text(replace(chain, comment=about)) + _of_last_hop(chain.hops)


def _of_last_hop(hops: tuple[HopConfig, ...]) -> str:
    """Return examples of what the last hop could have besides."""
    if not hops:
        return ""
    external_id = _EXTERNAL_ID if hops[-1].external_id is None else ""
    return external_id + (_DURATION if hops[-1].duration_seconds is None else "")


def _fleet(fleet: FleetDraft) -> str:
    if fleet.center:
        about = f"A chain {fleet.name}/ACCOUNT/ROLE for each of yours: rolehop fleet refresh {fleet.name}"
    else:
        first = next(iter(fleet.accounts))
        about = f"One chain for each account: {fleet.name}/{first} and so on."
    return fleet_text(replace(fleet, comment=about))


def _commented(part: str) -> str:
    """Comment out every line that is not a comment yet."""
    return "".join(
        line if line.startswith("#") or not line.strip() else f"# {line}"
        for line in part.splitlines(keepends=True)
    )


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


def source_of_type(settings: Mapping[str, Value]) -> SourceDraft:
    """Return a source under the usual name of its type."""
    return SourceDraft(SOURCE_NAMES[str(settings["type"])], settings)


@dataclass(frozen=True, slots=True)
class FirstChain:
    """One chain from one source, while it is asked for."""

    source: SourceDraft
    origin: str
    """Where it starts, for people."""

    usual_name: str
    """The chain's name as long as nobody names it and it has no hop."""

    hops: tuple[HopConfig, ...] = ()
    name: str | None = None
    """As it was chosen."""

    region: str | None = None
    continues: str | None = None
    """The chain of the config that it goes on from; its source is then that one's."""

    source_is_there: bool = False
    """The config has the source already."""

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
        return self._parts.text

    @property
    def more_text(self) -> str:
        """The text of its parts, for a config that is there."""
        return self._parts.more_text

    @property
    def _parts(self) -> ConfigDraft:
        source = None if self.continues else self.source.name
        chain = ChainDraft(self.chain, source=source, continues=self.continues, hops=self.hops)
        sources = () if self.continues or self.source_is_there else (self.source,)
        return ConfigDraft(sources, (chain,), region=self.region)

    def with_last_hop(self, hop: HopConfig) -> FirstChain:
        """Return it with another last hop."""
        return replace(self, hops=(*self.hops[:-1], hop))

    def with_setting(self, key: str, value: Value) -> FirstChain:
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


Draft = FirstChain | ConfigDraft | ConfigImport


def draft_of_roles(
    center: Mapping[str, Value], origin: str, roles: tuple[PickedRole, ...]
) -> FirstChain | ConfigDraft:
    """Return what becomes of the roles that were picked.

    One is a chain, which may go on; of many, each is a fleet of the accounts in which it was picked.

    Args:
        center: ``type`` and the keys that say which Identity Center it is.
        origin: what that is called, for people.
        roles: at least one.
    """
    if len(roles) == 1:
        return draft_of_role(center, origin, roles[0])
    base, accounts = center_name(center), account_names(roles)
    sources, fleets = list[SourceDraft](), list[FleetDraft]()
    for role, name in names_of_lower(dict.fromkeys(each.role for each in roles)).items():
        source = f"{base}-{name}"
        sources.append(SourceDraft(source, {**center, "account": "{account}", "role": role}))
        picked = {accounts[each.account]: each.account for each in roles if each.role == role}
        fleets.append(FleetDraft(name, source, picked))
    return ConfigDraft(tuple(sources), fleets=tuple(fleets))


def draft_of_role(center: Mapping[str, Value], origin: str, picked: PickedRole) -> FirstChain:
    """Return the draft of a chain that starts from a role of an Identity Center."""
    settings = {**center, "account": picked.account, "role": picked.role}
    place = account_names([picked])[picked.account]
    return FirstChain(
        SourceDraft(center_name(center), settings),
        f"{picked.role} in {picked.account_name or picked.account} ({origin})",
        f"{place}-{slug(picked.role).lower()}",
    )


def center_name(center: Mapping[str, Value]) -> str:
    """Return the name of an Identity Center's source: that of its session, or of its portal."""
    session = center.get("sso_session")
    if session:
        return slug(str(session))
    return name_of_center(str(center.get("start_url", "")))


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
