"""The file that holds a server's token while it runs, for SDKs that read it from nowhere else.

It is in memory: in the folder of this login (``XDG_RUNTIME_DIR``) or on a tmpfs. macOS has neither:
there it is on the disk, in the temporary folder that each user has.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rolehop.base.credentials import Secret
from rolehop.base.errors import UsageError
from rolehop.base.file_access import is_own
from rolehop.base.files import read_own, write_beside
from rolehop.handover.formats import digest_of_text, token_digest, token_text

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a file there is made under a name of its own
_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = ("tmpfs", "ramfs")
_LONGEST = 1024


class TokenFile:
    """The file, mode 0600.

    Attributes:
        digest: of the token; it is no secret.
    """

    def __init__(self, path: Path, token: Secret) -> None:
        """Write nothing yet."""
        self.path = path
        self.digest = token_digest(token)
        self._token = token

    def store(self) -> None:
        """Write the token.

        Raises:
            UsageError: that is not possible.
        """
        try:
            write_beside(self.path, token_text(self._token), lasting=False)
        except OSError as error:
            raise UsageError(
                f"the token cannot be written to {self.path}", cause=error.strerror or str(error)
            ) from None

    def remove(self) -> None:
        """Delete the file."""
        remove_token_file(self.path, self.digest)


def remove_token_file(path: Path, digest: str) -> None:
    """Delete a file if it has the token of this digest; failing to is harmless."""
    with suppress(OSError):
        if digest_of_text(read_own(path, _LONGEST)) == digest:
            path.unlink()


def usual_token_path(environ: Mapping[str, str]) -> Path | None:
    """Return where a new token may be; ``None``: this system has no such place."""
    runtime = runtime_folder(environ)
    name = f"rolehop-{os.getpid()}-{os.urandom(4).hex()}.token"
    if runtime is not None:
        return runtime / name
    if sys.platform == "linux" and _is_in_memory(_SHARED_MEMORY):
        return _SHARED_MEMORY / name
    return None


def check_token_path(path: Path, environ: Mapping[str, str]) -> None:
    """Refuse a path that is on a disk.

    Raises:
        UsageError: it is, or cannot be told.
    """
    runtime = runtime_folder(environ)
    folder = Path(os.path.realpath(path.parent))
    if runtime is not None and folder.is_relative_to(os.path.realpath(runtime)):
        return
    if not _is_in_memory(folder):
        raise UsageError(
            f"{path} would be on a disk, and a token rests in memory only",
            fix=f"name a file in ${_VARIABLES[-1]}, or on a tmpfs",
        )


_VARIABLES = ("XDG_RUNTIME_DIR", "TMPDIR") if sys.platform == "darwin" else ("XDG_RUNTIME_DIR",)


def runtime_variable(environ: Mapping[str, str]) -> str | None:
    """Return the variable that names the folder of this login, if that is this user's alone to change."""
    for name in _VARIABLES:
        path = Path(environ.get(name, ""))
        with suppress(OSError):
            if path.is_absolute() and path.is_dir() and is_own(path.stat()):
                return name
    return None


def runtime_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of this login, if there is one that is this user's."""
    name = runtime_variable(environ)
    return None if name is None else Path(environ[name])


def is_on_disk(environ: Mapping[str, str]) -> bool:
    """True if a token's file is on a disk: macOS has no other place, unless it is given one."""
    return runtime_variable(environ) == "TMPDIR"


def _is_in_memory(folder: Path) -> bool:
    """True if a folder without links is on a file system that is never on a disk."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    # ID, parent, device, root, mount point, options … - type, source (proc_pid_mountinfo(5)). The
    # last of the longest mount points is the one that is seen.
    found = ("", "")
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].replace("\\040", " ")
        if folder.is_relative_to(point) and len(point) >= len(found[0]):
            found = point, after.split(" ")[0]
    return found[1] in _IN_MEMORY and folder.is_dir()
