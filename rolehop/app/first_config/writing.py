"""Load a first config before there is a file, and write the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.config_files import load_with, own_config_file
from rolehop.config.starter import starter_text
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.files import is_there, write_beside
from rolehop.files.placing import put_new

if TYPE_CHECKING:
    from rolehop.app.context import App


def new_config_file(app: App) -> Path:
    """Return where a first config may be written.

    Raises:
        UsageError: there is a file already.
    """
    path = own_config_file(app)
    if is_there(path):
        raise exists_already(path)
    return path


def write_example(path: Path) -> Path:
    """Write a commented example, and return where it is, links followed.

    Raises:
        UsageError: there is a file by now.
        ConfigError: it cannot be written.
    """
    return write_new(path, starter_text())


def usable_app(app: App) -> App:
    """Return the application with an empty config if a file was named that is not there yet."""
    from rolehop.config.model import Config

    return app.with_config(Config()) if app.config_roots[1] else app


def loaded_app(app: App, path: Path, text: str) -> App:
    """Return the application as if ``path`` held ``text``.

    Raises:
        ConfigError: the loader does not accept it.
    """
    return app.with_config(load_with(app, path, text, None))


def write_new(path: Path, text: str) -> Path:
    """Write a config file, whole or not at all, mode 0600, and return where it is, links followed.

    Raises:
        UsageError: there is a file by now.
        ConfigError: it cannot be written.
    """
    real = Path(os.path.realpath(path))  # a link's target is the file that the user means
    if path.is_symlink() and not real.parent.is_dir():
        raise ConfigError(
            f"{path} cannot be written",
            cause=f"it is a link to {real}, whose folder is not there",
            fix="make that folder, or remove the link",
        )
    try:
        write_beside(real, text, place=put_new)
    except FileExistsError:
        raise exists_already(path) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or name another file with --config",
        ) from None
    return real


def exists_already(path: Path) -> RolehopError:
    """Return the error if there is a config: it is never overwritten."""
    return UsageError(
        f"{path} already exists",
        cause="config init never overwrites",
        fix="rolehop config import adds what other tools have; or edit the file, or name another"
        " with --config",
    )
