"""``rolehop config``: write, check and explain the config file."""

from __future__ import annotations

import click

from rolehop.advice import Advice, ShellCommand
from rolehop.app.config_files import (
    check_config,
    config_reference,
    first_step,
    own_config_file,
)
from rolehop.cli.config_import import import_
from rolehop.cli.config_init import init
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.errors import ConfigError
from rolehop.text import pluralize


@click.group(cls=Group, epilog="\nrolehop config init\nrolehop config check\n")
def command() -> None:
    """Write, check and explain the config file."""


command.add_command(init)
command.add_command(import_, "import")


@command.command(
    epilog="\nrolehop config check\nrolehop config check --config team.toml --format json\n"
)
@format_option("text", "json", default="text")
@click.pass_context
def check(ctx: click.Context, style: str) -> None:
    """Check the config and list everything that is wrong with it (exit 3)."""
    cli = CommandContext.of(ctx)
    if style == "json":
        _check_as_json(ctx, cli)
        return
    found = check_config(cli.app)
    if not found.files:
        cli.terminal.note(Advice("there is no config yet: ", first_step(cli.app)))
        return
    for each in found.suspicious:
        cli.terminal.note(Advice(ShellCommand(each.place), f": {each.said}"))
    cli.terminal.write_output(
        f"well-formed: {pluralize(found.chains, 'chain')},"
        f" {pluralize(found.sources, 'source')}\n" + "".join(f"  {file}\n" for file in found.files)
    )


def _check_as_json(ctx: click.Context, cli: CommandContext) -> None:
    from rolehop.show.json_documents import config_document

    try:
        found = check_config(cli.app)
    except ConfigError as error:
        cli.write_json(config_document((), 0, 0, error.complaints, what=error.what))
        ctx.exit(error.exit_code)
    cli.write_json(
        config_document(found.files, found.chains, found.sources, (), suspicious=found.suspicious)
    )


@command.command(epilog="\nrolehop config path\n")
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print where the config file is, or would be."""
    cli = CommandContext.of(ctx)
    cli.terminal.write_output(f"{own_config_file(cli.app)}\n")


@command.command(epilog="\nrolehop config reference\n")
@click.pass_context
def reference(ctx: click.Context) -> None:
    """Print every key of every table with its type, limit and default."""
    CommandContext.of(ctx).terminal.write_output(config_reference())
