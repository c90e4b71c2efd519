"""``rolehop show``: one chain in full, or the chains of a fleet."""

from __future__ import annotations

import click

from rolehop.app.listing import chain_settings, fleet_rows
from rolehop.app.selecting import end_of
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.walk_command import chain_or_pick
from rolehop.commands.chains.list import show_chains


@click.command(
    cls=Command,
    epilog="""
rolehop show prod-admin
rolehop show spokes                           # a fleet: its chains
rolehop show prod-admin --format json
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, chain: str | None, style: str) -> None:
    """Show one chain in full.

    Shows what the config sets for it, and hop by hop what a walk sends to STS. -v shows every setting,
    defaults included. An external ID is only "set". For the name of a fleet: its chains. Without a name
    you pick a chain on the terminal.
    """
    cli = CommandContext.of(ctx)
    name = chain_or_pick(cli, chain, "show CHAIN")
    fleet = fleet_rows(cli.app, name)
    if fleet:
        show_chains(cli, fleet, style)
    else:
        _show_chain(cli, name, style)


def _show_chain(cli: CommandContext, name: str, style: str) -> None:
    from rolehop.app.account_names import KnownNames
    from rolehop.commands.chains.show_view import chain_view, show_document

    plan, chain = chain_settings(cli.app, name)
    end, names = end_of(cli.app, plan), KnownNames(cli.app)
    if style == "json":
        cli.write_json(show_document(plan, chain, end, names))
    else:
        now, verbose = cli.app.now(), cli.terminal.verbose
        view = chain_view(plan, chain, end, now, names, verbose=verbose)
        cli.terminal.write_view(view, {})
