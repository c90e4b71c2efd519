"""Run a server from the command line: report its problems, and end it in order."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.startup.calling_process import caller_is_gone
from rolehop.terminal.desktop import notify_desktop
from rolehop.terminal.output import write_lines
from rolehop.terminal.process_streams import Stopped

if TYPE_CHECKING:
    from rolehop.app.serving.keeper import RenewalProblem
    from rolehop.app.serving.server import Server
    from rolehop.cli.context import CommandContext
    from rolehop.handover.environment import Change
    from rolehop.plan.walk_options import WalkOptions


class Reporter:
    """Says on stderr, and on the desktop, what keeps a chain from being renewed."""

    def __init__(self, cli: CommandContext) -> None:
        self._cli = cli

    def report(self, chain: str, problem: RenewalProblem | None) -> None:
        """Write one line: the problem of a chain, or that it is over (``None``)."""
        if problem is None:
            self._write(f"rolehop: {chain}: renewed again")
            return
        fix = problem.fix(self._cli.quote_argument)
        self._write(f"rolehop: {chain}: {problem.text}{f' (try: {fix})' if fix else ''}")
        if problem.lasts:
            notify_desktop(f"rolehop: {chain}", problem.what, self._cli.environ)

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


class TerminalReporter(Reporter):
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
    with contextlib.suppress(KeyboardInterrupt, Stopped):
        announce()
        server.run()
    cli.terminal.note("the server has ended")


def serve_beside(
    cli: CommandContext, command: str, chain: str, options: WalkOptions, *, for_containers: bool
) -> tuple[Change, ...]:
    """Walk ``chain``, and serve it to the program that takes the place of this process.

    Returns the changes of that program's environment: an endpoint and its token, and no key. With
    ``for_containers``, containers that the program starts may ask it, too.

    Raises:
        UsageError: this system has no way to do that.
        RolehopError: see `start_chain`.
    """
    from rolehop.app.serving.server import Server, ServerSettings
    from rolehop.app.serving.start import start_chain

    report = TerminalReporter(cli).report
    settings = ServerSettings(command=command, for_containers=for_containers)
    with Server(cli.app, settings, report) as server:
        started = start_chain(cli.app, chain, options, cli.progress(), command=command)
        server.add(started)
        changes = server.changes_of_command(started.name)
        server.leave_to_command()
    return changes
