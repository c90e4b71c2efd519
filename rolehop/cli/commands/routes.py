"""``rolehop routes``: the shortest routes to a role that the policies allow."""

from __future__ import annotations

import click

from rolehop.advice import Advice, Argument
from rolehop.app.config_files import append_chain, with_same_config
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.judging.route_finder import FoundRoutes, find_routes
from rolehop.cli.completers import chain_names, source_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.policy_options import policy_flags
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.routes.search import MOST_ROUTES

NO_ROUTE = 5
"""The exit code if no route is allowed, or may be."""


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
@policy_flags
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
    policies: PolicyOptions,
    most: int,
    every: bool,
    write: str | None,
    style: str,
) -> None:
    """Find the shortest routes to a role that the policies allow.

    TO is a role (its ARN or ACCOUNT:role/NAME), an account, or a chain whose last role is meant.
    Looks among the roles of the documents and the hops of the configured chains; each route comes
    with its verdict and as a chain to paste. What is left out, such as a source whose identity is
    not known, is named. Makes no AWS call. Exits 5 if there is no route.
    """
    cli = CommandContext.of(ctx)
    limit = MOST_ROUTES if every else most
    result = find_routes(cli.app, what, source, policies, most=limit, new_chain=write)
    _print(cli, result, what, style)
    if not result.found.routes:
        ctx.exit(NO_ROUTE)
    if write is not None:
        path = append_chain(cli.app, write, result.chains[0])
        cli.terminal.note(f"written: {path}")
        allowed = result.found.routes[0].outcome is Outcome.ALLOWED
        cli.terminal.note(
            Advice("next: ", with_same_config(cli.app, "plan ", Argument(write)))
            if allowed
            else Advice(
                "whether it is allowed can't be told; next: ",
                with_same_config(cli.app, "explain ", Argument(write)),
            )
        )


def _print(cli: CommandContext, result: FoundRoutes, to: str, style: str) -> None:
    from rolehop.show.routes import routes_document, routes_view

    if style == "json":
        cli.write_json(routes_document(result.found, to, result.chains, result.left_out))
    else:
        cli.write_view(routes_view(result.found, to, result.chains, result.left_out))
