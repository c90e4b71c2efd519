"""Run a server from the command line: say where it is, report its problems, end it in order.

Or print the unit of a service that runs it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.text import clean, pluralize
from rolehop.base.waits import caller_is_gone
from rolehop.commands.serve.companion import can_fork
from rolehop.commands.serve.rival_files import preferred, rival_files
from rolehop.handover.environment import FULL_URI
from rolehop.handover.formats import METADATA, TOKEN_FILE
from rolehop.terminal.desktop import notify_desktop
from rolehop.terminal.output import write_lines
from rolehop.terminal.process_streams import Stopped, forget_stdout

if TYPE_CHECKING:
    from rolehop.cli.context import CommandContext
    from rolehop.commands.serve.keeper import RenewalProblem
    from rolehop.commands.serve.running import ServerRow
    from rolehop.commands.serve.server import Server, ServerSettings
    from rolehop.handover.environment import Change
    from rolehop.handover.shells.dialect import Dialect
    from rolehop.plan.walk_options import WalkOptions


class StderrReporter:
    """Says on stderr, and on the desktop, what keeps a chain from being renewed."""

    def __init__(self, cli: CommandContext) -> None:
        self._cli = cli

    def report_problem(self, chain: str, problem: RenewalProblem | None) -> None:
        """Write one line: the problem of a chain, or that it is over (``None``)."""
        if problem is None:
            self._write(f"rolehop: {chain}: renewed again")
            return
        fix = problem.fix(self._cli.quote_argument)
        self._write(f"rolehop: {chain}: {problem.text}{f' (try: {fix})' if fix else ''}")
        if problem.lasts:
            notify_desktop(f"rolehop: {chain}", problem.what, self._cli.environ)

    def report_caller(self, chain: str, arn: str) -> None:
        """Write one line."""
        self._write(f"rolehop: {chain}: its sessions are {clean(arn)} from now on")

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):  # its terminal may have been closed
            write_lines(line)


def outlive_keys() -> None:
    """Ignore the keys that end or stop a program if its shell no longer waits for this one.

    In ``$(rolehop serve … &)`` it is in the group of the shell at the prompt, which gets them; with
    that it still gets SIGHUP when the terminal is closed.
    """
    if os.name != "posix" or os.getpgrp() == os.getpid() or not caller_is_gone():
        return
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(each, signal.SIG_IGN)


class TerminalReporter(StderrReporter):
    """Does so for a server that has let go of stderr: on its terminal, if it was one."""

    def __init__(self, cli: CommandContext) -> None:
        super().__init__(cli)
        self._path: Path | None = None
        with contextlib.suppress(OSError):  # it is no terminal
            self._path = Path(os.ttyname(2))

    def _write(self, line: str) -> None:
        if self._path is not None:
            with (
                contextlib.suppress(OSError),
                open(self._path, "w", encoding="utf-8", opener=_terminal_opener) as terminal,
            ):
                write_lines(line, terminal)


def _terminal_opener(path: str, flags: int) -> int:
    """Open a terminal that does not become this process's own, and may be gone or stopped."""
    return os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)


def run_server(cli: CommandContext, server: Server, announce: Callable[[], None]) -> None:
    """Serve after ``announce``, until the server is stopped; a signal ends it as it should."""
    with contextlib.suppress(KeyboardInterrupt, Stopped), server.ended_in_time():
        announce()
        server.run()
    cli.terminal.note("the server has ended")


def _reporter(cli: CommandContext) -> StderrReporter:
    return StderrReporter(cli) if sys.platform == "win32" else TerminalReporter(cli)


@contextlib.contextmanager
def serve_beside(
    cli: CommandContext,
    command: str,
    chain: str,
    options: WalkOptions,
    *,
    for_containers: bool,
    only: bool,
) -> Iterator[tuple[Change, ...]]:
    """Walk ``chain``, and serve it to a program: in the context, or if it takes this process's place.

    Yields the changes of that program's environment: an endpoint and its token, and no key. With
    ``for_containers``, containers that the program starts may ask it, too; with ``only``, it sees
    neither AWS file.

    Raises:
        UsageError: it cannot be listened for them.
        RolehopError: see `start_chain`.
    """
    from rolehop.commands.serve.keeper import start_chain
    from rolehop.commands.serve.server import Server, ServerSettings

    settings = ServerSettings(command=command, for_containers=for_containers)
    with Server(cli.app, settings, _reporter(cli)) as server:
        started = start_chain(cli.app, chain, options, cli.progress(), command=command)
        server.add(started)
        note_ending_sign_ins(cli, [chain])
        changes = server.changes_of_command(started.name, only=only)
        if can_fork():
            server.leave_to_command()
            yield changes
        else:
            with server.running_beside():
                yield changes


def note_ending_sign_ins(cli: CommandContext, names: list[str]) -> None:
    """Say which sign-ins will end while the server is likely to run."""
    from rolehop.app.sign_in_ends import WORKING_DAY, ending_sign_ins

    for each in ending_sign_ins(cli.app, names, WORKING_DAY):
        cli.terminal.note(each)


def announce(
    cli: CommandContext,
    server: Server,
    names: list[str],
    dialect: Dialect | None,
    docker: str | None,
) -> None:
    """Print the variables for a shell, else say where the chains are, without the token."""
    for variable, file in rival_files(cli.app).items():
        cli.terminal.note(f"{file}: {preferred(variable)} to this endpoint")
    server.note_other_keys()
    note_ending_sign_ins(cli, names)
    if server.metadata is not None:
        _note_metadata(cli, names[0], server.metadata)
    if dialect is None:
        _show_addresses(cli, server, names)
        if docker is None:
            return
        cli.terminal.write_output(server.docker_recipe(docker))
    else:
        outlive_keys()
        blocks = [dialect.render(server.changes(name)) for name in names]
        cli.terminal.write_output("\n".join(blocks))
        if docker is not None:  # a shell reads what is on stdout
            cli.terminal.write_lines_beside(server.docker_recipe(docker).splitlines())
    if not sys.stdout.isatty():
        forget_stdout()  # whoever reads it, as `$( )` does, need not wait for us to end


def _show_addresses(cli: CommandContext, server: Server, names: list[str]) -> None:
    from rolehop.commands.serve.token_file import is_on_disk

    lines = [f"rolehop: serving {pluralize(len(names), 'chain')} until Ctrl-C"]
    lines += [f"  {FULL_URI}={server.uri(name)}" for name in names]
    if server.metadata is not None:
        lines.append(f"  {METADATA}={server.metadata}")
    if server.token_path is not None:
        lines.append(f"  {TOKEN_FILE}={server.token_path}")
        if is_on_disk(cli.environ):
            lines.append("  that file is on the disk until the server ends; only you can read it")
    cli.terminal.write_lines_beside(lines)


def print_recipe(cli: CommandContext, server: ServerRow, names: list[str], docker: str) -> None:
    """Print how containers reach a server that runs already; first the chain that was named first."""
    from rolehop.app.planning import Planning
    from rolehop.commands.serve.containers import docker_server, recipe
    from rolehop.plan.walk_options import WalkOptions

    others = [each.chain for each in server.chains if each.chain not in names]
    region = Planning(cli.app).plan(names[0], WalkOptions(), cli.app.source_callers).export_region
    where = server.address, server.socket, server.token_file
    cli.terminal.note(f"process {server.process} serves this already, with its own flags")
    found = docker_server(cli.app.environ, [*names, *others], region, *where)
    cli.terminal.write_output(recipe(docker, found))


def print_unit(
    cli: CommandContext, manager: str, names: list[str], typed: list[str], settings: ServerSettings
) -> None:
    """Print the definition of a service that serves what was typed, and say how it is used.

    Raises:
        UsageError: the token could be nowhere in memory, or a unit cannot hold what was typed.
    """
    from rolehop.commands.serve.service_unit import (
        SERVICE_PORT,
        SYSTEMD_SOCKET,
        Service,
        metadata_of_service,
        unit_text,
        usage_lines,
    )
    from rolehop.commands.serve.token_file import check_token_path

    if settings.token_file is not None:
        check_token_path(settings.token_file, cli.environ)
    service = Service(
        names,
        _serve_command(cli, settings),
        _without_unit(typed),
        str(Path.cwd()),
        has_token_file=settings.token_file is not None,
        port=settings.port or SERVICE_PORT,
    )
    cli.terminal.write_output(unit_text(manager, service, cli.app), "utf-8")
    if manager != SYSTEMD_SOCKET:
        if settings.imds:
            _note_metadata(cli, names[0], metadata_of_service(settings))
        _note_variables(cli, names)
    cli.terminal.write_lines_beside(usage_lines(manager, names, settings, cli.environ))


def _serve_command(cli: CommandContext, settings: ServerSettings) -> list[str]:
    """Return ``rolehop serve`` with the options that were not typed after it."""
    from rolehop.commands.serve.service_unit import SERVICE_PORT

    command = [*_own_program(), "serve"]
    if not settings.port:
        command += ["--port", str(SERVICE_PORT)]
    if cli.settings.config is not None:  # it may have been typed before the command's name
        command += ["--config", cli.settings.config]
    return command


def _note_variables(cli: CommandContext, names: list[str]) -> None:
    from rolehop.commands.source.sources import starting_from_variables

    starting = starting_from_variables(cli.app, names)
    if starting:
        cli.terminal.note(
            f"a service lacks this shell's AWS_ variables, where {', '.join(starting)} starts:"
            " add them to the unit, or use another source"
        )


def _note_metadata(cli: CommandContext, chain: str, address: str) -> None:
    cli.terminal.note(f"every user of this machine can get the session of {chain} at {address}")


def _own_program() -> list[str]:
    """Return the command that started this process, as others can start it.

    Python is kept from looking for modules in the folder where it is started (``-P``).
    """
    path = Path(sys.argv[0]).absolute()
    if path.name == "__main__.py":
        return [sys.executable, "-P", "-m", "rolehop"]
    return [str(path)]


def _without_unit(typed: list[str]) -> list[str]:
    """Return what was typed without ``--unit``."""
    at = next(number for number, each in enumerate(typed) if each.startswith("--unit"))
    return typed[:at] + typed[at + (1 if "=" in typed[at] else 2) :]
