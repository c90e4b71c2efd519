"""What AWS refuses of a session policy's text; what it accepts is never refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rolehop.config.sts_limits import POLICY
from rolehop.policy import Kind, parse_policy

Json = dict[str, Any]
GOOD: Json = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def statement(**changed: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [GOOD, {**GOOD, **changed}]})


def without(*elements: str, **changed: Any) -> str:
    left = {key: value for key, value in GOOD.items() if key not in elements}
    return json.dumps({"Statement": {**left, **changed}})


REFUSED = {
    "an empty list of actions": (statement(Action=[]), "statement 2 has an empty Action"),
    "an empty list of resources": (statement(Resource=[]), "has an empty Resource"),
    "both of a pair": (statement(NotAction="s3:*"), "has both Action and NotAction"),
    "both of the other pair": (statement(NotResource="*"), "has both Resource and NotResource"),
    "no action": (without("Action"), "needs Action or NotAction"),
    "no resource": (without("Resource"), "needs Resource or NotResource"),
    "an action that is an object": (statement(Action={}), "has the Action"),
    "no effect": (without("Effect"), 'needs "Effect"'),
    "another case": (statement(Effect="allow"), 'needs "Effect"'),
    "an unknown element": (statement(Actions="s3:*"), 'cannot have the element "Actions"'),
    "an unknown one of the policy": ('{"Statement": [%s], "Note": ""}', 'the element "Note"'),
    "a condition that is a list": (statement(Condition=[]), "a Condition that is not an object"),
    "an operator without keys": (statement(Condition={"Bool": "true"}), 'the operator "Bool"'),
    "a value that is none": (statement(Condition={"Null": {"a:b": None}}), 'a value of "a:b"'),
    "the same key twice": ('{"Statement": [%s], "Statement": [%s]}', '"Statement" is there twice'),
    "a version to come": ('{"Statement": [%s], "Version": "2025-01-01"}', '"2012-10-17"'),
    "a version that is none": ('{"Statement": [%s], "Version": null}', '"2012-10-17"'),
    "no statement": ('{"Statement": []}', 'no "Statement"'),
    "a principal": (statement(Principal="*"), 'must not contain "Principal"'),
    "a Sid with a dash": (statement(Sid="a-b"), 'the Sid "a-b"'),
    "a Sid with a blank": (statement(Sid="a b"), 'the Sid "a b"'),
    "a Sid twice": ('{"Statement": [%s, %s]}'.replace("%s", json.dumps({**GOOD, "Sid": "A"})),
                    'statement 2 has the Sid "A" of another statement'),
    "any service": (statement(Action="*:GetObject"), 'the Action "*:GetObject"'),
    "some services": (without("Action", NotAction=["s3:*", "s*:Get"]), 'the NotAction "s*:Get"'),
    "a blank in the service": (statement(Action="s 3:Get"), 'the Action "s 3:Get"'),
    "two colons": (statement(Action="s3:Get:Object"), 'the Action "s3:Get:Object"'),
    "a short ARN": (statement(Resource="arn:aws:s3"), 'the Resource "arn:aws:s3"'),
    "no partition": (statement(Resource="arn::s3:::b"), 'the Resource "arn::s3:::b"'),
    "a wrong partition": (statement(Resource=["*", "arn:awz:s3:::b"]), '"arn:awz:s3:::b"'),
    "a number that is none": ('{"Statement": [%s], "Id": NaN}', "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_aws_refuses_is_named(name: str) -> None:
    text, said = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(said)):
        POLICY.run(text.replace("%s", json.dumps(GOOD)))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Statement": GOOD}),  # one statement, and no version
        json.dumps({"Statement": GOOD}, indent=2).replace("\n", "\r\n"),  # saved on Windows
        json.dumps({"Version": "2008-10-17", "Id": "mine", "Statement": [GOOD]}),
        without("Action", NotAction=["s3:Put*", "*"]),
        without("Resource", NotResource="arn:*:s3:::a/${aws:username}"),
        statement(Sid="", Condition={}),
        json.dumps({"Statement": [{**GOOD, "Sid": ""}, {**GOOD, "Sid": ""}]}),
        statement(Sid="Get2", Action=["S3:get?bject*", "execute-api:Invoke"]),
        statement(Resource=["arn:aws:ec2:*", "arn:aws:s3:::b/a b", "arn:aws-new:s3:::b:c"]),
        statement(
            Condition={
                "ForAllValues:StringLikeIfExists": {"aws:TagKeys": ["a", "b*"]},
                "NumericLessThan": {"aws:MultiFactorAuthAge": 300},
                "Bool": {"aws:SecureTransport": True, "aws:ViaAWSService": [False]},
            }
        ),
    ],
)
def test_what_the_grammar_allows_is_accepted(text: str) -> None:
    assert POLICY.run(text) == text
    assert parse_policy(text, Kind.SESSION).statements
