"""The requests that the last session of a chain makes for actions of any AWS service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rolehop.base.arn import RoleArn, account_of, is_role, partition_of
from rolehop.base.dataclass import replace
from rolehop.base.startup import Pattern
from rolehop.policy.call_context import caller_context, context_of_action, context_of_token
from rolehop.policy.chain_model import (
    UNKNOWN_NAME,
    AssumeRoleRequest,
    CallerState,
    EvaluationContext,
)
from rolehop.policy.context_keys import is_of_caller
from rolehop.policy.evaluation.call_rules import (
    ANY_RESOURCE,
    beyond_session_token,
    covers_more_than_sts,
    has_no_policy,
    is_for_sessions,
    is_governed_by_resource,
    is_of_iam,
    is_of_token,
    is_role_arn,
    needs_no_permission,
    rcps_cover,
)
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import NO_POLICY, NOT_VISIBLE, PolicySet, PolicyType, Request
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.service_rules import (
    changed_by_aws_alone,
    is_about_no_resource,
    is_about_several,
    named_amiss,
    other_half_of_alias,
)
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.parser import Kind, parse_policy
from rolehop.policy.language.request_context import Context
from rolehop.policy.requests import ChainScenario, build_request, narrowed, of_scope

RESOURCE_ACCOUNT = "resource-account"
"""The assumption that a resource whose ARN names no account is the caller's own."""

OTHER_RESOURCES = "other-resources"
"""The assumption that the call is allowed on its other resources, each of which it is judged on."""

_RESOURCE = Pattern(r"\*|arn:[^:*?\s]+:[^:*?\s]+:[^:*?]*:[^:*?]*:[^*?]+")


def is_one_resource(text: str) -> bool:
    """True if ``text`` is one ARN without wildcards, or ``*``: for actions that have none."""
    valid = not is_role_arn(text) or is_role(text)
    return valid and _RESOURCE.fullmatch(text) is not None


def last_session(scenario: ChainScenario) -> CallerState:
    """Return the session that is handed out: the last hop's, or the source's, as a scope narrows it."""
    return narrowed(scenario.session(), scenario.scope, scenario.context.inventory)


def resource_policy(text: str | None) -> PolicySet:
    """Return the policy of a resource; ``None``: it cannot be seen.

    Raises:
        PolicyError: it is no valid policy.
    """
    if text is None:
        return NOT_VISIBLE
    name = Kind.RESOURCE.value
    return PolicySet((Attached(name, parse_policy(text, Kind.RESOURCE), text),))


def action_requests(
    scenario: ChainScenario, actions: Sequence[str], resource: str, own_policy: PolicySet
) -> tuple[Request, ...]:
    """Return one request per action; an action may have wildcards, and then stands for all it matches.

    ``resource``: an ARN, `ANY_RESOURCE`, or ``*`` for actions that have none. None is returned if
    the account of neither the resource nor the caller is known.
    """
    made = (_request(scenario, action, resource, own_policy) for action in actions)
    return tuple(each for each in made if each is not None)


def _request(
    scenario: ChainScenario, action: str, resource: str, own_policy: PolicySet
) -> Request | None:
    if covers_more_than_sts(action):
        inventory = replace(scenario.context.inventory, complete_only=True)
        scenario = replace(scenario, context=replace(scenario.context, inventory=inventory))
    of_sts = action.lower().startswith("sts:") and is_governed_by_resource(action, resource)
    if of_sts and is_role_arn(resource):
        return _request_of_role(scenario, action, RoleArn.parse(resource), own_policy)
    return _request_of_any(scenario, action, resource, own_policy)


def _request_of_any(
    scenario: ChainScenario, action: str, resource: str, own_policy: PolicySet
) -> Request | None:
    held, context = last_session(scenario), scenario.context
    inventory, named = context.inventory, held.caller.named
    resource = "*" if is_about_no_resource(action) else resource
    supplied = {key.lower(): each for key, each in context.supplied.items()}
    stated = account_of(resource) or next(iter(supplied.get("aws:resourceaccount", ())), None)
    free, own_account = needs_no_permission(action), held.caller.account
    owner = (own_account or stated) if free else (stated or own_account)
    if owner is None:
        return None
    named_well = named_amiss(action, resource) is None
    judged = resource if named_well else ANY_RESOURCE  # no policy that names it is about the call
    own = _own_policy(held, action, judged, owner, own_policy)
    keys = caller_context(held, owner, context, action, judged)
    covered = rcps_cover(action, resource)
    policies = {
        PolicyType.TRUST: own,
        PolicyType.PERMISSIONS: inventory.permissions(named),
        PolicyType.BOUNDARY: inventory.boundary(named),
        PolicyType.SESSION: held.session,
        PolicyType.SCP: inventory.scp(held.caller.account),
        PolicyType.RCP: NO_POLICY if covered is Truth.FALSE else inventory.rcp(owner),
        **of_scope(held),
    }
    guessed = stated is None and resource != "*" and own.there
    made = Request(
        role=judged,
        caller=held.caller,
        context=keys,
        actions=(action,),
        policies=dict.fromkeys(policies, NO_POLICY) if free else policies,
        assumed=(
            *held.assumed,
            *((RESOURCE_ACCOUNT,) if guessed else ()),
            *((OTHER_RESOURCES,) if is_about_several(action, judged) else ()),
        ),
        unseen=held.unseen,
        owner=owner,
        impossible=_impossible(held, action, resource, keys),
        rcps_cover=covered,
    )
    if not guessed or judged == ANY_RESOURCE:
        return made
    return replace(made, elsewhere=tuple(_elsewhere(made, held, context)))


_SOMEBODY_ELSE = "000000000000"  # an account that no policy names


def _elsewhere(made: Request, held: CallerState, context: EvaluationContext) -> Iterator[Request]:
    """Yield the call as it is if an account that has RCPs, or any other one, owns the resource."""
    with_rcps = [each for each in context.inventory.rcps if each not in ("*", made.owner)]
    covered = made.rcps_cover is not Truth.FALSE
    for owner in (_SOMEBODY_ELSE, *with_rcps):
        rcp = context.inventory.rcp(owner) if covered else NO_POLICY
        yield replace(
            made,
            owner=owner,
            context=caller_context(held, owner, context, made.actions[0], made.role),
            policies={**made.policies, PolicyType.RCP: rcp},
        )


def _impossible(held: CallerState, action: str, resource: str, context: Context) -> Finding | None:
    """Return why AWS refuses the call whatever policies say; ``None`` if they decide."""
    caller = held.caller
    kept = changed_by_aws_alone(action, resource, caller.arn)
    if kept is not None and kept.truth is Truth.FALSE:
        return kept
    if held.token_seconds is not None:
        found = beyond_session_token(action, caller, context)
        if found is not None:
            return found
    if caller.is_session and not is_for_sessions(action):
        wanted = "the keys of an IAM user"
        return Finding("Caller", Truth.FALSE, Reason.NOT_FOR_SESSIONS, wanted, caller.arn)
    partition = partition_of(resource)
    if None not in (partition, caller.partition) and partition != caller.partition:
        wanted = f"a caller in {partition}"
        return Finding("Caller", Truth.FALSE, Reason.OTHER_PARTITION, wanted, caller.arn)
    return kept or other_half_of_alias(action, resource, caller.arn)


def _own_policy(
    held: CallerState, action: str, resource: str, owner: str, given: PolicySet
) -> PolicySet:
    """Return the resource's own policy, as far as it is known."""
    if is_of_iam(resource):
        given = NOT_VISIBLE  # a role's policy says nothing of IAM's own actions
    if given != NOT_VISIBLE or not has_no_policy(action, resource):
        return given
    # Nothing of IAM, and no alias, is open to other accounts; what else has no policy may be shared.
    closed = is_of_iam(resource) or ":alias/" in resource
    elsewhere = not closed and owner != held.caller.account
    return NOT_VISIBLE if elsewhere or held.caller.account is None else NO_POLICY


def _request_of_role(
    scenario: ChainScenario, action: str, role: RoleArn, given: PolicySet
) -> Request:
    """Return the request for an action of STS on a role: its trust policy decides."""
    held, context = last_session(scenario), scenario.context
    of_caller = {key: each for key, each in context.supplied.items() if is_of_caller(key)}
    held = replace(held, supplied=of_caller)
    hop = AssumeRoleRequest(role, UNKNOWN_NAME)
    made = build_request(held, hop, context)
    trust = made.policies[PolicyType.TRUST] if given == NOT_VISIBLE else given
    if is_of_token(action):
        return _request_with_token(made, action, trust, scenario)
    whole = action.lower() == "sts:assumerole"
    return replace(
        made,
        hop=1,
        context=context_of_action(held, hop, context),
        actions=made.actions if whole else (action,),
        possible_actions=made.possible_actions if whole else (),
        policies={**made.policies, PolicyType.TRUST: trust},
    )


def _request_with_token(
    made: Request, action: str, trust: PolicySet, scenario: ChainScenario
) -> Request:
    """Return the request of whoever has a token for the role; the session's policies do not count."""
    wanted = "a token of an identity provider that the trust policy names"
    open_ = Finding("caller", Truth.UNKNOWN, Reason.NOT_BY_SESSION, wanted)
    return Request(
        role=made.role,
        caller=Caller(None, None, federated=True),
        context=context_of_token(made.role, scenario.context),
        actions=(action,),
        policies={PolicyType.TRUST: trust, PolicyType.RCP: made.policies[PolicyType.RCP]},
        impossible=None if trust.missing else open_,
    )
