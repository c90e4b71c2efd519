"""``rolehop assume``: hand a chain's last session to the shell that evaluates the output."""

from __future__ import annotations

import sys

import click

from rolehop.app.context import App
from rolehop.cli.completers import chain_names, dialect_names
from rolehop.cli.options import Command, walk_options, walk_told
from rolehop.cli.walk_command import HandoverSession, chain_or_pick, walk_to_hand_over


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop assume prod-admin)"           # bash, zsh, sh
rolehop assume prod-admin | source            # fish
rolehop assume prod-admin | Out-String | Invoke-Expression   # PowerShell
rolehop assume prod-admin                     # on a terminal: a summary, no secret
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="The shell to write for.  [default: the one calling]",
)
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str | None, shell: str | None) -> None:
    """Walk a chain and hand its session to this shell.

    Where stdout is captured, prints statements for the shell to evaluate. On a terminal, walks
    the chain, shows a summary without secrets and the one line to type.
    """
    app = App.of(ctx)
    dialect = app.dialect(shell)
    handed = walk_to_hand_over(app, chain_or_pick(app, chain, "assume CHAIN"), walk_told(ctx))
    if sys.stdout.isatty():
        app.terminal.product(summary(app, handed, dialect.eval_command))
        return
    from rolehop.handover.environment import assumed

    changes = assumed(handed.session, chain=handed.chain, region=handed.region, before=app.environ)
    app.terminal.product(dialect.render(changes))


def summary(app: App, handed: HandoverSession, typed: str) -> str:
    """Return what a person sees on a terminal: who they would be, and the line to type."""
    from rolehop.show.times import show_left

    session = handed.session
    lines = [
        f"{handed.chain} is ready: {session.arn}",
        f"account {session.account}, {show_left(session.expires_at, app.now())}",
        "",
        "to use it in this shell, type:",
        f"  {typed.format(f'rolehop assume {handed.chain}')}",
    ]
    return "\n".join(lines) + "\n"
