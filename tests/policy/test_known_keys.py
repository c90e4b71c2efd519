"""Condition keys and exemptions that are known without a document."""

from __future__ import annotations

import json

import pytest

from rolehop.policy.chains.model import (
    StartingCredentials,
)
from rolehop.policy.inventory.aws_cli_output import read_inventory
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.inventory.json_path import InvalidInventory
from rolehop.startup.dataclass import replace
from tests.policy.helpers.requests import KEYS, asked


def test_keys_that_are_always_or_never_there_are_known() -> None:
    for number, each in enumerate(asked(KEYS), start=1):
        context = each.context
        account = ("222222222222", "333333333333")[number - 1]
        assert context.lookup("aws:ResourceAccount") == (account,)
        assert context.lookup("aws:ViaAWSMCPService") == ("false",)
        for key in ("aws:CalledViaFirst", "aws:CalledViaLast", "aws:CalledViaAWSMCP"):
            assert context.lookup(key) is None


def test_the_session_of_a_source_is_no_older_than_a_session_can_be() -> None:
    session = StartingCredentials("arn:aws:sts::111111111111:assumed-role/Dev/me", mfa=False)
    first, _ = asked(session)
    assert first.context.range_of("aws:TokenIssueTime") == (
        "2026-06-01T00:00:00Z",
        "2026-06-01T12:00:00Z",
    )
    first, _ = asked(replace(KEYS, long_lived=False, mfa=None))
    assert first.context.range_of("aws:TokenIssueTime") is None  # GetSessionToken, or no session


def test_the_management_account_is_exempt_from_scps_and_rcps() -> None:
    nothing = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*"}}'
    scp = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
    for management, there in ((frozenset[str](), True), (frozenset({"111111111111"}), False)):
        records = IamInventory(
            scps={"*": (scp,)}, rcps={"*": (nothing,)}, management_accounts=management
        )
        assert records.scp("111111111111").there is there
        assert records.rcp("111111111111").there is there
        assert records.scp("222222222222").there


def test_describe_organization_names_the_management_account() -> None:
    text = json.dumps({"Organization": {"Id": "o-1", "MasterAccountId": "111111111111"}})
    assert read_inventory(text).management_accounts == {"111111111111"}
    with pytest.raises(InvalidInventory, match="account ID of 12 digits"):
        read_inventory(text.replace("111111111111", "1"))
