"""The accounts of an organization: by OU, tag and state, with as few calls as AWS allows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.organizations import FleetAccounts, OrganizationAccountReader, OrganizationsApi
from rolehop.base.errors import ServiceError
from rolehop.config.account_query import OrganizationAccounts
from rolehop.walk.ports import StsRefusal
from tests.doubles.accounts.organizations import ROOT, Organization, error_json
from tests.doubles.endpoint import Answer, Endpoint
from tests.doubles.sts import StrictSts, User

PROD, PAY, DEV, SLASH = (f"ou-ab12-{each * 8}" for each in "1234")
BILLING, WEB, LAB, OLD, ROOTED = (digit * 12 for digit in "45678")


@pytest.fixture
def org(sts: StrictSts, alice: User) -> Organization:
    """Root: ROOTED, Prod (WEB, Payments (BILLING, OLD, suspended)), Dev (LAB)."""
    org = sts.world.organization
    org.readers.add(alice.arn)
    for unit, parent, name in (
        (PROD, ROOT, "Prod"),
        (PAY, PROD, "Payments"),
        (DEV, ROOT, "Dev"),
        (SLASH, DEV, "Prod/x"),
    ):
        org.add_unit(unit, parent, name)
    org.add_account(BILLING, PAY, "Billing & Co", tags={"env": "prod"})
    org.add_account(WEB, PROD, "web", tags={"env": "prod-eu", "team": "a", "c": "1"})
    org.add_account(LAB, DEV, "lab", tags={"env": "dev"})
    org.add_account(OLD, PAY, "old", state="SUSPENDED", tags={"env": "prod"})
    org.add_account(ROOTED, ROOT, "rooted")
    return org


def api_at(url: str, signer: User, naps: list[float], **more: Any) -> OrganizationsApi:
    settings = ClientSettings("eu-west-1", organizations_endpoint_url=url)
    return OrganizationsApi(settings, signer.credentials, sleep=naps.append, **more)


@pytest.fixture
def api(sts: StrictSts, alice: User, naps: list[float]) -> Iterator[OrganizationsApi]:
    made = api_at(sts.url, alice, naps)
    yield made
    made.close()


Listed = Callable[..., FleetAccounts]


@pytest.fixture
def listed(api: OrganizationsApi) -> Listed:
    reader = OrganizationAccountReader(api)

    def accounts(*units: str, **more: Any) -> FleetAccounts:
        return reader.accounts(OrganizationAccounts("org", units, **more))

    return accounts


def ids(found: FleetAccounts) -> set[str]:
    return {each.account for each in found.accounts}


@pytest.mark.parametrize("tells_paths", [True, False])
@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (["Prod"], {WEB: "Prod"}),
        (["Prod/*"], {WEB: "Prod", BILLING: "Prod/Payments"}),
        (["Prod/Pay*"], {BILLING: "Prod/Payments"}),
        (["*/Payments", "Dev"], {BILLING: "Prod/Payments", LAB: "Dev"}),
        (["Dev/*"], {LAB: "Dev"}),  # and none of the OU "Prod/x" in it
        ([""], {ROOTED: ""}),
        (["*"], {ROOTED: "", WEB: "Prod", BILLING: "Prod/Payments", LAB: "Dev"}),
    ],
)
def test_an_ou_is_meant_by_its_path(
    org: Organization,
    listed: Listed,
    units: list[str],
    expected: dict[str, str],
    tells_paths: bool,
) -> None:
    org.tells_paths = tells_paths
    found = listed(*units)
    assert {each.account: each.unit for each in found.accounts} == expected
    assert found.without_effect == ()


@pytest.mark.parametrize("tells_paths", [True, False])
def test_an_ou_s_id_means_all_below_it(
    org: Organization, listed: Listed, tells_paths: bool
) -> None:
    org.tells_paths = tells_paths
    assert ids(listed(PROD)) == {WEB, BILLING}
    assert "ListRoots" not in org.calls


def test_what_is_not_active_is_left_out_and_counted(org: Organization, listed: Listed) -> None:
    found = listed()
    assert ids(found) == {BILLING, WEB, LAB, ROOTED}
    assert found.left_out == ((OLD, "old", "SUSPENDED"),)
    assert {each.name for each in found.accounts} == {"Billing & Co", "web", "lab", "rooted"}
    # As AWS answered until it retired Status.
    org.accounts[WEB].more = {"State": None, "Status": "PENDING_CLOSURE"}
    assert listed().left_out == found.left_out  # nothing is asked twice


def test_tags_are_asked_for_what_fits_else(org: Organization, listed: Listed) -> None:
    found = listed("Prod/*", tags=(("env", "prod*"), ("team", "*")), exclude=("lab", BILLING, "x"))
    assert ids(found) == {WEB}
    assert org.calls.count("ListTagsForResource") == 2  # two pages of one account
    assert found.without_effect == ("exclude lab", "exclude x")  # lab is in another OU
    assert ids(listed(tags=(("env", "prod"),))) == {BILLING}


def test_every_account_has_the_path_of_its_ou_whatever_is_asked(
    org: Organization, listed: Listed
) -> None:
    paths = {BILLING: "Prod/Payments", WEB: "Prod", LAB: "Dev", ROOTED: ""}
    for units in ((), (PROD, DEV, "")):
        found = {each.account: each.unit for each in listed(*units).accounts}
        assert found == paths


def test_ous_that_are_not_told_are_not_known(org: Organization, listed: Listed) -> None:
    org.denied.add("ListOrganizationalUnitsForParent")
    for _ in range(2):
        assert {each.unit for each in listed().accounts} == {None, ""}
    assert org.calls.count("ListOrganizationalUnitsForParent") == 1
    with pytest.raises(StsRefusal, match="AccessDenied"):  # here they decide
        listed("Prod/*")


def test_without_paths_an_ou_is_known_only_where_the_tree_was_read(
    org: Organization, listed: Listed
) -> None:
    org.tells_paths = False
    assert {each.unit for each in listed().accounts} == {None}
    assert "ListRoots" not in org.calls


def test_tags_are_kept_once_they_were_asked_for(org: Organization, listed: Listed) -> None:
    org.accounts[LAB].tags["\x1b[31mnote"] = "a\nb" + "x" * 300
    tags = {each.account: each.tags for each in listed(reads_tags=True).accounts}
    assert tags[BILLING] == (("env", "prod"),)
    assert tags[ROOTED] == ()
    assert tags[LAB] == (("[31mnote", "a b" + "x" * 253), ("env", "dev"))
    some = listed(tags=(("team", "a"),)).accounts
    assert [dict(each.tags or ()) for each in some] == [{"env": "prod-eu", "team": "a", "c": "1"}]
    assert {each.tags for each in listed().accounts} == {None}


def test_a_name_excludes_as_aws_or_as_a_chain_has_it(org: Organization, listed: Listed) -> None:
    assert ids(listed(exclude=("Billing-*", "we?", "*oo*"))) == {LAB}
    assert ids(listed(exclude=("Billing & *",))) == {WEB, LAB, ROOTED}


def test_an_ou_or_a_tag_in_vain_is_said(org: Organization, listed: Listed) -> None:
    found = listed("Prd/*", "Dev")
    assert (ids(found), found.without_effect) == ({LAB}, ("ou Prd/*",))
    found = listed("Dev", tags=(("env", "dev"), ("team", "b"), ("Env", "*")))
    assert (ids(found), found.without_effect) == (set(), ("tag team=b", "tag Env=*"))


def test_an_empty_first_page_is_not_the_end(org: Organization, listed: Listed) -> None:
    org.begins_empty = True
    assert ids(listed("Prod/*")) == {WEB, BILLING}


def fill(org: Organization, count: int) -> None:
    """Put many accounts into ten OUs of Prod, 20 a page."""
    org.page = 20
    for number in range(10):
        org.add_unit(f"ou-ab12-team{number:04}", PROD, f"Team{number}")
    for number in range(count - len(org.accounts)):
        org.add_account(f"9{number:011}", f"ou-ab12-team{number % 10:04}", f"spoke{number}")


def test_a_thousand_accounts_take_the_fewest_calls(org: Organization, listed: Listed) -> None:
    fill(org, 1000)
    assert len(listed().accounts) == 999
    assert len(listed("Prod/*").accounts) == 997
    # With paths, only the names of OUs are missing: those in the root, and those in Prod.
    assert org.calls == ["ListAccounts"] * 50 + ["ListOrganizationalUnitsForParent"] * 2
    assert len(listed().accounts) == 999
    listed("Prod/Team3", "Prod/Team4")
    assert len(org.calls) == 52


def test_without_paths_the_tree_is_read_where_an_ou_may_be_meant(
    org: Organization, listed: Listed
) -> None:
    fill(org, 1000)
    org.tells_paths = False
    assert len(listed("Prod/Team3").accounts) == 100
    parents = ["ListRoots", *["ListOrganizationalUnitsForParent"] * 2]
    assert sorted(org.calls) == sorted(["ListAccounts", *parents, *["ListAccountsForParent"] * 5])


def test_throttling_is_waited_out(org: Organization, listed: Listed, naps: list[float]) -> None:
    org.throttled = [429, 400, 429, 429, 400, 429]
    assert len(listed().accounts) == 4
    assert len(naps) == 6


def test_throttling_to_the_end_is_said_to_be_that(alice: User, naps: list[float]) -> None:
    body = error_json("TooManyRequestsException", "Rate exceeded")
    with Endpoint() as aws:
        # It asks for more time than there is.
        aws.says = [Answer(429, body, {"Retry-After": str(after)}) for after in (1, 60)]
        api = api_at(aws.url, alice, naps, patience_seconds=19)
        with pytest.raises(ServiceError, match="is throttling ListAccounts") as caught:
            OrganizationAccountReader(api).accounts(OrganizationAccounts("org"))
    assert caught.value.throttled
    assert caught.value.cause == "TooManyRequestsException"
    assert len(naps) == 1


def test_a_list_that_broke_off_begins_anew(
    org: Organization, api: OrganizationsApi, listed: Listed
) -> None:
    org.accounts[LAB].more = {"Id": "12"}  # on the second page
    with pytest.raises(ServiceError, match="something unexpected"):
        listed()
    org.accounts[LAB].more = {}
    assert len(listed().accounts) == 4


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"Id": "44444444444"}, "not an account ID"),
        ({"Id": ["444444444444"]}, "not an account ID"),
        ({"Id": "٤" * 12}, "not an account ID"),
        ({"State": None}, "has no state"),
    ],
)
def test_what_no_account_is_like_is_refused(
    org: Organization, listed: Listed, more: dict[str, Any], cause: str
) -> None:
    org.accounts[WEB].more = more
    with pytest.raises(ServiceError) as caught:
        listed()
    assert cause in str(caught.value.cause)


ACCOUNT = {"Id": WEB, "Name": "web", "State": "ACTIVE"}


@pytest.mark.parametrize(
    ("pages", "cause"),
    [
        ([{"Accounts": {WEB: ACCOUNT}}], "Accounts is no list"),
        ([{}], "there is no account in it"),
        ([{"Accounts": []}], "there is no account in it"),
        ([{"Accounts": [ACCOUNT, None]}], "not an account ID"),
        ([{"Accounts": [ACCOUNT], "NextToken": 2}], "lead nowhere"),
        ([{"Accounts": [ACCOUNT], "NextToken": "a"}] * 2, "go round"),
        ([{"Accounts": [ACCOUNT], "NextToken": each} for each in "aba"], "go round"),
    ],
)
def test_a_list_without_its_rest_is_no_list(
    alice: User, naps: list[float], pages: list[dict[str, Any]], cause: str
) -> None:
    with Endpoint() as aws:
        reader = OrganizationAccountReader(api_at(aws.url, alice, naps))
        for _ in range(2):  # it begins anew, and says the same
            aws.says = [Answer(200, json.dumps(each).encode()) for each in pages]
            with pytest.raises(ServiceError) as caught:
                reader.accounts(OrganizationAccounts("org"))
            assert cause in str(caught.value.cause)


def test_a_tree_that_goes_round_is_no_tree(alice: User, naps: list[float]) -> None:
    none: dict[str, Any] = {"Accounts": []}
    both = {"OrganizationalUnits": [{"Id": PROD, "Name": "a"}, {"Id": PAY, "Name": "b"}]}
    pages = [{"Accounts": [ACCOUNT]}, {"Roots": [{"Id": ROOT}]}, none, both, none, both]
    with Endpoint() as aws:
        aws.says = [Answer(200, json.dumps(each).encode()) for each in pages]
        reader = OrganizationAccountReader(api_at(aws.url, alice, naps))
        with pytest.raises(ServiceError) as caught:
            reader.accounts(OrganizationAccounts("org", ("*",)))
    assert caught.value.cause == f"{PROD} is in two places"


def test_an_ou_that_is_called_like_an_id_is_not_meant_by_it(
    org: Organization, listed: Listed
) -> None:
    org.names[DEV] = PAY
    assert ids(listed(PAY)) == {BILLING}


def test_what_an_id_and_a_path_mean_is_there_once_and_neither_is_in_vain(
    org: Organization, listed: Listed
) -> None:
    org.tells_paths = False
    found = listed(PAY, "Prod/Payments", "Dev")
    assert [each.account for each in found.accounts] == [BILLING, LAB]
    assert ([each.account for each in found.left_out], found.without_effect) == ([OLD], ())


def test_a_name_is_one_visible_line(org: Organization, listed: Listed) -> None:
    org.accounts[WEB].name = "\x1b[31mweb\r\n\u202e two\ud800" + "x" * 300
    names = {each.account: each.name for each in listed().accounts}
    assert names[WEB].startswith("[31mweb two")
    assert len(names[WEB]) == 128


def test_who_may_not_is_told_so(org: Organization, listed: Listed) -> None:
    org.denied.add("ListTagsForResource")
    with pytest.raises(StsRefusal, match="AccessDenied"):
        listed(tags=(("env", "prod"),))
