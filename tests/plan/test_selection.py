"""What selects chains: names, patterns, labels, tags, OUs, accounts and roles."""

from __future__ import annotations

import pytest

from rolehop.base.dataclass import replace
from rolehop.config.account_query import (
    AccountQuery,
    IdentityCenterAccounts,
    OrganizationAccounts,
)
from rolehop.config.model import ChainConfig, FleetListing, HopConfig, ListedFleet
from rolehop.plan.selection import (
    ChainEnd,
    Selector,
    is_pattern,
    may_select,
    selector,
    selects,
    untold,
)

BILLING = "4" * 12
MEMBER = ChainConfig(
    "prod/Billing-Co",
    continues="hub",
    hops=(HopConfig("{account}:role/ops/Audit"),),
    labels={"env": "prod", "team": "a=b"},
    fleet="prod",
    account=BILLING,
    account_name="Billing & Co",
    account_tags={"env": "prod-eu", "cost center": "1/2"},
    unit="Prod/Payments",
)
END = ChainEnd(BILLING, "Audit", ("Billing & Co", "Billing-Co"))
ROOTED = replace(MEMBER, unit="")
PLAIN = ChainConfig("hub", source="me")


def nobody() -> ChainEnd:
    raise AssertionError("where it ends does not decide")


@pytest.mark.parametrize(
    "typed",
    [
        *("prod/Billing-Co", "prod/*", "p*", "*", "prod/", f"prod/{BILLING}", "prod/[AB]*"),
        *("label:env", "label:env=prod", "label:e?v=p*", "label:team=a=b"),
        *("tag:env", "tag:env=prod*", "tag:cost center=1/?", "tag:*=prod-eu"),
        *("ou:Prod/Payments", "ou:Prod/*", "ou:Prod/Payments/*", "ou:*/Payments", "ou:*"),
    ],
)
def test_what_a_chain_s_own_words_select(typed: str) -> None:
    assert selects(selector(typed), MEMBER, nobody)


@pytest.mark.parametrize(
    "typed",
    [
        *("prod", "Prod/Billing-Co", "billing-co", BILLING, "rod/*", "prod/b*", "", "/"),
        *("label:", "label:ENV", "label:env=", "label:env=dev", "label:prod"),
        *("tag:", "tag:env=prod", "tag:env=", "tag:team", "tag:Env", "Tag:env"),
        *("ou:", "ou:Prod", "ou:Payments", "ou:prod/*", "ou:Prod/", "ou:Prod/Pay"),
    ],
)
def test_what_they_do_not(typed: str) -> None:
    assert not selects(selector(typed), MEMBER, nobody)


@pytest.mark.parametrize(
    ("typed", "selected"),
    [
        (f"account:{BILLING}", True),
        ("account:4*", True),
        ("account:billing*", True),
        ("account:BILLING-CO", True),
        ("account:Billing & Co", True),
        ("account:5*", False),
        ("account:44", False),
        ("account:", False),
        ("role:Audit", True),
        ("role:A*", True),
        ("role:audit", False),
        ("role:ops/Audit", False),
        ("role:", False),
    ],
)
def test_where_it_ends(typed: str, selected: bool) -> None:
    assert selects(selector(typed), MEMBER, lambda: END) is selected


@pytest.mark.parametrize("typed", ["account:*", "role:*", "tag:*", "ou:*", "label:*"])
def test_nothing_is_selected_by_what_is_not_known_of_it(typed: str) -> None:
    assert not selects(selector(typed), PLAIN, ChainEnd)


def test_the_root_has_an_empty_path() -> None:
    assert selects(selector("ou:"), ROOTED, nobody)
    assert selects(selector("ou:*"), ROOTED, nobody)
    assert not selects(selector("ou:Prod/*"), ROOTED, nobody)


@pytest.mark.parametrize(
    ("typed", "key", "pattern", "one"),
    [
        ("prod-admin", "", False, True),
        ("prod/web", "", False, True),
        ("prod/", "", False, False),
        ("prod/*", "", True, False),
        ("tag:env", "tag", True, False),
        ("account:4", "account", True, False),
        ("other:env", "", False, True),
        ("ou", "", False, True),
        ("", "", False, True),
    ],
)
def test_what_was_typed_is_taken_apart(typed: str, key: str, pattern: bool, one: bool) -> None:
    found = selector(typed)
    assert (found.key, is_pattern(typed), found.is_one_name) == (key, pattern, one)
    assert typed.endswith(found.wanted)


def fleet(query: AccountQuery, template: ChainConfig = MEMBER) -> ListedFleet:
    return ListedFleet("prod", query, template, lambda _: FleetListing(), lambda *_: ())


ORGANIZATION, CENTER = OrganizationAccounts("org"), IdentityCenterAccounts("corp")


@pytest.mark.parametrize(
    ("typed", "organization", "center"),
    [
        ("prod", True, True),
        ("prod/w", True, True),
        ("pr*", True, True),
        ("*web", True, True),
        ("hub", False, False),
        ("hub/*", False, False),
        ("label:env=prod", True, True),
        ("label:env=dev", False, False),
        ("tag:env=dev", True, False),
        ("ou:Dev/*", True, False),
        ("account:5*", True, True),
        ("role:Audit", True, True),
        ("role:Aud*", True, True),
        ("role:Admin", False, False),
        ("prodigal", False, False),
        ("tag:a:b=c", True, False),
    ],
)
def test_a_fleet_is_left_alone_if_none_of_its_chains_can_be_meant(
    typed: str, organization: bool, center: bool
) -> None:
    assert may_select(selector(typed), fleet(ORGANIZATION)) is organization
    assert may_select(selector(typed), fleet(CENTER)) is center


@pytest.mark.parametrize("role", ["{account}:role/{account_name}", None])
def test_a_fleet_whose_roles_differ_may_have_any(role: str | None) -> None:
    template = replace(MEMBER, hops=() if role is None else (HopConfig(role),))
    assert may_select(selector("role:Admin"), fleet(CENTER, template))


def test_what_aws_was_not_asked_for_is_not_known() -> None:
    tag, unit, name = map(selector, ("tag:env", "ou:Prod", "prod/*"))
    assert untold([name, tag, unit], MEMBER) is None
    assert untold([name, tag, unit], replace(MEMBER, account_tags=None)) == Selector("tag", "env")
    assert untold([name, tag, unit], replace(MEMBER, unit=None)) == Selector("ou", "Prod")
    assert untold([name], PLAIN) is None


def test_only_the_first_colon_ends_a_key() -> None:
    assert selector("tag:a:b=c") == Selector("tag", "a:b=c")
    assert selector("a:b") == Selector("", "a:b")


def test_a_fleet_means_its_chains_whatever_they_are_called() -> None:
    own = ChainConfig("admin", source="corp", fleet="sso", account=BILLING)
    assert selects(selector("sso/"), own, nobody)
    assert selects(selector("sso/*"), own, nobody)
    assert not selects(selector("sso"), own, nobody)
