"""Every text with which AWS refuses a call ends in a next step: what to change, check or run."""

from __future__ import annotations

import json
import re

import pytest

from rolehop.commands.explain.denied_call import decoded_in
from rolehop.commands.explain.other_refusals import other_refusal
from rolehop.commands.explain.view import denied_view, hints
from rolehop.policy.denied_text import encoded_message, read_excerpt
from rolehop.terminal.drawing import as_text
from rolehop.walk.sts_errors import denial_fix
from tests.commands.explain.pasted_texts import PASTED, Pasted

USER = "User: arn:aws:iam::111111111111:user/alice is not authorized to perform:"
ROLE = "User: arn:aws:sts::111111111111:assumed-role/Dev/me is not authorized to perform:"
CALL = "An error occurred (AccessDenied) when calling the {} operation: "
HUB = "arn:aws:iam::222222222222:role/Hub"
ENCODED = "Encoded authorization failure message: 4wkXb3-Qz_8example"

# As AWS and tools around it print them, with other names and numbers.
TEXTS = [
    f"{CALL.format('AssumeRole')}{USER} sts:AssumeRole on resource: {HUB}",
    f"{ROLE} sts:AssumeRole on resource: {HUB}",
    f"{USER} sts:AssumeRole on resource: arn:aws:iam::222222222222:user/bob",
    f"{USER} sts:AssumeRole on resource: arn:aws:sts::222222222222:assumed-role/Hub/me",
    (
        f"{ROLE} sts:AssumeRole on resource: {HUB} because no identity-based policy allows the"
        " sts:AssumeRole action"
    ),
    f"{ROLE} sts:AssumeRole on resource: {HUB} with an explicit deny in a service control policy",
    f"{ROLE} sts:TagSession on resource: {HUB}",
    f"{ROLE} sts:SetSourceIdentity on resource: {HUB}",
    (
        f"{CALL.format('AssumeRoleWithWebIdentity')}Not authorized to perform"
        " sts:AssumeRoleWithWebIdentity"
    ),
    "Not authorized to perform sts:AssumeRoleWithSAML (Service: AWSSecurityTokenService)",
    (
        f'{CALL.format("GetObject")}{ROLE} s3:GetObject on resource: "arn:aws:s3:::logs/a.gz" because'
        " no identity-based policy allows the s3:GetObject action"
    ),
    (
        f'{CALL.format("PutObject")}{ROLE} s3:PutObject on resource: "arn:aws:s3:::logs/a.gz" with an'
        " explicit deny in a resource-based policy"
    ),
    f"{CALL.format('ListObjectsV2')}Access Denied",
    f"{CALL.format('HeadObject')}Forbidden",
    (
        f"{CALL.format('ListBuckets')}{ROLE} s3:ListAllMyBuckets because no identity-based policy allows"
        " the s3:ListAllMyBuckets action"
    ),
    (
        f"{ROLE} kms:Decrypt on resource: arn:aws:kms:eu-west-1:222222222222:key/1 because the resource"
        " does not exist in this Region, no resource-based policies allow access, or a resource-based"
        " policy explicitly denies access"
    ),
    (
        f"{ROLE} kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:222222222222:key/1 because no"
        " resource-based policy allows the kms:GenerateDataKey action"
    ),
    (
        "An error occurred (AccessDeniedException) when calling the GetSecretValue operation: Access to"
        " KMS is not allowed"
    ),
    (
        "An error occurred (AccessDeniedException) when calling the Decrypt operation: The ciphertext"
        " refers to a customer master key that does not exist, does not exist in this region, or you"
        " are not allowed to access."
    ),
    "The KMS key arn:aws:kms:eu-west-1:222222222222:key/1 is not allowed to be used here",
    f"You are not authorized to perform this operation. {ENCODED}",
    (
        f"{ROLE} ec2:RunInstances on resource: arn:aws:ec2:eu-west-1:111111111111:instance/* because no"
        f" identity-based policy allows the ec2:RunInstances action. {ENCODED}"
    ),
    (
        f"{ROLE} ec2:DescribeInstances because no permissions boundary allows the"
        " ec2:DescribeInstances action"
    ),
    (
        f"{USER} iam:PassRole on resource: {HUB} because no identity-based policy allows the"
        " iam:PassRole action"
    ),
    (
        f"{ROLE} lambda:InvokeFunction on resource: arn:aws:lambda:eu-west-1:222222222222:function:f"
        " because no resource-based policy allows the lambda:InvokeFunction action"
    ),
    (
        f"{ROLE} sqs:sendmessage on resource: arn:aws:sqs:eu-west-1:222222222222:jobs because no"
        " session policy allows the sqs:sendmessage action"
    ),
    (
        f"{ROLE} dynamodb:GetItem on resource: arn:aws:dynamodb:eu-west-1:111111111111:table/t with an"
        " explicit deny in a resource control policy"
    ),
    (
        f"{ROLE} secretsmanager:GetSecretValue on resource: prod/db because no identity-based policy"
        " allows the secretsmanager:GetSecretValue action"
    ),
    (
        f"{ROLE} ssm:GetParameter on resource: arn:aws:ssm:eu-west-1:111111111111:parameter/a because no"
        " VPC endpoint policy allows the ssm:GetParameter action"
    ),
    f"{ROLE} logs:PutLogEvents on resource: arn:aws:logs:eu-west-1:111111111111:log-group:a:*",
    (
        f"Error: creating S3 Bucket (a): operation error S3: CreateBucket, StatusCode: 403, AccessDenied:"
        f' {ROLE} s3:CreateBucket on resource: "arn:aws:s3:::a" with an explicit deny in a service'
        " control policy"
    ),
    (
        "User: anonymous is not authorized to perform: es:ESHttpGet with an explicit deny in a"
        " resource-based policy"
    ),
    f"{ROLE} organizations:ListAccounts on resource: * with an explicit deny",
    (
        f"{USER} cloudformation:CreateStack on resource: arn:aws:cloudformation:eu-west-1:111111111111:"
        "stack/a/* because no identity-based policy allows the cloudformation:CreateStack action"
    ),
]

TEXTS += [
    f"{CALL.format('ListBuckets')}The AWS Access Key Id does not exist (InvalidAccessKeyId)",
    "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: it is expired",
]

STEP = re.compile(r"to fix it, \w|rolehop (?:explain|exec)|aws iam get-role|\n  try    \w")


def shown(text: str) -> str:
    """Return what ``explain --error`` shows if no chain is known to have called."""
    excerpt, encoded = read_excerpt(text), encoded_message(text)
    if excerpt is None and encoded is None:
        return str(other_refusal(text))
    if excerpt is None:
        return as_text([*denied_view(None, "", None), *hints(encoded, 0, None)])
    denied = excerpt.denied
    view = denied_view(denied, denial_fix(denied), None)
    return as_text([*view, *hints(encoded, excerpt.others, None)])


@pytest.mark.parametrize("text", [*TEXTS, *(each.text for each in PASTED)])
def test_a_text_ends_in_a_next_step(text: str) -> None:
    assert STEP.search(shown(text)[-1200:]), shown(text)


@pytest.mark.parametrize("pasted", PASTED, ids=lambda each: each.step.replace(" ", "-"))
def test_of_a_text_as_people_paste_it_the_first_lines_and_the_step_are_true(pasted: Pasted) -> None:
    found = shown(pasted.text)
    assert pasted.says in " ".join(found.splitlines()[:2]), found
    assert "".join(pasted.step.split()) in "".join(found.split()), found


def test_there_are_as_many_texts_as_were_asked_for() -> None:
    assert len({*TEXTS}) >= 33
    assert len({each.text for each in PASTED}) >= 33


def test_a_user_is_no_role() -> None:
    text = f"{USER} sts:AssumeRole on resource: arn:aws:iam::222222222222:user/bob"
    assert "nobody can assume a user" in " ".join(shown(text).split())
    text = f"{USER} sts:AssumeRole on resource: arn:aws:sts::222222222222:assumed-role/Hub/me"
    assert f"name the role itself, {HUB}" in " ".join(shown(text).split())


def test_an_assume_role_without_a_reason_says_what_to_check_in_which_order() -> None:
    found = shown(TEXTS[0])
    steps = re.findall(r"^  (\d) (.*)$", found, re.MULTILINE)
    assert [number for number, _ in steps] == list("12345")
    places = [found.index(each) for each in ("exist", "trust policy", "external ID", "SCP")]
    assert places == sorted(places)
    assert "aws iam get-role --role-name Hub" in found


MESSAGE = {"allowed": False, "context": {"action": "ec2:RunInstances"}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"DecodedMessage": json.dumps(MESSAGE)}),
        json.dumps(MESSAGE),
        f"{json.dumps({'DecodedMessage': json.dumps(MESSAGE)}, indent=4)}\n",
    ],
)
def test_what_the_aws_cli_decoded_already_is_taken_as_it_is(text: str) -> None:
    assert decoded_in(text) == MESSAGE


@pytest.mark.parametrize("text", ["4wkXb3-Qz_8example", "{}", "[]", '{"DecodedMessage": "x"}', "7"])
def test_anything_else_still_has_to_be_decoded(text: str) -> None:
    assert decoded_in(text) is None
