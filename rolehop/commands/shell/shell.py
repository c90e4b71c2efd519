"""``rolehop shell``: a subshell with a chain's session."""

from __future__ import annotations

import click

from rolehop.app.walking import will_run
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.cli.walk_command import chain_or_pick
from rolehop.commands.run_program import ONLY_HELP, SERVER_HELP, run, session_changes
from rolehop.commands.shell.scripts import prepare_subshell


@click.command(
    cls=Command,
    epilog="""
rolehop shell prod-admin
rolehop shell prod-admin --read-only
rolehop shell                                 # pick the chain on the terminal
rolehop shell prod-admin --shell fish
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@click.option("--shell", metavar="PROGRAM", help="The shell to start.  [default: $SHELL, else sh]")
@click.option("--server", is_flag=True, help=SERVER_HELP)
@click.option("--only", is_flag=True, help=ONLY_HELP)
@walk_options
@click.pass_context
def command(
    ctx: click.Context, chain: str | None, shell: str | None, server: bool, only: bool
) -> None:
    """Start a shell with a chain's session.

    It reads your own start-up files. In bash, zsh and fish its prompt shows the chain and the time
    left. `exit` or `rolehop leave` goes back one level, to the shell before. The shell takes
    rolehop's place in this process, so the exit code is its own.
    """
    cli = CommandContext.of(ctx)
    name = chain_or_pick(cli, chain, "shell CHAIN", by_folder=True)
    options = walk_options_from(ctx)
    will_run(cli.app, shell or cli.environ.get("SHELL") or "sh")
    with session_changes(cli, "shell", name, options, server=server, only=only) as changes:
        program = prepare_subshell(cli.app, shell, changes)
        ctx.exit(run(program.argv, program.environment, served=server))
