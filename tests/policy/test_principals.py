"""Principals that AWS takes in no trust policy, or that mean less than they seem to."""

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
    Reason,
    Request,
    Verdict,
    caller_from_arn,
    evaluate,
    parse_policy,
)
from tests.support.policies import policy_text

ROLE = "arn:aws:iam::222222222222:role/T"
BOB = "arn:aws:iam::222222222222:user/bob"
HUB = "arn:aws:iam::222222222222:role/Hub"
SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/s"
ROOT = "arn:aws:iam::222222222222:root"
OTHER = "arn:aws:iam::333333333333:root"
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def shown(kind: Kind, *statements: Any) -> PolicySet:
    text = policy_text(*statements)
    return PolicySet((Attached(kind.value, parse_policy(text, kind)),))


def judged(
    caller: str, *trust: Any, role: str = ROLE, boundary: PolicySet = NO_POLICY, closed: bool = True
) -> Verdict:
    policies = {
        PolicyType.TRUST: shown(Kind.TRUST, *trust),
        PolicyType.PERMISSIONS: shown(Kind.PERMISSIONS, ANY),
        PolicyType.BOUNDARY: boundary,
        PolicyType.SESSION: NO_POLICY,
    }
    role_of = HUB if caller == SESSION else None
    return evaluate(
        Request(
            role,
            caller_from_arn(caller, role=role_of),
            Context({}, closed=closed),
            policies=policies,
        )
    )


def statement(effect: str, **principal: Any) -> Any:
    return {"Effect": effect, "Action": "sts:AssumeRole", **principal}


ALL = statement("Allow", Principal="*")


@pytest.mark.parametrize(
    ("named", "outcome"),
    [
        ([OTHER], Outcome.UNKNOWN),
        ([ROOT], Outcome.UNKNOWN),
        ([BOB], Outcome.REFUSED),
        ("*", Outcome.REFUSED),
    ],
)
def test_allow_with_not_principal_never_surely_allows(named: Any, outcome: Outcome) -> None:
    verdict = judged(BOB, statement("Allow", NotPrincipal={"AWS": named}))
    assert verdict.outcome is outcome
    reason = verdict.policies[0].findings[0].reason
    unsure = outcome is Outcome.UNKNOWN
    assert reason is (Reason.NOT_PRINCIPAL if unsure else Reason.EXCLUDED_PRINCIPAL)
    beside = judged(BOB, statement("Allow", NotPrincipal={"AWS": named}), ALL)
    assert beside.outcome is Outcome.ALLOWED


BOUNDARY = shown(Kind.BOUNDARY, ANY)


@pytest.mark.parametrize(
    ("caller", "named", "boundary", "outcome"),
    [
        (BOB, [OTHER], NO_POLICY, Outcome.REFUSED),
        (BOB, [BOB], NO_POLICY, Outcome.UNKNOWN),
        (BOB, [ROOT], NO_POLICY, Outcome.UNKNOWN),
        (BOB, [BOB, ROOT], NO_POLICY, Outcome.ALLOWED),
        (BOB, [BOB, ROOT], BOUNDARY, Outcome.REFUSED),
        (SESSION, [HUB, ROOT], NO_POLICY, Outcome.UNKNOWN),
        (SESSION, [HUB, ROOT, SESSION], NO_POLICY, Outcome.ALLOWED),
        (SESSION, [HUB, ROOT, SESSION], BOUNDARY, Outcome.REFUSED),
    ],
)
def test_deny_with_not_principal_spares_only_who_is_named_on_every_level(
    caller: str, named: Any, boundary: PolicySet, outcome: Outcome
) -> None:
    deny = statement("Deny", NotPrincipal={"AWS": named})
    assert judged(caller, ALL, deny, boundary=boundary).outcome is outcome


def test_a_federation_token_can_not_start_a_chain() -> None:
    caller = "arn:aws:sts::222222222222:federated-user/bob"
    verdict = judged(caller, ALL, statement("Allow", Principal={"AWS": caller}))
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.first_wrong is not None
    assert verdict.first_wrong.reason is Reason.FEDERATED_USER


@pytest.mark.parametrize("closed", [True, False])
def test_no_one_assumes_a_service_linked_role(closed: bool) -> None:
    role = "arn:aws:iam::222222222222:role/aws-service-role/ec2.amazonaws.com/AWSServiceRoleForX"
    verdict = judged(BOB, ALL, role=role, closed=closed)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.first_wrong is not None
    assert verdict.first_wrong.reason is Reason.SERVICE_LINKED
