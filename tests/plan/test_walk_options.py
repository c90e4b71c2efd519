"""The flags of a walk: one table says which of them change the last hop."""

import json

import click

from rolehop.cli.param_types import hop_flags
from rolehop.plan.walk_options import HOP_FLAGS, WalkOptions

ALL = WalkOptions(
    duration=900,
    read_only=True,
    tags=(("a", "b"),),
    policy_arns=("arn:x",),
    policy="{}",
    source_identity="me",
    reason="why",
)


def test_the_table_names_the_options_of_the_command_line() -> None:
    command = click.Command("walk")
    for option in hop_flags():
        option(command)
    typed = {param.opts[0]: param.name for param in command.params}
    assert {each.flag: each.field for each in HOP_FLAGS} == typed


def test_the_flags_given_are_named_as_they_are_typed() -> None:
    assert ALL.hop_flags == tuple(each.flag for each in HOP_FLAGS)
    assert WalkOptions(region="eu-west-1", min_ttl=900, strict=True).hop_flags == ()


def test_flags_survive_json() -> None:
    stored = json.loads(json.dumps(ALL.hop_values))
    assert WalkOptions(region="eu-west-1").with_hop_values(stored).hop_values == ALL.hop_values
