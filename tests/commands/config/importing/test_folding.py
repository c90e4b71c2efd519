"""Profiles of one Identity Center: one source, one fleet, and the names that they had."""

from __future__ import annotations

import pytest

from rolehop.commands.config.importing.found_files import write_import
from tests.commands.config.importing.imported import imported
from tests.commands.config.importing.machine import Machine

SESSION = """
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
"""


def profile(name: str, account: int, role: str = "Admin", more: str = "") -> str:
    return (
        f"[profile {name}]\nsso_session = corp\nsso_account_id = {account:012}\n"
        f"sso_role_name = {role}\n{more}"
    )


def test_three_hundred_profiles_are_one_source_and_one_fleet_with_their_names() -> None:
    roles = ("Admin", "Audit", "ReadOnly")
    text = "".join(
        profile(f"acme-{account}/{role}", account, role, "region = eu-west-1\noutput = json\n")
        for account in range(1, 101)
        for role in roles
    )
    found = imported("aws-config", SESSION + text)
    assert found.sources == {
        "corp": {
            "type": "identity-center",
            "start_url": "https://corp.awsapps.com/start",
            "sso_region": "eu-central-1",
        }
    }
    fleet = found.fleets["corp"]
    assert (fleet["source"], fleet["region"]) == ("corp", "eu-west-1")
    assert len(fleet["chains"]) == 300
    assert fleet["chains"]["acme-7/Audit"] == "000000000007/Audit"
    assert found.chains == {}


def test_portals_are_one_however_they_are_written_and_two_are_two_sources() -> None:
    legacy = (
        "sso_start_url = https://{}.awsapps.com/start{}\nsso_region = eu-central-1\n"
        "sso_account_id = 111111111111\nsso_role_name = A\n"
    )
    found = imported(
        "aws-config",
        SESSION
        + profile("a", 1)
        + f"[profile b]\n{legacy.format('corp', '#/')}"
        + f"[profile c]\n{legacy.format('other', '')}"
        + f"[profile d]\n{legacy.format('d-123', '/')}[profile e]\n{legacy.format('d-123', '')}",
    )
    assert {name: [*each["chains"]] for name, each in found.fleets.items()} == {
        "corp": ["a", "b"],
        "sso": ["d", "e"],
    }
    assert found.sources["c"]["account"] == "111111111111"  # one alone is a chain


def test_what_goes_on_from_a_profile_of_the_fleet_continues_its_chain() -> None:
    role = "role_arn = arn:aws:iam::222222222222:role/{}\nsource_profile = {}\n"
    found = imported(
        "aws-config",
        SESSION
        + profile("dev", 1, "Dev", "region = eu-west-1\n")
        + profile("ops", 1, "Dev", "region = us-east-1\n")
        + f"[profile hub]\n{role.format('Hub', 'ops')}[profile deep]\n{role.format('X', 'hub')}",
    )
    chains = found.fleets["corp"]["chains"]
    assert {type(each) for each in chains.values()} == {str, dict}
    assert found.chains["hub"]["from"] == "ops"
    assert found.chains["deep"]["from"] == "hub"


def test_source_and_fleet_are_called_as_no_chain_is_or_begins() -> None:
    found = imported("aws-config", SESSION + profile("corp", 1) + profile("corp-2/x", 2))
    assert (set(found.sources), set(found.fleets)) == ({"corp-3"}, {"corp-3"})


def test_what_the_loader_refuses_of_a_fleet_is_one_chain_of_it() -> None:
    broken = profile("b", 2).replace("000000000002", "2")
    found = imported("aws-config", SESSION + profile("a", 1) + broken + profile("c", 3))
    assert [*found.fleets["corp"]["chains"]] == ["a", "c"]
    assert found.lost[0].startswith("chain b: ")


@pytest.mark.parametrize("first", [1, 2])
def test_a_profile_more_is_one_chain_more_and_the_rest_is_there(
    machine: Machine, first: int
) -> None:
    """``first``: how many were there the first time; of one alone its source has the account."""
    profiles = [profile(name, number) for number, name in enumerate("abc", 1)]
    machine.write(machine.aws, SESSION + "".join(profiles[:first]))
    planned = machine.planned("aws-config")
    write_import(machine.app(), planned)
    machine.write(machine.aws, SESSION + "".join(profiles))
    again = machine.planned("aws-config")
    assert again.names == tuple("abc"[first:])
    write_import(machine.app(), again)
    config = machine.app().config
    assert {*"abc"} <= {*config.chains}
    assert [each.account for each in map(config.chains.__getitem__, "abc"[first:])]
    centers = [each for each in config.sources.values() if each.type == "identity-center"]
    assert sum("account" not in each.settings for each in centers) == 1
    assert machine.planned("aws-config").names == ()


def test_profiles_that_granted_populated_keep_names_and_colors() -> None:
    text = "".join(
        f"[profile acme-{number}/Admin]\ngranted_sso_start_url = https://corp.awsapps.com/start\n"
        "granted_sso_region = eu-central-1\ngranted_sso_role_name = Admin\n"
        f"granted_sso_account_id = {number:012}\ncommon_fate_generated_from = aws-sso\n"
        f"credential_process = granted credential-process --profile acme-{number}/Admin\n"
        + ("granted_color = red\n" if number == 7 else "")
        for number in range(300)
    )
    found = imported("granted", text)
    assert (list(found.sources), list(found.fleets), found.lost) == (["corp"], ["corp"], [])
    chains = found.fleets["corp"]["chains"]
    assert (len(chains), chains["acme-8/Admin"]) == (300, "000000000008/Admin")
    assert chains["acme-7/Admin"]["color"] == "red"
