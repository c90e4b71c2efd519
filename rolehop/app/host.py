"""Facts about this machine: user and host name, the folders of config and state, files.

On Linux the folders follow the XDG rules, elsewhere platformdirs. The rules are three lines, and
importing platformdirs takes as long as reading the config; ``tests/app/test_host.py`` compares the
two.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rolehop.errors import ConfigError
from rolehop.fastpath.record import state_folder as xdg_state_folder
from rolehop.files import FileText, read_trusted

NAME = "rolehop"
NOWHERE = Path(os.devnull, NAME)
"""A folder that cannot exist: reading finds nothing there, and writing fails."""


def home_folder() -> Path:
    """Return the user's home folder: by ``HOME``, else as the system says.

    Raises:
        ConfigError: there is none, as for the random user of a container, or not by its full path.
    """
    with suppress(RuntimeError):  # neither names one
        found = Path.home()
        if found.is_absolute():
            return found
    raise ConfigError(
        "you have no home folder",
        cause="HOME does not name one by its full path, and neither does the system",
        fix="set HOME to a folder of yours",
    )


def read_or_none(path: Path) -> str | None:
    """Return the text of a UTF-8 file, or ``None`` if there is none.

    Raises:
        ConfigError: it exists and cannot be read.
    """
    found = read_file(path)
    return None if found is None else found.text


def read_file(path: Path) -> FileText | None:
    """Return a UTF-8 file and whether others can write it, or ``None`` if there is none.

    Raises:
        ConfigError: it exists and cannot be read.
    """
    try:
        return read_trusted(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read", cause=reason) from None


def user_name(environ: Mapping[str, str]) -> str:
    """Return the login name, or ``user`` if the system has none for this uid."""
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


def config_folders(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Return the site's and the user's config folder."""
    home = environ.get("HOME", "")
    if sys.platform == "linux" and home.startswith("/"):
        # XDG base directory specification: an unset or relative value is ignored.
        sites = environ.get("XDG_CONFIG_DIRS", "").split(":")
        site = next((each for each in sites if each.startswith("/")), "/etc/xdg")
        user = environ.get("XDG_CONFIG_HOME", "")
        user = user if user.startswith("/") else f"{home}/.config"
        return Path(site, NAME), Path(user, NAME)
    import platformdirs

    return (
        Path(platformdirs.site_config_dir(NAME, appauthor=False)),
        Path(platformdirs.user_config_dir(NAME, appauthor=False)),
    )


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the index, the locks and the hot path's records."""
    found = xdg_state_folder(environ) if sys.platform == "linux" else None
    if found is not None:
        return Path(found)
    import platformdirs

    return Path(platformdirs.user_state_dir(NAME, appauthor=False))
