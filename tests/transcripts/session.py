"""Type commands at a terminal, and record what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from shlex import join

from tests.support import fork_server
from tests.support.secrets import secrets_of
from tests.support.world import SCRIPT, World
from tests.transcripts.screen import ROWS, Screen

PLACE = "/tmp"  # noqa: S108 - a path as long on every machine, since it is part of what is shown
_PATIENCE = 120  # seconds
# What differs from run to run, and what stands for it; as long as it is, so that nothing moves.
_MASKS = (
    (re.compile(rf"{PLACE}/rh-\w{{8}}"), f"{PLACE}/rh-folder00"),
    (re.compile(r"127\.0\.0\.1:\d{5}"), "127.0.0.1:50000"),
    (re.compile(r"\b(A[KS]IA|AROA)[A-Z0-9]{16,17}\b"), r"\1EXAMPLEEXAMPLE00"),
    (re.compile(r"\b(A[KS]IA…|keys …)[A-Z0-9]{4}\b"), r"\1XMPL"),
    (re.compile(r"\b5\d min left"), "1 h left"),
    (re.compile(r"\b5\d min\b"), "   1 h"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2030-01-02T03:04:05Z"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b"), "2030-01-02 03:04"),
    (re.compile(r"\b[A-Z][a-z]{2} \d\d \d\d:\d\d\b"), "Jan 02 03:04"),
    (re.compile(r"(MFA code [^\n]*: )\d{6}\b"), r"\g<1>123456"),
)


Answer = tuple[str | re.Pattern[str], str]
"""A text, or a pattern for the whole screen with single blanks, and what is typed once it is shown."""


class Session:
    """A session in a terminal of so many columns; ``text`` is the record of its commands."""

    def __init__(self, world: World, columns: int) -> None:
        self.world = world
        self._columns = columns
        self.text = ""

    def says(self, text: str) -> None:
        """Add a remark for the reader of the transcript."""
        self.text += f"# {text}\n"

    def types(
        self,
        *words: str,
        answers: Sequence[Answer] = (),
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        """Run a rolehop command; ``answers``: what to wait for, and what is typed then."""
        shown, code = self._run(words, answers, env)
        for pattern, instead in _MASKS:
            shown = pattern.sub(instead, shown)
        assert [each for each in secrets_of(self.world) if each in shown] == []
        ended = f"[exit {code}]\n" if code else ""
        self.text += f"$ rolehop {join(words)}\n{shown}{ended}\n"

    def _run(
        self,
        words: Sequence[str],
        answers: Sequence[Answer],
        env: Mapping[str, str | None] | None,
    ) -> tuple[str, int]:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, self._columns, 0, 0))
        environ = self.world.environ_with(
            {"TERM": "xterm-256color", "PAGER": "", "TZ": "UTC", **(env or {})}
        )
        process = fork_server.ForkedProgram(
            [SCRIPT, *words], env=environ, cwd=self.world.home, terminal=os.ttyname(slave),
            stdin=slave, stdout=slave, stderr=slave,
        )  # fmt: skip
        os.close(slave)
        screen, waiting = Screen(self._columns), list(answers)
        until = time.monotonic() + _PATIENCE
        try:
            while written := _read(master, until, screen):
                screen.feed(written)
                until = time.monotonic() + _PATIENCE
                if waiting and _shows(screen, waiting[0][0]):
                    os.write(master, waiting.pop(0)[1].encode())
        finally:
            code = _ended(process, until)
            os.close(master)
        assert not waiting, f"not shown: {waiting[0][0]!r} in {screen.text!r}"
        return screen.text.lstrip("\n"), code


def _shows(screen: Screen, wanted: str | re.Pattern[str]) -> bool:
    text = " ".join(screen.text.split())
    return wanted in text if isinstance(wanted, str) else wanted.search(text) is not None


def _ended(process: subprocess.Popen[str], until: float) -> int:
    try:
        return process.wait(max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _read(master: int, until: float, screen: Screen) -> str:
    """Return the next output; empty once no program has the terminal open."""
    ready, _, _ = select.select([master], [], [], max(0, until - time.monotonic()))
    assert ready, f"the program does not end: {screen.text}"
    try:
        return os.read(master, 65536).decode("utf-8")
    except OSError:  # EIO (pty(7))
        return ""
