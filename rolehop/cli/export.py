"""``rolehop export``: walk a chain and print its last session."""

from __future__ import annotations

from collections.abc import Callable

import click

from rolehop.cli.options import Command, format_option, walk_options, walk_told
from rolehop.cli.walking import chain_names, walk_to_hand_over
from rolehop.cli.wiring import App
from rolehop.credentials import Session
from rolehop.plan.model import Plan


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop export prod-admin)"
rolehop export prod-admin --format json | jq .Expiration
docker run --env-file <(rolehop export prod-admin --format docker-env) IMAGE
rolehop export prod-admin --format ini >> ~/.aws/credentials
""",
)
@click.argument("chain", shell_complete=chain_names)
@format_option("env", "json", "dotenv", "ini", "docker-env", default="env")
@click.option("--shell", metavar="SHELL", help="With --format env: the shell to write for.")
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str, style: str, shell: str | None) -> None:
    """Walk a chain and print its session in a format.

    The secrets go to stdout, and nowhere else: also where that is a terminal, since you asked
    for them by name.
    """
    app = App.of(ctx)
    make = _maker(app, style, shell)
    plan, session = walk_to_hand_over(app, chain, walk_told(ctx))
    app.terminal.product(make(plan, session))


def _maker(app: App, style: str, shell: str | None) -> Callable[[Plan, Session], str]:
    """Return what turns a session into text; an unknown shell is found out before the walk."""
    from rolehop.handover.documents import as_docker_env, as_dotenv, as_ini
    from rolehop.handover.process import as_process
    from rolehop.handover.variables import assumed

    match style:
        case "json":
            return lambda plan, session: as_process(session)
        case "dotenv":
            return lambda plan, session: as_dotenv(session, plan.handed_region)
        case "docker-env":
            return lambda plan, session: as_docker_env(session, plan.handed_region)
        case "ini":
            return lambda plan, session: as_ini(
                session, chain=plan.chain, region=plan.handed_region
            )
        case _:
            dialect = app.dialect(shell)
            return lambda plan, session: dialect.render(
                assumed(session, chain=plan.chain, region=plan.handed_region, before=app.environ)
            )
