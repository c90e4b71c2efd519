"""Loads the names that completion offers, and keeps them for the next time it is asked."""

from __future__ import annotations

from pathlib import Path

import rolehop.names
from rolehop.cli.watch import FOLDERS, holds_everywhere
from rolehop.cli.wiring import App
from rolehop.errors import RolehopError
from rolehop.files import write_beside
from rolehop.names import Names, no_names
from rolehop.record import state_folder


def load_names(app: App) -> Names:
    """Return the names that config and AWS files give, none at all where the config is broken.

    Reads these files only: no keyring, no network, no question.
    """
    names = no_names()
    try:
        config = app.config
    except RolehopError:
        return names
    for name, chain in config.chains.items():
        names["chain"][name] = chain.description
        if chain.fleet:
            names["fleet"][f"{chain.fleet}/*"] = "every chain of the fleet"
    names["source"] = {name: source.type for name, source in config.sources.items()}
    try:
        names["profile"] = dict.fromkeys(app.aws_config.profiles, "AWS profile")
    except RolehopError:
        pass  # whoever uses a profile is told; chains do not need them
    return names


def keep_names(app: App, names: Names) -> None:
    """Write what ``load_names`` gave beside all that it depended on.

    Nothing is written where the config is broken, and nothing said where it cannot be.
    """
    folder = state_folder(app.variables)
    if "config" not in vars(app) or folder is None or Path(folder) != app.state_folder:
        return
    if app.watch.everything or not holds_everywhere(app.variables):
        return
    for name in FOLDERS:
        app.watch.variable(name)
    text = rolehop.names.as_text(names, app.watch.files, app.watch.variables)
    if text is not None:
        try:
            write_beside(Path(rolehop.names.names_path(folder)), text)
        except (OSError, UnicodeEncodeError):
            return
