"""The table of commands says what the commands themselves say."""

from __future__ import annotations

import click
import pytest

from rolehop.cli.options import COMMON_OPTIONS, ProgramCommand
from rolehop.commands.config.importing.found_files import TOOLS
from rolehop.handover.shells.registry import SHELLS, dialect
from rolehop.hotpath.command_table import (
    CHAIN,
    COMMANDS,
    COMPLETION_SHELLS,
    FILE,
    FLAGS,
    FLEET,
    IMPORTED,
    INIT_SHELL,
    INIT_SHELLS,
    KEYS,
    PATTERN,
    PROGRAM,
    SECTIONS,
    SOURCE,
    SUBCOMMAND,
    TOPIC,
    VALUED,
    CommandRow,
)
from rolehop.hotpath.completion import WORDS, wanted
from tests.support.commands import command_of, first_line

# What an argument of a name is; ``name`` depends on whose it is, and many chains are patterns.
KINDS = {
    "file": FILE,
    "tool": IMPORTED,
    "chain": CHAIN,
    "what": CHAIN,
    "pattern": PATTERN,
    "argv": PROGRAM,
    "below": SUBCOMMAND,
    "topic": TOPIC,
}
OWN_NAMES = {"keys": KEYS, "source": SOURCE, "fleet": FLEET}

BELOW = [
    name if below is None else f"{name} {below}"
    for name, entry in COMMANDS.items()
    for below in (None, *entry.commands)
]


def takes(command: click.Command, owner: str) -> tuple[object, ...]:
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    found = tuple(kind_of(each, owner) for each in arguments)
    behind_dashes = isinstance(command, ProgramCommand) and PROGRAM not in found
    return (*found, PROGRAM) if behind_dashes else found


def kind_of(argument: click.Argument, owner: str) -> object:
    if isinstance(argument.type, click.Choice):
        words = tuple(argument.type.choices)
        return INIT_SHELL if words == INIT_SHELLS else words
    if argument.name == "name":
        return OWN_NAMES[owner]
    if argument.name == "chain" and argument.nargs == -1:
        return PATTERN
    return KINDS[argument.name or ""]


@pytest.mark.parametrize(("name", "entry"), COMMANDS.items())
def test_a_row_lists_what_its_command_takes(name: str, entry: CommandRow) -> None:
    command = command_of(name)
    below = dict(command.commands) if isinstance(command, click.Group) else {}
    assert list(entry.commands) == list(below)
    assert entry.takes == takes(command, name)
    for each, row in entry.commands.items():
        assert (row.takes, row.summary) == (takes(below[each], name), first_line(below[each]))
        assert (row.module, row.commands) == (entry.module, {})


@pytest.mark.parametrize(("name", "entry"), COMMANDS.items())
def test_a_row_finds_its_section_and_its_module(name: str, entry: CommandRow) -> None:
    assert entry.section in SECTIONS
    own = name.replace("-", "_")  # a feature's only command, one of several, or a file by itself
    assert entry.module == f"{own}.command" or entry.module.rpartition(".")[2] == own


@pytest.mark.parametrize("name", BELOW)
def test_every_name_can_also_be_completed_behind_options(name: str) -> None:
    first, _, second = name.partition(" ")
    command = command_of(first)
    if second:
        assert isinstance(command, click.Group)
        command = command.commands[second]
    for each in command.params:
        if isinstance(each, click.Argument) and each.name in (
            "chain",
            "what",
            "pattern",
            "name",
            "below",
            "topic",
        ):
            assert each._custom_shell_complete is not None, each.name


def test_the_common_options_are_known() -> None:
    options = [each for each in COMMON_OPTIONS() if isinstance(each, click.Option)]
    flags = {name for each in options if each.is_flag for name in each.opts}
    valued = {name for each in options if not each.is_flag for name in each.opts}
    assert flags == set(FLAGS)
    assert valued == {*VALUED, "--config"}


def test_config_import_takes_the_tools_that_it_knows() -> None:
    assert tuple(TOOLS) == IMPORTED


def test_init_takes_the_shells_that_have_a_text() -> None:
    assert tuple(name for name in SHELLS if dialect(name).init is not None) == INIT_SHELLS
    assert set(COMPLETION_SHELLS) < set(INIT_SHELLS)
    assert wanted(["init", ""]) == (WORDS, dict.fromkeys(INIT_SHELLS, ""))
