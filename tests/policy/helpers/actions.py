"""Whether a chain's session may take an action: the documents in, the verdict out."""

from __future__ import annotations

from typing import Any

from rolehop.base.arn import RoleArn
from rolehop.policy import evaluate
from rolehop.policy.action_request import action_requests, resource_policy
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.chain_verdict import ActionVerdict, AwsRefusal, refused_by_aws
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.requests import ChainScenario
from tests.policy.helpers.chains import NOW
from tests.support.policies import policy_text

ROLE = "arn:aws:iam::222222222222:role/Ops"
SESSION = "arn:aws:sts::222222222222:assumed-role/Ops/me"
TARGET = "arn:aws:iam::222222222222:role/Target"
OBJECT = "arn:aws:s3:::logs/a.gz"
QUEUE = "arn:aws:sqs:eu-west-1:333333333333:jobs"
OWN_QUEUE = "arn:aws:sqs:eu-west-1:222222222222:jobs"
KEY = "arn:aws:kms:eu-west-1:222222222222:key/1"
FAR_KEY = "arn:aws:kms:eu-west-1:333333333333:key/1"


def statement(action: Any, resource: Any = "*", effect: str = "Allow", **more: Any) -> Any:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def of(principal: str, action: str, effect: str = "Allow") -> str:
    return policy_text(statement(action, "*", effect, Principal={"AWS": principal}))


def trusting(principal: str, *actions: str, **more: Any) -> str:
    """Return a trust policy: it has no Resource."""
    listed = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(actions)}
    return policy_text({**listed, **more})


def judge(action: str, resource: str, permissions: Any, own: str | None = None, **more: Any) -> Any:
    """Return the verdict of `acting`, by the documents alone."""
    return acting(action, resource, permissions, own, **more).by_documents


def acting(
    action: str,
    resource: str,
    permissions: Any,
    own: str | None = None,
    *,
    boundary: Any = None,
    session: Any = None,
    scp: Any = None,
    rcp: Any = None,
    supplied: Any = None,
    trust: str | None = None,
    attached: tuple[str, ...] = (),
    answer: AwsRefusal | None = None,
) -> ActionVerdict:
    """Judge a call of the session of `ROLE`: by its documents, and by what AWS answered."""
    arn = "arn:aws:iam::222222222222:policy/Boundary"
    entity = Entity(
        ROLE,
        inline={"go": policy_text(*permissions)} if permissions else {},
        attached=attached,
        boundary=None if boundary is None else arn,
        tags=(),
    )
    inventory = IamInventory(
        {ROLE: entity, TARGET: Entity(TARGET, trust=trust, tags=())},
        {} if boundary is None else {arn: policy_text(boundary)},
        scps={}
        if scp is None
        else {"*": (policy_text(*(scp if isinstance(scp, list) else [scp])),)},
        rcps={} if rcp is None else {"*": (policy_text(rcp),)},
    )
    scenario = _scenario(inventory, session, supplied)
    (request,) = action_requests(scenario, [action], resource, resource_policy(own))
    assert request.caller.arn in (SESSION, None)
    return _answered(evaluate(request), scenario, answer)


def _scenario(inventory: IamInventory, session: Any = None, supplied: Any = None) -> ChainScenario:
    text = None if session is None else policy_text(session)
    hop = AssumeRoleRequest(RoleArn.parse(ROLE), "me", policy=text)
    start = StartingCredentials("arn:aws:iam::111111111111:user/alice", long_lived=True)
    return ChainScenario(start, (hop,), EvaluationContext(inventory, NOW, supplied=supplied or {}))


def _answered(verdict: Any, scenario: ChainScenario, answer: AwsRefusal | None) -> ActionVerdict:
    said = verdict if answer is None else refused_by_aws(verdict, answer, IamInventory())
    return ActionVerdict(said, verdict, scenario, answer)


def as_action(verdict: Any, answer: AwsRefusal | None = None) -> ActionVerdict:
    """Return a verdict of `judge` as a command shows it, after what AWS answered."""
    return _answered(verdict, _scenario(IamInventory()), answer)
