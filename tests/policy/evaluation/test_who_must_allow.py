"""Which policies have to allow, by how the trust policy names the caller, and what each then says."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy import (
    NO_POLICY,
    NOT_VISIBLE,
    Caller,
    Context,
    Kind,
    Outcome,
    PolicyType,
    Request,
    Verdict,
    caller_from_arn,
    evaluate,
)
from rolehop.policy.evaluation.evaluator import actions_refused
from tests.policy.helpers.one_call import (
    ALICE,
    ANY,
    BOB,
    DENY,
    HERE,
    HUB,
    LETTERS,
    MAYBE,
    MAYBE_DENY,
    NO_S3,
    ROLE,
    S3,
    SESSION,
    THERE,
    judged,
    shown,
    trusting,
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
    of_any = [each for each in PolicyType if each is not PolicyType.SCOPE]
    assert [policy.name for policy in verdict.policies] == of_any
    assert bool(verdict.unknowns) is (outcome == "U")
    hidden = {PolicyType.SCP.value, PolicyType.RCP.value} if each.endswith("--") else set()
    assert {*verdict.assuming} == hidden


LINKED = "arn:aws:iam::222222222222:role/aws-service-role/x.amazonaws.com/L"
SERVICE = Caller(None, None, service="x.amazonaws.com")
OF_LINKED = Caller("arn:aws:sts::222222222222:assumed-role/L/s", "222222222222", role=LINKED)
OIDC = "arn:aws:iam::222222222222:oidc-provider/example.com"
TOKEN = Caller(None, None, provider=OIDC, federated=True)
IF_IN_VPC = {"Condition": MAYBE["Condition"]}
ALL_DENY = {"boundary": DENY, "session": DENY, "scp": DENY}
RCP = DENY | {"Principal": "*"}


def by(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return trusting(name, Principal={kind: name}, **more)


@pytest.mark.parametrize(
    ("caller", "trust", "policies", "role", "outcome", "each"),
    [
        # A service or a token has no policies of its own, whatever is given.
        (SERVICE, by("Service", "x.amazonaws.com"), {"own": DENY} | ALL_DENY, ROLE, "A", "A....."),
        (TOKEN, by("Federated", OIDC), {"own": DENY} | ALL_DENY, ROLE, "A", "A....."),
        (TOKEN, by("Federated", OIDC), {"rcp": RCP}, ROLE, "R", "A....R"),
        # Nor has it a boundary by which a NotPrincipal would deny it.
        (TOKEN, [by("Federated", OIDC), {"Effect": "Deny", "Action": "sts:*", "NotPrincipal": {
            "Federated": OIDC}}], {"boundary": "hidden"}, ROLE, "A", "A....."),
        # Neither SCPs nor RCPs restrict service-linked roles; all other policies do.
        (SERVICE, by("Service", "x.amazonaws.com"), {"rcp": RCP}, LINKED, "A", "A....."),
        (OF_LINKED, trusting(HERE), {"scp": DENY, "rcp": RCP}, ROLE, "A", "AA...."),
        (OF_LINKED, trusting(HERE), {"own": DENY, "boundary": DENY}, ROLE, "R", "ARR..."),
        # That another user is named beside the account spares this one nothing.
        (BOB, trusting(HERE, Principal={"AWS": [HERE, f"{BOB}2"]}), {"own": S3}, ROLE, "R", "AR...."),
        # Whoever may be of the account may need nothing more.
        (None, trusting("*"), {"own": S3}, ROLE, "U", "AU...."),
        # A Deny that may name the caller does not spare it the permission.
        (BOB, [trusting(HERE), trusting(BOB, Effect="Deny", **IF_IN_VPC)], {"own": S3}, ROLE,
         "R", "UR...."),
        # What AWS refuses to a caller, it refuses by no policy of the caller's.
        (HERE, trusting(HERE), {}, ROLE, "R", "RA...."),
    ],
)  # fmt: skip
def test_callers_of_other_kinds(
    caller: Any, trust: Any, policies: Any, role: str, outcome: str, each: str
) -> None:
    verdict = judged(caller, "", request={"role": role}, trust=trust, **policies)
    said = "".join(LETTERS[policy.outcome] for policy in verdict.policies)
    assert (LETTERS[verdict.outcome], said) == (outcome, each)


EXTERNAL = {"Condition": {"StringEquals": {"STS:ExternalId": "x"}}}
NAME = {"Condition": {"StringEquals": {"sts:RoleSessionName": "x"}}}
TAGGING = ("sts:AssumeRole", "sts:TagSession")
IDENTIFYING = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
ON_ROLE, ON_TAGS, ON_IDENTITY = (trusting(BOB, Action=each) for each in IDENTIFYING)


@pytest.mark.parametrize(
    ("actions", "trust", "assumes"),
    [
        (TAGGING, trusting(BOB), False),
        (TAGGING, trusting(BOB, **EXTERNAL), True),
        (TAGGING, trusting(BOB, **NAME), True),
        (TAGGING[:1], trusting(BOB, **EXTERNAL), False),
        (TAGGING, [ON_ROLE | EXTERNAL, ON_TAGS], False),
        (TAGGING, [ON_ROLE, ON_TAGS | EXTERNAL], True),
        (IDENTIFYING, [ON_ROLE, ON_TAGS, ON_IDENTITY | EXTERNAL], True),
    ],
)
def test_what_is_sent_for_the_role_is_assumed_to_count_for_tags_too(
    actions: tuple[str, ...], trust: Any, assumes: bool
) -> None:
    """AWS does not say with which keys of the call it judges TagSession and SetSourceIdentity."""
    context = Context({"sts:ExternalId": ["x"], "sts:RoleSessionName": ["x"]})
    asked = {"actions": actions, "context": context, "assumed": ("guess",)}
    verdict = judged(BOB, "", request=asked, trust=trust)
    assert verdict.outcome is Outcome.ALLOWED
    assert verdict.assuming == ("guess", *(("one-request-context",) if assumes else ()))


@pytest.mark.parametrize(
    ("trust", "own", "outcome", "each"),
    [
        # Of each policy, what it says of the action that it allows least.
        (trusting(HERE), ANY | {"Action": TAGGING[0]}, "R", "AR...."),
        (trusting(HERE), ANY | {"Action": TAGGING[1]}, "R", "AR...."),
        (trusting(HERE), [ANY | {"Action": TAGGING[0]}, MAYBE], "U", "AU...."),
        ([ON_ROLE, trusting(HERE)], [ANY | {"Action": TAGGING[1]}], "A", "AA...."),
        ([ON_ROLE, trusting(HERE, Action=TAGGING[1])], "hidden", "U", "A-...."),
        ([ON_ROLE, ON_TAGS | IF_IN_VPC], S3, "U", "UU...."),
    ],
)
def test_of_several_actions_the_worst_counts(trust: Any, own: Any, outcome: str, each: str) -> None:
    verdict = judged(BOB, "", request={"actions": TAGGING}, trust=trust, own=own)
    said = "".join(LETTERS[policy.outcome] for policy in verdict.policies)
    assert (LETTERS[verdict.outcome], said) == (outcome, each)


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
