"""A notification on the desktop, where there is a program for that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping

from rolehop.base.programs import as_started
from rolehop.base.text import clean
from rolehop.handover.environment import child_environment

# The texts are arguments of the script: in it they would be code.
_SCRIPT = (
    *("-e", "on run argv"),
    *("-e", "display notification (item 2 of argv) with title (item 1 of argv)"),
    *("-e", "end run"),
)
_DESKTOPS = ("DISPLAY", "WAYLAND_DISPLAY")


def notify_desktop(title: str, text: str, environ: Mapping[str, str]) -> None:
    """Show a notification; nothing happens without a desktop or the program.

    Both become arguments of a program, which other users can see: nothing secret may be in them.
    """
    command = _notice(clean(title), clean(text), environ, sys.platform)
    if command is not None:
        _started(command, child_environment(environ, ()))


def _notice(
    title: str, text: str, environ: Mapping[str, str], platform: str
) -> tuple[str, ...] | None:
    """Return the command that shows a notification; ``None``: there is no desktop."""
    if platform == "darwin":
        return ("osascript", *_SCRIPT, title, text)
    if not any(environ.get(name) for name in _DESKTOPS):
        return None
    from html import escape

    # The text may have markup, a link or a picture (Desktop Notifications Specification, "Markup").
    return ("notify-send", "--app-name=rolehop", "--", title, escape(text, quote=False))


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
    try:
        return subprocess.Popen(
            as_started(command, environ),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
