"""Resolve a chain to one source and one list of hops: follow ``from``, fill in templates.

A hop's ``{chain}`` and ``{account}`` are those of the chain that defines the hop, not of the chain
that is walked: otherwise two chains that continue the same hub would ask for the hub under two
names and never share its session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import ConfigError, UsageError
from rolehop.base.text import meant, nearest
from rolehop.config import sts_limits
from rolehop.config.model import (
    ChainConfig,
    Config,
    HopConfig,
    ScopeConfig,
    SourceConfig,
    WrittenHop,
)
from rolehop.config.regions import Regions, regions_in_order
from rolehop.config.schema import ACCOUNT_NAME, CALLER, mentions_caller
from rolehop.config.sts_limits import (
    MAX_DESCRIPTION,
    MAX_NAME,
    MIN_DESCRIPTION,
    NOT_IN_DESCRIPTIONS,
    NOT_IN_SESSION_NAMES,
    tag_key,
)
from rolehop.config.value_types import name_meant
from rolehop.plan.model import Guards, Hop
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.config.model import ListedFleet

_DIGEST_LENGTH = 8

_NEAR_FLEET = 0.75
"""How like a fleet's name a chain's must be before the fleet is advised."""


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What templates and regions are resolved with; the caller collects it."""

    user: str
    host: str
    region_flag: str | None = None
    """``--region``."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """The environment as it was before rolehop's own assume; only its regions are read."""
    profile_region: str | None = None
    """The AWS profile's region."""
    aws_profile: str | None = None
    """The AWS profile whose settings apply to the calls."""
    caller: str | None = None
    """The name that the source signed in with; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class ResolvedParts:
    """What chains of one config have in common, so that the next of thousands costs less.

    Regions and hops are found by the identity of what they were made from, which is kept with them.
    """

    sources: dict[tuple[str, str | None, str | None], SourceConfig] = field(default_factory=dict)
    """By name, account and role of Identity Center, filled in."""

    regions: dict[tuple[object, ...], tuple[SourceConfig, Regions]] = field(default_factory=dict)
    hops: dict[tuple[object, ...], tuple[HopConfig, tuple[RoleArn, HopConfig]]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class Resolved:
    """One source and the hops from it, templates filled in, roles parsed."""

    chain: ChainConfig
    source: SourceConfig
    hops: tuple[tuple[RoleArn, HopConfig], ...]
    written: tuple[WrittenHop, ...]
    """Where each hop is defined, in the same order."""

    aws_profile: str | None
    region: str
    export_region: str | None
    """What the handover exports as AWS_REGION, if anything."""

    notes: tuple[str, ...] = ()
    guards: Guards = Guards()
    """What the chain, and those that it continues, ask for before a handover."""

    scope: ScopeConfig | None = None
    """What narrows the last session."""

    @property
    def wants_caller(self) -> bool:
        """True if a hop has ``{caller}``, and that is not known yet."""
        return any(is_unnamed(hop) for _, hop in self.hops)


def is_unnamed(hop: Hop | HopConfig) -> bool:
    """True if what ``hop`` sends depends on ``{caller}``, and that is not known yet."""
    return mentions_caller(hop.session_name) or mentions_caller(hop.source_identity)


def no_such_chain(
    config: Config,
    name: str,
    profiles: tuple[str, ...] = (),
    wrong: str | None = None,
    *,
    first_step: str = "rolehop config init",
) -> ConfigError:
    """Return the error for an unknown name; it suggests similar names and picks none.

    Args:
        config: what was read.
        name: what was typed.
        profiles: the names of AWS profiles.
        wrong: what is wrong with a header of the AWS config that has the name.
        first_step: what to do if there is no chain at all.
    """
    if wrong is not None:
        fix = f"write [profile {name}]"
        return ConfigError(
            f"no chain or AWS profile is called '{name}'", cause=wrong, fix=fix, chain=name
        )
    from rolehop.plan.selection import is_pattern

    fleet = config.listed_fleets.get(name.partition("/")[0])
    if fleet is not None and ("/" in name or not fleet.accounts):
        return _not_in_fleet(fleet, name)
    if is_pattern(name):
        fix = Advice("name one of those that match: rolehop list ", Argument(name))
        return ConfigError(f"no chain or AWS profile is called '{name}'", fix=fix, chain=name)
    fleets = {each.fleet for each in config.chains.values() if each.fleet}
    near = nearest(name, [*config.chains, *profiles])
    others = "rolehop list" if config.chains else first_step
    for each in nearest(name, fleets, n=1, cutoff=_NEAR_FLEET):
        others = Advice("rolehop list ", Argument(each))
    return ConfigError(
        f"no chain or AWS profile is called '{name}'"
        if name not in fleets
        else f"'{name}' is a fleet, and one chain is needed",
        fix=Advice(meant(near), *Advice(others).parts),
        chain=name,
    )


def _not_in_fleet(fleet: ListedFleet, name: str) -> ConfigError:
    """Return the error for a name that a fleet's chain could have, if AWS lists its account."""
    from rolehop.config.listed_fleets import no_accounts, no_listing, refresh_advice

    if fleet.listing.problem is not None:
        return no_listing(fleet, name)
    if not fleet.accounts:
        return no_accounts(fleet, name)
    near = nearest(name, fleet.chains)
    return ConfigError(
        f"fleet '{fleet.name}' has no chain '{name}'",
        cause="AWS did not list such an account when it was asked last",
        fix=Advice(meant(near), *refresh_advice(fleet.name).parts),
        chain=name,
    )


def path_of(config: Config, chain: ChainConfig) -> tuple[ChainConfig, ...]:
    """Return the chains that ``chain`` continues, the one with the source first.

    Raises:
        ConfigError: a name is unknown, or ``from`` leads back to a chain already seen; the
            message shows the loop.
    """
    path = [chain]
    while (following := path[-1].continues) is not None:
        if following not in config.chains:
            raise no_such_chain(config, following)
        names = [each.name for each in path]
        path.append(config.chains[following])  # of a fleet's chain, it may be the other name
        if path[-1].name in names:
            raise ConfigError(
                f"chain '{chain.name}' comes back to itself: {' -> '.join([*names, path[-1].name])}",
                chain=chain.name,
            )
    return tuple(reversed(path))


def guards_of(path: tuple[ChainConfig, ...]) -> Guards:
    """Return the guards of the last chain of ``path``, which continues those before it."""
    confirm = reason = None
    for each in path:
        confirm = each.name if each.confirm else confirm
        reason = each.name if each.reason_required else reason
    return Guards(confirm, reason)


def source_name_of(config: Config, chain: ChainConfig) -> str | None:
    """Return the name of the source that ``chain`` starts from, through the chains it continues.

    Raises:
        ConfigError: see `path_of`.
    """
    return path_of(config, chain)[0].source


def source_of(
    config: Config, path: tuple[ChainConfig, ...], parts: ResolvedParts | None = None
) -> SourceConfig:
    """Return the source that ``path`` starts from, its templates filled in.

    With ``parts``, paths from one source, or into one account if that is filled in, get one object.

    Raises:
        ConfigError: there is no such source.
    """
    name = path[0].source
    if name is None or name not in config.sources:
        raise ConfigError(
            f"chain '{path[0].name}' starts from source '{name}', which is not in the config",
            fix="rolehop config check",
            chain=path[-1].name,
        )
    account = next((each.account for each in reversed(path) if each.account), None)
    role = path[0].account_role
    if role is not None:  # a fleet of Identity Center itself says where its chains begin
        account = path[0].account
    known = {} if parts is None else parts.sources
    key = name, account, role
    if key not in known:
        known[key] = _source_for(config.sources[name], account, role)
    return known[key]


def _source_for(source: SourceConfig, account: str | None, role: str | None) -> SourceConfig:
    filled = {
        key: value.replace("{account}", account or "") if isinstance(value, str) else value
        for key, value in source.settings.items()
    }
    if role is not None:
        filled |= {"account": account, "role": role}
    # Chains of one source share it as it is, and what is known of it.
    return source if filled == source.settings else replace(source, settings=filled)


def regions_of(
    config: Config,
    path: tuple[ChainConfig, ...],
    source: SourceConfig,
    facts: PlanContext,
    parts: ResolvedParts,
) -> Regions:
    """Return the regions that are named for the chain at the end of ``path``."""
    own = next((each.region for each in reversed(path) if each.region), None)
    key = (own, id(source), facts.region_flag, facts.profile_region)
    if key not in parts.regions:
        found = regions_in_order(
            facts.environ,
            flag=facts.region_flag,
            own=own,
            defaults=config.defaults.region,
            source=source.region,
            profile=facts.profile_region,
        )
        parts.regions[key] = (source, found)
    return parts.regions[key][1]


def resolve(
    config: Config,
    path: tuple[ChainConfig, ...],
    source: SourceConfig,
    hops: tuple[WrittenHop, ...],
    facts: PlanContext,
    notes: tuple[str, ...] = (),
    parts: ResolvedParts | None = None,
) -> Resolved:
    """Fill in templates, parse roles and choose the region.

    Pass the same ``parts`` when you resolve many chains of one config.

    Raises:
        ConfigError: a role is not a valid one once its template is filled in; the hops are in more
            than one partition, which credentials and trust never cross; a region variable and the
            config name regions of different partitions.
    """
    chain, parts = path[-1], ResolvedParts() if parts is None else parts
    regions = regions_of(config, path, source, facts, parts)
    decided = regions.decided_partition()
    partition = decided or _partition_of(hops, regions)
    filled = tuple(
        _filled(each, number, partition, facts, config, parts)
        for number, each in enumerate(hops, start=1)
    )
    in_use = {role.partition for role, _ in filled} | ({decided} if decided else set())
    if len(in_use) > 1:
        raise ConfigError(
            f"chain '{chain.name}' leaves its partition: {', '.join(sorted(in_use))}",
            cause="credentials and role trust never cross AWS partitions",
            fix="use roles and a region of one partition",
            chain=chain.name,
        )
    partition = next(iter(in_use), partition)
    region, passed_over = regions.within(partition), regions.passed_over(partition)
    notes += () if passed_over is None else (passed_over,)
    exported, guards = regions.exported, guards_of(path)
    return Resolved(
        chain,
        source,
        filled,
        hops,
        facts.aws_profile,
        region,
        exported,
        notes,
        guards,
        chain.scope,
    )


def clean_name(text: str) -> str:
    """Return ``text`` as a role session name: 2-64 of the characters that STS takes.

    A longer one keeps its beginning (the person) and ends in a hash of all of it, so that two long
    names stay different.
    """
    cleaned = NOT_IN_SESSION_NAMES.sub("-", text)
    if len(cleaned) > MAX_NAME:
        digest = sha256_hex(text.encode())[:_DIGEST_LENGTH]
        return f"{cleaned[: MAX_NAME - _DIGEST_LENGTH - 1]}-{digest}"
    return cleaned if len(cleaned) > 1 else f"{cleaned}-rolehop"


def fill_template(text: str, values: Mapping[str, str]) -> str:
    """Replace each ``{name}`` of ``values`` in ``text``; the config refuses other names."""
    for name, value in values.items() if "{" in text else ():
        text = text.replace(f"{{{name}}}", value)
    return text


def _filled(
    written: WrittenHop,
    number: int,
    partition: str,
    facts: PlanContext,
    config: Config,
    parts: ResolvedParts,
) -> tuple[RoleArn, HopConfig]:
    """Return a hop with its templates filled in, the same one for each chain that has the same."""
    hop = written.hop
    key: tuple[object, ...] = (
        *(id(hop), written.account, written.account_name),
        *(partition, facts.caller),
    )
    if key in parts.hops:
        return parts.hops[key][1]
    templates = (hop.role, hop.session_name or config.defaults.session_name, hop.source_identity)
    if any("{chain}" in each for each in templates if each):
        key = (*key, written.chain)
    if key not in parts.hops:
        parts.hops[key] = (hop, _fill(written, number, partition, facts, config))
    return parts.hops[key][1]


def _fill(
    written: WrittenHop, number: int, partition: str, facts: PlanContext, config: Config
) -> tuple[RoleArn, HopConfig]:
    values = {"user": facts.user, "host": facts.host, "chain": written.chain}
    names = config.account_names
    if written.account:
        of_aws = name_meant(written.account_name or "")
        name = names.get(written.account) or of_aws or written.account
        values |= {"account": written.account, ACCOUNT_NAME: name}
    text = fill_template(written.hop.role, values)
    try:
        role = RoleArn.parse_in(text, partition)
    except ValueError as error:
        raise ConfigError(
            f"hop {number} has no valid role",
            cause=str(error),
            chain=written.chain,
            hop=number,
        ) from None
    values.setdefault("account", role.account)
    values.setdefault(ACCOUNT_NAME, _name_of(role.account, names))
    if facts.caller is not None:
        values[CALLER] = facts.caller
    hop = written.hop
    session_name = _filled_name(hop.session_name or config.defaults.session_name, values)
    identity = hop.source_identity
    if identity is not None:
        identity = _filled_name(identity, values)
    return role, replace(hop, role=str(role), session_name=session_name, source_identity=identity)


def _name_of(account: str, names: Mapping[str, str]) -> str:
    return names.get(account, account)


def _filled_name(template: str, values: Mapping[str, str]) -> str:
    """Return a name that STS takes, or the template itself while ``{caller}`` is not known."""
    filled = fill_template(template, values)
    return filled if CALLER not in values and mentions_caller(template) else clean_name(filled)


def _partition_of(hops: tuple[WrittenHop, ...], regions: Regions) -> str:
    """Return the partition for roles in short form if neither a flag nor the config decides it."""
    for each in hops:
        kind, _, rest = each.hop.role.partition(":")
        if kind == "arn":
            return rest.partition(":")[0]
    return regions.first.partition if regions.first else "aws"


REASON_TAG = "reason"


def apply_overrides(resolved: Resolved, options: WalkOptions) -> Resolved:
    """Return ``resolved`` with its last hop changed as the flags say, or without a hop its scope.

    Raises:
        UsageError: there is no hop, or neither it nor the scope can take the value of a flag.
    """
    chain = resolved.chain
    if not options.hop_flags:
        return resolved
    if not resolved.hops:
        return _with_reason_in_scope(_scoped(resolved, options), options)
    resolved = _with_reason_in_scope(resolved, options)
    _refuse_two_values(options)
    role, hop = resolved.hops[-1]
    hop, notes = _with_policies(hop, options, role.partition, chain.name)
    hop = replace(
        hop,
        duration_seconds=options.duration or hop.duration_seconds,
        source_identity=options.source_identity or hop.source_identity,
        tags=_merged(hop.tags, options.tags),
    )
    if options.reason is not None:
        hop, more = _with_reason(hop, options.reason, chain.reason_in)
        notes += more
    _check_numbers(hop, options, chain.name)
    hops = (*resolved.hops[:-1], (role, hop))
    return replace(resolved, hops=hops, notes=resolved.notes + notes)


SCOPE_FLAGS = ("--read-only", "--session-policy", "--duration")
"""The flags that narrow a session by themselves, so that no hop has to carry them."""


def _scoped(resolved: Resolved, options: WalkOptions) -> Resolved:
    """Return a chain without hops with the scope that flags make, or change."""
    name = resolved.chain.name
    others = [each for each in options.hop_flags if each not in (*SCOPE_FLAGS, "--reason")]
    if others:
        flags = ", ".join(map(options.name_of, others))
        raise UsageError(
            f"{flags} {'has' if len(others) == 1 else 'have'} no hop to change:"
            f" chain '{name}' hands out its source's own session",
            cause="without a hop a session can be narrowed by a policy and a duration alone",
            fix=f"leave {flags} out",
            chain=name,
        )
    if not (options.read_only or options.policy or options.duration):
        return resolved
    own = resolved.scope or ScopeConfig()
    _refuse_two_policies(own, options, name)
    durations = filter(None, (own.duration_seconds, options.duration))
    scope = replace(
        own,
        read_only=own.read_only or options.read_only,
        policy=options.policy or own.policy,
        duration_seconds=min(durations, default=None),
    )
    return replace(resolved, scope=scope)


def _refuse_two_policies(own: ScopeConfig, options: WalkOptions, chain: str) -> None:
    """Refuse a second policy: a scope is one, and none of the config gives way to a flag."""
    flags = [each for each in ("--read-only", "--session-policy") if each in options.hop_flags]
    given = " and ".join(map(options.name_of, flags))
    if len(flags) > 1:
        raise UsageError(
            f"{given} cannot be combined: chain '{chain}' has no hop, and a scope is one policy",
            fix="leave one of them out",
            chain=chain,
        )
    has_policy = own.read_only or own.policy is not None
    same = own.policy == options.policy  # one that only reads has no text here
    if flags and has_policy and not same:
        raise UsageError(
            f"{given} cannot be combined with the scope of chain '{chain}', which has a policy",
            cause="a scope is one policy, and a flag never widens what the config narrows",
            fix=f"leave {given} out",
            chain=chain,
        )


def _with_reason_in_scope(resolved: Resolved, options: WalkOptions) -> Resolved:
    """Return a chain with the reason in its scope's description, if it has a scope."""
    if resolved.scope is None or options.reason is None:
        return resolved
    said = ": ".join(filter(None, (resolved.scope.description, options.reason)))
    text = NOT_IN_DESCRIPTIONS.sub("?", said).ljust(MIN_DESCRIPTION, ".")[:MAX_DESCRIPTION]
    cut = ("the reason is changed to fit the scope's description",) if text != said else ()
    scope = replace(resolved.scope, description=text)
    return replace(resolved, scope=scope, notes=resolved.notes + cut)


def _with_policies(
    hop: HopConfig, options: WalkOptions, partition: str, chain: str
) -> tuple[HopConfig, tuple[str, ...]]:
    named = options.policy_arns or options.policy
    own = bool(hop.policy_arns or hop.policy)
    if options.read_only:
        only = (f"arn:{partition}:iam::aws:policy/ReadOnlyAccess",)
        if named or (own and (hop.policy or hop.policy_arns != only)):
            raise _not_read_only(options, chain)
        return replace(hop, policy_arns=only), ()
    if not named:
        return hop, ()
    changed = replace(hop, policy=options.policy, policy_arns=options.policy_arns)
    note = "the session policies that were asked for replace the last hop's own"
    return changed, (note,) if own else ()


def _not_read_only(options: WalkOptions, chain: str) -> UsageError:
    read_only = options.name_of("--read-only")
    flags = [each for each in ("--policy-arn", "--session-policy") if each in options.hop_flags]
    others = " and ".join(map(options.name_of, flags))
    own = f"another session policy: the last hop of chain '{chain}' has its own"
    return UsageError(
        f"{read_only} cannot be combined with {others or own}",
        cause="AWS grants what either of them allows, so the session could write",
        fix=f"leave out {read_only}, or {others}" if others else f"leave {read_only} out",
        chain=chain,
    )


def _merged(
    own: tuple[tuple[str, str], ...], flags: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Return the tags of both; a flag's tag replaces one with the same key, ignoring case."""
    merged = {tag_key(key): (key, value) for key, value in own}
    for key, value in flags:
        spelled = merged.get(tag_key(key), (key, value))[0]
        merged[tag_key(key)] = (spelled, value)
    return tuple(merged.values())


def _refuse_two_values(options: WalkOptions) -> None:
    given: dict[str, tuple[str, str]] = {}
    for key, value in options.tags:
        other = given.setdefault(tag_key(key), (key, value))
        if other[1] != value:
            raise UsageError(
                f"{options.name_of('--tag')}: {key} has two values",
                cause=f"{'='.join(other)} and {key}={value}; STS ignores case in tag keys",
                fix="keep one of them",
            )


def _with_reason(hop: HopConfig, reason: str, place: str) -> tuple[HopConfig, tuple[str, ...]]:
    if place == "tag":
        try:
            tag = sts_limits.check_tag(REASON_TAG, reason)
        except ValueError as error:
            raise UsageError(
                f"this reason cannot be a tag: {error}", fix="use other characters"
            ) from None
        return replace(hop, tags=_merged(hop.tags, (tag,))), ()
    # `+` separates them: person and reason both stay readable in CloudTrail.
    wanted = f"{hop.session_name or 'rolehop'}+{clean_name(reason)}"
    name = wanted if mentions_caller(wanted) else clean_name(wanted)
    if not any(map(str.isalnum, NOT_IN_SESSION_NAMES.sub("", reason))):
        note = "no character of the reason fits the role session name"
    elif name != wanted:
        note = "the reason is cut to fit the role session name"
    else:
        return replace(hop, session_name=name), ()
    return replace(hop, session_name=name), (f'{note}; reason_in = "tag" keeps all of it',)


def _check_numbers(hop: HopConfig, options: WalkOptions, chain: str) -> None:
    try:
        sts_limits.POLICY_ARNS.run(list(hop.policy_arns))
    except ValueError as error:
        name = options.name_of("--policy-arn")
        raise UsageError(f"{name}: {error}", chain=chain) from None
    if len(hop.tags) > sts_limits.MAX_TAGS:
        raise UsageError(
            f"the last hop of chain '{chain}' would have {len(hop.tags)} tags",
            cause=f"STS takes at most {sts_limits.MAX_TAGS}",
            fix="leave out some tags",
            chain=chain,
        )
