"""Who a chain starts as, what a hop's session carries on, and what STS itself refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import NO_POLICY, Finding, PolicyType, Reason, Truth
from rolehop.policy.call_context import as_time
from rolehop.policy.chain_model import (
    SOURCE_SESSION,
    AssumeRoleRequest,
    CallerState,
    EvaluationContext,
    InheritedAttributes,
    StartingCredentials,
)
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.request_context import UNKNOWN, Unknown
from rolehop.policy.requests import (
    ChainScenario,
    ConfigLocation,
    FederatedCall,
    build_request,
    federated_request,
    initial_state,
    next_state,
)
from tests.policy.helpers.requests import ADMIN, ALICE, HUB, KEYS, NOW

DEV = "arn:aws:iam::111111111111:role/team/Dev"
SESSION = "arn:aws:sts::111111111111:assumed-role/Dev/me"
TO_HUB = AssumeRoleRequest(HUB, "s1")
KNOWN = IamInventory(
    {
        DEV: Entity(DEV, unique_id="AROADEV"),
        ALICE: Entity(ALICE, unique_id="AIDAALICE"),
        str(HUB): Entity(str(HUB), unique_id="AROAHUB"),
    }
)


def setting(records: IamInventory = KNOWN, **said: Any) -> EvaluationContext:
    return EvaluationContext(records, NOW, "eu-west-1", **said)


def held_by(start: StartingCredentials, **said: Any) -> CallerState:
    return initial_state(start, setting(**said))


def carrying(**said: Any) -> StartingCredentials:
    return StartingCredentials(SESSION, carried=InheritedAttributes(**said))


@pytest.mark.parametrize(
    ("start", "arn", "account", "named", "unique_id"),
    [
        (KEYS, ALICE, "111111111111", ALICE, "AIDAALICE"),
        # The path of a session's role: as the source says, else as its account has it.
        (StartingCredentials(SESSION), SESSION, "111111111111", DEV, "AROADEV"),
        (StartingCredentials(SESSION, role="arn:aws:iam::111111111111:role/x/Dev"), SESSION,
         "111111111111", "arn:aws:iam::111111111111:role/x/Dev", None),
        (StartingCredentials(DEV), "arn:aws:sts::111111111111:assumed-role/Dev/*", "111111111111",
         DEV, "AROADEV"),
        (StartingCredentials(None), None, None, None, None),
        (StartingCredentials(None, account="222222222222"), None, "222222222222", None, None),
    ],
)  # fmt: skip
def test_whom_a_chain_starts_as(
    start: StartingCredentials,
    arn: str | None,
    account: str | None,
    named: str | None,
    unique_id: str | None,
) -> None:
    caller = held_by(start).caller
    assert (caller.arn, caller.account) == (arn, account)
    assert (caller.named, caller.unique_id) == (named, unique_id)
    assert caller.role == (None if arn in (None, ALICE) else named)


def test_the_role_of_a_permission_set_is_known_by_its_path_or_like_it() -> None:
    name = "AWSReservedSSO_Dev_1a2b"
    session = f"arn:aws:sts::111111111111:assumed-role/{name}/me"
    role = f"arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/{name}"
    like = f"arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*{name}"
    for start, pattern in (
        (StartingCredentials(session), like),
        (StartingCredentials(session, role=role), None),
        (StartingCredentials(SESSION), None),
        (StartingCredentials(f"arn:aws:iam::111111111111:user/{name}"), None),
    ):
        assert held_by(start, records=IamInventory()).role_pattern == pattern


@pytest.mark.parametrize(
    ("start", "long_lived", "from_user"),
    [
        (KEYS, True, True),
        (replace(KEYS, token_seconds=3600), False, True),  # a session of GetSessionToken calls
        (StartingCredentials(ALICE), False, True),
        (StartingCredentials(SESSION), False, False),
    ],
)
def test_whether_the_keys_of_a_user_call(
    start: StartingCredentials, long_lived: bool, from_user: bool
) -> None:
    held = held_by(start)
    assert (held.long_lived, held.from_user) == (long_lived, from_user)
    assert (held.walked, held.next_hop, held.session) == (False, 1, NO_POLICY)
    after = next_state(held, TO_HUB, 1, KNOWN)
    assert (after.long_lived, after.from_user, after.mfa) == (False, from_user, False)


def test_what_a_hop_s_session_is_and_carries() -> None:
    """Transitive tags and the source identity travel on; its other tags and policies do not."""
    deny = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
    start = carrying(
        tags={"Team": "blue", "Cost": "1"}, transitive=("TEAM",), unseen="x", unread="claim"
    )
    hop = replace(TO_HUB, policy=deny, tags=(("Stage", "prod"),), transitive_tags=("Stage",))
    held = next_state(held_by(start), hop, 1, KNOWN)
    assert (held.caller.named, held.caller.unique_id) == (str(HUB), "AROAHUB")
    assert held.tags == {"Stage": "prod", "Team": "blue"}
    assert held.transitive == {"team", "stage"}
    assert (held.unseen, held.unread) == ("x", "claim")
    assert [each.name for each in held.session.documents] == ["session policy of hop 1"]
    last = next_state(held, AssumeRoleRequest(ADMIN, "s"), 2, KNOWN)
    assert (last.tags, last.session) == ({"Stage": "prod", "Team": "blue"}, NO_POLICY)
    assert (last.caller.named, last.caller.unique_id) == (str(ADMIN), None)


IDENTITY = "Request SourceIdentity"


@pytest.mark.parametrize(
    ("before", "sent", "found"),
    [
        # Once set, it can't be changed (IAM user guide, "Monitor and control actions …").
        ("ann", "bob", Finding(IDENTITY, Truth.FALSE, Reason.IDENTITY_CHANGED, "ann", "bob")),
        ("ann", "ann", None),
        ("ann", None, None),
        (None, "bob", None),
        (UNKNOWN, "bob", Finding(IDENTITY, Truth.UNKNOWN, Reason.IDENTITY_CHANGED,
                                 "the one that the source set", "bob")),
        (UNKNOWN, None, None),
        # {caller}, of whom it is not known yet who that is
        ("ann", UNKNOWN, Finding(IDENTITY, Truth.UNKNOWN, Reason.IDENTITY_CHANGED,
                                 "the one that is set already", "ann")),
        (None, UNKNOWN, None),
        (UNKNOWN, UNKNOWN, None),
    ],
)  # fmt: skip
def test_a_source_identity_stays(
    before: str | Unknown | None, sent: str | Unknown | None, found: Finding | None
) -> None:
    held = held_by(carrying(tags={}, source_identity=before))
    request = build_request(held, replace(TO_HUB, source_identity=sent), setting())
    assert request.impossible == found
    assert ("sts:SetSourceIdentity" in request.actions) is (before is not None or sent is not None)


@pytest.mark.parametrize(
    ("start", "hop", "reason"),
    [
        # A transitive tag is sent once, whatever the case of its key.
        (carrying(tags={"Team": "x"}, transitive=("Team",)), {"tags": (("TEAM", "y"),)},
         Reason.TAG_REPEATED),
        (carrying(tags={"Team": "x"}), {"tags": (("TEAM", "y"),)}, None),
        # What cannot be seen of a session may have it already.
        (carrying(unseen=SOURCE_SESSION), {"tags": (("a", "b"),)}, Reason.SOURCE_UNSEEN),
        (carrying(unseen=SOURCE_SESSION), {"source_identity": "ann"}, Reason.SOURCE_UNSEEN),
        (carrying(unseen=SOURCE_SESSION, source_identity="ann"), {"source_identity": "ann"}, None),
        (carrying(unseen=SOURCE_SESSION), {}, None),
        (carrying(unread="claim"), {}, Reason.CLAIM_UNREAD),
    ],
)  # fmt: skip
def test_what_sts_may_refuse_by_what_is_sent(
    start: StartingCredentials, hop: Any, reason: Reason | None
) -> None:
    found = build_request(held_by(start), replace(TO_HUB, **hop), setting()).impossible
    assert (found and found.reason) is reason


def test_the_findings_of_tags_and_claims_name_them() -> None:
    held = held_by(carrying(tags={"Team": "x", "Cost": "1"}, transitive=("Team", "Cost")))
    found = build_request(
        held, replace(TO_HUB, tags=(("team", "y"), ("cost", "2"))), setting()
    ).impossible
    wanted = "tags that no hop before sent as transitive"
    assert found == Finding("Request Tags", Truth.FALSE, Reason.TAG_REPEATED, wanted, "team, cost")
    found = build_request(held_by(carrying(unread="aud/x")), TO_HUB, setting()).impossible
    wanted = "session tags and a source identity in a form that AWS describes"
    assert found == Finding("Request Token", Truth.UNKNOWN, Reason.CLAIM_UNREAD, wanted, "aud/x")


@pytest.mark.parametrize(
    ("carried", "actions", "possible"),
    [
        # With tags or a source identity, AWS asks for one permission more each.
        ({"tags": {}}, [], []),
        ({"tags": {"a": "b"}}, ["sts:TagSession"], []),
        ({"tags": {}, "transitive": ("a",)}, ["sts:TagSession"], []),
        ({"tags": {}, "source_identity": "ann"}, ["sts:SetSourceIdentity"], []),
        ({"unseen": "x"}, [], ["sts:TagSession", "sts:SetSourceIdentity"]),
        ({"unseen": "x", "tags": {"a": "b"}}, ["sts:TagSession"], ["sts:SetSourceIdentity"]),
    ],
)
def test_the_permissions_that_a_token_s_call_needs(
    carried: Any, actions: list[str], possible: list[str]
) -> None:
    call = FederatedCall(
        str(HUB),
        "sts:AssumeRoleWithWebIdentity",
        "accounts.google.com",
        carried=InheritedAttributes(**carried),
    )
    request = federated_request(call, setting())
    assert request.actions == (call.action, *actions)
    assert (request.possible_actions, request.unseen) == (tuple(possible), carried.get("unseen"))
    assert request.assumed == ()
    assumed = federated_request(call, setting(assumptions=frozenset({"x"})))
    assert (assumed.possible_actions, assumed.unseen) == ((), None)
    assert assumed.assumed == (("x",) if possible else ())
    assert {*request.policies} == {PolicyType.TRUST, PolicyType.RCP}


@pytest.mark.parametrize(
    ("carried", "key", "values"),
    [
        ({"tags": {"a": "b"}, "transitive": ("a",)}, "aws:RequestTag/a", ("b",)),
        ({"tags": {"a": "b"}}, "aws:RequestTag/c", None),
        ({"tags": {"a": "b"}}, "aws:TagKeys", ("a",)),
        ({"tags": {"a": "b"}, "transitive": ("a",)}, "sts:TransitiveTagKeys", ("a",)),
        ({"tags": {}}, "aws:TagKeys", None),
        ({"tags": {}}, "sts:SourceIdentity", None),
        ({"tags": {}, "source_identity": "ann"}, "sts:SourceIdentity", ("ann",)),
        ({"tags": {}, "source_identity": UNKNOWN}, "sts:SourceIdentity", UNKNOWN),
        # Of a token that was not read
        ({}, "aws:RequestTag/a", UNKNOWN),
        ({}, "aws:TagKeys", UNKNOWN),
        ({}, "sts:SourceIdentity", UNKNOWN),
    ],
)
def test_what_a_token_s_call_has(carried: Any, key: str, values: object) -> None:
    call = FederatedCall(str(HUB), "sts:AssumeRoleWithSAML", carried=InheritedAttributes(**carried))
    assert federated_request(call, setting()).context.lookup(key) == values


def test_a_role_that_is_missing_or_a_claim_unread_is_told_of_a_token_s_call() -> None:
    call = FederatedCall(str(HUB), "sts:AssumeRoleWithSAML", carried=InheritedAttributes({}))
    missing = IamInventory(missing_roles=frozenset({str(HUB)}))
    unread = replace(call, carried=InheritedAttributes({}, unread="x"))
    for asked, records, reason in (
        (call, KNOWN, None),
        (call, missing, Reason.NO_SUCH_ROLE),
        (unread, missing, Reason.NO_SUCH_ROLE),
        (unread, KNOWN, Reason.CLAIM_UNREAD),
    ):
        found = federated_request(asked, setting(records)).impossible
        assert (found and found.reason) is reason


def test_a_time_is_written_as_condition_keys_have_it() -> None:
    moment = datetime(2026, 6, 1, 12, 0, 1, 999999, tzinfo=UTC)
    assert as_time(moment) == "2026-06-01T12:00:01Z"


# ---- a chain's inputs


def chain(*source_requests: Any, **more: Any) -> ChainScenario:
    hops = (TO_HUB, AssumeRoleRequest(ADMIN, "s2"))
    return ChainScenario(KEYS, hops, setting(), source_requests=source_requests, **more)


def own_role() -> Any:
    call = FederatedCall(str(HUB), "sts:AssumeRoleWithWebIdentity", session_name="job")
    return federated_request(call, setting())


def test_hops_are_counted_from_1_and_a_source_s_own_role_is_0() -> None:
    assert [*chain().requests()] == [1, 2]
    numbered = chain(own_role()).requests()
    assert [(number, each.role) for number, each in numbered.items()] == [
        (0, str(HUB)), (1, str(HUB)), (2, str(ADMIN))
    ]  # fmt: skip
    assert (chain().hop(1), chain().hop(2).role) == (TO_HUB, ADMIN)
    changed = chain().with_hop(2, TO_HUB)
    assert (changed.hop(1), changed.hop(2), len(changed.hops)) == (TO_HUB, TO_HUB, 2)
    changed = chain().with_hop(1, AssumeRoleRequest(ADMIN, "x"))
    assert [each.role for each in changed.hops] == [ADMIN, ADMIN]


def test_where_a_hop_is_defined() -> None:
    assert [chain().location(number).name for number in (0, 1, 2)] == [
        "the source", "hop 1", "hop 2"
    ]  # fmt: skip
    places = [ConfigLocation(each) for each in "abc"]
    assert chain(locations=places).location(2).name == "c"
    assert ConfigLocation("x", file="AWS config").is_of_aws
    assert not ConfigLocation("x").is_of_aws
    # In rolehop's own config each key has its own name; the file does not make another location.
    keys = "external_id mfa_serial role session_name source_identity tags transitive_tags"
    assert ConfigLocation("x").keys == {each: each for each in keys.split()}


def test_the_transitive_tags_that_the_caller_of_a_hop_carries() -> None:
    first = replace(TO_HUB, transitive_tags=("b",))
    second = AssumeRoleRequest(ADMIN, "s2", transitive_tags=("c",))
    start = carrying(tags={"a": "1"}, transitive=("a",))
    tagged = ChainScenario(start, (first, second), setting())
    found = [tagged.inherited_tag_keys(number) for number in range(4)]
    assert found == [("a",), ("a",), ("a", "b"), ("a", "b", "c")]
    assert replace(tagged, start=KEYS).inherited_tag_keys(2) == ("b",)


def test_a_source_s_own_call_with_another_value() -> None:
    """Another session name is another caller of hop 1."""
    start = StartingCredentials("arn:aws:sts::222222222222:assumed-role/Hub/job")
    other = replace(own_role(), role=str(ADMIN))
    own = replace(chain(own_role(), other), start=start)
    for key, name in (("STS:RoleSessionName", "new"), ("sts:ExternalId", "job")):
        changed = own.with_source(key, "new")
        assert changed.source_requests[0].context.lookup(key) == ("new",)
        assert [each.role for each in changed.source_requests] == [str(HUB), str(ADMIN)]
        assert changed.source_requests[1] == other
        assert changed.start.principal == f"arn:aws:sts::222222222222:assumed-role/Hub/{name}"
    unknown = replace(own, start=StartingCredentials(None))
    assert unknown.with_source("sts:RoleSessionName", "new").start.principal is None


def test_the_same_chain_in_another_region_or_with_mfa() -> None:
    assert chain().with_region("eu-west-2").context.region == "eu-west-2"
    said = {"AWS:MultiFactorAuthPresent": ["false"], "aws:SourceIp": ["192.0.2.1"]}
    asked = replace(chain(), context=setting(supplied=said)).with_mfa()
    assert asked.start.mfa
    assert asked.context.supplied == {"aws:SourceIp": ["192.0.2.1"]}
    present = asked.requests()[1].context.lookup("aws:MultiFactorAuthPresent")
    assert present == ("true",)
