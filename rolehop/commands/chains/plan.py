"""``rolehop plan``: what walking a chain would do."""

from __future__ import annotations

import click

from rolehop.app.planning import Planning, description_of
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option, plan_options, walk_options_from
from rolehop.cli.walk_command import chain_or_pick
from rolehop.plan.walk_options import WalkOptions


@click.command(
    cls=Command,
    epilog="""
rolehop plan prod-admin
rolehop plan prod-admin --duration 2h --strict
rolehop plan prod-admin --format json | jq '.hops[].ceiling'
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@format_option("table", "json", default="table")
@plan_options
@click.pass_context
def command(ctx: click.Context, chain: str | None, style: str) -> None:
    """Show what walking a chain would do, without calling AWS.

    A line for each hop: its role, how long its session can last, and what a walk would do for it. Says
    what will fail, and why. Without a CHAIN you pick one on the terminal.
    """
    cli = CommandContext.of(ctx)
    name = chain_or_pick(cli, chain, "plan CHAIN")
    show_plan(cli, name, style, walk_options_from(ctx))


def show_plan(cli: CommandContext, chain: str, style: str, options: WalkOptions) -> None:
    """Print the plan of ``chain`` as a table or as JSON."""
    plan = Planning(cli.app).plan_and_diagnose(chain, options)
    if style == "json":
        from rolehop.commands.chains.view import plan_document

        cli.write_json(plan_document(plan))
        return
    from rolehop.app.account_names import KnownNames
    from rolehop.app.source_start import start_of_walk
    from rolehop.terminal.plan_view import plan_view

    view = plan_view(
        plan,
        options,
        start_of_walk(cli.app, plan),
        cli.app.now(),
        KnownNames(cli.app),
        description=description_of(cli.app, plan.chain),
        verbose=cli.terminal.verbose,
    )
    cli.terminal.write_view(view, {})
