"""A program with a terminal of its own, while its stdin, stdout and stderr are pipes.

with OnTerminal(world, SCRIPT, "assume", "hub") as person:
    person.expect("MFA code")
    person.types("123456")
    done = person.ended()
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

from tests.support.world import SCRIPT, Done, World, ended

# A session leader's first terminal becomes its controlling terminal; then the shell is replaced.
TAKE_TERMINAL = ("sh", "-c", ': <>"$0"; exec "$@"')


class OnTerminal:
    """A context manager around one running program.

    ``before``: code that rolehop runs first. ``stdout_too``: stdout is the terminal as well; ``stderr_too`` likewise. ``rows`` and ``columns``: the window's size. ``flow_control``: Ctrl-S holds what it shows, until Ctrl-Q. ``shown`` is what the terminal has shown.
    """

    def __init__(
        self,
        world: World,
        *argv: str,
        env: Mapping[str, str | None] | None = None,
        input: str = "",
        stdout_too: bool = False,
        stderr_too: bool = False,
        rows: int = 0,
        columns: int = 0,
        flow_control: bool = True,
        before: str = "",
    ) -> None:
        self._master, self._slave = pty.openpty()
        if not flow_control:
            settings = termios.tcgetattr(self._slave)
            settings[0] &= ~termios.IXON
            termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        if rows:
            termios.tcsetwinsize(self._slave, (rows, columns))
        more: dict[str, Any] = {"stdout": self._slave} if stdout_too else {}
        if stderr_too:
            more["stderr"] = self._slave
        name = os.ttyname(self._slave)
        self.shown = ""
        self._expected = 0
        self.process: subprocess.Popen[str]
        if argv[0] == SCRIPT and world.may_fork(env):
            more |= {"terminal": name, "before": before}
            self.process = world.fork(*argv[1:], env=env, stdin=-1, **more)
        else:
            self.process = world.start(*TAKE_TERMINAL, name, *argv, env=env, stdin=-1, **more)
        self._input = input

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        os.close(self._slave)
        os.close(self._master)

    def expect(self, text: str, seconds: float = 60) -> None:
        """Read the terminal until it has shown ``text`` behind what was expected last."""
        self.expect_match(re.escape(text), seconds)

    def expect_match(self, pattern: str, seconds: float = 60) -> None:
        """Likewise, until something matches ``pattern``."""
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, self.shown[self._expected :])) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"not shown: {pattern!r} in {self.shown!r}"
            self._read(left)
        self._expected += found.end()

    def reads_all(self, seconds: float = 60) -> None:
        """Read until the program ends: it may show more than a terminal holds unread."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"goes on after {self.shown[-80:]!r}"
            self._read(0.05)

    def types(self, text: str) -> None:
        """Type one line."""
        os.write(self._master, f"{text}\n".encode())

    def presses(self, keys: str) -> None:
        """Press keys, without an end of line."""
        os.write(self._master, keys.encode())

    def attributes(self) -> list[Any]:
        """Return the terminal's settings (termios)."""
        return termios.tcgetattr(self._slave)

    def presses_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    def ended(self, seconds: float = 60) -> Done:
        """Wait until the program ends; what it shows is read meanwhile, for a terminal holds little."""
        is_over = threading.Event()

        def read() -> None:
            while not is_over.is_set():
                self._read(0.05)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            done = ended(self.process, self._input, seconds)
        finally:
            is_over.set()
            reader.join()
        while self._read(0):
            pass
        return done

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if ready:
            self.shown += os.read(self._master, 65536).decode("utf-8", "replace")
        return bool(ready)
