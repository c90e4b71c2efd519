"""``rolehop serve``: a credentials endpoint for programs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.files import expand_home
from rolehop.cli.completers import dialect_names, files, patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, call_options, typed_arguments, walk_options_from
from rolehop.cli.param_types import Duration
from rolehop.cli.walk_command import chain_or_pick
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.commands.serve.server import ServerSettings
    from rolehop.handover.shells.dialect import Dialect


@click.command(
    cls=Command,
    epilog="""
rolehop serve prod-admin
eval "$(rolehop serve prod-admin --print-env &)"    # this shell's programs use it from now on
rolehop serve 'spokes/*' --idle-timeout 8h
rolehop serve prod-admin --docker compose           # containers of `docker compose` use it
rolehop serve prod-admin --unit systemd >~/.config/systemd/user/rolehop.service
rolehop serve prod-admin --unit systemd-socket >~/.config/systemd/user/rolehop.socket
rolehop serve --add dev                             # to the server that runs, on its port
rolehop serve --stop
""",
)
@click.argument("pattern", nargs=-1, metavar="[CHAIN]...", shell_complete=patterns)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="The port on 127.0.0.1.  [default: any free]",
)
@click.option(
    "--socket",
    metavar="PATH",
    shell_complete=files,
    help="Listen on a Unix socket as well, which only you can use.",
)
@click.option(
    "--token-file",
    metavar="PATH",
    shell_complete=files,
    help="Keep the token in this file, in memory: in $XDG_RUNTIME_DIR or on a tmpfs.",
)
@click.option(
    "--print-env",
    is_flag=True,
    help="Print the variables that a program needs, token included; a block for each chain.",
)
@click.option(
    "--shell",
    metavar="SHELL",
    shell_complete=dialect_names,
    help="With --print-env: the shell to write for.",
)
@click.option(
    "--docker",
    metavar="HOW",
    type=click.Choice(["run", "compose", "devcontainer", "process"]),
    help="Serve containers, too, and print how: run, compose, devcontainer, process (no forwarder).",
)
@click.option(
    "--imds",
    is_flag=True,
    help="Be an EC2 metadata service (IMDSv2), too. Weaker: any user of this machine can ask it.",
)
@click.option(
    "--unit",
    metavar="MANAGER",
    type=click.Choice(["systemd", "systemd-socket", "launchd"]),
    help="Print the unit for systemd (two: service and socket) or launchd to run this server.",
)
@click.option(
    "--idle-timeout", type=Duration(), metavar="D", help="End when nobody has asked for so long."
)
@click.option("--add", is_flag=True, help="Add these chains to the server that runs.")
@click.option("--drop", is_flag=True, help="Serve these chains no longer.")
@click.option("--stop", is_flag=True, help="End the servers of these chains, or all.")
@call_options
@click.pass_context
def command(
    ctx: click.Context,
    pattern: tuple[str, ...],
    port: int,
    socket: str | None,
    token_file: str | None,
    print_env: bool,
    shell: str | None,
    docker: str | None,
    imds: bool,
    unit: str | None,
    idle_timeout: int | None,
    add: bool,
    drop: bool,
    stop: bool,
) -> None:
    """Serve chains to programs on this machine.

    AWS SDKs ask again whenever a session is about to end, so a program outlives its sessions. The
    server renews them in the background, and only gives one to who has the token. It asks its
    questions now; later, a line here says if it needs somebody. It runs until Ctrl-C.
    """
    cli = CommandContext.of(ctx)
    _check_flags(unit, idle_timeout, print_env=print_env)
    if add + drop + stop > 1:
        raise UsageError("--add, --drop and --stop are three commands", fix="give one of them")
    if stop:
        _stop(cli, pattern)
        return
    if add or drop:
        _change(ctx, cli, pattern, port, drop=drop)
        return
    from rolehop.app.guard import refuse_guarded
    from rolehop.app.selecting import matching_chains
    from rolehop.commands.serve.run import print_unit
    from rolehop.commands.serve.server import ServerSettings

    dialect = cli.dialect(shell) if print_env else None
    wanted = pattern or (chain_or_pick(cli, None, "serve CHAIN", by_folder=True),)
    names = matching_chains(cli.app, wanted)
    if imds:
        _check_instance(names, docker)
    settings = ServerSettings(
        port=port,
        socket=_path(socket),
        token_file=_path(token_file),
        idle_seconds=idle_timeout,
        for_containers=docker is not None,
        imds=imds,
    )
    if unit is not None:
        typed = [*typed_arguments(ctx), *(() if pattern else names)]
        refuse_guarded(cli.app, names, "a service starts with nobody to ask")
        print_unit(cli, unit, names, typed, settings)
        return
    options, alone = walk_options_from(ctx), ServerSettings(for_containers=True)
    if settings == alone and docker is not None and options == WalkOptions() and not print_env:
        from rolehop.commands.serve.containers import server_of_containers
        from rolehop.commands.serve.run import print_recipe

        running = server_of_containers(cli.app, names)
        if running is not None:
            print_recipe(cli, running, names, docker)
            return
    _serve(cli, names, options, settings, dialect, docker)


def _serve(
    cli: CommandContext,
    names: list[str],
    options: WalkOptions,
    settings: ServerSettings,
    dialect: Dialect | None,
    docker: str | None,
) -> None:
    """Start a server of these chains, and run it until it is ended.

    Args:
        cli: the command line.
        names: of the chains.
        options: how they are walked.
        settings: where the server listens, and for whom.
        dialect: in which its variables are printed; ``None``: they are not.
        docker: the recipe for containers that is printed, if any.

    Raises:
        RolehopError: a chain cannot be walked, or nothing can be listened on.
    """
    from rolehop.app.guard import ask_once
    from rolehop.app.proof import UNASKED
    from rolehop.commands.serve.keeper import start_chain
    from rolehop.commands.serve.run import StderrReporter, announce, run_server
    from rolehop.commands.serve.server import Server

    with Server(cli.app, settings, StderrReporter(cli)) as server:
        if server.token_path is None and dialect is None and not settings.imds:
            raise UsageError(
                "nobody could use this server",
                cause="this system has no place in memory for its token",
                fix="rolehop serve CHAIN --print-env",
            )
        proof = UNASKED
        if len(names) > 1:
            options, proof = ask_once(cli.app, names, options, "Programs get the sessions of")
        for name in names:
            progress = cli.progress()
            started = start_chain(cli.app, name, options, progress, command="serve", given=proof)
            server.add(started)
        server.note()
        server.write_token()
        run_server(cli, server, lambda: announce(cli, server, names, dialect, docker))


def _check_flags(unit: str | None, idle_timeout: int | None, *, print_env: bool) -> None:
    """Refuse flags that make no sense, whatever is served.

    Raises:
        UsageError: there are such.
    """
    if unit is not None and print_env:
        raise UsageError(
            "a service has to print no token",
            cause="systemd keeps what it prints in a journal, on a disk",
            fix="leave out --print-env",
        )
    if idle_timeout == 0:
        raise UsageError("--idle-timeout 0 would end it at once", fix="leave it out: it goes on")


def _check_instance(names: list[str], docker: str | None) -> None:
    """Refuse what cannot go with ``--imds``.

    Raises:
        UsageError: there are several chains, or containers are served: they would need no token.
    """
    if len(names) > 1:
        raise UsageError("an EC2 instance has one role", fix="name one chain with --imds")
    if docker is not None:
        raise UsageError(
            "--imds and --docker are for servers of their own",
            cause="a container would get the session without its token",
        )


def _path(text: str | None) -> Path | None:
    from rolehop.app.host import home_folder

    return None if text is None else expand_home(text, home_folder()).absolute()


def _change(
    ctx: click.Context, cli: CommandContext, pattern: tuple[str, ...], port: int, *, drop: bool
) -> None:
    """Have the server that runs serve more chains, or fewer; what they ask for is asked here.

    Raises:
        RolehopError: there is no such server, or it does not.
    """
    from rolehop.app.guard import ask_once
    from rolehop.app.selecting import matching_chains
    from rolehop.commands.serve.control import add_to, drop_from, server_to_change
    from rolehop.commands.serve.keeper import start_chain
    from rolehop.commands.serve.rules import path_of
    from rolehop.handover.environment import FULL_URI

    if not pattern:
        raise UsageError("no chain is named", fix="rolehop serve --add CHAIN")
    server = server_to_change(cli.app, port)
    if drop:
        drop_from(cli.app, server, pattern)
        cli.terminal.note(f"{', '.join(pattern)} is served no longer")
        return
    names = matching_chains(cli.app, pattern)
    options = walk_options_from(ctx)
    options, proof = ask_once(cli.app, names, options, "Programs get the sessions of")
    for name in names:
        progress = cli.progress()
        started = start_chain(cli.app, name, options, progress, command="serve", given=proof)
        add_to(cli.app, server, started)
        cli.terminal.write_lines_beside(
            [f"  {FULL_URI}={server.row.address}{path_of(started.name)}"]
        )


def _stop(cli: CommandContext, chains: tuple[str, ...]) -> None:
    """End servers and say which.

    Raises:
        RolehopError: one did not end.
    """
    from rolehop.commands.serve.running import stop_servers
    from rolehop.commands.serve.view import server_text

    stopped = stop_servers(cli.app, chains)
    for each in stopped.ended:
        cli.terminal.note(f"{server_text(each)} has ended")
    for each in stopped.of_commands:
        cli.terminal.note(f"{server_text(each)} ends with its command")
    for each in stopped.elsewhere:
        raise RolehopError(
            f"{server_text(each)} runs elsewhere",
            cause="its process is not seen here: it is in a container, or on another machine",
            fix="rolehop serve --stop, there",
        )
    for each in stopped.slow:
        raise RolehopError(f"{server_text(each)} has not ended yet", fix=f"kill -9 {each.process}")
    if not stopped.ended and not stopped.of_commands:
        cli.terminal.note(
            f"no server of {' or '.join(chains)} runs" if chains else "no server runs"
        )
