"""The request that the last session of a chain makes for any action of any AWS service."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.arn import account_of
from rolehop.policy.chains.call_context import caller_context
from rolehop.policy.chains.model import CallerState
from rolehop.policy.chains.requests import initial_state, next_state
from rolehop.policy.chains.scenario import ChainScenario
from rolehop.policy.evaluation.model import NO_POLICY, NOT_VISIBLE, PolicySet, PolicyType, Request
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.parser import Kind, parse_policy
from rolehop.startup.lazy_regex import Pattern

RESOURCE_ACCOUNT = "resource-account"
"""The assumption that a resource whose ARN names no account is the caller's own."""


_RESOURCE = Pattern(r"\*|arn:[^:*?\s]+:[^:*?\s]+:[^:*?]*:[^:*?]*:[^*?]+")


def is_one_resource(text: str) -> bool:
    """True if ``text`` is one ARN without wildcards, or ``*``: for actions that have none."""
    return _RESOURCE.fullmatch(text) is not None


def last_session(scenario: ChainScenario) -> CallerState:
    """Return the session of the last hop; without hops, the source's credentials."""
    held = initial_state(scenario.start, scenario.setting)
    for number, hop in enumerate(scenario.hops, start=1):
        held = next_state(held, hop, number, scenario.setting.records)
    return held


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

    ``resource``: an ARN, or ``*`` for actions that have none.
    """
    held, setting = last_session(scenario), scenario.setting
    records, named = setting.records, held.caller.named
    supplied = {key.lower(): each for key, each in setting.supplied.items()}
    stated = account_of(resource) or next(iter(supplied.get("aws:resourceaccount", ())), None)
    owner = stated or held.caller.account
    if owner is None:
        return ()
    hidden = own_policy == NOT_VISIBLE
    policies = {
        PolicyType.TRUST: NO_POLICY if resource == "*" and hidden else own_policy,
        PolicyType.PERMISSIONS: records.permissions(named),
        PolicyType.BOUNDARY: records.boundary(named),
        PolicyType.SESSION: held.session,
        PolicyType.SCP: records.scp(held.caller.account),
        PolicyType.RCP: records.rcp(owner),
    }
    guessed = stated is None and resource != "*"
    return tuple(
        Request(
            role=resource,
            caller=held.caller,
            context=caller_context(held, owner, setting),
            actions=(action,),
            policies=policies,
            assumed=(*held.assumed, *((RESOURCE_ACCOUNT,) if guessed else ())),
            unseen=held.unseen,
            owner=owner,
        )
        for action in actions
    )
