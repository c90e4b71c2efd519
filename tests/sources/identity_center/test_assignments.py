"""The accounts and roles of the person who signed in: how many calls it takes, and what may go wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rolehop.base.errors import HopRefused, ServiceError, SourceError
from rolehop.sources import identity_center
from rolehop.sources.assignments import Assignments
from rolehop.sources.context import KeyStore
from rolehop.sources.source_type import Login
from tests.doubles.web import Reply
from tests.sources.identity_center.corp import HOME, ApprovedAtOnce, Corp, here

ACCOUNTS, ROLES = "/assignment/accounts", "/assignment/roles"


@pytest.fixture
def assignments(corp: Corp, key_store: KeyStore) -> Callable[..., Assignments]:
    """Return what makes an `Assignments` of somebody who is signed in.

    A wait takes no time, and uses up so much of what the listing may take.
    """
    made: list[Assignments] = []

    def sleep(seconds: float) -> None:
        for each in made:
            each._until -= seconds

    corp.center.devices = ApprovedAtOnce()
    source, context = here(corp, key_store, sleep)
    identity_center.login(source, context, Login(browser=False))
    corp.center.asked.clear()
    corp.center.listed = 0

    def make(seconds: float = 10_000.0) -> Assignments:
        made.append(Assignments(source, context, seconds=seconds))
        return made[-1]

    return make


def give(corp: Corp, count: int, *roles: str) -> list[str]:
    accounts = [f"{400000000000 + number}" for number in range(count)]
    for each in accounts:
        corp.center.assignments["alice"] += [(each, role) for role in roles]
    return accounts


def every(account: str, name: str) -> bool:
    del account, name
    return True


def test_a_thousand_accounts_take_the_fewest_calls_though_they_are_throttled(
    corp: Corp, assignments: Callable[..., Assignments]
) -> None:
    accounts = give(corp, 1_000, "Developer", "Audit")
    corp.center.suspended = {HOME, accounts[7]}
    corp.center.throttles_every = 20
    listing = assignments()
    found = listing.read(every)
    assert [each.account for each in found] == [each for each in accounts if each != accounts[7]]
    assert {each.roles for each in found} == {("Developer", "Audit")}
    assert found[0].name == "account 000"
    answered = corp.center.listed - corp.center.listed // 20
    assert answered == 10 + 999
    # Another fleet of the same source asks nothing again.
    assert listing.read(lambda account, name: name == "account 001")[0] == found[1]
    assert corp.center.listed - corp.center.listed // 20 == answered


def test_the_roles_of_an_account_that_is_left_out_are_not_asked_for(
    corp: Corp, assignments: Callable[..., Assignments]
) -> None:
    corp.center.page = 2
    corp.center.names[HOME] = "Corp\x1b[31m home"
    give(corp, 3, "A", "B", "C")
    found = assignments().read(lambda account, name: account == HOME and name == "Corp[31m home")
    assert [each.roles for each in found] == [("Developer",)]
    assert (corp.center.paths().count(ACCOUNTS), corp.center.paths().count(ROLES)) == (2, 1)


def test_a_sign_in_that_is_refreshed_meanwhile_asks_nothing_again(
    corp: Corp, assignments: Callable[..., Assignments]
) -> None:
    give(corp, 40, "Developer")
    corp.center.say(ROLES, Reply(401, {"message": "Session token not found or invalid"}))
    assert len(assignments().read(every)) == 41
    assert (corp.center.paths().count(ACCOUNTS), corp.center.paths().count(ROLES)) == (1, 42)


def test_an_account_that_was_taken_away_meanwhile_has_no_role(
    corp: Corp, assignments: Callable[..., Assignments]
) -> None:
    named = {"x-amzn-ErrorType": "ForbiddenException"}
    corp.center.say(ROLES, Reply(403, {"message": "No access"}, headers=named))
    assert [each.roles for each in assignments().read(every)] == [()]


@pytest.mark.parametrize(
    ("path", "reply", "error", "words"),
    [
        (ROLES, Reply(429, {}), ServiceError, "throttles; the roles in 0 of 4 are known"),
        (ACCOUNTS, Reply(429, {}), ServiceError, "Identity Center throttles"),
        (ROLES, Reply(500, {}), ServiceError, "failed at ListAccountRoles"),
        (ACCOUNTS, Reply(400, {"message": "no"}), HopRefused, "does not list the accounts"),
        (ACCOUNTS, Reply(json={"accountList": 3}), ServiceError, "accountList is missing"),
        (ACCOUNTS, Reply(json={"accountList": [7]}), ServiceError, "not an account ID"),
        (ACCOUNTS, Reply(json={"accountList": [{"accountId": "1"}]}), ServiceError, '"1"'),
        (ACCOUNTS, Reply(json={"accountList": [], "nextToken": 7}), ServiceError, "lead nowhere"),
        (ROLES, Reply(json={"roleList": [], "nextToken": "a"}), ServiceError, "go round"),
        (ROLES, Reply(json={"roleList": [{"roleName": "A\u202e"}]}), ServiceError, "not a role"),
        (ROLES, Reply(json={"roleList": [{"roleName": "A" * 9999}]}), ServiceError, "not a role"),
        (ROLES, Reply(json={"roleList": [{}]}), ServiceError, "not a role"),
        # Not the portal's: a proxy's, who has nothing to say about the account.
        (ROLES, Reply(403, {"message": "no"}), HopRefused, "HTTP 403"),
        (ROLES, Reply(401, {"message": "no"}), SourceError, "rolehop source login corp"),
    ],
)
def test_nothing_is_left_out_if_a_call_fails(
    corp: Corp,
    assignments: Callable[..., Assignments],
    path: str,
    reply: Reply,
    error: type[Exception],
    words: str,
) -> None:
    give(corp, 3, "Developer")
    corp.center.say(path, reply, times=10_000)
    with pytest.raises(error) as found:
        assignments(300.0).read(every)
    assert words in str(found.value)
