"""``rolehop config import``: shows what would be added to the config, then asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from rolehop.advice import Advice, Argument
from rolehop.app.config_files import with_same_config
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.errors import ConfigError, NoTerminal
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.importing.found_files import FoundFiles
    from rolehop.app.importing.proposing import ConfigImport


@click.command(
    cls=Command,
    epilog="""
rolehop config import                          # looks for all, and says what it found
rolehop config import aws-vault
rolehop config import ~/old/config --yes
""",
)
@click.argument("tool", required=False, metavar="[FROM]")
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask.")
@click.pass_context
def import_(ctx: click.Context, tool: str | None, confirmed: bool) -> None:
    """Add chains from the files of other tools.

    FROM is aws-config, aws-vault, granted, awsume, aws-sso-cli, aws-runas, saml2aws, leapp or a file.
    Shows what would be added, and what cannot be carried, then asks; without a terminal it only
    shows. Keys are never copied: for each there is a line that moves it.
    """
    from rolehop.app.importing.found_files import files_of
    from rolehop.app.importing.proposing import confirm_import, plan_import, write_import

    cli = CommandContext.of(ctx)
    found = files_of(cli.app, tool)
    planned = plan_import(cli.app, found)
    for line in _found(found):
        cli.terminal.note(line)
    if found.broken and not found.seen:
        raise ConfigError(
            "nothing was imported",
            cause="no file that is there could be read",
            fix="correct what is named above, or name the file to import",
        )
    if planned.chains:
        cli.terminal.write_output(planned.diff)
    for line in _beside(cli.app, planned):
        cli.terminal.note(line)
    if not planned.chains:
        return
    try:
        if not confirmed:
            confirm_import(cli.app, planned)
    except NoTerminal:
        cli.terminal.note("nothing was written: add --yes to write it")
        return
    write_import(cli.app, planned)
    cli.terminal.note(f"written: {pluralize(len(planned.chains), 'chain')}, {planned.path}")
    plan = with_same_config(cli.app, "plan ", Argument(planned.chains[0]))
    cli.terminal.note(Advice("next: ", plan))


def _found(found: FoundFiles) -> Iterator[str]:
    yield from (f"found: {each}" for each in found.seen)
    yield from (f"not read: {each}" for each in found.broken)
    if not found.seen and not found.broken:
        yield "nothing was found to import"


def _beside(app: App, planned: ConfigImport) -> Iterator[str]:
    """Give what the diff does not say."""
    from rolehop.app.importing.proposing import keys_advice

    yield from (f"not carried: {each}" for each in planned.lost)
    if planned.there:
        yield f"already in the config: {pluralize(planned.there, 'chain')}"
    yield from (keys_advice(app, each) for each in planned.keys)
