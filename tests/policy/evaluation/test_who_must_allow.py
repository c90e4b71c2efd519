"""Which policies have to allow, by how the trust policy names the caller, and what each then says."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import (
    NO_POLICY,
    Attached,
    Context,
    Kind,
    Outcome,
    PolicySet,
    PolicyType,
    Request,
    Verdict,
    caller_from_arn,
    evaluate,
    parse_policy,
)
from rolehop.policy.evaluation.evaluator import actions_refused
from rolehop.policy.evaluation.model import NOT_VISIBLE
from tests.support.policies import policy_text

ROLE = "arn:aws:iam::222222222222:role/T"
BOB = "arn:aws:iam::222222222222:user/bob"
SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/s"
ALICE = "arn:aws:iam::111111111111:user/alice"
HERE, THERE = "arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:root"
HUB = "arn:aws:iam::222222222222:role/Hub"
ANY: Any = {"Effect": "Allow", "Action": "*", "Resource": "*"}
S3: Any = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
DENY: Any = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
MAYBE: Any = ANY | {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}
MAYBE_DENY: Any = DENY | {"Condition": {"StringEquals": {"aws:SourceIp": "vpc-1"}}}
LETTERS = {
    Outcome.ALLOWED: "A",
    Outcome.REFUSED: "R",
    Outcome.UNKNOWN: "U",
    Outcome.NOT_VISIBLE: "-",
    Outcome.NOT_APPLICABLE: ".",
}


def shown(kind: Kind, *statements: Any) -> PolicySet:
    if statements == ("hidden",):
        return NOT_VISIBLE
    if not statements:
        return NO_POLICY
    return PolicySet((Attached(kind.value, parse_policy(policy_text(*statements), kind)),))


def judged(caller: str, principal: str, **policies: Any) -> Verdict:
    trusted: Any = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": principal}}
    kinds = {
        PolicyType.TRUST: (Kind.TRUST, policies.get("trust", trusted)),
        PolicyType.PERMISSIONS: (Kind.PERMISSIONS, policies.get("own", ANY)),
        PolicyType.BOUNDARY: (Kind.BOUNDARY, policies.get("boundary")),
        PolicyType.SESSION: (Kind.SESSION, policies.get("session")),
        PolicyType.SCP: (Kind.SCP, policies.get("scp")),
        PolicyType.RCP: (Kind.RCP, policies.get("rcp")),
    }
    return evaluate(
        Request(
            ROLE,
            caller_from_arn(caller),
            Context({}),
            policies={
                name: shown(kind, *([] if each is None else [each]))
                for name, (kind, each) in kinds.items()
            },
        )
    )


# In the order of PolicyType: trust, permissions, boundary, session, SCP, RCP.
@pytest.mark.parametrize(
    ("caller", "principal", "policies", "outcome", "each"),
    [
        # The user itself is named: nothing else need allow, and all may deny.
        (BOB, BOB, {"own": S3}, "A", "A....."),
        (BOB, BOB, {"own": S3, "boundary": S3}, "A", "A....."),
        (BOB, BOB, {"own": DENY}, "R", "AR...."),
        (BOB, BOB, {"boundary": DENY}, "R", "AAR..."),
        (BOB, BOB, {"own": MAYBE_DENY}, "U", "AU...."),
        (BOB, BOB, {"own": "hidden"}, "U", "A-...."),
        # Its account: all three.
        (BOB, HERE, {}, "A", "AA...."),
        (BOB, HERE, {"own": S3}, "R", "AR...."),
        (BOB, HERE, {"own": MAYBE}, "U", "AU...."),
        (BOB, HERE, {"boundary": S3}, "R", "AAR..."),
        (BOB, HERE, {"boundary": "hidden"}, "U", "AA-..."),
        # Everyone: no permissions; whether a boundary limits it is not documented.
        (BOB, "*", {"own": S3}, "A", "A....."),
        (BOB, "*", {"own": S3, "boundary": S3}, "U", "A.U..."),
        (BOB, "*", {"own": S3, "boundary": ANY}, "A", "A.A..."),
        # A session's role: no permissions, yet boundary and session policy limit it.
        (SESSION, HUB, {"own": S3}, "A", "A....."),
        (SESSION, HUB, {"own": S3, "session": S3}, "R", "A..R.."),
        (SESSION, HUB, {"own": S3, "boundary": S3}, "R", "A.R..."),
        (SESSION, SESSION, {"own": S3, "session": S3, "boundary": S3}, "A", "A....."),
        # Another account: all.
        (ALICE, ALICE, {"own": S3}, "R", "AR...."),
        (ALICE, THERE, {}, "A", "AA...."),
        (ALICE, ALICE, {"session": S3}, "R", "AA.R.."),
        (ALICE, HERE, {}, "R", "RA...."),
        # A trust policy that is not seen
        (BOB, BOB, {"trust": "hidden"}, "U", "-A...."),
        (BOB, BOB, {"trust": "hidden", "own": S3}, "U", "-U...."),
        (ALICE, BOB, {"trust": "hidden", "own": S3}, "R", "-R...."),
        # SCPs and RCPs, judged where they are given
        (BOB, BOB, {"scp": S3}, "R", "AA..R."),
        (BOB, BOB, {"scp": ANY}, "A", "AA..A."),
        (BOB, BOB, {"scp": MAYBE}, "U", "AA..U."),
        (BOB, BOB, {"scp": "hidden", "rcp": "hidden"}, "A", "AA..--"),
        (BOB, BOB, {"rcp": {"Effect": "Deny", "Principal": "*"} | {
            "Action": "sts:*", "Resource": "*"}}, "R", "AA...R"),
    ],
)  # fmt: skip
def test_what_each_policy_says(
    caller: str, principal: str, policies: dict[str, Any], outcome: str, each: str
) -> None:
    verdict = judged(caller, principal, **policies)
    said = "".join(LETTERS[policy.outcome] for policy in verdict.policies)
    assert (LETTERS[verdict.outcome], said) == (outcome, each)
    assert [policy.name for policy in verdict.policies] == list(PolicyType)
    assert bool(verdict.unknowns) is (outcome == "U")
    hidden = {PolicyType.SCP.value, PolicyType.RCP.value} if each.endswith("--") else set()
    assert {*verdict.assuming} == hidden


def test_the_actions_that_one_type_of_policy_refuses() -> None:
    def asked(*statements: Any) -> tuple[str, ...]:
        request = Request(
            ROLE,
            caller_from_arn(ALICE),
            Context({}),
            actions=("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"),
            policies={PolicyType.PERMISSIONS: shown(Kind.PERMISSIONS, *statements)},
        )
        return actions_refused(request, PolicyType.PERMISSIONS)

    role = ANY | {"Action": "sts:AssumeRole"}
    assert asked(role) == ("sts:TagSession", "sts:SetSourceIdentity")
    assert asked(role, MAYBE) == ("sts:TagSession", "sts:SetSourceIdentity")
    assert asked(role, MAYBE | {"Action": "sts:TagSession"}) == ("sts:SetSourceIdentity",)
    assert asked(ANY) == ()


VPC, IP = "aws:SourceVpc", "aws:SourceIdentity"


@pytest.mark.parametrize(
    ("asked_for", "supplied", "resting"),
    [
        ([VPC], {}, ()),
        ([VPC], {VPC: ["x"]}, (VPC,)),
        ([VPC], {VPC: ["x"], IP: ["x"]}, (VPC,)),
        ([VPC, IP], {VPC: ["x"], IP: ["x"]}, (VPC, IP)),  # each is enough by itself
        ([VPC, IP], {VPC: ["x"], IP: ["y"]}, (VPC,)),
        ([], {VPC: ["x"], IP: ["x"]}, ()),
        ([], {VPC: ["x"]}, ()),
    ],
)
def test_the_keys_that_a_verdict_rests_on(
    asked_for: list[str], supplied: dict[str, list[str]], resting: tuple[str, ...]
) -> None:
    allows = [ANY | {"Condition": {"StringEquals": {key: "x"}}} for key in asked_for] or [ANY]
    trust = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": HERE}}
    verdict = evaluate(
        Request(
            ROLE,
            caller_from_arn(BOB),
            Context({}).with_supplied(supplied),
            policies={
                PolicyType.TRUST: shown(Kind.TRUST, trust),
                PolicyType.PERMISSIONS: shown(Kind.PERMISSIONS, *allows),
                PolicyType.BOUNDARY: NO_POLICY,
                PolicyType.SESSION: NO_POLICY,
            },
            assumed=("guess",),
        )
    )
    rests = resting or not asked_for
    assert verdict.outcome is (Outcome.ALLOWED if rests else Outcome.UNKNOWN)
    hidden = (PolicyType.SCP.value, PolicyType.RCP.value, "guess")
    assert verdict.assuming == ((*hidden, *resting) if rests else ())


NO_S3: Any = DENY | {"Action": "s3:*"}


@pytest.mark.parametrize(
    ("elsewhere", "outcome"),
    [([], "A"), ([ANY], "A"), ([NO_S3], "U"), ([MAYBE], "U"), ([ANY, NO_S3], "U")],
)
def test_a_resource_whose_account_is_a_guess(elsewhere: list[Any], outcome: str) -> None:
    def asked(own: Any, others: tuple[Request, ...] = ()) -> Request:
        return Request(
            "arn:aws:s3:::b",
            caller_from_arn(BOB),
            Context({}),
            actions=("s3:GetObject",),
            owner="222222222222",
            elsewhere=others,
            policies=dict.fromkeys(PolicyType, NO_POLICY)
            | {PolicyType.PERMISSIONS: shown(Kind.PERMISSIONS, own)},
        )

    verdict = evaluate(asked(ANY, tuple(map(asked, elsewhere))))
    assert LETTERS[verdict.outcome] == outcome
    assert verdict.unknowns == (("aws:ResourceAccount",) if outcome == "U" else ())
    assert verdict.assuming == ()
    # What is open anyway stays open for its own reason.
    assert evaluate(asked(MAYBE, (asked(ANY),))).unknowns == ("aws:SourceVpc",)


def test_a_hidden_policy_of_a_resource_hides_the_same_of_every_account() -> None:
    def asked(owner: str, own: Any, others: tuple[Request, ...] = ()) -> Verdict:
        policies = dict.fromkeys(PolicyType, NO_POLICY) | {
            PolicyType.PERMISSIONS: shown(Kind.PERMISSIONS, own),
            PolicyType.TRUST: NOT_VISIBLE,
            PolicyType.SCP: NOT_VISIBLE,
        }
        return evaluate(
            Request(
                "arn:aws:s3:::b",
                caller_from_arn(BOB),
                Context({}),
                actions=("s3:GetObject",),
                owner=owner,
                elsewhere=others,
                policies=policies,
            )
        )

    other = asked("333333333333", ANY)
    assert other.outcome is Outcome.UNKNOWN
    found = asked("222222222222", ANY, (other.request,))
    assert (found.outcome, found.unknowns) == (Outcome.ALLOWED, ())
    assert found.assuming == (PolicyType.TRUST.value, PolicyType.SCP.value)
    denied = asked("222222222222", NO_S3, (other.request,))
    assert (denied.outcome, denied.unknowns) == (Outcome.UNKNOWN, ("aws:ResourceAccount",))
    refused = asked("333333333333", NO_S3).request
    open_ = asked("222222222222", ANY, (other.request, refused))
    assert (open_.outcome, open_.assuming) == (Outcome.UNKNOWN, ())


# Whoever has a boundary is denied by every NotPrincipal.
@pytest.mark.parametrize(
    ("listed", "boundary", "outcome"),
    [
        ([BOB, HERE], None, "A"),
        ([BOB, HERE], ANY, "R"),
        ([BOB, HERE], "hidden", "U"),
        ([BOB], None, "U"),
        ([HERE], None, "U"),
        ([THERE], None, "R"),
    ],
)
def test_a_deny_for_all_but_some(listed: list[str], boundary: Any, outcome: str) -> None:
    allow = {"Effect": "Allow", "Principal": {"AWS": BOB}, "Action": "sts:AssumeRole"}
    deny = {"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "sts:AssumeRole"}
    verdict = evaluate(
        Request(
            ROLE,
            caller_from_arn(BOB),
            Context({}),
            policies=dict.fromkeys(PolicyType, NO_POLICY)
            | {
                PolicyType.TRUST: shown(Kind.TRUST, allow, deny),
                PolicyType.BOUNDARY: shown(Kind.BOUNDARY, *([boundary] if boundary else [])),
            },
        )
    )
    assert LETTERS[verdict.outcome] == outcome
