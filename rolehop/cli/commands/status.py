"""``rolehop status``: the sessions that are held."""

from __future__ import annotations

import click

from rolehop.app.context import App
from rolehop.app.listing import session_rows
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

    A tree of hops: each session hangs below the one that signed for it.
    """
    app = App.of(ctx)
    rows = session_rows(app)
    if style == "json":
        from rolehop.show.json_documents import as_json, status_document

        app.terminal.product(as_json(status_document(rows, app.now())) + "\n")
    elif rows:
        from rolehop.show.tables import sessions_view

        app.terminal.view(sessions_view(rows, app.now(), verbose=app.terminal.verbose))
    else:
        app.terminal.note("no session is held")
