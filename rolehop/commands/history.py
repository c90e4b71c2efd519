"""``rolehop history``: what was called and handed over, and whether anybody changed that."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from rolehop.app.listing import history_rows, verify_history
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.cli.param_types import Since
from rolehop.errors import RolehopError
from rolehop.text import pluralize

_PROBLEMS_SHOWN = 10


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog="""
rolehop history
rolehop history --since 7d --chain 'prod-*'
rolehop history --format json | jq '.lines[] | select(.outcome != "ok")'
rolehop history verify
""",
)
@click.option(
    "--since", type=Since(), metavar="WHEN", help="Only the last 2h or 7d, or since a date."
)
@click.option(
    "--chain",
    "chains",
    multiple=True,
    metavar="PATTERN",
    shell_complete=patterns,
    help="Only chains that match; may be repeated.",
)
@format_option("table", "json", default="table")
@click.pass_context
def command(
    ctx: click.Context, since: timedelta | datetime | None, chains: tuple[str, ...], style: str
) -> None:
    """Show what was called and handed over, and when.

    A line for each call to AWS, and for each session that assume, exec, export or shell handed to
    a program: chain, role, outcome, reason; with -v AWS's request ID, which CloudTrail has too. A
    cached answer to credential-process leaves none. There is no secret in it. logout --all keeps it.
    """
    if ctx.invoked_subcommand is not None:
        return
    cli = CommandContext.of(ctx)
    rows = history_rows(cli.app, since, chains)
    if style == "json":
        from rolehop.show.json_documents import history_document

        cli.write_json(history_document(rows))
    elif rows:
        from rolehop.show.tables import history_view

        cli.write_view(history_view(rows, verbose=cli.terminal.verbose))
    else:
        cli.terminal.note(_none(since, chains))


def _none(since: timedelta | datetime | None, chains: tuple[str, ...]) -> str:
    is_all = since is None and not chains
    return "there is no history" if is_all else "no line matches"


@command.command(epilog="\nrolehop history verify\n")
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check that no line was changed, removed or moved (exit 1 if one was).

    Each line carries a hash of the one before it; their number and the last hash are in a second
    file; if that is lost, a line says so, and is found here. Whoever can write both files can rewrite
    both. A history that was deleted whole is found missing only while sessions are stored that it had,
    and nothing was written since. Send the lines elsewhere if that matters.
    """
    cli = CommandContext.of(ctx)
    found = verify_history(cli.app)
    if found.problems:
        more = len(found.problems) - _PROBLEMS_SHOWN
        shown = [*found.problems[:_PROBLEMS_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        raise RolehopError(
            "the history is not as it was written",
            cause="; ".join(shown),
            fix="find out who changed it; copies of your own may have the lines",
        )
    if not found.last:
        cli.terminal.note("there is no history")
        return
    kept = f", from line {found.first} on" if found.first > 1 else ""
    cli.terminal.note(f"{pluralize(found.lines, 'line')}{kept}, none changed")
