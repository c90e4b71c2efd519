"""``rolehop shell``: a shell of its own that has a chain's session, and ends with it."""

from __future__ import annotations

import os

import click

from rolehop.cli.commands.exec import run
from rolehop.cli.commands.init import init_text
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.cli.walk_command import chain_or_pick, walk_for_handover
from rolehop.errors import RolehopError
from rolehop.shells.dialect import SubshellStart
from rolehop.shells.registry import dialect, for_process_name


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
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str | None, shell: str | None) -> None:
    """Start a shell with a chain's session.

    It reads your own start-up files; in bash, zsh and fish its prompt also shows the chain and the
    time it has left. `exit` or `rolehop leave` goes back one level, to the shell before, which is
    as it was. The shell takes rolehop's place in this process, so the exit code is its own.
    """
    from rolehop.handover.child_environment import child_environment
    from rolehop.handover.environment import SHELL_LEVEL, assumed

    cli = CommandContext.of(ctx)
    program = shell or _own_shell(cli)
    handed = walk_for_handover(
        cli, chain_or_pick(cli, chain, "shell CHAIN"), walk_options_from(ctx)
    )
    start = _prepared(cli, program)
    changes = (
        *assumed(handed.session, chain=handed.chain, region=handed.region, before=cli.environ),
        (SHELL_LEVEL, str(level(cli) + 1)),
        *start.changes,
    )
    environment = child_environment(cli.environ, changes)
    ctx.exit(run([program, *start.arguments], environment))


def level(cli: CommandContext) -> int:
    """Return in how many rolehop shells this process sits."""
    from rolehop.handover.environment import SHELL_LEVEL

    told = cli.environ.get(SHELL_LEVEL, "")
    return int(told) if told.isascii() and told.isdecimal() else 0


def _own_shell(cli: CommandContext) -> str:
    if os.name == "nt":
        return cli.environ.get("COMSPEC") or "cmd"
    return cli.environ.get("SHELL") or "sh"


def _prepared(cli: CommandContext, program: str) -> SubshellStart:
    """Return how ``program`` is started, its files written; without a mark if that cannot be."""
    shell = for_process_name(program)
    subshell = dialect(shell).subshell if shell else None
    if shell is None or subshell is None:
        cli.terminal.note(f"{program} has no mark in its prompt: ROLEHOP_CHAIN names the chain")
        return SubshellStart()
    try:
        start = subshell(cli.app.state_folder / "shell", init_text(cli, shell), cli.environ)
        _write(cli, start)
    except (OSError, UnicodeError, RolehopError):
        cli.terminal.note("the prompt has no mark: its files cannot be written")
        return SubshellStart()
    return start


def _write(cli: CommandContext, start: SubshellStart) -> None:
    from rolehop.app.host import read_or_none
    from rolehop.files import write_beside

    for name, text in start.files.items():
        path = cli.app.state_folder / "shell" / name
        if read_or_none(path) != text:
            write_beside(path, text)
