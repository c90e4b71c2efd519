"""Which condition keys a call has: by its caller's credentials, its role, and what is said of it.

Source: IAM user guide, "AWS global condition context keys" and "IAM and AWS STS condition context
keys".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import Context
from rolehop.policy.call_context import (
    caller_context,
    context_of,
    context_of_action,
    context_of_token,
)
from rolehop.policy.chain_model import (
    SOURCE_SESSION,
    AssumeRoleRequest,
    EvaluationContext,
    InheritedAttributes,
    StartingCredentials,
)
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.requests import initial_state, next_state
from tests.policy.helpers.requests import ADMIN, ALICE, HUB, KEYS, NOW

HERE = "111111111111"
QUEUE = f"arn:aws:sqs:eu-central-1:{HERE}:q"
DEV = f"arn:aws:iam::{HERE}:role/Dev"
SESSION = StartingCredentials(f"arn:aws:sts::{HERE}:assumed-role/Dev/me", mfa=False)
SIGNED_IN = StartingCredentials(f"arn:aws:sts::{HERE}:assumed-role/AWSReservedSSO_Dev_1a2b/me")
NOBODY = StartingCredentials(None)
TO_HUB = AssumeRoleRequest(HUB, "s1")


Said = ParamSpec("Said")


def later(make: Callable[Said, Context]) -> Callable[Said, Callable[[], Context]]:
    """Return what makes it when it is called: in the test, not while tests are collected."""

    def asked(*args: Said.args, **said: Said.kwargs) -> Callable[[], Context]:
        return partial(make, *args, **said)

    return asked


def carrying(start: StartingCredentials = SESSION, **said: Any) -> StartingCredentials:
    return replace(start, carried=InheritedAttributes(**said))


def setting(
    *entities: Entity, region: str | None = "eu-west-1", **supplied: Any
) -> EvaluationContext:
    return EvaluationContext(IamInventory({e.arn: e for e in entities}), NOW, region, **supplied)


@later
def hop_1(
    start: StartingCredentials = KEYS,
    hop: AssumeRoleRequest = TO_HUB,
    *entities: Entity,
    **said: Any,
) -> Context:
    known = setting(*entities, **said)
    return context_of(initial_state(start, known), hop, known)


@later
def hop_2(
    start: StartingCredentials = KEYS,
    hop: AssumeRoleRequest = TO_HUB,
    *entities: Entity,
    **said: Any,
) -> Context:
    known = setting(*entities, **said)
    held = next_state(initial_state(start, known), hop, 1, known.inventory)
    return context_of(held, AssumeRoleRequest(ADMIN, "s2"), known)


@later
def any_call(
    start: StartingCredentials = SESSION, action: str = "sqs:SendMessage", **said: Any
) -> Context:
    known = setting(**said)
    resource = "arn:aws:s3:::b" if known.region is None else QUEUE  # of no region, or of one
    return caller_context(initial_state(start, known), HERE, known, action, resource)


@later
def after_hop_1(action: str = "sqs:SendMessage", **said: Any) -> Context:
    known = setting(**said)
    held = next_state(initial_state(KEYS, known), TO_HUB, 1, known.inventory)
    return caller_context(held, HERE, known, action, QUEUE)


@later
def action_on_hub(start: StartingCredentials = SESSION, **said: Any) -> Context:
    known = setting(**said)
    return context_of_action(initial_state(start, known), TO_HUB, known)


def supplied(**values: str) -> dict[str, Any]:
    return {"supplied": {key.replace("__", ":"): [each] for key, each in values.items()}}


TAGGED = AssumeRoleRequest(
    HUB, "s1", tags=(("Team", "blue"), ("x", "*")), transitive_tags=("Team",)
)
SHOUTED = replace(TO_HUB, tags=(("STAGE", "*"),), transitive_tags=("STAGE",))
NAMED = replace(TO_HUB, source_identity="ann")
USER = Entity(ALICE, unique_id="AIDAALICE", tags=(("Stage", "prod"),))
ROLE = Entity(DEV, unique_id="AROADEV", tags=(("Stage", "prod"),))
TARGET = Entity(str(ADMIN), tags=(("Stage", "prod"), ("Team", "green")))
HUB_ENTITY = Entity(str(HUB), tags=(("Stage", "prod"),))
IN_PATH = StartingCredentials(f"arn:aws:iam::{HERE}:user/team/alice", long_lived=True)
FEDERATED_USER = StartingCredentials(f"arn:aws:sts::{HERE}:federated-user/x")
TAGS: dict[str, Any] = {"tags": {"Team": "blue", "Cost": "1"}, "transitive": ("Team",)}
OLD = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("context", "key", "values"),
    [
        # What the call itself sends
        (hop_1(hop=TAGGED), "aws:TagKeys", ("Team", "x")),
        (hop_1(hop=TAGGED), "sts:TransitiveTagKeys", ("Team",)),
        (hop_1(hop=TAGGED), "aws:RequestTag/team", ("blue",)),
        (hop_1(hop=TAGGED), "aws:RequestTag/x", UNKNOWN),  # sent, with a value not known yet
        (hop_1(hop=TAGGED), "aws:RequestTag/other", None),
        (hop_1(hop=NAMED), "sts:SourceIdentity", ("ann",)),
        (hop_1(hop=NAMED), "aws:SourceIdentity", None),
        (hop_1(hop=AssumeRoleRequest(HUB, "*")), "sts:RoleSessionName", UNKNOWN),
        # A source identity that is set goes with every call, sent or not.
        (hop_1(carrying(source_identity="ann", unseen="x")), "aws:SourceIdentity", ("ann",)),
        (hop_1(carrying(source_identity="ann", unseen="x")), "sts:SourceIdentity", ("ann",)),
        (hop_1(carrying(unseen="x")), "sts:SourceIdentity", UNKNOWN),
        (any_call(carrying(source_identity="ann", unseen="x")), "aws:SourceIdentity", ("ann",)),
        (any_call(carrying(unseen="x")), "aws:SourceIdentity", UNKNOWN),
        (any_call(carrying()), "aws:SourceIdentity", None),
        (action_on_hub(carrying(source_identity="ann")), "sts:SourceIdentity", ("ann",)),
        (action_on_hub(carrying()), "sts:SourceIdentity", UNKNOWN),  # it may be sent
        # Every call
        (hop_1(), "aws:EpochTime", ("1780315200",)),
        (hop_1(), "aws:SecureTransport", ("true",)),
        (hop_1(), "aws:PrincipalIsAWSService", ("false",)),
        (hop_1(), "aws:ViaAWSService", ("false",)),
        (hop_1(), "aws:ViaAWSMCPService", ("false",)),
        (hop_1(region=None), "aws:RequestedRegion", UNKNOWN),
        # Who calls
        (hop_1(), "aws:PrincipalAccount", (HERE,)),
        (hop_1(NOBODY), "aws:PrincipalAccount", UNKNOWN),
        (hop_1(replace(NOBODY, account=HERE)), "aws:PrincipalAccount", (HERE,)),
        (hop_1(), "aws:PrincipalType", ("User",)),
        (hop_1(SESSION), "aws:PrincipalType", ("AssumedRole",)),
        (hop_1(FEDERATED_USER), "aws:PrincipalType", UNKNOWN),
        (hop_1(FEDERATED_USER), "aws:username", UNKNOWN),
        (hop_1(IN_PATH), "aws:username", ("alice",)),
        (hop_1(KEYS, TO_HUB, USER), "aws:userid", ("AIDAALICE",)),
        (hop_1(SESSION, TO_HUB, ROLE), "aws:userid", ("AROADEV:me",)),
        (hop_1(StartingCredentials(DEV), TO_HUB, ROLE), "aws:userid", UNKNOWN),
        (hop_1(SESSION), "aws:userid", UNKNOWN),
        # Its tags: the user's or role's own, unless its session's are not known
        (hop_1(KEYS, TO_HUB, USER), "aws:PrincipalTag/stage", ("prod",)),
        (hop_1(KEYS, TO_HUB, USER), "aws:PrincipalTag/other", None),
        (hop_1(carrying(tags={}), TO_HUB, ROLE), "aws:PrincipalTag/stage", ("prod",)),
        (hop_1(carrying(tags={"STAGE": "test"}), TO_HUB, ROLE), "aws:PrincipalTag/stage", ("test",)),
        (hop_1(carrying(), TO_HUB, ROLE), "aws:PrincipalTag/stage", UNKNOWN),
        (hop_2(KEYS, SHOUTED, HUB_ENTITY), "aws:PrincipalTag/stage", UNKNOWN),  # sent, not known
        (hop_1(carrying(tags={}, unseen="x"), TO_HUB, ROLE), "aws:PrincipalTag/stage", UNKNOWN),
        (hop_1(carrying(tags={}, unread="x"), TO_HUB, ROLE), "aws:PrincipalTag/stage", UNKNOWN),
        (hop_1(carrying(tags={})), "aws:PrincipalTag/stage", UNKNOWN),
        # The target's tags, and the transitive ones that override them
        (hop_2(hop=TAGGED), "aws:ResourceTag/stage", UNKNOWN),
        (hop_2(KEYS, TAGGED, TARGET), "aws:ResourceTag/stage", ("prod",)),
        (hop_2(KEYS, TAGGED, TARGET), "iam:ResourceTag/Stage", ("prod",)),
        (hop_2(KEYS, TAGGED, TARGET), "aws:ResourceTag/team", ("blue",)),
        (hop_2(KEYS, TAGGED, TARGET), "iam:ResourceTag/team", ("blue",)),
        (hop_2(KEYS, SHOUTED, TARGET), "aws:ResourceTag/stage", UNKNOWN),
        (hop_2(KEYS, TAGGED, TARGET), "aws:ResourceTag/x", None),  # it does not travel
        (hop_1(carrying(**TAGS), TO_HUB, HUB_ENTITY), "aws:ResourceTag/team", ("blue",)),
        (hop_1(carrying(**TAGS), TO_HUB, HUB_ENTITY), "aws:ResourceTag/cost", None),
        (hop_1(carrying(tags=None), TO_HUB, HUB_ENTITY), "aws:ResourceTag/stage", ("prod",)),
        (hop_1(carrying(unseen="x"), TO_HUB, HUB_ENTITY), "aws:ResourceTag/stage", UNKNOWN),
        # Any other service's call
        (any_call(action="KMS:Decrypt"), "kms:CallerAccount", (HERE,)),
        (any_call(NOBODY, "kms:Decrypt"), "kms:CallerAccount", UNKNOWN),
        (any_call(carrying(known={"ec2:x": ["1"]})), "ec2:x", ("1",)),
        (any_call(action="STS:*"), "sts:ExternalId", UNKNOWN),
        (any_call(action="*"), "sts:ExternalId", UNKNOWN),
        (any_call(action="sqs:*"), "sts:ExternalId", None),
    ],
)  # fmt: skip
def test_a_key_of_a_call(context: Callable[[], Context], key: str, values: object) -> None:
    assert context().lookup(key) == values


@pytest.mark.parametrize(
    ("context", "key", "values"),
    [
        # How old a session is, is said of all of a walk.
        (hop_2(**supplied(AWS__TokenIssueTime=OLD)), "aws:TokenIssueTime", (OLD,)),
        # Who calls hop 2 is known, and is not who calls hop 1.
        (hop_2(**supplied(aws__PrincipalArn=ALICE)), "aws:PrincipalArn", (str(HUB),)),
        (hop_2(supplied_at={2: {"aws:userid": ["A:s1"]}}), "aws:userid", ("A:s1",)),
        (hop_2(supplied_at={1: {"aws:userid": ["A:s1"]}}), "aws:userid", UNKNOWN),
        # A role's session has neither a user's name nor MFA, whatever is said.
        (hop_1(SESSION, **supplied(aws__username="ann")), "aws:username", None),
        (hop_1(SESSION, **supplied(aws__userid="A:me")), "aws:userid", ("A:me",)),
        # After a hop, there is one caller alone: what is said of it counts unless it is known.
        (after_hop_1(**supplied(aws__PrincipalArn=ALICE)), "aws:PrincipalArn", (str(HUB),)),
        (after_hop_1(**supplied(aws__userid="A:s1")), "aws:userid", ("A:s1",)),
        (after_hop_1(**supplied(kms__ViaService="x")), "kms:ViaService", ("x",)),
        (after_hop_1(**supplied(aws__SourceAccount="1")), "aws:SourceAccount", ("1",)),
        (any_call(supplied={"aws:ResourceAccount": []}), "aws:ResourceAccount", None),
        (any_call(KEYS, **supplied(aws__username="ann")), "aws:username", ("ann",)),
        (action_on_hub(**supplied(sts__ExternalId="x")), "sts:ExternalId", ("x",)),
    ],
)  # fmt: skip
def test_what_is_said_of_a_call(context: Callable[[], Context], key: str, values: object) -> None:
    assert context().lookup(key) == values


BY_CALL = replace(KEYS, mfa=True, mfa_by_call=True)
BY_TOKEN = replace(KEYS, mfa=True, token_seconds=3600)
TEMPORARY = replace(KEYS, mfa=False, token_seconds=3600)
LONG_AGO = ("2026-06-01T00:00:00Z", "2026-06-01T12:00:00Z")
AN_HOUR_AGO = ("2026-06-01T11:00:00Z", "2026-06-01T12:00:00Z")
T, F = ("true",), ("false",)


@pytest.mark.parametrize(
    ("start", "present", "age", "issued", "has"),
    [
        # IAM user keys: without MFA no key of it; with a code in the call itself, no issue time.
        (KEYS, None, None, None, ""),
        (BY_CALL, T, ("0", "60"), None, "MA"),
        (replace(KEYS, mfa=True), T, UNKNOWN, UNKNOWN, "MA"),  # by the one or the other
        (replace(KEYS, mfa=None), UNKNOWN, UNKNOWN, None, ""),
        # A session of GetSessionToken in their place: as old as it may be.
        (BY_TOKEN, T, ("0", "3600"), AN_HOUR_AGO, "MAI"),
        (TEMPORARY, F, None, AN_HOUR_AGO, "MI"),
        (replace(TEMPORARY, mfa=None), UNKNOWN, UNKNOWN, AN_HOUR_AGO, "MI"),
        (replace(BY_CALL, long_lived=False), T, ("0", "60"), UNKNOWN, "MA"),
        # A role's session has no MFA of its own.
        (SESSION, F, None, LONG_AGO, "MI"),
        (replace(SESSION, mfa=None), UNKNOWN, UNKNOWN, LONG_AGO, "MI"),
        (replace(SESSION, mfa=True), T, UNKNOWN, LONG_AGO, "MAI"),
    ],
)
def test_mfa_and_age_by_the_kind_of_credentials(
    start: StartingCredentials, present: object, age: object, issued: object, has: str
) -> None:
    keys = {"M": "aws:MultiFactorAuthPresent", "A": "aws:MultiFactorAuthAge"}
    keys["I"] = "aws:TokenIssueTime"
    for context in (hop_1(start)(), any_call(start)()):
        assert context.lookup(keys["M"]) == present
        for key, wanted in ((keys["A"], age), (keys["I"], issued)):
            found = context.lookup(key)
            assert (context.range_of(key) or found if found is UNKNOWN else found) == wanted
        assert "".join(each for each, key in keys.items() if context.has(key)) == has


@pytest.mark.parametrize("call", [hop_1, any_call])
def test_what_a_call_has_although_its_value_is_not_known(call: Any) -> None:
    assert call(region=None)().has("aws:RequestedRegion")
    pattern = (
        "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Dev_1a2b"
    )
    assert call(SIGNED_IN)().pattern_of("aws:PrincipalArn") == pattern
    assert call(SIGNED_IN)().has("aws:PrincipalArn")
    assert call(SESSION)().pattern_of("aws:PrincipalArn") is None
    given = replace(NOBODY, role_pattern="arn:aws:iam::*:role/x*")
    assert call(given)().pattern_of("aws:PrincipalArn") == "arn:aws:iam::*:role/x*"


def test_keys_of_instances_and_tokens_are_of_no_user_s_chain() -> None:
    for call in (hop_1, any_call, hop_2):
        for start, found in ((KEYS, None), (SESSION, UNKNOWN)):
            assert call(start)().lookup("ec2:SourceInstanceARN") is found


OF_SERVICES = [
    "aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:CalledVia",
    "aws:CalledViaFirst", "aws:CalledViaLast", "aws:CalledViaAWSMCP",
    "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList",
]  # fmt: skip
OF_SIGNERS = ["sts:ExternalId", "aws:PrincipalArn", "aws:SourceIdentity", "aws:username"]
PARAMETERS = [
    "sts:ExternalId", "sts:RoleSessionName", "sts:TransitiveTagKeys", "sts:SourceIdentity",
    "aws:TagKeys", "aws:RequestTag/x", "aws:RequestedRegion",
]  # fmt: skip


def test_keys_that_only_some_calls_have() -> None:
    """A service's calls, those that somebody's credentials sign, and those with parameters."""
    token, action = context_of_token(DEV, setting()), action_on_hub(carrying())()
    for key in OF_SERVICES:
        assert {call(SESSION)().lookup(key) for call in (hop_1, any_call)} == {None}, key
        assert token.lookup(key) is None, key
    for key in OF_SIGNERS:
        assert token.lookup(key) is None, key
    for key in PARAMETERS:
        assert action.lookup(key) is UNKNOWN, key
    assert token.lookup("aws:ResourceAccount") == (HERE,)


@pytest.mark.parametrize(
    ("start", "unseen", "assumed", "tags"),
    [
        # Of a user's keys all is known; of a session nothing, unless the source says so.
        (KEYS, None, (), {}),
        (StartingCredentials(ALICE), None, (), {}),
        (StartingCredentials(None, long_lived=True), None, (), {}),
        (NOBODY, SOURCE_SESSION, (), None),
        (SESSION, SOURCE_SESSION, (), None),
        (carrying(tags={"a": "b"}), None, (), {"a": "b"}),
        (carrying(unseen="profile"), "profile", (), None),
    ],
)
def test_what_is_unseen_of_a_source(
    start: StartingCredentials, unseen: str | None, assumed: tuple[str, ...], tags: Any
) -> None:
    held = initial_state(start, setting())
    assert (held.unseen, held.assumed, held.tags) == (unseen, assumed, tags)
    # Assumed away, it has none; a profile of Roles Anywhere may map tags all the same.
    assumptions = frozenset({SOURCE_SESSION, "profile"})
    held = initial_state(start, setting(assumptions=assumptions))
    assert (held.unseen, held.assumed) == (None, (unseen,) if unseen else ())
    assert held.tags == ({} if unseen == SOURCE_SESSION else tags)


@pytest.mark.parametrize(
    ("start", "policy_unseen", "missing"),
    [
        (SESSION, False, 0),
        (SESSION, True, 1),
        (replace(SESSION, policy_arns=(f"arn:aws:iam::{HERE}:policy/p",)), True, 2),
        (KEYS, True, 0),  # the keys of a user have no session policy
    ],
)
def test_a_session_policy_that_rolehop_did_not_ask_for(
    start: StartingCredentials, policy_unseen: bool, missing: int
) -> None:
    start = replace(start, policy_unseen=policy_unseen)
    assert len(initial_state(start, setting()).session.missing) == missing
    assumed = initial_state(start, setting(assumptions=frozenset({SOURCE_SESSION})))
    assert len(assumed.session.missing) == min(missing, len(start.policy_arns))


def test_what_is_said_of_a_source_identity_is_what_travels() -> None:
    carried = carrying(source_identity="ann")
    for said, identity in (({}, "ann"), (supplied(AWS__SourceIdentity="bob"), "bob")):
        assert initial_state(carried, setting(**said)).source_identity == identity
