"""``rolehop fleet``: the accounts of fleets, and asking AWS for them."""

from __future__ import annotations

import click

from rolehop.base.durations import show_local
from rolehop.base.errors import RolehopError
from rolehop.cli.completers import fleet_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.cli.param_types import reason_option
from rolehop.commands.fleet.refreshing import (
    RefreshedFleet,
    RefreshRules,
    fleet_rows,
    fleets_to_refresh,
    refresh_fleets,
)
from rolehop.commands.fleet.view import (
    fleets_document,
    fleets_view,
    refreshed_document,
    refreshed_view,
)
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.output import write_lines
from rolehop.terminal.progress import listing_counter


@click.group(cls=Group, epilog="\nrolehop fleet list\nrolehop fleet refresh prod\n")
def command() -> None:
    """List fleets, and ask AWS which accounts they have."""


@command.command("list", epilog="\nrolehop fleet list\nrolehop fleet list --format json\n")
@format_option("table", "json", default="table")
@click.pass_context
def list_(ctx: click.Context, style: str) -> None:
    """List the configured fleets, and how old their accounts are. No AWS call is made.

    Makes no AWS call.
    """
    cli = CommandContext.of(ctx)
    rows = fleet_rows(cli.app)
    if style == "json":
        cli.write_json(fleets_document(rows))
    elif rows:
        cli.write_view(fleets_view(rows, cli.app.now()))
    else:
        cli.terminal.note("no fleets are configured (rolehop config reference)")


@command.command(
    epilog="""
rolehop fleet refresh                       # every fleet that AWS lists
rolehop fleet refresh prod
rolehop fleet refresh prod --allow-removed  # more than a tenth of it is gone, and may be
rolehop fleet refresh prod --accept-move prod/web
rolehop fleet refresh prod --format json | jq '.fleets[].changes[]'
"""
)
@click.argument("name", nargs=-1, shell_complete=fleet_names)
@click.option(
    "--allow-removed",
    is_flag=True,
    help="Take a list that lost more than a tenth, or in which an OU, a tag or an exclude is in vain.",
)
@click.option(
    "--accept-move",
    multiple=True,
    metavar="CHAIN",
    help="Let this name lead to another account than before; may be repeated.",
)
@click.option("--no-prompt", is_flag=True, help="Fail at once instead of asking a question.")
@reason_option()
@format_option("table", "json", default="table")
@click.pass_context
def refresh(
    ctx: click.Context,
    name: tuple[str, ...],
    allow_removed: bool,
    accept_move: tuple[str, ...],
    no_prompt: bool,
    reason: str | None,
    style: str,
) -> None:
    """Ask AWS for the accounts of fleets, and show what changed.

    Other commands make no such call: they use what this one listed last. The state folder keeps
    that, sealed by the keyring; without a keyring each run asks again. Leaves out accounts that are
    suspended or closed. Exit 3: more than a tenth is missing, or an OU, a tag or an exclude matches
    nothing; then the list stays as it was. Asks before a name leads to another account.
    """
    from rolehop.app.walking import asking_for_accounts

    cli = CommandContext.of(ctx)
    fleets = fleets_to_refresh(cli.app, name)
    if not fleets:
        cli.terminal.note("no fleet has its accounts from AWS, so there is nothing to ask")
    options = WalkOptions(no_prompt=no_prompt, reason=reason)
    done: list[RefreshedFleet] = []
    with listing_counter(cli.terminal) as counter:
        asking = asking_for_accounts(cli.app, options, cli.progress(), counter)
        rules = RefreshRules(allow_removed, frozenset(accept_move))
        for each in refresh_fleets(cli.app, fleets, asking, rules):
            counter.pause()
            is_known = each.error is not None and any(e.error is each.error for e in done)
            done.append(each)
            if is_known:  # nobody was asked again
                write_lines(f"rolehop: fleet '{each.fleet.name}' is not listed: the same")
            else:
                _show(cli, each, style)
    moved = {chain for each in done for chain in each.moved}
    for chain in accept_move:
        if chain not in moved:
            cli.terminal.note(f"--accept-move {chain}: no chain of that name leads elsewhere")
    if style == "json":
        cli.write_json(refreshed_document(done))
    failed = [each.error for each in done if each.error is not None]
    ctx.exit(failed[0].exit_code if failed else 0)


def _show(cli: CommandContext, refreshed: RefreshedFleet, style: str) -> None:
    if refreshed.found is not None and style != "json":
        cli.terminal.write_view(refreshed_view(refreshed, verbose=cli.terminal.verbose), {})
    if refreshed.error is not None:
        _report(cli, refreshed.error)
        at, name = refreshed.before.at, refreshed.fleet.name
        age = "none is known" if at is None else f"they stay those of {show_local(at)}"
        what = "listed" if refreshed.found is None else "stored"
        cli.terminal.note(f"the accounts of fleet '{name}' are not {what}: {age}")


def _report(cli: CommandContext, error: RolehopError) -> None:
    names = cli.terminal.with_account_names
    cli.terminal.report(error_lines(error, cli.quote_argument, cli.terminal.columns, names))
