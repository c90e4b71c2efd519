"""May the last session of a chain take an action of any service.

The rules are those of the IAM user guide, "Policy evaluation logic" and "Cross-account policy
evaluation logic".
"""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.commands.explain.view import actions_view
from rolehop.policy import NOT_VISIBLE, Outcome, PolicyType, Verdict
from rolehop.policy.chain_verdict import AwsRefusal
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.terminal.drawing import as_text
from tests.policy.helpers.actions import (
    FAR_KEY,
    KEY,
    OBJECT,
    OWN_QUEUE,
    QUEUE,
    ROLE,
    SESSION,
    TARGET,
    as_action,
    judge,
    of,
    statement,
    trusting,
)
from tests.support.denials import KMS
from tests.support.policies import policy_text

GET = [statement("s3:Get*", "arn:aws:s3:::logs/*")]
SEND = [statement("sqs:SendMessage")]
ALL = [statement("*")]
NOTHING = statement("*", effect="Deny", Principal="*")
FUNCTION = "arn:aws:lambda:eu-west-1:222222222222:function:f"
GROUP = "arn:aws:autoscaling:eu-west-1:222222222222:autoScalingGroup:1:autoScalingGroupName/g"
THING = "arn:aws:newservice:eu-west-1:222222222222:thing/1"
OWNED = {"aws:ResourceAccount": ["222222222222"]}
OWN_ONLY = {"StringEquals": OWNED}
INSTANCE = "arn:aws:ec2:eu-west-1:222222222222:instance/i-1"


@pytest.mark.parametrize(
    ("action", "resource", "permissions", "own", "more", "expected"),
    [
        # Within one account either side is enough.
        ("s3:GetObject", OBJECT, GET, None, {}, "allowed"),
        ("s3:PutObject", OBJECT, GET, None, {}, "unknown"),  # the bucket's policy may allow it
        ("s3:PutObject", OBJECT, GET, of(ROLE, "s3:*"), {}, "allowed"),
        ("s3:PutObject", OBJECT, GET, of("222222222222", "s3:*"), {}, "refused"),
        ("s3:GetObject", OBJECT, GET, of("444444444444", "s3:*"), {}, "allowed"),
        ("s3:GetObject", OBJECT, GET, of("*", "s3:*", "Deny"), {}, "refused"),
        ("sqs:SendMessage", OWN_QUEUE, SEND, of("444444444444", "sqs:*"), {}, "allowed"),
        # A session's own ARN is limited by no boundary, its role's is.
        ("s3:PutObject", OBJECT, [], of(SESSION, "s3:*"), {"boundary": GET[0]}, "allowed"),
        ("s3:PutObject", OBJECT, [], of(ROLE, "s3:*"), {"boundary": GET[0]}, "refused"),
        ("s3:GetObject", OBJECT, GET, None, {"boundary": SEND[0]}, "unknown"),
        ("s3:GetObject", OBJECT, GET, of("1" * 12, "s3:*"), {"boundary": SEND[0]}, "refused"),
        ("s3:GetObject", OBJECT, GET, of("1" * 12, "s3:*"), {"session": SEND[0]}, "refused"),
        ("s3:GetObject", OBJECT, GET, None, {"session": statement("*", effect="Deny")}, "refused"),
        ("s3:GetObject", OBJECT, GET, None, {"scp": statement("s3:*", effect="Deny")}, "refused"),
        ("s3:GetObject", OBJECT, GET, None, {"scp": SEND[0]}, "refused"),
        # RCPs cover some of the services that have resource-based policies.
        ("s3:GetObject", OBJECT, GET, None, {"rcp": NOTHING}, "refused"),
        ("ec2:StopInstances", INSTANCE, [statement("ec2:*")], None, {"rcp": NOTHING}, "allowed"),
        ("lambda:InvokeFunction", FUNCTION, ALL, None, {"rcp": NOTHING}, "allowed"),
        ("autoscaling:UpdateGroup", GROUP, ALL, None, {"rcp": NOTHING}, "refused"),
        ("newservice:Use", THING, ALL, None, {"rcp": NOTHING}, "unknown"),
        ("kms:Decrypt", KEY, ALL, of("2" * 12, "kms:*"), {"rcp": NOTHING}, "refused"),
        ("kms:RetireGrant", KEY, ALL, of("2" * 12, "kms:*"), {"rcp": NOTHING}, "allowed"),
        # Across accounts both sides are needed.
        ("sqs:SendMessage", QUEUE, SEND, None, {}, "unknown"),
        ("sqs:SendMessage", QUEUE, SEND, of(ROLE, "sqs:*"), {}, "allowed"),
        ("sqs:SendMessage", QUEUE, SEND, of("444444444444", "sqs:*"), {}, "refused"),
        ("sqs:SendMessage", QUEUE, [], of(ROLE, "sqs:*"), {}, "refused"),
        (
            "s3:GetObject",
            OBJECT,
            GET,
            None,
            {"supplied": {"aws:ResourceAccount": ["3" * 12]}},
            "unknown",
        ),
        # A key is used only as its own policy says.
        ("kms:Decrypt", KEY, [statement("kms:*")], of("444444444444", "kms:*"), {}, "refused"),
        ("kms:Decrypt", KEY, [statement("kms:*")], of("222222222222", "kms:*"), {}, "allowed"),
        ("ec2:DescribeInstances", "*", [statement("ec2:Describe*")], None, {}, "allowed"),
        ("ec2:DescribeInstances", "*", [], None, {}, "refused"),
        # An action with wildcards stands for all that it matches.
        ("s3:GetObject*", OBJECT, GET, None, {}, "allowed"),
        ("s3:*", OBJECT, GET, of("444444444444", "s3:*"), {}, "unknown"),
        ("s3:Put*", OBJECT, GET, of("444444444444", "s3:*"), {}, "refused"),
    ],
)
def test_an_action_is_judged_by_the_rules_of_the_user_guide(
    action: str, resource: str, permissions: Any, own: str | None, more: Any, expected: str
) -> None:
    verdict = judge(action, resource, permissions, own, **{"supplied": OWNED, **more})
    assert verdict.outcome.value == expected


HOP = [statement("sts:*", TARGET)]
EXTERNAL = {"StringEquals": {"sts:ExternalId": "x-1"}}


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize(
    ("action", "permissions", "trust", "more", "expected"),
    [
        # The account's policies count only if the trust policy names the account.
        ("sts:AssumeRole", HOP, trusting("444444444444", "sts:AssumeRole"), {}, "refused"),
        ("sts:AssumeRole", HOP, trusting("222222222222", "sts:AssumeRole"), {}, "allowed"),
        ("sts:AssumeRole", [], trusting("222222222222", "sts:AssumeRole"), {}, "refused"),
        ("sts:AssumeRole", [], trusting(ROLE, "sts:AssumeRole"), {}, "allowed"),
        ("sts:AssumeRole", [], trusting(ROLE, "sts:AssumeRole"), {"session": SEND[0]}, "refused"),
        ("sts:AssumeRole", HOP, None, {}, "unknown"),
        ("sts:AssumeRole", [], None, {}, "unknown"),
        ("sts:TagSession", HOP, trusting(ROLE, "sts:AssumeRole"), {}, "refused"),
        ("sts:SetSourceIdentity", HOP, None, {}, "unknown"),
        ("sts:*", HOP, trusting(ROLE, "sts:AssumeRole"), {}, "unknown"),
        ("sts:*", HOP, trusting("222222222222", "sts:*"), {}, "allowed"),
        ("sts:*", ALL, trusting("444444444444", "*"), {}, "refused"),
        # Whoever has a token needs no permission, and the session's permissions do not help.
        ("sts:AssumeRoleWithSAML", ALL, trusting(ROLE, "sts:*"), {}, "refused"),
        ("sts:AssumeRoleWithWebIdentity", ALL, None, {}, "unknown"),
        ("sts:AssumeRoleWithWebIdentity", [], trusting("*", "sts:*"), {}, "unknown"),
        # What is sent is not known, unless it is supplied.
        ("sts:AssumeRole", HOP, trusting(ROLE, "sts:*", Condition=EXTERNAL), {}, "unknown"),
        (
            "sts:AssumeRole",
            HOP,
            trusting(ROLE, "sts:*", Condition=EXTERNAL),
            {"supplied": {"sts:ExternalId": ["x-1"]}},
            "allowed",
        ),
        # No call with a token has an external ID, whatever is said of the session's calls.
        (
            "sts:AssumeRoleWithSAML",
            [],
            trusting("*", "sts:*", Condition=EXTERNAL),
            {"supplied": {"sts:ExternalId": ["x-1"]}},
            "refused",
        ),
        # A trust policy says nothing of IAM's own actions.
        ("iam:GetRole", [], trusting(ROLE, "*"), {}, "refused"),
        ("iam:GetRole", ALL, trusting("444444444444", "*"), {}, "allowed"),
    ],
)
def test_a_role_is_open_to_whom_its_trust_policy_names(
    action: str, permissions: Any, trust: str | None, more: Any, expected: str, as_file: bool
) -> None:
    given: Any = {"own": trust} if as_file else {"trust": trust}
    verdict = judge(action, TARGET, permissions, **given, **more)
    assert verdict.outcome.value == expected
    if trust is None:
        assert "trust" in verdict.unknowns


@pytest.mark.parametrize(
    ("action", "resource", "permissions", "expected"),
    [
        ("kms:Decrypt", KEY, ALL, "unknown"),  # the key policy may not name the account
        ("kms:Decrypt", KEY, [], "unknown"),
        ("kms:*", KEY, ALL, "unknown"),
        ("kms:Decrypt", FAR_KEY, ALL, "unknown"),
        ("kms:Decrypt", FAR_KEY, [], "refused"),
        ("kms:Decrypt", "*", ALL, "unknown"),
        ("kms:Decrypt", ANY_RESOURCE, ALL, "unknown"),
        ("kms:CreateKey", "*", ALL, "allowed"),
        ("sts:AssumeRole", "*", ALL, "unknown"),
        ("sts:AssumeRole", ANY_RESOURCE, ALL, "unknown"),
        # Resources without policies: the caller's own decide, in their account alone.
        ("iam:CreateAccessKey", "arn:aws:iam::222222222222:user/bob", [], "refused"),
        ("iam:CreateAccessKey", "arn:aws:iam::222222222222:user/bob", ALL, "allowed"),
        ("iam:GetUser", "arn:aws:iam::333333333333:user/bob", ALL, "refused"),
        ("kms:UpdateAlias", "arn:aws:kms:eu-west-1:222222222222:alias/a", [], "refused"),
        ("sts:GetCallerIdentity", "*", [statement("*", effect="Deny")], "allowed"),
        # Nor do actions of STS that are not on a role ask its trust policy.
        ("sts:GetCallerIdentity", TARGET, [], "allowed"),
        ("sts:GetCallerIdentity", "arn:aws:iam::333333333333:role/Far", [], "allowed"),
        ("sts:GetAccessKeyInfo", TARGET, ALL, "allowed"),
        ("sts:TagSession", "arn:aws:iam::222222222222:user/bob", ALL, "allowed"),
        ("sts:AssumeRole", "arn:aws:sts::222222222222:assumed-role/T/s", ALL, "unknown"),
        # What AWS refuses whatever the policies say.
        ("sts:GetFederationToken", "arn:aws:sts::222222222222:federated-user/x", ALL, "refused"),
        ("sts:GetSessionToken", "*", ALL, "refused"),
        ("s3:GetObject", "arn:aws-cn:s3:::logs/a.gz", ALL, "refused"),
        ("sts:AssumeRole", "arn:aws-cn:iam::222222222222:role/Target", ALL, "refused"),
        # No resource is named: what covers all counts, and what covers some is open.
        ("s3:GetObject", ANY_RESOURCE, GET, "unknown"),
        ("s3:GetObject", ANY_RESOURCE, ALL, "allowed"),
        ("s3:GetObject", ANY_RESOURCE, [], "unknown"),
        ("s3:GetObject", ANY_RESOURCE, [*ALL, statement("s3:*", OBJECT, "Deny")], "unknown"),
        ("s3:GetObject", ANY_RESOURCE, [statement("*", effect="Deny")], "refused"),
        ("ec2:DescribeInstances", ANY_RESOURCE, [], "refused"),
        ("ec2:DescribeInstances", ANY_RESOURCE, ALL, "allowed"),
        ("s3:GetObject", "*", GET, "refused"),
        # An object, whatever its key looks like: the bucket's policy may allow it.
        ("s3:GetObject", "arn:aws:s3:::b/arn:aws:iam::1:role/x", [], "unknown"),
    ],
)
def test_a_policy_that_decides_is_never_taken_for_granted(
    action: str, resource: str, permissions: Any, expected: str
) -> None:
    assert judge(action, resource, permissions).outcome.value == expected


def test_a_key_s_grants_are_not_judged_and_that_is_said() -> None:
    for action, text in (("kms:Decrypt", "list-grants"), ("kms:CreateKey", "")):
        verdict = judge(action, KEY if text else "*", [], of("444444444444", "kms:*"))
        assert verdict.outcome.value == "refused"
        assert ("aws kms list-grants --key-id" in view(verdict)) is bool(text)


def view(verdict: Verdict, answer: AwsRefusal | None = None) -> str:
    return as_text(actions_view("chain", [as_action(verdict, answer)], verbose=False))


def test_a_call_that_no_policy_decides_shows_none() -> None:
    shown = view(judge("sts:GetCallerIdentity", "*", []))
    assert "would be allowed\n  no policy counts: " in shown
    assert "caller's permissions" not in shown
    assert "cannot call it" in view(judge("sts:GetSessionToken", "*", []))


def test_where_aws_names_three_causes_no_policy_is_said_to_refuse() -> None:
    called = f"User: {SESSION} is not authorized to perform: kms:Decrypt on resource: {KEY}"
    endpoint = "because no VPC endpoint policy allows the kms:Decrypt action"
    for ending, refuses in ((KMS, False), (endpoint, True)):
        answer = AwsRefusal("AccessDenied", None, f"{called} {ending}")
        assert ("refuses (AWS said)" in view(judge("kms:Decrypt", KEY, ALL), answer)) is refuses


def test_a_resource_that_is_not_named_is_what_would_settle_it() -> None:
    assert judge("s3:GetObject", ANY_RESOURCE, GET).unknowns[-1] == "--resource"


def test_of_an_aws_managed_policy_only_what_is_known_counts() -> None:
    """Of ReadOnlyAccess rolehop knows what it says of STS, and no more."""
    attached = ("arn:aws:iam::aws:policy/ReadOnlyAccess",)
    for action, expected in (("ec2:DescribeInstances", "unknown"), ("sts:AssumeRole", "refused")):
        trust = trusting("222222222222", "sts:*")
        resource = TARGET if action.startswith("sts:") else "*"
        found = judge(action, resource, [], attached=attached, trust=trust)
        assert found.outcome.value == expected


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("arn:aws:lambda:eu-west-1:222222222222:function:my-*", "function:my-f", "allowed"),
        ("arn:aws:lambda:eu-west-1:222222222222:func*:my-f", "function:my-f", "unknown"),
        ("arn:aws:lambda:eu-west-1:222222222222:*:my-f", "function:my-f", "unknown"),
        ("arn:aws:lambda:eu-west-1:222222222222:*", "function:my-f", "allowed"),
        ("arn:aws:s3:::logs-*", "logs-a/x.gz", "allowed"),
        ("arn:aws:s3:::*/x.gz", "logs-a/x.gz", "allowed"),
        ("arn:aws:sqs:*:*:q-*", "q-1", "allowed"),
        ("arn:aws:dynamodb:eu-west-1:222222222222:table/t*", "table/t1", "allowed"),
        ("arn:aws:dynamodb:eu-west-1:222222222222:tab*", "table/t1", "unknown"),
        ("arn:aws:sqs:*:*:r-*", "q-1", "refused"),
    ],
)
def test_a_wildcard_counts_unless_it_is_in_the_type_of_the_resource(
    pattern: str, resource: str, expected: str
) -> None:
    service = pattern.split(":")[2]
    place = "::" if service == "s3" else "eu-west-1:222222222222:"
    whole = f"arn:aws:{service}:{place}{resource}"
    own = of("444444444444", f"{service}:*")
    only = [statement(f"{service}:*", pattern)]
    found = judge(f"{service}:Use", whole, only, own, supplied=OWNED)
    assert found.outcome.value == expected


def test_what_is_assumed_of_the_resource_is_named() -> None:
    assert set(judge("s3:GetObject", OBJECT, GET).assuming) == {
        "trust", "scp", "rcp", "resource-account"
    }  # fmt: skip
    known = judge("sqs:SendMessage", OWN_QUEUE, SEND, of("444444444444", "sqs:*"))
    assert set(known.assuming) == {"scp", "rcp"}


@pytest.mark.parametrize(
    ("permissions", "own", "more", "expected"),
    [
        (GET, None, {}, "allowed"),  # its hidden policy may say anything: that is assumed
        ([], of(ROLE, "s3:*"), {}, "unknown"),
        (GET, of(ROLE, "s3:*"), {}, "allowed"),
        (GET, of("444444444444", "s3:*"), {}, "unknown"),
        (GET, of(ROLE, "s3:*"), {"rcp": NOTHING}, "refused"),
        ([{**GET[0], "Condition": OWN_ONLY}], None, {}, "unknown"),
        ([{**GET[0], "Condition": OWN_ONLY}], None, {"supplied": OWNED}, "allowed"),
    ],
)
def test_whose_a_bucket_is_counts_where_it_decides(
    permissions: Any, own: str | None, more: Any, expected: str
) -> None:
    verdict = judge("s3:GetObject", OBJECT, permissions, own, **more)
    assert verdict.outcome.value == expected
    if expected == "unknown":
        shown = view(verdict)
        assert "aws:ResourceAccount=ACCOUNT" in shown


LOGS = [f"arn:aws:s3:::logs-of-account-{n}/*" for n in range(60)]
TAGS = {f"aws:PrincipalTag/t{n}": "v" for n in range(20)}


@pytest.mark.parametrize(
    "permissions",
    [
        [statement("s3:*", LOGS)],
        [statement("s3:Get*", "arn:aws:s3:::logs/*", Condition={"StringEquals": TAGS})],
    ],
)
def test_actions_are_one_screen(permissions: Any) -> None:
    lacking = {"boundary": SEND[0], "scp": SEND[0], "rcp": NOTHING, "session": SEND[0]}
    verdict = judge("s3:GetObject", OBJECT, permissions, of("444444444444", "s3:*"), **lacking)
    for times, above in ((1, 0), (1, 9), (3, 0), (40, 0)):
        actions = [as_action(verdict)] * times
        text = as_text(actions_view("chain", actions, verbose=False, above=above))
        assert len(text.splitlines()) + above <= 24
        assert above or ("more lines (-v)" in text) is (times == 40)
    ending = "because no session policy allows the s3:GetObject action"
    said = (
        f"User: {SESSION} is not authorized to perform: s3:GetObject on resource: {OBJECT} {ending}"
    )
    answer = AwsRefusal("AccessDenied", None, said, "ask")
    text = as_text(actions_view("chain", [as_action(verdict, answer)], verbose=False, above=9))
    assert len(text.splitlines()) + 9 <= 24


def test_a_key_of_the_request_is_open_until_it_is_supplied() -> None:
    only = [statement("s3:ListBucket", Condition={"StringEquals": {"s3:prefix": "a/"}})]
    bucket, own = "arn:aws:s3:::logs", of("444444444444", "s3:*")
    assert judge("s3:ListBucket", bucket, only, own, supplied=OWNED).unknowns == ("s3:prefix",)
    for value, expected in (("a/", "allowed"), ("b/", "refused")):
        supplied = {**OWNED, "s3:prefix": [value]}
        assert (
            judge("s3:ListBucket", bucket, only, own, supplied=supplied).outcome.value == expected
        )


def test_a_caller_without_policies_is_seen() -> None:
    """Whether it needs some is open here, and not what they say."""
    deny = statement("s3:*", NotPrincipal={"AWS": TARGET})
    verdict = judge("s3:GetObject", OBJECT, [], policy_text(deny), supplied=OWNED)
    permissions = next(e for e in verdict.policies if e.name is PolicyType.PERMISSIONS)
    assert permissions.outcome is Outcome.UNKNOWN
    assert (verdict.outcome, verdict.unknowns) == (Outcome.UNKNOWN, ("Principal",))


def test_the_lane_that_is_hidden_is_named() -> None:
    verdict = judge("sqs:SendMessage", QUEUE, SEND)
    assert verdict.unknowns == ("trust",)
    assert verdict.request.policy_set(PolicyType.TRUST) == NOT_VISIBLE
