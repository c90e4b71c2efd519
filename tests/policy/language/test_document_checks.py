"""What AWS would not save, and names that it does not have, are said with their lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.policy.document_warnings import document_warnings
from rolehop.policy.evaluation.model import NO_POLICY, PolicySet, PolicyType, Request
from rolehop.policy.evaluation.principals import caller_from_arn
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.document_checks import ActionNames, problems_in
from rolehop.policy.language.parser import Kind, parse_policy
from rolehop.policy.language.request_context import Context
from tests.support.policies import policy_text

ROLES = "arn:aws:iam::111111111111:role/*"
ONLY = 'the Principal of an RCP is "*" alone: name callers in a condition on aws:PrincipalArn'
WHOLE = "name whole ARNs, or * with a condition on aws:PrincipalArn"
TRUST: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "111111111111"},
    "Action": "sts:AssumeRole",
}
GO: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
RCP: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
LISTED = {"s3": ["GetObject", "ListBucket"], "sts": ["AssumeRole", "TagSession"], "x": []}
KEYS = {
    "s3": ["s3:prefix", "s3:ExistingObjectTag/<key>", "aws:ResourceTag/${TagKey}", "s3x:other"],
    "sts": [],
    "x": [],
}
NAMES = ActionNames("2026-10-27", tuple(LISTED), LISTED.__getitem__, KEYS.__getitem__)


def problems(kind: Kind, *statements: Any, names: ActionNames | None = None) -> list[str]:
    policy = parse_policy(policy_text(*statements), kind)
    return [text for _, text in problems_in(policy, names)]


@pytest.mark.parametrize(
    ("kind", "statements", "expected"),
    [
        (Kind.TRUST, [{**TRUST, "Action": ["sts:AssumeRole", "s3:GetObject"]}],
         ["AWS takes no s3:GetObject in a trust policy"]),
        (Kind.TRUST, [{**TRUST, "Action": "sts:AsumeRole"}],
         ["AWS takes no sts:AsumeRole in a trust policy; did you mean sts:AssumeRole?"]),
        (Kind.TRUST, [{**TRUST, "Principal": {"AWS": "arn:aws:iam::111111111111:role/*"}}],
         [f"AWS takes no wildcard in the principal {ROLES}: {WHOLE}"]),
        (Kind.TRUST, [{"Effect": "Deny", "NotPrincipal": {"AWS": "111111111111"}, "Action": "sts:*"}],
         ["AWS no longer takes NotPrincipal in a trust policy"]),
        (Kind.TRUST, [{"Effect": "Deny", "Principal": "*", "NotAction": ["s3:*", "sts:GetUser"]}],
         ["AWS takes no s3:* in a trust policy", "AWS takes no sts:GetUser in a trust policy"]),
        (Kind.TRUST, [{**TRUST, "Principal": {"AWS": "arn:aws:iam::111111111111:role/Hu?"}}],
         [f"AWS takes no wildcard in the principal arn:aws:iam::111111111111:role/Hu?: {WHOLE}"]),
        (Kind.TRUST, [{**TRUST, "Sid": "a b"}],
         ['the Sid "a b" has other characters than A-Z, a-z and 0-9']),
        (Kind.BOUNDARY, [{**GO, "Sid": "a-b"}],
         ['the Sid "a-b" has other characters than A-Z, a-z and 0-9']),
        (Kind.SESSION, [{**GO, "Sid": "a_b"}],
         ['the Sid "a_b" has other characters than A-Z, a-z and 0-9']),
        (Kind.RCP, [{"Effect": "Deny", "NotPrincipal": "*", "Action": "s3:*", "Resource": "*"}],
         [ONLY]),
        (Kind.RCP, [{**RCP, "Principal": {"AWS": ["*", "111111111111"]}}], [ONLY]),
        (Kind.RCP, [RCP, {**RCP, "Effect": "Allow", "Action": "*"}],
         ["an RCP can only deny: AWS takes no Allow in it",
          "AWS takes no * alone as an action of an RCP: name services, as in s3:*"]),
        (Kind.RCP, [{**RCP, "Effect": "Allow", "Action": "*", "Condition": {"Null": {"a:b": "true"}}}],
         ["an RCP can only deny: AWS takes no Allow in it",
          "AWS takes no * alone as an action of an RCP: name services, as in s3:*"]),
        (Kind.PERMISSIONS, [{**GO, "Sid": "a"}, {**GO, "Sid": "a"}],
         ['the Sid "a" occurs twice; each must be unique']),
        (Kind.PERMISSIONS, [{**GO, "Sid": "a b"}],
         ['the Sid "a b" has other characters than A-Z, a-z and 0-9']),
        (Kind.RCP, [{**RCP, "Effect": "Allow"}],
         ["an RCP can only deny: AWS takes no Allow in it"]),
        (Kind.RCP, [{**RCP, "Principal": {"AWS": "111111111111"}}],
         [ONLY]),
        (Kind.RCP, [{"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"}],
         ["AWS takes no NotAction in an RCP: list the actions"]),
        (Kind.RCP, [{**RCP, "Action": "*"}],
         ["AWS takes no * alone as an action of an RCP: name services, as in s3:*"]),
    ],
)  # fmt: skip
def test_what_aws_would_not_save_is_said(
    kind: Kind, statements: list[Any], expected: list[str]
) -> None:
    assert problems(kind, *statements) == expected


def _with(condition: Any) -> dict[str, Any]:
    return {**GO, "Condition": condition}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({**GO, "Action": "s3:Get Object"},
         'the statement has the action "s3:Get Object", and no action has a blank in its name'),
        ({**GO, "Action": "s3:Get:Object"},
         'the statement has the action "s3:Get:Object", and an action has one colon'),
        (_with({"StringEqual": {"aws:a": "b"}}),
         ('the statement has the condition operator "StringEqual", which is not known here: did you'
         " mean StringEquals?")),
        (_with({"ForAnyValue::StringLike": {"aws:a": "b"}}),
         ('the statement has the condition operator "ForAnyValue::StringLike", which is not known here:'
         " did you mean StringLike?")),
        (_with({"DateLessThan": {"aws:CurrentTime": "1 May 2026"}}),
         'the statement has the value "1 May 2026" for DateLessThan, which cannot read it'),
        (_with({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "203.0.113.*"]}}),
         'the statement has the value "203.0.113.*" for IpAddress, which cannot read it'),
        ({**GO, "Resource": ["*", "my-bucket"]},
         'AWS takes no "my-bucket" as a resource: a resource is an ARN, or "*"'),
        ({**GO, "Resource": ""}, 'AWS takes no "" as a resource: a resource is an ARN, or "*"'),
        ({**GO, "Resource": "arn:aws"},
         'AWS takes no "arn:aws" as a resource: a resource is an ARN, or "*"'),
        ({**GO, "Resource": "arn:s3:::my-bucket"},
         'AWS takes no "arn:s3:::my-bucket" as a resource: a resource is an ARN, or "*"'),
        ({**GO, "Resource": "arn:aws:iam:eu-west-1"},
         'AWS takes no "arn:aws:iam:eu-west-1" as a resource: what is of IAM has no Region'),
        ({**GO, "Resource": "arn:aws:s3:eu-west-1::my:bucket"},
         ('AWS takes no "arn:aws:s3:eu-west-1::my:bucket" as a resource: the ARN of a bucket or object'
         " has no Region")),
        ({**GO, "Resource": "arn:aws:s3:eu-west-1::my-bucket/*"},
         ('AWS takes no "arn:aws:s3:eu-west-1::my-bucket/*" as a resource: the ARN of a bucket or object'
         " has no Region")),
        ({"Effect": "Deny", "Action": "iam:*", "NotResource": "arn:aws:iam:eu-west-1:1:role/A"},
         'AWS takes no "arn:aws:iam:eu-west-1:1:role/A" as a resource: what is of IAM has no Region'),
    ],
)  # fmt: skip
def test_a_slip_in_a_statement_is_said(statement: Any, expected: str) -> None:
    for kind in (Kind.PERMISSIONS, Kind.BOUNDARY, Kind.SESSION):
        assert problems(kind, statement) == [expected]


@pytest.mark.parametrize(
    "statement",
    [
        {**GO, "Resource": "arn:aws-cn:s3:::my-bucket"},
        {**GO, "Resource": "arn:*:s3:::my-bucket"},
        {**GO, "Resource": "arn:aws:s3:eu-west-1:111111111111:accesspoint/a"},
        {**GO, "Resource": "arn:aws:sqs:eu-west-1"},  # which AWS completes
        {**GO, "Resource": "arn:aws:iam::${aws:PrincipalAccount}:role/A"},
        {**GO, "Resource": "arn:aws:iam:*:*:role/A"},
        {**GO, "Resource": ["arn:aws:iam", "arn:aws:s3", "arn:aws:s3:eu-west-1:"]},
        {**GO, "Resource": ["*:aws", "a:*", "*:aws:s3:::b", "arn:aws:dynamodb:eu-west-1::t"]},
        {**GO, "Resource": "${aws:username}"},
        _with({"NumericEquals": {"aws:a": "${aws:username}"}}),
        _with({"ArnLike": {"aws:SourceArn": "*"}}),
        _with({"DateLessThan": {"aws:CurrentTime": ["2026-05-01", "2026-05-01T00:00:00Z"]}}),
        _with({"StringEquals": {"aws:a": "${aws:username}"}, "Null": {"aws:a": "true"}}),
    ],
)
def test_a_statement_without_a_slip_is_not_remarked(statement: Any) -> None:
    assert problems(Kind.PERMISSIONS, statement) == []


def test_a_resource_of_a_service_s_own_policy_is_left_to_the_service() -> None:
    statement = {**GO, "Principal": "*", "Resource": "my-bucket"}
    assert problems(Kind.RESOURCE, statement) == []


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        (Kind.TRUST, TRUST),
        (Kind.TRUST, {**TRUST, "Action": ["sts:*", "STS:tagsession", "sts:Assume*", "sts:Get?*"]}),
        (
            Kind.TRUST,
            {
                **TRUST,
                "Action": [
                    f"sts:{each}"
                    for each in (
                        "AssumeRoleWithSAML",
                        "AssumeRoleWithWebIdentity",
                        "SetContext",
                        "SetSourceIdentity",
                    )
                ],
            },
        ),
        (Kind.TRUST, {**TRUST, "Action": "*"}),
        (Kind.TRUST, {**TRUST, "Principal": "*"}),
        (Kind.TRUST, {**TRUST, "Principal": {"Service": "*.amazonaws.com"}}),  # not known
        (Kind.PERMISSIONS, {**GO, "Sid": ""}),
        (Kind.RESOURCE, {**RCP, "Sid": "Allow the world"}),  # services have rules of their own
        (Kind.RCP, RCP),
        (Kind.RCP, {**RCP, "Effect": "Allow", "Action": "*"}),  # RCPFullAWSAccess
        (Kind.SCP, {**GO, "Sid": "a-b"}),
    ],
)
def test_what_aws_saves_is_not_remarked(kind: Kind, statement: Any) -> None:
    assert problems(kind, statement) == []


@pytest.mark.parametrize(
    ("action", "condition", "expected"),
    [
        ("s3:GetObjct", {}, "there is no action s3:GetObjct; did you mean s3:GetObject?"),
        ("S33:GetObject", {},
         'there is no service "S33" (of S33:GetObject); did you mean s3?'),
        ("S3:GetObjct", {}, "there is no action S3:GetObjct; did you mean S3:GetObject?"),
        ("s3:GetObject", {"StringEquals": {"s3:prefixes": "a"}},
         "there is no condition key s3:prefixes; did you mean s3:prefix?"),
        ("s3:GetObject", {"StringEquals": {"s3:prefx:a": "a"}},
         "there is no condition key s3:prefx:a; did you mean s3:prefix?"),
        ("s3:GetObject", {"StringEquals": {"s3:othr": "a"}}, "there is no condition key s3:othr"),
        ("s3:GetObject", {"StringEquals": {"s3:ResourceTag/a": "a"}},
         "there is no condition key s3:ResourceTag/a"),
        ("s3:GetObject", {"StringEquals": {"S3:x": "a"}}, "there is no condition key S3:x"),
        ("s33:GetObject", {},
         'there is no service "s33" (of s33:GetObject); did you mean s3?'),
        ("s3:GetObject", {"StringEquals": {"s3:prefx": "a"}},
         "there is no condition key s3:prefx; did you mean s3:prefix?"),
    ],
)  # fmt: skip
def test_a_name_that_does_not_exist_is_said_with_the_nearest_and_the_date_of_the_list(
    action: str, condition: Any, expected: str
) -> None:
    statement = {**GO, "Action": action, "Condition": condition}
    assert problems(Kind.PERMISSIONS, statement, names=NAMES) == [
        f"by AWS's list of 2026-10-27, {expected}"
    ]
    assert problems(Kind.PERMISSIONS, statement) == []  # without a list nothing is claimed


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:getobject", "S3:Prefix"),
        ("s3:Get*", "s3:ExistingObjectTag/team"),
        ("*", "aws:SourceIp"),
        ("*:*", "token.actions.githubusercontent.com:sub"),
        ("s3:GetObject", "x:any"),  # of a service whose keys are not listed
        ("s3:GetObject", "saml:aud"),
    ],
)
def test_a_name_that_may_exist_is_not_remarked(action: str, key: str) -> None:
    statement = {**GO, "Action": action, "Condition": {"StringLike": {key: "a"}}}
    assert problems(Kind.PERMISSIONS, statement, names=NAMES) == []


def test_names_that_are_excluded_are_looked_up_as_well() -> None:
    statement = {"Effect": "Deny", "NotAction": ["s3:GetObject", "s3:GetObjct"], "Resource": "*"}
    assert problems(Kind.PERMISSIONS, statement, names=NAMES) == [
        "by AWS's list of 2026-10-27, there is no action s3:GetObjct; did you mean s3:GetObject?"
    ]


def test_a_problem_has_the_line_of_its_statement() -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [GO, {**GO, "Sid": "a b"}]}, indent=1)
    line = text[: text.index('"Sid"')].count("\n")
    found = list(problems_in(parse_policy(text, Kind.PERMISSIONS)))
    assert [number for number, _ in found] == [next(
        n for n, each in enumerate(text.splitlines(), start=1) if n > 8 and each.strip() == "{"
    )]  # fmt: skip
    assert found[0][0] < line + 1


def request(**documents: PolicySet) -> Request:
    role = "arn:aws:iam::222222222222:role/T"
    policies = dict.fromkeys(PolicyType, NO_POLICY)
    policies |= {PolicyType(name): shown for name, shown in documents.items()}
    caller = caller_from_arn("arn:aws:iam::111111111111:user/alice")
    return Request(role, caller, Context({}), policies=policies)


def attached(name: str, kind: Kind, *statements: Any, aws: bool = False) -> Attached:
    text = policy_text(*statements)
    return Attached(name, parse_policy(text, kind), text, aws_managed=aws)


def of_length(length: int) -> dict[str, Any]:
    return {**GO, "Resource": [f"arn:aws:s3:::{'b' * 50}{n:04}" for n in range(length // 70)]}


@pytest.mark.parametrize(
    ("lane", "name", "kind", "statement", "quota"),
    [
        ("trust", "trust policy of role T", Kind.TRUST,
         {**TRUST, "Principal": {"AWS": [f"{n:012}" for n in range(200)]}}, "2,048, or 4,096 if"),
        ("permissions", "policy P of user alice", Kind.PERMISSIONS, of_length(7_000), "6,144"),
        ("permissions", "inline policy p of user alice", Kind.PERMISSIONS, of_length(2_800), "2,048"),
        ("permissions", "inline policy p of role R", Kind.PERMISSIONS, of_length(12_000), "10,240"),
        ("boundary", "boundary policy B of user alice", Kind.BOUNDARY, of_length(7_000), "6,144"),
        ("session", "session policy of the source", Kind.SESSION, of_length(2_800), "2,048"),
        ("scp", "service control policy", Kind.SCP, of_length(6_000), "5,120"),
    ],
)  # fmt: skip
def test_a_document_over_its_quota_is_said(
    lane: str, name: str, kind: Kind, statement: Any, quota: str
) -> None:
    shown = PolicySet((attached(name, kind, statement),))
    (found,) = document_warnings([request(**{lane: shown})], None)
    assert f"AWS takes {quota}" in found.text
    small = PolicySet((attached(name, kind, TRUST if kind is Kind.TRUST else GO),))
    assert document_warnings([request(**{lane: small})], None) == ()


def test_each_document_is_warned_of_once_and_those_of_aws_never() -> None:
    twice = attached("policy P of user alice", Kind.PERMISSIONS, {**GO, "Sid": "a b"})
    of_aws = attached("policy Q of user alice", Kind.PERMISSIONS, {**GO, "Sid": "a b"}, aws=True)
    requests = [request(permissions=PolicySet((twice, of_aws))) for _ in range(3)]
    assert [each.document for each in document_warnings(requests, None)] == [twice.name]
