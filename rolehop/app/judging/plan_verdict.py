"""Judge a plan by its evidence: what it means to policies, and what flags may say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import overload

from rolehop.app.context import App
from rolehop.app.judging.callers import federated_call
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.evidence import Evidence
from rolehop.base.arn import RoleArn, account_of, is_same_principal
from rolehop.base.dataclass import replace
from rolehop.base.errors import UsageError
from rolehop.base.text import pluralize
from rolehop.config.model import Config, HopConfig, SourceConfig, WrittenHop
from rolehop.config.schema import mentions_caller
from rolehop.config.sts_limits import MAX_TOKEN_DURATION, tag_key
from rolehop.plan.model import Hop, HopStep, Mfa, Plan, TokenStep
from rolehop.plan.resolve import REASON_TAG
from rolehop.plan.walk_options import HOP_FLAGS
from rolehop.policy.chain_model import (
    UNKNOWN_NAME,
    UNKNOWN_TAG,
    AssumeRoleRequest,
    EvaluationContext,
    InheritedAttributes,
    ScopeRequest,
    StartingCredentials,
)
from rolehop.policy.chain_verdict import ChainVerdict, Memo, judge_chain
from rolehop.policy.context_keys import absent_from_role_sessions, sent_by
from rolehop.policy.evaluation.principals import session_of
from rolehop.policy.language.request_context import UNKNOWN, Unknown
from rolehop.policy.requests import (
    AWS_CONFIG,
    EVERY_KEY,
    PROFILE,
    ChainScenario,
    ConfigLocation,
    FederatedCall,
    federated_request,
    session_after,
)
from rolehop.sources import SOURCE_TYPES, is_federated

# The keys of a hop that a profile of the AWS config can set, and its names for them (AWS CLI user
# guide, "Using an IAM role in the AWS CLI").
_PROFILE_KEYS = {
    "external_id": "external_id",
    "mfa_serial": "mfa_serial",
    "role": "role_arn",
    "session_name": "role_session_name",
}

# The role of a fleet has {account} in it.
_FLEET_KEYS = {key: key for key in EVERY_KEY if key not in ("mfa_serial", "role")}

# What a federated source's call sends, besides what its token says.
_SOURCE_KEYS = ("mfa_serial", "session_name")


class Locations(Sequence[ConfigLocation]):
    """Locations that are looked up when the first is asked for: few chains need a fix."""

    def __init__(self, look_up: Callable[[], Sequence[ConfigLocation]]) -> None:
        self._look_up = look_up

    @cached_property
    def _found(self) -> Sequence[ConfigLocation]:
        return self._look_up()

    @overload
    def __getitem__(self, at: int) -> ConfigLocation: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[ConfigLocation]: ...
    def __getitem__(self, at: int | slice) -> ConfigLocation | Sequence[ConfigLocation]:
        return self._found[at]

    def __len__(self) -> int:
        return len(self._found)


def config_locations(config: Config, plan: Plan) -> tuple[ConfigLocation, ...]:
    """Return the location of the plan's source, then those of its hops."""
    name = plan.source.name
    source = ConfigLocation(f"source '{name}'", _keys_of_source(plan.source))
    if name not in config.sources:
        source = ConfigLocation(f"profile '{name}'", {}, AWS_CONFIG)
    hops = zip(plan.hops, plan.written, strict=True)
    found = (source, *(_location(config, each, step) for step, each in hops))
    return found if _may_bring_mfa(plan) else tuple(map(_without_mfa, found))


def _keys_of_source(source: SourceConfig) -> dict[str, str]:
    """Return the keys that the source's type has; an audience is asked of a CI service alone."""
    table = SOURCE_TYPES[source.type].table
    asked = (*_SOURCE_KEYS, "audience") if "ci" in source.settings else _SOURCE_KEYS
    return {key: key for key in asked if table.key(key) is not None}


def _may_bring_mfa(plan: Plan) -> bool:
    """True unless the source is known to give no IAM user keys: without them no MFA device counts."""
    takes_device = "mfa_serial" in _keys_of_source(plan.source)
    return takes_device and (plan.long_lived or plan.source_problem is not None)


def _without_mfa(location: ConfigLocation) -> ConfigLocation:
    keys = {key: name for key, name in location.keys.items() if key != "mfa_serial"}
    return replace(location, keys=keys)


def _location(config: Config, written: WrittenHop, step: HopStep) -> ConfigLocation:
    role = str(step.hop.role)
    if written.in_profile:
        return ConfigLocation(f"the profile with role_arn = {role}", _PROFILE_KEYS, AWS_CONFIG)
    fleet = config.chains[written.chain].fleet
    if fleet:
        return ConfigLocation(f"fleet '{fleet}'", _FLEET_KEYS)
    # A hop has one number in what people read: that of the chain which is walked.
    name = f"hop {step.number} of chain '{written.chain}'"
    if step.number != written.number:
        name = f"hop {step.number} (no. {written.number} of chain '{written.chain}')"
    return ConfigLocation(name)


def judge_plan(app: App, evidence: Evidence, memo: Memo | None = None) -> ChainVerdict:
    """Judge the hops of a plan by the evidence; no AWS call is made.

    ``memo`` is shared by plans that are judged by the same inventory and policies.

    Raises:
        UsageError: see `scenario_of`.
    """
    plan = evidence.plan
    scenario = scenario_of(app, evidence, memo)
    verdict = judge_chain(plan.chain, plan.source.name, scenario, memo)
    return replace(
        verdict,
        source_role_unknown=is_federated(plan.source) and not scenario.source_requests,
        account=_account(plan),
    )


def _account(plan: Plan) -> str | None:
    """Return whose session is handed out, as far as the config says."""
    if plan.hops:
        return plan.hops[-1].hop.role.account
    named, role = (plan.source.settings.get(key) for key in ("account", "role"))
    if isinstance(named, str):
        return named
    return account_of(plan.source.principal or (role if isinstance(role, str) else ""))


def scenario_of(app: App, evidence: Evidence, memo: Memo | None = None) -> ChainScenario:
    """Return everything that the verdict on a plan depends on; ``memo``: see `judge_plan`.

    Raises:
        UsageError: ``--as`` names somebody whom the source can never be, or ``--context`` has a
            key that the call certainly does not carry.
    """
    plan, policies = evidence.plan, evidence.policies
    shared = Memo() if memo is None else memo
    if plan.region not in shared.contexts:
        shared.contexts[plan.region] = _context(app, evidence)
    context = shared.contexts[plan.region]
    principal = policies.caller or plan.source.principal
    own = federated_call(app, plan.source, plan.region, evidence.inventory, principal)
    start = _start(plan, None if own is None else session_after(own, context), policies, shared)
    return ChainScenario(
        start,
        _requests(app, plan),
        context,
        source_requests=() if own is None else (federated_request(own, context),),
        region_location=_region_location(app, plan),
        scope=_scope(plan),
        locations=Locations(
            lambda: _without_flags(config_locations(app.config, plan), _flags(plan))
        ),
    )


def _scope(plan: Plan) -> ScopeRequest | None:
    step = plan.scope
    return None if step is None else ScopeRequest(step.scope.policy, step.scope.read_only)


def _context(app: App, evidence: Evidence) -> EvaluationContext:
    policies = evidence.policies
    return EvaluationContext(
        evidence.inventory,
        app.now(),
        evidence.plan.region,
        policies.context,
        policies.assumptions,
        pin_tags=policies.pin_tags,
        supplied_at=policies.context_of_hops,
    )


def _start(
    plan: Plan, after: FederatedCall | None, policies: PolicyOptions, memo: Memo
) -> StartingCredentials:
    """Return a plan's starting credentials; ``after``: see `start_of`.

    Chains of one source that is not federated get the same object.
    """
    hops = plan.hops
    key = (id(plan.source), plan.long_lived, hops[0].mfa if hops else None, _token_step(plan))
    if after is None and key in memo.starts:
        return memo.starts[key][1]
    start = start_of(plan.source, after, policies, long_lived=plan.long_lived, mfa=_mfa(plan))
    start = _with_session_token(start, plan)
    if after is None:
        memo.starts[key] = plan.source, start
    return start


def _mfa(plan: Plan) -> bool | None:
    """Return whether the first call after the source's carries MFA; ``None``: not known."""
    token = _token_step(plan)
    if token is not None:
        return token.mfa_serial is not None
    return True if plan.hops and plan.hops[0].mfa is not Mfa.NONE else None


def _token_step(plan: Plan) -> TokenStep | None:
    return next((step for step in plan.steps if isinstance(step, TokenStep)), None)


def _with_session_token(start: StartingCredentials, plan: Plan) -> StartingCredentials:
    """Say if a session of GetSessionToken calls, or is handed out, in place of IAM user keys.

    Without hops no IAM user key is ever handed out, and a user's temporary credentials are of
    GetSessionToken alone (IAM user guide, "Compare AWS STS credentials").
    """
    token = _token_step(plan)
    of_user = ":user/" in (start.principal or "") and not plan.hops
    seconds = None if token is None else token.duration_seconds
    if seconds is None and of_user:
        seconds = MAX_TOKEN_DURATION
    by_call = bool(plan.hops) and plan.hops[0].mfa is Mfa.HOP
    return replace(start, token_seconds=seconds, mfa_by_call=by_call)


def _requests(app: App, plan: Plan) -> tuple[AssumeRoleRequest, ...]:
    """Return the calls of the hops; a walk asks for a reason that is still missing, and sends it."""
    made = [
        assume_role_request(step.hop.role, step.hop, step.hop.session_name) for step in plan.hops
    ]
    if made and plan.wants_reason:
        last = made[-1]
        if app.config.chains[plan.chain].reason_in == "tag":
            others = tuple(tag for tag in last.tags if tag_key(tag[0]) != REASON_TAG)
            made[-1] = replace(last, tags=(*others, (REASON_TAG, UNKNOWN_TAG)))
        else:
            made[-1] = replace(last, session_name=UNKNOWN_NAME)
    return tuple(made)


def _flags(plan: Plan) -> tuple[str, ...]:
    return (*plan.flags, "--reason") if plan.wants_reason else plan.flags


def _region_location(app: App, plan: Plan) -> ConfigLocation | None:
    """Return where the chain's region is set; ``None``: not there, or a fleet makes the chain."""
    chain = app.config.chains.get(plan.chain)
    if chain is None or chain.fleet or chain.region not in (None, plan.region):
        return None  # a flag or the environment set another region than the chain's
    return ConfigLocation(f"chain '{plan.chain}'", {"region": "region"})


def _without_flags(
    locations: tuple[ConfigLocation, ...], flags: tuple[str, ...]
) -> tuple[ConfigLocation, ...]:
    """Return the locations, the last without the keys that flags set: editing them has no effect."""
    set_by_flags = {key for each in HOP_FLAGS if each.flag in flags for key in each.sets}
    last = locations[-1]
    keys = {key: name for key, name in last.keys.items() if key not in set_by_flags}
    return (*locations[:-1], replace(last, keys=keys))


def start_of(
    source: SourceConfig,
    own: FederatedCall | None,
    policies: PolicyOptions,
    *,
    long_lived: bool,
    mfa: bool | None,
) -> StartingCredentials:
    """Return a source's credentials as policies see them.

    ``own`` is the call of a federated source; ``mfa``: hop 1 carries MFA, ``None``: not known.

    Raises:
        UsageError: ``--as`` names somebody whom the source can never be, or ``--context`` has a
            key that the call certainly does not carry.
    """
    _check_flags(policies, own, source)
    principal = policies.caller or source.principal
    if own is not None and not _is_session_of(own.role, principal):
        principal = session_of(own.role, own.session_name)
    role_session = principal is not None and ":user/" not in principal
    if role_session:
        _check_session(policies.context, source)
    settings, carries_nothing = source.settings, SOURCE_TYPES[source.type].carries_nothing
    account, policy, arns = (settings.get(key) for key in ("account", "policy", "policy_arns"))
    start = StartingCredentials(
        principal,
        carried=InheritedAttributes({}) if carries_nothing else None,
        account=account if isinstance(account, str) else None,
        role_pattern=_role_pattern(source),
        long_lived=long_lived,
        mfa=False if mfa is None and (long_lived or role_session) else mfa,
        policy=policy if isinstance(policy, str) else None,
        policy_arns=tuple(map(str, arns)) if isinstance(arns, tuple | list) else (),
        policy_unseen=not carries_nothing,
    )
    if own is None:
        return start
    # Its call names every session policy, except those that a profile adds.
    unseen = start.policy_unseen and own.carried.unseen == PROFILE
    return replace(start, role=own.role, carried=own.carried, policy_unseen=unseen)


def _role_pattern(source: SourceConfig) -> str | None:
    """Return what the ARN of a permission set's role is like; ``None``: the source has none."""
    account, name = source.settings.get("account"), source.settings.get("role")
    if not SOURCE_TYPES[source.type].names_permission_set or not isinstance(name, str):
        return None
    place = "role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO"
    return f"arn:*:iam::{account if isinstance(account, str) else '*'}:{place}_{name}_*"


def _check_flags(policies: PolicyOptions, own: FederatedCall | None, source: SourceConfig) -> None:
    """Refuse what ``--as`` and ``--context`` say that can never be."""
    _check_caller(policies.caller, own, source)
    _check_context(policies.context, federated=is_federated(source))
    for found in policies.context_of_hops.values():
        _check_context(found, federated=False)


def _check_caller(caller: str | None, own: FederatedCall | None, source: SourceConfig) -> None:
    if caller is None:
        return
    if not is_federated(source):
        _check_principal(caller, source)
        return
    if own is not None and is_same_principal(own.role, caller):
        return
    raise UsageError(
        f"--as says {caller}, and source '{source.name}' is a session of another role",
        cause=f"its config makes it {own.role if own is not None else 'a federated role session'}",
        fix="leave --as out for this source, or give the ARN of a session of its role",
    )


def _check_principal(caller: str, source: SourceConfig) -> None:
    """Refuse an ARN that contradicts the source's principal or account."""
    known = source.principal
    account = source.settings.get("account")
    if known is not None:
        same = is_same_principal(known, caller) or is_same_principal(caller, known)
        says = f"its config says that it is {known}"
    else:
        same = not isinstance(account, str) or account_of(caller) == account
        says = f"its config says that it is of account {account}"
    if not same:
        raise UsageError(
            f"--as says {caller}, and source '{source.name}' is somebody else",
            cause=says,
            fix="leave --as out for this source, or correct its config",
        )


def check_hops_exist(policies: PolicyOptions, most: int) -> None:
    """Refuse ``--context`` of a hop beyond the last, ``most``.

    Raises:
        UsageError: there is one.
    """
    beyond = [number for number in policies.context_of_hops if number > most]
    if beyond:
        raise UsageError(
            f"--context is about hop {beyond[0]}, and the chain has {pluralize(most, 'hop')}"
        )


def _check_context(context: Mapping[str, tuple[str, ...]], *, federated: bool) -> None:
    """Refuse keys that a walk itself sends to STS, unless the source's token may set them."""
    key = next((key for key in context if sent_by(key)), None)
    if key is None or federated:
        return
    raise UsageError(
        f"--context cannot set {key}: what a walk sends is known",
        cause="the verdict would rest on something that is not sent",
        fix=f"change what is sent: {sent_by(key)} sets it",
    )


def _check_session(context: Mapping[str, tuple[str, ...]], source: SourceConfig) -> None:
    """Refuse keys that a role session never has: a user's name, MFA."""
    key = next(
        (key for key, given in context.items() if given and absent_from_role_sessions(key)), None
    )
    if key is None or [each.lower() for each in context[key]] == ["false"]:
        return
    raise UsageError(
        f"--context cannot set {key}: source '{source.name}' is a role's session",
        cause="a role's session has no user name, and never carries MFA",
        fix="leave it out",
    )


def _is_session_of(role: str, principal: str | None) -> bool:
    session = principal is not None and ":assumed-role/" in principal
    return session and is_same_principal(role, principal or "")


def assume_role_request(
    role: RoleArn, hop: Hop | HopConfig, session_name: str
) -> AssumeRoleRequest:
    """Return the call of ``hop``, of a plan or of the resolved config, as policies see it."""
    identity: str | Unknown | None = hop.source_identity
    return AssumeRoleRequest(
        role=role,
        session_name=UNKNOWN_NAME if mentions_caller(session_name) else session_name,
        external_id=hop.external_id,
        policy=hop.policy,
        policy_arns=hop.policy_arns,
        tags=hop.tags,
        transitive_tags=hop.transitive_tags,
        source_identity=UNKNOWN if mentions_caller(hop.source_identity) else identity,
    )
