"""Run a server from the command line: report its problems, and end it in order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from rolehop.terminal.desktop import notify_desktop
from rolehop.terminal.output import write_lines
from rolehop.terminal.process_streams import Stopped

if TYPE_CHECKING:
    from rolehop.app.serving.keeper import RenewalProblem
    from rolehop.app.serving.server import Server
    from rolehop.cli.context import CommandContext


class Reporter:
    """Says on stderr, and on the desktop, what keeps a chain from being renewed."""

    def __init__(self, cli: CommandContext) -> None:
        self._cli = cli

    def report(self, chain: str, problem: RenewalProblem | None) -> None:
        """Write one line: the problem of a chain, or that it is over (``None``)."""
        if problem is None:
            write_lines(f"rolehop: {chain}: renewed again")
            return
        fix = problem.fix(self._cli.quote_argument)
        write_lines(f"rolehop: {chain}: {problem.text}{f' (try: {fix})' if fix else ''}")
        if problem.lasts:
            notify_desktop(f"rolehop: {chain}", problem.error.what, self._cli.environ)


def run_server(cli: CommandContext, server: Server, announce: Callable[[], None]) -> None:
    """Serve after ``announce``, until the server is stopped; a signal ends it as it should."""
    with contextlib.suppress(KeyboardInterrupt, Stopped):
        announce()
        server.run()
    cli.terminal.note("the server has ended")
