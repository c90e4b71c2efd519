"""The shells that rolehop knows; a row imports nothing but the module of the shell asked for.

A new shell is a module in this folder with its ``DIALECT`` and a row in ``SHELLS``. These follow,
if it has what they are for:

- ``INIT_SHELLS`` below: leave it out there if it has no start-up text;
- ``commands/shell/init.py``: how its start-up file calls ``rolehop init``, and how its prompt is set;
- ``command_table.COMPLETION_SHELLS``, ``hotpath/completion.py``, ``commands/shell/scripts.py`` and a script
  in ``completions``: how it completes;
- ``guide/shell.md``, and the lines in it that ``tests.test_docs`` writes;
- tests: ``handover/test_dialects.py`` (how it reads values), ``handover/test_other_shells.py`` or
  ``shells/interactive.py`` (the shell itself), ``shells/test_typed_lines.py``; and ``.ci/run``, which
  installs it.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.errors import UsageError
from rolehop.base.startup import Pattern
from rolehop.base.text import meant, nearest

if TYPE_CHECKING:
    from rolehop.handover.shells.dialect import Dialect

SHELLS: dict[str, tuple[str, ...]] = {
    # What --shell calls it: the module that has its DIALECT, then other names of its process.
    "bash": ("bash", "rbash"),
    "zsh": ("zsh", "rzsh"),
    "sh": ("posix", "ash", "yash", "posh"),
    "dash": ("posix",),
    "ksh": ("posix", "ksh88", "ksh93", "rksh", "mksh", "lksh", "pdksh", "oksh", "loksh"),
    "fish": ("fish",),
    "powershell": ("powershell", "pwsh", "pwsh-preview", "powershell_ise"),
    "cmd": ("cmd",),
    "nu": ("nu", "nushell"),
    "tcsh": ("tcsh", "csh"),
    "xonsh": ("xonsh",),
    "elvish": ("elvish",),
}
"""In the order in which help shows them; the names of processes are lower case."""

_VERSION = Pattern(r"-[0-9][0-9.]*$")


def dialect(name: str) -> Dialect:
    """Return the dialect of the shell called ``name``, or of a process called so (``pwsh``).

    Raises:
        UsageError: no shell is called so.
    """
    known = name if name in SHELLS else for_process_name(name)
    if known is None:
        near = nearest(name, SHELLS, n=1)
        raise UsageError(
            f"unknown shell {name!r}",
            fix=f"{meant(near)}the shells are {', '.join(SHELLS)}",
        )
    found: Dialect = import_module(f"rolehop.handover.shells.{SHELLS[known][0]}").DIALECT
    return found


def for_process_name(name: str) -> str | None:
    r"""Return the name of the shell that a process called ``name`` is; ``None``: none known here.

    Takes names as process tables and ``argv[0]`` have them: ``-zsh`` (a login shell),
    ``/usr/bin/fish``, ``C:\…\pwsh.exe``, ``bash-5.2``.
    """
    base = re.split(r"[/\\]", name)[-1].lower().removeprefix("-").removesuffix(".exe")
    base = _VERSION.sub("", base)
    return next((each for each, row in SHELLS.items() if base in (each, *row[1:])), None)


def parent_shell() -> str | None:
    """Return the name of the parent process's shell; ``None``: it is no known shell."""
    return for_process_name(_process_name(os.getppid()))


def _process_name(pid: int, platform: str = sys.platform) -> str:
    """Return the name of a process; empty: it cannot be told."""
    if platform == "linux":
        try:
            # The kernel cuts a name after 15 bytes, in the middle of a character perhaps.
            return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
        except OSError:
            return ""
    if platform == "win32":
        return ""
    import subprocess  # systems without /proc

    try:
        done = subprocess.run(
            ["/bin/ps", "-o", "comm=", "-p", str(pid)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return Path(done.stdout.strip()).name
