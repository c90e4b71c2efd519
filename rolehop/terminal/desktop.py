"""A notification on the desktop, where there is a program for that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping

from rolehop.base.text import clean
from rolehop.handover.environment import child_environment

_PROGRAM = "notify-send"
_DESKTOPS = ("DISPLAY", "WAYLAND_DISPLAY")


def notify_desktop(title: str, text: str, environ: Mapping[str, str]) -> None:
    """Show a notification; nothing happens without a desktop or the program.

    Both become arguments of a program, which other users can see: nothing secret may be in them.
    """
    program = shutil.which(_PROGRAM, path=environ.get("PATH"))
    if program is None or not any(environ.get(name) for name in _DESKTOPS):
        return
    try:
        subprocess.Popen(
            [program, "--app-name=rolehop", "--", clean(title), clean(text)],
            env=child_environment(environ, ()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return


class BrowserStart:
    """The commands that may open a browser: started one after the other, until one does not fail.

    An opener of the desktop (``xdg-open``) starts, and may then find that it has nothing to open
    the address with: only its exit code says so.

    Args:
        commands: the best first; no shell reads them.
        environ: of the programs.
    """

    def __init__(self, commands: Iterable[tuple[str, ...]], environ: Mapping[str, str]) -> None:
        self._commands = iter(commands)
        self._environ = environ
        self._name = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: str | None = None
        self._start_next()

    @property
    def has_started(self) -> bool:
        """True if one of the programs is there."""
        return self._process is not None

    def failure(self) -> str | None:
        """Return how the first of them failed; ``None`` as long as a browser may still open."""
        if sys.platform == "win32":
            return None  # there, what hands an address to a browser may end with any code
        code = None if self._process is None else self._process.poll()
        if code:
            self._failure = self._failure or f"{self._name} ended with exit code {code}"
            self._process = None
            self._start_next()
        return None if self._process is not None else self._failure

    def _start_next(self) -> None:
        for command in self._commands:
            self._process = _started(command, self._environ)
            if self._process is not None:
                self._name = command[0]
                return


def _started(
    command: tuple[str, ...], environ: Mapping[str, str]
) -> subprocess.Popen[bytes] | None:
    """Start a program: its chatter must not reach our stdout, nor hold it open."""
    if shutil.which(command[0], path=environ.get("PATH")) is None:
        return None
    try:
        return subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
