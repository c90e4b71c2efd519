"""Whose policy a change is for, by the document's name for people."""

from __future__ import annotations

import pytest

from rolehop.commands.explain.fixed_document import Owner, is_of_another, owner_of
from rolehop.policy import PolicyType
from rolehop.policy.remedies import policy_change
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange

STATEMENT = {"Effect": "Allow", "Action": "*", "Resource": "*"}
MEMBER = {"account": "222222222222"}


@pytest.mark.parametrize(
    ("kind", "document", "owner"),
    [
        ("TRUST", "trust policy", {**MEMBER, "kind": "role", "name": "Hub", "policy": ""}),
        ("PERMISSIONS", "inline policy go of user ann", {**MEMBER, "kind": "user", "name": "ann", "policy": "go"}),
        ("PERMISSIONS", "a new inline policy of role Hub", {**MEMBER, "kind": "role", "name": "Hub"}),
        ("BOUNDARY", "boundary policy Edge of role Hub", {**MEMBER, "kind": "policy", "name": "Edge", "policy": "Edge"}),
        ("SCP", "SCP p-1 at root r-1", {"kind": "service_control_policy", "policy": "p-1", "id": None}),
        ("RCP", "the RCP", {"kind": "resource_control_policy", "policy": None, "id": None}),
        ("PERMISSIONS", "something else", {}),
    ],
)  # fmt: skip
def test_the_owner_of_a_document(kind: str, document: str, owner: Owner) -> None:
    change = PolicyChange(
        hop=1,
        policy_type=PolicyType[kind],
        owner=next(iter(policy_change.Owner)),
        member="222222222222",
        document=document,
        kind=next(iter(ChangeKind)),
        statement=STATEMENT,
    )
    assert owner_of(change, "arn:aws:iam::222222222222:role/team/Hub") == owner


def test_an_old_version_of_a_managed_policy_is_another() -> None:
    owner = {"kind": "policy", "name": "Edge", "policy": "Edge"}
    version = {"VersionId": "v1", "IsDefaultVersion": False, "Document": {}}
    assert is_of_another(version, ("Document",), owner)
    assert not is_of_another({**version, "IsDefaultVersion": True}, ("Document",), owner)
