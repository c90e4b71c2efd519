"""Replace this process by another program, or run it if the system cannot do that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from rolehop.terminal.output import write_lines

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
