"""``rolehop show``: one chain in full."""

from __future__ import annotations

import click

from rolehop.cli.commands.plan import show_plan
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.plan.walk_options import WalkOptions


@click.command(
    cls=Command,
    epilog="""
rolehop show prod-admin
rolehop show prod-admin --format json
""",
)
@click.argument("chain", shell_complete=chain_names)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, chain: str, style: str) -> None:
    """Show one chain in full.

    As plan does, with every value that is sent to STS. External IDs are shown as "set".
    """
    show_plan(CommandContext.of(ctx), chain, style, WalkOptions(), full=True)
