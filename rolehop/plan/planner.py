"""Make the plan: what each hop sends to STS, under which key, and what can go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rolehop.base.arn import RoleArn, partition_of_region
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.durations import format_duration, is_fresh
from rolehop.base.errors import ConfigError
from rolehop.config.model import Config, HopConfig, ScopeConfig
from rolehop.config.sts_limits import (
    DEFAULT_TOKEN_DURATION,
    MAX_CHAINED_DURATION,
    MAX_DURATION,
    MAX_POLICIES,
    MIN_DURATION,
    Inheritance,
    changes_identity,
    repeated_tags,
    tag_key,
)
from rolehop.plan.hop_keys import hop_key, scope_key, source_key, token_key
from rolehop.plan.model import (
    Cache,
    CachedSession,
    CachedState,
    CachedStep,
    Hop,
    HopStep,
    Mfa,
    Plan,
    Scope,
    ScopeStep,
    SourceStep,
    Stamp,
    Step,
    TokenStep,
)
from rolehop.plan.resolve import SCOPE_FLAGS, Resolved, apply_overrides, is_unnamed
from rolehop.plan.walk_options import WalkOptions

_NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Prediction:
    """What can be said of one hop in advance."""

    notes: tuple[str, ...] = ()
    will_fail: str | None = None


def predict(hops: Sequence[Hop], own: Hop | None = None) -> tuple[Prediction, ...]:
    """Return what can be said of each hop in advance, in order.

    ``own`` is the call that gets the source its own role, if it sends session policies.
    """
    if own is None and all(map(_sends_role_only, hops)):
        return (_NOTHING_SEEN,) * len(hops)
    found = []
    inherited = Inheritance()
    for number, hop in enumerate(hops, start=1):
        before = hops[number - 2] if number > 1 else own
        under = _under_session_policy(before, hop, number)
        failures = (
            _service_linked(hop),
            _tag_again(hop, inherited),
            _identity_changed(hop, inherited),
            _policies_too_long(hop),
            _of_other_partition(hop.policy, hop.role.partition, "role"),
            under.will_fail,
        )
        size = _near_limit(
            hop, sum(len(tag.key) + len(tag.value) for tag in inherited.tags.values())
        )
        notes = (*under.notes, *_doubts(hop.policy), size, _travels(number, hop, len(hops)))
        found.append(
            Prediction(
                tuple(note for note in notes if note),
                next((each for each in failures if each), None),
            )
        )
        inherited = inherited.after(hop, f"hop {number}")
    return tuple(found)


_NOTHING_SEEN = Prediction()


def _sends_role_only(hop: Hop) -> bool:
    """True for a hop of which there is nothing to say, as most are."""
    sends = hop.policy or hop.policy_arns or hop.tags or hop.transitive_tags
    return not sends and hop.source_identity is None and hop.role.path == "/"


def _service_linked(hop: Hop) -> str | None:
    if not hop.role.path.startswith("/aws-service-role/"):
        return None
    return "role: it is a service-linked role, which only its own AWS service can assume"


def _tag_again(hop: Hop, inherited: Inheritance) -> str | None:
    for key in repeated_tags(hop.tags, inherited.tags):
        return (
            f"tags: '{key}' travels on from {inherited.tags[tag_key(key)].hop}, where it is"
            " transitive; AWS refuses it a second time"
        )
    return None


def _identity_changed(hop: Hop, inherited: Inheritance) -> str | None:
    if not changes_identity(hop.source_identity, inherited.identity):
        return None
    return (
        f"source_identity: {inherited.identity_hop} sets '{inherited.identity}', and no later hop"
        " can change it"
    )


def _policies_too_long(hop: Hop) -> str | None:
    length = _length_of_policies(hop)
    if length <= MAX_POLICIES:
        return None
    return f"session policies: {length} characters with their ARNs; AWS takes {MAX_POLICIES}"


def _of_other_partition(policy: str | None, partition: str, whose: str) -> str | None:
    if policy is None or "arn:aws" not in policy:
        return None
    from rolehop.config.session_policy import other_partition

    found = other_partition(policy, partition)
    if found is None:
        return None
    return (
        f"policy: AWS refuses the resource '{found}', of another partition than the {whose}"
        f" ({partition})"
    )


def _doubts(policy: str | None) -> tuple[str, ...]:
    if policy is None:
        return ()
    from rolehop.policy.session_policy import doubts_about

    return tuple(f"session policy: {each}; AWS may refuse it" for each in doubts_about(policy))


def _length_of_policies(hop: Hop) -> int:
    return len(hop.policy or "") + sum(map(len, hop.policy_arns))


def _near_limit(hop: Hop, inherited: int) -> str | None:
    """Warn if policies and tags may be too large together: AWS packs both into one small space.

    How it packs them is not documented, so this counts characters and warns early.
    """
    tags = inherited + sum(len(key) + len(value) for key, value in hop.tags)
    length = _length_of_policies(hop) + tags
    if length < MAX_POLICIES * _NEAR or _length_of_policies(hop) > MAX_POLICIES:
        return None
    return (
        f"session policies and tags are {length} characters: AWS may refuse them as too large"
        " (PackedPolicyTooLarge)"
    )


def _travels(number: int, hop: Hop, hops: int) -> str | None:
    if number == hops:
        return None
    if hop.source_identity is not None:
        return "its source identity travels on: every later role must allow sts:SetSourceIdentity"
    if hop.transitive_tags:
        return "its transitive tags travel on: every later role must allow sts:TagSession"
    return None


def _under_session_policy(before: Hop | None, hop: Hop, number: int) -> Prediction:
    """Predict whether the session policies of the hop before allow this one."""
    if before is None or (before.policy is None and not before.policy_arns):
        return Prediction()
    # Imported here: few chains have a session policy before their last hop.
    from rolehop.policy.evaluation.model import Outcome
    from rolehop.policy.session_policy import next_hop_under

    outcome = next_hop_under(
        before.policy, before.policy_arns, before.role, before.session_name, hop.role
    )
    named = [arn.rpartition("/")[2] for arn in before.policy_arns]
    which = f" ({', '.join(named)})" if named else ""
    whose = f"hop {number - 1}" if number > 1 else "the source"
    limits = f"the session policy of {whose}{which}"
    if outcome is Outcome.REFUSED:
        return Prediction(
            will_fail=f"{limits} does not allow sts:AssumeRole on this role, and it limits what"
            " that session can do"
        )
    if outcome is Outcome.UNKNOWN:
        return Prediction((f"may be refused: {limits} may not allow sts:AssumeRole on this role",))
    return Prediction()


# A session that only has to sign the next AssumeRole needs this much life.
SIGNING_TTL = timedelta(minutes=1)
_NOTHING = Prediction()


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the steps of one chain are planned from."""

    resolved: Resolved
    """With the values of the flags."""

    stamp: Stamp
    known: CachedState
    wishes: tuple[int, ...]
    """How long each hop's session should last, in seconds."""

    serial: str | None
    """The MFA device of the source; ``None``: it has none."""


def make_plan(
    config: Config,
    resolved: Resolved,
    stamp: Stamp,
    *,
    now: datetime,
    known: CachedState | None = None,
    endpoint_url: str | None = None,
    options: WalkOptions | None = None,
) -> Plan:
    """Plan every step of ``resolved``; ``now`` is aware, in UTC.

    Raises:
        ConfigError: ``options.strict``, and a hop or a scope asks for more time than it can have.
        UsageError: a flag that changes the last hop, and there is no hop, or the hop cannot
            take it.
    """
    known = known or CachedState()
    options = options or WalkOptions()
    resolved = apply_overrides(resolved, options)
    wishes = _requested_durations(config, resolved)
    min_ttl = _first(options.min_ttl, config.defaults.min_ttl_seconds)
    enough = timedelta(seconds=min_ttl)
    serial = _text(resolved.source.settings.get("mfa_serial"))
    steps = _all_steps(_Basis(resolved, stamp, known, wishes, serial), endpoint_url)
    _refuse_when_strict(steps, wishes, resolved.chain.name, options)
    steps = _with_predictions(steps, _own_role(resolved))
    if resolved.scope is not None:
        steps.append(_scope_step(resolved, resolved.scope, steps[-1], options))
    return Plan(
        chain=resolved.chain.name,
        source=resolved.source,
        aws_profile=resolved.aws_profile,
        region=resolved.region,
        export_region=resolved.export_region,
        endpoint_url=endpoint_url,
        min_ttl_seconds=min_ttl,
        long_lived=stamp.long_lived,
        steps=_with_cache(steps, known, now, enough, stamp),
        source_problem=_problem(steps, known, now, enough, stamp),
        guards=resolved.guards,
        wants_reason=resolved.guards.reason is not None and options.reason is None,
        color=resolved.chain.color,
        written=resolved.written,
        notes=(
            *resolved.notes,
            *_where_flags_go(resolved, options),
            *(() if resolved.hops else _unknown(stamp, serial)),
        ),
        flags=options.hop_flags,
    )


def _where_flags_go(resolved: Resolved, options: WalkOptions) -> tuple[str, ...]:
    """Say that flags narrow the source's session, by a call that the config does not name."""
    flags = [each for each in SCOPE_FLAGS if each in options.hop_flags and not resolved.hops]
    if not flags:
        return ()
    names = ", ".join(map(options.name_of, flags))
    return (f"there is no hop, so {names} narrows the session by GetScopedCredentials",)


def _requested_durations(config: Config, resolved: Resolved) -> tuple[int, ...]:
    """Return how long each hop's session should last, in seconds."""
    default = config.defaults.duration_seconds
    return tuple(_first(hop.duration_seconds, default) for _, hop in resolved.hops)


def _all_steps(basis: _Basis, endpoint_url: str | None) -> list[Step]:
    """Plan the source's own step, GetSessionToken if it is called, and the hops."""
    first = _source_step(basis, endpoint_url)
    mfa = _place_mfa(basis)
    steps: list[Step] = [first]
    if basis.stamp.long_lived and (mfa is Mfa.SESSION or not basis.resolved.hops):
        steps.append(_token_step(first, basis))
    for number in range(1, len(basis.resolved.hops) + 1):
        steps.append(_hop_step(basis, number, steps[-1], mfa if number == 1 else Mfa.NONE))
    return steps


def _place_mfa(basis: _Basis) -> Mfa:
    """Decide which call carries the MFA code: hop 1, or a GetSessionToken before it.

    Only the IAM user's own calls can. One GetSessionToken is shared by all chains of the source,
    but makes hop 1 chained (1 h). A hop 1 that should last longer carries the code itself (STS API
    reference, GetSessionToken).
    """
    if not basis.stamp.long_lived or not basis.resolved.hops:
        return Mfa.NONE
    role, hop = basis.resolved.hops[0]
    if hop.mfa_serial:
        return Mfa.HOP
    if basis.serial is None:
        return Mfa.NONE
    possible = min(basis.wishes[0], _ceiling(role, basis.known, chained=False))
    return Mfa.HOP if possible > MAX_CHAINED_DURATION else Mfa.SESSION


def _source_step(basis: _Basis, endpoint_url: str | None) -> SourceStep:
    source = basis.resolved.source
    key = source_key(source, basis.stamp, endpoint_url)
    step = SourceStep(key=key, source=source.name, stored=basis.stamp.stored)
    if not basis.stamp.may_be_keys:
        return step
    token = _token_step(step, basis)
    # Under the token's key: a session made with MFA is another one than a session without.
    return replace(step, key=token.key, for_keys=token)


def _token_step(first: SourceStep, basis: _Basis) -> TokenStep:
    source = basis.resolved.source
    duration = source.settings.get("mfa_duration")
    seconds = duration if isinstance(duration, int) else DEFAULT_TOKEN_DURATION
    return TokenStep(
        key=token_key(first.key, seconds, basis.serial),
        parent=first.key,
        source=source.name,
        duration_seconds=seconds,
        mfa_serial=basis.serial,
    )


def _hop_step(basis: _Basis, number: int, before: Step, mfa: Mfa) -> HopStep:
    """Plan hop ``number``, counted from 1, that the credentials of the step ``before`` sign."""
    role, hop = basis.resolved.hops[number - 1]
    wish = basis.wishes[number - 1]
    signed_by_user = basis.stamp.long_lived and isinstance(before, SourceStep)
    ceiling = _ceiling(role, basis.known, chained=not signed_by_user)
    call = _build_hop(role, hop, wish, ceiling)
    if mfa is Mfa.HOP:
        call = replace(call, mfa_serial=hop.mfa_serial or basis.serial)
    shortened = _shortened(number, wish, ceiling, basis.known.max_durations.get(str(role)))
    return HopStep(
        key=hop_key(before.key, call),
        parent=before.key,
        number=number,
        hop=call,
        ceiling_seconds=ceiling,
        mfa=mfa,
        shortened=shortened,
        notes=_notes(number, shortened, mfa, basis),
        will_fail=_certain_failure(number, hop, basis.stamp),
    )


def _scope_step(
    resolved: Resolved, config: ScopeConfig, before: Step, options: WalkOptions
) -> ScopeStep:
    """Plan the call that narrows the session of the step ``before``."""
    wish, most = config.duration_seconds, _lifetime(before)
    shortened = _shortened_scope(wish, most, options.duration)
    if shortened and options.strict:
        raise ConfigError(
            f"the scope of chain '{resolved.chain.name}' cannot last as long as asked",
            cause=shortened,
            fix=f"ask for less, or leave {options.name_of('--strict')} out",
            chain=resolved.chain.name,
        )
    scope = Scope(
        _read_only_policy() if config.read_only else config.policy,
        wish if wish is None or most is None else min(wish, most),
        config.description,
        config.read_only,
    )
    role = before.hop.role if isinstance(before, HopStep) else None
    partition = role.partition if role is not None else partition_of_region(resolved.region)
    return ScopeStep(
        key=scope_key(before.key, scope),
        parent=before.key,
        source=resolved.source.name,
        number=len(resolved.hops) + 1,
        scope=scope,
        role=role,
        shortened=shortened,
        notes=(*((shortened,) if shortened else ()), *_doubts(config.policy)),
        will_fail=_of_other_partition(config.policy, partition, "session"),
    )


def _read_only_policy() -> str:
    from rolehop.config.read_only_policy import READ_ONLY_POLICY  # few chains have such a scope

    return READ_ONLY_POLICY


def _lifetime(step: Step) -> int | None:
    """Return how long a step's new session lasts, in seconds; ``None``: only the source knows."""
    if isinstance(step, HopStep):
        return step.hop.duration_seconds
    if isinstance(step, TokenStep):
        return step.duration_seconds
    return None


def _shortened_scope(wish: int | None, most: int | None, flag: int | None) -> str | None:
    """Return the note if the scope lasts less than the config asks, or a flag asks of the chain."""
    if wish is None:
        return None
    if most is not None and most < wish:
        asked, planned, why = wish, most, "a scope lasts no longer than the session it narrows"
    elif flag is not None and wish < flag:
        asked, planned, why = flag, wish, "the chain's scope lasts no longer"
    else:
        return None
    return f"{format_duration(asked)} asked, {format_duration(planned)} planned: {why}"


def _ceiling(role: RoleArn, known: CachedState, *, chained: bool) -> int:
    longest = MAX_CHAINED_DURATION if chained else MAX_DURATION
    return min(longest, known.max_durations.get(str(role), longest))


def _build_hop(role: RoleArn, hop: HopConfig, wish: int, ceiling: int) -> Hop:
    return Hop(
        role=role,
        session_name=hop.session_name or "rolehop",
        duration_seconds=max(MIN_DURATION, min(wish, ceiling)),
        external_id=hop.external_id,
        policy=hop.policy,
        policy_arns=hop.policy_arns,
        tags=hop.tags,
        transitive_tags=hop.transitive_tags,
        source_identity=hop.source_identity,
    )


def _notes(number: int, shortened: str | None, mfa: Mfa, basis: _Basis) -> tuple[str, ...]:
    notes = [shortened] if shortened else []
    if number == 1:
        notes += _unknown(basis.stamp, basis.serial)
    if mfa is Mfa.SESSION:
        notes.append("one MFA code opens a session that all chains of this source share")
    if mfa is Mfa.HOP:
        notes.append("asks for an MFA code every time")
    return tuple(notes)


def _unknown(stamp: Stamp, serial: str | None) -> tuple[str, ...]:
    """Say what only the source's program will show."""
    if not stamp.may_be_keys:
        return ()
    code = " with an MFA code" if serial else ""
    return (f"if the source's program gives IAM user keys, GetSessionToken{code} comes first",)


def _shortened(number: int, wish: int, ceiling: int, role_limit: int | None) -> str | None:
    """Say that a hop gets less time than was asked for, and why.

    A shared MFA session is no reason: it is planned only where hop 1 asks for no more than AWS
    grants after one, see `_place_mfa`.
    """
    if wish <= ceiling:
        return None
    most = format_duration(ceiling)
    if role_limit == ceiling:
        why = f"AWS has refused more: the role's own limit is {most}"
    elif number > 1:
        why = f"a chained hop lasts at most {most}"
    else:
        why = f"the source is itself a session, so AWS grants at most {most}"
    return f"{format_duration(wish)} asked, {most} planned: {why}"


def _certain_failure(number: int, hop: HopConfig, stamp: Stamp) -> str | None:
    if hop.mfa_serial is None:
        return None
    if number > 1:
        return "mfa_serial: only IAM user keys carry MFA, so no code can go with hop 2 or later"
    if not stamp.long_lived and stamp.problem is None:
        return "mfa_serial: the source is a session, and only IAM user keys carry MFA"
    return None


def _own_role(resolved: Resolved) -> Hop | None:
    """Return the call that gets the source's own role, if it sends session policies."""
    settings = resolved.source.settings
    role, policy, arns = (settings.get(key) for key in ("role", "policy", "policy_arns"))
    if not isinstance(role, str) or (policy is None and arns is None):
        return None
    return Hop(
        RoleArn.parse_in(role, partition_of_region(resolved.region)),
        str(settings.get("session_name", resolved.source.name)),
        MIN_DURATION,
        policy=policy if isinstance(policy, str) else None,
        policy_arns=arns if isinstance(arns, tuple) else (),
    )


def _with_predictions(steps: list[Step], own: Hop | None) -> list[Step]:
    """Add to each hop what follows from the source and the hops before it."""
    predicted = iter(predict([step.hop for step in steps if isinstance(step, HopStep)], own))
    return [
        _with_prediction(step, next(predicted)) if isinstance(step, HopStep) else step
        for step in steps
    ]


def _with_prediction(step: HopStep, predicted: Prediction) -> HopStep:
    if predicted == _NOTHING:
        return step
    return replace(
        step,
        notes=(*step.notes, *predicted.notes),
        will_fail=step.will_fail or predicted.will_fail,
    )


def _refuse_when_strict(
    steps: list[Step], wishes: tuple[int, ...], chain: str, options: WalkOptions
) -> None:
    if not options.strict:
        return
    for step in steps:
        if isinstance(step, HopStep) and wishes[step.number - 1] > step.ceiling_seconds:
            raise ConfigError(
                f"hop {step.number} asks for {format_duration(wishes[step.number - 1])} and can have"
                f" {format_duration(step.ceiling_seconds)}",
                cause=(step.shortened or "").partition(": ")[2],
                fix=f"{_how_to_fit(step, len(wishes), options)},"
                f" or leave {options.name_of('--strict')} out",
                chain=chain,
                hop=step.number,
            )


def _how_to_fit(step: HopStep, last: int, options: WalkOptions) -> str:
    longest = f"{step.ceiling_seconds // 60}m"
    if options.duration and step.number == last:
        return f"give {options.name_of('--duration')} {longest}"
    return f'set duration = "{longest}" on it'


_UNNAMED = "{caller} is not known before a first walk, so neither is what is cached"


def _with_cache(
    steps: list[Step], known: CachedState, now: datetime, min_ttl: timedelta, stamp: Stamp
) -> tuple[Step, ...]:
    """Add to each call whether the index lists its session; not known from the first unnamed on."""
    found: list[Step] = []
    unnamed = False
    for step in steps:
        if not isinstance(step, HopStep | ScopeStep):
            found.append(step)
            continue
        cached = _cached(step, known, now, enough_of(step, steps, min_ttl), stamp)
        if isinstance(step, HopStep) and is_unnamed(step.hop) and not unnamed:
            cached, unnamed = replace(cached, notes=(*cached.notes, _UNNAMED)), True
        found.append(replace(cached, cache=Cache.UNKNOWN) if unnamed else cached)
    return tuple(found)


def enough_of(step: Step, steps: Sequence[Step], min_ttl: timedelta) -> timedelta:
    """Return how much life the session of ``step`` needs: ``min_ttl`` if it is handed out.

    So does one that a scope narrows, which ends no later. Others only sign the next AssumeRole.
    """
    handed_out = steps[-2:] if isinstance(steps[-1], ScopeStep) else steps[-1:]
    return min_ttl if any(step is each for each in handed_out) else SIGNING_TTL


def _cached(
    step: CachedStep, known: CachedState, now: datetime, min_ttl: timedelta, stamp: Stamp
) -> CachedStep:
    if stamp.value is None and stamp.problem is None:
        return replace(step, cache=Cache.UNKNOWN)
    life = known.sessions.get(step.key)
    if life is None:
        return step
    cache = Cache.FRESH if _lasts(life, now, min_ttl) else Cache.STALE
    return replace(
        step, cache=cache, expires_at=life.expires_at, local_expires_at=life.local_expires_at
    )


def _problem(
    steps: list[Step], known: CachedState, now: datetime, min_ttl: timedelta, stamp: Stamp
) -> str | None:
    """Return the source's problem, unless the index lists a session that can be used instead."""
    for step in steps:
        life = known.sessions.get(step.key)
        if life is not None and _lasts(life, now, enough_of(step, steps, min_ttl)):
            return None
    return stamp.problem


def _lasts(life: CachedSession, now: datetime, min_ttl: timedelta) -> bool:
    return is_fresh(life.issued_at, life.local_expires_at, now, min_ttl)


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
