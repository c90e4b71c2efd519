"""The group of all commands; a command is imported when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from rolehop import __version__
from rolehop.cli.context import CommandContext
from rolehop.cli.help import WithHelp, show_help, write_options
from rolehop.cli.options import COMMON_OPTIONS, no_such_command
from rolehop.hotpath.command_table import COMMANDS, SECTIONS

_OTHERS = {
    "env": "rolehop export CHAIN prints variables; rolehop exec CHAIN -- CMD runs with them",
    "print": "rolehop export CHAIN prints a session",
    "run": "rolehop exec CHAIN -- CMD runs a command",
    "switch": "rolehop assume CHAIN changes this shell",
    "use": "rolehop assume CHAIN changes this shell",
    "role": "rolehop assume CHAIN walks to a role; rolehop explain role ARN describes one",
    "unset": "rolehop leave undoes what assume did",
    "clear": "rolehop logout --all forgets every session",
    "add": "rolehop keys add NAME stores IAM user keys; chains are in the config",
    "remove": "rolehop keys remove NAME deletes IAM user keys; chains are in the config",
    "rotate": "rolehop keys rotate NAME replaces an access key",
    "profiles": "rolehop list shows the chains; AWS profiles work as chains, too",
    "sso": "rolehop source login NAME signs in to IAM Identity Center",
}
"""Commands of other tools, and what does the same here."""

_ALIASES = {"ls": ("list",), "login": ("source", "login")}
"""Names that people type, each with the command that it is."""


class Root(WithHelp, click.Group):
    """Finds and lists commands by the command table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, also by another name that it has."""
        name, *below = _ALIASES.get(cmd_name, (cmd_name,))
        entry = COMMANDS.get(name)
        if entry is None:
            return None
        found: click.Command = importlib.import_module(f"rolehop.commands.{entry.module}").command
        for each in below:
            if isinstance(found, click.Group):
                found = found.commands[each]
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command if there is none of that name."""
        if args and args[0] not in {*COMMANDS, *_ALIASES} and not args[0].startswith("-"):
            if args[0] in _OTHERS:
                raise click.UsageError(f"No such command '{args[0]}': {_OTHERS[args[0]]}.", ctx)
            from rolehop.app.config_files import has_chain
            from rolehop.base.advice import Advice, Argument
            from rolehop.base.errors import UsageError

            if has_chain(CommandContext.of(ctx).app, args[0]):
                raise UsageError(
                    f"no such command '{args[0]}'",
                    cause="it is a chain",
                    fix=Advice("rolehop assume ", Argument(args[0])),
                )
            raise no_such_command(ctx, args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands first: they are what is looked for."""
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one block of commands per section."""
        for section in SECTIONS:
            rows: Sequence[tuple[str, str]] = [
                (name, entry.summary)
                for name, entry in COMMANDS.items()
                if entry.section == section
            ]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.command(
    cls=Root,
    params=COMMON_OPTIONS(),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    epilog="rolehop COMMAND --help says more, with examples.",
)
@click.version_option(
    __version__, "-V", "--version", prog_name="rolehop", message="%(prog)s %(version)s"
)
@click.pass_context
def root(ctx: click.Context) -> None:
    """Name a chain of AWS roles once, walk it with one command."""
    if ctx.invoked_subcommand is None:
        show_help(ctx)
