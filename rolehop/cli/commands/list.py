"""``rolehop list``: the chains that are configured."""

from __future__ import annotations

from fnmatch import fnmatchcase

import click

from rolehop.app.listing import chain_rows
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option


@click.command(
    cls=Command,
    epilog="""
rolehop list
rolehop list 'spokes/*'
rolehop list --format json | jq -r '.chains[].name'
""",
)
@click.argument("pattern", nargs=-1, shell_complete=chain_names)
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, pattern: tuple[str, ...], style: str) -> None:
    """List the configured chains.

    PATTERN takes * and ?, as in a shell; quote it.
    """
    cli = CommandContext.of(ctx)
    rows = [row for row in chain_rows(cli.app) if _wanted(row.name, pattern)]
    if style == "json":
        from rolehop.show.json_documents import as_json, list_document

        cli.terminal.write_output(as_json(list_document(rows)) + "\n")
    elif rows:
        from rolehop.show.tables import chains_view

        cli.terminal.write_view(chains_view(rows, cli.app.now(), verbose=cli.terminal.verbose))
    else:
        cli.terminal.note(
            "no chain matches" if pattern else "no chain is configured yet: rolehop config init"
        )


def _wanted(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, each) for each in patterns)
