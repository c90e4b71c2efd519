"""Facts about this machine: user and host name, the folders of config and state, files.

`TrackedEnvironment` and `DependencyTracker` note which of them an answer depended on.

On Linux the folders follow the XDG rules, elsewhere platformdirs. The rules are three lines, and
importing platformdirs takes as long as reading the config; ``tests/app/test_host.py`` compares the
two.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from rolehop.base.errors import ConfigError
from rolehop.base.files import FileText, read_trusted
from rolehop.hotpath.record import (
    file_stamp,
    sealed_stamp,
    variable_mark,
)
from rolehop.hotpath.record import (
    state_folder as xdg_state_folder,
)

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


def who_asks(environ: Mapping[str, str]) -> tuple[str | None, int, str]:
    """Return name and ID of the process that started this one, and the user; a name on Linux only.

    The kernel cuts the name after 15 bytes, and the process chooses it.
    """
    parent = os.getppid()
    name = None
    if sys.platform == "linux":
        with suppress(OSError), open(f"/proc/{parent}/comm", "rb") as file:  # noqa: PTH123 - pathlib is slow
            name = file.read().decode("utf-8", "replace").strip()
    return name, parent, user_name(environ)


def host_name() -> str:
    """Return the short host name."""
    if hasattr(os, "uname"):
        name = os.uname().nodename
    else:  # pragma: no cover - Windows
        import platform

        name = platform.node()
    return name.partition(".")[0] or sys.platform


def config_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the site's config folder, if there is one here, and the user's."""
    home = environ.get("HOME", "")
    if sys.platform == "linux" and home.startswith("/"):
        # XDG base directory specification: an unset or relative value is ignored.
        sites = environ.get("XDG_CONFIG_DIRS", "").split(":")
        site = next((each for each in sites if each.startswith("/")), "/etc/xdg")
        user = environ.get("XDG_CONFIG_HOME", "")
        user = user if user.startswith("/") else f"{home}/.config"
        return Path(site, NAME), Path(user, NAME)
    import platformdirs

    user_folder = Path(platformdirs.user_config_dir(NAME, appauthor=False))
    if sys.platform == "win32":  # any user may create folders in ProgramData, and owns them
        return (user_folder,)
    return Path(platformdirs.site_config_dir(NAME, appauthor=False)), user_folder


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the index, the locks and the hot path's records."""
    found = xdg_state_folder(environ) if sys.platform == "linux" else None
    if found is not None:
        return Path(found)
    import platformdirs

    folder = Path(platformdirs.user_state_dir(NAME, appauthor=False))
    # On macOS and Windows that is the folder of the config, too.
    return folder if sys.platform == "linux" else folder / "state"


class DependencyTracker:
    """The variables and files that were read since it was made.

    Attributes:
        variables: variable name to its mark in the record.
        files: path to its stamp, taken *before* the file was read, so that a change in between is
            noticed. A relative path is looked up in the working folder of who asks.
        items: name of another keyring item, without ``rolehop/``, to the JSON member that it must
            hold; empty: there must be no such item.
        uncacheable: the answer depends on something that no record can hold, or on all variables,
            so the lists above are not complete.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.variables: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.items: dict[str, str] = {}
        self.uncacheable = False

    def add_variable(self, name: str) -> None:
        """Note that the answer depends on variable ``name``."""
        if name not in self.variables:
            self.variables[name] = variable_mark(name, self._environ.get(name))

    def mark_uncacheable(self) -> None:
        """Mark the answer as uncacheable: it depends on a token or a secret, for example."""
        self.uncacheable = True

    def add_file(self, path: Path) -> Path:
        """Note that the answer depends on the file at ``path`` or on its absence; return ``path``.

        A relative path names another file in another folder, so the answer is uncacheable.
        """
        if not path.is_absolute():
            self.mark_uncacheable()
        name = str(path.absolute())
        self.files.setdefault(name, file_stamp(name))
        return path

    def add_file_here(self, name: str) -> None:
        """Note that the answer depends on what is, or is not, at the relative path ``name``.

        It may be an answer in other folders, too: in those where the same, or nothing, is there.
        """
        self.files.setdefault(name, file_stamp(name))

    def add_item(self, name: str, member: str) -> None:
        """Note that the answer depends on ``member`` of the keyring item ``name``."""
        self.items.setdefault(name, member)

    def add_index(self, path: Path) -> None:
        """Note that the answer depends on those parts of the index at ``path`` that plans use."""
        if str(path) in self.files:
            return
        stamp = sealed_stamp(str(path))
        if stamp is None:
            self.mark_uncacheable()
        else:
            self.files.setdefault(str(path), stamp)


class TrackedEnvironment(Mapping[str, str]):
    """An environment that notes each variable that is read.

    ``derived_from`` lists, for a variable whose value was computed, those it was computed from.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        tracker: DependencyTracker,
        derived_from: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._environ = environ
        self._tracker = tracker
        self._derived_from = derived_from or {}

    def __getitem__(self, name: str) -> str:
        for each in (name, *self._derived_from.get(name, ())):
            self._tracker.add_variable(each)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        self._tracker.mark_uncacheable()
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
