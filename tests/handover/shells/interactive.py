"""A shell that somebody sits at: a real interactive shell with a terminal of its own.

with Interactive(world, "zsh", {".zshrc": 'eval "$(rolehop init zsh)"'}) as shell:
    assert shell.does("rolehop assume hub").code == 0
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import pytest

from tests.support.world import World

NO_KEYS: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
"""The chains start from keys in the vault; variables of their own would only confuse."""

STARTS = {
    "bash": (("bash", "-i"), ".bashrc"),
    "zsh": (("zsh", "-i"), ".zshrc"),
    "fish": (("fish", "-i"), ".config/fish/config.fish"),
    "elvish": (("elvish",), ".config/elvish/rc.elv"),
    "tcsh": (("tcsh", "-i"), ".tcshrc"),
}
# Says the number of a line and how it ended; quotes in the middle, so that the echo of the line
# itself is not taken for it.
SAYS = {
    "bash": 'echo "<<""{}:$?>>"',
    "zsh": 'echo "<<""{}:$?>>"',
    "fish": 'echo "<<""{}:$status>>"',
    "tcsh": 'echo "<<""{}:$status>>"',
}
# elvish has no status: a failure is an exception, caught in the same line.
_ELVISH = 'try {{ {}; echo "<<"{}:0">>" }} catch e {{ echo "<<"{}:$e[reason][exit-status]">>" }}'
# A session leader gets the first terminal it opens as its own; the shell then goes out of the way.
_TAKE_TERMINAL = ("sh", "-c", ': <>"$0"; exec "$@"')
_ESCAPES = re.compile(
    r"\x1b(\[[0-9;?>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|P[^\x1b]*\x1b\\|[()][AB0]|[=>78c])"
)


@dataclass(frozen=True)
class Answer:
    """What one line did."""

    code: int
    shown: str
    """What the terminal showed meanwhile, the line itself and prompts included."""


class Interactive:
    """A context manager; ``startup`` is the text of the shell's start-up file."""

    def __init__(
        self,
        world: World,
        name: str,
        startup: str,
        *,
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        if shutil.which(name, path=world.environ["PATH"]) is None:
            pytest.skip(f"{name} is not installed")
        self.name = name
        self._argv, rc = STARTS[name]
        file = world.home / rc
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(startup + "\n", encoding="utf-8")
        self._world, self._env = world, {"TERM": "xterm", "PAGER": "", **(env or {})}
        self._count = 0
        self.shown = ""

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        # Wide enough that nothing wraps.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
        self.process = self._world.start(
            *_TAKE_TERMINAL,
            os.ttyname(slave),
            *self._argv,
            env=self._env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def does(self, line: str) -> Answer:
        """Type one line, wait until it has been carried out, and return how it ended."""
        self._count += 1
        start = len(self.shown)
        if self.name == "elvish":
            self._type(_ELVISH.format(line, self._count, self._count))
        else:
            self._type(line)
            self._type(SAYS[self.name].format(self._count))
        found = self._until(re.compile(rf"<<{self._count}:(-?\d+)>>"), start)
        return Answer(int(found[1]), self.plain[self._plain_at(start) :])

    def starts(self, line: str) -> None:
        """Type one line that gives the terminal to another shell, and wait for its prompt."""
        start = len(self.shown)
        self._type(line)
        self._until(re.compile("READY> "), start + len(line))

    def types_keys(self, keys: str) -> None:
        """Type without an end of line."""
        os.write(self._master, keys.encode())

    def shows(self, pattern: str) -> None:
        """Wait until it has been shown, now or earlier."""
        self._until(re.compile(pattern), 0)

    def shows_prompt(self, pattern: str) -> None:
        """Wait until the last thing shown is a prompt like this."""
        self._until(re.compile(f"{pattern}\\s*$"), 0)

    def sees(self, name: str) -> str | None:
        """Return an environment variable as a program that this shell starts sees it."""
        answer = self.does(f"env | sed -n 's/^{name}=\\(.*\\)/[\\1]/p'")
        found = re.findall(r"^\[(.*)\]\s*$", answer.shown.replace("\r", ""), re.M)
        return found[-1] if found else None

    @property
    def plain(self) -> str:
        """All that was shown, without the terminal's escapes."""
        return _ESCAPES.sub("", self.shown)

    def _plain_at(self, at: int) -> int:
        return len(_ESCAPES.sub("", self.shown[:at]))

    def _type(self, line: str) -> None:
        os.write(self._master, f"{line}\r".encode())

    def _until(self, wanted: re.Pattern[str], start: int, seconds: float = 60) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        while True:
            found = wanted.search(_ESCAPES.sub("", self.shown[start:]))
            if found:
                self._settle()
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"not shown: {wanted.pattern} in {self.shown!r}"
            self._read(left)

    def _settle(self) -> None:
        """Wait for the prompt that follows."""
        while self._read(0.15):
            pass

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            text = os.read(self._master, 65536).decode("utf-8", "replace")
        except OSError:
            raise AssertionError(f"the shell has gone: {self.shown!r}") from None
        self.shown += text
        # What a terminal answers when it is asked what it is, and where the cursor stands.
        if "\x1b[c" in text or "\x1b[0c" in text:
            os.write(self._master, b"\x1b[?62;c")
        if "\x1b[6n" in text:
            os.write(self._master, b"\x1b[1;1R")
        return True


LINES = {
    "bash": 'eval "$(rolehop init bash)"',
    "zsh": 'eval "$(rolehop init zsh)"',
    "fish": "rolehop init fish | source",
    "tcsh": 'eval "`rolehop init tcsh`"',
    "elvish": (
        "eval (rolehop init elvish | slurp)"
        " &on-end={|ns| set edit:prompt = { $ns[rolehop-prompt~]; put 'READY> ' } }"
    ),
}

PROMPTS = {
    "bash": "PS1='${rolehop_segment}READY> '",
    "zsh": "setopt prompt_subst; PROMPT='${rolehop_segment}READY> '",
    "fish": "function fish_prompt; rolehop_prompt; echo -n 'READY> '; end",
    "tcsh": "set prompt = 'READY> '",
    "elvish": "set edit:rprompt = { }",
}


@contextmanager
def init_shell(
    name: str,
    world: World,
    *,
    before: str = "",
    line: str | None = None,
    after: str = "",
    env: Mapping[str, str | None] | None = None,
) -> Iterator[Interactive]:
    """Start a shell whose start-up file has the line of `rolehop init`."""
    startup = "\n".join([before, line or LINES[name], PROMPTS[name], after])
    with Interactive(world, name, startup, env={**NO_KEYS, **(env or {})}) as shell:
        yield shell
