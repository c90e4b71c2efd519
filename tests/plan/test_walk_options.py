"""The flags of a walk: one table says which of them change the last hop."""

import json

import click
import pytest

from rolehop.cli.param_types import hop_flags
from rolehop.plan.walk_options import HOP_FLAGS, WalkOptions, read_options

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


def test_the_table_names_the_keys_of_a_hop_that_an_edit_would_change_in_vain() -> None:
    policies = ("policy", "policy_arns")
    assert {each.flag: each.sets for each in HOP_FLAGS} == {
        "--duration": ("duration",),
        "--read-only": policies,
        "--tag": ("tags", "transitive_tags"),
        "--policy-arn": policies,
        "--session-policy": policies,
        "--source-identity": ("source_identity",),
        "--reason": ("session_name", "tags"),
    }


def test_nothing_is_on_that_is_not_typed() -> None:
    off = WalkOptions(strict=False, mfa_stdin=False, no_prompt=False, read_only=False)
    assert WalkOptions() == off


def test_the_flags_given_are_named_as_they_are_typed() -> None:
    assert ALL.hop_flags == tuple(each.flag for each in HOP_FLAGS)
    assert WalkOptions(region="eu-west-1", min_ttl=900, strict=True).hop_flags == ()


def test_flags_survive_json() -> None:
    stored = json.loads(json.dumps(ALL.hop_values))
    assert WalkOptions(region="eu-west-1").with_hop_values(stored).hop_values == ALL.hop_values


def test_the_flags_that_change_a_call_are_those_of_the_hop_and_the_region() -> None:
    assert WalkOptions(duration=900, region="eu-west-1").call_flags == ("--duration", "--region")
    assert WalkOptions(min_ttl=900).call_flags == ()


def test_a_shell_remembers_the_flags_of_the_hop_and_which_region() -> None:
    given = WalkOptions(duration=900, region="eu-west-1", strict=True)
    assert given.shell_flags == ("--duration", "--region=eu-west-1")
    assert WalkOptions(read_only=True).shell_flags == ("--read-only",)


def test_a_program_gave_arguments_and_the_walk_is_the_same() -> None:
    program = WalkOptions(in_program=True)
    assert [program.name_of(each) for each in ("--session-policy", "--strict")] == [
        "policy",
        "strict",
    ]
    assert WalkOptions().name_of("--session-policy") == "--session-policy"
    assert program == WalkOptions()


LONGEST = 10**13
TAKEN: dict[str, tuple[object, ...]] = {
    "tags": ([], [["a", "b"]], [["a", "b"], ["c", ""]]),
    "policy_arns": ([], ["a"], ["a", "b"]),
    "duration": (None, 0, 900, LONGEST),
    "min_ttl": (None, 0, LONGEST),
    "read_only": (True, False),
    "region": (None, "eu-west-1"),
    "policy": (None, "{}"),
    "source_identity": (None, "me"),
    "reason": (None, "why"),
}
REFUSED: dict[str, tuple[object, ...]] = {
    "tags": (None, "", {}, ["ab"], [["a", "b"], ["c"]], [["a", "b", "c"]], [["a", 1]], [[1, "b"]]),
    "policy_arns": (None, "ab", ["a", 1], [1, "a"], {}),
    "duration": (-1, LONGEST + 1, True, 1.0, "1"),
    "min_ttl": (-1, LONGEST + 1, False, 1.0, "1"),
    "read_only": (None, 0, 1, "", "true"),
    "region": ("", "EU", "eu-west-1 ", 1, ["eu-west-1"]),
    "policy": (1, {}, ["{}"]),
    "source_identity": (0, []),
    "reason": (False, [["a"]]),
}


@pytest.mark.parametrize("field", TAKEN)
def test_what_a_flag_gives_is_read_and_nothing_else(field: str) -> None:
    for value in TAKEN[field]:
        read = read_options({field: value})
        assert json.loads(json.dumps(getattr(read, field))) == value
    for value in REFUSED[field]:
        with pytest.raises(ValueError, match=f"^{field} is none that a flag gives$"):
            read_options({"reason": None, field: value})
