"""``rolehop status``: the stored sessions and sign-ins, and how `credential-process` last failed."""

from __future__ import annotations

import click

from rolehop.app.stored_sessions import problem_rows, stored
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option


@click.command(
    cls=Command,
    epilog="""
rolehop status
rolehop status -v
rolehop status label:env=prod
rolehop status --format json | jq '.sessions[] | select(.seconds_left < 300)'
""",
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, pattern: tuple[str, ...], style: str) -> None:
    """Show the stored sessions and how long they last.

    A tree of hops: each session hangs below the one that signed for it, with what tells it from
    others of its role. Then who is signed in, and until when by this machine's clock. What is in a
    locked keyring is not counted. With a PATTERN: only what these chains use. Then, for each chain whose last credential-process failed, what
    it said: most SDKs hide that.
    """
    cli = CommandContext.of(ctx)
    found, problems = stored(cli.app, pattern), problem_rows(cli.app, pattern)
    if style == "json":
        from rolehop.show.json_documents import status_document

        cli.write_json(
            status_document(found.sessions, found.sign_ins, found.hidden, problems, cli.app.now())
        )
        return
    from rolehop.show.tables import hidden_text, problems_view, sessions_view, sign_ins_view

    now = cli.app.now()
    view = [
        *sessions_view(found.sessions, now, verbose=cli.terminal.verbose),
        *sign_ins_view(found.sign_ins, now),
    ]
    if view:
        cli.write_view(view)
    if not found.sessions and not found.hidden:
        known = found.all_known
        cli.terminal.note(
            "no session is stored" if known else "the keyring could not be searched for sessions"
        )
    for each in found.hidden:
        cli.terminal.note(hidden_text(each))
    if problems:
        cli.write_view(problems_view(problems, now, cli.quote_argument))
