"""``rolehop assume``: hand a chain's last session to the shell that evaluates the output."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from rolehop.app.walking import HandoverSession
from rolehop.base.advice import is_plain
from rolehop.base.text import clean
from rolehop.cli.completers import chain_names, dialect_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, typed_arguments, walk_options, walk_options_from
from rolehop.cli.walk_command import chain_or_pick, session_for_handover
from rolehop.terminal import output

if TYPE_CHECKING:
    from rolehop.handover.shells.dialect import Dialect
    from rolehop.terminal.layout import View


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop assume prod-admin)"           # bash, zsh, sh
rolehop assume prod-admin | source            # fish
rolehop assume prod-admin | Out-String | Invoke-Expression   # PowerShell
rolehop assume -                              # back to the chain before this one
rolehop assume prod-admin                     # on a terminal: a summary, no secret
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="The shell to write for: bash, zsh, sh, dash, ksh, fish, powershell, cmd, nu, tcsh, xonsh or"
    " elvish.  [default: the one calling]",
)
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str | None, shell: str | None) -> None:
    """Walk a chain and hand its session to this shell.

    If another program reads stdout, prints statements for the shell to evaluate. On a terminal,
    walks the chain, shows a summary without secrets and the one line to type. - is the chain that
    this shell had before, or left, with the same flags. Without a CHAIN: the one that a file
    .rolehop here or above names, else you pick one.
    """
    cli = CommandContext.of(ctx)
    dialect = cli.dialect(shell)
    options = walk_options_from(ctx)
    if chain == "-":
        from rolehop.commands.shell.scripts import previous_walk

        name, options = previous_walk(cli.app, options)
    else:
        name = chain_or_pick(cli, chain, "assume CHAIN", by_folder=True)
    handed = session_for_handover(cli, "assume", name, options)
    if sys.stdout.isatty():
        typed_in = cli.dialect_typed(shell)
        typed = [_as_typed(each, typed_in) for each in typed_arguments(ctx)]
        typed += [] if chain else [typed_in.argument(handed.chain)]
        columns = output.columns(sys.stdout, cli.environ)
        account = cli.terminal.with_account_names(handed.session.account)
        summary = _summary(handed, account, typed, cli.app.now(), typed_in, columns)
        cli.terminal.write_view(summary, {})
        return
    cli.terminal.write_output(dialect.render(handed.changes(cli.environ)))


def _as_typed(word: str, dialect: Dialect) -> str:
    """Return an argument, or an option, which stays one."""
    is_option = word.startswith("-") and is_plain(word.lstrip("-"))
    return word if is_option else dialect.argument(word).removeprefix("-- ")


def _summary(
    handed: HandoverSession,
    account: str,
    typed: list[str],
    now: datetime,
    dialect: Dialect,
    columns: int | None,
) -> View:
    """Return what a terminal shows: whose session it is, and the line to type; no secret.

    ``account``: that of the session, in words. ``typed``: the arguments as that shell takes them, flags among them, without which the session
    could do more; ``columns``: of the window, if they are known.
    """
    from rolehop.base.durations import show_left
    from rolehop.terminal.layout import line, to_copy, to_type

    session = handed.session
    command = " ".join(("rolehop assume", *typed))
    ready, arn = f"{clean(handed.chain)} is ready:", clean(session.arn)
    # Where a line has no room for both, the ARN has one to itself: it is copied in one piece.
    together = columns is None or len(ready) + 1 + len(arn) <= columns
    return [
        *map(to_copy, [f"{ready} {arn}"] if together else [ready, arn]),
        line(f"account {account}, {show_left(session.ends_at(now), now)}"),
        line(),
        line("to use it in this shell, type:"),
        to_type(dialect.eval_command.format(command)),
    ]
