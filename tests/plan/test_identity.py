"""Whose credentials a source gives: who is another one than the config asks for."""

from __future__ import annotations

import pytest

from rolehop.base.errors import SourceError
from rolehop.config.model import SourceConfig
from rolehop.plan.identity import (
    NOBODY,
    Principal,
    caller_name,
    check_principal,
    is_caller_known,
    principal_name,
    principal_of,
    principal_of_source,
    wrong_caller,
)

ALICE = "arn:aws:iam::111111111111:user/alice"
DEV = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Dev_0a1b/bob"
HUB = "arn:aws:sts::222222222222:assumed-role/Hub/s1"


def source(kind: str = "keys", principal: str | None = None, **settings: object) -> SourceConfig:
    return SourceConfig("corp", kind, settings, principal=principal)


PORTAL = source("identity-center", account="111111111111", role="Dev")


@pytest.mark.parametrize(
    ("made", "arn", "wanted"),
    [
        (source(), ALICE, None),
        (source(principal=ALICE), ALICE, None),
        (source(principal=ALICE), f"{ALICE}2", ALICE),
        (source(principal="arn:aws:iam::222222222222:role/x/Hub"), HUB, None),
        (source(principal=HUB), "arn:aws:iam::222222222222:role/Hub", HUB),
        (source(account="111111111111"), ALICE, None),
        (source(account="222222222222"), ALICE, "of account 222222222222"),
        (source(account="corp"), ALICE, None),  # no account ID: nothing to compare
        (source(account=111111111112), ALICE, None),
        (PORTAL, DEV, None),
        (PORTAL, DEV.replace("Dev_", "dev_"), None),
        (PORTAL, DEV.replace("Dev_", "Admin_"), "a session of permission set Dev"),
        (PORTAL, DEV.replace("AWSReservedSSO_", ""), "a session of permission set Dev"),
        (PORTAL, ALICE, "a session of permission set Dev"),
        (PORTAL, f"{ALICE[:-5]}AWSReservedSSO_Dev_0a1b", "a session of permission set Dev"),
        (PORTAL, DEV.replace("1111", "2222"), "of account 111111111111"),
        (source(role="222222222222:role/Hub"), HUB, None),
        (source(role="222222222222:role/Hub"), HUB.replace("aws:", "aws-cn:"), None),
        (source(role="arn:aws:iam::222222222222:role/Hub"), HUB.replace("aws:", "aws-cn:"),
         "arn:aws:iam::222222222222:role/Hub"),
        (source(role="222222222222:role/Admin"), HUB, "arn:aws:iam::222222222222:role/Admin"),
        (source(role="222222222222:role/Admin"), "no ARN", "arn:aws:iam::222222222222:role/Admin"),
        (source("instance", role="hub-of-this-machine"), HUB, None),
    ],
)  # fmt: skip
def test_who_a_source_must_be(made: SourceConfig, arn: str, wanted: str | None) -> None:
    assert wrong_caller(made, arn) == wanted


@pytest.mark.parametrize(
    ("made", "known"),
    [
        (source(), False),
        (source(principal=ALICE), True),
        (source("process", account="111111111111", role="Dev"), False),
        (source("identity-center"), False),
        (source("identity-center", account="111111111111"), True),
        (source("identity-center", role="Dev"), True),
        (source("identity-center", principal=ALICE), True),
    ],
)
def test_only_the_config_can_say_whose_session_the_access_portal_gave(
    made: SourceConfig, known: bool
) -> None:
    assert is_caller_known(made) is known


def test_another_caller_is_an_error_that_names_both() -> None:
    check_principal(source(principal=ALICE), ALICE)
    with pytest.raises(SourceError) as caught:
        check_principal(source(principal=ALICE), HUB)
    assert (HUB in caught.value.what, ALICE in str(caught.value.cause)) == (True, True)
    assert "'principal'" in str(caught.value.fix)
    with pytest.raises(SourceError) as caught:
        check_principal(PORTAL, HUB)
    assert caught.value.fix == "rolehop source test corp"


@pytest.mark.parametrize("arn", ["::user/alice", "arn:aws:iam::1:user/alice", "x:assumed-role/a/b"])
def test_what_is_no_principal_has_no_name(arn: str) -> None:
    assert caller_name(arn) is None


@pytest.mark.parametrize(
    ("principal", "name"),
    [(None, None), (ALICE, "alice"), ("arn:aws:iam::222222222222:role/Hub", None)],
)
def test_a_principal_says_a_name_if_it_is_somebody(principal: str | None, name: str | None) -> None:
    assert principal_name(source(principal=principal)) == name


@pytest.mark.parametrize(
    ("arn", "account", "role"),
    [
        (HUB, "222222222222", "Hub"),
        ("arn:aws:iam::222222222222:role/Hub", "222222222222", "Hub"),
        ("arn:aws-cn:iam::222222222222:role/a/b/Hub", "222222222222", "Hub"),
        ("222222222222:role/a/Hub", "222222222222", "Hub"),
        ("arn:aws:iam::222222222222:role/a:b/Hub", "222222222222", "Hub"),
        ("222222222222:role/a:b:c:role/Hub", "222222222222", "Hub"),
        ("arn:aws:sts::222222222222:assumed-role/Hub/me@x/y", "222222222222", "Hub"),
        ("arn:aws:sts::222222222222:assumed-role/Hub/a:b", "222222222222", "Hub"),
        (DEV, "111111111111", "Dev"),
        ("arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_My_Set_0a/b", "111111111111", "My_Set"),
        ("111111111111:role/AWSReservedSSO_Dev_0a1b", "111111111111", "Dev"),
        ("111111111111:role/Dev_AWSReservedSSO_", "111111111111", "Dev_AWSReservedSSO_"),
        (ALICE, "111111111111", ""),
        ("arn:aws:iam::111111111111:root", "111111111111", ""),
        ("arn:aws:sts::111111111111:federated-user/bob", "111111111111", ""),
        ("222222222222:role/{role}", "222222222222", ""),
    ],
)  # fmt: skip
def test_an_arn_in_the_words_of_a_screen(arn: str, account: str, role: str) -> None:
    assert principal_of(arn) == Principal(account, role)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::22222222222:role/Hub",
        "arn:aws:iam::2222222222222:role/Hub",
        "arn:aws:iam::aws:role/ReadOnly",
        "arn:aws:iam::22222222222x:role/Hub",
        "arn:aws:iam::22222222222\u0662:role/Hub",
        "Hub",
        "",
    ],
)
def test_what_has_no_account_is_nobody(arn: str) -> None:
    assert principal_of(arn) == NOBODY == ("", "")


@pytest.mark.parametrize(
    ("made", "caller", "found"),
    [
        (PORTAL, None, ("111111111111", "Dev")),
        # What the config asks for goes before what AWS said the last time.
        (PORTAL, HUB, ("111111111111", "Dev")),
        (source("identity-center", account="corp", role="Dev"), None, ("", "")),
        (source("identity-center", account="corp", role="Dev"), DEV, ("111111111111", "Dev")),
        (source("identity-center", account="111111111111"), None, ("111111111111", "")),
        (source("identity-center", account="111111111111"), DEV, ("111111111111", "Dev")),
        (source("identity-center", account=111111111111, role="Dev"), None, ("", "")),
        (source("identity-center", account="111111111111", role=1), None, ("111111111111", "")),
        (source(role="222222222222:role/Hub"), None, ("222222222222", "Hub")),
        (source("instance", role="hub-of-this-machine"), None, ("", "")),
        (source("instance", role="hub-of-this-machine"), HUB, ("222222222222", "Hub")),
        (source(role=1), None, ("", "")),
        (source(account="222222222222"), None, ("", "")),
        (source(principal=HUB), DEV, ("222222222222", "Hub")),
        # Of several, the first that says account and role.
        (source(principal=ALICE), None, ("111111111111", "")),
        (source(principal=ALICE), HUB, ("222222222222", "Hub")),
        (source(principal=ALICE), f"{ALICE[:-5]}bob", ("111111111111", "")),
        (source(), HUB, ("222222222222", "Hub")),
        (source(), None, ("", "")),
    ],
)
def test_whose_session_a_source_gives(
    made: SourceConfig, caller: str | None, found: tuple[str, str]
) -> None:
    assert principal_of_source(made, caller) == found
