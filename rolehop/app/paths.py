"""Where config and state live: on Linux by the XDG rules, elsewhere as platformdirs says.

On Linux the rules are three lines, and loading platformdirs costs as much as reading the config;
``tests/app/test_paths.py`` holds the two against each other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rolehop.fastpath.record import state_folder as xdg_state_folder

NAME = "rolehop"
NOWHERE = Path(os.devnull, NAME)
"""A folder that cannot exist: reading finds nothing there, and writing fails."""


def config_folders(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Return the site's and the user's config folder."""
    home = environ.get("HOME", "")
    if sys.platform == "linux" and home.startswith("/"):
        # XDG base directory specification: what is unset or relative does not count.
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
