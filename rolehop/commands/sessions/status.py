"""``rolehop status``: sessions, sign-ins, servers, and how `credential-process` last failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rolehop.app.lost_index import without_broken_config
from rolehop.base.text import clean
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.commands.serve.running import running_servers
from rolehop.commands.sessions.stored import failures_of, stored
from rolehop.handover.environment import FULL_URI

if TYPE_CHECKING:
    from rolehop.app.sdk_problems import SdkProblem
    from rolehop.commands.serve.running import ServerRow
    from rolehop.commands.sessions.stored import Stored


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

    Each session stands below the one that signed for it, the soonest to end first. What tells it from
    others of its role stands last. Then who is signed in, and until when by this machine's clock. Then
    the servers that run (rolehop serve), and what failed for SDKs, which mostly hide it. Leaves out
    what is in a locked keyring. With a PATTERN: only what these chains use.
    """
    cli = CommandContext.of(ctx)
    app = without_broken_config(cli.app)
    found, problems = stored(app, pattern), failures_of(app, pattern)
    servers = running_servers(app, pattern)
    if app.config_problem is not None:
        cli.terminal.note("sign-ins of its sources are not shown")
    if found.problem is not None:
        cli.terminal.note(f"what is stored cannot be seen: {found.problem}")
    if style == "json":
        from rolehop.commands.sessions.view import status_document

        lists = found.sessions, found.sign_ins, found.hidden, problems, servers
        cli.write_json(status_document(*lists, cli.environ.get(FULL_URI), cli.app.now()))
        return
    _print_servers_and_problems(cli, servers, problems, has_table=_print_stored(cli, found))
    if not pattern:
        _note_lost_endpoint(cli, servers)


def _print_stored(cli: CommandContext, found: Stored) -> bool:
    """Show sessions and sign-ins; true if there are any."""
    from rolehop.app.account_names import KnownNames
    from rolehop.commands.sessions.view import (
        MOST_SHOWN,
        hidden_text,
        sessions_view,
        sign_ins_view,
    )
    from rolehop.terminal.layout import blocks

    now, verbose = cli.app.now(), cli.terminal.verbose
    sessions = sessions_view(
        found.sessions,
        now,
        KnownNames(cli.app),
        verbose=verbose,
        most=None if verbose or not sys.stdout.isatty() else MOST_SHOWN,
        in_use=cli.environ.get("ROLEHOP_CHAIN"),
    )
    view = blocks(sessions, sign_ins_view(found.sign_ins, now))
    if view:
        cli.terminal.write_view(view, {})
    if not found.sessions and not found.hidden and found.problem is None:
        known = found.all_known
        cli.terminal.note(
            "no session is stored" if known else "the keyring could not be searched for sessions"
        )
    for each in found.hidden:
        cli.terminal.note(hidden_text(each))
    return bool(view)


def _note_lost_endpoint(cli: CommandContext, servers: Sequence[ServerRow]) -> None:
    """Say if the programs of this shell ask for a chain at a port where none of ``servers`` has it."""
    from rolehop.commands.serve.view import is_served

    endpoint = cli.environ.get(FULL_URI, "")
    is_ours = endpoint.startswith("http://127.0.0.1:") and "/chains/" in endpoint
    if is_ours and not is_served(servers, endpoint):
        cli.terminal.note(
            f"AWS SDKs of this shell ask {clean(endpoint)}, which no server seen here has"
        )


def _print_servers_and_problems(
    cli: CommandContext,
    servers: Sequence[ServerRow],
    problems: Sequence[SdkProblem],
    *,
    has_table: bool,
) -> None:
    from rolehop.commands.serve.view import servers_view
    from rolehop.commands.sessions.view import MOST_PROBLEMS, problems_view
    from rolehop.terminal import output
    from rolehop.terminal.layout import line

    now, endpoint = cli.app.now(), cli.environ.get(FULL_URI)
    if servers:
        cli.write_view(servers_view(servers, now, endpoint))
    if problems:
        if has_table:
            cli.terminal.write_view([line()], {})
        most = None if cli.terminal.verbose or not sys.stdout.isatty() else MOST_PROBLEMS
        columns = output.columns(sys.stdout, cli.environ)
        cli.write_view(problems_view(problems, now, cli.quote_argument, columns, most))
