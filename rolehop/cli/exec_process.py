"""Turns this process into another program, or runs it where the system cannot do that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

NOT_FOUND = 127
NOT_EXECUTABLE = 126


class CannotRun(Exception):
    """The program did not start; ``code`` is what shells leave with then, 127 or 126."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def become(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Become ``argv`` (POSIX: this never returns), or run it to its end and return its code.

    Raises:
        CannotRun: there is no such program, or it cannot be executed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name == "posix":
            _as_python_found_them()
            os.execvpe(argv[0], list(argv), dict(environment))  # noqa: S606 - that is the command
        return subprocess.run(list(argv), env=dict(environment), check=False).returncode
    except FileNotFoundError:
        raise CannotRun(f"{argv[0]}: no such command", NOT_FOUND) from None
    except OSError as error:
        raise CannotRun(f"{argv[0]}: {error.strerror}", NOT_EXECUTABLE) from None


def _as_python_found_them() -> None:
    """Give signals back that Python ignores for itself: an ignored signal outlives an exec.

    With SIGPIPE ignored, ``rolehop exec x -- yes | head`` would end with an error message.
    """
    for name in ("SIGPIPE", "SIGXFSZ"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
