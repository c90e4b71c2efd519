"""The commands of the command line, as click has them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

from rolehop.cli.root import root
from rolehop.hotpath.command_table import COMMANDS


def command_of(name: str) -> click.Command:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    return command


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command by what is typed, those of groups included."""
    for name in COMMANDS:
        command = command_of(name)
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", below) for each, below in command.commands.items())


def first_line(command: click.Command) -> str:
    return " ".join(textwrap.dedent(command.help or "").strip().split("\n\n")[0].split())
