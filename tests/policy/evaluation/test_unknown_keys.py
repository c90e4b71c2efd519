"""What is certain of a key whose value is not known, of a caller, and what would settle the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.policy import Context, Finding, Kind, Outcome, PolicyType, Reason, Truth, parse_policy
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE, rcps_cover
from rolehop.policy.evaluation.evaluator import unknowns_of
from rolehop.policy.evaluation.model import PolicyVerdict
from rolehop.policy.evaluation.principals import Caller, MatchKind, caller_from_arn, session_of
from rolehop.policy.evaluation.statements import Attached, Call, judge_condition, judge_statement
from rolehop.policy.language.parser import Statement

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
ROLE = "arn:aws:iam::222222222222:role/T"
ALICE = caller_from_arn("arn:aws:iam::111111111111:user/alice")


def statement(**elements: Any) -> Statement:
    whole = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"} | elements
    return parse_policy(
        json.dumps({"Version": "2012-10-17", "Statement": whole}), Kind.PERMISSIONS
    ).statements[0]


HUBS = "arn:aws:sts::222222222222:assumed-role/Hub/*"
KNOWN = Context(
    {"many": ["a", "b"], "one": ["a"], "empty": [""], "some": ["a", ""]},
    ["none"],
    patterns={"arn": HUBS, "like": "team-*"},
    ranges={"age": ("10", "20")},
    present=["there"],
)


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "truth", "reason", "found"),
    [
        # A pattern of what the value is like
        ("StringLike", "like", ["team-?"], U, Reason.KEY_UNKNOWN, None),
        ("StringLike", "like", ["prod-*"], F, Reason.VALUE_DIFFERS, "team-*"),
        ("StringLike", "like", ["prod-*", "team-x"], U, Reason.KEY_UNKNOWN, None),
        ("StringLike", "like", ["TEAM-x"], F, Reason.VALUE_DIFFERS, "team-*"),  # case counts
        ("StringEqualsIgnoreCase", "like", ["TEAM-x"], U, Reason.KEY_UNKNOWN, None),
        ("StringEqualsIgnoreCase", "like", ["TEAM"], F, Reason.VALUE_DIFFERS, "team-*"),
        ("StringEqualsIgnoreCase", "arn", [HUBS.lower()], U, Reason.KEY_UNKNOWN, None),
        ("StringEqualsIgnoreCase", "like", ["${what}"], U, Reason.KEY_UNKNOWN, None),
        ("StringEquals", "like", ["prod"], F, Reason.VALUE_DIFFERS, "team-*"),
        ("StringNotLike", "like", ["prod-*"], T, Reason.MATCHES, "team-*"),
        ("NumericEquals", "like", ["1"], U, Reason.KEY_UNKNOWN, None),
        ("StringEquals", "like", ["${none}"], F, Reason.VALUE_DIFFERS, None),
        ("StringEquals", "like", ["${what}"], U, Reason.KEY_UNKNOWN, None),
        ("ArnLike", "arn", ["arn:aws:sts::222222222222:assumed-role/Bub/*"], F,
         Reason.VALUE_DIFFERS, HUBS),
        ("ArnLike", "arn", ["arn:aws:sts::*:assumed-role/*"], U, Reason.KEY_UNKNOWN, None),
        ("ArnLike", "arn", ["arn:*:role/Hub"], U, Reason.KEY_UNKNOWN, None),
        ("ArnLike", "arn", ["arn:x"], U, Reason.KEY_UNKNOWN, None),  # no ARN: not documented
        ("ArnLike", "arn", [f"{HUBS[:-1]}a:b"], U, Reason.KEY_UNKNOWN, None),
        ("ArnLike", "arn", ["arn:aws:sts::222222222222:assumed-role/hub/a:b"], F,
         Reason.VALUE_DIFFERS, HUBS),
        # A star of a text stands for colons, too, one of an ARN for none.
        ("StringLike", "arn", ["arn:aws:*:a:b:c"], U, Reason.KEY_UNKNOWN, None),
        ("ArnLike", "arn", ["arn:aws:*:a:b:c"], F, Reason.VALUE_DIFFERS, HUBS),
        # Whatever it is
        ("StringLike", "there", ["*"], T, Reason.MATCHES, None),
        ("StringLike", "else", ["*"], U, Reason.KEY_UNKNOWN, None),
        ("StringLikeIfExists", "else", ["*"], T, Reason.MATCHES, None),
        ("StringNotLike", "there", ["*"], F, Reason.VALUE_EXCLUDED, None),
        ("StringNotLike", "else", ["*"], U, Reason.KEY_UNKNOWN, None),
        ("ForAnyValue:StringLike", "there", ["*"], U, Reason.KEY_UNKNOWN, None),
        ("ForAllValues:StringLike", "there", ["*"], U, Reason.KEY_UNKNOWN, None),
        ("ArnLike", "there", ["*"], U, Reason.KEY_UNKNOWN, None),  # no ARN
        ("StringEquals", "else", ["${none}"], F, Reason.VALUE_DIFFERS, None),
        ("StringEquals", "else", ["${none}", "b"], U, Reason.KEY_UNKNOWN, None),
        ("StringNotEquals", "else", ["${none}"], T, Reason.MATCHES, None),
        # Both ends
        ("NumericLessThan", "age", ["30"], T, Reason.MATCHES, "from 10 to 20"),
        ("NumericLessThan", "age", ["20"], U, Reason.KEY_UNKNOWN, None),
        ("NumericGreaterThan", "age", ["20"], F, Reason.VALUE_DIFFERS, "from 10 to 20"),
        ("NumericEquals", "age", ["30"], U, Reason.KEY_UNKNOWN, None),
        ("ForAnyValue:NumericLessThan", "age", ["30"], U, Reason.KEY_UNKNOWN, None),
        ("NumericLessThan", "age", ["x"], U, Reason.KEY_UNKNOWN, None),
        # Several values
        ("StringEquals", "many", ["a"], U, Reason.MANY_VALUES, "a, b"),
        ("ForAllValues:StringEquals", "many", ["a", "b"], T, Reason.MATCHES, "a, b"),
        ("ForAllValues:StringEquals", "many", ["a"], F, Reason.VALUE_DIFFERS, "a, b"),
        ("ForAnyValue:StringEquals", "many", ["b"], T, Reason.MATCHES, "a, b"),
        ("ForAllValues:StringEquals", "empty", ["b"], T, Reason.MATCHES, ""),
        ("ForAllValues:StringEquals", "some", ["a"], F, Reason.VALUE_DIFFERS, "a, "),
        ("StringEquals", "empty", ["b"], F, Reason.VALUE_DIFFERS, ""),
        ("ForAnyValue:NumericEquals", "many", ["1"], U, Reason.MALFORMED_VALUE, "a, b"),
        ("NumericEquals", "one", ["1"], U, Reason.MALFORMED_VALUE, "a"),
        # Variables
        ("StringEquals", "one", ["${none}"], F, Reason.VARIABLE_ABSENT, "none"),
        ("StringEquals", "one", ["${what}"], U, Reason.VARIABLE_UNKNOWN, "what"),
        ("StringEquals", "one", ["x${what}"], F, Reason.VALUE_DIFFERS, "a"),
        ("StringLike", "one", ["x${what}"], F, Reason.VALUE_DIFFERS, "a"),
        ("StringEqualsIgnoreCase", "one", ["A${what}"], U, Reason.VARIABLE_UNKNOWN, "what"),
        ("StringEquals", "many", ["${none}"], U, Reason.MANY_VALUES, "a, b"),
        ("StringEquals", "one", ["${none}", "b"], F, Reason.VALUE_DIFFERS, "a"),
        ("StringNotEquals", "one", ["${none}"], T, Reason.MATCHES, "a"),
        # Null, and a key that is not there
        ("Null", "one", ["true"], F, Reason.KEY_PRESENT, "a"),
        ("Null", "none", ["True"], T, Reason.MATCHES, None),
        ("Null", "none", ["False"], F, Reason.KEY_ABSENT, None),
        ("Null", "there", ["true"], F, Reason.KEY_PRESENT, None),
        ("Null", "else", ["true"], U, Reason.KEY_UNKNOWN, None),
        ("Null", "one", ["maybe"], U, Reason.MALFORMED_VALUE, "a"),
        ("Null", "one", ["true", "false"], T, Reason.MATCHES, "a"),
        ("ForAnyValue:StringEqualsIfExists", "none", ["a"], U, Reason.ANY_IF_EXISTS, None),
        ("ForAnyValue:StringEqualsIfExists", "many", ["a"], T, Reason.MATCHES, "a, b"),
        ("ForAnyValue:StringNotEquals", "none", ["a"], F, Reason.KEY_ABSENT, None),
        ("ForAllValues:StringEquals", "none", ["a"], T, Reason.KEY_ABSENT, None),
        ("StringNotEquals", "none", ["a"], T, Reason.KEY_ABSENT, None),
        ("StringIs", "one", ["a"], U, Reason.UNKNOWN_OPERATOR, "a"),
    ],
)  # fmt: skip
def test_a_condition(
    operator: str, key: str, wanted: list[str], truth: Truth, reason: Reason, found: str | None
) -> None:
    condition = statement(Condition={operator: {key: wanted}}).conditions[0]
    said = judge_condition(condition, KNOWN)
    assert (said.truth, said.reason, said.found) == (truth, reason, found)
    assert (said.element, said.wanted) == (f"Condition {operator} {key}", ", ".join(wanted))


def test_the_variables_of_a_condition_are_shown_with_their_one_value() -> None:
    wanted = ["${one}/${many}/${what}", "${none, 'x'}${ONE}"]
    condition = statement(Condition={"StringEquals": {"else": wanted}}).conditions[0]
    assert judge_condition(condition, KNOWN).variables == (("one", "a"), ("ONE", "a"))
    # What an operator takes that is not known here, is not known either.
    condition = statement(Condition={"StringIs": {"else": wanted}}).conditions[0]
    assert judge_condition(condition, KNOWN).variables == ()


@pytest.mark.parametrize(
    ("elements", "action", "resource", "finding"),
    [
        ({"Action": ["s3:*", "sts:TagSession"]}, "sts:AssumeRole", ROLE,
         Finding("Action", F, Reason.ACTION_NOT_LISTED, "s3:*, sts:TagSession", "sts:AssumeRole")),
        ({"Action": "sts:AssumeRole"}, "sts:Assume*", ROLE,
         Finding("Action", U, Reason.ACTION_PARTLY, "sts:AssumeRole", "sts:Assume*")),
        ({"Action": "sts:AssumeRole"}, "sts:AssumeRol?", ROLE,
         Finding("Action", U, Reason.ACTION_PARTLY, "sts:AssumeRole", "sts:AssumeRol?")),
        ({"Action": "*:*"}, "sts:AssumeRole", ROLE,
         Finding("Action", U, Reason.ACTION_UNDOCUMENTED, "*:*", "sts:AssumeRole")),
        ({"Action": "*", "Resource": [ROLE, "arn:x"]}, "s3:A", "arn:aws:s3:::b",
         Finding("Resource", F, Reason.RESOURCE_NOT_LISTED, f"{ROLE}, arn:x", "arn:aws:s3:::b")),
        ({"Action": "*", "Resource": ["arn:aws:s3:::*"]}, "s3:A", "arn:aws:s3:::b/x",
         Finding("Resource", T, Reason.MATCHES, "arn:aws:s3:::*", "arn:aws:s3:::b/x")),
        # The type of a resource has no wildcard; a bucket's name is no type.
        ({"Resource": "arn:aws:s3:::b*/x"}, "sts:AssumeRole", "arn:aws:s3:::bb/x",
         Finding("Resource", T, Reason.MATCHES, "arn:aws:s3:::b*/x", "arn:aws:s3:::bb/x")),
        ({"Resource": "arn:aws:iam::222222222222:r*/T"}, "sts:AssumeRole", ROLE,
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:iam::222222222222:r*/T",
                 ROLE)),
        ({"Resource": "arn:aws:x:::a*"}, "sts:AssumeRole", "arn:aws:x:::ab",
         Finding("Resource", T, Reason.MATCHES, "arn:aws:x:::a*", "arn:aws:x:::ab")),
        ({"Resource": "arn:aws:x:::a*"}, "sts:AssumeRole", "arn:aws:x:::a:b",
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:x:::a*", "arn:aws:x:::a:b")),
        # AWS completes an ARN without its last parts; the service has no wildcard.
        ({"Resource": "arn:aws:iam"}, "sts:AssumeRole", ROLE,
         Finding("Resource", T, Reason.MATCHES, "arn:aws:iam", ROLE)),
        ({"Resource": "arn:aws"}, "sts:AssumeRole", ROLE,
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws", ROLE)),
        ({"Action": "*", "Resource": ["arn:aws:s3*"]}, "s3:A", "arn:aws:s3:::b",
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:s3*", "arn:aws:s3:::b")),
        ({"Resource": "arn:aws:s?m::222222222222:role/T"}, "sts:AssumeRole",
         "arn:aws:ssm::222222222222:role/T",
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:s?m::222222222222:role/T",
                 "arn:aws:ssm::222222222222:role/T")),
        # A star that ends a part reaches on; another wildcard stands within its part.
        ({"Resource": "arn:aws:sqs:*:a:b"}, "sts:AssumeRole", "arn:aws:sqs:x:1:a:b",
         Finding("Resource", T, Reason.MATCHES, "arn:aws:sqs:*:a:b", "arn:aws:sqs:x:1:a:b")),
        ({"Resource": "arn:aws:sqs:*x:a:b"}, "sts:AssumeRole", "arn:aws:sqs:x:1x:a:b",
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:sqs:*x:a:b",
                 "arn:aws:sqs:x:1x:a:b")),
        ({"Resource": "arn:aws:sqs:x?:a:b"}, "sts:AssumeRole", "arn:aws:sqs:x::a:b",
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:sqs:x?:a:b",
                 "arn:aws:sqs:x::a:b")),
        ({"Resource": "arn:aws:sqs:*:a*/b"}, "sts:AssumeRole", "arn:aws:sqs:x:1:ab/b",
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:sqs:*:a*/b",
                 "arn:aws:sqs:x:1:ab/b")),
        ({"Resource": "arn:aws:iam:*"}, "sts:AssumeRole", ROLE,
         Finding("Resource", T, Reason.MATCHES, "arn:aws:iam:*", ROLE)),
        ({"Resource": "arn:aws:iam::222222222222"}, "sts:AssumeRole", ROLE,
         Finding("Resource", T, Reason.MATCHES, "arn:aws:iam::222222222222", ROLE)),
        ({"Resource": "arn:aws:ia"}, "sts:AssumeRole", ROLE,
         Finding("Resource", F, Reason.RESOURCE_NOT_LISTED, "arn:aws:ia", ROLE)),
        # Of several, each is judged by itself: the one that decides is told of.
        ({"Resource": ["arn:x", ROLE]}, "sts:AssumeRole", ROLE,
         Finding("Resource", T, Reason.MATCHES, f"arn:x, {ROLE}", ROLE)),
        ({"Resource": ["arn:aws:s3:::b", "arn:aws:i*"]}, "sts:AssumeRole", ROLE,
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "arn:aws:s3:::b, arn:aws:i*", ROLE)),
        ({"Resource": ["*", "arn:x"]}, "sts:AssumeRole", ANY_RESOURCE,
         Finding("Resource", T, Reason.MATCHES, "*, arn:x", ANY_RESOURCE)),
        ({"Resource": ["arn:x"]}, "sts:AssumeRole", ANY_RESOURCE,
         Finding("Resource", U, Reason.RESOURCE_UNNAMED, "arn:x", ANY_RESOURCE)),
        # A variable may stand in the last part alone.
        ({"Resource": "arn:aws:iam::${one}:role/T"}, "sts:AssumeRole", "arn:aws:iam::a:role/T",
         Finding("Resource", F, Reason.VARIABLE_MISPLACED, "arn:aws:iam::${one}:role/T",
                 "arn:aws:iam::a:role/T")),
        ({"Resource": "arn:aws:s3:::${one}"}, "sts:AssumeRole", "arn:aws:s3:::a",
         Finding("Resource", T, Reason.MATCHES, "arn:aws:s3:::${one}", "arn:aws:s3:::a")),
        ({"Resource": "arn:aws:s3:::${none}"}, "sts:AssumeRole", "arn:aws:s3:::a",
         Finding("Resource", F, Reason.VARIABLE_ABSENT, "arn:aws:s3:::${none}", "arn:aws:s3:::a")),
        ({"Resource": "arn:aws:s3:::${what}"}, "sts:AssumeRole", "arn:aws:s3:::a",
         Finding("Resource", U, Reason.VARIABLE_UNKNOWN, "arn:aws:s3:::${what}",
                 "arn:aws:s3:::a")),
        ({"Resource": "arn:aws:s3:::x${what}"}, "sts:AssumeRole", "arn:aws:s3:::a",
         Finding("Resource", F, Reason.RESOURCE_NOT_LISTED, "arn:aws:s3:::x${what}",
                 "arn:aws:s3:::a")),
    ],
)  # fmt: skip
def test_an_element(elements: dict[str, Any], action: str, resource: str, finding: Finding) -> None:
    said = judge_statement(statement(**elements), "d", Call(action, resource, ALICE, KNOWN))
    assert finding in said.findings
    assert said.truth is finding.truth


@pytest.mark.parametrize(
    "service", ["codecommit", "codepipeline", "execute-api", "s3", "sns", "sqs"]
)
def test_what_comes_first_in_these_arns_is_a_name_and_no_type(service: str) -> None:
    pattern, resource = f"arn:aws:{service}:x:1:a*/c", f"arn:aws:{service}:x:1:ab/c"
    said = judge_statement(
        statement(Resource=pattern), "d", Call("sts:AssumeRole", resource, ALICE, KNOWN)
    )
    assert Finding("Resource", T, Reason.MATCHES, pattern, resource) in said.findings


def test_a_document_without_its_text_is_no_policy_of_aws() -> None:
    attached = Attached("d", parse_policy('{"Statement": []}', Kind.PERMISSIONS))
    assert (attached.text, attached.aws_managed) == ("", False)


def without(**elements: Any) -> Statement:
    whole = {"Effect": "Deny"} | elements
    return parse_policy(
        json.dumps({"Version": "2012-10-17", "Statement": whole}), Kind.SCP
    ).statements[0]


@pytest.mark.parametrize(
    ("actions", "resources", "first", "second"),
    [
        (["iam:*", "sts:*"], [ROLE, "arn:x"],
         Finding("Action", F, Reason.ACTION_EXCLUDED, "not iam:*, sts:*", "sts:AssumeRole"),
         Finding("Resource", F, Reason.RESOURCE_EXCLUDED, f"not {ROLE}, arn:x", ROLE)),
        (["iam:*"], ["arn:aws:s3:::b"],
         Finding("Action", T, Reason.MATCHES, "not iam:*", "sts:AssumeRole"),
         Finding("Resource", T, Reason.MATCHES, "not arn:aws:s3:::b", ROLE)),
        (["iam:*"], ["arn:aws:iam"],
         Finding("Action", T, Reason.MATCHES, "not iam:*", "sts:AssumeRole"),
         Finding("Resource", U, Reason.RESOURCE_UNDOCUMENTED, "not arn:aws:iam", ROLE)),
    ],
)  # fmt: skip
def test_what_is_excluded(
    actions: list[str], resources: list[str], first: Finding, second: Finding
) -> None:
    call = Call("sts:AssumeRole", ROLE, ALICE, KNOWN)
    said = judge_statement(without(NotAction=actions, NotResource=resources), "d", call)
    assert said.findings == (first, second)


def trust(condition: Any = None, **principal: Any) -> Statement:
    whole = {"Effect": "Allow", "Action": "sts:AssumeRole", **principal}
    if condition is not None:
        whole["Condition"] = condition
    return parse_policy(json.dumps({"Statement": whole}), Kind.TRUST).statements[0]


NAMED = {"aws:PrincipalArn": ALICE.arn}


@pytest.mark.parametrize(
    ("asked", "how", "truth"),
    [
        # "*" with a condition on the caller's ARN is as direct as the ARN itself.
        (trust({"ArnEquals": NAMED}, Principal="*"), MatchKind.DIRECT, T),
        (trust({"ArnLike": NAMED}, Principal={"AWS": "*"}), MatchKind.DIRECT, T),
        (trust({"StringEquals": NAMED}, Principal="*"), MatchKind.DIRECT, T),
        (trust({"stringlike": {"AWS:PRINCIPALARN": ALICE.arn}}, Principal="*"), MatchKind.DIRECT, T),
        (trust({"ArnNotEquals": {"aws:PrincipalArn": HUBS}}, Principal="*"), MatchKind.ANYONE, T),
        (trust({"ArnEqualsIfExists": NAMED}, Principal="*"), MatchKind.ANYONE, T),
        (trust({"StringEquals": {"one": "a"}}, Principal="*"), MatchKind.ANYONE, T),
        (trust({"ArnEquals": NAMED}, Principal={"AWS": "111111111111"}), MatchKind.ACCOUNT, T),
        (trust({"ArnEquals": NAMED}, NotPrincipal={"AWS": "222222222222"}), MatchKind.ANYONE, U),
        # Whoever it names, it applies only if its other elements do.
        (trust({"StringEquals": {"one": "b"}}, Principal="*"), MatchKind.ANYONE, F),
        (trust(Principal={"AWS": "222222222222"}), MatchKind.ACCOUNT, F),
    ],
)  # fmt: skip
def test_how_a_statement_applies(asked: Statement, how: MatchKind, truth: Truth) -> None:
    known = Context({"one": ["a"], "aws:PrincipalArn": [ALICE.arn or ""]})
    said = judge_statement(asked, "d", Call("sts:AssumeRole", ROLE, ALICE, known))
    assert said.matches == ((how, truth),)
    assert (said.truth, said.applies_by(how), said.applies_by()) == (truth, truth, F)
    assert said.findings[0].element == "Principal"


HUB = caller_from_arn("arn:aws:sts::222222222222:assumed-role/Hub/s")


@pytest.mark.parametrize(
    ("caller", "shown", "named", "outside", "partition"),
    [
        (ALICE, ALICE.arn, ALICE.arn, False, "aws"),
        (HUB, HUB.arn, "arn:aws:iam::222222222222:role/Hub", False, "aws"),
        (Caller(HUB.arn, "222222222222", role="arn:r"), HUB.arn, "arn:r", False, "aws"),
        (Caller(None, "1"), "1", None, False, None),
        (Caller(None, None, provider="p", federated=True), "p", None, True, None),
        (Caller(None, "1", service="s"), "s", None, True, None),
        (Caller(None, None, federated=True), None, None, True, None),
    ],
)
def test_a_caller(
    caller: Caller, shown: str | None, named: str | None, outside: bool, partition: str | None
) -> None:
    assert (caller.shown, caller.named) == (shown, named)
    assert (caller.outside, caller.partition) == (outside, partition)
    assert caller.is_session is (caller.arn == HUB.arn)
    assert not caller.is_root


def test_a_session_of_a_role() -> None:
    assert session_of("arn:aws-cn:iam::1:role/a/R") == "arn:aws-cn:sts::1:assumed-role/R/*"
    # A role's path may have any sign, a colon among them.
    assert session_of("arn:aws:iam::1:role/a:b/R") == "arn:aws:sts::1:assumed-role/R/*"
    assert session_of("arn:aws:iam::1:role/R", "s") == "arn:aws:sts::1:assumed-role/R/s"


OPEN = Finding("Condition StringEquals aws:RequestTag/a b", U, Reason.KEY_UNKNOWN, "x")


@pytest.mark.parametrize(
    ("finding", "unknown"),
    [
        (OPEN, ("aws:RequestTag/a b",)),
        (Finding("Condition X k", U, Reason.VARIABLE_UNKNOWN, "x", "v:key"), ("v:key",)),
        (Finding("Condition X k", U, Reason.VARIABLE_UNKNOWN, "x"), ("Condition X k",)),
        (Finding("Resource", U, Reason.VARIABLE_UNKNOWN, "x", "arn"), ("Resource",)),
        (Finding("Principal", U, Reason.CALLER_UNKNOWN, "x"), ("caller",)),
        (Finding("Resource", U, Reason.RESOURCE_UNNAMED, "*"), ("--resource",)),
        (Finding("Document", U, Reason.NOT_VISIBLE, "x"), ("permissions boundary",)),
        (Finding("Document", U, Reason.MALFORMED_DOCUMENT, "x"), ("permissions boundary",)),
        (Finding("Document", U, Reason.LEVELS_UNKNOWN, "x"), ("permissions boundary",)),
        (Finding("rcp-coverage", U, Reason.SERVICE_UNLISTED, "x"), ("rcp-coverage",)),
        (Finding("Effect", U, Reason.POSSIBLE_DENY, "x"), ()),
        (Finding("Action", T, Reason.MATCHES, "x"), ()),
    ],
)
def test_what_would_settle_it(finding: Finding, unknown: tuple[str, ...]) -> None:
    def verdict(name: PolicyType, outcome: Outcome, *findings: Finding) -> PolicyVerdict:
        return PolicyVerdict(name, outcome, "sts:AssumeRole", None, findings)

    name = PolicyType.BOUNDARY
    unknown = tuple(each.replace("permissions boundary", name.value) for each in unknown)
    hidden = Finding("Document", U, Reason.NOT_VISIBLE, "x")
    before = [
        verdict(PolicyType.SCP, Outcome.NOT_VISIBLE, hidden),
        verdict(PolicyType.SESSION, Outcome.ALLOWED, OPEN),
    ]
    assert unknowns_of([*before, verdict(name, Outcome.UNKNOWN, finding)]) == unknown
    assert unknowns_of([*before, verdict(name, Outcome.NOT_VISIBLE, finding)]) == unknown
    assert unknowns_of([*before, verdict(name, Outcome.REFUSED, finding)]) == ()
    assert unknowns_of([verdict(PolicyType.SCP, Outcome.UNKNOWN, OPEN)]) == ("aws:RequestTag/a b",)


def test_what_is_unknown_is_never_taken_for_no() -> None:
    for truth in Truth:
        with pytest.raises(TypeError, match="three values"):
            bool(truth)


@pytest.mark.parametrize(
    ("action", "resource", "truth"),
    [
        ("S3:GetObject", "arn:aws:s3:::b", T),
        ("sts:AssumeRole", ROLE, T),
        ("kms:Decrypt", "*", T),
        ("kms:RetireGrant", "*", F),
        ("kms:Decrypt", "arn:aws:kms:r:1:alias/aws/s3", F),
        ("s3:Get*", "arn:aws:kms:r:1:alias/aws/s3", T),
        ("ec2:RunInstances", "*", F),
        ("states:StartExecution", "*", F),
        ("acm:X", "*", F),
        ("aoss:X", "*", T),
        ("xray:X", "*", T),
        ("braket:X", "*", U),
    ],
)
def test_what_rcps_cover(action: str, resource: str, truth: Truth) -> None:
    assert rcps_cover(action, resource) is truth
