"""Start the real programs of the demo, and end them with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rolehop.demo.home import deferred
from rolehop.errors import RolehopError

_PATIENCE = 1.0  # seconds


class Children:
    """Starts programs in the demo's home and environment."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = dict(environ)
        self._folder = folder

    def run(
        self,
        argv: Sequence[str],
        *,
        line: Callable[[str], None],
        stdin: str | None = None,
        captured: bool = False,
    ) -> str:
        """Run a program to its end; each line of its output goes to ``line`` as it comes.

        Args:
            argv: the program and its arguments.
            line: gets each line of stdout and stderr, without the line end.
            stdin: what the program reads; ``None``: nothing.
            captured: stdout is returned and not given to ``line``.

        Raises:
            RolehopError: it failed.
        """
        with self._started(argv, captured=captured) as child:
            if stdin is not None and child.stdin is not None:
                child.stdin.write(stdin)
            if child.stdin is not None:
                child.stdin.close()
            for each in (child.stderr if captured else child.stdout) or ():
                line(each.rstrip("\n"))
            caught = child.stdout.read() if captured and child.stdout is not None else ""
        if child.returncode != 0:
            raise RolehopError(
                "a step of the demo failed",
                cause=f"{' '.join(argv[1:])} ended with exit code {child.returncode}",
                fix="report the output above; it contains no secret",
            )
        return caught

    @contextlib.contextmanager
    def _started(self, argv: Sequence[str], *, captured: bool) -> Iterator[subprocess.Popen[str]]:
        with (
            deferred() as release,
            subprocess.Popen(
                list(argv),
                env=self._environ,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if captured else subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                # A group of its own, so that what the program started itself ends with it.
                process_group=0 if os.name == "posix" else None,
            ) as child,
        ):
            try:
                release()
                yield child
            except BaseException:
                _end(child)
                raise


def _end(child: subprocess.Popen[str]) -> None:
    """Kill a program and all that it started: it may be about to write files."""
    if os.name != "posix":
        child.kill()
        child.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        # The rest of the group are not our children: poll until none is left, for a limited time,
        # since without an init (in a container) dead ones are never collected.
        patience = time.monotonic() + _PATIENCE
        while time.monotonic() < patience:
            os.killpg(child.pid, 0)
            time.sleep(0.005)
