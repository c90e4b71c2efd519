"""Replace this process by another program, or run it if the system cannot do that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.cli.walk_command import session_for_handover
from rolehop.terminal.output import write_lines

if TYPE_CHECKING:
    from rolehop.cli.context import CommandContext
    from rolehop.handover.environment import Change
    from rolehop.plan.walk_options import WalkOptions

NOT_FOUND = 127
NOT_EXECUTABLE = 126


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Replace this process by ``argv`` (POSIX: this never returns), or run it; return its code.

    If it cannot be started, say why and return 127 (not found) or 126 (not executable), as shells
    do.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name == "posix":
            _restore_signals()
            os.execvpe(argv[0], list(argv), dict(environment))  # noqa: S606 - that is the command
        return subprocess.run(list(argv), env=dict(environment), check=False).returncode
    except (FileNotFoundError, ValueError):  # the latter: nothing can have that name
        write_lines(f"rolehop: {argv[0]}: no such command")
        return NOT_FOUND
    except OSError as error:
        write_lines(f"rolehop: {argv[0]}: {error.strerror}")
        return NOT_EXECUTABLE


def _restore_signals() -> None:
    """Restore the signals that Python ignores for itself: an ignored signal survives an exec.

    With SIGPIPE ignored, ``rolehop exec x -- yes | head`` would end with an error message.
    """
    for name in ("SIGPIPE", "SIGXFSZ"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL)


SERVER_HELP = "Give it an endpoint that always has a session, and no key (as rolehop serve)."


def session_changes(
    cli: CommandContext,
    command: str,
    chain: str,
    options: WalkOptions,
    *,
    server: bool,
    for_containers: bool = False,
) -> tuple[Change, ...]:
    """Return what ``command`` changes in the environment of the program that replaces rolehop.

    ``server``: it gets an endpoint instead of a session; ``for_containers``: so do containers that
    it starts.
    """
    if server or for_containers:
        from rolehop.commands.serve.run import serve_beside

        return serve_beside(cli, command, chain, options, for_containers=for_containers)
    return session_for_handover(cli, command, chain, options).changes(cli.environ)
