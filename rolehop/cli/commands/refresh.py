"""``rolehop refresh``: walk chains anew, so that what runs next finds fresh sessions."""

from __future__ import annotations

import sys

import click

from rolehop.app.fan_out import JOBS, walk_many
from rolehop.app.listing import matching
from rolehop.app.walking import ask_reason, store_flags, walk_chain
from rolehop.cli.completers import chain_names, dialect_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.progress import chain_counter

_ERRORS_SHOWN = 10


@click.command(
    cls=Command,
    epilog="""
rolehop refresh prod-admin
rolehop refresh 'spokes/*'
rolehop refresh                               # the chain that this shell holds
""",
)
@click.argument("pattern", nargs=-1, shell_complete=chain_names)
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="Also print what gives this shell the new session of its chain; rolehop init does so.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=JOBS,
    show_default=True,
    help="How many chains are walked at once.",
)
@click.option("--no-prompt", is_flag=True, help="Fail at once where a question must be asked.")
@walk_options
@click.pass_context
def command(
    ctx: click.Context, pattern: tuple[str, ...], shell: str | None, jobs: int, no_prompt: bool
) -> None:
    """Walk chains again and store their sessions.

    Every hop is called again, a hop that chains share only once. A shared MFA session is kept
    while it lasts. Without a PATTERN: the chain that this shell holds, with the flags that its
    session was made with, unless you give others. Prints nothing on stdout, unless --shell asks
    for it.
    """
    from rolehop.handover.environment import CHAIN, renewed

    cli = CommandContext.of(ctx)
    start, options = cli.app.now().replace(microsecond=0), walk_options_from(ctx)
    options.no_prompt = no_prompt
    held = cli.environ.get(CHAIN)
    names = matching(cli.app, pattern) if pattern else [_held(held)]
    if names == [held]:
        options = _as_it_was(cli, options)
    if len(names) == 1:
        options = ask_reason(cli.app, names[0], options)
        _, session = walk_chain(cli.app, names[0], options, cli.progress(), not_before=start)
        sessions = {names[0]: session}
        failed: dict[str, RolehopError] = {}
        store_flags(cli.app, session, options)
    else:
        with chain_counter(cli.terminal, len(names)) as count:
            sessions, failed = walk_many(
                cli.app, names, options, jobs, not_before=start, on_done=count
            )
        if held in sessions and _flags_of_this_shell(cli):
            del sessions[held]
            cli.terminal.note("this shell's session was made with flags: renew it by itself")
    # On a terminal a secret is shown to nobody.
    if shell is not None and not sys.stdout.isatty():
        dialect = cli.dialect(shell)
        if failed:
            cli.terminal.write_output(dialect.failure + "\n")
        elif held in sessions:
            cli.terminal.write_output(dialect.render(renewed(sessions[held])))
    ctx.exit(tell_failures(failed, len(names)))


def _as_it_was(cli: CommandContext, options: WalkOptions) -> WalkOptions:
    """Return the options that this shell's session was made with, unless others are given.

    What was made read-only must not come back able to write.
    """
    flags = None if options.hop_flags else _flags_of_this_shell(cli)
    return options if flags is None else options.with_hop_values(flags.hop_values)


def _flags_of_this_shell(cli: CommandContext) -> WalkOptions | None:
    """Return the flags that this shell's session was made with.

    Raises:
        ConfigError: they were noted and cannot be read.
    """
    from rolehop.state.walk_flags import load_flags

    try:
        return load_flags(cli.app.state_folder, cli.environ.get("AWS_ACCESS_KEY_ID", ""))
    except ValueError as error:
        raise ConfigError(
            "this shell's session cannot be renewed as it is",
            cause=str(error),
            fix="rolehop assume CHAIN anew, with its flags",
        ) from None


def _held(chain: str | None) -> str:
    """Return the chain in hand.

    Raises:
        UsageError: there is none.
    """
    if not chain:
        raise UsageError(
            "no chain is named, and this shell holds none",
            cause="rolehop refresh PATTERN",
            fix="rolehop list",
        )
    return chain


def tell_failures(failed: dict[str, RolehopError], total: int) -> int:
    """Say on stderr what failed; return the exit code: that of the first failure, or 0."""
    for error in list(failed.values())[:_ERRORS_SHOWN]:
        sys.stderr.write("\n".join(error_lines(error)) + "\n")
    if len(failed) > _ERRORS_SHOWN:
        sys.stderr.write(f"rolehop: … and {len(failed) - _ERRORS_SHOWN} more\n")
    if failed:
        sys.stderr.write(f"rolehop: {len(failed)} of {total} chains failed\n")
    return next(iter(failed.values())).exit_code if failed else 0
