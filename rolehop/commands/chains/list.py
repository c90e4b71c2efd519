"""``rolehop list``: the configured chains."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from rolehop.app.config_files import first_step
from rolehop.app.listing import chain_rows, check_found
from rolehop.app.selecting import note_lists, unlisted_fleets
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
rolehop list tag:env=prod 'ou:Prod/*' 'account:4*' role:Audit
rolehop list --format json | jq -r '.chains[].name'
""",
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, pattern: tuple[str, ...], style: str) -> None:
    """List the configured chains.

    PATTERN is the name of a chain or of a fleet, or a part of one. The name or number of the account
    that a chain ends in finds it, too. Or it says what to look at: label:env=prod at labels,
    account:4* and role:Audit at where a chain ends, tag:env=prod and ou:Prod/* at what AWS listed of
    its account. * and ? are as in a shell; quote them.
    """
    cli = CommandContext.of(ctx)
    rows = list(chain_rows(cli.app, pattern or ("*",)))
    check_found(cli.app, pattern, rows)
    for error in unlisted_fleets(cli.app, pattern or ("*",)):
        cli.terminal.note(Advice(f"{error.what}: ", error.fix or ""))
    note_lists(cli.app, pattern or ("*",))
    if rows or style == "json":
        show_chains(cli, rows, style, folded=not pattern)
    else:
        cli.terminal.note(Advice("no chain is configured yet: ", first_step(cli.app)))


def show_chains(
    cli: CommandContext, rows: list[ChainRow], style: str, *, folded: bool = False
) -> None:
    """Print chains as a table or as JSON; ``folded``: a large fleet is one row on a terminal."""
    from rolehop.app.account_names import KnownNames
    from rolehop.commands.chains.view import chains_view, list_document

    if style == "json":
        cli.write_json(list_document(rows, KnownNames(cli.app)))
        return

    view = chains_view(
        rows,
        cli.app.now(),
        KnownNames(cli.app),
        cli.quote_argument,
        verbose=cli.terminal.verbose,
        folded=folded and sys.stdout.isatty(),
    )
    cli.terminal.write_view(view, {})
