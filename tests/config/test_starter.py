from __future__ import annotations

import re
from pathlib import Path

import pytest

from rolehop.base.files import FileText
from rolehop.commands.config.init.drafts import (
    ConfigDraft,
    starter_text,
)
from rolehop.config.draft import ChainDraft, FleetDraft, SourceDraft
from rolehop.config.loader import load_config
from rolehop.config.model import Config, HopConfig
from rolehop.sources import SOURCE_TABLES

ROLE = "arn:aws:iam::222222222222:role/Hub"
CENTER = {
    "type": "identity-center",
    "start_url": "https://corp.awsapps.com/start",
    "sso_region": "eu-west-1",
}
SOURCES = [
    {"type": "keys"},
    {"type": "keys", "mfa_serial": "auto"},
    {"type": "profile", "profile": 'we "quote" \\ ü'},
    {"type": "environment"},
    {"type": "instance"},
    {"type": "container"},
    {**CENTER, "account": "111111111111", "role": "Developer"},
    {"type": "web-identity", "role": ROLE, "token_file": "/run/token"},
    {"type": "saml"},
    {
        "type": "roles-anywhere",
        "trust_anchor": f"arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/{'0' * 36}",
        "profile": f"arn:aws:rolesanywhere:eu-west-1:111111111111:profile/{'0' * 36}",
        "role": ROLE,
        "certificate": "c.pem",
        "private_key": "k.pem",
    },
    {"type": "process", "command": "tool print 'a b'"},
]


def load(text: str) -> Config:
    return load_config(
        [Path("config.toml")],
        explicit=True,
        read=lambda path: FileText(str(path), text),
        source_types=SOURCE_TABLES,
    )


def uncommented(text: str) -> str:
    """What the file says once every line that is TOML behind its ``#`` is made live."""
    return re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", text)


def test_the_example_is_well_formed_and_sets_nothing_yet() -> None:
    config = load(starter_text())
    assert (dict(config.sources), dict(config.chains)) == ({}, {})


def test_the_example_works_when_its_lines_are_uncommented() -> None:
    config = load(uncommented(starter_text()))
    assert list(config.sources) == ["me"]
    assert list(config.chains) == [
        "hub",
        "prod-admin",
        "spokes/444444444444",
        "spokes/555555555555",
    ]


def test_the_examples_have_no_name_that_is_taken() -> None:
    source = SourceDraft("me", {"type": "keys"})
    hops = (HopConfig(ROLE),)
    chains = tuple(
        ChainDraft(name, source="me", hops=hops) for name in ("prod-admin", "prod-admin-2")
    )
    fleets = (FleetDraft("spokes", "me", {"a": "666666666666"}),)
    config = load(uncommented(starter_text(ConfigDraft((source,), chains, fleets))))
    of_fleets = ("spokes/a", "spokes-2/444444444444", "spokes-2/555555555555")
    assert sorted(config.chains) == sorted(
        ["prod-admin", "prod-admin-2", "prod-admin-3", *of_fleets]
    )


@pytest.mark.parametrize("settings", SOURCES, ids=lambda each: each["type"])
@pytest.mark.parametrize(
    "hops", [(), (HopConfig(ROLE),), (HopConfig(ROLE), HopConfig(ROLE, None, "x-42", 1800))]
)
def test_what_was_answered_becomes_a_config_that_is_ready(
    settings: dict[str, str], hops: tuple[HopConfig, ...]
) -> None:
    source = SourceDraft("s.1", settings)
    chains = (ChainDraft("a.b@c+d-e", source="s.1", hops=hops),)
    text = starter_text(ConfigDraft((source,), chains, region="eu-west-1"))
    config = load(text)
    assert config.chains["a.b@c+d-e"].hops == hops
    assert config.defaults.region == "eu-west-1"
    assert config.sources["s.1"].type == settings["type"]
    assert len(load(uncommented(text)).chains) == 4
    assert settings["type"] in SOURCE_TABLES


def test_types_of_sources_are_all_written() -> None:
    assert {each["type"] for each in SOURCES} == set(SOURCE_TABLES)


def test_roles_of_many_accounts_become_fleets() -> None:
    source = SourceDraft("sso-dev", {**CENTER, "account": "{account}", "role": "Dev"})
    fleet = FleetDraft("dev", "sso-dev", {"web": "444444444444", "b.c": "555555555555"})
    starter = ConfigDraft((source,), fleets=(fleet,))
    text = starter_text(starter)
    chains = load(text).chains
    assert set(chains) == set(starter.names) == {"dev/b.c", "dev/web"}
    assert chains["dev/web"].account == "444444444444"
    assert "dev/web" in load(uncommented(text)).chains
