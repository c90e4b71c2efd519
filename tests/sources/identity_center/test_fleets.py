"""Fleets whose accounts and roles are those that Identity Center assigns to whoever is signed in."""

from __future__ import annotations

import re
from typing import Any

from rolehop.config.account_query import IdentityCenterAccounts
from rolehop.config.listed_fleets import chains_of
from rolehop.config.model import ChainConfig, FleetListing, ListedAccount, ListedFleet
from tests.sources.identity_center.corp import CONFIG, HOME, Corp
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT

WEB, BILLING, OLD = "400000000000", "400000000001", "400000000002"
FLEETS = """
[fleets.mine]
accounts = { identity_center = "corp", exclude = ["old-*"] }
[fleets.admin]
accounts = { identity_center = "corp", role = "Admin" }
[fleets.some]
accounts = { identity_center = "corp", role = ["Admin", "Adimn"], exclude = ["nobody"] }
[fleets.below]
role = "{account}:role/Audit"
accounts = { identity_center = "corp", role = "Admin" }
"""


def give_accounts(corp: Corp) -> None:
    corp.center.names = {WEB: "web", BILLING: "Billing & Co", OLD: "old-1"}
    for account in (WEB, BILLING, OLD):
        corp.center.assign("alice", account, "Developer")
    for account in (WEB, BILLING):
        admin = corp.center.assign("alice", account, "Admin")
        corp.world.sts.world.role(f"arn:aws:iam::{account}:role/Audit", trusts=[admin])
    corp.center.suspended = {"400000000009"}
    corp.center.assign("alice", "400000000009", "Admin")
    corp.world.config(CONFIG + FLEETS)


def chains(corp: Corp, fleet: str) -> list[str]:
    done = corp.world.rolehop("list", fleet, "--format", "json")
    assert done.code == 0, done.err
    return [each["name"].removeprefix(f"{fleet}/") for each in done.json["chains"]]


def refreshed(corp: Corp, *names: str) -> dict[str, Any]:
    done = corp.world.rolehop("fleet", "refresh", *names, "--allow-removed", "--format", "json")
    assert done.code == 0, done.err
    return {each["name"]: each for each in done.json["fleets"]}


def test_fleets_of_one_source_are_listed_by_one_sign_in_and_asked_for_once(corp: Corp) -> None:
    give_accounts(corp)
    done = corp.world.rolehop("fleet", "refresh")
    assert (done.code, done.out) == (4, "")
    assert done.err.count("rolehop source login corp") == 1
    assert "rolehop: fleet 'below' is not listed: the same\n" in done.err
    corp.login()
    found = refreshed(corp)
    # ListAccounts, and ListAccountRoles of three accounts; then of the one that `mine` excludes.
    assert [each["calls"] for each in found.values()] == [4, 1, 0, 0]
    assert [each["left_out"] for each in found.values()] == [
        {}, *[{"NOT_ASSIGNED": 2}] * 3
    ]  # fmt: skip
    assert chains(corp, "mine") == [
        "account-111/Developer",
        *("Billing-Co/Developer", "Billing-Co/Admin", "web/Developer", "web/Admin"),
    ]
    assert chains(corp, "admin") == chains(corp, "below") == ["Billing-Co", "web"]
    assert chains(corp, "some") == ["Billing-Co/Admin", "web/Admin"]
    corp.center.assignments["alice"].remove((WEB, "Admin"))
    changes = {
        name: [(change["account"], change["changes"]) for change in each["changes"]]
        for name, each in refreshed(corp, "mine", "admin").items()
    }
    assert changes == {"mine": [(WEB, ["roles"])], "admin": [(WEB, ["removed"])]}
    corp.center.assign("alice", WEB, "Audit")
    shown = corp.world.rolehop("fleet", "refresh", "mine").out
    assert f"~   {WEB}   web    roles: +Audit\n" in shown
    corp.center.end_all()
    assert corp.world.rolehop("fleet", "refresh", "--no-prompt").code == 4
    assert chains(corp, "admin") == ["Billing-Co"]


def test_each_chain_starts_in_its_account_and_its_role(corp: Corp) -> None:
    give_accounts(corp)
    corp.login()
    refreshed(corp)
    planned = corp.world.rolehop("each", "admin", "--dry-run", "--", "echo", "{account}")
    assert "admin/Billing-Co   Billing & Co   " in planned.out
    assert re.search("admin/web +web +Admin ", corp.world.rolehop("list", "admin").out)
    done = corp.world.rolehop(
        "each", "mine/web/*", f"mine/{HOME}/*", "below", "--", "echo", "{account}:{role}"
    )
    assert done.code == 0, done.err
    roles = sorted(each.rsplit("_", 1)[0] for each in done.out.split())
    assert roles == [
        f"{HOME}:AWSReservedSSO_Developer",
        *(f"{WEB}:AWSReservedSSO_Admin", f"{WEB}:AWSReservedSSO_Developer", f"{WEB}:Audit"),
        f"{BILLING}:Audit",
    ]
    with OnTerminal(corp.world, SCRIPT, "each", "admin", "--confirm", "--", "true") as person:
        person.expect("2 chains above")
        assert f"admin/web: role Admin in account web ({WEB})" in person.shown
        person.types("n")
        person.ended()
    for account in (WEB, BILLING):
        corp.center.assignments["alice"].remove((account, "Admin"))
    refused = corp.world.rolehop("refresh", "below/Billing-Co")
    assert refused.code == 5
    assert "rolehop fleet refresh below" in refused.err
    refreshed(corp)
    assert "1 session forgotten" in corp.world.rolehop("logout", "below/web").err


def test_a_source_that_is_pinned_to_one_account_has_no_fleet(corp: Corp) -> None:
    pinned = 'principal = "arn:aws:sts::111111111111:assumed-role/X/alice"\n\n[chains.own]'
    corp.world.config(CONFIG.replace("[chains.own]", pinned) + FLEETS.partition("[fleets.some]")[0])
    done = corp.world.rolehop("config", "check")
    assert done.code == 3
    assert done.err.count("is of one account") == 2


def test_a_role_that_no_name_of_a_chain_may_have_is_spelled_otherwise() -> None:
    roles = ("A=B", "A-B", "read,only", "=")
    assert named(*roles) == {
        "A=B": "f/web/A-B-52b82c13",
        "A-B": "f/web/A-B",
        "read,only": "f/web/read-only",
        "=": "f/web/role-380918b9",
    }
    assert len({*named(*roles, "A-B-52b82c13", "role-380918b9").values()}) == 6


def named(*roles: str) -> dict[str | None, str]:
    account = ListedAccount(WEB, "web", roles=roles, spelled="web")
    fleet = ListedFleet(
        "f",
        IdentityCenterAccounts("corp"),
        ChainConfig("f/", source="corp", fleet="f"),
        lambda fleet: FleetListing((account,)),
        chains_of,
    )
    return {each.account_role: each.name for each in fleet.chains.values()}


def test_a_thousand_accounts_are_not_lost_in_silence(corp: Corp) -> None:
    """With throttling, and roles that are taken away; a tenth of the chains may go."""
    accounts = [f"5{number:011}" for number in range(1_000)]
    for account in accounts:
        corp.center.assign("alice", account, "Admin")
        corp.center.names[account] = f"spoke{int(account[1:])}"
    corp.world.config(CONFIG + FLEETS.partition("[fleets.admin]")[0])
    corp.login()
    corp.center.throttles_every = 400
    mine = refreshed(corp)["mine"]
    assert (mine["accounts"], mine["stored"], mine["calls"] >= 1_012) == (1_001, True, True)
    assigned = corp.center.assignments["alice"]
    for account in accounts[:101]:
        assigned.remove((account, "Admin"))
    done = corp.world.rolehop("fleet", "refresh", "--format", "json")
    (mine,) = done.json["fleets"]
    assert (done.code, mine["stored"], mine["accounts"]) == (3, False, 1_001)
    assert {each["account"] for each in mine["changes"]} == set(accounts[:101])
    assert "101 of its 1001 chains are missing" in " ".join(done.err.split())
    assigned.append((accounts[0], "Admin"))
    corp.center.names[accounts[0]] = "renamed"
    corp.center.names[accounts[500]] = "spoke0"
    done = corp.world.rolehop("fleet", "refresh", "--no-prompt")
    assert (done.code, "--accept-move mine/spoke0\n" in done.err) == (8, True), done.err
    (mine,) = corp.world.rolehop(
        "fleet", "refresh", "--accept-move", "mine/spoke0", "--format", "json"
    ).json["fleets"]
    assert (mine["stored"], mine["accounts"]) == (True, 901)
