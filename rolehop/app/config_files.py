"""The user's own config file: its check, a chain appended, its names, all its keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.host import read_file
from rolehop.base.advice import Advice, Argument
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.file_access import Distrust
from rolehop.base.files import FileText, mode_of, put_new, read_trusted, write_beside

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import Config


def own_config_file(app: App) -> Path:
    """Return the user's own config file: the one that was named, else the last that is read."""
    roots, _ = app.config_roots
    return roots[-1]


def with_same_config(app: App, *parts: str) -> Advice:
    """Return advice to type ``rolehop`` and ``parts``: with ``--config`` if that was given now.

    ``ROLEHOP_CONFIG`` is still there in the shell that the command is typed into.
    """
    named = () if app.config_file is None else ("--config ", Argument(app.config_file), " ")
    return Advice("rolehop ", *named, *parts)


def first_step(app: App) -> Advice:
    """Return what to do while the config lacks what is needed."""
    return with_same_config(app, "config init")


def has_chain(app: App, name: str) -> bool:
    """Return whether the config has a chain of this name; not if the config is broken."""
    try:
        return name in app.config.chains
    except RolehopError:
        return False


def check_new_name(app: App, name: str) -> None:
    """Refuse a name that a chain cannot have or that one has already: nothing is overwritten.

    Raises:
        UsageError: it is one of them.
    """
    from rolehop.config.value_types import NAME

    try:
        NAME.run(name)
    except ValueError as error:
        raise UsageError(
            f"--write: {error}", fix="choose another name, as in --write prod-admin"
        ) from None
    if name in app.config.chains:
        raise UsageError(
            f"a chain called '{name}' already exists",
            cause="routes --write never overwrites",
            fix="choose another name",
        )


CONFIG_LOCK = "config-file"
"""The lock of whoever changes a config file: it writes what it read, and one more thing."""


def append_chain(app: App, name: str, text: str) -> Path:
    """Append a chain to the user's own config file, once the loader accepts the new text.

    Returns the path that was written, links followed.

    Raises:
        ConfigError: the loader refuses the new text, or the file cannot be written.
    """
    with app.locks.hold(CONFIG_LOCK):
        return _append_chain(app, own_config_file(app), name, text)


def _append_chain(app: App, path: Path, name: str, text: str) -> Path:
    old = read_file(path)
    before = old.text if old is not None else "version = 1\n"
    new = with_more(before, text)
    loaded = load_with(app, path, new, old.distrust if old is not None else None)
    if set(loaded.chains) != {*app.config.chains, name}:
        raise ConfigError(f"{path} has changed in the meantime", fix="run it again")
    return _written(path, old, new)


def with_more(text: str, more: str) -> str:
    """Return the text of a config with more tables behind those that it has."""
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}\n{more}"


def replace_config(app: App, path: Path, old: FileText | None, new: str) -> Path:
    """Write a config file, ``old`` before (``None``: not there), whole or not at all.

    Returns the path that was written, links followed.

    Raises:
        ConfigError: it is not ``old`` any more, or cannot be written.
    """
    with app.locks.hold(CONFIG_LOCK):
        if read_file(path) != old:
            raise ConfigError(f"{path} has changed in the meantime", fix="run it again")
        return _written(path, old, new)


def _written(path: Path, old: FileText | None, new: str) -> Path:
    real = path.resolve()  # a link's target is the file that the user means
    try:
        if old is None:
            write_beside(real, new, place=put_new)
        else:
            write_beside(real, new, mode=mode_of(real))
    except FileExistsError:
        raise ConfigError(f"{path} has changed in the meantime", fix="run it again") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or name another file with --config",
        ) from None
    return real


def load_with(app: App, path: Path, text: str, distrust: Distrust | None) -> Config:
    """Load the config as if ``path`` held ``text``."""
    from rolehop.config.loader import load_config
    from rolehop.sources import SOURCE_TABLES

    def read(each: Path) -> FileText | None:
        return FileText(str(each), text, distrust) if each == path else read_trusted(each)

    roots, explicit = app.config_roots
    return load_config(roots, explicit=explicit, read=read, source_types=SOURCE_TABLES)
