"""``rolehop assume``: hand a chain's last session to the shell that evaluates the output."""

from __future__ import annotations

import sys

import click

from rolehop.app.walking import HandoverSession
from rolehop.cli.completers import chain_names, dialect_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.cli.walk_command import chain_or_pick, walk_for_handover


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
    cli = CommandContext.of(ctx)
    dialect = cli.dialect(shell)
    handed = walk_for_handover(
        cli, chain_or_pick(cli, chain, "assume CHAIN"), walk_options_from(ctx)
    )
    if sys.stdout.isatty():
        cli.terminal.write_output(summary(cli, handed, dialect.eval_command))
        return
    from rolehop.handover.environment import assumed

    changes = assumed(handed.session, chain=handed.chain, region=handed.region, before=cli.environ)
    cli.terminal.write_output(dialect.render(changes))


def summary(cli: CommandContext, handed: HandoverSession, typed: str) -> str:
    """Return what a person sees on a terminal: who they would be, and the line to type."""
    from rolehop.show.times import show_left

    session = handed.session
    lines = [
        f"{handed.chain} is ready: {session.arn}",
        f"account {session.account}, {show_left(session.expires_at, cli.app.now())}",
        "",
        "to use it in this shell, type:",
        f"  {typed.format(f'rolehop assume {handed.chain}')}",
    ]
    return "\n".join(lines) + "\n"
