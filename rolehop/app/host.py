"""What this machine says of itself: who is signed in, what it is called, what its files hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rolehop.errors import ConfigError


def read_or_none(path: Path) -> str | None:
    """Return a UTF-8 file, ``None`` where there is none.

    Raises:
        ConfigError: it is there and cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read", cause=reason) from None


def user_name(environ: Mapping[str, str]) -> str:
    """Return the login name; ``user`` where the system has none for this uid."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if environ.get(variable):
            return environ[variable]
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"


def host_name() -> str:
    """Return the short host name."""
    if hasattr(os, "uname"):
        name = os.uname().nodename
    else:  # pragma: no cover - Windows
        import platform

        name = platform.node()
    return name.partition(".")[0] or sys.platform
