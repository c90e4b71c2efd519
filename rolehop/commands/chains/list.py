"""``rolehop list``: the configured chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app.config_files import first_step
from rolehop.app.listing import chain_rows, check_patterns, note_old_lists, unlisted_fleets
from rolehop.base.advice import Advice
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option

if TYPE_CHECKING:
    from rolehop.app.listing import ChainRow


@click.command(
    cls=Command,
    epilog="""
rolehop list
rolehop list 'spokes/*'
rolehop list spokes label:env=prod
rolehop list --format json | jq -r '.chains[].name'
""",
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, pattern: tuple[str, ...], style: str) -> None:
    """List the configured chains.

    PATTERN takes * and ?, as in a shell; quote it. label:env=prod selects by a label, and the name
    of a fleet its chains.
    """
    cli = CommandContext.of(ctx)
    check_patterns(cli.app, pattern)
    rows = list(chain_rows(cli.app, pattern or ("*",)))
    for error in unlisted_fleets(cli.app, pattern or ("*",)):
        cli.terminal.note(Advice(f"{error.what}: ", error.fix or ""))
    note_old_lists(cli.app, pattern or ("*",))
    if rows or style == "json":
        show_chains(cli, rows, style)
    else:
        cli.terminal.note(Advice("no chain is configured yet: ", first_step(cli.app)))


def show_chains(cli: CommandContext, rows: list[ChainRow], style: str) -> None:
    """Print chains as a table or as JSON."""
    if style == "json":
        from rolehop.commands.chains.view import list_document

        cli.write_json(list_document(rows))
        return
    from rolehop.commands.chains.view import chains_view

    cli.write_view(chains_view(rows, cli.app.now(), verbose=cli.terminal.verbose))
