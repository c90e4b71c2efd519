"""``rolehop history``: what was called and handed over, and whose the calls in a trail were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from rolehop.cli.completers import files, patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.cli.param_types import Since
from rolehop.commands.history.rows import (
    COLUMNS,
    HistoryRow,
    Wanted,
    as_csv,
    as_lines,
    history_document,
    history_rows,
    moment_of,
    row_document,
)

if TYPE_CHECKING:
    from rolehop.app.selecting import NamedChains


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog="""
rolehop history
rolehop history --since 7d --chain 'prod-*'
rolehop history --account 444444444444 --role 'Admin*' --outcome AccessDenied
rolehop history --key ASIAEXAMPLE --format json
rolehop history --since 2026-01-01 --until 2026-02-01 --format csv > january.csv
rolehop history match trail.json
""",
)
@click.option(
    "--since", type=Since(), metavar="WHEN", help="Only the last 2h or 7d, or since a date."
)
@click.option("--until", type=Since(), metavar="WHEN", help="Only what is older than that.")
@click.option(
    "--chain",
    "chains",
    multiple=True,
    metavar="PATTERN",
    shell_complete=patterns,
    help="Only chains that match; may be repeated.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="PATTERN",
    help="Only roles of that name, or ARN; may be repeated.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="PATTERN",
    help="Only accounts of that number or name; may be repeated.",
)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    metavar="PATTERN",
    help="Only ok, failed, or one of AWS's error codes; may be repeated.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="ID",
    help="Only sessions of that access key ID, or that it ends with; may be repeated.",
)
@format_option("table", "json", "ndjson", "csv", default="table")
@click.pass_context
def command(
    ctx: click.Context,
    since: timedelta | datetime | None,
    until: timedelta | datetime | None,
    chains: tuple[str, ...],
    roles: tuple[str, ...],
    accounts: tuple[str, ...],
    outcomes: tuple[str, ...],
    keys: tuple[str, ...],
    style: str,
) -> None:
    """Show the calls to AWS and the sessions handed over.

    The latest comes first: each call to AWS, and each session that a command such as assume or exec
    handed over. -v shows more: AWS's request ID and the access key ID, which CloudTrail has, too,
    and who asked. What the hot path answers to credential-process leaves no line. No secret is in
    it. logout --all keeps it. It is a log and no evidence.
    """
    if ctx.invoked_subcommand is not None:
        return
    cli = CommandContext.of(ctx)
    now = cli.app.now()
    named = _chain_filter(cli, chains)
    wanted = Wanted(
        moment_of(since, now),
        moment_of(until, now),
        None if named is None else named.__contains__,
        roles,
        accounts,
        outcomes,
        keys,
    )
    rows = _rows(cli, wanted)
    if style == "table":
        _show(cli, list(rows), now, is_all=wanted == Wanted())
    elif style == "json":
        cli.write_json(history_document(rows))
    else:
        documents = map(row_document, rows)
        lines = as_csv(documents, COLUMNS) if style == "csv" else as_lines(documents)
        _write(cli, lines)


def _chain_filter(cli: CommandContext, chains: tuple[str, ...]) -> NamedChains | None:
    if not chains:
        return None
    from rolehop.app.selecting import NamedChains

    return NamedChains(cli.app, chains)


def _rows(cli: CommandContext, wanted: Wanted) -> Iterator[HistoryRow]:
    return history_rows(cli.app, wanted)


def _show(cli: CommandContext, rows: list[HistoryRow], now: datetime, *, is_all: bool) -> None:
    if not rows:
        cli.terminal.note("there is no history" if is_all else "no line matches")
        return
    from rolehop.app.account_names import KnownNames
    from rolehop.commands.history.view import history_view

    view = history_view(rows, now, KnownNames(cli.app), verbose=cli.terminal.verbose)
    cli.write_view(view)


def _write(cli: CommandContext, lines: Iterator[str]) -> None:
    """Write lines as they come, many at once: a year has hundreds of thousands."""
    from itertools import islice

    while some := "".join(islice(lines, 1000)):
        cli.terminal.write_output(some, encoding="utf-8")


@command.command(
    epilog="""
rolehop history match trail.json
aws cloudtrail lookup-events --output json | rolehop history match -
rolehop history match trail.json --format csv > whose.csv
"""
)
@click.argument("file", shell_complete=files)
@format_option("table", "json", "ndjson", "csv", default="table")
@click.pass_context
def match(ctx: click.Context, file: str, style: str) -> None:
    """Tell which calls in a CloudTrail trail were whose.

    FILE has CloudTrail's events as JSON: a file of the trail (.json.gz, too), the console's
    download, the output of aws cloudtrail lookup-events, a list, or JSON lines; - is stdin. Each
    call that this history knows is shown with its chain, its reason and the program that had the
    session. They are joined by AWS's request ID and by the access key ID, never by a session's
    name alone, which other machines use, too; what cannot be told is said. Makes no AWS call.
    """
    from rolehop.commands.history.joining import Joiner
    from rolehop.commands.history.match_view import (
        MATCH_COLUMNS,
        Summary,
        joined_json,
        match_document,
        match_view,
    )
    from rolehop.commands.history.trail_file import events_of

    cli = CommandContext.of(ctx)
    joiner = Joiner(_rows(cli, Wanted()))
    summary = Summary()
    joined = summary.counting(joiner.join(each) for each in summary.read(events_of(file)))
    if style == "json":
        cli.write_json(match_document(joined))
    elif style == "table":
        for each in joined:
            summary.add(each)
        if summary.groups:
            cli.write_view(match_view(summary, cli.app.now()))
    else:
        documents = map(joined_json, joined)
        _write(cli, as_csv(documents, MATCH_COLUMNS) if style == "csv" else as_lines(documents))
    cli.terminal.note(summary.text)
