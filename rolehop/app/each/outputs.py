"""Where the output of a command goes while it runs."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Protocol, Self

from rolehop.errors import RolehopError
from rolehop.show.running.rows import TargetRow


class CommandOutput(Protocol):
    """The stdout and stderr of one command: a context that is left once it was dealt with."""

    stdout: IO[bytes]
    stderr: IO[bytes]

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def finish(self) -> None:
        """Called once the command has ended; raises what keeps its output from being dealt with."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what it opened."""
        ...


class RunWatcher(Protocol):
    """Whoever shows a run; told one thing at a time, from any thread."""

    def began(self, name: str) -> None:
        """A target's command begins."""
        ...

    def ended(self, row: TargetRow, output: CommandOutput | None) -> None:
        """A target is done; ``output``: what its command wrote, ``None`` if it was not run."""
        ...

    def stopping(self) -> None:
        """The run is stopped: a question that a person is asked is not answered any more."""
        ...


class HeldOutput:
    """Output that is held back until the command has ended, in files that have no name.

    So a command that writes 100 MB costs no memory, and one that leaves a program behind does not
    keep the run waiting for it.
    """

    def __init__(self) -> None:
        """Create the files.

        Raises:
            RolehopError: that is not possible.
        """
        try:
            with ExitStack() as stack:
                self.stdout: IO[bytes] = stack.enter_context(tempfile.TemporaryFile(buffering=0))
                self.stderr: IO[bytes] = stack.enter_context(tempfile.TemporaryFile(buffering=0))
                self._stack = stack.pop_all()
        except OSError as error:
            raise RolehopError(
                "there is no place to hold the output of commands back",
                cause=error.strerror or str(error),
                fix="set TMPDIR to a folder that can be written, or use --prefix",
            ) from None

    def __enter__(self) -> Self:
        return self

    def finish(self) -> None:
        """Do nothing: all is in the files."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
