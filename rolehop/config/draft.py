"""A source, a chain and a fleet that are about to be written, and the one writer of them as TOML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rolehop.base.dataclass import dataclass, field
from rolehop.base.durations import written_duration
from rolehop.base.text import clean
from rolehop.config.model import HopConfig
from rolehop.config.toml import Value, toml_key, toml_line


@dataclass(frozen=True, slots=True)
class SourceDraft:
    """One ``[sources.NAME]``."""

    name: str
    settings: Mapping[str, Value]
    """The keys, ``type`` first."""

    comment: str = ""
    """One line above it; empty: none."""

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.settings["type"])


@dataclass(frozen=True, slots=True)
class ChainDraft:
    """One ``[chains.NAME]``: from a source, or from another chain."""

    name: str
    comment: str = ""
    source: str | None = None
    continues: str | None = None
    hops: tuple[HopConfig, ...] = ()
    region: str | None = None
    description: str = ""
    color: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetDraft:
    """One ``[fleets.NAME]``: a chain for each account, which is filled into the source."""

    name: str
    source: str = ""
    accounts: Mapping[str, str] | Sequence[str] = field(default_factory=dict)
    """IDs by name, or IDs."""

    comment: str = ""
    continues: str = ""
    """Instead of a source: the chain that its chains continue."""

    role: str = ""
    """What is assumed in each account; empty: the session of the source."""

    center: str = ""
    """Instead of a source and accounts: that source of Identity Center lists them, and each role."""

    members: tuple[MemberDraft, ...] = ()
    """Instead of accounts: chains with names of their own."""

    region: str | None = None


@dataclass(frozen=True, slots=True)
class MemberDraft:
    """One chain of a fleet that keeps its own name; an Identity Center signs in to it."""

    name: str
    account: str
    role: str
    region: str | None = None
    description: str = ""
    color: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def source_text(source: SourceDraft) -> str:
    """Return the table of a source."""
    lines = (toml_line(key, value) for key, value in source.settings.items())
    return _text(source.comment, f"sources.{toml_key(source.name)}", lines)


def chain_text(chain: ChainDraft) -> str:
    """Return the table of a chain and those of its hops, each with the keys that are set."""
    table = f"chains.{toml_key(chain.name)}"
    return _text(chain.comment, table, _chain_lines(chain, table))


def fleet_text(fleet: FleetDraft) -> str:
    """Return the table of a fleet, and that of its accounts."""
    table = f"fleets.{toml_key(fleet.name)}"
    keys = (
        ("source", fleet.source),
        ("from", fleet.continues),
        ("role", fleet.role),
        ("region", fleet.region),
    )
    lines = [toml_line(key, value) for key, value in keys if value]
    if fleet.center:
        lines.append(toml_line("accounts", {"identity_center": fleet.center, "role": "*"}))
    elif fleet.members:
        lines += [f"[{table}.chains]", *map(member_line, fleet.members)]
    elif not isinstance(fleet.accounts, Mapping):
        lines.append(toml_line("accounts", fleet.accounts))
    else:
        accounts = (toml_line(toml_key(name), each) for name, each in fleet.accounts.items())
        lines += [f"[{table}.accounts]", *accounts]
    return _text(fleet.comment, table, lines)


def member_line(member: MemberDraft) -> str:
    """Return the line of one chain of a fleet."""
    own = (
        ("region", member.region),
        ("description", member.description or None),
        ("color", member.color),
        ("labels", member.labels or None),
    )
    settings = [toml_line(key, value) for key, value in own if value is not None]
    if not settings:
        return toml_line(toml_key(member.name), f"{member.account}/{member.role}")
    where = (toml_line("account", member.account), toml_line("role", member.role))
    return f"{toml_key(member.name)} = {{ {', '.join((*where, *settings))} }}"


def _text(comment: str, table: str, lines: Iterable[str]) -> str:
    above = [f"# {clean(comment)}"] if comment else []
    return "".join(f"{each}\n" for each in (*above, f"[{table}]", *lines))


def _chain_lines(chain: ChainDraft, table: str) -> Iterator[str]:
    for key, value in (
        ("description", chain.description or None),
        ("source", chain.source),
        ("from", chain.continues),
        ("region", chain.region),
        ("color", chain.color),
        ("labels", chain.labels or None),
    ):
        if value is not None:
            yield toml_line(key, value)
    for hop in chain.hops:
        yield f"[[{table}.hops]]"
        yield from _hop_lines(hop)


def _hop_lines(hop: HopConfig) -> Iterator[str]:
    yield toml_line("role", hop.role)
    for key, text in (
        ("session_name", hop.session_name),
        ("external_id", hop.external_id),
        ("source_identity", hop.source_identity),
        ("policy", hop.policy),
        ("mfa_serial", hop.mfa_serial),
    ):
        if text is not None:
            yield toml_line(key, text)
    if hop.duration_seconds is not None:
        yield toml_line("duration", written_duration(hop.duration_seconds))
    if hop.tags:
        yield toml_line("tags", dict(hop.tags))
    for key, texts in (("transitive_tags", hop.transitive_tags), ("policy_arns", hop.policy_arns)):
        if texts:
            yield toml_line(key, texts)
