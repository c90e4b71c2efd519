"""``rolehop leave``: undo what assume did to the shell that evaluates the output."""

from __future__ import annotations

import sys

import click

from rolehop.cli.options import Command
from rolehop.cli.wiring import App


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop leave)"                       # bash, zsh, sh
rolehop leave | source                        # fish
""",
)
@click.option(
    "--shell", metavar="SHELL", help="The shell to write for.  [default: the one calling]"
)
@click.pass_context
def command(ctx: click.Context, shell: str | None) -> None:
    """Undo what assume did to this shell.

    Prints statements that unset all that assume set and restore the profile and region that were
    set before. Nothing assumed: prints nothing.
    """
    from rolehop.handover.variables import left

    app = App.of(ctx)
    changes = left(app.environ)
    if not changes:
        return
    if sys.stdout.isatty():
        typed = app.dialect(shell).typed.format("rolehop leave")
        app.terminal.note(f"to leave, type: {typed}")
        return
    app.terminal.product(app.dialect(shell).render(changes))
