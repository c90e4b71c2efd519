"""Load the config files into one checked ``Config``, or report everything wrong with them at once.

Files are merged in this order: what a file includes, the file itself, the next root. A later one
wins by name (chains, sources, fleets) or by key (``[defaults]``, ``[vault]``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.text import quoted
from rolehop.config import sts_limits, value_types
from rolehop.config.chain_rules import ChainRules
from rolehop.config.includes import Document, Gatherer, Read, command_beside
from rolehop.config.model import (
    ChainConfig,
    ChainsByName,
    Config,
    ConsoleConfig,
    Defaults,
    FleetListing,
    HistoryConfig,
    HopConfig,
    ListedFleet,
    ScopeConfig,
    SourceConfig,
)
from rolehop.config.schema import FLEET, HOP, MEMBER, NAMED, SINGLE, SOURCE, TOP, Table
from rolehop.config.validation import Origin, ProblemList, Values, check_name, check_table, dotted

if TYPE_CHECKING:
    from rolehop.config.account_query import AccountQuery

Chains = tuple[ChainConfig, ...] | ListedFleet
ReadListing = Callable[[ListedFleet], FleetListing]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Located(Generic[T]):
    """A value and its place in a file."""

    value: T
    origin: Origin


@dataclass(frozen=True, slots=True)
class Layer:
    """The content of one document, or of several merged ones."""

    settings: dict[tuple[str, str], Located[object]] = field(default_factory=dict)
    """By table and key: ``("defaults", "region")``."""

    sources: dict[str, Located[SourceConfig]] = field(default_factory=dict)
    chains: dict[tuple[str, str], Located[Chains]] = field(default_factory=dict)
    """``("chains", NAME)``: one chain; ``("fleets", NAME)``: the fleet's members, or a listed fleet."""

    def merge(self, other: Layer) -> None:
        """Take everything of ``other``, which wins."""
        self.settings.update(other.settings)
        self.sources.update(other.sources)
        self.chains.update(other.chains)

    def origins(self) -> dict[tuple[str, str], Origin]:
        """Return the place of each thing, by table and name."""
        return {
            **{key: each.origin for key, each in self.settings.items()},
            **{("sources", name): each.origin for name, each in self.sources.items()},
            **{key: each.origin for key, each in self.chains.items()},
        }


@dataclass(frozen=True, slots=True)
class Builder:
    """Checks documents and builds their layers."""

    gatherer: Gatherer
    problems: ProblemList
    source_types: Mapping[str, Table]
    read_listing: ReadListing
    """Reads which accounts AWS listed for a fleet; called when a chain of it is needed."""

    def layer(self, document: Document) -> Layer:
        """Return the layer of ``document`` itself, without what it includes."""
        layer, top = Layer(), Origin(document.file)
        known = [*(key.name for key in TOP.keys), *SINGLE, *NAMED, "accounts"]
        for name, found in document.data.items():
            origin = top.at(name)
            if name in SINGLE:
                for key, value in check_table(SINGLE[name], found, origin, self.problems).items():
                    layer.settings[name, key] = Located(value, origin.at(key))
            elif name == "accounts":
                self._account_names(layer, found, origin)
            elif name not in NAMED:
                self.problems.add(origin, _unknown_table(name, known))
            elif not isinstance(found, dict):
                self.problems.add(origin, f"must hold tables: [{name}.NAME]")
            else:
                self._named(layer, document, origin, found)
        return layer

    def _account_names(self, layer: Layer, found: object, origin: Origin) -> None:
        """Take ``[accounts]``: the names of accounts of any chain."""
        if not isinstance(found, dict):
            self.problems.add(origin, f"must be a table, not {value_types.kind_of(found)}")
            return
        try:
            named = cast(value_types.NamedAccounts, value_types.ACCOUNTS.run(found))
        except ValueError as error:
            self.problems.add_error(origin, error)
            return
        for account, name in named:
            layer.settings["accounts", name] = Located(account, origin.at(name))

    def _named(
        self, layer: Layer, document: Document, origin: Origin, found: dict[str, object]
    ) -> None:
        for name, table in found.items():
            here, kind = origin.at(name), str(origin.place[0])
            if not check_name(name, here, self.problems):
                continue
            if kind == "sources":
                layer.sources[name] = Located(self._source(name, table, here, document), here)
            elif kind == "chains":
                chain = self._chain(name, table, here, document)
                layer.chains[kind, name] = Located((chain,), here)
            else:
                layer.chains[kind, name] = Located(self._fleet(name, table, here, document), here)

    def _source(self, name: str, found: object, origin: Origin, document: Document) -> SourceConfig:
        kind = found.get("type") if isinstance(found, dict) else None
        own = self.source_types.get(kind) if isinstance(kind, str) else None
        if own is None:
            self._without_type(kind, found, origin)
            return SourceConfig(name=name, type="")
        table = _source_table(own)
        values = check_table(table, found, origin, self.problems)
        values |= self._paths(table, values, origin, document)
        common = {key.name for key in SOURCE.keys}
        return SourceConfig(
            name=name,
            type=str(kind),
            settings={key: value for key, value in values.items() if key not in common},
            description=_text(values, "description") or "",
            region=_text(values, "region"),
            principal=_text(values, "principal"),
        )

    def _paths(self, table: Table, values: Values, origin: Origin, document: Document) -> Values:
        """Return the paths among the values in full; they are relative to the file that has them."""
        found: Values = {}
        for key in table.keys:
            written = values.get(key.name)
            if key.check is value_types.PATH and isinstance(written, str):
                path = self.gatherer.beside(document.folder, written, origin.at(key.name))
                found[key.name] = str(path)
            elif key.check is value_types.COMMAND and isinstance(written, tuple):
                found[key.name] = command_beside(document.folder, written)
        return found

    def _without_type(self, kind: object, found: object, origin: Origin) -> None:
        """Report a source whose type is missing or unknown; its keys cannot be checked."""
        if isinstance(found, dict) and "type" not in found and self._mistyped(found, origin):
            return
        if not isinstance(found, dict) or not isinstance(kind, str):
            only_common = {"type": kind} if isinstance(found, dict) and "type" in found else {}
            checked = only_common if isinstance(found, dict) else found
            check_table(SOURCE, checked, origin, self.problems)
            return
        self.problems.add(
            origin.at("type"), f"unknown source type {quoted(kind)}{self._type_hint(kind)}"
        )

    def _type_hint(self, kind: str) -> str:
        plain = kind.casefold().replace("_", "-").replace(" ", "-")
        meant = _OTHER_TYPES.get(plain, plain)
        if meant in self.source_types:
            return f'; write type = "{meant}"'
        from rolehop.base.text import did_you_mean

        listed = f"; known here: {', '.join(self.source_types)}"
        return did_you_mean(kind, self.source_types) or listed

    def _mistyped(self, found: dict[str, object], origin: Origin) -> bool:
        """Report keys that may be a misspelt ``type``; True if there are any."""
        from rolehop.base.text import did_you_mean

        meant = {name: hint for name in found if (hint := did_you_mean(name, ["type"]))}
        for name, hint in meant.items():
            self.problems.add(origin.at(name), f"unknown key{hint}")
        return bool(meant)

    def _chain(self, name: str, found: object, origin: Origin, document: Document) -> ChainConfig:
        values = check_table(NAMED["chains"], found, origin, self.problems)
        self._check_start(found, origin)
        tables = cast(list[Values], values.get("hops", []))
        hops = tuple(
            self._hop(table, origin, document, "hops", index) for index, table in enumerate(tables)
        )
        scope = self._scope(values, origin, document)
        return _chain_config(name, values, hops, scope)

    def _fleet(self, name: str, found: object, origin: Origin, document: Document) -> Chains:
        values = check_table(FLEET, found, origin, self.problems)
        query = values.get("accounts")
        is_listed = query is not None and not isinstance(query, tuple)
        if not is_listed:
            self._check_start(found, origin)
        hop = self._hop(values, origin, document)
        hops = (hop,) if hop.role else ()
        if isinstance(found, dict) and "role" not in found:
            for key in HOP.keys:
                if key.name in found:
                    self.problems.add(origin.at(key.name), "needs a role in the same table")
        common = {
            **_chain_fields(values),
            "scope": self._scope(values, origin, document),
            "regions": values.get("regions", ()),
        }
        if is_listed:
            return self._listed_fleet(name, values, hops, found, origin, common)
        template = ChainConfig(f"{name}/", hops=hops, fleet=name, **common)
        if "chains" in values:
            return tuple(self._members(template, found, origin))
        return tuple(
            replace(
                template,
                name=f"{name}/{account_name or account}",
                account=account,
                account_name=account_name or None,
            )
            for account, account_name in self._accounts(found, values, origin, document)
        )

    def _members(
        self, template: ChainConfig, found: object, origin: Origin
    ) -> Iterator[ChainConfig]:
        """Give the chains of a fleet that has names, accounts and roles for them."""
        table = cast(dict[str, Any], found)
        for key in ("accounts", "accounts_file", "from"):
            if key in table:
                self.problems.add(
                    origin.at(key), "the fleet has chains, each with its account; keep one"
                )
        for name, written in table["chains"].items():
            here = origin.at("chains", name)
            if not all(check_name(each, here, self.problems) for each in name.split("/")):
                continue
            if isinstance(written, str):
                account, _, role = written.partition("/")
                written = {"account": account, "role": role}
            values = check_table(MEMBER, written, here, self.problems)
            labels = cast(tuple[tuple[str, str], ...], values.get("labels", ()))
            yield replace(
                template,
                name=name,
                account=_text(values, "account"),
                account_role=_text(values, "role"),
                description=_text(values, "description") or template.description,
                region=_text(values, "region") or template.region,
                color=_text(values, "color") or template.color,
                labels={**template.labels, **dict(labels)},
            )

    def _listed_fleet(
        self,
        name: str,
        values: Values,
        hops: tuple[HopConfig, ...],
        found: object,
        origin: Origin,
        common: dict[str, Any],
    ) -> ListedFleet:
        """Return a fleet whose accounts AWS lists; one of Identity Center starts from its source."""
        from rolehop.config.account_query import IdentityCenterAccounts
        from rolehop.config.listed_fleets import chains_of

        query = cast("AccountQuery", values["accounts"])
        for key in ("accounts_file", "chains"):
            if isinstance(found, dict) and key in found:
                self.problems.add(origin.at(key), "there are accounts already; keep one")
        if not isinstance(query, IdentityCenterAccounts):
            self._check_start(found, origin)
        else:
            for key in ("source", "from"):
                if isinstance(found, dict) and key in found:
                    text = "the chains start from the source that identity_center names"
                    self.problems.add(origin.at(key), text)
            common = {**common, "source": query.source}
        template = ChainConfig(f"{name}/", hops=hops, fleet=name, **common)
        return ListedFleet(name, query, template, self.read_listing, chains_of)

    def _check_start(self, found: object, origin: Origin) -> None:
        if not isinstance(found, dict):
            return
        if "source" in found and "from" in found:
            self.problems.add(
                origin.at("from"), "a chain has a source or continues another, not both"
            )
        elif "source" not in found and "from" not in found:
            self.problems.add(origin, 'needs a "source", or the chain that it continues as "from"')

    def _hop(
        self, values: Values, origin: Origin, document: Document, *inside: str | int
    ) -> HopConfig:
        """Return the hop of a checked table, which is at ``origin``, or ``inside`` that."""
        if len(values) == 1 and "role" in values:  # as most are
            return _hop_of_role(str(values["role"]))
        tags = cast(tuple[tuple[str, str], ...], values.get("tags", ()))
        return HopConfig(
            role=_text(values, "role") or "",
            session_name=_text(values, "session_name"),
            external_id=_text(values, "external_id"),
            duration_seconds=cast(int | None, values.get("duration")),
            policy=self._policy(values, origin.at(*inside), document),
            policy_arns=cast(tuple[str, ...], values.get("policy_arns", ())),
            tags=tags,
            transitive_tags=cast(tuple[str, ...], values.get("transitive_tags", ())),
            source_identity=_text(values, "source_identity"),
            mfa_serial=_text(values, "mfa_serial"),
        )

    def _scope(self, values: Values, origin: Origin, document: Document) -> ScopeConfig | None:
        found = cast(Values, values.get("scope", {}))
        if not found:
            return None
        return ScopeConfig(
            read_only=found.get("read_only") is True,
            policy=self._policy(found, origin.at("scope"), document),
            duration_seconds=cast(int | None, found.get("duration")),
            description=_text(found, "description"),
        )

    def _policy(self, values: Values, origin: Origin, document: Document) -> str | None:
        name = _text(values, "policy_file")
        if name is None:
            return _text(values, "policy")
        here = origin.at("policy_file")
        if "policy" in values:
            self.problems.add(here, "there is a policy already; keep one of policy and policy_file")
        side = self.gatherer.side_file(document.folder, name, here)
        if side is None:
            return None
        try:
            return str(sts_limits.POLICY.run(side[1].rstrip()))
        except ValueError as error:
            self.problems.add(here, f"{side[0]}: {error}")
            return None

    def _accounts(
        self, found: object, values: Values, origin: Origin, document: Document
    ) -> value_types.NamedAccounts:
        if not isinstance(found, dict):
            return ()
        if ("accounts" in found) is ("accounts_file" in found):
            self.problems.add(origin, 'needs one of "accounts", "accounts_file" and "chains"')
            return ()
        name = _text(values, "accounts_file")
        if name is None:
            return cast(value_types.NamedAccounts, values.get("accounts", ()))
        side = self.gatherer.side_file(document.folder, name, origin.at("accounts_file"))
        return () if side is None else self._listed_accounts(*side)

    def _listed_accounts(self, file: str, text: str) -> value_types.NamedAccounts:
        from rolehop.config.account_query import read_accounts

        accounts, problems = read_accounts(text)
        for line, problem in problems:
            self.problems.add(Origin(file), problem, line=line)
        return accounts


# What other tools, and AWS, call the types of sources.
_OTHER_TYPES = {
    **dict.fromkeys(
        ("sso", "aws-sso", "sso-session", "idc", "iam-identity-center"), "identity-center"
    ),
    **dict.fromkeys(
        ("iam", "iam-user", "static", "access-key", "access-keys", "credentials"), "keys"
    ),
    **dict.fromkeys(("env", "environ"), "environment"),
    **dict.fromkeys(("oidc", "irsa", "web-identity-token", "github", "jwt"), "web-identity"),
    **dict.fromkeys(("ec2", "imds", "ec2-instance-metadata", "instance-profile"), "instance"),
    **dict.fromkeys(("ecs", "ecs-container", "eks", "eks-pod-identity", "pod"), "container"),
    **dict.fromkeys(("credential-process", "external", "command"), "process"),
    **dict.fromkeys(("aws-profile", "shared-credentials", "source-profile"), "profile"),
    **dict.fromkeys(("iamra", "rolesanywhere", "x509", "certificate"), "roles-anywhere"),
}


@cache  # else each source would have a table of its own, which is indexed once more
def _source_table(own: Table) -> Table:
    """Return the table of a source type: the keys that all sources have, and its ``own``."""
    # A source is not bound to a user, host or chain; only a fleet's account can be filled in.
    return replace(own, keys=(*SOURCE.keys, *own.keys), fields=("account",))


@lru_cache(maxsize=4096)  # thousands of chains go through the same hubs
def _hop_of_role(role: str) -> HopConfig:
    return HopConfig(role)


def _chain_config(
    name: str, values: Values, hops: tuple[HopConfig, ...], scope: ScopeConfig | None
) -> ChainConfig:
    if len(values) == 2 and "source" in values and "hops" in values:  # as most have
        return ChainConfig(name, _text(values, "source"), hops=hops)
    return ChainConfig(name=name, hops=hops, scope=scope, **_chain_fields(values))


def _chain_fields(values: Values) -> dict[str, Any]:
    """Return what chains and fleets have in common."""
    labels = cast(tuple[tuple[str, str], ...], values.get("labels", ()))
    return {
        "source": _text(values, "source"),
        "continues": _text(values, "from"),
        "description": _text(values, "description") or "",
        "region": _text(values, "region"),
        "confirm": values.get("confirm") is True,
        "reason_required": values.get("reason") == "required",
        "reason_in": _text(values, "reason_in") or "session_name",
        "color": _text(values, "color"),
        "labels": dict(labels),
    }


def _text(values: Values, key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else None


def _unknown_table(name: str, known: list[str]) -> str:
    from rolehop.base.text import did_you_mean

    return f"unknown{did_you_mean(name, known) or '; known here: ' + ', '.join(known)}"


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
    _refuse_shared_names(merged, problems)
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
        history=HistoryConfig(
            cast("int | None", _setting(layer.settings, "history", "max_size")),
            bool(_setting(layer.settings, "history", "journald")),
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
            name: len({chain.account for chain in each.value})
            if isinstance(each.value, tuple)
            else None
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
    from rolehop.config.listed_fleets import ChainsOfFleets

    return ChainsOfFleets(each.value for each in layer.chains.values())


def _never_listed(fleet: ListedFleet) -> FleetListing:
    from rolehop.config.listed_fleets import NEVER_LISTED

    return NEVER_LISTED


def _refuse_shared_names(layer: Layer, problems: ProblemList) -> None:
    """Refuse a name that a fleet gives one of its chains, if another chain has it, too."""
    members = [each for each in _chains(layer) if each[0].account_role is not None]
    if not members:
        return
    others = {chain.name: origin for chain, origin in _chains(layer) if chain.account_role is None}
    # What begins with the name of a listed fleet is looked for in what AWS listed.
    fleets = {name: each for (kind, name), each in layer.chains.items() if kind == "fleets"}
    others |= {f"{name}/": each.origin for name, each in fleets.items()}
    for chain, origin in members:
        other = others.get(chain.name)
        if other is None and "/" in chain.name:
            other = others.get(f"{chain.name.partition('/')[0]}/")
        here = origin.at("chains", chain.name)
        if other is not None:
            problems.add(here, f"{dotted(other.place)} has a chain of this name")
        others[chain.name] = here


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
