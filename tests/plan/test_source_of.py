"""Which source a chain starts from, and as what it signs in."""

from __future__ import annotations

import pytest

from rolehop.base.errors import ConfigError
from rolehop.config.model import ChainConfig, Config, SourceConfig
from rolehop.plan.resolve import ResolvedParts, path_of, source_name_of, source_of

CORP = SourceConfig("corp", "environment")
ONE, TWO = "111111111111", "222222222222"
PORTAL = SourceConfig("sso", "identity-center", {"account": "{account}", "role": "Dev", "n": 1})


def started(*chains: ChainConfig, parts: ResolvedParts | None = None) -> SourceConfig:
    made = Config(
        sources={"sso": PORTAL, "corp": CORP}, chains={each.name: each for each in chains}
    )
    return source_of(made, path_of(made, chains[-1]), parts)


BASE = ChainConfig("base", source="sso", account=ONE)


@pytest.mark.parametrize(
    ("chains", "account", "role"),
    [
        ([ChainConfig("x", source="sso")], "", "Dev"),
        ([ChainConfig("x", source="sso", account=ONE)], ONE, "Dev"),
        ([BASE, ChainConfig("x", continues="base")], ONE, "Dev"),
        ([BASE, ChainConfig("x", continues="base", account=TWO)], TWO, "Dev"),
        ([ChainConfig("x", source="sso", account=ONE, account_role="Ops")], ONE, "Ops"),
        # A fleet of Identity Center begins in its own account, whatever continues it.
        (
            [
                ChainConfig("base", source="sso", account=ONE, account_role="Ops"),
                ChainConfig("x", continues="base", account=TWO),
            ],
            ONE,
            "Ops",
        ),
    ],
)
def test_a_source_signs_in_to_the_account_of_the_chain(
    chains: list[ChainConfig], account: str, role: str
) -> None:
    assert started(*chains).settings == {"account": account, "role": role, "n": 1}


def test_chains_share_a_source_only_if_it_is_the_same_sign_in() -> None:
    parts = ResolvedParts()
    made = [
        started(ChainConfig("x", source="sso", account=account, account_role=role), parts=parts)
        for account in (ONE, TWO)
        for role in (None, "Ops", "Admin")
    ]
    assert len({(each.settings["account"], each.settings["role"]) for each in made}) == 6
    assert started(ChainConfig("y", source="sso", account=ONE), parts=parts) is made[0]
    assert started(ChainConfig("y", source="corp"), parts=parts) is CORP
    assert started(ChainConfig("y", source="corp", account=ONE), parts=parts) is CORP


def test_a_fleets_role_is_signed_in_to_in_its_own_account() -> None:
    made = started(ChainConfig("x", source="corp", account=ONE, account_role="Ops"))
    assert made.settings == {"account": ONE, "role": "Ops"}


@pytest.mark.parametrize("name", [None, "other"])
def test_a_chain_whose_source_is_not_there_is_an_error(name: str | None) -> None:
    with pytest.raises(ConfigError, match="not in the config"):
        started(ChainConfig("x", source=name))


def test_a_chain_that_continues_one_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no chain or AWS profile is called 'gone'"):
        started(ChainConfig("x", continues="gone"))


def test_a_chain_has_the_source_of_the_one_that_it_continues() -> None:
    more = ChainConfig("x", continues="base")
    made = Config(chains={each.name: each for each in (BASE, more)})
    assert [source_name_of(made, each) for each in (BASE, more)] == ["sso", "sso"]
