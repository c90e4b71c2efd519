"""Hop 0: a federated source's own role, judged by its trust policy and RCPs alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import Outcome, PolicyType, Reason, Verdict, evaluate
from rolehop.policy.chain_model import (
    SOURCE_SESSION,
    EvaluationContext,
    InheritedAttributes,
    SuppliedKeys,
)
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.remedies.change_builder import policy_changes
from rolehop.policy.requests import PROFILE, FederatedCall, federated_request, session_after
from tests.support.policies import policy_text

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::222222222222:role/team/Own"
HOST = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::222222222222:oidc-provider/{HOST}"
WEB = "sts:AssumeRoleWithWebIdentity"
ANCHOR = (
    "arn:aws:rolesanywhere:eu-west-1:222222222222:trust-anchor/66666666-7777-8888-9999-000000000000"
)
ANYWHERE = {"Service": "rolesanywhere.amazonaws.com"}
THREE = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
SUB = f"{HOST}:sub"


def statement(principal: Any, action: Any = WEB, effect: str = "Allow", **condition: Any) -> Any:
    made = {"Effect": effect, "Principal": principal, "Action": action}
    return {**made, "Condition": condition} if condition else made


def judged(
    asked: FederatedCall,
    *statements: Any,
    supplied: dict[str, list[str]] | None = None,
    rcp: Any = None,
) -> Verdict:
    trust = policy_text(*statements)
    rcps = {} if rcp is None else {"222222222222": (json.dumps({"Statement": [rcp]}),)}
    records = IamInventory({asked.role: Entity(asked.role, trust=trust)}, rcps=rcps)
    assumptions = frozenset({SOURCE_SESSION, PROFILE})
    return evaluate(
        federated_request(
            asked, EvaluationContext(records, NOW, "eu-west-1", supplied or {}, assumptions)
        )
    )


def by_token(provider: str | None = PROVIDER, **said: Any) -> FederatedCall:
    return FederatedCall(ROLE, WEB, provider, **said)


def by_certificate(role: str = ROLE, known: SuppliedKeys | None = None) -> FederatedCall:
    return FederatedCall(
        role,
        "sts:AssumeRole",
        service="rolesanywhere.amazonaws.com",
        known={"aws:SourceArn": [ANCHOR], "aws:SourceAccount": ["222222222222"]},
        carried=InheritedAttributes(source_identity=UNKNOWN, known=known or {}, unseen=PROFILE),
    )


GITHUB = statement({"Federated": PROVIDER}, StringLike={SUB: "repo:me/*"})


@pytest.mark.parametrize(
    ("provider", "supplied", "outcome"),
    [
        (PROVIDER, {}, Outcome.UNKNOWN),
        (PROVIDER, {SUB: ["repo:me/x"]}, Outcome.ALLOWED),
        (PROVIDER, {SUB: ["repo:you/x"]}, Outcome.REFUSED),
        (None, {SUB: ["repo:me/x"]}, Outcome.UNKNOWN),
        ("accounts.google.com", {}, Outcome.REFUSED),
    ],
)
def test_a_token_is_judged_by_its_provider_and_claims(
    provider: str | None, supplied: dict[str, list[str]], outcome: Outcome
) -> None:
    assert judged(by_token(provider), GITHUB, supplied=supplied).outcome is outcome


def test_tags_and_a_source_identity_in_a_token_ask_for_more() -> None:
    known = {SUB: ("repo:me/x",)}
    plain = by_token(known=known, carried=InheritedAttributes({}))
    assert judged(plain, GITHUB).outcome is Outcome.ALLOWED
    assert judged(plain, GITHUB).assuming == ("rcp",)
    tagged = by_token(
        known=known, carried=InheritedAttributes({"team": "blue"}, source_identity="ann")
    )
    refused = judged(tagged, GITHUB)
    assert refused.outcome is Outcome.REFUSED
    assert refused.refused[0].action == "sts:TagSession"
    more = statement(
        {"Federated": PROVIDER},
        ["sts:TagSession", "sts:SetSourceIdentity"],
        StringEquals={"aws:RequestTag/team": "blue", "sts:SourceIdentity": "ann"},
    )
    assert judged(tagged, GITHUB, more).outcome is Outcome.ALLOWED


def test_what_a_token_may_carry_unread_is_named_as_assumed() -> None:
    verdict = judged(by_token(known={SUB: ("repo:me/x",)}), GITHUB)
    assert verdict.assuming == ("rcp", "source-session")


def test_an_unseen_part_is_never_allowed_unless_it_cannot_matter() -> None:
    token = by_token(known={SUB: ("repo:me/x",)})
    three = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
    lenient = statement({"Federated": PROVIDER}, three, StringLike={SUB: "repo:me/*"})
    for trust, outcome, unknowns in (
        (GITHUB, Outcome.UNKNOWN, (SOURCE_SESSION,)),
        (lenient, Outcome.ALLOWED, ()),
    ):
        records = IamInventory({ROLE: Entity(ROLE, trust=policy_text(trust))})
        verdict = evaluate(federated_request(token, EvaluationContext(records, NOW)))
        assert (verdict.outcome, verdict.unknowns) == (outcome, unknowns)


def test_a_roles_anywhere_profile_is_unknown() -> None:
    anywhere = statement({"Service": "rolesanywhere.amazonaws.com"}, "sts:*")
    records = IamInventory({ROLE: Entity(ROLE, trust=policy_text(anywhere))})
    verdict = evaluate(federated_request(by_certificate(), EvaluationContext(records, NOW)))
    assert (verdict.outcome, verdict.unknowns) == (Outcome.UNKNOWN, (PROFILE,))


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"Federated": "*"}])
def test_a_wildcard_for_a_token_is_unknown(principal: Any) -> None:
    verdict = judged(by_token(), statement(principal))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.policies[0].findings[0].reason is Reason.WILDCARD_OUTSIDE
    assert judged(
        by_token(), statement(principal), GITHUB, supplied={SUB: ["repo:me/x"]}
    ).outcome is (Outcome.ALLOWED)


@pytest.mark.parametrize("asked", [by_token(), by_certificate()], ids=["token", "certificate"])
def test_a_deny_to_everybody_is_for_tokens_and_services_too(asked: FederatedCall) -> None:
    every = [statement({"Federated": PROVIDER}), statement(ANYWHERE, THREE)]
    assert judged(asked, *every).outcome is Outcome.ALLOWED
    assert judged(asked, *every, statement("*", "sts:*", "Deny")).outcome is Outcome.REFUSED
    everybody = {"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Resource": "*"}
    verdict = judged(asked, *every, rcp=everybody)
    assert [policy.name for policy in verdict.refused] == [PolicyType.RCP]


@pytest.mark.parametrize(
    ("trust", "outcome"),
    [
        (statement(ANYWHERE, THREE), Outcome.ALLOWED),
        (statement(ANYWHERE, "sts:AssumeRole"), Outcome.REFUSED),
        (statement(ANYWHERE, THREE[:2]), Outcome.REFUSED),
        (statement({"Service": "ec2.amazonaws.com"}, THREE), Outcome.REFUSED),
        (statement({"AWS": "222222222222"}, THREE), Outcome.REFUSED),
        (statement("*", THREE), Outcome.UNKNOWN),
        (statement({"Service": "*"}, THREE), Outcome.UNKNOWN),
        (statement(ANYWHERE, THREE, ArnEquals={"aws:SourceArn": ANCHOR}), Outcome.ALLOWED),
        (statement(ANYWHERE, THREE, ArnEquals={"aws:SourceArn": f"{ANCHOR}1"}), Outcome.REFUSED),
        (statement(ANYWHERE, THREE, StringEquals={"aws:SourceAccount": "1"}), Outcome.REFUSED),
        (
            statement(ANYWHERE, THREE, StringEquals={"aws:PrincipalTag/x509Subject/CN": "host1"}),
            Outcome.ALLOWED,
        ),
        (
            statement(ANYWHERE, THREE, StringEquals={"aws:PrincipalTag/x509Subject/CN": "host2"}),
            Outcome.REFUSED,
        ),
        (
            statement(ANYWHERE, THREE, StringEquals={"aws:PrincipalTag/x509Subject/OU": "ops"}),
            Outcome.REFUSED,
        ),
        (
            statement(ANYWHERE, THREE, StringEquals={"aws:PrincipalTag/x509SAN/DNS": "h"}),
            Outcome.UNKNOWN,
        ),
        (statement(ANYWHERE, THREE, StringEquals={"sts:SourceIdentity": "host1"}), Outcome.UNKNOWN),
        (statement(ANYWHERE, THREE, StringEquals={"sts:ExternalId": "x"}), Outcome.REFUSED),
    ],
)
def test_a_certificate_is_judged_as_the_service_that_calls_for_it(
    trust: Any, outcome: Outcome
) -> None:
    asked = by_certificate(
        known={
            "aws:PrincipalTag/x509Subject/CN": ("host1",),
            "aws:PrincipalTag/x509Subject/OU": (),
        }
    )
    verdict = judged(asked, trust)
    assert verdict.outcome is outcome
    if outcome is Outcome.ALLOWED:
        assert verdict.assuming == ("rcp", PROFILE)


def test_neither_token_nor_certificate_enters_a_service_linked_role() -> None:
    linked = "arn:aws:iam::222222222222:role/aws-service-role/ec2.amazonaws.com/AWSServiceRoleForX"
    for asked in (FederatedCall(linked, WEB, PROVIDER), by_certificate(linked)):
        verdict = judged(asked, statement({"Federated": PROVIDER}), statement(ANYWHERE, THREE))
        assert verdict.outcome is Outcome.REFUSED
        assert verdict.first_wrong is not None
        assert verdict.first_wrong.reason is Reason.SERVICE_LINKED


def test_a_fix_allows_only_this_token_or_certificate() -> None:
    known = {SUB: ("repo:me/x",), f"{HOST}:aud": ("sts.amazonaws.com",)}
    nobody = statement({"Service": "ec2.amazonaws.com"})
    (token,) = policy_changes(judged(by_token(known=known), nobody))
    equals = {f"{HOST}:aud": "sts.amazonaws.com", SUB: "repo:me/x"}
    assert token.statement == statement({"Federated": PROVIDER}, StringEquals=equals)
    (certificate,) = policy_changes(judged(by_certificate(), nobody))
    assert certificate.statement == statement(ANYWHERE, THREE, ArnEquals={"aws:SourceArn": ANCHOR})
    for asked, change in ((by_token(known=known), token), (by_certificate(), certificate)):
        assert judged(asked, nobody, change.statement).outcome is Outcome.ALLOWED


def test_the_holder_of_a_token_is_of_no_organization() -> None:
    context = federated_request(by_token(), EvaluationContext(IamInventory(), NOW)).context
    assert context.lookup("aws:PrincipalOrgID") is None
    assert context.lookup("aws:PrincipalOrgPaths") is None
    assert context.lookup("aws:ResourceAccount") == ("222222222222",)


@pytest.mark.parametrize(
    ("more", "condition", "known"),
    [
        ([], {}, True),
        (["sts:Assume*"], {}, True),
        (["sts:TagSession"], {}, False),
        (["sts:SetSourceIdentity"], {}, False),
        (["sts:*"], {"StringEquals": {"aws:RequestTag/team": "blue"}}, False),
        (["sts:*"], {"StringEquals": {"aws:username": "ann"}}, True),
    ],
)
def test_a_session_carries_nothing_that_its_trust_policy_refuses(
    more: list[str], condition: dict[str, Any], known: bool
) -> None:
    allowing = statement({"Federated": PROVIDER}, [WEB, *more], **condition)
    records = IamInventory({ROLE: Entity(ROLE, trust=policy_text(allowing))})
    for carried in (InheritedAttributes(unseen=SOURCE_SESSION), InheritedAttributes(unread="x")):
        found = session_after(by_token(carried=carried), EvaluationContext(records, NOW)).carried
        assert (found == InheritedAttributes({})) is known
    # A certificate's session always has a source identity, a hidden trust policy refuses nothing,
    # and what is known of a token stays as it is.
    of_service = replace(by_certificate(), carried=InheritedAttributes(unseen=SOURCE_SESSION))
    read = by_token(carried=InheritedAttributes({"a": "b"}))
    for asked, seen in (
        (by_certificate(), records),
        (of_service, records),
        (read, records),
        (by_token(), IamInventory()),
    ):
        assert session_after(asked, EvaluationContext(seen, NOW)) == asked


def test_rcps_that_refuse_tags_and_a_source_identity_say_the_same() -> None:
    three = statement({"Federated": PROVIDER}, [WEB, "sts:TagSession", "sts:SetSourceIdentity"])
    both = statement("*", ["sts:TagSession", "sts:SetSourceIdentity"], "Deny")
    for denied, known in ((both, True), ({**both, "Action": "sts:TagSession"}, False)):
        rcps = {"222222222222": (policy_text({**denied, "Resource": "*"}),)}
        records = IamInventory({ROLE: Entity(ROLE, trust=policy_text(three))}, rcps=rcps)
        asked = by_token(carried=InheritedAttributes(unseen=SOURCE_SESSION))
        after = session_after(asked, EvaluationContext(records, NOW))
        assert (after.carried == InheritedAttributes({})) is known
