"""What each hop's call carries: who signs it, what travels on, what nobody can know."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import Outcome, PolicyType, Reason, evaluate
from rolehop.policy.chain_model import (
    AssumeRoleRequest,
    EvaluationContext,
    InheritedAttributes,
    StartingCredentials,
)
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.requests import build_requests
from tests.policy.helpers.requests import ADMIN, ALICE, HUB, KEYS, NOW, asked
from tests.support.policies import policy_text, trust_for


@pytest.mark.parametrize(
    ("hop", "key", "values"),
    [
        (1, "aws:PrincipalArn", (ALICE,)),
        (2, "aws:PrincipalArn", (str(HUB),)),
        (1, "aws:username", ("alice",)),
        (2, "aws:username", None),
        (1, "sts:RoleSessionName", ("s1",)),
        (1, "sts:ExternalId", None),
        (1, "aws:MultiFactorAuthPresent", None),
        (2, "aws:MultiFactorAuthPresent", ("false",)),
        (1, "aws:TokenIssueTime", None),
        (2, "aws:TokenIssueTime", UNKNOWN),
        (1, "aws:SourceIp", UNKNOWN),
        (1, "aws:PrincipalOrgID", UNKNOWN),
        (1, "aws:RequestTag/x", None),
        (1, "aws:PrincipalTag/x", UNKNOWN),
        (1, "aws:ResourceTag/x", UNKNOWN),
        (1, "aws:SourceAccount", None),
        (1, "aws:RequestedRegion", ("eu-west-1",)),
        (1, "aws:CurrentTime", ("2026-06-01T12:00:00Z",)),
    ],
)
def test_the_context_of_a_call(hop: int, key: str, values: object) -> None:
    assert asked()[hop - 1].context.lookup(key) == values


def revoked(operator: str, moment: str) -> list[Any]:
    """Judge both hops under a Deny on sessions by when they were made."""
    deny = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {operator: {"aws:TokenIssueTime": moment}},
    }
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    text = policy_text(allow, deny)
    mine = {"p": text}
    trust = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}]}'
    entities = {
        ALICE: Entity(ALICE, inline=mine),
        str(HUB): Entity(str(HUB), trust=trust, inline=mine),
        str(ADMIN): Entity(str(ADMIN), trust=trust),
    }
    hops = [AssumeRoleRequest(HUB, "s1"), AssumeRoleRequest(ADMIN, "s2")]
    judged = build_requests(KEYS, hops, EvaluationContext(IamInventory(entities), NOW))
    return [evaluate(each).outcome for each in judged]


ALLOWED, REFUSED, OPEN = Outcome.ALLOWED, Outcome.REFUSED, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("operator", "moment", "outcomes"),
    [
        # "Revoke active sessions" of long ago: no session of today is as old.
        ("DateLessThan", "2024-01-01T00:00:00Z", [ALLOWED, ALLOWED]),
        ("DateLessThanIfExists", "2024-01-01T00:00:00Z", [REFUSED, ALLOWED]),
        ("DateLessThan", "2026-06-01T00:00:00Z", [ALLOWED, ALLOWED]),
        # A stored one may be twelve hours old.
        ("DateLessThan", "2026-06-01T00:00:01Z", [ALLOWED, OPEN]),
        ("DateLessThan", "2026-06-01T12:00:00Z", [ALLOWED, OPEN]),
        ("DateLessThan", "2026-06-01T12:00:01Z", [ALLOWED, REFUSED]),
        ("DateGreaterThan", "2024-01-01T00:00:00Z", [ALLOWED, REFUSED]),
        ("DateEquals", "2026-06-01T06:00:00Z", [ALLOWED, OPEN]),
        ("DateNotEquals", "2026-06-01T06:00:00Z", [REFUSED, OPEN]),
        ("DateLessThan", "yesterday", [ALLOWED, OPEN]),
    ],
)
def test_a_session_of_this_walk_is_no_older_than_a_session_can_be(
    operator: str, moment: str, outcomes: list[Outcome]
) -> None:
    assert revoked(operator, moment) == outcomes


@pytest.mark.parametrize("mfa", [True, False, None])
def test_mfa_reaches_hop_1_alone(mfa: bool | None) -> None:
    first, second = asked(replace(KEYS, mfa=mfa, long_lived=mfa is not None))
    wanted = {True: ("true",), False: None, None: UNKNOWN}[mfa]
    assert first.context.lookup("aws:MultiFactorAuthPresent") == wanted
    assert second.context.lookup("aws:MultiFactorAuthPresent") == ("false",)


def test_transitive_tags_travel_on_and_ask_for_tag_session() -> None:
    first, second = asked(tags=(("Team", "blue"), ("x", "y")), transitive_tags=("Team",))
    assert first.actions == second.actions == ("sts:AssumeRole", "sts:TagSession")
    assert first.context.lookup("aws:TagKeys") == ("Team", "x")
    assert second.context.lookup("aws:TagKeys") is None
    assert second.context.lookup("aws:PrincipalTag/team") == ("blue",)


def test_tags_that_are_not_transitive_stay_behind() -> None:
    _, second = asked(tags=(("Team", "blue"),))
    assert second.actions == ("sts:AssumeRole",)
    assert second.context.lookup("aws:PrincipalTag/team") == ("blue",)


def test_a_source_identity_travels_on() -> None:
    first, second = asked(source_identity="ann")
    assert first.actions == second.actions == ("sts:AssumeRole", "sts:SetSourceIdentity")
    assert first.context.lookup("aws:SourceIdentity") is None
    assert second.context.lookup("aws:SourceIdentity") == ("ann",)
    assert second.context.lookup("sts:SourceIdentity") == ("ann",)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"source_identity": "bob"}, Reason.IDENTITY_CHANGED),
        ({"tags": (("TEAM", "blue"),)}, Reason.TAG_REPEATED),
    ],
)
def test_what_sts_refuses_by_itself_is_refused_without_a_document(
    second: dict[str, Any], reason: Reason
) -> None:
    first = AssumeRoleRequest(
        HUB, "s1", source_identity="ann", tags=(("team", "blue"),), transitive_tags=("team",)
    )
    hops = [first, AssumeRoleRequest(ADMIN, "s2", **second)]
    verdict = evaluate(build_requests(KEYS, hops, EvaluationContext(IamInventory(), NOW))[1])
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.first_wrong is not None
    assert verdict.first_wrong.reason is reason


def test_a_supplied_value_wins_if_it_is_possible() -> None:
    supplied = {
        "aws:SourceIp": ["203.0.113.9"],
        "aws:CurrentTime": ["2030-01-01T00:00:00Z"],
        "aws:multifactorauthpresent": ["true"],
        "aws:username": ["ann"],
        "aws:PrincipalTag/team": ["blue"],
        "aws:PrincipalType": ["Anonymous"],
        "sts:ExternalId": [],
        "aws:ResourceTag/stage": ["prod"],
    }
    first, second = asked(supplied=supplied, external_id="x-1")
    for each in (first, second):
        assert each.context.lookup("aws:sourceip") == ("203.0.113.9",)
        assert each.context.lookup("aws:CurrentTime") == ("2030-01-01T00:00:00Z",)
        assert each.context.lookup("aws:ResourceTag/stage") == ("prod",)
    assert first.context.lookup("sts:ExternalId") == ("x-1",)
    # Who calls hop 1 is not who calls hop 2.
    assert first.context.lookup("aws:MultiFactorAuthPresent") == ("true",)
    assert first.context.lookup("aws:username") == ("ann",)
    assert first.context.lookup("aws:PrincipalTag/team") == ("blue",)
    assert first.context.lookup("aws:PrincipalType") == ("Anonymous",)
    assert second.context.lookup("aws:MultiFactorAuthPresent") == ("false",)
    assert second.context.lookup("aws:username") is None
    assert second.context.lookup("aws:PrincipalTag/team") is UNKNOWN
    assert second.context.lookup("aws:PrincipalType") == ("AssumedRole",)


def test_a_target_whose_tags_are_seen_is_not_given_others() -> None:
    records = IamInventory({str(ADMIN): Entity(str(ADMIN), tags=(("stage", "test"),))})
    setting = EvaluationContext(records, NOW, supplied={"aws:ResourceTag/stage": ["prod"]})
    _, second = build_requests(
        KEYS, [AssumeRoleRequest(HUB, "s1"), AssumeRoleRequest(ADMIN, "s2")], setting
    )
    assert second.context.lookup("aws:ResourceTag/stage") == ("test",)


def test_a_verdict_names_the_supplied_values_that_it_depends_on() -> None:
    trust = (
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:*",'
        ' "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}]}'
    )
    everything = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    records = IamInventory(
        {
            str(HUB): Entity(str(HUB), trust=trust),
            ALICE: Entity(ALICE, inline={"p": everything}),
        }
    )
    for address, outcome in (("203.0.113.9", Outcome.ALLOWED), ("192.0.2.1", Outcome.REFUSED)):
        supplied = {"aws:SourceIp": [address], "aws:SourceVpc": ["vpc-1"]}
        (request,) = build_requests(
            KEYS, [AssumeRoleRequest(HUB, "s")], EvaluationContext(records, NOW, supplied=supplied)
        )
        verdict = evaluate(request)
        assert verdict.outcome is outcome
        assert "aws:SourceIp" in verdict.assuming
        assert "aws:SourceVpc" not in verdict.assuming


def test_the_unseen_part_of_a_source_session_is_unknown_or_assumed() -> None:
    session = StartingCredentials(str(HUB), policy_unseen=True)
    first, second = asked(session)
    assert (first.assumed, first.unseen) == ((), "source-session")
    assert (
        first.possible_actions
        == second.possible_actions
        == ("sts:TagSession", "sts:SetSourceIdentity")
    )
    assert first.policy_set(PolicyType.SESSION).missing
    assert not second.policy_set(PolicyType.SESSION).there
    for each in (first, second):
        assert each.context.lookup("aws:PrincipalTag/team") is UNKNOWN
        assert each.context.lookup("aws:SourceIdentity") is UNKNOWN
    assumptions = asked(session, assumptions=frozenset({"source-session"}))
    assert [(each.assumed, each.unseen) for each in assumptions] == [
        (("source-session",), None)
    ] * 2
    assert not assumptions[0].policy_set(PolicyType.SESSION).missing
    assert [(each.assumed, each.unseen) for each in asked(KEYS)] == [((), None)] * 2


@pytest.mark.parametrize("sent", [{"tags": (("team", "x"),)}, {"source_identity": "ann"}])
def test_what_is_sent_may_already_be_set_in_an_unseen_session(sent: dict[str, Any]) -> None:
    trust = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}]}'
    everything = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    start = StartingCredentials("arn:aws:sts::111111111111:assumed-role/Dev/me", mfa=False)
    records = IamInventory(
        {
            str(HUB): Entity(str(HUB), trust=trust),
            "arn:aws:iam::111111111111:role/Dev": Entity(
                "arn:aws:iam::111111111111:role/Dev", inline={"p": everything}
            ),
        }
    )
    for assumptions, outcome in (
        (frozenset[str](), Outcome.UNKNOWN),
        (frozenset({"source-session"}), Outcome.ALLOWED),
    ):
        setting = EvaluationContext(records, NOW, assumptions=assumptions)
        (plain,) = build_requests(start, [AssumeRoleRequest(HUB, "s")], setting)
        assert evaluate(plain).outcome is Outcome.ALLOWED  # every action is allowed to all
        (request,) = build_requests(start, [AssumeRoleRequest(HUB, "s", **sent)], setting)
        assert evaluate(request).outcome is outcome


@pytest.mark.parametrize(
    ("there", "whole", "reason"),
    [
        ("arn:aws:iam::222222222222:role/team/Hub", True, None),
        ("arn:aws:iam::222222222222:role/Hub", False, Reason.OTHER_PATH),
        ("arn:aws:iam::222222222222:role/team/hub", False, Reason.OTHER_PATH),
        ("arn:aws:iam::222222222222:role/Other", True, Reason.NO_SUCH_ROLE),
        ("arn:aws:iam::222222222222:role/Other", False, None),
    ],
)
def test_a_role_that_is_not_there_is_refused(
    there: str, whole: bool, reason: Reason | None
) -> None:
    accounts = frozenset({"222222222222"} if whole else ())
    records = IamInventory({there: Entity(there)}, complete_accounts=accounts)
    verdict = evaluate(
        build_requests(KEYS, [AssumeRoleRequest(HUB, "s")], EvaluationContext(records, NOW))[0]
    )
    assert (verdict.first_wrong.reason if verdict.first_wrong else None) is reason
    assert (verdict.outcome is Outcome.REFUSED) is (reason is not None)


def test_a_session_policy_of_the_source_limits_hop_1() -> None:
    text = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
    first, second = asked(StartingCredentials(str(HUB), policy=text))
    assert evaluate(first).outcome is not Outcome.ALLOWED
    assert first.policy_set(PolicyType.SESSION).documents
    assert not second.policy_set(PolicyType.SESSION).there


def test_a_role_as_principal_is_a_session_of_unknown_name() -> None:
    first, _ = asked(StartingCredentials(str(HUB)))
    assert first.caller.named == str(HUB)
    assert first.caller.arn == "arn:aws:sts::222222222222:assumed-role/Hub/*"


def test_a_sessions_role_is_found_with_its_path() -> None:
    records = IamInventory({str(HUB): Entity(str(HUB), unique_id="AROAHUB")})
    start = StartingCredentials("arn:aws:sts::222222222222:assumed-role/Hub/me", mfa=False)
    (first,) = build_requests(
        start, [AssumeRoleRequest(ADMIN, "s")], EvaluationContext(records, NOW)
    )
    assert first.context.lookup("aws:PrincipalArn") == (str(HUB),)
    assert first.context.lookup("aws:userid") == ("AROAHUB:me",)


def test_an_unknown_source_identity_is_still_set() -> None:
    start = StartingCredentials(
        str(HUB), carried=InheritedAttributes(source_identity=UNKNOWN, unseen="profile")
    )
    first, second = asked(start, assumptions=frozenset({"profile"}))
    assert first.actions == second.actions == ("sts:AssumeRole", "sts:SetSourceIdentity")
    assert first.context.lookup("sts:SourceIdentity") is UNKNOWN
    assert second.context.lookup("aws:SourceIdentity") is UNKNOWN
    assert first.assumed == second.assumed == ("profile",)


def test_changing_an_unknown_source_identity_is_unknown() -> None:
    trusts = policy_text(trust_for({"AWS": "*"}, "sts:*"))
    records = IamInventory({str(ADMIN): Entity(str(ADMIN), trust=trusts)})
    start = StartingCredentials(
        "arn:aws:sts::333333333333:assumed-role/Own/s",
        carried=InheritedAttributes(source_identity=UNKNOWN),
    )
    for sent, outcome in ((None, Outcome.ALLOWED), ("ann", Outcome.UNKNOWN)):
        hop = AssumeRoleRequest(ADMIN, "s", source_identity=sent)
        known = Entity("arn:aws:iam::333333333333:role/Own", inline={})
        together = records.merged(IamInventory({known.arn: known}))
        (request,) = build_requests(start, [hop], EvaluationContext(together, NOW))
        assert evaluate(request).outcome is outcome


def test_what_a_sources_session_carries_is_known_at_hop_1_alone() -> None:
    carried = InheritedAttributes(
        tags={"Team": "blue", "x": "y"},
        transitive=("Team",),
        known={"aws:PrincipalTag/x509Subject/CN": ("host1",)},
    )
    first, second = asked(StartingCredentials(str(HUB), carried=carried))
    assert first.actions == ("sts:AssumeRole", "sts:TagSession")
    assert first.context.lookup("aws:PrincipalTag/x") == ("y",)
    assert first.context.lookup("aws:PrincipalTag/x509subject/cn") == ("host1",)
    assert second.context.lookup("aws:PrincipalTag/x509Subject/CN") is UNKNOWN
    assert second.context.lookup("aws:PrincipalTag/Team") == ("blue",)


def test_the_path_of_a_sources_role_is_preserved() -> None:
    start = StartingCredentials(
        "arn:aws:sts::222222222222:assumed-role/Hub/me", role=str(HUB), mfa=False
    )
    assert asked(start)[0].context.lookup("aws:PrincipalArn") == (str(HUB),)
