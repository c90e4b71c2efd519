"""Write a first config: of what was answered, or as a commented example to edit."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from rolehop.config.model import HopConfig
from rolehop.config.toml_writer import hop_lines, toml_key, toml_line, toml_text
from rolehop.startup.dataclass import dataclass, field

Setting = str | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class StarterSource:
    """One ``[sources.NAME]``."""

    name: str
    settings: Mapping[str, Setting]
    """``type`` first."""

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.settings["type"])


@dataclass(frozen=True, slots=True)
class StarterChain:
    """One ``[chains.NAME]``."""

    name: str
    source: str
    hops: tuple[HopConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class StarterFleet:
    """One ``[fleets.NAME]``: a chain for each account, which is filled into the source."""

    name: str
    source: str
    accounts: Mapping[str, str]
    """IDs by name."""


@dataclass(frozen=True, slots=True)
class StarterConfig:
    """The parts of a first config; they are checked when the text is loaded."""

    sources: tuple[StarterSource, ...]
    chains: tuple[StarterChain, ...] = ()
    fleets: tuple[StarterFleet, ...] = ()
    region: str | None = None
    accounts: Mapping[str, str] = field(default_factory=dict)
    """IDs by name, to be shown beside the IDs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its chains, at least one."""
        of_fleets = (f"{each.name}/{name}" for each in self.fleets for name in each.accounts)
        return (*(each.name for each in self.chains), *of_fleets)


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

_EXAMPLE = StarterConfig(
    (StarterSource("me", {"type": "keys"}),),
    (StarterChain("hub", "me", (HopConfig("arn:aws:iam::222222222222:role/Hub"),)),),
    region="eu-west-1",
)


def starter_text(config: StarterConfig | None = None) -> str:
    """Return the text of a config file that loads without a problem.

    With ``config`` it is ready to use; without, everything but ``version`` is commented out, and
    removing the ``#`` from the beginning of a part's lines makes that part work.
    """
    given = config or _EXAMPLE
    live = list(_parts(given))
    if config is None:
        live = [_commented(part) for part in live]
    return "\n".join([_HEAD, *live, _more(given)])


def _more(config: StarterConfig) -> str:
    """Return examples of a chain and a fleet more, under names that are not taken."""
    taken = {each.name for each in config.chains} | {each.name for each in config.fleets}
    other, fleet = _free_name("prod-admin", taken), _free_name("spokes", taken)
    return _MORE.format(chain=toml_text(config.names[0]), other=other, fleet=fleet)


def _free_name(wanted: str, taken: Container[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _parts(config: StarterConfig) -> Iterator[str]:
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
    return _text([*lines, *(toml_line(toml_key(name), each) for name, each in accounts.items())])


def _source(source: StarterSource) -> str:
    about = _ABOUT[source.type].format(source=source.name)
    lines = [f"# {about}", f"[sources.{toml_key(source.name)}]"]
    for key, value in source.settings.items():
        if isinstance(value, bool):
            lines.append(f"{key} = {'true' if value else 'false'}")
        else:
            lines.append(toml_line(key, value))
    more = _MFA if source.type == "keys" and "mfa_serial" not in source.settings else ""
    return _text(lines) + more


def _chain(chain: StarterChain) -> str:
    table = f"chains.{toml_key(chain.name)}"
    lines = ["# Each hop is one AssumeRole, made with the session of the hop before."]
    if not chain.hops:
        lines = ["# Without a hop it hands out the session of its source."]
    lines += [f"[{table}]", f"source = {toml_text(chain.source)}"]
    for hop in chain.hops:
        lines += [f"[[{table}.hops]]", *hop_lines(hop)]
    return _text(lines) + _of_last_hop(chain.hops)


def _of_last_hop(hops: tuple[HopConfig, ...]) -> str:
    """Return examples of what the last hop could have besides."""
    if not hops:
        return ""
    external_id = _EXTERNAL_ID if hops[-1].external_id is None else ""
    return external_id + (_DURATION if hops[-1].duration_seconds is None else "")


def _fleet(fleet: StarterFleet) -> str:
    table, first = f"fleets.{toml_key(fleet.name)}", next(iter(fleet.accounts))
    return _text(
        [
            f"# One chain for each account: {fleet.name}/{first} and so on.",
            f"[{table}]",
            f"source = {toml_text(fleet.source)}",
            f"[{table}.accounts]",
            *(toml_line(toml_key(name), account) for name, account in fleet.accounts.items()),
        ]
    )


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{each}\n" for each in lines)


def _commented(part: str) -> str:
    """Comment out every line that is not a comment yet."""
    return "".join(
        line if line.startswith("#") or not line.strip() else f"# {line}"
        for line in part.splitlines(keepends=True)
    )
