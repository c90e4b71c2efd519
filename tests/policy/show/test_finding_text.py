"""Every reason has a text of its own, in plain English."""

from __future__ import annotations

import pytest

from rolehop.commands.explain.view import hint
from rolehop.policy import Finding, Reason, Truth
from rolehop.policy.chain_model import StartingCredentials
from rolehop.policy.finding_text import (
    condition_sentence,
    fits,
    found,
    sentence,
    unknown_in_words,
    wanted,
)
from tests.policy.helpers.chains import (
    ADMIN,
    HUB,
    healthy,
    trusts,
)
from tests.policy.helpers.reading import judged, said, shown
from tests.support.policies import policy


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_of_its_own(reason: Reason) -> None:
    finding = Finding("Condition StringEquals sts:ExternalId", Truth.FALSE, reason, "x", "y")
    assert " " in sentence(finding) or reason is Reason.MATCHES


F, U, T = Truth.FALSE, Truth.UNKNOWN, Truth.TRUE
SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/s1"
ROLE = "arn:aws:iam::222222222222:role/Hub"


def condition(operator: str, key: str, reason: Reason, asks: str, has: str | None) -> Finding:
    truth = U if reason is Reason.KEY_UNKNOWN else F
    return Finding(f"Condition {operator} {key}", truth, reason, asks, has)


R = Reason
CASES: list[tuple[Finding, str, str | None, str | None]] = [
    (
        condition("StringEquals", "sts:ExternalId", R.VALUE_DIFFERS, "x-1", "X-1"),
        (
            "the external ID is not what the statement requires, and case matters"
            " (StringEquals sts:ExternalId)"
        ),
        "x-1",
        "X-1",
    ),
    (
        condition("ForAllValues:StringLike", "aws:TagKeys", R.VALUE_DIFFERS, "team, env-*", "cost"),
        (
            "the keys of the tags sent are not what the statement requires"
            " (ForAllValues:StringLike aws:TagKeys)"
        ),
        "each of them like one of team, env-*",
        "cost",
    ),
    (
        condition("NotIpAddress", "aws:SourceIp", R.VALUE_EXCLUDED, "10.0.0.0/8", "10.1.2.3"),
        (
            "the address the call comes from is what the statement excludes"
            " (NotIpAddress aws:SourceIp)"
        ),
        "not within 10.0.0.0/8",
        "10.1.2.3",
    ),
    (
        condition("DateLessThan", "aws:CurrentTime", R.VALUE_DIFFERS, "2020-01-01", "2026-06-01"),
        "the time of the call is not what the statement requires (DateLessThan aws:CurrentTime)",
        "before 2020-01-01",
        "2026-06-01",
    ),
    (
        condition("Null", "sts:SourceIdentity", R.KEY_ABSENT, "false", None),
        (
            "the statement requires the source identity, and the call has none"
            " (Null sts:SourceIdentity)"
        ),
        "present",
        None,
    ),
    (
        condition("Null", "sts:ExternalId", R.KEY_PRESENT, "true", "x"),
        (
            "the statement requires a call without the external ID, and this one has it"
            " (Null sts:ExternalId)"
        ),
        "absent",
        "x",
    ),
    (
        condition("Bool", "aws:MultiFactorAuthPresent", R.KEY_ABSENT, "true", None),
        (
            "the statement requires MFA, and this call is made without it"
            " (Bool aws:MultiFactorAuthPresent)"
        ),
        None,
        None,
    ),
    (
        condition("StringEquals", "aws:PrincipalTag/My Team", R.KEY_UNKNOWN, "x", None),
        (
            "the tag 'My Team' of the caller cannot be known from here; give it with"
            " --context 'aws:PrincipalTag/My Team=VALUE'"
        ),
        "x",
        None,
    ),
    (
        condition("StringEquals", "app:Own", R.KEY_UNKNOWN, "x", None),
        "the value of app:Own is not known here; give it with --context app:Own=VALUE",
        "x",
        None,
    ),
    (
        condition(
            "StringLike",
            "sts:RoleSessionName",
            R.VARIABLE_ABSENT,
            "${aws:username}",
            "aws:username",
        ),
        ("the policy variable ${aws:username} has no value in this call, so nothing matches it"),
        "like ${aws:username}",
        None,
    ),
    (
        Finding("Resource", F, R.VARIABLE_ABSENT, f"{ROLE}/${{aws:username}}", ADMIN),
        (
            "the policy variable in the statement's Resource has no value in this call, so"
            " nothing matches it"
        ),
        f"{ROLE}/${{aws:username}}",
        None,
    ),
    (
        Finding("Resource", F, R.RESOURCE_NOT_LISTED, ADMIN.lower(), ADMIN),
        "the statement names this role with different upper and lower case, which counts",
        ADMIN.lower(),
        ADMIN,
    ),
    (
        Finding("Principal", F, R.NOT_NAMED, HUB, SESSION),
        "the statement names a role of this name with another path: the whole ARN counts",
        HUB,
        SESSION,
    ),
    (
        Finding("Principal", F, R.NOT_NAMED, ROLE.replace("Hub", "Other"), SESSION),
        "the statement names someone other than this caller",
        ROLE.replace("Hub", "Other"),
        SESSION,
    ),
    (
        Finding("Principal", F, R.ANOTHER_KIND, "ec2.amazonaws.com, accounts.google.com", SESSION),
        "the statement is for AWS services and identity providers, and this caller is none of them",
        "ec2.amazonaws.com, accounts.google.com",
        SESSION,
    ),
    (
        Finding("Principal", U, R.CALLER_UNKNOWN, "accounts.google.com"),
        (
            "rolehop does not know the source's identity provider: set issuer, provider_id or"
            " provider"
        ),
        "accounts.google.com",
        None,
    ),
    (
        Finding("Document", F, R.NO_ALLOW, "a statement that allows sts:AssumeRole"),
        "no statement here allows sts:AssumeRole, and the default is to refuse",
        None,
        None,
    ),
    (
        Finding("Document", U, R.NOT_VISIBLE, "all"),
        "no document of this type was seen",
        None,
        None,
    ),
    (
        Finding("Document", U, R.NOT_VISIBLE, "policies of group ops"),
        "not seen: policies of group ops",
        None,
        None,
    ),
    (
        Finding("Effect", F, R.EXPLICIT_DENY, "no Deny that applies", "Deny"),
        "this statement denies the call, and a Deny beats every Allow",
        None,
        None,
    ),
]


@pytest.mark.parametrize(("finding", "words", "asks", "has"), CASES)
def test_a_finding_in_words(
    finding: Finding, words: str, asks: str | None, has: str | None
) -> None:
    assert (sentence(finding), wanted(finding), found(finding)) == (words, asks, has)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding("Action", T, R.MATCHES, "sts:*", "sts:AssumeRole"),
         "Action: sts:* covers sts:AssumeRole"),
        (Finding("Resource", T, R.MATCHES, ADMIN, ADMIN), f"Resource: {ADMIN}, as in the call"),
        (Finding("Principal", T, R.MATCHES, "*", SESSION),
         f"Principal: * means the caller {SESSION}"),
        (Finding("Condition StringNotEquals aws:PrincipalOrgID", T, R.KEY_ABSENT, "o-1"),
         "Condition StringNotEquals aws:PrincipalOrgID (not o-1) matches: the call has none"),
    ],
)  # fmt: skip
def test_what_matches_is_shown_as_well(finding: Finding, words: str) -> None:
    assert fits(finding) == words


@pytest.mark.parametrize(
    ("finding", "denies", "words"),
    [
        (condition("StringEquals", "sts:ExternalId", R.KEY_ABSENT, "x-1", None), False,
         'or send what it asks for: external_id = "x-1" on this hop of the chain'),
        (condition("StringLike", "sts:RoleSessionName", R.VALUE_DIFFERS, "ci-*", "me"), False,
         'or send such a name: session_name = "…" on this hop of the chain'),
        (condition("StringLike", "sts:RoleSessionName", R.VARIABLE_ABSENT, "${aws:username}", "x"),
         False, None),
        (condition("StringNotEquals", "sts:ExternalId", R.VALUE_EXCLUDED, "x", "x"), False, None),
        (condition("StringEquals", "aws:PrincipalArn", R.VALUE_DIFFERS, "arn:x/*", "arn:x/y"), False,
         "note: StringEquals compares * as a letter; StringLike takes it as a pattern"),
        (condition("StringEquals", "sts:ExternalId", R.KEY_ABSENT, "x-*", None), False,
         "note: StringEquals compares * as a letter; StringLike takes it as a pattern"),
        (condition("StringEquals", "aws:PrincipalOrgID", R.KEY_ABSENT, "o-*", None), False, None),
        (condition("StringEquals", "aws:RequestTag/my team", R.KEY_ABSENT, "red", None), False,
         'or send that tag with this hop: tags = { "my team" = "red" }'),
        (condition("Bool", "aws:MultiFactorAuthPresent", R.KEY_ABSENT, "true", None), False,
         "or bring MFA: give the source mfa_serial, and hop 1 carries it"),
        (condition("Bool", "aws:MultiFactorAuthPresent", R.VALUE_DIFFERS, "true", "false"), False,
         "or bring MFA: give the source mfa_serial, and hop 1 carries it"),
        (Finding("Condition BoolIfExists aws:MultiFactorAuthPresent", T, R.KEY_ABSENT, "false"),
         True, "or bring MFA: give the source mfa_serial, and hop 1 carries it"),
        (Finding("Condition Bool aws:MultiFactorAuthPresent", T, R.MATCHES, "true", "true"),
         False, None),
        (condition("IpAddress", "aws:SourceIp", R.VALUE_DIFFERS, "10.0.0.0/8", "1.2.3.4"), False,
         "or call from 10.0.0.0/8"),
        (Finding("Principal", F, R.OTHER_SESSION, f"{SESSION[:-2]}s2", SESSION), False,
         'or give that session its name: session_name = "s2"'),
    ],
)  # fmt: skip
def test_what_the_chain_itself_can_do_is_hinted(
    finding: Finding, denies: bool, words: str | None
) -> None:
    assert hint(finding, denies=denies) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("caller", "who the caller is"),
        ("permissions", "the caller's permissions policies"),
        ("aws:SourceIp", "the address the call comes from (aws:SourceIp)"),
        ("token.actions.githubusercontent.com:sub",
         "the token's subject (token.actions.githubusercontent.com:sub)"),
        ("app:Own", "app:Own"),
        ("Condition StringFoo sts:ExternalId", "whether StringFoo sts:ExternalId matches"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_named_in_words(name: str, words: str) -> None:
    assert unknown_in_words(name) == words


@pytest.mark.parametrize(
    ("operator", "key", "values", "words"),
    [
        ("Bool", "aws:MultiFactorAuthPresent", ("true",), "MFA was used"),
        ("BoolIfExists", "aws:MultiFactorAuthPresent", ("false",),
         "MFA was not used, or it is not known"),
        ("StringNotLike", "sts:RoleSessionName", ("a*", "b*"),
         "the role session name is not like any of a*, b*"),
        ("StringEqualsIfExists", "sts:ExternalId", ("x",),
         "the external ID, if there is one, is x"),
        ("NumericGreaterThanEquals", "aws:MultiFactorAuthAge", ("60",),
         "the seconds since MFA are at least 60"),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ("team",),
         "one of the keys of the tags sent is team"),
        ("Null", "sts:SourceIdentity", ("false",), "the source identity is present"),
        ("StringEqualsIgnoreCase", "aws:username", ("Ann",),
         "the name of the IAM user is in any case Ann"),
    ],
)  # fmt: skip
def test_a_condition_is_half_a_sentence(
    operator: str, key: str, values: tuple[str, ...], words: str
) -> None:
    assert condition_sentence(operator, key, values) == words


def test_an_unknown_caller_is_asked_for() -> None:
    text = said(shown(healthy(), start=StartingCredentials(None)))
    assert "not known (name the caller with --as ARN)" in text
    assert "rolehop does not know who this is: give --as ARN" in text


def test_a_key_with_a_blank_is_named_whole() -> None:
    case = healthy()
    asks = {"StringEquals": {"aws:PrincipalTag/My Team": "red"}}
    case.documents["trust-hub"] = policy(trusts("*", **asks))
    session = StartingCredentials("arn:aws:sts::111111111111:assumed-role/Dev/ann")
    first = judged(case, start=session).hops[0].verdict
    assert "aws:PrincipalTag/My Team" in first.unknowns


def test_a_deny_is_described_by_what_it_denies() -> None:
    case = healthy()
    everybody = {**trusts("*"), "Effect": "Deny"}
    everybody["Condition"] = {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    case.documents["trust-admin"] = policy(trusts(HUB), everybody)
    text = said(shown(case))
    assert "this statement may deny the call" in text
    assert "denied not within 203.0.113.0/24" in text
    assert "wanted" not in text
