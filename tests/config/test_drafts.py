"""Tables of a config that is written: which keys stand in them, and in which form."""

from __future__ import annotations

import tomllib

import pytest

from rolehop.config.draft import (
    ChainDraft,
    FleetDraft,
    MemberDraft,
    SourceDraft,
    chain_text,
    fleet_text,
    source_text,
)
from rolehop.config.model import HopConfig
from rolehop.config.toml import Value, toml_line

ALL_OF_IT = 'region = "eu-west-1", description = "The web", color = "red", labels = { a = "b" }'
HUB = "arn:aws:iam::222222222222:role/Hub"


def test_a_chain_has_every_key_that_is_set() -> None:
    chain = ChainDraft(
        "prod",
        comment="from ~/.aws/config",
        source="corp",
        hops=(HopConfig(HUB),),
        region="eu-west-1",
        description="Break-glass",
        color="red",
        labels={"env": "prod"},
    )
    assert chain_text(chain).splitlines() == [
        "# from ~/.aws/config",
        "[chains.prod]",
        'description = "Break-glass"',
        'source = "corp"',
        'region = "eu-west-1"',
        'color = "red"',
        'labels = { env = "prod" }',
        "[[chains.prod.hops]]",
        f'role = "{HUB}"',
    ]


def test_a_chain_without_more_is_its_head_and_where_it_begins() -> None:
    assert chain_text(ChainDraft("a b", continues="hub")) == '[chains."a b"]\nfrom = "hub"\n'


def test_a_source_has_its_settings_under_its_comment() -> None:
    source = SourceDraft("corp", {"type": "keys", "mfa": True}, comment="two")
    assert source_text(source) == '# two\n[sources.corp]\ntype = "keys"\nmfa = true\n'
    bare = SourceDraft("corp", {"type": "keys"})
    assert source_text(bare) == '[sources.corp]\ntype = "keys"\n'


@pytest.mark.parametrize(
    ("fleet", "lines"),
    [
        (
            FleetDraft("spokes", "corp", {"a b": "444444444444"}, role="Audit", region="eu-west-1"),
            ['source = "corp"', 'role = "Audit"', 'region = "eu-west-1"', "[fleets.spokes.accounts]",
             '"a b" = "444444444444"'],
        ),
        (
            FleetDraft("spokes", accounts=["444444444444"], comment="all", continues="hub"),
            ['from = "hub"', 'accounts = ["444444444444"]'],
        ),
        (
            FleetDraft("mine", center="corp"),
            ['accounts = { identity_center = "corp", role = "*" }'],
        ),
        (
            FleetDraft(
                "mine",
                "corp",
                members=(
                    MemberDraft("web", "444444444444", "Audit"),
                    MemberDraft("x y", "555555555555", "Admin", "eu-west-1", "The web", "red", {"a": "b"}),
                ),
            ),
            ['source = "corp"', "[fleets.mine.chains]", 'web = "444444444444/Audit"',
             f'"x y" = {{ account = "555555555555", role = "Admin", {ALL_OF_IT} }}'],
        ),
    ],
    ids=["accounts", "ids", "center", "members"],
)  # fmt: skip
def test_a_fleet_has_what_it_lists(fleet: FleetDraft, lines: list[str]) -> None:
    comment = ["# all"] if fleet.name == "spokes" and fleet.continues else []
    text = fleet_text(fleet)
    assert text.splitlines() == [*comment, f"[fleets.{fleet.name}]", *lines]
    assert fleet.name in tomllib.loads(text)["fleets"]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (True, "x = true"),
        (False, "x = false"),
        ("a", 'x = "a"'),
        (["a", "b"], 'x = ["a", "b"]'),
        ({"a": "b", "c d": "e"}, 'x = { a = "b", "c d" = "e" }'),
    ],
)
def test_a_key_with_each_kind_of_value(value: Value, line: str) -> None:
    assert toml_line("x", value) == line
    assert tomllib.loads(line) == {"x": value}
