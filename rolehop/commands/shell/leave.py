"""``rolehop leave``: undo what assume did to the shell that evaluates the output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from rolehop.cli.completers import dialect_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command

if TYPE_CHECKING:
    from rolehop.handover.shells.dialect import Dialect


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop leave)"                       # bash, zsh, sh
rolehop leave | source                        # fish
""",
)
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="The shell to write for.  [default: the one calling]",
)
@click.pass_context
def command(ctx: click.Context, shell: str | None) -> None:
    """Undo what assume did to this shell.

    Prints statements that unset all that assume set, and restore the profile and region of before.
    rolehop assume - comes back. Nothing assumed: prints nothing. In a `rolehop shell`, prints what
    ends that shell: it goes back one level.
    """
    from rolehop.handover.environment import SHELL_LEVEL, left

    cli = CommandContext.of(ctx)
    if cli.environ.get(SHELL_LEVEL):
        _leave_shell(cli, cli.dialect(shell))
        return
    changes = left(cli.environ)
    if not changes:
        return
    if sys.stdout.isatty():
        typed = cli.dialect_typed(shell).eval_command.format("rolehop leave")
        cli.terminal.note(f"to leave, type: {typed}")
        return
    cli.terminal.write_output(cli.dialect(shell).render(changes))


def _leave_shell(cli: CommandContext, dialect: Dialect) -> None:
    """End the shell that ``rolehop shell`` started; what was assumed in it ends with it."""
    from rolehop.handover.environment import SHELL_LEVEL

    if sys.stdout.isatty() or dialect.exit_statement is None:
        cli.terminal.note("to leave this shell, type: exit")
        return
    # It begins as every text to evaluate does.
    unset = dialect.render(((SHELL_LEVEL, None),))
    cli.terminal.write_output(f"{unset}{dialect.exit_statement}\n")
