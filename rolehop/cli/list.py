"""``rolehop list``: the chains that are configured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from rolehop.cli.options import Command, format_option
from rolehop.cli.walking import chain_names
from rolehop.cli.wiring import App, WalkOptions
from rolehop.errors import RolehopError

if TYPE_CHECKING:
    from rolehop.show.rows import ChainRow


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
    """List the chains that are configured.

    PATTERN takes * and ?, as in a shell; quote it.
    """
    app = App.of(ctx)
    rows = [row for row in chain_rows(app) if _wanted(row.name, pattern)]
    if style == "json":
        from rolehop.show.documents import as_json, list_document

        app.terminal.product(as_json(list_document(rows)) + "\n")
    elif rows:
        from rolehop.show.views import chains_view

        app.terminal.view(chains_view(rows, app.now(), verbose=app.terminal.verbose))
    else:
        app.terminal.note(
            "no chain matches" if pattern else "no chain is configured yet: rolehop config init"
        )


def _wanted(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, each) for each in patterns)


def chain_rows(app: App) -> Iterator[ChainRow]:
    """Give a row per configured chain, in the order of the config."""
    from rolehop.plan.resolve import path_of
    from rolehop.show.rows import ChainRow

    for chain in app.config.chains.values():
        path = path_of(app.config, chain)
        roles, cached_until = _plan_of(app, chain.name)
        yield ChainRow(
            name=chain.name,
            description=chain.description,
            source=path[0].source,
            continues=chain.continues,
            fleet=chain.fleet,
            labels=chain.labels,
            roles=roles,
            cached_until=cached_until,
            account=_account(roles),
            color=chain.color,
        )


def _account(roles: tuple[str, ...]) -> str:
    """Return the account of the last role; a role that is still a template has none."""
    from rolehop.arn import account_of

    return (account_of(roles[-1]) or "") if roles else ""


def _plan_of(app: App, name: str) -> tuple[tuple[str, ...], datetime | None]:
    """Return the roles and what is cached; a chain that cannot be planned now is still listed."""
    try:
        plan = app.plan(name, WalkOptions())
    except RolehopError:
        chain = app.config.chains[name]
        return tuple(hop.role for hop in chain.hops), None
    life = app.index.known().sessions.get(plan.key)
    held = life.expires_at if life and life.expires_at > app.now() else None
    return tuple(str(step.hop.role) for step in plan.hops), held
