"""``config init`` with a config there: a chain, a source or a fleet more, and nothing else changes."""

from __future__ import annotations

import pytest

from rolehop.app.ports import Choice
from rolehop.base.errors import ConfigError
from rolehop.terminal.picker import matching
from tests.commands.config.init.home import KEY_ID, SECRET, WRITE, Home
from tests.commands.config.init.scripted import Answers, Scripted
from tests.support.world import ADMIN, HUB

CONFIG = f"""\
# mine
version = 1
[defaults]
region = "eu-west-1"
[sources.me]
type = "keys"
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "Developer"
[chains.hub]
source = "me"
hops = [{{ role = "{HUB}" }}]
[chains.Hub]
source = "corp"
"""


@pytest.fixture
def there(home: Home) -> Home:
    home.write("config.toml", CONFIG)
    return home


def test_all_accounts_of_the_identity_center_are_the_first_choice(there: Home) -> None:
    person = there.asked(("What do you add?", "All accounts of Identity Center corp"), WRITE)
    assert person.offered[0][:4] == [
        *("All accounts of Identity Center corp", "Chain hub", "Chain Hub", "Source me"),
    ]
    assert person.offered[1] == ["Write it", "Region", "Start elsewhere"]
    assert there.path.read_text() == (
        f'{CONFIG}\n[fleets.corp]\naccounts = {{ identity_center = "corp", role = "*" }}\n'
    )
    assert there.config.fleets == {"corp": None}
    again = Scripted(("What do you add?", "All accounts of Identity Center"))
    with pytest.raises(KeyboardInterrupt):  # which asks for another one: corp has its fleet
        there.talk(again)
    assert again.offered[0][0] == "All accounts of Identity Center"


def test_a_center_of_the_aws_config_becomes_source_and_fleet(home: Home) -> None:
    home.write("config.toml", "version = 1\n")
    home.with_profiles()
    home.asked(("What do you add?", "All accounts of Identity Center corp"), WRITE)
    assert dict(home.config.sources["corp"].settings) == {"sso_session": "corp"}
    assert home.config.listed_fleets["corp"].query.through == "corp"


def test_a_first_config_may_be_that_fleet_alone(home: Home) -> None:
    home.asked(
        ("Where do you start?", "All accounts of Identity Center"),
        ("Start URL?", "https://corp.awsapps.com/start/"),
        ("Region of the", "eu-west-1"),
        WRITE,
    )
    assert home.config.listed_fleets["corp"].query.through == "corp"
    assert "rolehop fleet refresh corp" in home.path.read_text()


def test_a_chain_goes_on_from_one_that_is_there(there: Home) -> None:
    there.asked(
        ("What do you add?", "Chain hub"),
        ("Role to assume?", ADMIN),
        *(("What now?", "Region"), ("In which", "us-east-1")),
        WRITE,
    )
    added = there.config.chains["Admin"]
    assert (added.continues, added.region) == ("hub", "us-east-1")
    assert [hop.role for hop in added.hops] == [ADMIN]
    assert there.path.read_text().startswith(CONFIG)


def test_a_source_that_is_there_is_used_and_a_name_that_is_taken_is_not(there: Home) -> None:
    there.asked(("What do you add?", "Source me"), ("Role", HUB), WRITE)
    assert there.config.chains["Hub-2"].source == "me"
    keys: list[tuple[str, Answers]] = [
        ("What do you add?", "IAM user keys"),
        *(("Access key ID?", KEY_ID), ("Secret", SECRET), ("Role", ADMIN)),
    ]
    there.asked(*keys, WRITE)
    assert there.config.chains["Admin"].source == "me"
    assert there.app.vault.keys.get("me") is not None
    there.environ |= {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
    there.asked(("What do you add?", "The environment"), ("Role", HUB), WRITE)
    assert there.config.chains["Hub-3"].source == "env"
    assert list(there.config.sources) == ["me", "corp", "env"]


def test_one_role_in_many_accounts_is_a_fleet(there: Home) -> None:
    person = there.asked(
        ("What do you add?", "One role in many accounts"),
        ("From where?", "Chain hub"),
        ("Which role", ["222222222222:role/Audit", "Audit"]),
        ("In which accounts?", ["12", "", "333333333333, 444444444444"]),
        ("What should", "spokes"),
        WRITE,
    )
    assert len(person.problems) == 3
    chain = there.config.chains["spokes/444444444444"]
    assert (chain.continues, chain.hops[0].role) == ("hub", "{account}:role/Audit")


def test_tools_are_imported_into_it(there: Home) -> None:
    there.with_profiles()
    there.asked(("What do you add?", "All AWS profiles"), WRITE)
    assert {"hub", "work", "prod", "dev"} <= {*there.config.chains}


def test_a_config_that_changed_meanwhile_or_is_broken_is_kept(there: Home) -> None:
    class Slow(Scripted):
        def show(self, lines: object) -> None:
            there.write("config.toml", CONFIG + "# changed\n")

    person = Slow(("What do you add?", "Source me"), ("Role", HUB), WRITE)
    with pytest.raises(KeyboardInterrupt):
        there.talk(person)
    assert "has changed in the meantime" in person.errors[0].what
    there.write("config.toml", "version = 2\n")
    with pytest.raises(ConfigError):
        there.talk(Scripted())
    assert there.path.read_text() == "version = 2\n"


def test_a_profile_is_found_by_its_exact_name_first() -> None:
    profiles = [
        Choice(f"AWS profile {name}", "", "", "", labels=(name,)) for name in ("prod-eu", "prod")
    ]
    assert matching(profiles, "prod")[0].labels == ("prod",)
