"""``rolehop exec``: run a command with a chain's session in its environment."""

from __future__ import annotations

import click

from rolehop.app.walking import will_run
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import ProgramCommand, program_of, walk_options, walk_options_from
from rolehop.cli.walk_command import chain_or_pick
from rolehop.commands.run_program import ONLY_HELP, SERVER_HELP, run, session_changes


@click.command(
    cls=ProgramCommand,
    context_settings={"ignore_unknown_options": True},
    epilog="""
rolehop exec prod-admin -- aws s3 ls
rolehop exec prod-admin --duration 30m -- terraform apply
rolehop exec prod-admin --read-only -- ./report.sh
rolehop exec prod-admin --server -- ./ten-hour-job
rolehop exec -- aws s3 ls                     # pick the chain on the terminal
""",
)
@click.argument("chain", required=False, metavar="[CHAIN]", shell_complete=chain_names)
@click.argument("argv", metavar="-- CMD...", nargs=-1, type=click.UNPROCESSED)
@click.option("--server", is_flag=True, help=SERVER_HELP)
@click.option(
    "--docker", is_flag=True, help="Likewise, for containers too (as rolehop serve --docker)."
)
@click.option("--only", is_flag=True, help=ONLY_HELP)
@walk_options
@click.pass_context
def command(
    ctx: click.Context,
    chain: str | None,
    argv: tuple[str, ...],
    server: bool,
    docker: bool,
    only: bool,
) -> None:
    """Run a command with a chain's session.

    The command takes rolehop's place in this process, so signals and the exit code are its own.
    127: there is no such command; 126: the system cannot run it. With --server it may outlive its
    session. The server ends with the command; for one that goes on in the background there is
    `rolehop serve`.
    """
    from rolehop.handover.environment import child_environment

    cli = CommandContext.of(ctx)
    argv = (*argv, *program_of(ctx))
    if not argv:
        raise click.UsageError("Missing command: rolehop exec CHAIN -- CMD.", ctx)
    name = chain_or_pick(cli, chain, "exec CHAIN -- CMD", by_folder=True)
    options = walk_options_from(ctx)
    will_run(cli.app, argv[0])
    with session_changes(
        cli, "exec", name, options, server=server, for_containers=docker, only=only
    ) as changes:
        environment = child_environment(cli.environ, changes)
        ctx.exit(run(argv, environment, served=server or docker))
