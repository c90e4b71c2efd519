"""What the verdict of one policy says: the statement that decides, what is wrong or open, and why."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

import pytest

from rolehop.policy import (
    Context,
    Finding,
    Kind,
    Outcome,
    PolicySet,
    PolicyType,
    Reason,
    Truth,
    Verdict,
)
from rolehop.policy.evaluation.model import PolicyVerdict
from rolehop.policy.finding_text import sentence
from tests.policy.helpers.one_call import (
    ALICE,
    ANY,
    BOB,
    DENY,
    HERE,
    KINDS,
    LETTERS,
    MAYBE,
    MAYBE_DENY,
    NO_S3,
    S3,
    attached,
    judged,
    trusting,
)

ABSENT = Context({}, ["aws:SourceVpc", "aws:SourceIp"])
BOTH = {"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:SourceIp": "vpc-1"}}
OF_VPC = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
NOTHING_OF_S3: Any = ANY | {"Action": "sts:*"}
CAROL = "arn:aws:iam::222222222222:user/carol"
OF_SERVICE: Any = {
    "Effect": "Allow",
    "Action": "sts:*",
    "Principal": {"Service": "x.amazonaws.com"},
}
BOB_PERHAPS = trusting(BOB, Condition=OF_VPC)
BOB_PERHAPS_NOT: Any = trusting(BOB, Effect="Deny", Condition=OF_VPC)
RCP: Any = {"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Resource": "*"}
UNLISTED: dict[str, Any] = {
    "role": "arn:aws:braket:eu-west-1:222222222222:job/x",
    "actions": ("braket:GetJob",),
    "owner": "222222222222",
    "rcps_cover": Truth.UNKNOWN,
}
"""A call to a service of which it is not known if RCPs cover it."""


OBJECT: dict[str, Any] = {
    "role": "arn:aws:s3:::b/x",
    "actions": ("s3:GetObject",),
    "owner": "222222222222",
}


def sid(name: str, statement: Any, **more: Any) -> Any:
    return {"Sid": name} | statement | more


def of(verdict: Verdict, policy: str) -> PolicyVerdict:
    return next(each for each in verdict.policies if each.name is KINDS[policy][0])


def brief(policy: PolicyVerdict) -> tuple[str, str | None, str, list[str | None]]:
    """Return its outcome, the statement that decides, each finding, and the statements that are open.

    A finding of none of a statement's elements has what was found with it.
    """
    deciding = policy.deciding.statement.sid if policy.deciding else None
    opened = [each.statement.sid for each in policy.open]
    return LETTERS[policy.outcome], deciding, ", ".join(map(_short, policy.findings)), opened


def _short(finding: Finding) -> str:
    text = f"{finding.element.rpartition(':')[2]} {finding.reason.value}"
    own = finding.element in ("Effect", "rcp-coverage", "wildcard-grant")
    return f"{text} {finding.found}" if own else text


FITS = "Action matches, Resource matches"
TWO_ABSENT = "SourceVpc key-absent, SourceIp key-absent"
MAY_DENY = "Effect possible-deny Deny, SourceIp key-unknown, " + FITS
NAMED = "Principal matches, Action matches"
PERHAPS = "SourceVpc key-unknown, " + NAMED
ON_TWO = (frozenset({"a"}), frozenset({"b"}))
ON_ONE = (frozenset({"a", "b"}),)


def scps(*documents: Any, levels: tuple[frozenset[str], ...] = ()) -> PolicySet:
    """Return SCPs ``a``, ``b`` …, each a statement or several."""
    several = [each if isinstance(each, list) else [each] for each in documents]
    return PolicySet(
        tuple(attached(Kind.SCP, name, *each) for name, each in zip("abc", several, strict=False)),
        levels=levels,
    )


A, B, C = sid("A", ANY), sid("B", S3), sid("C", MAYBE_DENY)


@pytest.mark.parametrize(
    ("policy", "policies", "said"),
    [
        # A Deny that applies: the one that does, not the first.
        ("own", {"own": [sid("A", ANY), sid("B", NO_S3), sid("C", DENY)]},
         ("R", "C", "Effect explicit-deny Deny, " + FITS, [])),
        # An Allow that applies
        ("own", {"own": [sid("A", S3), sid("B", ANY)]}, ("A", "B", FITS, [])),
        # None
        ("own", {"own": NO_S3}, ("R", None, "Document no-allow", [])),
        # Several that do not: the one of which the least is wrong.
        ("own", {"own": [sid("A", ANY, Resource="arn:aws:s3:::b"),
                         sid("B", ANY, Condition=BOTH)]},
         ("R", "B", f"{TWO_ABSENT}, {FITS}", [])),
        ("own", {"own": [sid("A", S3), sid("B", ANY, Resource="arn:aws:s3:::b")]},
         ("R", "B", "Resource resource-not-listed, Action matches", [])),
        ("trust", {"trust": [sid("A", trusting(ALICE)), sid("B", trusting(BOB, Condition=OF_VPC))]},
         ("R", "B", "SourceVpc key-absent, " + NAMED, [])),
        ("trust", {"trust": [sid("A", trusting(ALICE)), sid("B", trusting(BOB, Condition=BOTH))]},
         ("R", "B", f"{TWO_ABSENT}, {NAMED}", [])),
        ("trust", {"trust": [sid("A", trusting(CAROL)), sid("B", trusting(BOB, Condition=BOTH))]},
         ("R", "B", f"{TWO_ABSENT}, {NAMED}", [])),
        ("trust", {"trust": [sid("A", OF_SERVICE),
                             sid("B", trusting(BOB, Condition=BOTH, Action="s3:*"))]},
         ("R", "B", f"Action action-not-listed, {TWO_ABSENT}, Principal matches", [])),
        ("trust", {"trust": [sid("A", trusting(ALICE)),
                             sid("B", trusting(HERE, Action="s3:*"), Condition=OF_VPC)]},
         ("R", "A", "Principal other-account, Action matches", [])),
        # What is wrong comes before what is open.
        ("own", {"own": sid("A", ANY, Condition={"Bool": {"app:x": "true"}, **OF_VPC})},
         ("R", "A", f"SourceVpc key-absent, x key-unknown, {FITS}", [])),
        # A resource without a policy of its own: there is nothing to say.
        ("trust", {"trust": None, "request": OBJECT}, (".", None, "", [])),
        # Documents that cannot be seen, none of them or some; and what is no policy
        ("own", {"own": "hidden"}, ("-", None, "Document not-visible", [])),
        ("own", {"own": PolicySet((attached(Kind.PERMISSIONS, "a", S3),), missing=("b",))},
         ("U", None, "Document not-visible", [])),
        ("own", {"own": PolicySet(missing=("a", "b"), malformed=True)},
         ("U", None, "Document malformed-document", [])),
    ],
)  # fmt: skip
def test_of_what_is_certain(
    policy: str, policies: Any, said: tuple[str, str | None, str, list[str]]
) -> None:
    verdict = judged(BOB, HERE, **{"request": {"context": ABSENT}, **policies})
    assert brief(of(verdict, policy)) == said


@pytest.mark.parametrize(
    ("policy", "policies", "said"),
    [
        # What may deny comes first; what may allow is open only if nothing surely does.
        ("own", {"own": [A, sid("B", NO_S3), C]}, ("U", "C", MAY_DENY, ["C"])),
        ("own", {"own": [A, sid("B", MAYBE), C]}, ("U", "C", MAY_DENY, ["C"])),
        ("own", {"own": [sid("B", MAYBE), C]}, ("U", "C", MAY_DENY, ["C", "B"])),
        # Who may be named directly needs no permission: then the trust policy's statement is open.
        ("own", {"trust": [trusting(HERE), sid("T", BOB_PERHAPS)], "own": S3},
         ("U", None, PERHAPS, ["T"])),
        ("own", {"trust": [trusting(HERE), sid("T", BOB_PERHAPS)], "own": sid("B", MAYBE)},
         ("U", "B", "SourceVpc key-unknown, " + FITS, ["B", "T"])),
        ("own", {"trust": [trusting(HERE), sid("T", BOB_PERHAPS)], "own": [A, C]},
         ("U", "C", MAY_DENY, ["C"])),
        ("own", {"trust": [trusting(HERE), sid("T", BOB_PERHAPS)], "own": "hidden"},
         ("-", None, "Document not-visible", [])),
        ("own", {"trust": [trusting(HERE), sid("T", BOB_PERHAPS),
                           sid("D", trusting(ALICE, Effect="Deny", Condition=OF_VPC)),
                           sid("E", trusting(HERE, Effect="Deny", Condition=OF_VPC))], "own": S3},
         ("U", None, PERHAPS, ["T"])),
        # A Deny that may name the caller grants nothing.
        ("own", {"trust": [trusting(HERE), sid("D", BOB_PERHAPS_NOT)], "own": S3},
         ("R", None, "Action action-not-listed, Resource matches", [])),
        # Whether a boundary limits what "*" grants is not documented.
        ("boundary", {"trust": trusting("*"), "boundary": S3},
         ("U", None, "wildcard-grant wildcard-and-limits *", [])),
        ("boundary", {"trust": trusting("*"), "boundary": sid("B", MAYBE)},
         ("U", "B", f"SourceVpc key-unknown, {FITS}, wildcard-grant wildcard-and-limits *", ["B"])),
        ("boundary", {"trust": [trusting(HERE), sid("T", trusting("*", Condition=OF_VPC))],
                      "boundary": S3}, ("U", None, PERHAPS, ["T"])),
    ],
)  # fmt: skip
def test_of_what_is_open(
    policy: str, policies: Any, said: tuple[str, str | None, str, list[str]]
) -> None:
    assert brief(of(judged(BOB, HERE, **policies), policy)) == said


UNKNOWN_LEVELS = "Document levels-unknown"


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        # The levels are known: on each, one must allow.
        (scps(A, B, levels=ON_TWO),
         ("R", "B", "Action action-not-listed, Resource matches", [])),
        (scps(A, B, levels=ON_ONE), ("A", "A", FITS, [])),
        (scps(A, B, C, levels=ON_ONE), ("U", "C", MAY_DENY, ["C"])),
        # They are not
        (scps(A, B), ("U", None, UNKNOWN_LEVELS, [])),
        (scps([A, B], A), ("A", "A", FITS, [])),
        (scps(A, B, C), ("U", "C", f"{UNKNOWN_LEVELS}, {MAY_DENY}", ["C"])),
    ],
)  # fmt: skip
def test_of_scps_on_their_levels(
    documents: PolicySet, said: tuple[str, str | None, str, list[str]]
) -> None:
    assert brief(of(judged(BOB, HERE, scp=documents), "scp")) == said


def test_identity_policies_have_no_levels() -> None:
    """One of several policies of a user is enough."""
    own = PolicySet(
        tuple(attached(Kind.PERMISSIONS, name, each) for name, each in (("a", A), ("b", B)))
    )
    assert brief(of(judged(BOB, HERE, own=own), "own")) == ("A", "A", FITS, [])


NOT_OF_STS = sid("A", RCP, Action="s3:*")
ALL_OF_IT = sid("B", RCP, Action="*")


@pytest.mark.parametrize(
    ("policy", "policies", "said"),
    [
        ("rcp", {"rcp": [NOT_OF_STS, ALL_OF_IT]}, ("U", "B", "rcp-coverage service-unlisted braket", [])),
        ("rcp", {"rcp": NOT_OF_STS}, ("A", None, "", [])),
        ("own", {"own": sid("B", DENY, Action="*")},
         ("R", "B", "Effect explicit-deny Deny, " + FITS, [])),
    ],
)  # fmt: skip
def test_of_a_service_that_rcps_may_not_cover(
    policy: str, policies: Any, said: tuple[str, str | None, str, list[str]]
) -> None:
    verdict = judged(BOB, HERE, request=UNLISTED, **{"trust": None, **policies})
    assert brief(of(verdict, policy)) == said


@pytest.mark.parametrize(
    ("policy", "policies", "said"),
    [
        # Why a policy that allows nothing is not needed
        ("own", {"own": S3, "trust": trusting(BOB)},
         "not needed: the trust policy names the caller, who is of the role's own account"),
        ("own", {"own": NOTHING_OF_S3, "trust": trusting(BOB, Action="s3:*"), "request": OBJECT},
         "not needed: the resource's own policy names the caller, who is of its account"),
        ("trust", {"trust": trusting(ALICE, Action="s3:*"), "request": OBJECT},
         "not needed: within one account the caller's own policies are enough"),
        # Which documents are missing, and the action that none allows
        ("own", {"own": "hidden"}, "no document of this type was seen"),
        ("own", {"own": PolicySet(missing=("a", "b"), malformed=True)},
         "cannot be read as a policy: a, b"),
        ("own", {"own": PolicySet((attached(Kind.PERMISSIONS, "c", S3),), missing=("a", "b"))},
         "not seen: a, b"),
        ("own", {"own": NO_S3},
         "no statement here allows sts:AssumeRole, and the default is to refuse"),
    ],
)  # fmt: skip
def test_the_words_of_whole_documents(policy: str, policies: Any, said: str) -> None:
    found = of(judged(BOB, HERE, **policies), policy).findings[0]
    assert found.element == "Document"
    assert sentence(found) == said


def test_the_policies_that_refuse_and_the_first_reason() -> None:
    verdict = judged(BOB, HERE, own=S3, scp=DENY)
    assert [each.name.value for each in verdict.refused] == ["permissions", "scp"]
    assert verdict.first_wrong == of(verdict, "own").findings[0]
    assert judged(BOB, HERE).first_wrong is None


def test_whatever_is_open_of_any_statement_would_settle_it() -> None:
    assert judged(BOB, HERE, own=[MAYBE, MAYBE_DENY]).unknowns == ("aws:SourceIp", "aws:SourceVpc")


def test_a_call_is_of_the_first_hop_unless_it_says_otherwise() -> None:
    tagged = {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "x"}}}
    verdict = judged(BOB, HERE, own=ANY | tagged)
    said = sentence(of(verdict, "own").findings[0], verdict.request.hop)
    assert said.endswith("give it with --context aws:PrincipalTag/team=VALUE")


def test_an_action_that_may_not_be_asked_for_refuses_nothing() -> None:
    """Tags that a session is not seen to have need sts:TagSession only if they are there."""
    unseen = {"unseen": "source-session", "possible_actions": ("sts:TagSession",)}
    verdict = judged(BOB, HERE, own=sid("A", ANY, Action="sts:AssumeRole"), request=unseen)
    own = of(verdict, "own")
    assert brief(own) == ("U", "A", "source-session source-unseen", [])
    assert (own.action, own.findings[0].found) == ("sts:TagSession", "sts:TagSession")
    assert verdict.unknowns == ("source-session",)
    assert of(judged(BOB, HERE, own=S3, request=unseen), "own").action == "sts:AssumeRole"


@pytest.mark.parametrize("kind", [Reason, Truth, Outcome, PolicyType])
def test_programs_read_each_value_as_words_in_lower_case(kind: type[Enum]) -> None:
    for each in kind:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", each.value)
