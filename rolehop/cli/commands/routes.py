"""``rolehop routes``: the shortest ways to a role that the policies allow."""

from __future__ import annotations

import click

from rolehop.app.policy_documents import PolicyOptions, read_documents
from rolehop.cli.completers import chain_names, source_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.policy_options import policy_options
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.routes.search import MOST_ROUTES, Found
from rolehop.show.routes import LeftOut

NO_ROUTE = 5
"""The exit code where no way is allowed, nor may be."""


@click.command(
    cls=Command,
    epilog="""
rolehop routes 333333333333:role/Admin --policies account.json
rolehop routes 333333333333 --from corp --policies hub.json --policies spokes.json
rolehop routes 333333333333:role/Admin --policies account.json --write prod-admin
""",
)
@click.argument("what", metavar="TO", shell_complete=chain_names)
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    shell_complete=source_names,
    help="Start from this source alone.  [default: all whose principal is known]",
)
@policy_options
@click.option(
    "--most",
    type=click.IntRange(1, MOST_ROUTES),
    default=3,
    show_default=True,
    metavar="N",
    help="Show this many routes.",
)
@click.option("--all", "every", is_flag=True, help="Show all of the shortest, up to 1000.")
@click.option("--write", metavar="NAME", help="Append the first route to your config as a chain.")
@format_option("text", "json", default="text")
@click.pass_context
def command(
    ctx: click.Context,
    what: str,
    source: str | None,
    told: PolicyOptions,
    most: int,
    every: bool,
    write: str | None,
    style: str,
) -> None:
    """Find the shortest routes to a role that the policies allow.

    TO is a role (its ARN or ACCOUNT:role/NAME), an account, or a chain whose last role is meant.
    Looks among the roles of the documents and the hops of the configured chains; each way comes
    with its verdict and as a chain to paste. What is left out, as a source that nobody knows, is
    named. Makes no AWS call. Exits 5 where there is no way.
    """
    from rolehop.app.route_finder import Ways, append_chain, check_new_name

    cli = CommandContext.of(ctx)
    name = write or "NAME"
    if write is not None:
        check_new_name(cli.app, write)
    ways = Ways(cli.app, read_documents(told), told)
    found = ways.search(what, source, most=MOST_ROUTES if every else most)
    texts = [ways.text(route, name) for route in found.routes]
    _print(cli, found, what, texts, ways.left_out, style)
    if not found.routes:
        ctx.exit(NO_ROUTE)
    if write is not None:
        path = append_chain(cli.app, write, texts[0])
        cli.terminal.note(f"written: {path}")
        unsure = found.routes[0].outcome is not Outcome.ALLOWED
        cli.terminal.note(
            f"whether it is allowed can't be told; next: rolehop explain {write}"
            if unsure
            else f"next: rolehop plan {write}"
        )


def _print(
    cli: CommandContext,
    found: Found,
    to: str,
    texts: list[str],
    left_out: list[LeftOut],
    style: str,
) -> None:
    from rolehop.show.json_documents import as_json
    from rolehop.show.routes import routes_document, routes_view

    if style == "json":
        cli.terminal.write_output(as_json(routes_document(found, to, texts, left_out)) + "\n")
        return
    cli.terminal.write_view(routes_view(found, to, texts, left_out))
