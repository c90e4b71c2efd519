"""Load the names that completion offers, and store them for the next time."""

from __future__ import annotations

import contextlib
from pathlib import Path

from rolehop.app.context import App
from rolehop.awsconfig import CredentialKind, credential_kind_of
from rolehop.base.errors import RolehopError
from rolehop.base.files import write_beside
from rolehop.hotpath.completion import Names, as_text, names_path, no_names
from rolehop.hotpath.record import state_folder


def load_names(app: App) -> Names:
    """Return the names in config and AWS files; none at all if the config is broken.

    Reads these files only: no keyring, no network, no question.
    """
    names = no_names()
    try:
        config = app.config
    except RolehopError:
        return names
    for fleet in config.fleets:
        names["fleet"][f"{fleet}/*"] = "every chain of the fleet"
    for name, chain in config.chains.items():
        names["chain"][name] = chain.description
        for label, value in chain.labels.items():
            names["fleet"][f"label:{label}={value}"] = "every chain with this label"
    names["source"] = {name: source.type for name, source in config.sources.items()}
    # A broken AWS file is an error only if a profile is used; chains may not need it.
    with contextlib.suppress(RolehopError):
        aws = app.aws_config
        names["profile"] = dict.fromkeys(aws.profiles, "AWS profile")
        for profile in aws.profiles:
            if credential_kind_of(aws, profile) is CredentialKind.SSO:
                names["source"].setdefault(profile, "AWS profile")
    return names


def store_names(app: App, names: Names) -> None:
    """Store the result of ``load_names`` with everything that it depended on.

    Nothing is written if the config is broken; failing to write is no error.
    """
    folder = state_folder(app.variables)
    if folder is None or Path(folder) != app.state_folder or not app.is_config_loaded:
        return
    if app.dependencies.uncacheable or app.config_file is not None:
        return
    app.dependencies.add_variable("HOME")  # the AWS files are in it, and paths that begin with ~
    text = as_text(names, app.dependencies.files, app.dependencies.variables)
    if text is not None:
        with contextlib.suppress(OSError):
            write_beside(Path(names_path(folder)), text, lasting=False)
