"""Show a long text by the person's pager, as git does."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping

from rolehop.base.programs import as_started
from rolehop.handover.environment import child_environment
from rolehop.terminal import output


def page(text: str, environ: Mapping[str, str]) -> bool:
    """Let a pager show ``text``, made visible before; false if it fits, stdout is no terminal, or there is no pager.

    The pager is that of PAGER, else ``less``, which gets the options in LESS; an empty PAGER is none.
    Leaving it before its end is no error.
    """
    size = output.size(sys.stdout, environ)
    if size is None or environ.get("TERM", "dumb") == "dumb" or text.count("\n") < size[1]:
        return False
    given = child_environment(environ, [("LESS", environ.get("LESS", "FRX"))])
    try:
        command = shlex.split(environ.get("PAGER", "less"), posix=os.name != "nt")
        if not command:
            return False
        pager = subprocess.Popen(as_started(command, given), env=given, stdin=subprocess.PIPE)
    except (OSError, ValueError):
        return False
    try:
        pager.communicate(text.encode("utf-8", "replace"))
    except BrokenPipeError:  # it was left before it had read all
        pass
    except KeyboardInterrupt:  # a pager may use Ctrl-C itself, as less does
        pager.wait()
    return True
