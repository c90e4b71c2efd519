"""What a boundary takes away, on boundaries as people write them; and patterns as sets."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.threads import call_within
from rolehop.commands.explain.role_view import role_document, role_view
from rolehop.policy.aws_cli_output import read_inventory
from rolehop.policy.language.operators import matches_text
from rolehop.policy.role_report import RoleReport, _overlap, covers, report_on
from rolehop.terminal.drawing import as_text
from tests.support.policies import policy

ACCOUNT = "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app/Task"
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/limit"
Json = dict[str, Any]


def allow(*actions: str, on: str | list[str] = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def deny(*actions: str, on: str = "*", **more: Any) -> Json:
    return {**allow(*actions, on=on), "Effect": "Deny", **more}


def report(role: list[Json], boundary: list[Json]) -> RoleReport:
    found = {
        "Arn": ROLE,
        "AssumeRolePolicyDocument": policy(),
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": policy(*role)}],
        "AttachedManagedPolicies": [],
        "PermissionsBoundary": {"PermissionsBoundaryArn": LIMIT},
    }
    version = {"Document": policy(*boundary), "IsDefaultVersion": True}
    text = {"RoleDetailList": [found], "Policies": [{"Arn": LIMIT, "PolicyVersionList": [version]}]}
    made = report_on(read_inventory(json.dumps(text)), ROLE)
    assert made is not None
    return made


def said(made: RoleReport) -> list[str]:
    """Return what the view says under its heading, each sentence in one line."""
    text = as_text(role_view(made))
    assert max(map(len, text.splitlines())) <= 80
    section = text.split("what its boundary removes\n")[1].split("\n\n")[0]
    joined = section.replace("\n    ", " ").splitlines()
    return [each.strip().replace(" (inline policy p of role Task)", "") for each in joined]


REGION = {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}
LAMBDA = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
LOGS = "arn:aws:s3:::logs/*"
EVERYTHING = allow("*")
ANY = "nothing: the boundary allows all that its policies allow"
CASES: list[tuple[str, list[Json], list[Json], list[str]]] = [
    (
        "a boundary for reading",
        [allow("s3:*")],
        [allow("s3:Get*", "s3:List*")],
        ["of s3:* on anything: all but s3:Get*, s3:List*"],
    ),
    (
        "a service that the boundary does not know",
        [allow("s3:GetObject", "ec2:RunInstances", "ec2:StopInstances")],
        [allow("s3:*")],
        [
            (
                "of ec2:RunInstances, ec2:StopInstances on anything: all; no statement of the boundary"
                " allows any"
            )
        ],
    ),
    ("all within, in other letters", [allow("S3:getobject")], [allow("s3:Get*")], [ANY]),
    (
        "one bucket",
        [allow("s3:GetObject", "s3:PutObject")],
        [allow("s3:*", on=LOGS)],
        [f"of s3:GetObject, s3:PutObject on anything: all but what is done on {LOGS}"],
    ),
    (
        "of two buckets one",
        [allow("s3:GetObject", on=[LOGS, "arn:aws:s3:::other/*"])],
        [allow("s3:*", on="arn:aws:s3:::l*")],
        ["of s3:GetObject on arn:aws:s3:::other/*: all; no statement of the boundary allows any"],
    ),
    (
        "an administrator kept to a region and off IAM",
        [EVERYTHING],
        [
            EVERYTHING,
            {
                "Sid": "Eu",
                "Effect": "Deny",
                "NotAction": ["iam:*", "sts:*"],
                "Resource": "*",
                "Condition": REGION,
            },
            deny("iam:CreateUser", Sid="NoIam"),
        ],
        [
            (
                "of anything on anything: anything but iam:*, sts:*, if it meets the conditions of its"
                ' Deny statement 2 "Eu"; of that also iam:CreateUser, by its Deny statement 3 "NoIam"'
            )
        ],
    ),
    (
        "a role that may be passed under a condition",
        [allow("iam:PassRole")],
        [allow("iam:PassRole", Condition=LAMBDA)],
        ["of iam:PassRole on anything: all but what meets the conditions of its Allow statement 1"],
    ),
    (
        "the same condition on both sides",
        [allow("iam:PassRole", Condition=LAMBDA)],
        [allow("iam:PassRole", Condition=LAMBDA)],
        [ANY],
    ),
    (
        "a Deny of a part",
        [allow("s3:*")],
        [EVERYTHING, deny("s3:Delete*", Sid="Keep")],
        ['of s3:* on anything: s3:Delete*, by its Deny statement 2 "Keep"'],
    ),
    (
        "a Deny of all",
        [allow("s3:GetObject", on=LOGS)],
        [EVERYTHING, deny("s3:*")],
        [f"of s3:GetObject on {LOGS}: all, by its Deny statement 2"],
    ),
    ("a Deny of something else", [allow("s3:*")], [EVERYTHING, deny("ec2:*")], [ANY]),
    (
        "all but something on both sides",
        [
            {"Effect": "Allow", "NotAction": ["iam:*", "account:*"], "Resource": "*"},
            allow("iam:ListRoles"),
        ],
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        ["of iam:ListRoles on anything: all; no statement of the boundary allows any"],
    ),
    (
        "a boundary that leaves a part out",
        [allow("s3:*")],
        [{"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": LOGS}],
        [
            (
                f"of s3:* on anything: s3:Delete* and what is done on {LOGS}, left out by its Allow"
                " statement 1"
            )
        ],
    ),
    (
        "a policy variable may be anything",
        [allow("s3:*", on="arn:aws:s3:::home/ann/*")],
        [allow("s3:*", on="arn:aws:s3:::home/${aws:username}/*")],
        [
            (
                "of s3:* on arn:aws:s3:::home/ann/*: all but what is done on"
                " arn:aws:s3:::home/${aws:username}/*"
            )
        ],
    ),
    (
        "the same variable is the same",
        [allow("s3:*", on="arn:aws:s3:::home/${aws:username}/*")],
        [allow("s3:*", on="arn:aws:s3:::home/${aws:username}/*")],
        [ANY],
    ),
]


@pytest.mark.parametrize(
    ("role", "boundary", "words"), [each[1:] for each in CASES], ids=[each[0] for each in CASES]
)
def test_it_names_the_permissions_that_are_removed(
    role: list[Json], boundary: list[Json], words: list[str]
) -> None:
    assert said(report(role, boundary)) == words


def test_programs_learn_it_too() -> None:
    made = report([allow("s3:*")], [allow("s3:Get*"), deny("s3:GetObjectAcl")])
    (taken,) = role_document(made)["beyond_boundary"]  # type: ignore[misc]
    part = {"not_actions": [], "resources": [], "not_resources": [], "conditional": False}
    assert taken == {  # type: ignore[has-type]
        "document": "inline policy p of role Task",
        "statement": 1,
        "actions": ["s3:*"],
        "not_actions": [],
        "resources": ["*"],
        "not_resources": [],
        "taken": "part",
        "left": [{"statement": 1, "actions": ["s3:Get*"], **part}],
        "denied": [{"statement": 2, "actions": ["s3:GetObjectAcl"], **part}],
    }


PATTERNS = st.text("ab*?", max_size=5)
WORDS = ["".join(each) for n in range(7) for each in itertools.product("ab", repeat=n)]


@given(PATTERNS, PATTERNS)
def test_what_covers_a_pattern_fits_all_that_the_pattern_fits(wide: str, narrow: str) -> None:
    if covers(wide, narrow):
        assert all(matches_text(each, wide) for each in WORDS if matches_text(each, narrow))


@given(PATTERNS, PATTERNS)
def test_patterns_that_share_nothing_fit_nothing_together(one: str, other: str) -> None:
    if not _overlap(one, other):
        assert not any(matches_text(each, one) and matches_text(each, other) for each in WORDS)


@given(PATTERNS.filter(lambda each: "?" not in each), PATTERNS.filter(lambda each: "?" not in each))
def test_patterns_of_only_stars_are_compared_exactly(one: str, other: str) -> None:
    both = [each for each in WORDS if matches_text(each, one) and matches_text(each, other)]
    # Together they never need more letters than both have.
    assert _overlap(one, other) == bool(both) or len(one) + len(other) > 6


def test_long_policies_take_no_time() -> None:
    many = [allow(*(f"svc{n}:Do{m}*" for m in range(20))) for n in range(40)]
    # Exponential growth would never end within this guard; nothing else is measured.
    made = call_within(60, lambda: report(many, [allow("svc1:*", "*:Do?a*a*"), deny("svc2:*")]))
    assert len(made.removed) == 39
