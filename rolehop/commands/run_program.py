"""Replace this process by another program, or run it if the system cannot do that."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rolehop.base.errors import UsageError
from rolehop.cli.walk_command import session_for_handover
from rolehop.terminal.output import write_lines

if TYPE_CHECKING:
    from rolehop.cli.context import CommandContext
    from rolehop.handover.environment import Change
    from rolehop.plan.walk_options import WalkOptions

NOT_FOUND = 127
NOT_EXECUTABLE = 126


def run(argv: Sequence[str], environment: Mapping[str, str], *, served: bool = False) -> int:
    """Replace this process by ``argv`` (then this never returns), or run it; return its code.

    It is run below this process where nothing can be replaced, and where this process goes on
    serving it (``served``: there is a server). If it cannot be started, say why and return 127
    (not found) or 126 (not executable), as shells do.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name != "posix" or (served and not _has_companion()):
            return _run_below(argv, environment)
        _restore_signals()
        os.execvpe(argv[0], list(argv), dict(environment))  # noqa: S606 - that is the command
    except (FileNotFoundError, ValueError):  # the latter: nothing can have that name
        write_lines(f"rolehop: {argv[0]}: no such command")
        return NOT_FOUND
    except OSError as error:
        write_lines(f"rolehop: {argv[0]}: {error.strerror}")
        return NOT_EXECUTABLE


def _has_companion() -> bool:
    from rolehop.commands.serve.companion import can_fork

    return can_fork()


def _run_below(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program that gets what is typed and sent to this process, and return its exit code."""
    import subprocess  # an exec needs neither

    from rolehop.base.programs import as_started

    started, early = list[subprocess.Popen[bytes]](), list[int]()

    def pass_on(number: int, _: object) -> None:
        if not started:
            early.append(number)
        elif number not in typed:  # the terminal, or the console, tells the program itself
            started[0].send_signal(number)

    typed = _numbers(*_TYPED)
    for each in (*typed, *_numbers(*_SENT)):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, pass_on)
    started.append(subprocess.Popen(as_started(argv, environment), env=dict(environment)))
    for each in early:  # before it was there to be told by anybody
        started[0].send_signal(each if os.name == "posix" else signal.SIGTERM)
    code = started[0].wait()
    if code < 0:
        return 128 - code
    return code if code <= _LARGEST else code - (1 << 32)


def _numbers(*names: str) -> list[int]:
    return [getattr(signal, each) for each in names if hasattr(signal, each)]


_TYPED, _SENT = ("SIGINT", "SIGQUIT", "SIGBREAK"), ("SIGTERM", "SIGHUP")
_LARGEST = (1 << 31) - 1
"""Windows' exit codes have no sign, and Python's own has one."""


def _restore_signals() -> None:
    """Restore the signals that Python ignores for itself: an ignored signal survives an exec.

    With SIGPIPE ignored, ``rolehop exec x -- yes | head`` would end with an error message.
    """
    for name in ("SIGPIPE", "SIGXFSZ"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL)


ONLY_HELP = "With --server: hide ~/.aws from the command, whose keys it might prefer."
SERVER_HELP = "Give it an endpoint that always has a session, and no key (as rolehop serve)."


@contextmanager
def session_changes(
    cli: CommandContext,
    command: str,
    chain: str,
    options: WalkOptions,
    *,
    server: bool,
    for_containers: bool = False,
    only: bool = False,
) -> Iterator[tuple[Change, ...]]:
    """Yield what ``command`` changes in the environment of the program that is run in the context.

    ``server``: it gets an endpoint instead of a session; ``for_containers``: so do containers that
    it starts; ``only``: it sees no AWS file, whose keys it might prefer.

    Raises:
        UsageError: ``only`` without a server: SDKs prefer the session's variables to any file.
    """
    if only and not (server or for_containers):
        raise UsageError(
            "--only goes with --server",
            cause="without it the command has the session in its variables, which SDKs prefer",
        )
    if server or for_containers:
        from rolehop.commands.serve.run import serve_beside

        with serve_beside(
            cli, command, chain, options, for_containers=for_containers, only=only
        ) as changes:
            yield changes
    else:
        yield session_for_handover(cli, command, chain, options).changes(cli.environ)
