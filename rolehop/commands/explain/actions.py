"""Judge whether a session of a chain may take an action of any AWS service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.judging.organization import accounts_of, with_organization
from rolehop.app.judging.plan_verdict import check_hops_exist, scenario_of
from rolehop.app.judging.policy_documents import PolicyOptions, read_documents, read_policy
from rolehop.app.planning import Stamps, plan_chain
from rolehop.arn import account_of, is_role
from rolehop.errors import ConfigError, UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, refused_by_aws
from rolehop.policy.chains.action_request import action_requests, resource_policy
from rolehop.policy.chains.scenario import ChainScenario
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.inventory.context_keys import is_sent
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.language.json_reader import PolicyError
from rolehop.startup.dataclass import dataclass, replace

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.model import Plan


@dataclass(frozen=True, slots=True)
class ActionOptions:
    """Which actions are asked about, and who takes them."""

    actions: tuple[str, ...]
    resource: str
    """One ARN, `ANY_RESOURCE` if none is named, or ``*`` for actions that have none."""

    own_policy: str | None = None
    """A file with the resource's own policy."""

    hop: int | None = None
    """Number of the hop whose session calls; 0: the source itself, ``None``: the last hop's."""


def judge_actions(
    app: App,
    chain: str,
    asked: ActionOptions,
    policies: PolicyOptions,
    options: WalkOptions,
    *,
    offline: bool,
    answer: AwsRefusal | None = None,
) -> list[ActionVerdict]:
    """Judge each action that is asked about; ``answer``: what AWS said when it refused them.

    Raises:
        UsageError: who the source is, and so whose the resource may be, is not known.
        ConfigError: the resource's policy is no valid policy; see also `plan_chain`.
    """
    plan = plan_chain(app, chain, options, Stamps(keyring_needed=not offline))
    inventory, policies = _documents(app, plan, asked, policies, answer, offline=offline)
    check_hops_exist(policies, len(plan.hops))
    scenario = _scenario(app, plan, inventory, policies)
    scenario = replace(scenario, hops=scenario.hops[: asked.hop])
    own_policy = _own_policy(asked.own_policy)
    requests = action_requests(scenario, asked.actions, asked.resource, own_policy)
    if not requests:
        raise UsageError(
            f"the account of source '{plan.source.name}' is not known",
            fix="say who it is: --as ARN",
        )
    found = [evaluate(each) for each in requests]
    if answer is None:
        return [ActionVerdict(each, each) for each in found]
    return [ActionVerdict(refused_by_aws(each, answer, inventory), each, answer) for each in found]


def _documents(
    app: App,
    plan: Plan,
    asked: ActionOptions,
    policies: PolicyOptions,
    answer: AwsRefusal | None,
    *,
    offline: bool,
) -> tuple[IamInventory, PolicyOptions]:
    """Return everything the actions are judged by, and the options with the caller that was read."""
    inventory = read_documents(policies, app.note)
    if not offline:
        from rolehop.app.judging.live_iam import LiveIam

        denied = None if answer is None else answer.denied
        named = None if denied is None else denied.policy_arn
        iam = LiveIam(app)
        live, policies = iam.read(plan, policies, named)
        if is_role(asked.resource):
            live = live.merged(iam.read_role(asked.resource, plan, policies.caller))
        inventory = live.merged(inventory)
    accounts = accounts_of(app, plan, policies.caller) | {account_of(asked.resource)}
    return with_organization(app, inventory, policies, accounts, offline=offline), policies


def _scenario(
    app: App, plan: Plan, inventory: IamInventory, policies: PolicyOptions
) -> ChainScenario:
    """Return the scenario; what ``--context`` says of a call's parameters is said of the action."""
    of_walk = {key: each for key, each in policies.context.items() if not is_sent(key)}
    scenario = scenario_of(app, plan, inventory, replace(policies, context=of_walk))
    return replace(scenario, setting=replace(scenario.setting, supplied=policies.context))


def _own_policy(file: str | None) -> PolicySet:
    try:
        return resource_policy(None if file is None else read_policy(file))
    except PolicyError as error:
        raise ConfigError(f"{file} is not a resource-based policy", cause=str(error)) from None
