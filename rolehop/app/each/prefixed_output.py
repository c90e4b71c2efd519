"""Output that is handed on line by line while the command runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

from rolehop.errors import RolehopError

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
