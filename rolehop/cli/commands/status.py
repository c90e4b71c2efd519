"""``rolehop status``: the stored sessions, and how `credential-process` last failed."""

from __future__ import annotations

import click

from rolehop.app.listing import account_names
from rolehop.app.stored_sessions import problem_rows, session_rows
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option


@click.command(
    cls=Command,
    epilog="""
rolehop status
rolehop status -v
rolehop status --format json | jq '.sessions[] | select(.seconds_left < 300)'
""",
)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, style: str) -> None:
    """Show the stored sessions and how long they last.

    A tree of hops: each session hangs below the one that signed for it. Then, for each
    chain whose last credential-process failed, what it said: most SDKs hide that.
    """
    cli = CommandContext.of(ctx)
    rows, problems = session_rows(cli.app), problem_rows(cli.app)
    if style == "json":
        from rolehop.show.json_documents import status_document

        cli.write_json(status_document(rows, problems, cli.app.now()))
    elif rows:
        from rolehop.show.tables import sessions_view

        names = account_names(cli.app)
        cli.terminal.write_view(
            sessions_view(rows, cli.app.now(), verbose=cli.terminal.verbose, names=names)
        )
    else:
        cli.terminal.note("no session is stored")
    if problems and style != "json":
        from rolehop.show.tables import problems_view

        cli.terminal.write_view(problems_view(problems, cli.app.now(), cli.quote_argument))
