"""``rolehop help``: the help of a command, for those who type it so."""

from __future__ import annotations

import click

from rolehop.cli.completers import subcommands
from rolehop.cli.help import show_help
from rolehop.cli.options import Command
from rolehop.hotpath.command_table import COMMANDS


class CommandName(click.Choice[str]):
    """A command's name; a wrong one gets the answer of a wrong command."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is."""
        return value


@click.command(
    cls=Command, epilog="\nrolehop help\nrolehop help assume\nrolehop help keys rotate\n"
)
@click.argument("command", required=False, type=CommandName(list(COMMANDS)), metavar="[COMMAND]")
@click.argument("below", required=False, metavar="[SUBCOMMAND]", shell_complete=subcommands)
@click.pass_context
def command(ctx: click.Context, command: str | None, below: str | None) -> None:
    """Show the help of rolehop, or of one command.

    The same as rolehop COMMAND --help, or rolehop COMMAND SUBCOMMAND --help.
    """
    shown = ctx.parent
    if shown is None:
        raise RuntimeError("help runs without the commands that it describes")
    for name in filter(None, (command, below)):
        group, found = shown.command, None
        if isinstance(group, click.Group):
            found = group.resolve_command(shown, [name])[1]
        if found is None:
            raise click.UsageError(f"No such command '{name}'.", shown)
        shown = click.Context(found, info_name=name, parent=shown)
    show_help(shown)
