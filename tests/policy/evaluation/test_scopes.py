"""A scope after the last hop: the call that makes it, and what its policy leaves of a session.

AWS says what GetScopedCredentials returns, and not which policies must allow the call, nor what a
Deny, a condition or a variable means in its policy: that much stays open.
"""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.policy import Outcome, PolicyType, evaluate
from rolehop.policy.action_request import action_requests, resource_policy
from rolehop.policy.chain_model import (
    AssumeRoleRequest,
    EvaluationContext,
    ScopeRequest,
    StartingCredentials,
)
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict, Memo, judge_chain
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import PolicyVerdict, Verdict
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.requests import ChainScenario, scope_request
from tests.policy.helpers.actions import OBJECT, OWN_QUEUE, ROLE, of, statement
from tests.policy.helpers.chains import ALICE, NOW
from tests.support.policies import policy_text

ALLOWED, REFUSED, UNKNOWN = Outcome.ALLOWED, Outcome.REFUSED, Outcome.UNKNOWN
CALL = "sts:GetScopedCredentials"
BUCKET, ACCOUNT = "arn:aws:s3:::logs", "222222222222"
TRUST = policy_text(
    {"Effect": "Allow", "Principal": {"AWS": ALICE}, "Action": "sts:AssumeRole"},
)


def scenario(
    permissions: Any,
    *,
    scope: Any = None,
    scp: Any = None,
    session: Any = None,
    boundary: Any = None,
    hops: int = 1,
) -> ChainScenario:
    """Return ALICE -> ROLE -> the scope; ``permissions`` of the role, ``None``: not seen."""
    arn = "arn:aws:iam::222222222222:policy/Boundary"
    entity = Entity(
        ROLE,
        trust=TRUST,
        inline={} if permissions is None else {"go": policy_text(*permissions)},
        boundary=None if boundary is None else arn,
        tags=(),
    )
    user = Entity(ALICE, inline={"all": policy_text(statement("*"))}, tags=())
    inventory = IamInventory(
        {ALICE: user} if permissions is None else {ROLE: entity, ALICE: user},
        {} if boundary is None else {arn: policy_text(boundary)},
        scps={} if scp is None else {"*": (policy_text(*scp),)},
    )
    limit = None if session is None else policy_text(session)
    asked = AssumeRoleRequest(RoleArn.parse(ROLE), "me", policy=limit)
    return ChainScenario(
        StartingCredentials(ALICE, long_lived=True),
        (asked,) * hops,
        EvaluationContext(inventory, NOW, supplied={"aws:ResourceAccount": [ACCOUNT]}),
        scope=ScopeRequest(None if scope is None else policy_text(*scope)),
    )


def judged(made: ChainScenario, *, shared: bool = False) -> ChainVerdict:
    return judge_chain("narrow", "corp", made, Memo() if shared else None)


def call_of(made: ChainScenario, *, shared: bool = False) -> HopVerdict:
    return judged(made, shared=shared).hops[-1]


def lane(verdict: Verdict, name: PolicyType) -> PolicyVerdict:
    return next(each for each in verdict.policies if each.name is name)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    ("permissions", "more", "outcome"),
    [
        ([statement("*")], {}, ALLOWED),
        ([statement(CALL)], {}, ALLOWED),
        ([statement(CALL.upper())], {}, ALLOWED),
        # Whether an Allow is needed at all AWS does not say.
        ([statement("s3:*")], {}, UNKNOWN),
        (None, {}, UNKNOWN),
        ([statement("*")], {"scp": [statement("*"), statement(CALL, effect="Deny")]}, REFUSED),
        ([statement("*"), statement("sts:*", effect="Deny")], {}, REFUSED),
        ([statement("*")], {"session": statement("s3:*")}, UNKNOWN),
        ([statement("*")], {"boundary": statement("s3:*")}, UNKNOWN),
        ([statement("*")], {"boundary": statement(CALL), "session": statement(CALL)}, ALLOWED),
        ([statement("*")], {"scp": [statement("s3:*")]}, UNKNOWN),
    ],
)
def test_the_call_is_refused_by_a_deny_and_allowed_by_an_allow(
    permissions: Any, more: dict[str, Any], outcome: Outcome, shared: bool
) -> None:
    found = call_of(scenario(permissions, **more), shared=shared)
    assert found.verdict.outcome is outcome
    assert found.verdict.request.actions == (CALL,)


def test_neither_a_trust_policy_nor_an_rcp_is_asked() -> None:
    verdict = call_of(scenario([statement("*")])).verdict
    for each in (PolicyType.TRUST, PolicyType.RCP):
        assert lane(verdict, each).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("shared", [True, False])
def test_hops_and_scope_have_the_names_that_people_use(shared: bool) -> None:
    hop, scope = judged(scenario([statement("*")]), shared=shared).hops
    assert (hop.number, hop.name, hop.is_scope, hop.asked) == (1, "hop 1", False, ROLE)
    assert (scope.number, scope.name, scope.is_scope) == (2, "scope", True)
    assert scope.asked == CALL


@pytest.mark.parametrize("shared", [True, False])
def test_a_chain_without_a_scope_has_no_such_call(shared: bool) -> None:
    plain = replace(scenario([statement("*")]), scope=None)
    assert [each.name for each in judged(plain, shared=shared).hops] == ["hop 1"]


def test_the_call_is_judged_by_what_the_session_has() -> None:
    limited = scenario([statement("*")], session=statement("*"), boundary=statement("*"))
    made = limited.requests()[2]
    assert (made.role, made.owner, made.actions) == (ANY_RESOURCE, ACCOUNT, (CALL,))
    assert made.caller.arn == "arn:aws:sts::222222222222:assumed-role/Ops/me"
    assert made.context.lookup("aws:PrincipalAccount") == (ACCOUNT,)
    assert made.context.lookup("aws:ResourceAccount") == (ACCOUNT,)
    assert made.hop == 2
    there = {name for name in PolicyType if made.policy_set(name).there}
    limits = {PolicyType.PERMISSIONS, PolicyType.BOUNDARY, PolicyType.SESSION, PolicyType.SCP}
    assert there == {*limits, PolicyType.SCOPE}  # nothing was said of SCPs or another scope
    unseen = replace(limited.session(), unseen="caller", assumed=("caller",))
    known_as = scope_request(unseen, limited.context)
    assert (known_as.unseen, known_as.assumed) == ("caller", ("caller",))


def test_of_a_caller_that_is_not_known_the_account_is_not_either() -> None:
    nobody = replace(scenario(None, hops=0), start=StartingCredentials(None, long_lived=True))
    assert nobody.requests()[1].owner == ""


def test_nothing_here_mends_a_scope_that_is_refused() -> None:
    refused = scenario([statement("*"), statement("sts:*", effect="Deny")])
    hop, scope = judged(refused).hops
    assert (hop.verdict.outcome, scope.verdict.outcome) == (ALLOWED, REFUSED)
    assert scope.remedies() == ()


def test_a_hop_before_it_keeps_its_fixes() -> None:
    stranger = "arn:aws:iam::111111111111:user/bob"
    made = scenario([statement("*")])
    other = replace(made, start=StartingCredentials(stranger, long_lived=True))
    hop = judged(other).hops[0]
    assert hop.verdict.outcome is REFUSED
    assert hop.remedies() != ()
    assert hop.remedies() is hop.remedies()


# ---- what its policy leaves


NO_GRANT = policy_text()


def by_scope(action: str, resource: str, scope: Any, own: str = NO_GRANT) -> Verdict:
    """Judge a call of a session that may do all, as ``scope`` narrows it."""
    made = scenario([statement("*")], scope=scope)
    (request,) = action_requests(made, [action], resource, resource_policy(own))
    return evaluate(request)


def test_what_it_says_of_an_action() -> None:
    plain = [statement("s3:Get*", "arn:aws:s3:::logs/*")]
    made = scenario([statement("*")], scope=plain)
    (request,) = action_requests(made, ["s3:GetObject"], OBJECT, resource_policy(NO_GRANT))
    assert [each.name for each in request.policies[PolicyType.SCOPE].documents] == [
        "policy of the scope"
    ]
    assert by_scope("s3:GetObject", OBJECT, plain).outcome is ALLOWED
    found = by_scope("s3:PutObject", OBJECT, plain)
    assert found.outcome is REFUSED
    assert lane(found, PolicyType.SCOPE).outcome is REFUSED


@pytest.mark.parametrize(
    ("statements", "resource"),
    [
        ([statement("*", Condition={"Bool": {"aws:PrincipalIsAWSService": "false"}})], OBJECT),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], OBJECT),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}], OBJECT),
        (
            [{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::other/*"}],
            OBJECT,
        ),
        ([statement("*", "arn:aws:s3:::logs/${aws:PrincipalAccount}/*")], f"{BUCKET}/{ACCOUNT}/a"),
        ([statement("*", [f"{BUCKET}/*", f"{BUCKET}/${{aws:userid}}/*"])], OBJECT),
        ([statement("*"), statement("s3:*", effect="Deny")], OBJECT),
    ],
    ids=["condition", "not-action", "not-resource", "both", "variable", "one-variable", "deny"],
)
def test_what_aws_does_not_describe_of_its_policy_stays_open(
    statements: Any, resource: str
) -> None:
    verdict = by_scope("s3:GetObject", resource, statements)
    assert verdict.outcome is UNKNOWN
    assert verdict.unknowns == ("scope-statement",)
    found = lane(verdict, PolicyType.SCOPE)
    assert found.outcome is UNKNOWN
    said = {each.element: each.wanted for each in found.findings}
    assert said["scope-statement"] == "a plain Allow"
    assert {"Action", "Resource"} <= {each.removeprefix("Not") for each in said}


@pytest.mark.parametrize(
    "statements",
    [
        [statement("*"), statement("ec2:*", effect="Deny")],
        [statement("*"), {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
    ],
)
def test_what_is_open_does_not_matter_beside_a_plain_allow(statements: Any) -> None:
    assert by_scope("s3:GetObject", OBJECT, statements).outcome is ALLOWED


def test_one_that_only_shortens_limits_no_action() -> None:
    made = scenario([statement("*")])
    (request,) = action_requests(made, ["s3:GetObject"], OBJECT, resource_policy(NO_GRANT))
    assert PolicyType.SCOPE not in request.policies
    assert evaluate(request).outcome is ALLOWED


def test_an_allow_of_something_else_allows_nothing() -> None:
    statements = [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]
    assert by_scope("s3:GetObject", OBJECT, statements).outcome is REFUSED


def test_what_it_makes_of_a_queues_own_grant_is_open() -> None:
    own = of(ROLE, "sqs:SendMessage")
    found = by_scope("sqs:SendMessage", OWN_QUEUE, [statement("s3:*")], own)
    assert (found.outcome, found.unknowns) == (UNKNOWN, ("scope-limits",))
    limits = lane(found, PolicyType.SCOPE).findings[-1]
    assert (limits.element, limits.truth) == ("scope-limits", Truth.UNKNOWN)
    assert (limits.wanted, limits.found) == ("an Allow", "sqs:SendMessage")
    assert by_scope("sqs:SendMessage", OWN_QUEUE, [statement("s3:*")]).outcome is REFUSED


def test_a_grant_that_other_limits_leave_open_says_nothing_of_scopes() -> None:
    """Whether a session policy limits a grant to ``*`` is open, too, and is no matter of a scope."""
    made = scenario([statement("s3:*")], session=statement("s3:*"), scope=[statement("*")])
    own = resource_policy(of("*", "sqs:SendMessage"))
    (request,) = action_requests(made, ["sqs:SendMessage"], OWN_QUEUE, own)
    verdict = evaluate(request)
    assert lane(verdict, PolicyType.SESSION).outcome is UNKNOWN
    elements = [each.element for policy in verdict.policies for each in policy.findings]
    assert not [each for each in elements if each.startswith("scope-")]


def test_what_the_call_itself_leaves_open_is_named() -> None:
    limited = [statement(CALL, Condition={"Bool": {"aws:Unheard": "true"}})]
    verdict = call_of(scenario(limited)).verdict
    found = lane(verdict, PolicyType.PERMISSIONS).findings
    assert found[0].element == "Condition Bool aws:Unheard"
    assert found[-1].element == "scope-permission"
    assert (found[-1].truth, found[-1].wanted, found[-1].found) == (Truth.UNKNOWN, "an Allow", CALL)
    plain = call_of(scenario([statement("s3:*")])).verdict
    assert plain.unknowns == ("scope-permission",)
    unseen = lane(call_of(scenario(None)).verdict, PolicyType.PERMISSIONS)
    assert unseen.outcome is Outcome.NOT_VISIBLE
    assert "scope-permission" not in [each.element for each in unseen.findings]
