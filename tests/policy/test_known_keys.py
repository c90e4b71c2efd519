"""Condition keys and exemptions that are known without a document."""

from __future__ import annotations

import json

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import Kind, Truth, evaluate, parse_policy
from rolehop.policy.aws_cli_output import InvalidInventory, read_inventory
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.evaluation.statements import judge_condition
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.remedies.change_builder import policy_changes
from rolehop.policy.requests import build_requests
from tests.policy.helpers.requests import ADMIN, KEYS, NOW, asked
from tests.support.policies import allow, policy_text


def test_keys_that_are_always_or_never_there_are_known() -> None:
    for number, each in enumerate(asked(KEYS), start=1):
        context = each.context
        account = ("222222222222", "333333333333")[number - 1]
        assert context.lookup("aws:ResourceAccount") == (account,)
        assert context.lookup("aws:ViaAWSMCPService") == ("false",)
        for key in ("aws:CalledViaFirst", "aws:CalledViaLast", "aws:CalledViaAWSMCP"):
            assert context.lookup(key) is None


def test_the_session_of_a_source_is_no_older_than_a_session_can_be() -> None:
    session = StartingCredentials("arn:aws:sts::111111111111:assumed-role/Dev/me", mfa=False)
    first, _ = asked(session)
    assert first.context.range_of("aws:TokenIssueTime") == (
        "2026-06-01T00:00:00Z",
        "2026-06-01T12:00:00Z",
    )
    first, _ = asked(replace(KEYS, long_lived=False, mfa=None))
    assert first.context.range_of("aws:TokenIssueTime") is None  # GetSessionToken, or no session


def test_the_management_account_is_exempt_from_scps_and_rcps() -> None:
    nothing = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*"}}'
    scp = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
    for management, there in ((frozenset[str](), True), (frozenset({"111111111111"}), False)):
        records = IamInventory(
            scps={"*": (scp,)}, rcps={"*": (nothing,)}, management_accounts=management
        )
        assert records.scp("111111111111").there is there
        assert records.rcp("111111111111").there is there
        assert records.scp("222222222222").there


def test_describe_organization_names_the_management_account() -> None:
    text = json.dumps({"Organization": {"Id": "o-1", "MasterAccountId": "111111111111"}})
    assert read_inventory(text).management_accounts == {"111111111111"}
    with pytest.raises(InvalidInventory, match="account ID of 12 digits"):
        read_inventory(text.replace("111111111111", "1"))


@pytest.mark.parametrize(
    "key",
    [
        "saml:sub",
        "token.actions.githubusercontent.com:sub",
        "cognito-identity.amazonaws.com:aud",
        "aws:FederatedProvider",
        "ec2:RoleDelivery",
        "lambda:SourceFunctionArn",
        "ec2:InstanceType",
        "sts:DurationSeconds",
        "aws:PrincipalServiceName",
    ],
)
def test_keys_that_no_hop_from_an_iam_user_has_are_absent(key: str) -> None:
    """Of a session from a service or a token, those of its origin may be there."""
    assert [each.context.lookup(key) for each in asked(KEYS)] == [None, None]
    session = StartingCredentials("arn:aws:sts::111111111111:assumed-role/Dev/me", mfa=False)
    of_call = key in ("ec2:InstanceType", "sts:DurationSeconds", "aws:PrincipalServiceName")
    first, _ = asked(session)
    assert first.context.lookup(key) is (None if of_call else UNKNOWN)


def test_the_age_of_mfa_is_bounded_by_what_carries_the_code() -> None:
    by_token = replace(KEYS, mfa=True, token_seconds=3600)
    by_call = replace(KEYS, mfa=True, mfa_by_call=True)
    for start, most, temporary in ((by_token, "3600", True), (by_call, "60", False)):
        context = asked(start)[0].context
        assert context.range_of("aws:MultiFactorAuthAge") == ("0", most)
        assert context.has("aws:TokenIssueTime") is temporary
    second = asked(by_token)[1].context
    assert second.lookup("aws:MultiFactorAuthAge") is None
    assert second.lookup("aws:MultiFactorAuthPresent") == ("false",)


@pytest.mark.parametrize(
    ("wanted", "truth"),
    [
        ("role/AWSReservedSSO_Dev_*", Truth.FALSE),  # without the path, it is another role
        ("role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Dev_*", Truth.UNKNOWN),
        ("role/*", Truth.UNKNOWN),
    ],
)
def test_the_role_of_a_permission_set_has_a_path(wanted: str, truth: Truth) -> None:
    pattern = "role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Dev_*"
    account = "arn:aws:iam::111111111111:"
    configured = StartingCredentials(None, role_pattern=f"arn:*{account[7:]}{pattern}", mfa=False)
    named = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ann"
    condition = {"ArnLike": {"aws:PrincipalArn": f"{account}{wanted}"}}
    text = policy_text(allow(Resource="*", Condition=condition))
    (statement,) = parse_policy(text, Kind.PERMISSIONS).statements
    for start in (configured, StartingCredentials(named, mfa=False)):
        found = judge_condition(statement.conditions[0], asked(start)[0].context)
        assert found.truth is truth


def test_a_permission_set_is_where_its_role_is_changed() -> None:
    arn = "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123"
    records = IamInventory({arn: Entity(arn, inline={}, tags=())})
    session = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Dev_0123/ann"
    start = StartingCredentials(session, mfa=False)
    hop = AssumeRoleRequest(ADMIN, "s")
    (request,) = build_requests(start, [hop], EvaluationContext(records, NOW))
    changes = policy_changes(evaluate(request))
    assert [each.document for each in changes] == ["permission set Dev in IAM Identity Center"]
