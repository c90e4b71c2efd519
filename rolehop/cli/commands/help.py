"""``rolehop help``: the help of a command, for those who type it so."""

from __future__ import annotations

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.command_table import COMMANDS


@click.command(cls=Command, epilog="\nrolehop help\nrolehop help assume\n")
@click.argument("command", required=False, type=click.Choice(list(COMMANDS)))
@click.pass_context
def command(ctx: click.Context, command: str | None) -> None:
    """Show the help of rolehop, or of one command.

    The same as rolehop COMMAND --help.
    """
    above = ctx.parent
    if above is None or not isinstance(above.command, click.Group):
        raise RuntimeError("help runs without the commands that it describes")
    shown = above
    if command is not None:
        found = above.command.get_command(above, command)
        shown = click.Context(found, info_name=command, parent=above) if found else above
    CommandContext.of(ctx).terminal.write_output(shown.get_help() + "\n")
