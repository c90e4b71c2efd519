"""The condition keys of calls that are no hop: any action, a token, a service; and later hops."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.policy.call_context import (
    caller_context,
    context_of,
    context_of_token,
    context_without_signer,
)
from rolehop.policy.chain_model import (
    AssumeRoleRequest,
    EvaluationContext,
    InheritedAttributes,
    StartingCredentials,
)
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.request_context import UNKNOWN
from rolehop.policy.requests import FederatedCall, federated_request, initial_state, next_state
from tests.policy.helpers.requests import ADMIN, HUB, KEYS, NOW, asked

ACCOUNT = "222222222222"
BUCKET, QUEUE = "arn:aws:s3:::b", "arn:aws:sqs:eu-central-1:222222222222:q"


def setting(**supplied: list[str]) -> EvaluationContext:
    keys = {name.replace("__", ":"): values for name, values in supplied.items()}
    return EvaluationContext(IamInventory(), NOW, "eu-west-1", keys)


@pytest.mark.parametrize(
    ("resource", "action", "key", "values"),
    [
        # The region of STS says nothing of another service's.
        (BUCKET, "s3:GetObject", "aws:RequestedRegion", UNKNOWN),
        (QUEUE, "sqs:SendMessage", "aws:RequestedRegion", ("eu-central-1",)),
        (BUCKET, "s3:GetObject", "aws:ResourceAccount", (ACCOUNT,)),
        (BUCKET, "s3:GetObject", "kms:CallerAccount", UNKNOWN),
        ("*", "kms:Decrypt", "kms:CallerAccount", ("111111111111",)),
        ("*", "kms:Decrypt", "kms:ViaService", None),
        (BUCKET, "s3:GetObject", "aws:SourceAccount", None),
        (BUCKET, "s3:GetObject", "aws:username", ("alice",)),
        (BUCKET, "s3:GetObject", "aws:TokenIssueTime", None),
        (BUCKET, "s3:GetObject", "aws:AssumedRoot", None),  # of sessions of AssumeRoot alone
    ],
)
def test_any_action_of_a_user(resource: str, action: str, key: str, values: object) -> None:
    held = initial_state(KEYS, setting())
    assert caller_context(held, ACCOUNT, setting(), action, resource).lookup(key) == values


@pytest.mark.parametrize("tags", [(("Team", "blue"),), (("TEAM", "blue"),)])
def test_a_tags_key_is_found_whatever_its_case(tags: Any) -> None:
    _, second = asked(tags=tags)
    for name in ("team", "Team", "TEAM"):
        assert second.context.lookup(f"aws:PrincipalTag/{name}") == ("blue",)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("aws:RequestedRegion", UNKNOWN),  # the holder of the token calls where it likes
        ("aws:PrincipalArn", None),
        ("aws:PrincipalOrgID", None),
        ("aws:AssumedRoot", None),
        ("aws:ResourceAccount", (ACCOUNT,)),
        ("aws:SourceIp", UNKNOWN),
    ],
)
def test_a_call_with_a_token(key: str, values: object) -> None:
    assert context_of_token(str(HUB), setting()).lookup(key) == values


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("aws:SourceIp", ("1.2.3.4",)),  # of every call: what the user says counts
        ("example.com:sub", ("said",)),  # of the token
        ("sts:RoleSessionName", ("known",)),  # of neither: what is known counts
        ("sts:ExternalId", ("said",)),  # and what is said, if nothing is
    ],
)
def test_what_is_supplied_of_a_call_that_nobody_signs(key: str, values: tuple[str, ...]) -> None:
    known = {
        "aws:SourceIp": ["5.6.7.8"],
        "example.com:sub": ["known"],
        "sts:RoleSessionName": ["known"],
    }
    supplied = {
        "aws:SourceIp": ["1.2.3.4"],
        "example.com:sub": ["said"],
        "sts:RoleSessionName": ["said"],
        "sts:ExternalId": ["said"],
    }
    assert context_without_signer(known, (), supplied).lookup(key) == values


@pytest.mark.parametrize(
    ("service", "name", "key", "values"),
    [
        (None, "s1", "aws:RequestedRegion", ("eu-west-1",)),
        (None, "s1", "aws:ViaAWSService", ("false",)),
        (None, "s1", "sts:RoleSessionName", ("s1",)),
        (None, "", "sts:RoleSessionName", UNKNOWN),
        (None, "s1", "aws:PrincipalOrgID", None),
        ("x.amazonaws.com", "s1", "aws:RequestedRegion", UNKNOWN),
        ("x.amazonaws.com", "s1", "aws:ViaAWSService", UNKNOWN),
        ("x.amazonaws.com", "s1", "aws:ViaAWSMCPService", UNKNOWN),
        ("x.amazonaws.com", "s1", "aws:PrincipalServiceName", ("x.amazonaws.com",)),
        ("x.amazonaws.com", "s1", "aws:PrincipalIsAWSService", ("true",)),
        ("x.amazonaws.com", "s1", "aws:PrincipalOrgID", UNKNOWN),
    ],
)
def test_the_call_of_a_federated_source(
    service: str | None, name: str, key: str, values: object
) -> None:
    call = FederatedCall(
        role=str(HUB),
        action="sts:AssumeRoleWithWebIdentity",
        provider=None if service else "arn:aws:iam::222222222222:oidc-provider/example.com",
        service=service,
        session_name=name,
        carried=InheritedAttributes(),
    )
    assert federated_request(call, setting()).context.lookup(key) == values


def test_every_hop_knows_its_number() -> None:
    assert [each.hop for each in asked()] == [1, 2]
    state = initial_state(KEYS, setting())
    for number, role in enumerate((HUB, ADMIN, HUB), start=1):
        state = next_state(state, AssumeRoleRequest(role, "s"), number, IamInventory())
        assert (state.next_hop, state.walked, state.long_lived) == (number + 1, True, False)


@pytest.mark.parametrize(
    "key", ["aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:userid"]
)
def test_whoever_signs_a_call_has_these_keys(key: str) -> None:
    unknown = StartingCredentials(None)
    held = initial_state(unknown, setting())
    for context in (
        caller_context(held, ACCOUNT, setting(), "s3:GetObject", BUCKET),
        context_of(held, AssumeRoleRequest(HUB, "s"), setting()),
    ):
        assert context.lookup(key) is UNKNOWN
        assert context.has(key)
