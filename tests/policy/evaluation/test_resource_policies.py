"""Which policy of a resource decides a call: by the lists of the Service Authorization Reference."""

from __future__ import annotations

import pytest

from rolehop.policy.evaluation.call_rules import (
    ANY_RESOURCE,
    covers_more_than_sts,
    has_no_policy,
    is_governed_by_resource,
    is_of_token,
    is_role_arn,
)

ROLE, USER = "arn:aws:iam::222222222222:role/T", "arn:aws:iam::222222222222:user/bob"
ROOT = "arn:aws:iam::222222222222:root"
KEY, ALIAS = (
    "arn:aws:kms:eu-west-1:222222222222:key/1",
    "arn:aws:kms:eu-west-1:222222222222:alias/a",
)
OBJECT = "arn:aws:s3:::logs/a.gz"


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (ROLE, True),
        ("arn:aws:iam::222222222222:role/a:b/T", True),  # a path may have a colon
        (USER, False),
        (OBJECT, False),
        ("arn:aws:x::222222222222:role/T", False),
        ("arn:aws:iam::222222222222:x:role/T", False),
        ("*", False),
    ],
)
def test_what_the_arn_of_a_role_is(resource: str, expected: bool) -> None:
    assert is_role_arn(resource) is expected


@pytest.mark.parametrize(
    ("action", "resource", "governed", "none"),
    [
        # STS: the role's trust policy must allow it, but for calls that are of no role.
        ("sts:AssumeRole", ROLE, True, False),
        ("sts:TagSession", ROLE, True, False),
        ("sts:TagSession", USER, False, True),  # of GetFederationToken
        ("sts:AssumeRole", USER, True, False),
        ("sts:GetCallerIdentity", "*", False, True),
        ("sts:GetCallerIdentity", ANY_RESOURCE, False, True),
        ("STS:GetSessionToken", ANY_RESOURCE, False, True),
        # KMS: the key's policy must allow it; an alias has none, and some calls are of no key.
        ("kms:Decrypt", KEY, True, False),
        ("KMS:Decrypt", "*", True, False),
        ("kms:CreateKey", "*", False, True),
        ("kms:CreateKey", ANY_RESOURCE, False, True),
        ("KMS:CreateKey", ANY_RESOURCE, False, True),
        ("kms:CreateKey", KEY, True, False),  # on a key, as no call is: nothing is taken for sure
        ("kms:UpdateAlias", ALIAS, False, True),
        ("kms:UpdateAlias", KEY, True, False),  # asks the key's policy, too
        ("kms:Decrypt", ALIAS, True, False),  # of the key behind it
        # IAM: of its resources only roles have a policy, which counts for STS alone.
        ("iam:GetRole", ROLE, False, True),
        ("iam:GetUser", USER, False, True),
        ("iam:GetAccountSummary", ROOT, False, False),  # which stands for a whole account
        # Others: a resource may have a policy, unless the service has none.
        ("s3:GetObject", OBJECT, False, False),
        ("s3:GetObject", f"{OBJECT}:alias/a", False, False),  # any name of an object
        ("s3:GetObject", ANY_RESOURCE, False, False),
        ("s3:ListAllMyBuckets", "*", False, True),
        ("ec2:StopInstances", ANY_RESOURCE, False, True),
        ("EC2:StopInstances", ANY_RESOURCE, False, True),
        ("ec2:StopInstances", "arn:aws:ec2:eu-west-1:222222222222:instance/i-1", False, True),
        ("ec2:StopInstances", OBJECT, False, False),  # of another service, which has policies
        ("ssm:GetParameter", "arn:aws:ssm:eu-west-1:222222222222:parameter/a", False, False),
    ],
)  # fmt: skip
def test_whether_the_policy_of_a_resource_must_or_can_count(
    action: str, resource: str, governed: bool, none: bool
) -> None:
    assert is_governed_by_resource(action, resource) is governed
    assert has_no_policy(action, resource) is none


# Service Authorization Reference, "Actions, resources, and condition keys" for STS and KMS.
OF_NO_ROLE = (
    *("AssumeRoot", "DecodeAuthorizationMessage", "GetAccessKeyInfo", "GetCallerIdentity"),
    *("GetDelegatedAccessToken", "GetFederationToken", "GetServiceBearerToken", "GetSessionToken"),
    "GetWebIdentityToken",
)
OF_NO_KEY = (
    *("ConnectCustomKeyStore", "CreateCustomKeyStore", "CreateKey", "DeleteCustomKeyStore"),
    *("DescribeCustomKeyStores", "DisconnectCustomKeyStore", "GenerateRandom", "ListAliases"),
    *("ListKeys", "ListRetirableGrants", "UpdateCustomKeyStore"),
)
# Services of which it says that they support no resource-based policies.
WITHOUT_POLICIES = (
    *(
        "athena",
        "autoscaling",
        "cloudformation",
        "cloudwatch",
        "ec2",
        "ecs",
        "eks",
        "elasticloadbalancing",
    ),
    *("iam", "rds", "route53"),
)


@pytest.mark.parametrize(
    "action",
    [
        *(f"sts:{each}" for each in OF_NO_ROLE),
        *(f"kms:{each}" for each in OF_NO_KEY),
        *(f"{each}:X" for each in WITHOUT_POLICIES),
    ],
)
def test_no_policy_of_a_resource_counts_for_it(action: str) -> None:
    assert not is_governed_by_resource(action, ANY_RESOURCE)
    assert has_no_policy(action, ANY_RESOURCE)


@pytest.mark.parametrize("name", ["CreateAlias", "DeleteAlias", "UpdateAlias"])
def test_an_alias_has_no_policy(name: str) -> None:
    assert not is_governed_by_resource(f"kms:{name}", ALIAS)
    assert is_governed_by_resource(f"kms:{name}", KEY)


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("sts:AssumeRole", False),
        ("STS:*", False),
        ("iam:PassRole", False),
        ("IAM:PASSROLE", False),
        ("iam:*", True),
        ("*", True),
        ("s3:GetObject", True),
    ],
)
def test_of_aws_managed_policies_only_sts_and_pass_role_are_known(action: str, more: bool) -> None:
    assert covers_more_than_sts(action) is more


def test_a_call_with_a_token_is_known_by_its_name() -> None:
    names = ["AssumeRoleWithSAML", "assumeRoleWithWebIdentity", "AssumeRole", "AssumeRoot"]
    assert [is_of_token(f"sts:{each}") for each in names] == [True, True, False, False]
