"""Where the output of a command goes while it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self

from rolehop.errors import RolehopError
from rolehop.show.running.rows import TargetRow

if TYPE_CHECKING:
    from rolehop.app.each.targets import RunTarget


OpenFile = Callable[[], AbstractContextManager[IO[bytes]]]


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


class FileOutput:
    """Implements `CommandOutput` with two files.

    So a command that writes 100 MB costs no memory, and one that leaves a program behind does not
    keep the run waiting for it.
    """

    def __init__(self, open_stdout: OpenFile, open_stderr: OpenFile) -> None:
        """Open both.

        Raises:
            OSError: as what opens them.
        """
        with ExitStack() as stack:
            self.stdout: IO[bytes] = stack.enter_context(open_stdout())
            self.stderr: IO[bytes] = stack.enter_context(open_stderr())
            self._stack = stack.pop_all()

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


def held_output(target: RunTarget | None = None) -> FileOutput:
    """Return files without a name, for output that is held back until the command has ended.

    Raises:
        RolehopError: none can be created.
    """
    del target

    def unnamed() -> IO[bytes]:
        return tempfile.TemporaryFile(buffering=0)

    try:
        return FileOutput(unnamed, unnamed)
    except OSError as error:
        raise RolehopError(
            "there is no place to hold the output of commands back",
            cause=error.strerror or str(error),
            fix="set TMPDIR to a folder that can be written, or use --prefix",
        ) from None
