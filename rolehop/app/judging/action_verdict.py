"""Judge whether the last session of a chain may take an action of any AWS service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.judging.organization import accounts_of, with_organization
from rolehop.app.judging.plan_verdict import scenario_of
from rolehop.app.judging.policy_documents import PolicyOptions, read_documents, read_policy
from rolehop.app.planning import plan_chain
from rolehop.errors import ConfigError, UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chains.action_request import action_requests, resource_policy
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import PolicySet, Verdict
from rolehop.policy.language.json_reader import PolicyError

if TYPE_CHECKING:
    from rolehop.app.context import App


def judge_actions(
    app: App,
    chain: str,
    actions: Sequence[str],
    resource: str,
    own_policy: str | None,
    policies: PolicyOptions,
    options: WalkOptions,
    *,
    offline: bool,
) -> list[Verdict]:
    """Judge each of ``actions`` on ``resource``; ``own_policy``: a file with the resource's policy.

    Raises:
        UsageError: who the source is, and so whose the resource may be, is not known.
        ConfigError: the resource's policy is no valid policy; see also `plan_chain`.
    """
    plan, inventory = plan_chain(app, chain, options), read_documents(policies)
    if not offline:
        from rolehop.app.judging.live_iam import LiveIam

        live, policies = LiveIam(app).read(plan, policies)
        inventory = live.merged(inventory)
    accounts = accounts_of(plan, policies.caller)
    inventory = with_organization(app, inventory, policies, accounts, offline=offline)
    scenario = scenario_of(app, plan, inventory, policies)
    requests = action_requests(scenario, actions, resource, _own_policy(own_policy))
    if not requests:
        raise UsageError(
            f"the account of source '{plan.source.name}' is not known",
            fix="say who it is: --as ARN",
        )
    return [evaluate(each) for each in requests]


def _own_policy(file: str | None) -> PolicySet:
    try:
        return resource_policy(None if file is None else read_policy(file))
    except PolicyError as error:
        raise ConfigError(f"{file} is not a resource-based policy", cause=str(error)) from None
