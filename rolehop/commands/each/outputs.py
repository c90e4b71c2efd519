"""Where the output of a command goes while it runs, and what who watches the run is told."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self

from rolehop.base.errors import RolehopError
from rolehop.commands.each.targets import TargetRow

if TYPE_CHECKING:
    from rolehop.commands.each.targets import RunTarget

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


LONGEST_LINE = 1 << 16
"""In bytes; a longer line, or one that has no end, is handed on in pieces."""

_LAST_SECONDS = 1.0
"""How long what a command left behind in the background may still write."""

Emit = Callable[[bytes, bool], None]
"""Takes one line without its end, and whether it is of stderr; from any thread."""


class PrefixedOutput:
    """Implements ``outputs.CommandOutput`` with two pipes and a thread for each.

    If a line cannot be written, the pipes are closed, which ends most commands, and the context
    raises the error when it is left.
    """

    def __init__(self, emit: Emit) -> None:
        """Create the pipes.

        Raises:
            RolehopError: too many files are open.
        """
        self._emit = emit
        self._failure: BaseException | None = None
        self._readers: list[tuple[threading.Thread, int]] = []
        self.stdout = self._pipe(is_stderr=False)
        self.stderr = self._pipe(is_stderr=True)

    def _pipe(self, *, is_stderr: bool) -> IO[bytes]:
        try:
            reader, writer = os.pipe()
        except OSError as error:
            cause, fix = error.strerror, "run fewer at once: --jobs 1"
            raise RolehopError("there is no pipe for a command", cause=cause, fix=fix) from None
        thread = threading.Thread(target=self._read, args=(reader, is_stderr), daemon=True)
        thread.start()
        self._readers.append((thread, reader))
        return os.fdopen(writer, "wb", 0)

    def __enter__(self) -> Self:
        return self

    def finish(self) -> None:
        """Wait until all lines were handed on."""
        for writer in (self.stdout, self.stderr):
            writer.close()
        for thread, _ in self._readers:
            thread.join(_LAST_SECONDS)
        if self._failure is not None:
            raise self._failure

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in (self.stdout, self.stderr):
            writer.close()

    def _read(self, reader: int, is_stderr: bool) -> None:
        rest = b""
        try:
            while data := os.read(reader, LONGEST_LINE):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._emit(line, is_stderr)
                while len(rest) >= LONGEST_LINE:
                    self._emit(rest[:LONGEST_LINE], is_stderr)
                    rest = rest[LONGEST_LINE:]
            if rest:
                self._emit(rest, is_stderr)
        except BaseException as error:  # noqa: BLE001 - raised in the run's own thread
            self._failure = error
        finally:
            with suppress(OSError):
                os.close(reader)
