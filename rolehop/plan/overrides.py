"""Apply flags to a chain: they change its last hop, and nothing before it.

Other chains share the hops before the last; a flag that changed one would renew all their sessions.
The rules about session policies are from the IAM user guide ("session policies"): AWS takes
the *union* of the policies of one call and then grants what both the union and the role allow. So
adding a policy never narrows another one.
"""

from __future__ import annotations

from rolehop.config import sts_limits
from rolehop.config.inheritance import tag_key
from rolehop.config.model import HopConfig
from rolehop.config.templates import mentions_caller
from rolehop.errors import ConfigError, UsageError
from rolehop.plan.resolve import Resolved, clean_name
from rolehop.plan.walk_options import WalkOptions
from rolehop.startup.dataclass import replace

REASON_TAG = "reason"


def apply_overrides(resolved: Resolved, options: WalkOptions) -> Resolved:
    """Return ``resolved`` with its last hop changed as the flags say.

    Raises:
        ConfigError: the chain requires a reason and has no hop to carry it.
        UsageError: there is no hop, or the hop cannot take the value of a flag.
    """
    chain = resolved.chain
    if not resolved.hops:
        _refuse_without_hops(resolved, options)
        return resolved
    if not options.hop_flags:
        return resolved
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


def _refuse_without_hops(resolved: Resolved, options: WalkOptions) -> None:
    name = resolved.chain.name
    if options.hop_flags:
        flags = ", ".join(map(options.name_of, options.hop_flags))
        raise UsageError(
            f"{flags} {'has' if len(options.hop_flags) == 1 else 'have'} no hop to change:"
            f" chain '{name}' hands out its source's own session",
            fix=f"leave {flags} out",
            chain=name,
        )
    if resolved.chain.reason_required:
        raise ConfigError(
            f"chain '{name}' requires a reason and has no hop to carry it",
            fix="add a hop, or remove 'reason' from the chain",
            chain=name,
        )


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
    cut = ('the reason is cut to fit the role session name; reason_in = "tag" keeps all of it',)
    return replace(hop, session_name=name), cut if name != wanted else ()


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
