"""What the last session of a chain asks for with any action: whose resource, which policies decide."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.policy import NO_POLICY, NOT_VISIBLE, Finding, PolicyType, Reason, Request, Truth
from rolehop.policy.action_request import (
    RESOURCE_ACCOUNT,
    action_requests,
    is_one_resource,
    last_session,
    resource_policy,
)
from rolehop.policy.chain_model import (
    SOURCE_SESSION,
    AssumeRoleRequest,
    EvaluationContext,
    StartingCredentials,
)
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.requests import ChainScenario
from tests.policy.helpers.actions import FAR_KEY, KEY, OBJECT, QUEUE, TARGET, of, trusting
from tests.policy.helpers.chains import ADMIN, ALICE, HUB, NOBODY, NOW
from tests.support.policies import policy_text

HERE, THERE, ELSEWHERE = "222222222222", "333333333333", "444444444444"
SESSION = StartingCredentials(f"arn:aws:sts::{HERE}:assumed-role/Ops/me", mfa=False)
UNKNOWN_SOURCE = StartingCredentials(None)
OF_GET_SESSION_TOKEN = replace(NOBODY, token_seconds=3600)
NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}
DENY = policy_text({**NOTHING, "Principal": "*"})


def scenario(
    start: StartingCredentials = SESSION,
    *hops: AssumeRoleRequest,
    records: IamInventory | None = None,
    **setting: Any,
) -> ChainScenario:
    known = EvaluationContext(records or IamInventory(), NOW, "eu-west-1", **setting)
    return ChainScenario(start, hops, known)


def asked(
    action: str,
    resource: str,
    start: StartingCredentials = SESSION,
    own: str | None = None,
    **setting: Any,
) -> Request | None:
    found = action_requests(scenario(start, **setting), [action], resource, resource_policy(own))
    assert None not in found
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("*", True),
        (OBJECT, True),
        (TARGET, True),
        ("arn:aws:iam::222222222222:role/bad name", False),
        ("222222222222:role/Target", False),
        ("arn:aws:s3:::logs/*", False),
        ("arn:aws:s3:::logs/a?", False),
        ("arn:aws:s3", False),
    ],
)
def test_one_resource_is_an_arn_without_wildcards_or_a_star(text: str, valid: bool) -> None:
    assert is_one_resource(text) is valid


def test_the_last_session_is_that_of_the_last_hop() -> None:
    """Its session policy is named after that hop, where people look for it."""
    nothing = policy_text(NOTHING)
    hops = [AssumeRoleRequest(RoleArn.parse(each), "s", policy=nothing) for each in (HUB, ADMIN)]
    held = last_session(scenario(NOBODY, *hops))
    assert (held.caller.named, held.next_hop) == (ADMIN, 3)
    assert [each.name for each in held.session.documents] == ["session policy of hop 2"]


@pytest.mark.parametrize(
    ("action", "resource", "start", "supplied", "owner"),
    [
        ("sqs:SendMessage", QUEUE, SESSION, None, THERE),
        ("s3:GetObject", OBJECT, SESSION, None, HERE),  # its ARN names no account
        ("s3:GetObject", OBJECT, SESSION, ELSEWHERE, ELSEWHERE),
        ("sqs:SendMessage", QUEUE, SESSION, ELSEWHERE, THERE),
        ("sqs:SendMessage", QUEUE, UNKNOWN_SOURCE, None, THERE),
        ("s3:GetObject", OBJECT, UNKNOWN_SOURCE, ELSEWHERE, ELSEWHERE),
        # What no policy can refuse is asked of the caller's own account.
        ("sts:GetCallerIdentity", "arn:aws:iam::333333333333:role/Far", SESSION, None, HERE),
        ("sts:GetCallerIdentity", "*", UNKNOWN_SOURCE, ELSEWHERE, ELSEWHERE),
        # Neither account is known: nothing can be judged.
        ("s3:GetObject", OBJECT, UNKNOWN_SOURCE, None, None),
        ("sts:GetCallerIdentity", "*", UNKNOWN_SOURCE, None, None),
    ],
)
def test_whose_a_resource_is(
    action: str, resource: str, start: StartingCredentials, supplied: str | None, owner: str | None
) -> None:
    said = {} if supplied is None else {"AWS:ResourceAccount": [supplied]}
    found = asked(action, resource, start, supplied=said)
    assert (found is None, found and found.owner) == (owner is None, owner)


@pytest.mark.parametrize(
    ("action", "resource", "own", "assumed", "accounts"),
    [
        # A bucket may be of any account: of nobody's in particular, or of one that has RCPs.
        ("s3:GetObject", OBJECT, None, True, ["000000000000", THERE]),
        # EC2's resources have no policy of their own, so another account's are out of reach.
        ("ec2:DescribeInstances", ANY_RESOURCE, None, False, []),
        ("s3:GetObject", ANY_RESOURCE, None, True, []),
        # An action without resources is of the caller's own account.
        ("s3:ListAllMyBuckets", "*", of(HERE, "s3:*"), False, []),
        ("kms:Decrypt", "*", None, False, []),
        ("sqs:SendMessage", QUEUE, None, False, []),
    ],
)
def test_a_guess_of_the_account_is_checked_by_other_accounts(
    action: str, resource: str, own: str | None, assumed: bool, accounts: list[str]
) -> None:
    records = IamInventory(rcps=dict.fromkeys(("*", HERE, THERE), (DENY,)))
    found = asked(action, resource, own=own, records=records)
    assert found is not None
    assert (RESOURCE_ACCOUNT in found.assumed) is assumed
    assert bool(found.policies[PolicyType.TRUST].documents) is (own is not None)
    assert [each.owner for each in found.elsewhere] == accounts
    for each in found.elsewhere:
        assert each.context.lookup("aws:ResourceAccount") == (each.owner,)
        count = len(each.policies[PolicyType.RCP].documents)
        assert count == (2 if each.owner == THERE else 1)


def test_rcps_do_not_count_elsewhere_for_a_service_that_they_do_not_cover() -> None:
    """Lambda is none of theirs, and a function's ARN without an account names none."""
    records = IamInventory(rcps={THERE: (DENY,)})
    found = asked("lambda:InvokeFunction", "arn:aws:lambda:::function:f", records=records)
    assert found is not None
    for each in (found, *found.elsewhere):
        assert (each.policies[PolicyType.RCP], each.rcps_cover) == (NO_POLICY, Truth.FALSE)


def test_what_a_sources_session_hides_stays_hidden_without_a_hop() -> None:
    found = asked("sqs:SendMessage", QUEUE)
    assert found is not None
    assert (found.unseen, found.assumed) == (SOURCE_SESSION, ())
    found = asked("sqs:SendMessage", QUEUE, assumptions=frozenset({SOURCE_SESSION}))
    assert found is not None
    assert (found.unseen, found.assumed) == (None, (SOURCE_SESSION,))


@pytest.mark.parametrize(
    ("action", "resource", "own"),
    [
        ("s3:ListAllMyBuckets", "*", NO_POLICY),
        ("s3:GetObject", OBJECT, NOT_VISIBLE),
        ("s3:GetObject", ANY_RESOURCE, NOT_VISIBLE),
        ("ec2:StopInstances", ANY_RESOURCE, NO_POLICY),
        ("kms:Decrypt", KEY, NOT_VISIBLE),
        ("kms:UpdateAlias", "arn:aws:kms:eu-west-1:222222222222:alias/a", NO_POLICY),
        ("iam:GetRole", TARGET, NO_POLICY),
    ],
)
def test_where_a_resource_may_have_a_policy_that_is_not_seen(
    action: str, resource: str, own: Any
) -> None:
    found = asked(action, resource)
    assert found is not None
    assert found.policies[PolicyType.TRUST] == own
    # Of a caller whose account is not known, it is not known either.
    nobody = asked(action, resource, UNKNOWN_SOURCE, supplied={"aws:ResourceAccount": [HERE]})
    assert nobody is not None
    assert nobody.policies[PolicyType.TRUST] == NOT_VISIBLE


def test_an_action_without_resources_in_another_account_is_not_judged_by_ones_own_alone() -> None:
    found = asked("s3:ListAllMyBuckets", "*", supplied={"aws:ResourceAccount": [THERE]})
    assert found is not None
    assert found.policies[PolicyType.TRUST] == NOT_VISIBLE


@pytest.mark.parametrize(
    ("action", "resource", "start", "reason"),
    [
        ("s3:GetObject", "arn:aws-cn:s3:::logs/a", SESSION, Reason.OTHER_PARTITION),
        ("s3:GetObject", "arn:aws-cn:s3:::logs/a", OF_GET_SESSION_TOKEN, Reason.OTHER_PARTITION),
        ("s3:GetObject", "*", SESSION, None),
        ("sts:GetSessionToken", "*", SESSION, Reason.NOT_FOR_SESSIONS),
        ("sts:GetSessionToken", "*", NOBODY, None),
        ("sts:GetSessionToken", "*", OF_GET_SESSION_TOKEN, Reason.NOT_BY_USER_SESSION),
        ("sts:GetCallerIdentity", "*", SESSION, None),
    ],
)
def test_what_aws_refuses_whatever_policies_say(
    action: str, resource: str, start: StartingCredentials, reason: Reason | None
) -> None:
    found = asked(action, resource, start)
    assert found is not None
    assert (found.impossible and found.impossible.reason) is reason
    assert found.impossible is None or found.impossible.element == "Caller"
    # Of a caller of whom nothing is known, nothing is certain.
    nobody = asked(action, resource, StartingCredentials(None, account=HERE))
    assert nobody is not None
    assert nobody.impossible is None


@pytest.mark.parametrize(
    ("action", "named", "more"),
    [
        ("sts:AssumeRole", ("sts:AssumeRole",), ("sts:TagSession", "sts:SetSourceIdentity")),
        ("STS:assumerole", ("sts:AssumeRole",), ("sts:TagSession", "sts:SetSourceIdentity")),
        # A permission of AssumeRole by itself stands for no other one.
        ("sts:TagSession", ("sts:TagSession",), ()),
        ("sts:*", ("sts:*",), ()),
    ],
)
def test_an_action_of_sts_on_a_role(
    action: str, named: tuple[str, ...], more: tuple[str, ...]
) -> None:
    records = IamInventory({TARGET: Entity(TARGET, trust=trusting(HERE, "sts:*"))})
    found = asked(action, TARGET, records=records)
    assert found is not None
    assert (found.actions, found.possible_actions) == (named, more)
    assert (found.owner, found.hop) == (None, 1)
    assert found.policies[PolicyType.TRUST].documents
    # Its parameters are not known.
    assert found.context.lookup("sts:ExternalId") is UNKNOWN
    assert found.context.lookup("sts:RoleSessionName") is UNKNOWN


@pytest.mark.parametrize("action", ["kms:Decrypt", "iam:GetRole", "s3:GetObject"])
def test_a_trust_policy_decides_actions_of_sts_alone(action: str) -> None:
    records = IamInventory({TARGET: Entity(TARGET, trust=trusting(HERE, "*"))})
    found = asked(action, TARGET, records=records)
    assert found is not None
    assert (found.owner, found.policies[PolicyType.TRUST].documents) == (HERE, ())


def test_what_is_said_of_a_call_for_a_role_after_a_hop() -> None:
    """There is one caller alone; what describes the role is taken where nothing is known of it."""
    records = IamInventory({TARGET: Entity(TARGET, tags=(("stage", "prod"),))})
    supplied = {
        "aws:PrincipalTag/team": ["blue"],
        "sts:ExternalId": ["x-1"],
        "aws:ResourceTag/stage": ["test"],
    }
    hop = AssumeRoleRequest(RoleArn.parse(HUB), "s")
    chain = scenario(NOBODY, hop, records=records, supplied=supplied)
    (found,) = action_requests(chain, ["sts:AssumeRole"], TARGET, NOT_VISIBLE)
    assert found.context.lookup("aws:PrincipalTag/team") == ("blue",)
    assert found.context.lookup("sts:ExternalId") == ("x-1",)
    assert found.context.lookup("aws:ResourceTag/stage") == ("prod",)
    assert found.hop == 1


@pytest.mark.parametrize("trust", [None, trusting("*", "sts:*")], ids=["hidden", "seen"])
def test_a_token_s_holder_is_judged_by_the_trust_policy_and_rcps(trust: str | None) -> None:
    records = IamInventory({TARGET: Entity(TARGET, trust=trust)}, rcps={HERE: (DENY,)})
    found = asked("sts:AssumeRoleWithSAML", TARGET, records=records)
    assert found is not None
    assert found.caller.federated
    assert found.caller.arn is None
    assert {*found.policies} == {PolicyType.TRUST, PolicyType.RCP}
    assert found.policies[PolicyType.RCP].documents
    assert found.actions == ("sts:AssumeRoleWithSAML",)
    wanted = "a token of an identity provider that the trust policy names"
    open_ = Finding("caller", Truth.UNKNOWN, Reason.NOT_BY_SESSION, wanted)
    assert found.impossible == (None if trust is None else open_)
    assert found.context.lookup("aws:ResourceAccount") == (HERE,)


def test_a_call_that_needs_no_permission_asks_no_policy() -> None:
    records = IamInventory(rcps={"*": (DENY,)}, scps={"*": (DENY,)})
    found = asked("sts:GetCallerIdentity", "*", records=records)
    assert found is not None
    assert set(found.policies.values()) == {NO_POLICY}
    found = asked("kms:Decrypt", FAR_KEY, records=records)
    assert found is not None
    assert found.policies[PolicyType.SCP] != NO_POLICY


def test_a_user_is_named_as_the_caller() -> None:
    found = asked("sqs:SendMessage", QUEUE, NOBODY)
    assert found is not None
    assert found.caller.arn == ALICE
