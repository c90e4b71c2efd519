"""Fleets that give their chains names of their own: ``[fleets.NAME.chains]``."""

from __future__ import annotations

import pytest

from rolehop.base.errors import ConfigError
from rolehop.config.draft import FleetDraft, MemberDraft, fleet_text
from rolehop.config.model import Config
from rolehop.plan.resolve import source_of
from rolehop.sources import SOURCE_TABLES
from tests.config.texts import MAIN, reader

CENTER = """version = 1
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
[sources.alice]
type = "keys"
[chains.hub]
source = "alice"
"""
FLEET = '[fleets.corp]\nsource = "corp"\n'


def load(text: str) -> Config:
    from rolehop.config.loader import load_config

    read = reader({"config.toml": CENTER + text})
    return load_config([MAIN], explicit=True, read=read, source_types=SOURCE_TABLES)


def test_its_chains_keep_their_names_and_are_found_below_the_fleets_too() -> None:
    config = load(
        FLEET
        + 'region = "eu-west-1"\nlabels = { team = "a" }\n[fleets.corp.chains]\n'
        + '"acme/Admin" = "111111111111/Admin"\n'
        + 'dev = { account = "222222222222", role = "Dev", region = "us-east-1",'
        + ' color = "red", labels = { env = "test" }, description = "d" }\n'
        + '[chains.x]\nfrom = "corp/dev"\nhops = [{ role = "333333333333:role/X" }]\n'
    )
    admin, dev = config.chains["acme/Admin"], config.chains["corp/dev"]
    assert admin.names == ("acme/Admin", "corp/acme/Admin")
    assert (admin.region, admin.labels) == ("eu-west-1", {"team": "a"})
    assert (dev.name, dev.region, dev.color, dev.description) == ("dev", "us-east-1", "red", "d")
    assert dev.labels == {"team": "a", "env": "test"}
    assert config.fleets == {"corp": 2}
    settings = source_of(config, (dev, config.chains["x"])).settings
    assert (settings["account"], settings["role"]) == ("222222222222", "Dev")
    assert config.account_names == {}  # a name of a chain is no account's


def test_what_is_written_is_read_back() -> None:
    members = (
        MemberDraft("a/b", "111111111111", "Admin"),
        MemberDraft("c", "222222222222", "Dev", "us-east-1", 'd "e"', "red", {"x.y": "z"}),
    )
    config = load(fleet_text(FleetDraft("corp", "corp", members=members, region="eu-west-1")))
    assert {*config.chains} == {"hub", "a/b", "c"}
    assert config.chains["c"].labels == {"x.y": "z"}
    assert config.chains["c"].description == 'd "e"'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('x = "11111111111/A"', 13, "it has 11 digits and needs 12"),
        ('x = "111111111111"', 13, "must not be empty"),
        ("x = 1", 13, "must be a table, not an integer"),
        ('x = { account = "111111111111" }', 13, "missing"),
        ('x = { account = "111111111111", role = "A", hops = [] }', 13, "unknown key"),
        ('"a b" = "111111111111/A"', 13, "not a name"),
        ('"a//b" = "111111111111/A"', 13, "must not be empty"),
        ('hub = "111111111111/A"', 13, "chains.hub has a chain of this name"),
        ('"corp/a" = "111111111111/A"', 13, "fleets.corp has a chain of this name"),
    ],
)
def test_what_is_wrong_with_one_is_said_at_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f"{FLEET}[fleets.corp.chains]\n{text}\n")
    found = [(each.line, each.text) for each in caught.value.complaints]
    assert any(at == line and said in words for at, words in found), found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[fleets.f]\nsource = "alice"\n', 'source "alice" is of type keys, not identity-center'),
        (f'{FLEET}accounts = ["111111111111"]\n', "the fleet has chains, each with its account"),
        ('[fleets.f]\nfrom = "hub"\n', "the fleet has chains, each with its account"),
        (f'{FLEET}accounts = {{ organization = "hub" }}\n', "there are accounts already"),
    ],
)
def test_only_an_identity_center_signs_in_to_an_account_of_a_chain(text: str, said: str) -> None:
    name = text[8 : text.index("]")]
    with pytest.raises(ConfigError) as caught:
        load(f'{text}[fleets.{name}.chains]\nx = "111111111111/A"\n')
    assert said in " ".join(each.text for each in caught.value.complaints)


def test_two_fleets_share_no_name() -> None:
    other = '[fleets.other]\nsource = "corp"\n[fleets.other.chains]\nx = "222222222222/A"\n'
    with pytest.raises(ConfigError) as caught:
        load(f'{FLEET}[fleets.corp.chains]\nx = "111111111111/A"\n{other}')
    assert caught.value.complaints[0].text == "fleets.corp.chains.x has a chain of this name"
