"""The access-denied texts of AWS: each documented form, and as other programs show them."""

from __future__ import annotations

import pytest

from rolehop.access_denied import AccessDenied, encoded_message, read_access_denied
from rolehop.ports import StsRefusal
from rolehop.sts_errors import explain_refusal
from tests.support.denials import ENDINGS, SCP_ARN

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
    "session": "policy or policy_arns of the hop that made its session",
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
    narrows = "narrow" in fix and "a Deny in" in fix and "no Allow outweighs a Deny" in fix
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


def test_a_text_that_names_no_policy_says_who_was_refused_what() -> None:
    role = "arn:aws:iam::333333333333:role/Admin"
    text = f"User: {JOHN} is not authorized to perform: sts:AssumeRole on resource: {role}"
    assert read_access_denied(text) == AccessDenied(JOHN, "sts:AssumeRole", role)
    assert read_access_denied(text + " because the moon is full") == AccessDenied(
        JOHN, "sts:AssumeRole", role
    )


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
