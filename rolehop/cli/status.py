"""``rolehop status``: the sessions that are held."""

from __future__ import annotations

import click

from rolehop.cli.held import held
from rolehop.cli.options import Command, format_option
from rolehop.cli.wiring import App
from rolehop.show.rows import SessionRow
from rolehop.vault.index import Index


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
    """Show the sessions that are held and how long they last.

    A tree of hops: each session hangs below the one that signed for it.
    """
    app = App.of(ctx)
    rows = session_rows(app)
    if style == "json":
        from rolehop.show.documents import as_json, status_document

        app.terminal.product(as_json(status_document(rows, app.now())) + "\n")
    elif rows:
        from rolehop.show.views import sessions_view

        app.terminal.view(sessions_view(rows, app.now(), verbose=app.terminal.verbose))
    else:
        app.terminal.note("no session is held")


def session_rows(app: App) -> list[SessionRow]:
    """Return a row per session that has not ended."""
    now = app.now()
    return [row for row in rows_of(held(app)) if row.expires_at > now]


def rows_of(index: Index) -> list[SessionRow]:
    """Return a row per session of the index, in the order they were got."""
    return [
        SessionRow(
            key=entry.key,
            chains=entry.chains,
            hop=entry.hop,
            role=entry.role or None,
            arn=entry.arn,
            expires_at=entry.expires_at,
            parent=entry.parent if entry.parent in index.sessions else None,
            backend=entry.backend,
            kind=entry.step,
            source=entry.source,
        )
        for entry in index.sessions.values()
    ]
