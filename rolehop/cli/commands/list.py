"""``rolehop list``: the chains that are configured."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from rolehop.app.context import App
from rolehop.app.listing import chain_rows
from rolehop.cli.completers import chain_names
from rolehop.cli.options import Command, format_option

if TYPE_CHECKING:
    pass


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
    app = App.of(ctx)
    rows = [row for row in chain_rows(app) if _wanted(row.name, pattern)]
    if style == "json":
        from rolehop.show.json_documents import as_json, list_document

        app.terminal.product(as_json(list_document(rows)) + "\n")
    elif rows:
        from rolehop.show.tables import chains_view

        app.terminal.view(chains_view(rows, app.now(), verbose=app.terminal.verbose))
    else:
        app.terminal.note(
            "no chain matches" if pattern else "no chain is configured yet: rolehop config init"
        )


def _wanted(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, each) for each in patterns)
