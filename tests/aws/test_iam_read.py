"""IAM as moto plays it, read into records; what may not be read stays open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import SubElement

import pytest

from rolehop.aws.iam_reader import IamReader
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.query_api import QueryClient, QueryResult
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Credentials, Secret
from rolehop.policy import Kind, Reason, parse_policy
from rolehop.walk.ports import StsRefusal
from tests.support.moto_server import moto_server
from tests.support.policies import allow_text

KEYS = Credentials("AKIASOURCE0000000000", Secret("made-up-secret"))
ACCOUNT = "123456789012"  # moto's own, for keys that it did not give out
HUB = f"arn:aws:iam::{ACCOUNT}:role/team/Hub"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/limit"


@pytest.fixture(scope="module")
def client() -> Iterator[QueryClient]:
    with (
        moto_server() as url,
        QueryClient(ClientSettings("us-east-1", endpoint_url=url, iam_endpoint_url=url)) as made,
    ):
        fill(made)
        yield made


def fill(client: QueryClient) -> None:
    def call(action: str, **params: str) -> None:
        client.call("iam", action, params, KEYS)

    call("CreatePolicy", PolicyName="limit", PolicyDocument=allow_text(Resource="*"))
    call(
        "CreateRole",
        RoleName="Hub",
        Path="/team/",
        AssumeRolePolicyDocument=allow_text(Principal={"AWS": ACCOUNT}),
        PermissionsBoundary=LIMIT,
        MaxSessionDuration="7200",
        **{"Tags.member.1.Key": "team", "Tags.member.1.Value": "blue"},
    )
    call("PutRolePolicy", RoleName="Hub", PolicyName="go", PolicyDocument=allow_text(Resource=HUB))
    call("AttachRolePolicy", RoleName="Hub", PolicyArn=LIMIT)
    call("CreateUser", UserName="ann")
    call("CreateGroup", GroupName="ops")
    call("AddUserToGroup", GroupName="ops", UserName="ann")
    call("PutGroupPolicy", GroupName="ops", PolicyName="g", PolicyDocument=allow_text(Resource=HUB))


def test_a_role_is_read_whole(client: QueryClient) -> None:
    records = IamReader(lambda: client, KEYS).role(HUB)
    assert records is not None
    entity = records.find(HUB)
    assert entity is not None
    assert (entity.max_session_seconds, entity.tags) == (7200, (("team", "blue"),))
    assert [each.name for each in records.trust(HUB).documents] == ["trust policy of role Hub"]
    assert [each.name for each in records.permissions(HUB).documents] == [
        "inline policy go of role Hub",
        "policy limit of role Hub",
    ]
    assert [each.name for each in records.boundary(HUB).documents] == [
        "boundary policy limit of role Hub"
    ]
    assert parse_policy(entity.trust or "", Kind.TRUST).statements


def test_a_users_groups_are_read(client: QueryClient) -> None:
    records = IamReader(lambda: client, KEYS).user(ANN)
    assert records is not None
    assert [each.name for each in records.permissions(ANN).documents] == [
        "inline policy g of group ops"
    ]


def test_a_role_of_the_same_name_elsewhere_is_not_this_one(client: QueryClient) -> None:
    reader = IamReader(lambda: client, KEYS)
    elsewhere = RoleArn.parse(f"arn:aws:iam::{ACCOUNT}:role/other/Hub")
    found = reader.role(str(elsewhere))
    assert found is not None
    assert list(found.entities) == [HUB]
    missing = found.role_missing(elsewhere)
    assert missing is not None
    assert (missing.reason, missing.wanted) == (Reason.OTHER_PATH, HUB)


def test_a_role_that_iam_does_not_have_is_gone(client: QueryClient) -> None:
    nobody = RoleArn.parse(f"arn:aws:iam::{ACCOUNT}:role/Nobody")
    records = IamReader(lambda: client, KEYS).role(str(nobody))
    assert records is not None
    missing = records.role_missing(nobody)
    assert missing is not None
    assert missing.reason is Reason.NO_SUCH_ROLE


@pytest.mark.parametrize(
    "refused",
    ["ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies", "GetPolicyVersion"],
)
def test_what_may_not_be_read_is_open(client: QueryClient, refused: str) -> None:
    stingy: Any = Stingy(client, refused)
    records = IamReader(lambda: stingy, KEYS).role(HUB)
    assert records is not None
    assert records.trust(HUB).documents
    assert records.permissions(HUB).missing


def test_a_role_that_may_not_be_read_is_not_known(client: QueryClient) -> None:
    stingy: Any = Stingy(client, "GetRole")
    assert IamReader(lambda: stingy, KEYS).role(HUB) is None


def test_how_many_have_a_managed_policy_is_read_if_iam_says_it(client: QueryClient) -> None:
    counting: Any = Counting(client, "")
    records = IamReader(lambda: client, KEYS).role(HUB)
    counted = IamReader(lambda: counting, KEYS).role(HUB)
    assert records is not None
    assert counted is not None
    assert (records.uses, counted.uses) == ({}, {LIMIT: 2})


class Stingy:
    """IAM of an account that refuses one call."""

    def __init__(self, client: QueryClient, refused: str) -> None:
        self.client = client
        self.refused = refused

    def call(
        self, service: Any, action: str, params: Mapping[str, str], signer: Credentials
    ) -> QueryResult:
        if action == self.refused:
            raise StsRefusal("AccessDenied", "no")
        return self.client.call(service, action, params, signer)


class Counting(Stingy):
    """IAM that says how many boundaries a policy is, as AWS does and moto does not."""

    def call(
        self, service: Any, action: str, params: Mapping[str, str], signer: Credentials
    ) -> QueryResult:
        found = super().call(service, action, params, signer)
        policy = found.root.find("GetPolicyResult/Policy")
        if policy is not None:
            SubElement(policy, "PermissionsBoundaryUsageCount").text = "1"
        return found
