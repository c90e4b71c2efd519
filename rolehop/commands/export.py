"""``rolehop export``: walk a chain and print its last session."""

from __future__ import annotations

from collections.abc import Callable

import click

from rolehop.app.walking import HandoverSession
from rolehop.cli.completers import chain_names, dialect_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option, walk_options, walk_options_from
from rolehop.cli.walk_command import session_for_handover


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop export prod-admin)"
rolehop export prod-admin --format json | jq .Expiration
docker run --env-file <(rolehop export prod-admin --format docker-env) IMAGE
""",
)
@click.argument("chain", shell_complete=chain_names)
@format_option("env", "json", "dotenv", "ini", "docker-env", default="env")
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="With --format env: the shell to write for.",
)
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str, style: str, shell: str | None) -> None:
    """Walk a chain and print its session in a format.

    The secrets go to stdout and nowhere else, even if that is a terminal: you asked for them by
    name.
    """
    cli = CommandContext.of(ctx)
    to_text = _format(cli, style, shell)
    cli.terminal.write_output(
        to_text(session_for_handover(cli, "export", chain, walk_options_from(ctx)))
    )


def _format(cli: CommandContext, style: str, shell: str | None) -> Callable[[HandoverSession], str]:
    """Return a function that formats a session; an unknown shell is an error before the walk."""
    match style:
        case "json":
            from rolehop.handover.formats import as_process

            return lambda handed: as_process(handed.session)
        case "dotenv":
            from rolehop.handover.formats import as_dotenv

            return lambda handed: as_dotenv(handed.session, handed.region)
        case "docker-env":
            from rolehop.handover.formats import as_docker_env

            return lambda handed: as_docker_env(handed.session, handed.region)
        case "ini":
            from rolehop.handover.formats import as_ini

            return lambda handed: as_ini(handed.session, chain=handed.chain, region=handed.region)
        case _:
            dialect = cli.dialect(shell)
            return lambda handed: dialect.render(handed.changes(cli.environ))
