"""Fleets whose accounts AWS lists: what may be asked, the chains' names, and when a list is read."""

from __future__ import annotations

import pytest

from rolehop.base.errors import ConfigError
from rolehop.config.account_query import IdentityCenterAccounts, OrganizationAccounts
from rolehop.config.listed_fleets import spelled_names, with_spelled_names
from rolehop.config.loader import load_config
from rolehop.config.model import Config, FleetListing, ListedAccount, ListedFleet
from tests.config.texts import HUB, MAIN, TYPES, complaints_of, reader

FLEET = '[fleets.f]\nfrom = "hub"\nrole = "{account}:role/R"\n'
AT = "fleets.f.accounts"
ONE, TWO, THREE = "1" * 12, "2" * 12, "3" * 12


@pytest.mark.parametrize(
    ("accounts", "key", "said"),
    [
        ("{ organization = 3 }", f"{AT}.organization", "must be a string, not an integer"),
        (
            '{ organization = "hbu" }',
            f"{AT}.organization",
            'no chain is called "hbu"; did you mean',
        ),
        ('{ organization = "f/a" }', f"{AT}.organization", "a chain of the fleet cannot list"),
        ('{ ou = ["Prod"] }', AT, 'needs organization = "CHAIN" or identity_center = "SOURCE"'),
        ('{ organization = "hub", ous = ["a"] }', f"{AT}.ous", 'unknown key; did you mean "ou"?'),
        ('{ organization = "hub", ou = [] }', f"{AT}.ou", "must not be empty; leave it out"),
        ('{ organization = "hub", ou = [1] }', f"{AT}.ou[0]", "must be a string, not an integer"),
        ('{ organization = "hub", tags = "a" }', f"{AT}.tags", "must be a table, not a string"),
        ('{ organization = "hub", tags = { a = 1 } }', f"{AT}.tags.a", "must be a string"),
        ('{ organization = "hub", role = "x" }', f"{AT}.role", "unknown key; known here: organ"),
        (
            '{ organization = "hub", identity_center = "x" }',
            f"{AT}.identity_center",
            "a fleet has organization or identity_center, not both",
        ),
        # Names of accounts may be these words.
        ('{ organization = "44444444444" }', f"{AT}.organization", "it has 11 digits"),
    ],
)
def test_what_may_be_asked(accounts: str, key: str, said: str) -> None:
    ((file, line, place, text),) = complaints_of(f"{HUB}{FLEET}accounts = {accounts}")
    assert (file, line, place) == ("config.toml", 9, key)
    assert said in text


@pytest.mark.parametrize(
    ("fleet", "key", "said"),
    [
        ('from = "hub"\n', "from", "the chains start from the source that identity_center names"),
        ("", "accounts.identity_center", 'source "alice" is of type keys, not identity-center'),
    ],
)
def test_identity_center_is_the_source(fleet: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f'{HUB}[fleets.f]\n{fleet}accounts = {{ identity_center = "alice", role = "A" }}')
    assert f"fleets.f.{key}: {said}" in str(caught.value.cause)


def test_an_account_may_be_called_so() -> None:
    config = load(f'{HUB}{FLEET}accounts = {{ organization = "{ONE}", role = "{TWO}" }}')
    assert set(config.chains) == {"hub", "f/organization", "f/role"}
    assert config.fleets == {"f": 2}


def load(text: str, *listings: FleetListing) -> Config:
    """Load a config whose fleets have these lists, one after the other."""
    left = list(listings)

    def read(fleet: ListedFleet) -> FleetListing:
        return left.pop(0)

    files = {"config.toml": f"version = 1\n{text}"}
    return load_config(
        [MAIN], explicit=True, read=reader(files), source_types=TYPES, read_listing=read
    )


def test_a_query_is_kept_as_it_is_written() -> None:
    config = load(
        f'{HUB}{FLEET}accounts = {{ organization = "hub", ou = "Prod/*", tags = {{ a = "b*" }} }}'
    )
    query = config.listed_fleets["f"].query
    assert query == OrganizationAccounts("hub", ("Prod/*",), (("a", "b*"),))
    other = OrganizationAccounts("hub", ("Prod/*",), (("a", "b"),))
    assert query.definition != other.definition
    assert IdentityCenterAccounts("hub").definition != OrganizationAccounts("hub").definition


def test_the_list_is_read_when_a_chain_of_the_fleet_is_needed() -> None:
    text = f'{HUB}{FLEET}accounts = {{ organization = "hub" }}\n[chains.z]\nfrom = "f/a"\n'
    accounts = (ListedAccount(ONE, "a"), ListedAccount(TWO, "B b"))
    config = load(text, FleetListing(with_spelled_names(accounts)))

    def in_use() -> list[str]:
        return [name for name, each in config.listed_fleets.items() if each.is_in_use]

    assert "hub" in config.chains
    assert config.chains.get("nothing") is None
    assert config.name_of_account(ONE) is None
    assert in_use() == []  # nor was it read to check the config
    assert config.chains[f"f/{TWO}"].name == "f/B-b"
    assert in_use() == ["f"]
    assert f"f/{THREE}" not in config.chains
    assert list(config.chains) == ["hub", "z", "f/a", "f/B-b"]
    assert all(config.chains[name] == each for name, each in config.chains.items())
    assert config.place_of("f/a") == (str(MAIN), ("fleets", "f"))
    assert config.name_of_account(TWO) == config.known_account_names[TWO] == "B b"
    assert config.account_names == {}  # of which names that AWS sees are made


def test_a_loop_through_a_listed_fleet_is_found() -> None:
    accounts = 'accounts = { organization = "hub" }\n'
    with pytest.raises(ConfigError, match="problem") as caught:
        load(f'{HUB}[fleets.f]\nfrom = "z"\n{accounts}[chains.z]\nfrom = "f/a"\n')
    assert "comes back to itself: " in str(caught.value.cause)


@pytest.mark.parametrize(
    ("names", "spelled"),
    [
        ({ONE: "billing", TWO: "web"}, {ONE: "billing", TWO: "web"}),
        ({ONE: "Billing & Co", TWO: "Zürich"}, {ONE: "Billing-Co", TWO: "Z-rich"}),
        ({ONE: "a/b", TWO: "../x"}, {ONE: "a-b", TWO: "x"}),
        # Twins, also if only in the eyes of a file system; those without a name.
        ({ONE: "web", TWO: "Web", THREE: "x"}, {ONE: f"web-{ONE}", TWO: f"Web-{TWO}", THREE: "x"}),
        ({ONE: "a b", TWO: "a-b"}, {ONE: f"a-b-{ONE}", TWO: f"a-b-{TWO}"}),
        ({ONE: "", TWO: "...", THREE: "東京"}, {ONE: ONE, TWO: TWO, THREE: THREE}),
        # Who is called like another one's ID, or like a twin is called here.
        ({ONE: TWO, TWO: "a"}, {ONE: ONE, TWO: "a"}),
        (
            {ONE: "web", TWO: "web", THREE: f"web-{ONE}"},
            {ONE: ONE, TWO: f"web-{TWO}", THREE: THREE},
        ),
    ],
)
def test_names_are_told_apart(names: dict[str, str], spelled: dict[str, str]) -> None:
    accounts = [ListedAccount(account, name) for account, name in names.items()]
    assert spelled_names(accounts) == spelled
    assert spelled_names(reversed(accounts)) == spelled  # whatever the order
