"""Answer ``explain --action`` and ``explain role``: what a session may do, and what a role is."""

from __future__ import annotations

from rolehop.app.context import App
from rolehop.app.judging.documents import PolicyOptions, read_documents, read_policy
from rolehop.app.judging.evidence import Evidence, EvidenceReader
from rolehop.app.judging.plan_verdict import check_hops_exist, scenario_of
from rolehop.app.planning import Planning
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError, SourceError, UsageError
from rolehop.base.files import is_plain_file
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.action_request import action_requests, resource_policy
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, refused_by_aws
from rolehop.policy.context_keys import is_sent
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.evaluation.service_rules import named_amiss
from rolehop.policy.finding_text import sentence
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.parser import PolicyError
from rolehop.policy.requests import ChainScenario
from rolehop.policy.role_report import RoleReport, report_on


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
        ConfigError: the resource's policy is no valid policy; see also `Planning.plan`.
    """
    plan = Planning(app, keyring_needed=not offline).plan(chain, options)
    check_hops_exist(policies, len(plan.calls))
    reader = EvidenceReader(app, policies, offline=offline)
    evidence = reader.read(plan, answer, resource=asked.resource)
    (evidence,) = reader.with_organization([evidence], asked.resource)
    scenario = _scenario(app, evidence)
    if asked.hop is not None and asked.hop <= len(scenario.hops):  # before the scope
        scenario = replace(scenario, hops=scenario.hops[: asked.hop], scope=None)
    for action in asked.actions:
        wanted = named_amiss(action, asked.resource)
        if wanted is not None:
            app.note(f"{action} cannot be about {asked.resource}; name {wanted}")
    own_policy = _own_policy(asked.own_policy)
    requests = action_requests(scenario, asked.actions, asked.resource, own_policy)
    if not requests:
        raise UsageError(
            f"the account of source '{plan.source.name}' is not known",
            fix="say who it is: --as ARN",
        )
    judged = [evaluate(request) for request in requests]
    if answer is None:
        return [ActionVerdict(each, each, scenario) for each in judged]
    return [
        ActionVerdict(refused_by_aws(each, answer, evidence.inventory), each, scenario, answer)
        for each in judged
    ]


def _scenario(app: App, evidence: Evidence) -> ChainScenario:
    """Return the scenario; what ``--context`` says of a call's parameters is said of the action."""
    policies = evidence.policies
    of_walk = {key: each for key, each in policies.context.items() if not is_sent(key)}
    walked = replace(evidence, policies=replace(policies, context=of_walk))
    scenario = scenario_of(app, walked)
    return replace(scenario, context=replace(scenario.context, supplied=policies.context))


def _own_policy(file: str | None) -> PolicySet:
    try:
        return resource_policy(None if file is None else read_policy(file))
    except PolicyError as error:
        raise ConfigError(f"{file} is not a resource-based policy", cause=str(error)) from None


HOW_TO_NAME_ROLE = "rolehop explain role ARN, or rolehop explain role FILE, from aws iam get-role"


def describe_role(app: App, role: str, policies: PolicyOptions, *, offline: bool) -> RoleReport:
    """Describe ``role``: its ARN, or a file with the output of ``aws iam get-role``.

    IAM is read with the credentials in this shell, unless a document has the role or ``offline``.

    Raises:
        UsageError: it is neither, or the file holds several roles.
        SourceError: neither the documents nor IAM know the role.
    """
    if is_plain_file(role):
        policies = replace(policies, documents=(role, *policies.documents))
        role = _only_role(read_documents(PolicyOptions(documents=(role,)), app.note), role)
    inventory = read_documents(policies, app.note)
    arn = _role_arn(role)
    if not offline and inventory.find(arn) is None:
        from rolehop.app.judging.live_iam import read_live_role

        inventory = read_live_role(app, arn).merged(inventory)
    report = report_on(inventory, arn)
    if report is not None:
        return report
    missing = inventory.role_missing(RoleArn.parse(arn))
    if missing is not None:
        raise SourceError(f"there is no role {arn}", cause=sentence(missing))
    raise SourceError(
        f"nothing is known about {arn}",
        cause="no file describes it, and AWS was not asked or did not say"
        if offline
        else "no file describes it, and the credentials in this shell may not read it",
        fix=f"aws iam get-role --role-name {arn.rpartition('/')[2]} > FILE, then --policies FILE",
    )


def _role_arn(text: str) -> str:
    try:
        return str(RoleArn.parse_in(text, "aws"))
    except ValueError as error:
        raise UsageError(str(error), fix=HOW_TO_NAME_ROLE) from None


def _only_role(inventory: IamInventory, file: str) -> str:
    roles = [arn for arn in inventory.entities if ":role/" in arn]
    if len(roles) != 1:
        raise UsageError(
            f"{file} describes {len(roles)} roles",
            fix=Advice("name one: rolehop explain role ARN --policies ", Argument(file)),
        )
    return roles[0]
