"""Fleets whose accounts come from AWS: listed once, then used offline by every command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.base.digest import checked_line
from rolehop.vault.account_names import noted_names
from rolehop.vault.notes import without_seal
from tests.doubles.accounts.organizations import ROOT, Organization
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import HUB, MFA_SERIAL, SCRIPT, World, mfa_code, temporary_world

ORG = "arn:aws:iam::999999999999:role/OrgReader"
PROD, PAY = "ou-ab12-11111111", "ou-ab12-22222222"
BILLING, WEB, TWIN, OLD, LAB = (digit * 12 for digit in "45678")
CONFIG = """
[sources.me]
type = "environment"

[chains.hub]
source = "me"
hops = [{ role = "222222222222:role/Hub" }]

[chains.org]
source = "me"
hops = [{ role = "999999999999:role/OrgReader" }]

[chains.beyond]
from = "prod/web"
hops = [{ role = "333333333333:role/Admin" }]

[fleets.prod]
from = "hub"
role = "{account}:role/Audit"
session_name = "at-{account_name}"
labels = { env = "prod" }
accounts = { organization = "org", ou = ["Prod/*"], exclude = ["lab"] }
"""
ASK = "rolehop fleet refresh prod"


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with temporary_world() as world:
        set_up(world)
        yield world


def set_up(world: World) -> None:
    world.config(CONFIG)
    aws = world.sts.world
    aws.role(ORG, trusts=[world.alice.arn])
    aws.role(f"arn:aws:iam::{TWIN}:role/Audit", trusts=[HUB])
    org = aws.organization
    org.page = 20
    org.readers.add(ORG)
    org.add_unit(PROD, ROOT, "Prod")
    org.add_unit(PAY, PROD, "Payments")
    give_accounts(org)


def give_accounts(org: Organization) -> None:
    org.add_account(BILLING, PAY, "Billing & Co")
    org.add_account(WEB, PROD, "web")
    org.add_account(OLD, PROD, "old", state="SUSPENDED")
    org.add_account(LAB, PROD, "lab")


@pytest.fixture
def world(shared: World) -> World:
    """The accounts as they are at first; nothing is listed."""
    org = organization(shared)
    for account in (BILLING, WEB, TWIN, OLD, LAB):
        org.parents.pop(account, None)
        org.accounts.pop(account, None)
    give_accounts(org)
    shared.config(CONFIG)
    for file in (*(shared.state / "fleets").glob("*"), shared.state / "account-names.json"):
        file.unlink(missing_ok=True)
    return shared


def organization(world: World) -> Organization:
    return world.sts.world.organization


def names(world: World, *patterns: str) -> list[str]:
    done = world.rolehop("list", *patterns, "--format", "json")
    assert done.code == 0, done.err
    return [each["name"] for each in done.json["chains"]]


def stored(world: World) -> Path:
    (file,) = (world.state / "fleets").glob("*.json")
    return file


def edit(world: World, **changes: Any) -> None:
    file = stored(world)
    fields = json.loads(without_seal(file.read_text())[0])
    del fields["check"]
    file.write_text(checked_line(json.dumps({**fields, **changes})))


def test_without_a_list_no_call_is_made_and_the_command_is_named(world: World) -> None:
    before = len(organization(world).calls), len(world.sts.calls)
    listed = world.rolehop("list")
    assert (listed.code, "hub" in listed.out) == (0, True)
    assert ASK in listed.err
    for arguments in (
        ["plan", "prod/web"],
        ["plan", "beyond"],
        ["show", "prod"],
        ["list", "prod"],
        ["each", "*", "--dry-run", "--", "true"],
        ["refresh", "pro?/w*", "label:env=prod"],
        ["check", "prod"],
    ):
        done = world.rolehop(*arguments)
        assert (done.code, ASK in done.err, done.out) == (3, True, ""), (arguments, done)
    every = world.rolehop("check", "--offline")
    assert (every.code, f"next: {ASK}\n" in every.out) == (3, True)
    assert world.rolehop("plan", "hub").code == 0
    assert world.rolehop("each", "hub", "--dry-run", "--", "true").code == 0
    assert world.rolehop("config", "check").code == 0
    assert (len(organization(world).calls), len(world.sts.calls)) == before


def test_a_refresh_lists_and_then_shows_what_changed(world: World) -> None:
    first = world.rolehop("fleet", "refresh")
    assert first.code == 0, first.err
    assert first.out == "prod  2 accounts; left out: 1 suspended\n"
    assert names(world, "prod") == ["prod/Billing-Co", "prod/web"]
    assert stored(world).stat().st_mode & 0o777 == 0o600
    same = world.rolehop("fleet", "refresh", "prod")
    assert same.out == "prod  2 accounts; left out: 1 suspended; nothing changed\n"
    org = organization(world)
    org.accounts[BILLING].name = "Billing"
    org.parents[WEB] = PAY
    org.accounts[OLD].state = "ACTIVE"
    org.add_account(TWIN, PROD, "WEB")
    (second,) = world.rolehop("fleet", "refresh", "--format", "json").json["fleets"]
    assert (second["stored"], second["left_out_accounts"]) == (True, [])
    assert (second["name"], second["accounts"], second["calls"]) == ("prod", 4, 3)
    changes = {each["account"]: each for each in second["changes"]}
    assert {account: each["changes"] for account, each in changes.items()} == {
        BILLING: ["renamed"],
        WEB: ["moved", "chain"],
        OLD: ["added"],
        TWIN: ["added"],
    }
    assert changes[BILLING]["name_before"] == "Billing & Co"
    assert (changes[WEB]["unit_before"], changes[WEB]["unit"]) == ("Prod", "Prod/Payments")
    # Both twins get their IDs, also the one that was there before.
    assert names(world, "prod") == [
        "prod/Billing",
        "prod/old",
        f"prod/web-{WEB}",
        f"prod/WEB-{TWIN}",
    ]
    # The ID in a chain's name stays as it can be copied.
    assert f"prod/web-{WEB}   " in world.rolehop("list").out
    del org.accounts[TWIN], org.parents[TWIN]
    assert world.rolehop("fleet", "refresh").code == 3  # of four one
    third = world.rolehop("fleet", "refresh", "--allow-removed")
    kept, gone = third.out.splitlines()[-2:]
    assert (kept.split()[:3], kept.endswith("the chain is now …/web")) == (["~", WEB, "web"], True)
    assert gone.split() == ["-", TWIN, "WEB", "removed,", "Prod"]
    assert "prod/web" in names(world, "prod")


def test_a_refresh_hears_what_all_accounts_are_called_those_left_out_too(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    heard = {account: each.name for account, each in noted_names(world.state).items()}
    assert heard == {BILLING: "Billing & Co", WEB: "web", OLD: "old", LAB: "lab"}
    organization(world).accounts[LAB].name = "Laboratory"
    assert world.rolehop("fleet", "refresh").code == 3  # it is excluded no more
    assert noted_names(world.state)[LAB].name == "Laboratory"
    assert names(world, "billing &") == ["prod/Billing-Co"]


def test_every_command_uses_the_list_offline(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    calls = len(organization(world).calls)
    by_name, by_id = (world.rolehop("plan", f"prod/{each}") for each in ("Billing-Co", BILLING))
    assert by_name.code == 0, by_name.err
    assert by_name.out == by_id.out
    assert re.search("Audit +Billing & Co ", by_name.out)
    shown = world.rolehop("show", "prod/web", "--format", "json").json
    assert shown["hops"][-1]["session_name"] == "at-web"
    assert world.rolehop("plan", "beyond").code == 0
    assert names(world, "label:env=prod") == ["prod/Billing-Co", "prod/web"]
    command = ("sh", "-c", "echo $ROLEHOP_ACCOUNT_NAME")
    done = world.rolehop("each", "prod", "--format", "json", "--", *command)
    said = {row["chain"]: row["stdout"] for row in map(json.loads, done.out.splitlines())}
    assert said == {"prod/Billing-Co": "Billing & Co\n", "prod/web": "web\n"}
    unsafe = world.rolehop("each", "prod/B*", "--", "echo", "{account_name}")
    assert (unsafe.code, "not safe in a command" in unsafe.out + unsafe.err) == (1, True)
    assert "1 target: 1 not filled in" in unsafe.err
    assert world.rolehop("each", "prod/B*", "--", "echo", "{name}").out == "Billing-Co\n"
    graph = world.rolehop("graph", "prod/*", "--format", "json")
    assert (graph.code, BILLING in graph.out) == (0, True), graph.err
    for asked, offered in ((["plan", "prod/w"], "prod/web"), (["fleet", "refresh", "p"], "prod")):
        done = world.rolehop("completion", "--", *asked, env={"_ROLEHOP_COMPLETE": "bash"})
        assert done.out == f"words\n{offered}\n"
    wrong = world.rolehop("plan", "prod/wbe")
    assert wrong.code == 3
    assert "did you mean prod/web?" in wrong.err
    assert ASK in wrong.err
    assert len(organization(world).calls) == calls


TAGGED = CONFIG.replace('exclude = ["lab"]', "tags = true")


def give_tags(world: World) -> None:
    """Tag the accounts, and list them."""
    accounts = organization(world).accounts
    accounts[BILLING].tags = {"env": "prod", "owner": "pay"}
    accounts[WEB].tags = {"env": "prod-eu"}
    accounts[LAB].tags = {"env": "dev"}
    world.config(TAGGED)
    assert world.rolehop("fleet", "refresh").code == 0


PAYING, OTHER = ["prod/Billing-Co"], ["prod/lab", "prod/web"]
SELECTORS = [
    ("tag:env=prod", PAYING),
    ("tag:owner", PAYING),
    ("tag:env=prod*", ["prod/Billing-Co", "prod/web"]),
    ("ou:Prod/Payments", PAYING),
    ("ou:Prod", OTHER),
    ("ou:Prod/*", [*PAYING, *OTHER]),
    ("account:4*", PAYING),
    ("account:billing*", PAYING),
    ("role:Audit", [*PAYING, *OTHER]),
    ("role:OrgReader", ["org"]),
    (BILLING, PAYING),
    ("Billing & Co", PAYING),
]


@pytest.fixture(scope="module")
def tagged() -> Iterator[World]:
    """A world of its own, in which the tags are listed and nothing changes."""
    with temporary_world() as world:
        set_up(world)
        give_tags(world)
        give_roles(world)
        yield world


@pytest.mark.parametrize(("typed", "chains"), SELECTORS)
def test_a_selector_means_the_same_in_every_command(
    tagged: World, typed: str, chains: list[str]
) -> None:
    assert sorted(names(tagged, typed)) == chains
    planned = tagged.rolehop("each", typed, "--dry-run", "--format", "json", "--", "true")
    assert sorted(json.loads(line)["chain"] for line in planned.out.splitlines()) == chains
    drawn = tagged.rolehop("graph", typed, "--format", "json").json["chains"]
    assert sorted(each["chain"] for each in drawn) == chains
    checked = tagged.rolehop("check", typed, "--offline", "--format", "json").json["chains"]
    assert sorted(each["chain"] for each in checked) == chains


def test_several_selectors_add_up_and_exclude_takes_away(tagged: World) -> None:
    asked = ("tag:env=dev", "account:4*", "hub", "--exclude", "tag:owner=pay")
    planned = tagged.rolehop("each", *asked, "--dry-run", "--format", "json", "--", "true")
    assert [json.loads(each)["chain"] for each in planned.out.splitlines()] == ["prod/lab", "hub"]


def test_json_has_tags_and_ous(tagged: World) -> None:
    listed = tagged.rolehop("list", "prod", "hub", "--format", "json").json["chains"]
    found = {each["name"]: (each["tags"], each["ou"]) for each in listed}
    assert found == {
        "hub": (None, None),
        "prod/Billing-Co": ({"env": "prod", "owner": "pay"}, "Prod/Payments"),
        "prod/lab": ({"env": "dev"}, "Prod"),
        "prod/web": ({"env": "prod-eu"}, "Prod"),
    }
    shown = tagged.rolehop("show", "prod/web", "--format", "json").json
    assert (shown["tags"], shown["ou"]) == ({"env": "prod-eu"}, "Prod")
    assert re.search("tags +env=prod-eu\n", tagged.rolehop("show", "prod/web").out)


def test_selectors_are_completed(tagged: World) -> None:
    for typed, offered in (
        ("tag:env=p", ["tag:env=prod", "tag:env=prod-eu"]),
        ("ou:Prod/", ["ou:Prod/*", "ou:Prod/Payments"]),
        ("role:A", ["role:Admin", "role:Audit"]),
    ):
        asked = ("completion", "--", "each", typed)
        done = tagged.rolehop(*asked, env={"_ROLEHOP_COMPLETE": "fish"})
        words = {line.partition("\t")[0] for line in done.out.splitlines()}
        assert sorted(each for each in words if each.startswith(typed)) == offered


def test_sessions_are_shown_refreshed_and_forgotten_by_selectors(tagged: World) -> None:
    assert tagged.rolehop("refresh", "account:5*", "hub").code == 0
    shown = tagged.rolehop("status", "account:5*", "--format", "json").json["sessions"]
    assert [each["hop"] for each in shown] == [1, 2]
    assert tagged.rolehop("logout", "tag:env=prod-eu").err == "rolehop: 1 session forgotten\n"
    left = tagged.rolehop("status", "--format", "json").json["sessions"]
    assert {each["role"] for each in left} >= {HUB}
    # What is not in the config any more is known by the session itself.
    tagged.rolehop("refresh", "prod/web")
    tagged.config(CONFIG.partition("[fleets.prod]")[0].replace('from = "prod/web"', 'from = "hub"'))
    try:
        gone = tagged.rolehop("logout", "account:5*")
        assert gone.err == "rolehop: 1 session forgotten\n"
    finally:
        tagged.config(TAGGED)


def test_what_aws_was_not_asked_for_is_said(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    done = world.rolehop("each", "tag:env=prod", "--dry-run", "--", "true")
    assert (done.code, done.out) == (3, "")
    assert "nobody knows which chains 'tag:env=prod' means" in done.err
    assert "AWS was not asked for the tags of the accounts of fleet 'prod'" in done.err
    assert f"write tags = true into the accounts of [fleets.prod], then {ASK}" in done.err
    # What nobody knows to be left out does not run.
    kept = world.rolehop("each", "prod", "hub", "--exclude", "label:x=y", "--", "true")
    assert kept.code == 3
    left = ("--exclude", "account:5*", "--exclude", "tag:env=prod")
    done = world.rolehop("each", "prod", *left, "--dry-run", "--", "true")
    assert (done.code, done.out) == (3, "")
    # Of two fleets one is known.
    table = CONFIG[CONFIG.index("[fleets.prod]") :].replace("prod]", "too]")
    world.config(CONFIG + table.replace('exclude = ["lab"]', "tags = true"))
    organization(world).accounts[LAB].tags = {"env": "prod"}
    assert world.rolehop("fleet", "refresh", "too").code == 0
    some = world.rolehop("list", "tag:env=prod")
    assert (some.code, "too/lab" in some.out, "prod/" in some.out) == (0, True, False), some
    assert "the tags of fleet 'prod' are not known, so none of its chains is meant" in some.err
    refused = world.rolehop("each", "*", "--exclude", "tag:env=prod", "--dry-run", "--", "true")
    assert (refused.code, refused.out) == (3, "")
    assert "nobody knows whether 'tag:env=prod' means prod/" in refused.err


def test_the_ous_are_not_known_where_the_chain_may_not_ask(world: World) -> None:
    world.config(CONFIG.replace(', ou = ["Prod/*"]', ""))
    organization(world).denied.add("ListOrganizationalUnitsForParent")
    try:
        done = world.rolehop("fleet", "refresh")
    finally:
        organization(world).denied.clear()
    assert (done.code, "OUs are not known" in done.out) == (0, True), done
    done = world.rolehop("each", "ou:Prod/*", "--dry-run", "--", "true")
    assert done.code == 3
    assert "organizations:ListOrganizationalUnitsForParent" in done.err


def test_a_plain_name_reads_no_list(world: World) -> None:
    """Nor does a pattern that no chain of the fleet can match."""
    assert world.rolehop("fleet", "refresh").code == 0
    stored(world).write_text("{")
    for named in (["hub"], ["hub", "role:OrgReader"], ["h*"], ["label:env=dev", "hub"]):
        for command in (["list"], ["each", "--dry-run"], ["graph"]):
            rest = ["--", "true"] if command[0] == "each" else []
            done = world.rolehop(*command, *named, *rest)
            expected = 3 if "label:env=dev" in named else 0  # it is no chain's
            assert (done.code, "not known" in done.err) == (expected, False), (command, named, done)
    assert world.rolehop("each", "prod/web", "--dry-run", "--", "true").code == 3


def test_the_list_is_shown_with_its_age(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    edit(world, at=(datetime.now(UTC) - timedelta(days=9)).isoformat())
    shown = world.rolehop("fleet", "list")
    assert "9 days ago" in shown.out
    assert ASK in shown.out
    (row,) = world.rolehop("fleet", "list", "--format", "json").json["fleets"]
    assert (row["accounts"], row["stale"], row["left_out"]) == (2, True, {"SUSPENDED": 1})
    noted = world.rolehop("each", "prod", "--dry-run", "--", "true")
    assert "the accounts of fleet 'prod' were listed 9 days ago" in noted.err
    assert "listed" not in world.rolehop("plan", "hub").err


def test_a_list_of_another_definition_does_not_count(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    world.config(CONFIG.replace('"lab"', '"web"'))
    done = world.rolehop("plan", "prod/Billing-Co")
    assert (done.code, ASK in done.err) == (3, True)
    assert "defined otherwise" in done.err
    # The template around it may be another one.
    world.config(CONFIG.replace("role/Audit", "role/Other"))
    assert re.search("Other +web ", world.rolehop("plan", "prod/web").out)


def test_a_file_that_others_can_write_is_not_followed(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    stored(world).chmod(0o666)
    done = world.rolehop("plan", "prod/web")
    assert (done.code, ASK in done.err) == (3, True), done
    assert "everybody on this machine can write it" in done.err
    # What is in there may be anybody's, so nothing is compared with it.
    assert world.rolehop("fleet", "refresh").out == "prod  2 accounts; left out: 1 suspended\n"
    assert world.rolehop("plan", "prod/web").code == 0


def test_no_list_is_kept_where_others_could_change_it(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    calls = len(organization(world).calls)
    world.state.chmod(0o777)
    try:
        refreshed, planned = (
            world.rolehop(*each) for each in (["fleet", "refresh"], ["plan", "prod/web"])
        )
    finally:
        world.state.chmod(0o700)
    assert (refreshed.code, planned.code) == (7, 3)
    for done in (refreshed, planned):
        assert "everybody on this machine can write it (chmod o-w)" in done.err
    assert len(organization(world).calls) == calls


def test_a_list_that_the_state_folder_does_not_take_is_its_fault(world: World) -> None:
    full = world.rolehop("fleet", "refresh", before=_FULL)
    folder = world.state / "fleets"
    folder.rmdir()
    folder.write_text("")
    try:
        missing = world.rolehop("fleet", "refresh")
    finally:
        folder.unlink()
        folder.mkdir(mode=0o700)
    for done, fix in ((full, "free some space"), (missing, "make that folder writable")):
        assert done.code == 7, done.err
        assert "the accounts of fleet 'prod' cannot be stored" in done.err
        assert f"  {fix}" in done.err
        assert "the accounts of fleet 'prod' are not listed: none is known" in done.err


_FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"


def test_a_refusal_leaves_what_was_known(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    organization(world).denied.add("ListAccounts")
    try:
        done = world.rolehop("fleet", "refresh")
    finally:
        organization(world).denied.clear()
    assert done.code == 5
    assert "chain 'org' may not list the organization's accounts" in done.err
    assert "the accounts of fleet 'prod' are not listed: they stay those of 20" in done.err
    assert "delegated administrator" in done.err
    # What AWS does not answer is not waited for again for each fleet of the same chain.
    world.config(CONFIG + CONFIG[CONFIG.index("[fleets.prod]") :].replace("prod]", "too]"))
    organization(world).accounts[WEB].more = {"Id": "12"}
    organization(world).calls.clear()
    done = world.rolehop("fleet", "refresh")
    assert done.err.endswith("fleet 'too' is not listed: the same\n"), done.err
    assert organization(world).calls == ["ListAccounts"]
    assert names(world, "prod") == ["prod/Billing-Co", "prod/web"]


def test_a_session_of_an_account_that_left_is_not_handed_out(world: World) -> None:
    """The record of the hot path depends on the list, and the chain's name is no promise."""
    world.rolehop("fleet", "refresh")
    process = ("credential-process", "prod/web")
    assert world.rolehop("profile", "install", "prod/*", "--yes").code == 0
    assert world.rolehop(*process).code == world.rolehop(*process).code == 0
    world.config(CONFIG.replace('"lab"', '"web"'))  # then nobody knows what is gone
    unknown = world.rolehop("profile", "list", "prod/web")
    assert "accounts of fleet 'prod' are not known here" in unknown.out
    assert f"             {ASK}\n" in world.rolehop("doctor").out
    world.config(CONFIG)
    org = organization(world)
    org.accounts[WEB].state = "CLOSED"
    org.add_account(TWIN, PROD, "web")
    allowed = ("fleet", "refresh", "--allow-removed")
    kept = world.rolehop(*allowed)
    assert (kept.code, world.rolehop(*process).json["AccountId"]) == (8, WEB)
    moved = (*allowed, "--accept-move", "prod/web", "--format", "json")
    done = world.rolehop(*moved).json["fleets"][0]
    changes = {each["account"]: each for each in done["changes"]}
    assert changes[TWIN]["changes"] == ["added", "replaces"]
    assert (changes[TWIN]["chain"], changes[TWIN]["replaces"]) == ("prod/web", WEB)
    assert world.rolehop(*process).json["AccountId"] == TWIN
    assert world.rolehop("credential-process", f"prod/{WEB}").code == 3
    del org.accounts[TWIN], org.parents[TWIN]
    assert world.rolehop(*allowed).code == 0
    assert "to rewrite" not in world.rolehop("profile", "list", "prod/web").err
    gone = world.rolehop(*process)  # and not that the AWS profile of that name leads back to itself
    assert (gone.code, "has no chain 'prod/web'" in gone.err) == (3, True), gone.err


def test_a_fleet_without_accounts_says_so(world: World) -> None:
    world.config(CONFIG.replace('"lab"]', '"lab"], tags = { env = "prd" }'))
    done = world.rolehop("fleet", "refresh", "--allow-removed")
    assert (done.code, "in vain: tag env=prd\n" in done.out) == (0, True)
    for arguments in (["list", "prod"], ["each", "prod/*", "--", "true"], ["plan", "prod/web"]):
        done = world.rolehop(*arguments)
        assert (done.code, f"{ASK} says which" in done.err) == (3, True), done
        assert "fleet 'prod' has no accounts" in done.err


def test_names_of_fleets_that_cannot_be_asked_for(world: World) -> None:
    world.config(f'{CONFIG}\n[fleets.mine]\nfrom = "hub"\naccounts = ["{WEB}"]\n')
    mine = world.rolehop("fleet", "refresh", "mine")
    assert (mine.code, "in the config" in mine.err) == (2, True)
    none = world.rolehop("fleet", "refresh", "prd")
    assert (none.code, 'did you mean "prod"?' in none.err) == (3, True)


NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
RUNS = (
    ("export", "prod/web", "--format", "json"),
    ("credential-process", "prod/web"),
    ("export", "beyond", "--format", "json"),
    ("each", "prod/web", "--", "true"),
)


def give_roles(world: World) -> None:
    for account in (WEB, LAB):
        world.sts.world.role(f"arn:aws:iam::{account}:role/Audit", trusts=[HUB])
    world.sts.world.role(
        "arn:aws:iam::333333333333:role/Admin", trusts=[f"arn:aws:iam::{WEB}:role/Audit"]
    )


@pytest.mark.parametrize("arguments", RUNS)
def test_who_changes_a_list_and_its_digest_sends_no_chain_elsewhere(
    world: World, arguments: tuple[str, ...]
) -> None:
    """He can write the state folder, and cannot read the keyring."""
    give_roles(world)
    assert world.rolehop("fleet", "refresh").code == 0
    (web,) = (
        each
        for each in json.loads(without_seal(stored(world).read_text())[0])["accounts"]
        if each[0] == WEB
    )
    edit(world, accounts=[[LAB, *web[1:]]])
    assert names(world, "prod/*") == ["prod/web"]  # what is shown is a hint
    world.sts.calls.clear()
    done = world.rolehop(*arguments)
    assert done.code == (1 if arguments[0] == "each" else 3), done
    assert "the list of accounts of fleet 'prod' is not followed" in done.err
    assert "AWS lists other accounts" in done.err
    assert world.rolehop(*arguments).code == done.code  # nothing is taken over by a walk
    assert set(world.sts.roles_called) <= {HUB, ORG}
    refresh = ["fleet", "refresh"]
    assert world.rolehop(*refresh).code == 3  # LAB would go
    assert world.rolehop(*refresh, "--allow-removed").code == 8  # prod/web leads elsewhere
    allowed = ("--allow-removed", "--accept-move", "prod/web")
    assert world.rolehop(*refresh, *allowed).code == 0
    assert world.rolehop(*arguments).code == 0
    assert f"arn:aws:iam::{LAB}:role/Audit" not in world.sts.roles_called


def test_a_walk_by_a_list_that_is_proven_reads_no_more_than_it_needs(world: World) -> None:
    give_roles(world)
    assert world.rolehop("fleet", "refresh").code == 0
    calls = len(organization(world).calls)
    done = world.rolehop("export", "prod/web", "--format", "json")
    assert (done.code, done.err) == (0, "") or "not" not in done.err
    assert len(organization(world).calls) == calls


def test_without_a_keyring_each_run_asks_aws_once_and_says_so(world: World) -> None:
    give_roles(world)
    organization(world).calls.clear()
    assert world.rolehop("fleet", "refresh", env=NO_KEYRING).code == 0
    calls = len(organization(world).calls)
    done = world.rolehop("each", "prod/*", "--", "true", env=NO_KEYRING)
    assert done.err.count("is listed again: nothing can prove it: there is no keyring") == 1
    assert len(organization(world).calls) - calls == calls
    assert "prod/web" in done.err
    organization(world).accounts.pop(WEB)
    organization(world).parents.pop(WEB)
    gone = world.rolehop("export", "prod/web", "--format", "json", env=NO_KEYRING)
    assert (gone.code, gone.out) == (3, "")
    assert ("AWS lists other accounts" in gone.err, ASK in gone.err) == (True, True)


def test_a_list_without_a_seal_is_listed_again_and_sealed_once_there_is_a_keyring(
    world: World,
) -> None:
    give_roles(world)
    assert world.rolehop("fleet", "refresh", env=NO_KEYRING).code == 0
    assert_listed_again_once(world)


def test_after_the_key_was_lost_the_first_walk_lists_again_and_seals(world: World) -> None:
    """As after a reboot with the kernel's keyring."""
    give_roles(world)
    assert world.rolehop("fleet", "refresh").code == 0
    for item in Path(world.environ["ROLEHOP_TEST_KEYRING"]).glob("*seals*"):
        item.unlink()
    assert_listed_again_once(world)


def assert_listed_again_once(world: World) -> None:
    calls = organization(world).calls
    calls.clear()
    for listed in (True, False):
        done = world.rolehop("export", "prod/web", "--format", "json")
        assert (done.code, "is listed again" in done.err) == (0, listed), done
        assert bool(calls) is listed
        calls.clear()


def test_a_list_that_nothing_proves_leads_nowhere_while_aws_cannot_be_asked(world: World) -> None:
    give_roles(world)
    assert world.rolehop("fleet", "refresh").code == 0
    edit(world)
    organization(world).readers.discard(ORG)
    try:
        world.sts.calls.clear()
        done = world.rolehop("export", "prod/web", "--format", "json")
        assert (done.code, done.out) == (5, ""), done
        assert set(world.sts.roles_called) <= {HUB, ORG}
    finally:
        organization(world).readers.add(ORG)


@pytest.mark.parametrize(
    ("keyring", "said"),
    [
        ("Locked", "the keyring is locked"),
        ("Denied", "the keyring denies access"),
        ("Broken", "the keyring failed"),
        ("Full", "the keyring has no room left"),
    ],
)
def test_a_keyring_that_cannot_be_used_is_not_said_to_be_none(
    world: World, keyring: str, said: str
) -> None:
    give_roles(world)
    assert world.rolehop("fleet", "refresh").code == 0
    kept = stored(world).read_bytes()
    env = {"PYTHON_KEYRING_BACKEND": f"tests.doubles.keyrings.{keyring}"}
    done = world.rolehop("export", "prod/web", "--format", "json", env=env)
    assert done.code == 0, done
    assert f"fleet 'prod' is listed again: nothing can prove it: {said}" in done.err
    assert "no usable keyring" not in done.err
    assert stored(world).read_bytes() == kept  # its seal will count again


def test_no_keyring_is_opened_to_list_or_to_complete(world: World) -> None:
    assert world.rolehop("fleet", "refresh").code == 0
    asked = {"PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.Broken"}
    for arguments in (["list", "prod"], ["fleet", "list"], ["plan", "prod/web"]):
        done = world.rolehop(*arguments, env=asked)
        assert (done.code, "keyring" in done.err) == (0, False), done


@pytest.mark.parametrize("guard", ["confirm = true", 'reason = "required"'])
def test_an_sdk_is_never_asked_for_the_chain_that_lists(world: World, guard: str) -> None:
    """Without a keyring it must be walked again: a command asks for it, `credential-process` does not."""
    give_roles(world)
    assert world.rolehop("fleet", "refresh", env=NO_KEYRING).code == 0
    world.config(CONFIG.replace("[chains.org]\n", f"[chains.org]\n{guard}\n"))
    with OnTerminal(world, SCRIPT, "credential-process", "prod/web", env=NO_KEYRING) as person:
        done = person.ended()
    assert (done.code, done.out) == (8, "")
    assert "rolehop assume prod/web, or rolehop exec prod/web -- PROGRAM" in done.err
    assert "'org'" in done.err
    export = ("export", "prod/web", "--format", "json")
    with OnTerminal(world, SCRIPT, *export, env=NO_KEYRING) as person:
        person.expect("[y/N] " if "confirm" in guard else "why do you need it?")
        person.types("y")
        assert person.ended().code == 0


def test_a_refresh_takes_the_reason_of_the_chain_that_lists_from_its_flag(world: World) -> None:
    world.config(CONFIG.replace("[chains.org]\n", '[chains.org]\nreason = "required"\n'))
    without = world.rolehop("fleet", "refresh")
    assert (without.code, "give it with --reason TEXT" in without.err) == (8, True)
    done = world.rolehop("fleet", "refresh", "--reason", "an audit")
    assert done.code == 0, done.err
    assert world.sts.calls[-1].params["RoleSessionName"].endswith("+an-audit")


def test_a_chain_that_lists_gets_its_mfa_code_and_reason_from_the_flags(world: World) -> None:
    give_roles(world)
    assert world.rolehop("fleet", "refresh", env=NO_KEYRING).code == 0
    auditor = f'[sources.auditor]\ntype = "environment"\nmfa_serial = "{MFA_SERIAL}"\n'
    org = '[chains.org]\nsource = "me"\n'
    guarded = '[chains.org]\nsource = "auditor"\nreason = "required"\n'
    world.config(auditor + CONFIG.replace(org, guarded))
    run = ("export", "prod/web", "--format", "json", "--reason", "an audit", "--mfa-stdin")
    done = world.rolehop(*run, env=NO_KEYRING, input=f"{mfa_code(world)}\n")
    assert done.code == 0, done.err
