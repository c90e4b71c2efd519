"""A notification on the desktop, where there is a program for that."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from rolehop.handover.child_environment import child_environment
from rolehop.text import clean

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
