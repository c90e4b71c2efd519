"""Why a program of a source gave no answer, as errors: they show its name, never its arguments."""

from __future__ import annotations

import errno
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.errors import SourceError
from rolehop.files import is_plain_file
from rolehop.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProgramErrors:
    """Makes the errors of one program; ``what`` names it, e.g. "the command of source 'x'"."""

    def __init__(self, what: str, command: Sequence[str]) -> None:
        self._what = what
        self._path = command[0] if command else ""
        self.name = clean(self._path)
        """The program's name, as it may be shown."""

    def not_started(self, error: OSError | ValueError) -> SourceError:
        """Return the error of a program that the system did not start."""
        cause = error.strerror if isinstance(error, OSError) else None
        return SourceError(
            f"{self._what} cannot be started",
            cause=f"{self.name}: {(cause or 'it is not a program').lower()}",
            fix=_how_to_start(self._path, error),
        )

    def too_long(self, stream: str, longest: int) -> SourceError:
        """Return the error of a program with more than ``longest`` bytes on its ``stream``."""
        return SourceError(
            f"{self._what} printed far too much",
            cause=f"{self.name}: over {longest:,} bytes on its {stream}",
            fix=self._by_hand(": nothing but the answer belongs on its stdout"),
        )

    def too_slow(self, seconds: float) -> SourceError:
        """Return the error of a program that was stopped after ``seconds``."""
        return SourceError(
            f"{self._what} did not finish",
            cause=f"{self.name} ran for {round(seconds, 1):g} s and was stopped",
            fix="run it by hand to see what it waits for",
        )

    def lost_keeper(self, returncode: int | None) -> SourceError:
        """Return the error of a program whose keeper was killed, which ended with ``returncode``."""
        return SourceError(
            f"{self._what} did not finish",
            cause=f"the process of rolehop's that watches over {self.name} "
            f"{_exit_text(returncode)}, and {self.name} ended with it",
            fix="run the command again; what the program had started may still run",
        )

    def failed(self, returncode: int | None, reason: str, *, quoted: bool) -> SourceError:
        """Return the error of a program that failed; ``reason``: what it said, if it did.

        The reason is the cause if it may be ``quoted``; else it has been shown before.
        """
        ended = f"{self.name} {_exit_text(returncode)}"
        shown_before = "; its messages are above" if reason else ""
        error = SourceError(
            f"{self._what} failed",
            cause=(quoted and reason) or f"{ended}{shown_before}",
            fix=self._by_hand(", then correct the config"),
        )
        error.quotes_program = quoted and bool(reason)
        return error

    def _by_hand(self, then: str) -> Advice:
        return Advice("run ", Argument(self._path), f" by hand{then}")


def _how_to_start(program: str, error: OSError | ValueError) -> str:
    """Return the fix for ``error``, which occurred when ``program`` was started."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOEXEC:
        return "let it begin with a line that names its interpreter, e.g. #!/bin/sh"
    if number == errno.EACCES and is_plain_file(program):
        return Advice("make it executable: chmod +x ", Argument(program))
    if number == errno.ENOENT and is_plain_file(program):
        return "correct its first line: the interpreter that it names does not exist"
    if Path(program).is_absolute():
        return "correct the path of the program, or install it there"
    return "write the program's whole path: no shell expands ~ or $VAR there"


def _exit_text(code: int | None) -> str:
    """Describe the end of a program; Python reports a signal as a negative ``code``."""
    if code is None:
        return "did not end"
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed by signal {-code}"
