"""Programs as this system starts them: the file that a name stands for, and the end of all that one started."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rolehop.base.files import is_plain_file

_ENDINGS = ".com;.exe;.bat;.cmd"
_BATCH = (".bat", ".cmd")
_CODE = frozenset('"%!&|<>^()\r\n')
"""What cmd, which runs batch files, takes for code in an argument, however it is quoted."""

_SYSTEM = "C:\\Windows\\System32"
_END_SECONDS = 10.0  # on a busy machine it takes seconds to list all processes


def _ignore_path(path: str) -> None:
    """Look at a path, and tell nobody."""


def program_file(
    name: str, environ: Mapping[str, str], look_at: Callable[[str], None] = _ignore_path
) -> str | None:
    """Return the path of the file that is started as ``name``; ``None``: there is none on ``PATH``.

    It is also in the key of the program's sessions: if it cannot be started, nothing else on
    ``PATH`` is. ``look_at`` is called with each path that may be the one, before it is examined.
    """
    path = environ.get("PATH", os.defpath)
    if sys.platform == "win32":
        return _windows_file(name, path, environ.get("PATHEXT") or _ENDINGS, look_at)
    if "/" in name:
        look_at(name)
        return name
    for folder in path.split(os.pathsep):
        file = f"{folder or os.curdir}/{name}"
        look_at(file)
        if is_startable(file):
            return file
    return None


def _windows_file(name: str, path: str, endings: str, look_at: Callable[[str], None]) -> str | None:
    """Find a program by its endings, but never in the current folder, where Windows looks first."""
    known = tuple(each.lower() for each in endings.split(os.pathsep) if each)
    names = [name] if name.lower().endswith(known) else [f"{name}{each}" for each in known]
    if Path(name).name != name:
        folders = [Path()]
    else:
        folders = [each for each in map(Path, path.split(os.pathsep)) if each.is_absolute()]
    for file in (str(folder / each) for folder in folders for each in names):
        look_at(file)
        if is_plain_file(file):
            return file
    return None


def is_startable(file: str) -> bool:
    """True if ``file`` is a plain file that may be executed."""
    return is_plain_file(file) and os.access(file, os.X_OK)


def has_program(name: str, environ: Mapping[str, str]) -> bool:
    """True if ``name`` stands for a file that may be executed."""
    file = program_file(name, environ)
    return file is not None and is_startable(file)


def as_started(argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return a command as this system is given it: on Windows by its path.

    Raises:
        FileNotFoundError: there is no such program.
        PermissionError: it is a batch file, and an argument of it would be code.
    """
    return _as_started_on_windows(argv, environ) if sys.platform == "win32" else list(argv)


def _as_started_on_windows(argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    file = program_file(argv[0], environ)
    if file is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    return by_path(argv, file)


def by_path(argv: Sequence[str], file: str) -> list[str]:
    """Return a command for Windows with the whole path of its ``file`` in place of its name.

    What is no whole path is looked for beside Python's own program first; and a batch file is run by
    cmd, which looks for it once more by the name in its command, in the current folder first.

    Raises:
        PermissionError: it is a batch file, and an argument of it would be code.
    """
    if file.lower().endswith(_BATCH) and not _CODE.isdisjoint("".join(argv[1:])):
        raise PermissionError(errno.EACCES, "a batch file would take an argument for code", file)
    return [os.path.abspath(file), *argv[1:]]  # noqa: PTH100 - also C:file, by that drive's folder


def end_tree_on_windows(process: int) -> None:
    """End a process of Windows with all that it started; it must not have been waited for."""
    import subprocess

    command = [f"{_SYSTEM}\\taskkill.exe", "/T", "/F", "/PID", str(process)]
    try:
        subprocess.run(command, capture_output=True, timeout=_END_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
