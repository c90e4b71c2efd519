"""The access-denied texts of AWS: each documented form, and as other programs show them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from itertools import product

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy.access_denied import AccessDenied
from rolehop.policy.denied_text import LONGEST, encoded_message, read_access_denied, read_excerpt
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import denial_fix, explain_refusal
from tests.support.denials import ENDINGS, KMS, SCP_ARN

JOHN = "arn:aws:iam::777788889999:user/JohnDoe"
SECRET = "arn:aws:secretsmanager:us-east-1:777788889999:secret:*"


@pytest.mark.parametrize("resource", [None, SECRET])
@pytest.mark.parametrize(("ending", "policy", "explicit", "lane"), ENDINGS)
def test_each_documented_form_names_its_policy(
    ending: str, policy: str, explicit: bool, lane: str, resource: str | None
) -> None:
    action = "secretsmanager:GetSecretValue"
    on = "" if resource is None else f" on resource: {resource}"
    text = f"User: {JOHN} is not authorized to perform: {action}{on} {ending.format(action=action)}"
    found = read_access_denied(text)
    assert found == AccessDenied(JOHN, action, resource, policy, explicit)
    assert found.lane == lane
    assert read_access_denied(f"{text}.") == found


_OWNERS = {
    "scp": "the organization's administrators",
    "rcp": "the organization's administrators",
    "endpoint": "the owner of the VPC endpoint",
    "boundary": "the account's administrators",
    "session": "policy or policy_arns of the caller's hop",
    "resource": "the resource's owner",
    "trust": "the trust policy of role Admin of 333333333333",
    "permissions": "policies of user JohnDoe of 777788889999",
}


@pytest.mark.parametrize(("ending", "policy", "explicit", "lane"), ENDINGS)
def test_advice_names_who_can_change_the_policy_and_never_widens_a_deny(
    ending: str, policy: str, explicit: bool, lane: str
) -> None:
    role = "arn:aws:iam::333333333333:role/Admin"
    action, resource = ("s3:GetObject", SECRET) if lane == "resource" else ("sts:AssumeRole", role)
    called = f"User: {JOHN} is not authorized to perform: {action} on resource: {resource}"
    text = f"{called} {ending.format(action=action)}"
    fix = explain_refusal(StsRefusal("AccessDenied", text)).fix
    assert _OWNERS[lane] in fix
    narrows = "narrow the Deny in" in fix and "an Allow elsewhere cannot help" in fix
    assert narrows is explicit
    assert ("allow" in fix or "add" in fix.split()) is not explicit
    # It stands after "try:" and within "to fix it, …".
    assert fix.split()[0] in ("have", "allow", "add", "narrow")


def denied(ending: str = "", resource: str = "arn:aws:s3:::logs/day one.gz") -> str:
    return (
        f"User: {JOHN} is not authorized to perform: s3:GetObject on resource: {resource}{ending}"
    )


@pytest.mark.parametrize("colon", [":", ""])
def test_the_policy_that_aws_names_by_its_arn_is_read(colon: str) -> None:
    text = denied(f" with an explicit deny in a service control policy{colon} {SCP_ARN}")
    found = read_access_denied(text)
    assert found is not None
    assert (found.lane, found.policy_arn) == ("scp", SCP_ARN)
    assert read_access_denied(f"{text}.") == found
    assert read_access_denied(f"{text} (Service: S3, Status Code: 403)") == found
    for name in ("a,b", "a,,b+c=d,.@-_e"):
        arn = f"arn:aws:iam::777788889999:policy/{name}"
        text = denied(f" with an explicit deny in an identity-based policy{colon} {arn}")
        for shown in (
            text,
            f"{text}, and more",
            f"{text}.",
            f'{{"m":"{text}","n":1}}',
            f"{text},\n",
        ):
            found = read_access_denied(shown)
            assert found is not None
            assert found.policy_arn == arn


_OTHER_REASONS = [
    "because public policies are blocked by the BlockPublicPolicy block public access setting",
    "because the moon isn't full, or v1.2 of it",
    "with an explicit deny in a declarative policy",
    "because no lunar policy allows the s3:GetObject action",
]


@pytest.mark.parametrize("reason", _OTHER_REASONS)
@pytest.mark.parametrize("resource", [' on resource: "arn:aws:s3:::b"', ""])
def test_a_reason_that_is_not_known_is_kept_as_aws_wrote_it(reason: str, resource: str) -> None:
    text = f"User: {JOHN} is not authorized to perform: s3:GetObject{resource} {reason}"
    for shown in (
        text,
        f"{text}. Try again",
        f'"{text}."',
        f"'{text}'",
        f"{text}\n\nmore",
        f"{text}\nError: x",
    ):
        found = read_excerpt(shown.replace(" because", "\n  because"))
        assert found is not None
        assert (found.words, found.denied.reason, found.denied.policy) == (text, reason, None)
    fix = explain_refusal(StsRefusal("AccessDenied", text)).fix
    assert fix == f'change what AWS names, which rolehop does not judge: "{reason}"'


def test_the_fix_of_a_policy_that_is_named_is_in_that_policy() -> None:
    arn = "arn:aws:iam::777788889999:policy/NoLogs"
    text = denied(f" with an explicit deny in an identity-based policy: {arn}")
    fix = explain_refusal(StsRefusal("AccessDenied", text)).fix
    assert "narrow the Deny in policy NoLogs of user JohnDoe" in fix


def test_a_text_is_read_within_another_one_and_over_several_lines() -> None:
    before = "An error occurred (AccessDenied) when calling the GetObject operation: "
    ending = " because no identity-based policy allows the s3:GetObject action"
    expected = read_access_denied(denied(ending))
    assert expected is not None
    assert expected.resource == "arn:aws:s3:::logs/day one.gz"
    assert read_access_denied(before + denied(ending)) == expected
    assert read_access_denied(before + denied(ending).replace(" is not", "\n  is not")) == expected
    quoted = denied(ending, '"arn:aws:s3:::logs/day one.gz"')
    assert read_access_denied(quoted) == expected


def log_line(text: str) -> str:
    return json.dumps({"level": "error", "msg": f"AccessDenied: {text}\n\tstatus code: 403"})


def terraform(text: str) -> str:
    lines = textwrap.wrap(
        f"api error AccessDenied: {text}", 76, break_on_hyphens=False, break_long_words=False
    )
    framed = "\n".join(f"│ {each}" for each in ["Error: reading S3 Bucket (b)", "", *lines])
    return f"╷\n{framed}\n│\n│   with data.aws_s3_bucket.b,\n╵"


OPERATION = "error occurred (AccessDenied) when calling the AssumeRole operation"
SERVICE = "Service: Sts, Status Code: 403, Request ID: 8a1b"
WRAPPINGS: dict[str, Callable[[str], str]] = {
    "AWS alone": lambda t: t,
    "quoted": lambda t: f'"{t}"',
    "quoted and ended": lambda t: f"'{t}.'",
    "typographic": lambda t: f"it said “{t}”, and stopped",
    "a sentence": lambda t: f"Failed: {t}, giving up",
    "CLI": lambda t: f"\nAn {OPERATION}: {t}\n",
    "CLI 2.32": lambda t: f"\naws: [ERROR]: An {OPERATION}: {t}\n\nAdditional error details:\nx",
    "boto3": lambda t: f"botocore.exceptions.ClientError: An {OPERATION}: {t}",
    "boto3 repr": lambda t: repr(ValueError(f"An {OPERATION}: {t}\n")),
    "boto3 response": lambda t: str({"Error": {"Code": "AccessDenied", "Message": t}}),
    "Go v1": lambda t: f"AccessDenied: {t}\n\tstatus code: 403, request id: 8a1b-2",
    "Go v1 %q": lambda t: f'err="AccessDenied: {_escaped(t)}\\n\\tstatus code: 403"',
    "Go v2": lambda t: f"StatusCode: 403, RequestID: 8a1b, api error AccessDenied: {t}",
    "JS v3": lambda t: f"AccessDenied: {t}\n    at throwDefaultError (/app/x.js:388:20) {{",
    "JS object": lambda t: f"{{ message: '{t}', code: 'AccessDenied' }}",
    "Java": lambda t: f"software.amazon.awssdk.StsException: {t} ({SERVICE})",
    "Java v1": lambda t: f"{t} (Service: AWSSecurityTokenService; Status Code: 403)",
    "Ruby": lambda t: f"{t} (Aws::STS::Errors::AccessDenied)",
    "Rust": lambda t: f'Some(AccessDenied {{ message: Some("{_escaped(t)}"), code: None }})',
    "PHP": lambda t: f"<Error><Message>{t.replace(chr(34), '&quot;')}</Message></Error>",
    "Terraform": terraform,
    "Terraform in colour": lambda t: terraform(t).replace("│", "\x1b[31m│\x1b[0m \x1b[0m"),
    "a log line": log_line,
    "a log line in a log line": lambda t: json.dumps({"log": log_line(t)}),
    "PowerShell's JSON": lambda t: f'{{"m": "{t.replace(chr(34), chr(92) + "u0022")}"}}',
    "CloudTrail": lambda t: json.dumps({"errorCode": "AccessDenied", "errorMessage": t}, indent=2),
}


def _escaped(text: str) -> str:
    return text.replace('"', '\\"')


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_the_reason_is_read_through_whatever_shows_it(wrap: Callable[[str], str]) -> None:
    by_arn = f"with an explicit deny in a service control policy: {SCP_ARN}"
    endings = [*(each[0] for each in ENDINGS), KMS, by_arn, ""]
    for ending, resource in product(endings, (SECRET, f'"{SECRET}"', None)):
        on = "" if resource is None else f" on resource: {resource}"
        called = f"User: {JOHN} is not authorized to perform: kms:Decrypt{on}"
        text = f"{called} {ending.format(action='kms:Decrypt')}".rstrip()
        expected = read_access_denied(text)
        assert expected is not None
        assert expected.resource == (SECRET if resource else None)
        assert (expected.policy is not None) is bool(ending)
        assert read_access_denied(wrap(text)) == expected, wrap(text)


def test_a_key_that_may_not_exist_is_not_certainly_refused_by_its_policy() -> None:
    key = "arn:aws:kms:eu-west-1:777788889999:key/1"
    text = f"User: {JOHN} is not authorized to perform: kms:Decrypt on resource: {key} {KMS}"
    found = read_access_denied(text)
    assert found == AccessDenied(
        JOHN, "kms:Decrypt", key, "resource-based policy", explicit=False, unclear=True
    )
    fix = explain_refusal(StsRefusal("AccessDenied", text)).fix
    assert "Region" in fix
    assert "own policy" in fix


@pytest.mark.parametrize(("ending", "policy", "explicit", "lane"), ENDINGS)
def test_a_key_that_only_the_ciphertext_names_is_a_resource_without_a_name(
    ending: str, policy: str, explicit: bool, lane: str
) -> None:
    called = f"User: {JOHN} is not authorized to perform: kms:Decrypt"
    text = f"{called} on the resource associated with this ciphertext"
    found = read_access_denied(f"{text} {ending.format(action='kms:Decrypt')}")
    assert found == AccessDenied(JOHN, "kms:Decrypt", None, policy, explicit)
    unclear = read_access_denied(f"{text} {KMS}")
    assert unclear is not None
    assert (unclear.resource, unclear.unclear) == (None, True)
    fix = explain_refusal(
        StsRefusal("AccessDenied", f"{called} {ending.format(action='kms:Decrypt')}")
    ).fix
    assert "the role" not in fix or lane == "trust"


def test_an_account_that_no_arn_names_is_named_by_what_it_is() -> None:
    """The ARNs of buckets and their objects have no account."""
    text = (
        f"User: {JOHN} is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::logs/a"
        " with an explicit deny in a resource control policy"
    )
    fix = explain_refusal(StsRefusal("AccessDenied", text)).fix
    assert "the Deny in the RCP over the resource's account" in fix


def test_a_text_that_names_no_policy_says_who_was_refused_what() -> None:
    role = "arn:aws:iam::333333333333:role/Admin"
    text = f"User: {JOHN} is not authorized to perform: sts:AssumeRole on resource: {role}"
    assert read_access_denied(text) == AccessDenied(JOHN, "sts:AssumeRole", role)
    because = read_access_denied(text + " because the moon is full")
    assert because == AccessDenied(JOHN, "sts:AssumeRole", role, other="because the moon is full")


def test_a_resource_based_policy_of_a_role_is_its_trust_policy() -> None:
    ending = " because no resource-based policy allows the sts:AssumeRole action"
    text = f"User: {JOHN} is not authorized to perform: sts:AssumeRole{ending}"
    found = read_access_denied(text)
    assert found is not None
    assert found.lane == "trust"


@pytest.mark.parametrize(
    "text", ["", "Access Denied", "Roles may not be assumed by root accounts.", "User: x" * 4000]
)
def test_other_texts_are_none(text: str) -> None:
    assert read_access_denied(text) is None


def test_an_encoded_message_is_found() -> None:
    text = f"{denied()}. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q-_m3"
    assert encoded_message(text) == "4GIOHlTkIaWHQD0Q-_m3"
    assert encoded_message(denied()) is None


ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/bob@host"
S3 = f"User: {ADMIN} is not authorized to perform: s3:GetObject on resource"
NO_ALLOW = "because no identity-based policy allows the s3:GetObject action"


def s3(key: str) -> str:
    return f'{S3}: "arn:aws:s3:::logs/{key}" {NO_ALLOW}'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (s3("dir\\notes.txt"), "dir\\notes.txt"),
        (json.dumps({"m": s3("dir\\name")}), "dir\\name"),
        (json.dumps(json.dumps({"m": s3("dir\\real")})), "dir\\real"),
        (s3("a  b"), "a  b"),
        (s3("report."), "report."),
        (s3("x because no y"), "x because no y"),
        (json.dumps(s3("\u00e4 b")), "\u00e4 b"),
        (json.dumps(s3("\U0001f600")), "\U0001f600"),
        (json.dumps(s3("a&b")).replace("&", "\\u0026"), "a&b"),
        (f"<Message>{s3('a&b')}</Message>".replace("&", "&amp;").replace('"', "&quot;"), "a&b"),
        (terraform(s3("day one")), "day one"),
    ],
)
def test_a_resource_is_named_as_aws_named_it(text: str, key: str) -> None:
    found = read_access_denied(text)
    assert found is not None
    assert (found.resource, found.lane) == (f"arn:aws:s3:::logs/{key}", "permissions")


EVENT = {
    "userIdentity": {"type": "AssumedRole", "arn": ADMIN},
    "eventSource": "s3.amazonaws.com",
    "eventName": "HeadObject",
    "errorCode": "AccessDenied",
    "errorMessage": "Access Denied",
    "requestParameters": {"bucketName": "logs", "key": "k.gz"},
}
GET = "s3:GetObject"
IN_CONSOLE = f"{{}}: {ADMIN}\nAction: iam:ListRoles\n{{}}Context: {{}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"user: {S3[6:]}: x", AccessDenied(ADMIN, GET, "x")),
        (f"User {S3[7 + len(ADMIN) :]}: x", AccessDenied(None, GET, "x")),
        ("Is not authorized to perform: s3:GetObject on resource x", AccessDenied(None, GET, "x")),
        ("Error: J is not authorized to perform: s3:GetObject", AccessDenied("J", GET)),
        (f"The role {ADMIN} is not authorized to perform: {GET}", AccessDenied(ADMIN, GET)),
        (f"User: anonymous {S3[7 + len(ADMIN) :]}: x", AccessDenied("anonymous", GET, "x")),
        (
            f"User: {ADMIN} is not authorized to perform: iam:PutRolePolicy on resource: role X",
            AccessDenied(ADMIN, "iam:PutRolePolicy", "role X"),
        ),
        (
            "Could not assume role: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            AccessDenied(None, "sts:AssumeRoleWithWebIdentity"),
        ),
        (
            "Not authorized to perform sts:AssumeRoleWithSAML",
            AccessDenied(None, "sts:AssumeRoleWithSAML"),
        ),
        (
            IN_CONSOLE.format("User", "", "no identity-based policy allows the action"),
            AccessDenied(ADMIN, "iam:ListRoles", None, "identity-based policy"),
        ),
        (
            IN_CONSOLE.format(
                "User",
                "On resource(s): x\n",
                "a service control policy explicitly denies the action",
            ),
            AccessDenied(ADMIN, "iam:ListRoles", "x", "service control policy", explicit=True),
        ),
        (json.dumps(EVENT), AccessDenied(ADMIN, GET, "arn:aws:s3:::logs/k.gz")),
        (
            json.dumps({"Events": [{"CloudTrailEvent": json.dumps(EVENT)}]}),
            AccessDenied(ADMIN, GET, "arn:aws:s3:::logs/k.gz"),
        ),
        (f"{S3}: x with an explicit deny", AccessDenied(ADMIN, GET, "x", explicit=True)),
        (f"{'x' * 30_000}\n{S3}: x", AccessDenied(ADMIN, GET, "x")),
    ],
)
def test_a_text_without_a_caller_or_in_another_form_is_read(
    text: str, expected: AccessDenied
) -> None:
    assert read_access_denied(text) == expected


def test_only_the_sentence_of_the_first_error_is_quoted_and_its_code_if_it_has_one() -> None:
    other = f"User: {ADMIN} is not authorized to perform: s3:PutObject on resource: x"
    for around, code in (("{}", None), ("x (AccessDenied) y:\n{}", "AccessDenied")):
        found = read_excerpt(terraform(around.format(s3("a  b"))) + "\n" + other)
        assert found is not None
        # The frame of these tests is of an AccessDenied error.
        assert (found.words, found.code, found.others) == (s3("a  b"), "AccessDenied", 1)
        alone = read_excerpt(around.format(s3("k")))
        assert alone is not None
        assert (alone.words, alone.code, alone.others) == (s3("k"), code, 0)


@pytest.mark.parametrize(
    "piece",
    [
        "User:\\n",
        "\\",
        "is not authorized to perform: ",
        "\n│ ",
        "not\\n",
        f"{S3}: \\",
        "User: <a b",
        f"{S3}: :<a",
    ],
)
def test_a_long_text_is_searched_once(piece: str) -> None:
    """A search that goes back again and again takes hours for these."""
    read_access_denied(piece * (LONGEST // 20 // len(piece)))


def test_advice_for_a_refused_token_and_for_a_deny_that_aws_does_not_locate() -> None:
    token = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    fix = explain_refusal(StsRefusal("AccessDenied", token)).fix
    assert "Principal Federated" in fix
    assert "aud and sub" in fix
    fix = explain_refusal(StsRefusal("AccessDenied", f"{S3}: x with an explicit deny")).fix
    assert "find the Deny of s3:GetObject" in fix


def _said(caller: str, action: str, resource: str, end: str = "") -> str:
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource}{end}"


def test_an_action_that_the_call_needs_besides_its_own_is_the_one_to_allow() -> None:
    end = " because no identity-based policy allows the vpce:AllowMultiRegion action"
    found = read_access_denied(_said(JOHN, "ec2:CreateVpcEndpoint", "*", end))
    assert found is not None
    assert (found.action, found.called) == ("vpce:AllowMultiRegion", "ec2:CreateVpcEndpoint")
    same = " because no session policy allows the SQS:sendmessage action"
    found = read_access_denied(_said(JOHN, "sqs:SendMessage", "*", same))
    assert found is not None
    assert (found.action, found.called) == ("sqs:SendMessage", None)


SESSION_OF_SET = (
    "arn:aws:sts::777788889999:assumed-role/AWSReservedSSO_Data_Ops_0123456789abcdef/jo"
)


@pytest.mark.parametrize(
    ("end", "where"),
    [
        (" because no identity-based policy allows the s3:GetObject action", "in {}"),
        (" with an explicit deny in an identity-based policy", "narrow the Deny in {};"),
        (" because no permissions boundary allows the s3:GetObject action", "boundary of {}"),
        ("", "to {}"),
    ],
)
def test_what_a_permission_set_gives_is_changed_in_identity_center(end: str, where: str) -> None:
    found = read_access_denied(_said(SESSION_OF_SET, "s3:GetObject", "arn:aws:s3:::b/k", end))
    assert found is not None
    fix = denial_fix(found)
    assert where.format("permission set Data_Ops in IAM Identity Center") in fix
    assert "in its own account" not in fix


@pytest.mark.parametrize(
    ("resource", "step"),
    [
        (
            "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Data_01",
            "only who signs in to IAM Identity Center can assume it",
        ),
        (
            "arn:aws:iam::222222222222:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "only its AWS service can assume it",
        ),
        ("arn:aws:sts::***:assumed-role/Hub/me", "name the role itself, arn:aws:iam::***:role/Hub"),
    ],
)
def test_a_role_that_nobody_can_assume_by_its_trust_policy_is_said_to_be_one(
    resource: str, step: str
) -> None:
    found = read_access_denied(_said(JOHN, "sts:AssumeRole", resource))
    assert found is not None
    assert step in denial_fix(found)


@pytest.mark.parametrize("path", ["", "team/"])
def test_a_session_that_assumes_its_own_role_is_asked_whether_it_must(path: str) -> None:
    caller = "arn:aws:sts::222222222222:assumed-role/Hub/me"
    role = f"arn:aws:iam::222222222222:role/{path}Hub"
    found = read_access_denied(_said(caller, "sts:AssumeRole", role))
    assert found is not None
    assert "The caller is a session of this very role already" in denial_fix(found)
    other = replace(found, resource=role.replace("222222222222", "333333333333"))
    assert "this very role" not in denial_fix(other)


@pytest.mark.parametrize("name", ["***", "---", "…"])
def test_a_name_that_was_cut_out_is_no_name(name: str) -> None:
    found = read_access_denied(_said(name, "s3:GetObject", name))
    assert found == AccessDenied(None, "s3:GetObject")


@pytest.mark.parametrize("tag", ["</code>", "<br>"])
def test_a_mark_that_replaces_a_part_of_an_arn_is_part_of_it_and_a_tag_is_not(tag: str) -> None:
    caller, role = "arn:aws:iam::<my account>:user/<me too>", "arn:aws:iam::<cut>:role/X_<id>"
    found = read_access_denied(_said(caller, "sts:AssumeRole", f"{role}{tag}"))
    assert found == AccessDenied(caller, "sts:AssumeRole", role)


def test_what_a_service_put_into_a_session_policy_is_changed_there() -> None:
    end = " because no session policy allows the s3:GetObject action"
    for caller, fix in (
        ("assumed-role/Unauth/CognitoIdentityCredentials", "basic (classic) flow"),
        ("federated-user/jo", "the policy that GetFederationToken was called with"),
        ("assumed-role/Hub/me", "policy or policy_arns of the caller's hop"),
    ):
        said = _said(f"arn:aws:sts::222222222222:{caller}", "s3:GetObject", "arn:aws:s3:::b/k", end)
        found = read_access_denied(said)
        assert found is not None
        assert fix in denial_fix(found)


def test_a_deny_that_an_iam_user_met_may_be_one_of_calls_without_mfa() -> None:
    for end in (" with an explicit deny", " with an explicit deny in an identity-based policy"):
        for caller, asked in ((JOHN, True), (SESSION_OF_SET, False)):
            found = read_access_denied(_said(caller, "s3:GetObject", "arn:aws:s3:::b/k", end))
            assert found is not None
            assert ("MFA" in denial_fix(found)) is asked
