"""``rolehop refresh``: walk chains again, so that their sessions last."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from rolehop.cli.completers import dialect_names, patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.terminal.output import write_lines

if TYPE_CHECKING:
    from rolehop.base.errors import RolehopError
    from rolehop.commands.sessions.refreshing import Refreshed
    from rolehop.handover.shells.dialect import Dialect
    from rolehop.terminal.layout import Line

_JOBS = 32
_ERRORS_SHOWN = 10
_CHAINS_NAMED = 3


@click.command(
    cls=Command,
    epilog="""
rolehop refresh prod-admin
rolehop refresh 'spokes/*'
rolehop refresh                               # the chain of this shell's session
""",
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="Also print the statements that give this shell its chain's new session, as rolehop init uses them.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 256),
    default=_JOBS,
    show_default=True,
    help="How many chains are walked at once.",
)
@click.option("--no-prompt", is_flag=True, help="Fail at once instead of asking a question.")
@walk_options
@click.pass_context
def command(
    ctx: click.Context, pattern: tuple[str, ...], shell: str | None, jobs: int, no_prompt: bool
) -> None:
    """Walk chains again and store their sessions.

    Calls every hop again, a hop that chains share only once. Uses a shared MFA session as long as
    it lasts. Without a PATTERN: the chain of this shell's session, with the flags that made it and
    your new ones. Prints nothing on stdout, unless --shell asks for it.
    """
    from rolehop.commands.sessions.refreshing import chains_to_refresh, refresh_chains
    from rolehop.terminal.progress import chain_counter

    cli, options = CommandContext.of(ctx), walk_options_from(ctx)
    options.no_prompt = no_prompt
    names = chains_to_refresh(cli.app, pattern)
    started = time.monotonic()
    # A terminal never shows the secret.
    dialect = None if shell is None or sys.stdout.isatty() else cli.dialect(shell)
    with chain_counter(cli.terminal, len(names)) as counter:
        refreshed = refresh_chains(
            cli.app,
            names,
            options,
            cli.progress(),
            jobs=jobs,
            many=counter,
            for_shell=dialect is not None,
        )
    if dialect is not None:
        _write_statements(cli, dialect, refreshed)
    code = _report_failures(cli, refreshed.failed)
    if len(names) > 1:
        failed, seconds = len(refreshed.failed), time.monotonic() - started
        done = f"{len(names) - failed} refreshed, {failed} failed, {seconds:.1f} s"
        if failed:
            write_lines(f"rolehop: {done}")
        elif cli.terminal.shows_progress:  # a log is silent if all went well
            cli.terminal.note(done)
    ctx.exit(code)


def _write_statements(cli: CommandContext, dialect: Dialect, refreshed: Refreshed) -> None:
    from rolehop.handover.environment import renewed

    if refreshed.failed:
        cli.terminal.write_output(dialect.failure + "\n")
    elif refreshed.shell_session is not None:
        _tell_of_account(cli, refreshed.shell_session.account)
        changes = renewed(refreshed.shell_session, before=cli.environ, flags=refreshed.shell_flags)
        cli.terminal.write_output(dialect.render(changes))


def _tell_of_account(cli: CommandContext, account: str) -> None:
    """Say that the config leads this shell's chain elsewhere by now, also with ``--quiet``, as prompts refresh."""
    before = cli.environ.get("AWS_ACCOUNT_ID")
    if before and account and before != account:
        text = cli.terminal.with_account_names(f"{account} from now on, and was in {before}")
        cli.terminal.say("rolehop: ", f"this shell is in account {text}")


def _report_failures(cli: CommandContext, failed: dict[str, RolehopError]) -> int:
    """Write the errors to stderr; return the exit code: that of the first failure, or 0."""
    if not failed:
        return 0
    from rolehop.terminal.error_text import error_lines

    columns, names = cli.terminal.columns, cli.terminal.with_account_names
    chains_of: dict[tuple[Line, ...], list[str]] = {}  # what failed for many chains is said once
    for chain, error in failed.items():
        lines = error_lines(error, cli.quote_argument, columns, names)
        chains_of.setdefault(tuple(lines), []).append(chain)
    for said, chains in list(chains_of.items())[:_ERRORS_SHOWN]:
        cli.terminal.report(said)
        if len(chains) > 1:
            cli.terminal.say("  chains: ", _named(chains))
    others = sum(map(len, list(chains_of.values())[_ERRORS_SHOWN:]))
    if others:
        write_lines(f"rolehop: … and {others} more")
    return next(iter(failed.values())).exit_code


def _named(chains: list[str]) -> str:
    more = len(chains) - _CHAINS_NAMED
    shown = ", ".join(chains[:_CHAINS_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
