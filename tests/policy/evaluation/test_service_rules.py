"""What services decide beside policies: calls about no resource, what AWS alone changes, aliases."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import Outcome, Reason
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE, is_governed_by_resource
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.service_rules import is_about_several, named_amiss
from rolehop.policy.evaluation.statements import resource_matches
from rolehop.policy.language.operators import tokens_of
from tests.policy.helpers.actions import OBJECT, acting, of, statement
from tests.policy.helpers.actions import judge as judge_action

ALLOWED, REFUSED, UNKNOWN = Outcome.ALLOWED, Outcome.REFUSED, Outcome.UNKNOWN
ADMIN = [statement("*")]
BUCKET = "arn:aws:s3:::logs"
MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"
LINKED = "arn:aws:iam::222222222222:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
RESERVED = "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
LOGS = "arn:aws:logs:eu-west-1"
KEY = "arn:aws:kms:eu-west-1:222222222222:key/1"
ALIAS = "arn:aws:kms:eu-west-1:222222222222:alias/a"
OF_AWS = "arn:aws:kms:eu-west-1:222222222222:alias/aws/s3"


def judge(action: str, resource: str, permissions: Any, *more: Any) -> Any:
    return judge_action(action, resource, permissions, *more)


@pytest.mark.parametrize(
    ("action", "listed", "outcome"),
    [
        ("s3:ListAllMyBuckets", "*", ALLOWED),
        # The commonest form in published policies, AWS's own examples included.
        ("s3:ListAllMyBuckets", "arn:aws:s3:::*", ALLOWED),
        ("s3:ListAllMyBuckets", "arn:aws-cn:s3:::*", ALLOWED),
        ("s3:ListAllMyBuckets", BUCKET, REFUSED),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::log*", REFUSED),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::${aws:username}", REFUSED),
        ("S3:LISTALLMYBUCKETS", BUCKET, REFUSED),
        # What all of a service, or of an account, means there, AWS does not say.
        ("s3:ListAllMyBuckets", "arn:aws:s3:*", UNKNOWN),
        ("s3:ListJobs", "arn:aws:s3:::*", UNKNOWN),
        ("kms:ListAliases", "arn:aws:kms:eu-west-1:222222222222:*", UNKNOWN),
        ("kms:ListAliases", ALIAS, REFUSED),
        ("ec2:DescribeInstances", "arn:aws:ec2:*:*:instance/*", REFUSED),
        ("lambda:ListFunctions", "arn:aws:lambda:*:*:function:*", REFUSED),
        ("lambda:ListFunctions", "arn:aws:lambda:*:*:*:x", REFUSED),
    ],
)
@pytest.mark.parametrize("resource", ["*", BUCKET, ANY_RESOURCE])
def test_a_call_about_no_resource_needs_a_statement_that_names_all(
    action: str, listed: str, outcome: Outcome, resource: str
) -> None:
    """Whatever resource was asked about: one that is named is none of the call's."""
    verdict = judge(action, resource, [statement(action, listed)])
    assert verdict.outcome is outcome
    assert verdict.request.role == "*"


def test_a_deny_for_one_bucket_denies_no_list_of_all_buckets() -> None:
    denying = statement("s3:*", BUCKET, "Deny")
    assert judge("s3:ListAllMyBuckets", "*", [*ADMIN, denying]).outcome is ALLOWED
    denying = {**statement("s3:*", effect="Deny"), "NotResource": BUCKET}
    del denying["Resource"]
    assert judge("s3:ListAllMyBuckets", "*", [*ADMIN, denying]).outcome is REFUSED


@pytest.mark.parametrize(
    "action",
    [
        *("autoscaling:DescribeTags", "cloudformation:ListStacks", "dynamodb:ListTables"),
        *("ecr:GetAuthorizationToken", "ecs:ListClusters", "iam:GetAccountSummary"),
        *("lambda:ListFunctions", "secretsmanager:ListSecrets", "sqs:ListQueues"),
        "sts:DecodeAuthorizationMessage",
    ],
)
def test_of_every_service_that_is_listed_such_calls_are_about_no_resource(action: str) -> None:
    service = action.partition(":")[0]
    one = f"arn:aws:{service}:eu-west-1:222222222222:x/1"
    assert judge(action, one, [statement(action, one)]).outcome is REFUSED
    assert judge(action, one, [statement(action)]).outcome is ALLOWED


# IAM API reference: the operations on roles whose errors include UnmodifiableEntity.
OF_ROLES = (
    *("AttachRolePolicy", "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy"),
    *("DetachRolePolicy", "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy"),
)


@pytest.mark.parametrize("name", OF_ROLES)
@pytest.mark.parametrize("role", [LINKED, RESERVED])
def test_a_role_of_aws_is_changed_by_aws_alone(name: str, role: str) -> None:
    assert judge(f"iam:{name}", role, ADMIN).outcome is REFUSED


@pytest.mark.parametrize(
    ("action", "resource", "outcome"),
    [
        ("iam:DeletePolicyVersion", MANAGED, REFUSED),
        ("iam:CreatePolicy", MANAGED, REFUSED),  # it makes one of the caller's account
        ("iam:UntagPolicy", MANAGED, UNKNOWN),
        ("iam:CreateRole", LINKED, UNKNOWN),
        ("iam:CreateRole", RESERVED, UNKNOWN),
        ("iam:UntagRole", RESERVED, UNKNOWN),
        ("iam:UpdateRole", RESERVED, UNKNOWN),
        ("iam:DeleteRol?", RESERVED, UNKNOWN),
        ("iam:CreatePolicyVersion", MANAGED, REFUSED),
        ("iam:SetDefaultPolicyVersion", MANAGED, REFUSED),
        ("iam:DeletePolicy", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess", REFUSED),
        ("iam:TagPolicy", MANAGED, UNKNOWN),
        ("iam:GetPolicy", MANAGED, ALLOWED),
        ("iam:CreatePolicyVersion", "arn:aws:iam::222222222222:policy/Mine", ALLOWED),
        ("iam:PutRolePolicy", LINKED, REFUSED),
        ("IAM:UpdateAssumeRolePolicy", LINKED, REFUSED),
        ("iam:UpdateRole", LINKED, UNKNOWN),
        ("iam:UpdateRoleDescription", LINKED, ALLOWED),  # the guide says how
        ("iam:GetRole", LINKED, ALLOWED),
        ("iam:AttachRolePolicy", RESERVED, REFUSED),
        ("iam:DeleteRole", RESERVED, REFUSED),
        ("iam:TagRole", RESERVED, UNKNOWN),
        ("iam:CreateServiceLinkedRole", RESERVED, UNKNOWN),
        ("iam:DeleteServiceLinkedRole", RESERVED, UNKNOWN),
        ("iam:DeleteServiceLinkedRole", LINKED, ALLOWED),
        ("iam:UpdateRoleDescription", RESERVED, UNKNOWN),
        ("iam:*", RESERVED, UNKNOWN),
        ("iam:Get*", RESERVED, ALLOWED),
        ("iam:PutRolePolicy", "arn:aws:iam::222222222222:role/Ops", ALLOWED),
        ("kms:DeleteAlias", OF_AWS, REFUSED),
        ("kms:CreateAlias", OF_AWS, REFUSED),
    ],
)
def test_what_aws_keeps_itself_nobody_else_changes(
    action: str, resource: str, outcome: Outcome
) -> None:
    verdict = judge(action, resource, ADMIN)
    if resource.startswith("arn:aws-cn"):
        assert verdict.outcome is REFUSED  # whatever else is wrong with it
    assert verdict.outcome is outcome
    if outcome is not ALLOWED:
        (finding,) = verdict.policies[0].findings
        assert finding.reason is Reason.CHANGED_BY_AWS
        assert finding.element == ("Caller" if outcome is REFUSED else "unmodifiable")


@pytest.mark.parametrize("action", ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"])
def test_an_alias_and_its_key_must_both_allow(action: str) -> None:
    half = judge(action, ALIAS, [statement(action, ALIAS)])
    assert (half.outcome, half.unknowns) == (UNKNOWN, ("alias-and-key",))
    assert half.policies[0].findings[0].wanted == "each key that it is for"
    key_policy = of("222222222222", "kms:*")
    half = judge(action, KEY, [statement(action, KEY)], key_policy)
    assert (half.outcome, half.unknowns) == (UNKNOWN, ("alias-and-key",))
    assert half.policies[0].findings[0].wanted == "the alias"
    assert judge(action, ALIAS, [statement(action, KEY)]).outcome is REFUSED
    assert judge(action, KEY, [statement(action, ALIAS)], key_policy).outcome is REFUSED


KEY_POLICY = of("222222222222", "kms:*")
NO_GRANT = of("444444444444", "s3:*")
OWNED = {"supplied": {"aws:ResourceAccount": ["222222222222"]}}


@pytest.mark.parametrize(
    ("action", "resource", "listed", "own", "outcome"),
    [
        # Nobody is allowed to use a key by a policy that names its alias, or refused by one that
        # names the key.
        ("kms:Decrypt", ALIAS, ALIAS, KEY_POLICY, UNKNOWN),
        ("kms:Decrypt", ALIAS, KEY, KEY_POLICY, UNKNOWN),
        ("kms:Decrypt", ALIAS, "*", KEY_POLICY, ALLOWED),
        ("kms:*", ALIAS, ALIAS, KEY_POLICY, UNKNOWN),
        # The commonest mistakes in policies of S3: the bucket without /*, and /* without the bucket.
        ("s3:GetObject", BUCKET, BUCKET, NO_GRANT, UNKNOWN),
        ("s3:GetObject", BUCKET, f"{BUCKET}/*", NO_GRANT, UNKNOWN),
        ("s3:PutObjectAcl", BUCKET, BUCKET, NO_GRANT, UNKNOWN),
        ("s3:ListBucket", f"{BUCKET}/a", f"{BUCKET}/*", NO_GRANT, UNKNOWN),
        ("s3:ListBucket", f"{BUCKET}/", BUCKET, NO_GRANT, UNKNOWN),
        ("s3:PutBucketPolicy", f"{BUCKET}/a", f"{BUCKET}/*", NO_GRANT, UNKNOWN),
        ("s3:PutLifecycleConfiguration", f"{BUCKET}/a", f"{BUCKET}/*", NO_GRANT, UNKNOWN),
        ("s3:GetObject", f"{BUCKET}/a", f"{BUCKET}/*", NO_GRANT, ALLOWED),
        ("s3:GetObject", f"{BUCKET}/a", BUCKET, NO_GRANT, REFUSED),
        ("s3:ListBucket", BUCKET, BUCKET, NO_GRANT, ALLOWED),
        ("s3:GetBucketObjectLockConfiguration", BUCKET, BUCKET, NO_GRANT, ALLOWED),
        ("s3:*", BUCKET, BUCKET, NO_GRANT, ALLOWED),
    ],
)
def test_a_policy_that_names_what_the_call_cannot_be_about_decides_nothing(
    action: str, resource: str, listed: str, own: str, outcome: Outcome
) -> None:
    found = judge_action(action, resource, [statement(action, listed)], own, **OWNED)
    assert found.outcome is outcome


INSTANCE = "arn:aws:ec2:eu-west-1:222222222222:instance/i-1"


@pytest.mark.parametrize(
    ("action", "resource", "outcome"),
    [
        ("ec2:StopInstances", INSTANCE, REFUSED),
        ("rds:StopDBInstance", "arn:aws:rds:eu-west-1:222222222222:db:a", REFUSED),
        ("athena:GetWorkGroup", "arn:aws:athena:eu-west-1:222222222222:workgroup/a", REFUSED),
        # Resources are shared across accounts in other ways, too.
        ("ec2:StopInstances", INSTANCE.replace("222222222222", "333333333333"), REFUSED),
        # These may have a policy that allows it.
        ("ssm:GetParameter", "arn:aws:ssm:eu-west-1:222222222222:parameter/a", UNKNOWN),
        ("s3:GetObject", OBJECT, UNKNOWN),
    ],
)
def test_a_resource_that_has_no_policy_is_as_certain_by_its_arn_as_without(
    action: str, resource: str, outcome: Outcome
) -> None:
    assert judge(action, resource, [statement("sts:*")]).outcome is outcome


def test_across_accounts_it_is_not_known_what_a_resource_without_a_policy_is_shared_with() -> None:
    elsewhere = INSTANCE.replace("222222222222", "333333333333")
    assert judge("ec2:StopInstances", elsewhere, ADMIN).outcome is UNKNOWN


def test_what_is_allowed_on_one_of_several_resources_is_allowed_on_an_assumption() -> None:
    listed = [statement("ec2:*", "arn:aws:ec2:*:*:instance/*")]
    assert "other-resources" in judge("ec2:RunInstances", INSTANCE, listed).assuming
    assert "other-resources" not in judge("ec2:StopInstances", INSTANCE, listed).assuming


@pytest.mark.parametrize(
    ("action", "resource", "wanted"),
    [
        ("kms:Decrypt", ALIAS, "the key's ARN"),
        ("KMS:DECRYPT", ALIAS, "the key's ARN"),
        ("kms:CreateAlias", ALIAS, None),
        ("kms:Decrypt", KEY, None),
        ("s3:GetObject", ALIAS, None),
        ("kms:Decrypt", ALIAS.replace(":kms:", ":lambda:"), None),
        ("s3:GetObject", BUCKET, f"an object: {BUCKET}/KEY"),
        ("s3:ListBucket", BUCKET, None),
        ("s3:ListBucket", f"{BUCKET}/a/b", f"the bucket: {BUCKET}"),
        ("s3:GetObject", f"{BUCKET}/a/b", None),
    ],
)
def test_what_a_call_cannot_be_about(action: str, resource: str, wanted: str | None) -> None:
    found = named_amiss(action, resource)
    assert (found and found.partition(", which aws kms")[0]) == wanted


@pytest.mark.parametrize(
    ("action", "resource", "several"),
    [
        ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:222222222222:instance/*", True),
        ("EC2:RUNINSTANCES", "arn:aws:ec2:eu-west-1:222222222222:instance/*", True),
        ("ec2:RunInstances", "*", False),
        ("ec2:RunInstances", ANY_RESOURCE, False),
        ("ec2:StartInstances", "arn:aws:ec2:eu-west-1:222222222222:instance/i-1", False),
    ],
)
def test_what_is_judged_on_more_than_is_named(action: str, resource: str, several: bool) -> None:
    assert is_about_several(action, resource) is several


@pytest.mark.parametrize(
    ("pattern", "resource", "truth"),
    [
        # A star that ends its part reaches on, beyond parts that are empty, too.
        ("arn:aws:iam::*:x", "arn:aws:iam::222222222222:role/a:x", Truth.TRUE),
        # The type has a wildcard besides: what AWS makes of it is not described.
        (f"{LOGS}:*:r*:x", f"{LOGS}:222222222222:log-group:r1:x", Truth.UNKNOWN),
        ("arn:aws:logs:eu-west-?:222222222222:log-group:g", f"{LOGS}:222222222222:log-group:g", Truth.TRUE),
        # One part is missing; of policies other than identity-based ones AWS does not say what then.
        ("arn:aws:iam::222222222222", "arn:aws:iam::222222222222:role/a", Truth.UNKNOWN),
        ("arn:aws:iam::222222222222", "arn:aws:iam::333333333333:role/a", Truth.FALSE),
    ],
)  # fmt: skip
def test_what_a_resource_covers(pattern: str, resource: str, truth: Truth) -> None:
    assert resource_matches(tokens_of(pattern), resource)[0] is truth


def test_no_role_and_no_key_decides_how_a_session_is_narrowed() -> None:
    assert not is_governed_by_resource("sts:GetScopedCredentials", "*")


def test_other_accounts_have_no_way_to_an_alias() -> None:
    far = ALIAS.replace("222222222222", "333333333333")
    assert judge("kms:DeleteAlias", far, ADMIN).outcome is REFUSED


def test_a_call_of_another_partition_is_refused_whatever_aws_makes_of_its_own_roles() -> None:
    there = RESERVED.replace("arn:aws:", "arn:aws-cn:")
    assert judge("iam:TagRole", there, ADMIN).outcome is REFUSED


def test_a_call_that_needs_no_permission_is_about_the_callers_own_account() -> None:
    theirs = {"aws:ResourceAccount": ["333333333333"]}
    verdict = acting("sts:GetCallerIdentity", "*", ADMIN, supplied=theirs).by_documents
    assert verdict.request.owner == "222222222222"


def test_the_call_is_numbered_after_the_hops_and_its_fix_is_looked_for_once() -> None:
    found = acting("s3:GetObject", OBJECT, [statement("ec2:*")])
    assert found.number == 2
    assert found.remedies() is found.remedies()
